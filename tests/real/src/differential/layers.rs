//! Layers: media types, compression, archives, diff ids; and how blobs are transferred.

use super::blobs::Layer;
use super::draft::{Draft, Target};
use super::parts::{self, Entry, file, tar};
use super::rng::Rng;
use super::world::{Answer, Body, Frames, Length};

const TYPES: &[&str] = &[
    "application/vnd.oci.image.layer.v1.tar",
    "application/vnd.oci.image.layer.v1.tar+gzip",
    "application/vnd.oci.image.layer.v1.tar+zstd",
    "application/vnd.oci.image.layer.nondistributable.v1.tar",
    "application/vnd.oci.image.layer.nondistributable.v1.tar+gzip",
    "application/vnd.oci.image.layer.nondistributable.v1.tar+zstd",
    "application/vnd.docker.image.rootfs.diff.tar",
    "application/vnd.docker.image.rootfs.diff.tar.gzip",
    "application/vnd.docker.image.rootfs.diff.tar.zstd",
    "application/vnd.docker.image.rootfs.foreign.diff.tar",
    "application/vnd.docker.image.rootfs.foreign.diff.tar.gzip",
    "application/vnd.oci.image.layer.v1.tar+xz",
    "application/vnd.oci.image.layer.v1.tar+bzip2",
    "application/vnd.oci.image.layer.v1.tar+encrypted",
    "application/vnd.oci.image.layer.v1.tar+gzip+encrypted",
    "application/vnd.oci.image.layer.v1.erofs",
    "application/vnd.oci.image.layer.nydus.blob.v1",
    "application/octet-stream",
    "application/x-tar",
    "application/vnd.in-toto+json",
    "application/vnd.oci.image.layer.v1.tar+gzip; a=b",
    "Application/vnd.oci.image.layer.v1.tar+gzip",
    "application/vnd.oci.image.layer.v1.tar.gzip",
    "application/vnd.docker.image.rootfs.diff.tar+gzip",
    "",
    "application/vnd.oci.image.layer.v1.tar+GZIP",
    "application/vnd.cncf.helm.chart.content.v1.tar+gzip",
    "application/vnd.oci.image.config.v1+json",
    "application/vnd.oci.image.manifest.v1+json",
    "application/vnd.docker.image.rootfs.diff",
    "application/vnd.oci.image.layer.v1.tar+",
];

pub fn layer(draft: &mut Draft, rng: &mut Rng) {
    if draft.layers.is_empty() {
        return;
    }
    let was_full = draft.full;
    draft.full = true;
    let name = draft.name.clone();
    let number = rng.below(draft.layers.len());
    match rng.below(12) {
        0..=2 => {
            let media_type = rng.pick(TYPES);
            draft.tell(format!("layer {number} has the type {media_type:?}"));
            draft.layers[number].media_type = media_type.to_owned();
        }
        3 => {
            let archive = archive(rng, &name);
            draft.tell(format!("layer {number} is {}", archive.0));
            draft.layers[number] = Layer::of(&archive.1, rng);
        }
        4 | 5 => {
            let bytes = parts::tar(&[file(&format!("etc/{name}"), name.as_bytes())]);
            let (what, blob) = packed(rng, &bytes);
            let media_type = rng.pick(&TYPES[..3]).to_owned();
            draft.tell(format!("layer {number} of type {media_type} is {what}"));
            draft.layers[number] =
                Layer { blob, media_type, diff_id: parts::sha256(&bytes), is_sha512: false };
        }
        6 => {
            let diff_id = rng.pick(&[
                parts::sha256(b"other"),
                parts::sha256(&draft.layers[number].blob),
                String::new(),
                "sha256:".to_owned(),
            ]);
            draft.tell(format!("the diff id of layer {number} is {diff_id:?}"));
            draft.layers[number].diff_id = diff_id;
        }
        7 => {
            draft.tell(format!("layer {number} is named by sha512"));
            draft.layers[number].is_sha512 = true;
        }
        8 => {
            draft.tell("there is no layer");
            draft.layers.clear();
        }
        9 => {
            draft.tell("a layer is there twice");
            let layer = &draft.layers[number];
            let again = Layer {
                blob: layer.blob.clone(),
                media_type: layer.media_type.clone(),
                diff_id: layer.diff_id.clone(),
                is_sha512: layer.is_sha512,
            };
            draft.layers.push(again);
        }
        10 => {
            let size = rng.pick(&["1", "0", "-1", "100000", "null"]);
            draft.tell(format!("layer {number} has the size {size}"));
            draft.edit(
                parts::Doc::Manifest,
                parts::Edit::Set { path: format!("/layers/{number}/size"), raw: size.to_owned() },
            );
        }
        _ => {
            let (target, status) =
                (Target::HeadLayer(number), rng.pick(&[404, 405, 403, 401, 400, 500, 302, 501]));
            draft.full = was_full;
            draft.tell(format!("HEAD of layer {number} answers {status}"));
            draft.change(target, move |answer| answer.status = status);
        }
    }
}

