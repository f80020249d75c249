//! The archive in a layer, and its diff id: the digest of its uncompressed bytes. containerd computes it as it
//! unpacks a layer and compares it with the config (core/unpack/unpacker.go, "wrong diff id").

use std::io::{self, Write};

use super::archive::Archive;
use crate::kit::rules::{Gunzip, Hasher, MAX_WINDOW, Unzstd};

/// The number of bytes that containerd goes by to find out how a layer is compressed
/// (pkg/archive/compression, `DetectCompression`).
const SIGNATURE: usize = 10;
/// How many uncompressed bytes are read of a layer that fits into a sample.
pub(super) const MAX_UNPACKED_SAMPLE: u64 = 256 * 1024 * 1024;
/// The largest piece that is decompressed at once: four bytes of zstd can become 128 KiB.
pub(super) const PIECE: usize = 512;

/// A layer that is decompressed as its bytes arrive.
pub struct Unpacker {
    state: State,
    /// Whether the media type allows the layer to be compressed.
    may_be_compressed: bool,
    /// Whether it is the first layer of its image.
    is_first: bool,
    /// How many uncompressed bytes are read.
    limit: u64,
}

/// What came of decompressing a layer.
#[derive(Debug, PartialEq, Eq)]
pub enum Unpacked {
    /// The digest of the uncompressed bytes.
    DiffId(String),
    /// The digest of a layer whose files are too many, or lead too far, to be laid out here.
    FilesUnknown(String),
    /// The layer does not decompress, in the words of the decompressor.
    Broken(String),
    /// What decompresses is no archive that containerd extracts, in Go's words.
    NoArchive(String),
    /// The layer is larger, or needs more memory, than is decompressed here.
    TooLarge,
}

enum State {
    /// The first bytes, until there are enough of them.
    Beginning(Vec<u8>),
    Plain(Box<Sink>),
    Gzip(Box<Gunzip<Sink>>),
    Zstd(Box<Unzstd<Sink>>),
    Ended(Unpacked),
}

/// Hashes the uncompressed bytes, and walks the archive that they are.
struct Sink {
    hasher: Hasher,
    archive: Archive,
    left: u64,
}

impl Sink {
    fn end(self) -> Unpacked {
        match self.archive.finish() {
            Ok(true) => Unpacked::DiffId(self.hasher.finish()),
            Ok(false) => Unpacked::FilesUnknown(self.hasher.finish()),
            Err(why) => Unpacked::NoArchive(why),
        }
    }
}

