//! Manifests, indexes and layers as public bug reports describe them: check-acr must read their bytes
//! as containerd and Go read them.
#![allow(
    clippy::unwrap_used,
    clippy::disallowed_types,
    reason = "a test that panics has failed, and says where; its servers may block"
)]

mod program;
mod shelf;

use std::io::Write;

use program::{
    codes,
    server::{self, answer, serve_heads},
};
use shelf::{Shelf, archive, ask, fails, has_header, path, pulls};

/// A layer of a media type that containerd has no processor for.
#[test]
fn a_layer_of_another_kind() {
    let kind = "application/vnd.oci.image.layer.nydus.blob.v1";
    let shelf = Shelf::with(&[(kind, b"a layer", None)], "");
    fails(&ask(move |head, stream| shelf.serve(head, stream), &[]), "manifest/not-an-image");
}

/// containerd compares the uncompressed bytes of a layer with the config.
#[test]
fn the_diff_ids_of_the_config() {
    const GZIP: &str = "application/vnd.oci.image.layer.v1.tar+gzip";
    const PLAIN: &str = "application/vnd.oci.image.layer.v1.tar";
    let layer = archive(b"layer");
    let (packed, diff_id) = (gzip(&layer), checks::kit::rules::digest("sha256:", &layer));
    let asked = |shelf: Shelf| ask(move |head, stream| shelf.serve(head, stream), &[]);
    pulls(&asked(Shelf::with(&[(GZIP, &packed, Some(&diff_id))], "")));
    pulls(&asked(Shelf::with(&[(PLAIN, &layer, None)], "")));
    let said = asked(Shelf::with(&[(GZIP, &packed, None)], ""));
    fails(&said, "layer/wrong-diff-id");
    assert!(said.out.contains(&diff_id), "{}", said.out);
    let cut = &packed[..packed.len() - 9];
    fails(&asked(Shelf::with(&[(GZIP, cut, Some(&diff_id))], "")), "layer/not-unpackable");
    // What another tool pushed with the media type of a layer; and one that is compressed, and says that
    // it is not.
    for (kind, bytes) in [(PLAIN, &b"a chart"[..]), (GZIP, &gzip(b"a chart")), (PLAIN, &packed)] {
        let said = asked(Shelf::with(&[(kind, bytes, Some(&diff_id))], ""));
        fails(&said, "layer/no-archive");
        assert!(said.out.contains("unexpected EOF"), "{}", said.out);
    }
    // An image for another platform is unpacked all the same.
    let other = r#""architecture":"s390x","os":"linux","#;
    pulls(&asked(Shelf::with(&[(GZIP, &packed, Some(&diff_id))], other)));
    fails(&asked(Shelf::with(&[(GZIP, &packed, None)], other)), "layer/wrong-diff-id");
}

fn gzip(bytes: &[u8]) -> Vec<u8> {
    let mut encoder = flate2::write::GzEncoder::new(vec![], flate2::Compression::fast());
    encoder.write_all(bytes).unwrap();
    encoder.finish().unwrap()
}

/// containerd decompresses a layer with a window of up to 512 MiB, and none that ends inside a frame.
#[test]
fn a_layer_with_a_large_window() {
    const ZSTD: &str = "application/vnd.oci.image.layer.v1.tar+zstd";
    let layer = archive(b"layer");
    let diff_id = checks::kit::rules::digest("sha256:", &layer);
    let packed = |window: u32| {
        let mut encoder = zstd::Encoder::new(vec![], 1).unwrap();
        encoder.window_log(20).unwrap();
        encoder.write_all(&layer).unwrap();
        encoder.flush().unwrap();
        let mut packed = encoder.finish().unwrap();
        packed[5] = u8::try_from(window - 10).unwrap() << 3;
        packed
    };
    let with = |packed: &[u8]| {
        let shelf = Shelf::with(&[(ZSTD, packed, Some(&diff_id))], "");
        ask(move |head, stream| shelf.serve(head, stream), &["--full"])
    };
    for window in [26, 27, 29] {
        let said = with(&packed(window));
        pulls(&said);
        assert_eq!(codes(&said.json(), "could_not_tell"), Vec::<String>::new());
    }
    let whole = packed(20);
    let more = [&whole[..], &whole[..4]].concat();
    for broken in [&packed(30), &packed(41), &whole[..whole.len() - 1], &more] {
        fails(&with(broken), "layer/not-unpackable");
    }
    // What fills more memory than is spent on it: only its diff id stays unknown.
    let mut encoder = zstd::Encoder::new(vec![], 1).unwrap();
    encoder.window_log(27).unwrap();
    encoder.write_all(&vec![0; 65 << 20]).unwrap();
    encoder.flush().unwrap();
    let said = with(&encoder.finish().unwrap());
    pulls(&said);
    assert_eq!(codes(&said.json(), "could_not_tell"), ["layer/diff-id-unknown"]);
}