/// Archives, and what is none.
fn archive(rng: &mut Rng, name: &str) -> (&'static str, Vec<u8>) {
    let own = format!("etc/{name}");
    let entry = |path, kind, link| Entry { path, kind, link, content: b"" };
    let all = [
        ("an archive without entries", tar(&[])),
        ("zero bytes", vec![]),
        ("an archive without its end", {
            let t = tar(&[file(&own, b"x")]);
            t[..t.len() - 1024].to_vec()
        }),
        (
            "an archive with text behind it",
            [tar(&[file(&own, b"x")]), name.as_bytes().to_vec()].concat(),
        ),
        ("an archive with a name that leads out", tar(&[file(&format!("../../{name}"), b"x")])),
        ("an archive with an absolute name", tar(&[file(&format!("/etc/{name}"), b"x")])),
        ("an archive with a whiteout", tar(&[file(&format!("etc/.wh.{name}"), b"")])),
        ("an archive with an opaque whiteout", tar(&[file(&format!("{name}/.wh..wh..opq"), b"")])),
        ("an archive with a symbolic link", tar(&[entry(&own, b'2', "../absent")])),
        ("an archive with a fifo", tar(&[entry(&own, b'6', "")])),
        ("an archive with a device", tar(&[entry(&own, b'3', "")])),
        ("an archive with a file twice", tar(&[file(&own, b"x"), file(&own, b"yy")])),
        ("an archive with a folder only", tar(&[entry("x/", b'5', "")])),
        ("an archive with an empty name", tar(&[file("", b"x")])),
        ("an archive with a dot", tar(&[entry("./", b'5', ""), file(&format!("./{name}"), b"x")])),
        ("text", name.repeat(80).into_bytes()),
        ("few bytes of text", name.as_bytes().to_vec()),
        ("an archive that is cut in a file", tar(&[file(&own, &[b'x'; 600])])[..900].to_vec()),
        ("an archive that is cut in a header", tar(&[file(&own, b"x")])[..300].to_vec()),
        ("an archive with a wrong sum", {
            let mut t = tar(&[file(&own, b"x")]);
            t[3] ^= 1;
            t
        }),
        ("one block of zeros before an archive", [vec![0; 512], tar(&[file(&own, b"x")])].concat()),
        ("an archive with text in its end", {
            let t = tar(&[file(&own, b"x")]);
            [&t[..t.len() - 512], name.as_bytes()].concat()
        }),
        ("an archive with a file of another kind", tar(&[entry(&own, b'7', "")])),
        ("an archive with an old sparse file", tar(&[entry(&own, b'S', "")])),
        (
            "an archive with broken records",
            tar(&[Entry { content: b"9 a=b", ..entry("x", b'x', "") }]),
        ),
        ("an archive with another size in records", {
            let records = Entry { content: b"10 size=2\n", ..entry("x", b'x', "") };
            [tar(&[records]).split_at(1024).0, &tar(&[file(&own, b"x")])].concat()
        }),
    ];
    let at = rng.below(all.len());
    let mut all = all;
    (all[at].0, std::mem::take(&mut all[at].1))
}

fn packed(rng: &mut Rng, bytes: &[u8]) -> (&'static str, Vec<u8>) {
    let gzip = parts::gzip(bytes);
    let zstd = parts::zstd(bytes);
    let end = gzip.len();
    let flipped = |mut blob: Vec<u8>, at: usize| {
        blob[at] ^= 0xff;
        blob
    };
    match rng.below(16) {
        0 => ("a plain archive", bytes.to_vec()),
        1 => ("gzip", gzip),
        2 => ("zstd", zstd),
        3 => ("gzip with a wrong checksum", flipped(gzip, end - 8)),
        4 => ("gzip with a wrong length", flipped(gzip, end - 2)),
        5 => ("gzip that is cut", gzip[..end / 2].to_vec()),
        6 => ("gzip without its last bytes", gzip[..end - 4].to_vec()),
        7 => ("gzip with text behind it", [gzip, b"text".to_vec()].concat()),
        8 => ("gzip with zeros behind it", [gzip, vec![0; 512]].concat()),
        9 => {
            ("two gzip members", [parts::gzip(&bytes[..600]), parts::gzip(&bytes[600..])].concat())
        }
        10 => ("gzip in gzip", parts::gzip(&gzip)),
        11 => ("zstd that is cut", zstd[..zstd.len() / 2].to_vec()),
        12 => {
            ("two zstd frames", [parts::zstd(&bytes[..600]), parts::zstd(&bytes[600..])].concat())
        }
        13 => (
            "zstd behind a skippable frame",
            [b"\x50\x2a\x4d\x18\x04\x00\x00\x00abcd".to_vec(), zstd].concat(),
        ),
        14 => ("zlib", parts::zlib(bytes)),
        _ => ("zstd with text behind it", [zstd, b"text".to_vec()].concat()),
    }
}

