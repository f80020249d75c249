//! Bodies that a server compresses for the transfer (`Content-Encoding`), decompressed where containerd
//! and Go's transport do so.

use std::io::{self, Write};

use flate2::{Decompress, FlushDecompress, Status};
use hyper::{HeaderMap, body::Bytes, header::CONTENT_ENCODING};
use tokio::task::yield_now;

use super::Fault;
use crate::kit::rules::{Gunzip, MAX_WINDOW, Puller, Unzstd, since};

/// What containerd accepts when it fetches content (core/remotes/docker/fetcher.go, `open`).
const CONTENT: &str = "zstd;q=1.0, gzip;q=0.8, deflate;q=0.5";
/// What Go's transport accepts for everything else.
const TRANSPORT: &str = "gzip";
/// The largest piece that is decompressed at once: four bytes of zstd can become 128 KiB.
const PIECE: usize = 512;
/// The most that may come of what arrives at once.
const MAX_PIECE: usize = 16 * 1024 * 1024;
/// How many encodings a response may have on top of one another. Each takes memory; Go has no limit.
const MAX_STAGES: usize = 10;

/// Which encodings a request accepts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Accepts {
    /// What containerd accepts for content.
    Content,
    /// What Go's transport accepts by itself.
    Transport,
    /// None: a request with HEAD, or for a part.
    Nothing,
}

impl Accepts {
    /// Returns the value of `Accept-Encoding`, if the request has one.
    pub(super) fn header(self) -> Option<&'static str> {
        match self {
            Accepts::Content => Some(CONTENT),
            Accepts::Transport => Some(TRANSPORT),
            Accepts::Nothing => None,
        }
    }
}

/// An encoding of content that not every containerd decompresses.
pub enum OddEncoding {
    /// None does.
    Unknown(String),
    /// Its version decides, which is not known.
    ByVersion(String),
}

/// The decompression of a body, one encoding after the other.
pub(super) struct Decoding(Vec<Stage>);

enum Stage {
    Gzip(Box<Gunzip<Vec<u8>>>),
    Zstd(Box<Unzstd<Vec<u8>>>),
    Deflate {
        inflate: Box<Decompress>,
        is_over: bool,
    },
    /// More than are read here.
    TooMany,
}

impl Decoding {
    /// Returns how a response is to be decompressed; `None` if it is not. An error is an encoding that
    /// containerd does not know.
    pub(super) fn of(accepts: Accepts, headers: &HeaderMap) -> Result<Option<Self>, String> {
        let named = headers.get(CONTENT_ENCODING).map(hyper::header::HeaderValue::as_bytes);
        let named = String::from_utf8_lossy(named.unwrap_or_default());
        if accepts != Accepts::Content {
            let is_ours = accepts == Accepts::Transport && named.eq_ignore_ascii_case("gzip");
            return Ok(is_ours.then(|| Self(vec![Stage::gzip()])));
        }
        let names = named.split([' ', '\t', ',']).filter(|name| !name.is_empty());
        let is_zstd = |name: &&str| name.eq_ignore_ascii_case("zstd");
        let windows = names.clone().filter(is_zstd).count() as u64;
        let mut stages = vec![];
        for name in names.rev() {
            if stages.len() == MAX_STAGES {
                return Ok(Some(Self(vec![Stage::TooMany])));
            }
            stages.push(match name.to_ascii_lowercase().as_str() {
                "gzip" => Stage::gzip(),
                "zstd" => {
                    let decoder = Unzstd::new(vec![], MAX_WINDOW / windows);
                    Stage::Zstd(Box::new(decoder.map_err(|error| error.to_string())?))
                }
                "deflate" => {
                    let inflate = Box::new(Decompress::new(false));
                    Stage::Deflate { inflate, is_over: false }
                }
                "identity" => continue,
                _ => return Err(name.to_owned()),
            });
        }
        Ok((!stages.is_empty()).then_some(Self(stages)))
    }

