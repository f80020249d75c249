//! The chunks of an HTTP/1 body as Go reads them (net/http/internal, `chunkedReader`; net/http, `readTrailer`),
//! written anew as hyper reads the same.

use super::{Fault, http1};

/// The buffer that a line of sizes fits into, and trailers (net/http, `Transport.ReadBufferSize`).
const BUFFER: usize = 4096;
/// How much beside data is accepted: 16 bytes for each chunk and twice its data, and this.
const MAX_EXCESS: i64 = 16 * 1024;

/// Reads the chunks of one body from the bytes of a connection.
#[derive(Default)]
pub(super) struct ChunkReader {
    at: At,
    /// The line or the trailers that have begun.
    kept: Vec<u8>,
    excess: i64,
}

/// Where in the body the next byte stands.
#[derive(Clone, Copy, Default)]
enum At {
    #[default]
    Size,
    Data {
        left: u64,
    },
    /// Behind data.
    End,
    Trailers,
    /// Behind the body.
    Over,
}

impl ChunkReader {
    /// Takes more bytes, and adds what hyper is to read of them.
    pub(super) fn push(&mut self, mut bytes: &[u8], out: &mut Vec<u8>) -> Result<(), Fault> {
        while !bytes.is_empty() {
            bytes = match self.at {
                At::Size => self.size(bytes, out)?,
                At::Data { left } => {
                    let length = bytes.len().min(usize::try_from(left).unwrap_or(usize::MAX));
                    let (data, rest) = bytes.split_at(length);
                    out.extend_from_slice(data);
                    let left = left - data.len() as u64;
                    self.at = if left > 0 { At::Data { left } } else { At::End };
                    rest
                }
                At::End => {
                    let rest = self.keep(bytes, 2);
                    if self.kept.len() == 2 {
                        if std::mem::take(&mut self.kept) != b"\r\n" {
                            return Err(Fault::NotHttp);
                        }
                        out.extend(b"\r\n");
                        self.at = At::Size;
                    }
                    rest
                }
                At::Trailers => {
                    let rest = self.keep(bytes, BUFFER);
                    match self.trailers_end()? {
                        Some(end) => {
                            out.extend(b"\r\n");
                            self.at = At::Over;
                            out.extend_from_slice(&std::mem::take(&mut self.kept)[end..]);
                            rest
                        }
                        None if self.kept.len() == BUFFER => return Err(Fault::NotHttp),
                        None => rest,
                    }
                }
                At::Over => {
                    out.extend_from_slice(bytes);
                    &[]
                }
            };
        }
        Ok(())
    }

    /// Returns whether Go refuses a body that ends here: one behind the last chunk is no longer resumed.
    pub(super) fn is_cut_in_trailers(&self) -> bool {
        matches!(self.at, At::Trailers)
    }

    /// Keeps bytes until there are that many, and returns the rest.
    fn keep<'a>(&mut self, bytes: &'a [u8], wanted: usize) -> &'a [u8] {
        let (taken, rest) = bytes.split_at(bytes.len().min(wanted - self.kept.len()));
        self.kept.extend_from_slice(taken);
        rest
    }

    /// Takes the line with the size of a chunk.
    fn size<'a>(&mut self, bytes: &'a [u8], out: &mut Vec<u8>) -> Result<&'a [u8], Fault> {
        let end = bytes.iter().position(|byte| *byte == b'\n').map_or(bytes.len(), |at| at + 1);
        self.kept.extend_from_slice(&bytes[..end]);
        if self.kept.len() > BUFFER {
            return Err(Fault::NotHttp);
        }
        if !self.kept.ends_with(b"\n") {
            return Ok(&bytes[end..]);
        }
        let kept = std::mem::take(&mut self.kept);
        let line = kept.strip_suffix(b"\r\n").ok_or(Fault::NotHttp)?;
        let is_space = |byte: &u8| matches!(byte, b' ' | b'\t');
        let length = line.iter().rposition(|byte| !is_space(byte)).map_or(0, |at| at + 1);
        let written = line[..length].split(|byte| *byte == b';').next().unwrap_or_default();
        let size = hex(written).filter(|_| !line.contains(&b'\r')).ok_or(Fault::NotHttp)?;
        // Go counts like this, overflow included.
        self.excess += i64::try_from(line.len()).unwrap_or(i64::MAX) + 2;
        let due = size.cast_signed().wrapping_mul(2).wrapping_add(16);
        self.excess = self.excess.wrapping_sub(due).max(0);
        if self.excess > MAX_EXCESS {
            return Err(Fault::NotHttp);
        }
        out.extend(format!("{size:x}\r\n").into_bytes());
        self.at = if size > 0 { At::Data { left: size } } else { At::Trailers };
        Ok(&bytes[end..])
    }

    /// Returns where the trailers end, once that is known.
    fn trailers_end(&self) -> Result<Option<usize>, Fault> {
        if self.kept.starts_with(b"\r\n") {
            return Ok(Some(2));
        }
        if !self.kept.windows(4).any(|four| four == b"\r\n\r\n") {
            return Ok(None);
        }
        http1::end_of_fields(&self.kept).map(Some).ok_or(Fault::NotHttp)
    }
}