/// Each file leads by a link through fifty folders: what is looked up has a bound, and the rest is said to be
/// open. A diff id is compared all the same.
#[test]
fn a_layer_of_too_many_steps() {
    let header = |kind: u8, name: &str, link: &str| {
        let mut block = [0_u8; 512];
        let mut put = |at: usize, text: &[u8]| block[at..at + text.len()].copy_from_slice(text);
        put(0, name.as_bytes());
        put(124, b"00000000000\0");
        put(148, b"        ");
        put(156, &[kind]);
        put(157, link.as_bytes());
        let sum: u32 = block.iter().map(|byte| u32::from(*byte)).sum();
        block[148..156].copy_from_slice(format!("{sum:06o}\0 ").as_bytes());
        block
    };
    let deep = "d/".repeat(49);
    let entries = |files: usize| {
        let links = [header(b'0', &format!("{deep}f"), ""), header(b'2', "l", &deep)];
        let files = (0..files).map(|number| header(b'0', &format!("l/{number}"), ""));
        [links.into_iter().chain(files).flatten().collect::<Vec<u8>>(), vec![0; 1024]].concat()
    };
    let with = |layer: &[u8], diff_id: Option<&str>| {
        let shelf = Shelf::with(&[("application/vnd.oci.image.layer.v1.tar", layer, diff_id)], "");
        ask(move |head, stream| shelf.serve(head, stream), &["--full"])
    };
    let (few, many) = (entries(20), entries(4000));
    for (layer, open) in [(&few, &[][..]), (&many, &["layer/files-unknown"])] {
        let said = with(layer, None);
        pulls(&said);
        assert_eq!(codes(&said.json(), "could_not_tell"), open);
    }
    let other = checks::kit::rules::digest("sha256:", &few);
    fails(&with(&many, Some(&other)), "layer/wrong-diff-id");
}