const FRAMES: &[Frames] = &[
    Frames::SpaceBeforeExtension,
    Frames::SpaceBehindSize,
    Frames::LongExtensions,
    Frames::Signatures,
    Frames::SizeOfSeventeenDigits,
    Frames::SizesInCapitals,
    Frames::SizeWithLineFeed,
    Frames::DataWithLineFeed,
    Frames::NoLastChunk,
    Frames::NoEnd,
    Frames::Trailer,
    Frames::OddTrailer,
    Frames::TrailerWithLineFeeds,
    Frames::TrailerThatIsNone,
    Frames::LongTrailer,
];

/// How the bytes of a blob or a manifest are sent.
pub fn encoding(draft: &mut Draft, rng: &mut Rng) {
    draft.full = true;
    let targets: Vec<_> =
        draft.targets().into_iter().filter(|target| *target != Target::Head).collect();
    if targets.is_empty() {
        return;
    }
    let target = rng.pick(&targets);
    match rng.below(13) {
        0..=4 => {
            let (name, pack): (&str, Pack) = rng.pick(&[
                ("gzip", parts::gzip as fn(&[u8]) -> Vec<u8>),
                ("zstd", parts::zstd),
                ("deflate", parts::deflate),
                ("deflate", parts::zlib),
                ("identity", <[u8]>::to_vec),
                ("br", <[u8]>::to_vec),
                ("x-gzip", parts::gzip),
                ("GZIP", parts::gzip),
                ("gzip", <[u8]>::to_vec),
                ("zstd", <[u8]>::to_vec),
                ("aws-chunked", <[u8]>::to_vec),
                ("", <[u8]>::to_vec),
                ("compress", <[u8]>::to_vec),
                ("gzip, gzip", |bytes: &[u8]| parts::gzip(&parts::gzip(bytes))),
                ("gzip, zstd", |bytes: &[u8]| parts::zstd(&parts::gzip(bytes))),
                ("identity, gzip", parts::gzip),
                ("gzip, identity", parts::gzip),
                ("deflate", <[u8]>::to_vec),
            ]);
            let length = rng.pick(&[Length::True, Length::True, Length::Chunked]);
            draft.tell(format!("{target:?} has Content-Encoding {name:?} ({length:?})"));
            draft.change(target, move |answer| {
                let bytes = answer.body.bytes();
                answer.body = Body::of(&pack(&bytes));
                answer.set("Content-Encoding", name);
                answer.length = length;
            });
        }
        10..=12 => {
            let frames = rng.pick(FRAMES);
            // HTTP/2 has no chunks.
            draft.http2 = false;
            draft.tell(format!("{target:?} comes in odd chunks: {frames:?}"));
            draft.change(target, move |answer| answer.length = Length::Framed(frames));
        }
        5 => {
            let length = rng.pick(&[Length::Chunked, Length::Closed]);
            draft.tell(format!("{target:?} has the length {length:?}"));
            draft.change(target, move |answer| answer.length = length);
        }
        6 => {
            let more = rng.pick(&["\n", "xx"]);
            draft.tell(format!("{target:?} has {} bytes too many", more.len()));
            draft.change(target, move |answer| {
                let mut bytes = answer.body.bytes();
                bytes.extend(more.as_bytes());
                answer.body = Body::of(&bytes);
            });
        }
        7 => {
            let is_claimed = rng.chance(50);
            draft.tell(format!(
                "{target:?} ends early ({})",
                if is_claimed { "cut" } else { "as if it were whole" }
            ));
            draft.change(target, move |answer| {
                let bytes = answer.body.bytes();
                if is_claimed {
                    answer.length = Length::Claimed(bytes.len() as u64);
                }
                answer.body = Body::of(&bytes[..bytes.len() / 2]);
            });
        }
        8 => {
            draft.tell(format!("{target:?} has other bytes of the same length"));
            draft.change(target, |answer| {
                let mut bytes = answer.body.bytes();
                if let Some(last) = bytes.last_mut() {
                    *last ^= 1;
                }
                answer.body = Body::of(&bytes);
            });
        }
        _ => {
            let status = rng.pick(&[201, 202, 203, 204, 206, 206, 226, 300, 304]);
            let range = rng.pick(&["", "bytes 0-9/10", "bytes 5-9/10", "bytes 0-0/1"]);
            draft.tell(format!("{target:?} answers {status}, Content-Range {range:?}"));
            draft.change(target, move |answer: &mut Answer| {
                answer.status = status;
                if !range.is_empty() {
                    answer.set("Content-Range", range);
                }
            });
        }
    }
}

/// Packs bytes.
type Pack = fn(&[u8]) -> Vec<u8>;