/// Reads a hexadecimal number of at most sixteen digits (`parseHexUint`).
fn hex(text: &[u8]) -> Option<u64> {
    let is_hex = !text.is_empty() && text.iter().all(u8::is_ascii_hexdigit);
    let text = std::str::from_utf8(text).ok().filter(|text| is_hex && text.len() <= 16)?;
    u64::from_str_radix(text, 16).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Returns what hyper gets to read, whatever the size of the pieces, and whether it may end there.
    fn read(text: &[u8]) -> Result<(String, bool), Fault> {
        let of = |size: usize| {
            let (mut reader, mut out) = (ChunkReader::default(), vec![]);
            for piece in text.chunks(size) {
                reader.push(piece, &mut out)?;
            }
            Ok((String::from_utf8_lossy(&out).into_owned(), !reader.is_cut_in_trailers()))
        };
        let all: Vec<_> = [1, 3, text.len().max(1)].map(of).to_vec();
        assert!(all.iter().all(|one| *one == all[0]), "{all:?}");
        all[0].clone()
    }

    #[test]
    fn bodies_as_go_takes_them() {
        for (text, wanted) in [
            ("5\r\nhello\r\n0\r\n\r\n", "5\r\nhello\r\n0\r\n\r\n"),
            (
                "0005;a=\"b\"\r\nhello\r\n000\r\nA : b\r\n c\r\n\r\nrest",
                "5\r\nhello\r\n0\r\n\r\nrest",
            ),
            ("5;a \t\r\nhel", "5\r\nhel"),
            ("5 \t\r\nhel", "5\r\nhel"),
            ("5\r\nhello", "5\r\nhello"),
            ("0\r\nA: b\n\nC: d\r\n\r\n", "0\r\n\r\nC: d\r\n\r\n"),
            ("", ""),
        ] {
            assert_eq!(read(text.as_bytes()), Ok((wanted.to_owned(), true)), "{text:?}");
        }
        let extended = format!("64;chunk-signature={}\r\n{}\r\n", "0".repeat(64), "x".repeat(100));
        assert!(read(extended.repeat(500).as_bytes()).is_ok());
        let long = format!("0\r\nA: {}\r\n\r\n", "b".repeat(4000));
        assert_eq!(read(long.as_bytes()), Ok(("0\r\n\r\n".to_owned(), true)));
    }

    #[test]
    fn bodies_that_go_refuses() {
        let (digits, line) = ("0".repeat(17), "a".repeat(4096));
        for text in [
            "\r\n",
            "5 ;a\r\n",
            "5\n",
            "5\r\r\n",
            "-5\r\n",
            "0x5\r\n",
            "5\r\nhelloX\r\n",
            "5\r\nhello\n\n",
            &format!("{digits}\r\n"),
            &format!("5;{line}\r\n"),
            &format!("5;{}\r\nhello\r\n", "a".repeat(1000)).repeat(20),
            "0\r\nnone\r\n\r\n",
            "0\r\n A: b\r\n\r\n",
            &format!("0\r\nA: {line}\r\n\r\n"),
        ] {
            assert_eq!(read(text.as_bytes()), Err(Fault::NotHttp), "{text:?}");
        }
        for cut in ["0\r\n", "0\r\n\r", "0\r\nA: b\r\n", "0\r\nA: b\n\n"] {
            assert_eq!(read(cut.as_bytes()), Ok(("0\r\n".to_owned(), false)), "{cut:?}");
        }
    }
}