/// containerd asks the servers that a manifest names for a layer before the registry, and turns to the
/// next one after a 404 alone.
#[test]
fn a_layer_that_is_elsewhere() {
    let shelf = Shelf::of(&[b"a layer"]);
    let digest = shelf.layers[0].clone();
    let served = shelf.clone();
    let store = serve_heads(move |head, stream| {
        assert!(!has_header(head, "authorization"), "{head}");
        match path(head) {
            "/there?x=y" => served.serve(&format!("GET /{digest} HTTP/1.1"), stream),
            "/gone" => answer(stream, "404 No", b""),
            _ => answer(stream, "503 No", br#"{"errors":[{"code":"X","message":"closed"}]}"#),
        }
    });
    let with = |urls: &[&str], gone: bool| {
        let at = |path: &&str| path.replace("STORE", &format!("http://{store}"));
        let shelf = shelf.clone().elsewhere(&urls.iter().map(at).collect::<Vec<_>>());
        let script = move |head: &str, stream: &mut std::net::TcpStream| {
            if gone && path(head).ends_with(&shelf.layers[0]) {
                return answer(stream, server::REGISTRYS, b"");
            }
            shelf.serve(head, stream)
        };
        ask(script, &[])
    };
    pulls(&with(&["STORE/there?x=y"], true));
    pulls(&with(&["ftp://a.example/", "/here", "STORE/gone", "STORE/there?x=y"], true));
    pulls(&with(&["STORE/gone"], false));
    fails(&with(&["STORE/gone"], true), "manifest/blob-unknown");
    let said = with(&["STORE/closed", "STORE/there?x=y"], false);
    fails(&said, "manifest/refused-elsewhere");
    assert!(said.out.contains("X: closed"), "{}", said.out);
    fails(&with(&["http://127.0.0.1:1/"], false), "registry/other-host-unreachable");
}

/// So are the manifests that an index names (core/remotes/docker/fetcher.go, `Fetch`).
#[test]
fn a_manifest_that_is_elsewhere() {
    let shelf = Shelf::of(&[b"a layer"]);
    let (digest, served) = (shelf.top().to_owned(), shelf.clone());
    let store = serve_heads(move |head, stream| match path(head) {
        "/there" => served.serve(&format!("GET /{digest} HTTP/1.1"), stream),
        "/other" => answer(stream, "200 OK", b"{}"),
        "/gone" => answer(stream, "404 No", b""),
        _ => answer(stream, "403 No", b""),
    });
    let with = |urls: &[&str], gone: bool| {
        let at = |path: &&str| path.replace("STORE", &format!("http://{store}"));
        let urls: Vec<_> = urls.iter().map(at).collect();
        let digest = shelf.top().to_owned();
        let named = format!(r#""digest":"{digest}""#);
        let shelf = shelf.clone().indexed();
        let shelf = shelf.rewritten(&named, &format!(r#"{named},"urls":{urls:?}"#));
        let script = move |head: &str, stream: &mut std::net::TcpStream| {
            if gone && path(head).ends_with(&digest) {
                return answer(stream, server::REGISTRYS, b"");
            }
            shelf.serve(head, stream)
        };
        ask(script, &[])
    };
    pulls(&with(&["STORE/there"], true));
    pulls(&with(&["ftp://a.example/", "STORE/gone", "STORE/there"], true));
    pulls(&with(&["STORE/gone"], false));
    fails(&with(&["STORE/gone"], true), "manifest/child-manifest-gone");
    fails(&with(&["STORE/closed", "STORE/there"], false), "manifest/refused-elsewhere");
    fails(&with(&["STORE/other"], false), "manifest/digest-mismatch");
    fails(&with(&["http://127.0.0.1:1/"], false), "registry/other-host-unreachable");
}

/// containerd takes the 404 to HEAD for an answer, whatever GET leads to.
#[test]
fn a_manifest_that_head_does_not_find() {
    let shelf = Shelf::of(&[b"a layer"]);
    let said = ask(
        move |head, stream| {
            let port = stream.local_addr()?.port();
            if !head.starts_with("HEAD") {
                return shelf.serve(head, stream);
            }
            let to = format!("307 On\r\nLocation: http://127.0.0.2:{port}/nowhere");
            let is_there = path(head) == "/nowhere";
            answer(stream, if is_there { "404 No" } else { &to }, b"")
        },
        &[],
    );
    fails(&said, "manifest/head-differs");
}

/// containerd takes content that its descriptor holds whole from there, and asks nobody for it.
#[test]
fn content_in_a_descriptor() {
    use base64::{Engine, prelude::BASE64_STANDARD};
    let shelf = Shelf::of(&[b"a layer"]);
    let written = |data: &str| {
        let named = format!(r#""digest":"{}""#, shelf.layers[0]);
        let shelf = shelf.clone().rewritten(&named, &format!(r#"{named},"data":{data}"#));
        ask(
            move |head, stream| {
                if path(head).ends_with(&shelf.layers[0]) {
                    return answer(stream, server::REGISTRYS, b"");
                }
                shelf.serve(head, stream)
            },
            &[],
        )
    };
    let with = |data: &[u8]| written(&format!("{:?}", BASE64_STANDARD.encode(data)));
    pulls(&with(&archive(b"a layer")));
    // Go takes a list of bytes as well, and null for a zero.
    let list = format!("{:?}", archive(b"a layer"));
    pulls(&written(&list));
    pulls(&written(&list.replacen('0', "null", 2)));
    fails(&written(&list.replacen('0', "1", 1)), "layer/blob-digest-mismatch");
    // The last of two counts, and null is none.
    fails(&written(&format!("{list},\"data\":null")), "manifest/blob-unknown");
    fails(&with(&archive(b"a liver")), "layer/blob-digest-mismatch");
    // As long as it says otherwise, the blob is asked for.
    fails(&with(b"a longer layer"), "manifest/blob-unknown");
}

/// A few bytes become a hundred in memory, and each manifest of an index is fetched: both have a bound here, and
/// none in containerd.
#[test]
fn more_than_is_read() {
    let annotated = |values: usize| {
        let more = format!("{{\"annotations\":{{\"a\":\"\"{}}},", ",\"b\":\"\"".repeat(values));
        let shelf =
            Shelf::of(&[b"a layer"]).rewritten("{\"schemaVersion\"", &(more + "\"schemaVersion\""));
        ask(move |head, stream| shelf.serve(head, stream), &[])
    };
    pulls(&annotated(1000));
    let said = annotated(250_000);
    assert_eq!(codes(&said.json(), "could_not_tell"), ["manifest/too-much"], "{}", said.out);
    // Others for the platform, which are not there.
    let beside = |others: usize| {
        let platform = r#""platform":{"os":"linux","architecture":"amd64"}"#;
        let kind = "application/vnd.oci.image.manifest.v1+json";
        let other = |number: usize| {
            format!(
                r#",{{"mediaType":"{kind}","digest":"sha256:{number:064}","size":2,{platform}}}"#
            )
        };
        let more: String = (0..others).map(other).collect();
        let shelf = Shelf::of(&[b"a layer"]).beside(Shelf::of(&[b"another"]));
        let shelf = shelf.rewritten("}}]}", &format!("}}}}{more}]}}"));
        let said = ask(move |head, stream| shelf.serve(head, stream), &[]);
        codes(&said.json(), "could_not_tell")
    };
    assert_eq!(beside(15), ["manifest/second-manifest"]);
    assert_eq!(beside(16), ["manifest/second-manifest", "manifest/too-much"]);
}

/// containerd follows an index in an index (moby#43675).
#[test]
fn an_index_in_an_index_in_an_index() {
    let shelf = Shelf::of(&[b"a layer"]).indexed().indexed().indexed();
    pulls(&ask(move |head, stream| shelf.serve(head, stream), &[]));
    let deep = (0..9).fold(Shelf::of(&[b"a layer"]), |shelf, _| shelf.indexed());
    let said = ask(move |head, stream| deep.serve(head, stream), &[]);
    assert_eq!(codes(&said.json(), "could_not_tell"), ["manifest/index-in-index"], "{}", said.out);
    // An index that names no platform leaves it to the config.
    let other = Shelf::with(&[], r#""architecture":"arm","os":"linux","#).indexed();
    let said = ask(move |head, stream| other.serve(head, stream), &[]);
    fails(&said, "manifest/platform-no-match");
    // Null clears a platform that was named before.
    let platform = r#""platform":{"os":"windows","architecture":"amd64"}"#;
    let twice = format!(r#"{platform},"platform":null,"digest""#);
    let shelf = Shelf::of(&[b"a layer"]).indexed().rewritten("\"digest\"", &twice);
    pulls(&ask(move |head, stream| shelf.serve(head, stream), &[]));
}

/// What containerd takes from the response to HEAD, and what it ignores there.
#[test]
fn the_headers_of_head() {
    let with = |head_says: &'static str| {
        let shelf = Shelf::of(&[b"a layer"]);
        let size = shelf.size_of_top().to_string();
        ask(
            move |head, stream| {
                if head.starts_with("HEAD") && path(head).contains("/manifests/") {
                    let says = head_says.replace("DIGEST", shelf.top()).replace("SIZE", &size);
                    return stream
                        .write_all(format!("HTTP/1.1 200 OK\r\n{says}\r\n\r\n").as_bytes());
                }
                shelf.serve(head, stream)
            },
            &[],
        )
    };
    pulls(&with(
        "Content-Type: application/vnd.oci.image.manifest.v1+json\r\nContent-Length: SIZE\r\nDocker-Content-Digest: DIGEST",
    ));
    // Without a length, or without a digest, containerd goes by the response to GET.
    pulls(&with(
        "Docker-Content-Digest: sha256:0000000000000000000000000000000000000000000000000000000000000000\r\nX: x",
    ));
    pulls(&with("Content-Type: text/html\r\nContent-Length: 7"));
    for head in [
        "Content-Length: SIZE\r\nDocker-Content-Digest: DIGEST",
        "Content-Type: application/vnd.oci.image.manifest.v1+json\r\nContent-Length: 7\r\nDocker-Content-Digest: DIGEST",
        "Content-Type: application/vnd.oci.image.manifest.v1+json ; charset=utf-8\r\nContent-Length: SIZE\r\nDocker-Content-Digest: DIGEST",
        "Content-Type: application/vnd.oci.image.manifest.v1+json\r\nContent-Length: SIZE\r\nDocker-Content-Digest: sha256:0000000000000000000000000000000000000000000000000000000000000000",
    ] {
        fails(&with(head), "manifest/head-differs");
    }
}

/// containerd sends GET to a registry that does not support HEAD, and goes by the headers of that.
#[test]
fn the_headers_of_get_in_the_place_of_head() {
    let with = |said: &'static str| {
        // Longer than what is read at once.
        let more = format!(r#""annotations":{{"a":"{}"}},"config""#, "x".repeat(200_000));
        let shelf = Shelf::of(&[b"a layer"]).rewritten("\"config\"", &more);
        let bytes = shelf.bytes_of_top().to_vec();
        ask(
            move |head, stream| {
                if !path(head).ends_with("/v1") {
                    return shelf.serve(head, stream);
                }
                if head.starts_with("HEAD") {
                    return answer(stream, "405 No", b"");
                }
                let said = said.replace("DIGEST", shelf.top());
                let kind = "Content-Type: application/vnd.oci.image.manifest.v1+json";
                answer(stream, &format!("200 OK\r\n{kind}{said}"), &bytes)
            },
            &[],
        )
    };
    pulls(&with(""));
    pulls(&with("\r\nDocker-Content-Digest: DIGEST"));
    fails(&with("\r\nDocker-Content-Digest: sha256:"), "manifest/head-differs");
}

/// containerd refuses a manifest that contradicts the media type it was served with, and takes one
/// without layers for an image without layers.
#[test]
fn a_manifest_that_says_what_it_is() {
    const MANIFEST: &str = "application/vnd.oci.image.manifest.v1+json";
    const INDEX: &str = "application/vnd.oci.image.index.v1+json";
    let with = |kind: &'static str, more: &'static str| {
        let shelf =
            Shelf::written(kind, |config| format!(r#"{{"schemaVersion":2,{config}{more}}}"#));
        ask(move |head, stream| shelf.serve(head, stream), &[])
    };
    pulls(&with(MANIFEST, r#","layers":[]"#));
    pulls(&with(MANIFEST, ""));
    pulls(&with(MANIFEST, r#","mediaType":"anything""#));
    for more in [
        r#","manifests":null"#,
        r#","Manifests":[]"#,
        r#","layers":[],"mediaType":"application/vnd.oci.image.index.v1+json""#,
    ] {
        fails(&with(MANIFEST, more), "manifest/not-a-manifest");
    }
    fails(&with(MANIFEST, r#","fsLayers":[]"#), "manifest/manifest-schema1-unsigned");
    fails(&with(INDEX, r#","manifests":[]"#), "manifest/not-a-manifest");
    fails(&with("application/json", r#","layers":[]"#), "manifest/not-a-manifest");
}