    /// Returns how that containerd decompresses a response, and what of the encoding it does not know, or
    /// only some of its versions.
    pub(super) fn read(
        accepts: Accepts,
        headers: &HeaderMap,
        containerd: Puller,
    ) -> (Option<Self>, Option<OddEncoding>) {
        let named = headers.get(CONTENT_ENCODING).map(hyper::header::HeaderValue::as_bytes);
        let named = String::from_utf8_lossy(named.unwrap_or_default());
        let is_same = ["", "gzip", "identity"].iter().any(|one| named.eq_ignore_ascii_case(one));
        let is_open = containerd.is_at_least(since::DECOMPRESSES).is_none();
        if accepts == Accepts::Content && is_open && !is_same {
            return (None, Some(OddEncoding::ByVersion(named.into_owned())));
        }
        match Self::of(accepts, headers) {
            Ok(decoding) => (decoding, None),
            Err(unknown) => (None, Some(OddEncoding::Unknown(unknown))),
        }
    }

    /// Returns whether there are several encodings.
    pub(super) fn is_of_several(&self) -> bool {
        self.0.len() > 1 || matches!(self.0[..], [Stage::TooMany])
    }

    /// Decompresses the next piece of the body.
    pub(super) async fn piece(&mut self, piece: &[u8]) -> Result<Bytes, Fault> {
        self.through(piece, false).await
    }

    /// Returns what is left at the end of the body.
    pub(super) async fn end(&mut self) -> Result<Bytes, Fault> {
        self.through(&[], true).await
    }

    async fn through(&mut self, piece: &[u8], is_end: bool) -> Result<Bytes, Fault> {
        let mut bytes = piece.to_vec();
        for stage in &mut self.0 {
            let mut out = vec![];
            for part in bytes.chunks(PIECE) {
                stage.write(part, &mut out).map_err(|error| failed(&error))?;
                if out.len() > MAX_PIECE {
                    return Err(Fault::TooLong);
                }
                // A few bytes may be work for seconds, one stage after the other.
                yield_now().await;
            }
            if is_end {
                stage.end().map_err(|error| failed(&error))?;
            }
            bytes = out;
        }
        Ok(bytes.into())
    }
}

impl Stage {
    fn gzip() -> Self {
        Stage::Gzip(Box::new(Gunzip::new(vec![])))
    }

    fn write(&mut self, bytes: &[u8], out: &mut Vec<u8>) -> io::Result<()> {
        match self {
            Stage::Gzip(decoder) => {
                decoder.write_all(bytes)?;
                out.append(decoder.get_mut());
            }
            Stage::Zstd(decoder) => {
                decoder.write_all(bytes)?;
                out.append(decoder.get_mut());
            }
            Stage::Deflate { inflate, is_over } => {
                let mut rest = bytes;
                // What follows the last block is never looked at.
                while !*is_over {
                    let (before, start) = (inflate.total_in(), out.len());
                    out.reserve(PIECE);
                    let status = inflate.decompress_vec(rest, out, FlushDecompress::None)?;
                    let taken = usize::try_from(inflate.total_in() - before).unwrap_or(rest.len());
                    rest = &rest[taken.min(rest.len())..];
                    *is_over = status == Status::StreamEnd;
                    if taken == 0 && out.len() == start {
                        break;
                    }
                }
            }
            Stage::TooMany => return Err(io::ErrorKind::FileTooLarge.into()),
        }
        Ok(())
    }

    fn end(&self) -> io::Result<()> {
        match self {
            Stage::Gzip(decoder) => decoder.ends()?,
            Stage::Zstd(decoder) => decoder.ends()?,
            Stage::Deflate { is_over: false, .. } => {
                return Err(io::ErrorKind::UnexpectedEof.into());
            }
            Stage::Deflate { .. } | Stage::TooMany => {}
        }
        Ok(())
    }
}

/// Returns the fault of a body that does not decompress. One that ends early is resumed, as one whose
/// connection ends (core/remotes/docker/httpreadseeker.go).
fn failed(error: &io::Error) -> Fault {
    match error.kind() {
        io::ErrorKind::UnexpectedEof => Fault::ClosedByPeer,
        // It needs more memory than is spent here.
        io::ErrorKind::FileTooLarge => Fault::TooLong,
        _ => Fault::Other(error.to_string()),
    }
}

#[cfg(test)]
mod tests {
    use std::io::Read;

    use flate2::{
        Compression,
        bufread::{DeflateEncoder, GzEncoder},
    };
    use hyper::header::HeaderValue;

    use super::*;

    fn now<T>(work: impl Future<Output = T>) -> T {
        let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
        runtime.block_on(work)
    }

    fn decoding(encoding: &'static str) -> Result<Option<Decoding>, String> {
        let mut headers = HeaderMap::new();
        headers.insert(CONTENT_ENCODING, HeaderValue::from_static(encoding));
        Decoding::of(Accepts::Content, &headers)
    }