impl Write for Sink {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let left = self.left.checked_sub(bytes.len() as u64);
        self.left = left.ok_or_else(|| io::Error::from(io::ErrorKind::FileTooLarge))?;
        self.hasher.update(bytes);
        self.archive.write(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl Unpacker {
    /// Returns an unpacker of a layer of this media type, which reads up to `limit` uncompressed
    /// bytes. The first layer of an image has nothing below it.
    pub fn of(media_type: &str, is_first: bool, limit: u64) -> Self {
        let mut parts = media_type.split('+');
        let is_oci = parts.next().is_some_and(|base| base.starts_with("application/vnd.oci."));
        // containerd sorts what follows, and goes by the last (`DiffCompression`).
        let last = parts.max();
        let is_plain = if is_oci { !matches!(last, Some("gzip" | "zstd")) } else { last.is_some() };
        Self { state: State::Beginning(vec![]), may_be_compressed: !is_plain, is_first, limit }
    }

    /// Decompresses the next bytes.
    pub fn write(&mut self, bytes: &[u8]) {
        let written = match &mut self.state {
            State::Beginning(first) => {
                first.extend_from_slice(bytes);
                if first.len() >= SIGNATURE {
                    self.begin();
                }
                return;
            }
            State::Plain(sink) => sink.write_all(bytes),
            State::Gzip(decoder) => decoder.write_all(bytes),
            State::Zstd(decoder) => decoder.write_all(bytes),
            State::Ended(_) => return,
        };
        if let Err(error) = written {
            self.state = State::Ended(ended(&error));
        }
    }

    /// Returns what came of it, once the layer is complete.
    pub fn finish(mut self) -> Unpacked {
        if matches!(self.state, State::Beginning(_)) {
            self.begin();
        }
        match self.state {
            State::Beginning(_) => Unpacked::TooLarge,
            State::Plain(sink) => sink.end(),
            State::Gzip(decoder) => match decoder.finish() {
                Ok(sink) => sink.end(),
                Err(error) => ended(&error),
            },
            State::Zstd(decoder) => match decoder.finish() {
                Ok(sink) => sink.end(),
                Err(error) => ended(&error),
            },
            State::Ended(unpacked) => unpacked,
        }
    }

    fn begin(&mut self) {
        let State::Beginning(first) = &mut self.state else { return };
        let first = std::mem::take(first);
        let hasher = Hasher::like("sha256:");
        let sink = Sink { hasher, archive: Archive::of(self.is_first), left: self.limit };
        self.state = if self.may_be_compressed && first.starts_with(&[0x1f, 0x8b, 8]) {
            State::Gzip(Box::new(Gunzip::new(sink)))
        } else if self.may_be_compressed && is_zstd(&first) {
            match Unzstd::new(sink, MAX_WINDOW) {
                Ok(decoder) => State::Zstd(Box::new(decoder)),
                Err(error) => State::Ended(ended(&error)),
            }
        } else {
            State::Plain(Box::new(sink))
        };
        self.write(&first);
    }
}

/// Returns whether bytes begin with a zstd frame, or with one to be skipped (RFC 8878 §3).
fn is_zstd(bytes: &[u8]) -> bool {
    match bytes {
        [0x28, 0xb5, 0x2f, 0xfd, ..] => true,
        [0x50..=0x5f, 0x2a, 0x4d, 0x18, rest @ ..] => rest.len() >= 4,
        _ => false,
    }
}

fn ended(error: &io::Error) -> Unpacked {
    match error.kind() {
        io::ErrorKind::FileTooLarge => Unpacked::TooLarge,
        _ => Unpacked::Broken(error.to_string()),
    }
}

#[cfg(test)]
mod tests {
    use flate2::{Compression, write::GzEncoder};

    use super::*;
    use crate::kit::rules::digest;

    const LAYER: &str = "application/vnd.oci.image.layer.v1.tar";

    fn unpacked(media_type: &str, bytes: &[u8], limit: u64) -> Unpacked {
        let mut unpacker = Unpacker::of(media_type, true, limit);
        bytes.chunks(7).for_each(|piece| unpacker.write(piece));
        unpacker.finish()
    }

    fn gzip(bytes: &[u8]) -> Vec<u8> {
        let mut encoder = GzEncoder::new(vec![], Compression::fast());
        encoder.write_all(bytes).unwrap();
        encoder.finish().unwrap()
    }

    #[test]
    fn the_bytes_decide_how_a_layer_is_compressed() {
        // An archive ends with its blocks of zeros, and what follows is only hashed.
        let plain = [vec![0; 1024], b"a layer, of some length".repeat(500)].concat();
        let diff_id = Unpacked::DiffId(digest("sha256:", &plain));
        let zstd = zstd::encode_all(&plain[..], 1).unwrap();
        for packed in [&plain, &gzip(&plain), &zstd] {
            assert_eq!(unpacked(&format!("{LAYER}+gzip"), packed, u64::MAX), diff_id);
        }
        let twice = [gzip(&plain[..100]), gzip(&plain[100..])].concat();
        assert_eq!(unpacked(&format!("{LAYER}+zstd"), &twice, u64::MAX), diff_id);
        // Nothing is decompressed where the media type says that nothing is compressed.
        assert_ne!(unpacked(LAYER, &gzip(&plain), u64::MAX), diff_id);
        assert_eq!(unpacked(LAYER, &plain, u64::MAX), diff_id);
        let empty = Unpacked::DiffId(digest("sha256:", b""));
        assert_eq!(unpacked(&format!("{LAYER}+gzip"), b"", u64::MAX), empty);
    }

    #[test]
    fn what_is_no_archive() {
        let text = b"a chart, or whatever people push";
        for bytes in [&text[..], &gzip(text)] {
            let unpacked = unpacked(&format!("{LAYER}+gzip"), bytes, u64::MAX);
            assert_eq!(unpacked, Unpacked::NoArchive("unexpected EOF".to_owned()));
        }
    }

    #[test]
    fn a_broken_layer_and_a_bomb() {
        let packed = gzip(&vec![0; 100_000]);
        let gzip = format!("{LAYER}+gzip");
        assert_eq!(unpacked(&gzip, &packed, 99_999), Unpacked::TooLarge);
        assert!(matches!(unpacked(&gzip, &packed[..50], u64::MAX), Unpacked::Broken(_)));
        let mut broken = packed.clone();
        broken[20..40].fill(0xff);
        assert!(matches!(unpacked(&gzip, &broken, u64::MAX), Unpacked::Broken(_)));
        // zstd that ends before its last block, or behind the beginning of another frame.
        let frame = zstd::encode_all(&[0; 1024][..], 1).unwrap();
        let more = [&frame[..], &frame[..4]].concat();
        for cut in [&frame[..frame.len() - 1], &more] {
            assert!(matches!(unpacked(&gzip, cut, u64::MAX), Unpacked::Broken(_)));
        }
        let bomb = zstd::encode_all(io::Read::take(io::repeat(0), 1 << 20), 1).unwrap();
        assert_eq!(unpacked(&format!("{LAYER}+zstd"), &bomb, 1 << 19), Unpacked::TooLarge);
    }
}