    #[test]
    fn encodings_on_top_of_one_another_have_a_bound() {
        let ten = "gzip,zstd,deflate,gzip,gzip,gzip,gzip,gzip,gzip,gzip";
        assert_eq!(decoding(ten).unwrap().unwrap().0.len(), 10);
        let eleven = "gzip,zstd,deflate,gzip,gzip,gzip,gzip,gzip,gzip,gzip,gzip";
        let mut more = decoding(eleven).unwrap().unwrap();
        assert_eq!(now(more.piece(b"x")), Err(Fault::TooLong));
    }

    fn decoded(encoding: &'static str, bytes: &[u8]) -> Result<Vec<u8>, Fault> {
        let mut decoding = decoding(encoding).unwrap().unwrap();
        let mut out = vec![];
        for piece in bytes.chunks(7) {
            out.extend(now(decoding.piece(piece))?);
        }
        out.extend(now(decoding.end())?);
        Ok(out)
    }

    #[test]
    fn what_containerd_decompresses() {
        let plain = b"some bytes, some more bytes".repeat(900);
        let (mut gzip, mut deflate, mut twice) = (vec![], vec![], vec![]);
        GzEncoder::new(&plain[..], Compression::fast()).read_to_end(&mut gzip).unwrap();
        DeflateEncoder::new(&plain[..], Compression::fast()).read_to_end(&mut deflate).unwrap();
        let zstd = zstd::encode_all(&plain[..], 1).unwrap();
        GzEncoder::new(&zstd[..], Compression::fast()).read_to_end(&mut twice).unwrap();
        for (encoding, bytes) in [
            ("gzip", &gzip),
            ("GZip, identity", &gzip),
            ("deflate", &deflate),
            ("zstd", &zstd),
            ("zstd,gzip", &twice),
        ] {
            assert_eq!(decoded(encoding, bytes).unwrap(), plain, "{encoding}");
            assert_eq!(decoded(encoding, b"").is_ok(), encoding == "zstd");
            let half = decoded(encoding, &bytes[..bytes.len() / 2]);
            assert_eq!(half, Err(Fault::ClosedByPeer), "{encoding}");
        }
        assert!(matches!(decoded("gzip", &plain), Err(Fault::Other(_))));
        assert!(decoding("identity").unwrap().is_none() && decoding("").unwrap().is_none());
        assert!(decoding("br").is_err() && decoding("x-gzip").is_err());
    }

    /// containerd takes a window of 512 MiB here as well (zstd.NewReader in core/remotes/docker/fetcher.go).
    #[test]
    fn a_large_window() {
        let mut encoder = zstd::Encoder::new(vec![], 1).unwrap();
        encoder.window_log(20).unwrap();
        encoder.write_all(b"some bytes").unwrap();
        encoder.flush().unwrap();
        let mut frame = encoder.finish().unwrap();
        for window in [27, 29] {
            frame[5] = (window - 10) << 3;
            assert_eq!(decoded("zstd", &frame).unwrap(), b"some bytes");
        }
        frame[5] = (30 - 10) << 3;
        assert!(matches!(decoded("zstd", &frame), Err(Fault::Other(_))));
    }

    #[test]
    fn a_bomb_ends() {
        let zeros = vec![0; 64 << 20];
        let mut packed = vec![];
        GzEncoder::new(&zeros[..], Compression::best()).read_to_end(&mut packed).unwrap();
        let mut decoding = decoding("gzip").unwrap().unwrap();
        assert_eq!(now(decoding.piece(&packed)), Err(Fault::TooLong));
    }

    /// A limit on time is kept while little becomes much.
    #[test]
    fn others_get_their_turn() {
        let zeros = zstd::encode_all(&vec![0; 8 << 20][..], 1).unwrap();
        let twice = zstd::encode_all(&zeros[..], 1).unwrap();
        let mut decoding = decoding("zstd,zstd").unwrap().unwrap();
        let turns = std::cell::Cell::new(0);
        let others = async {
            loop {
                turns.set(turns.get() + 1);
                yield_now().await;
            }
        };
        let decoded = now(async {
            tokio::select! {
                decoded = decoding.piece(&twice) => decoded,
                () = others => unreachable!(),
            }
        });
        assert_eq!(decoded.unwrap().len(), 8 << 20);
        assert!(turns.get() > 1);
    }
}
