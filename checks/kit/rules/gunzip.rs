//! Decompresses gzip as Go does (compress/gzip): it ignores reserved flags, limits the names in a header,
//! and takes what ends early for an unexpected end.

use std::io::{self, Write};

use flate2::{Crc, Decompress, FlushDecompress, Status};

/// The longest name or comment in a header, with the zero at its end.
const MAX_NAME: usize = 512;
/// How many decompressed bytes are handed on at once.
const PIECE: usize = 32 * 1024;

/// Decompresses what is written to it into another writer.
pub struct Gunzip<W> {
    to: W,
    state: State,
    inflate: Decompress,
    /// The checksum and the length of what was decompressed of this member.
    crc: Crc,
}

enum State {
    /// What was read of the header.
    Header(Vec<u8>),
    Body,
    /// What was read of the checksum and the length.
    Trailer(Vec<u8>),
    /// Between two members.
    Between,
}

fn invalid(said: &str) -> io::Error {
    io::Error::new(io::ErrorKind::InvalidData, format!("gzip: {said}"))
}

impl<W: Write> Gunzip<W> {
    /// Returns a decompressor into that writer.
    pub fn new(to: W) -> Self {
        let (state, inflate) = (State::Header(vec![]), Decompress::new(false));
        Self { to, state, inflate, crc: Crc::new() }
    }

    /// Returns the writer.
    pub fn get_mut(&mut self) -> &mut W {
        &mut self.to
    }

    /// Returns the writer at the end of the input.
    ///
    /// # Errors
    /// Returns `UnexpectedEof` if the input ends early.
    pub fn finish(self) -> io::Result<W> {
        self.ends()?;
        Ok(self.to)
    }

    /// Fails with `UnexpectedEof` if the input may not end here.
    ///
    /// # Errors
    /// Returns that error.
    pub fn ends(&self) -> io::Result<()> {
        match self.state {
            State::Between => Ok(()),
            _ => Err(io::ErrorKind::UnexpectedEof.into()),
        }
    }

    /// Decompresses some bytes; returns how many of them it took.
    fn inflate(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let (mut taken, mut out) = (0, Vec::with_capacity(PIECE));
        loop {
            out.clear();
            let before = self.inflate.total_in();
            let status =
                self.inflate.decompress_vec(&bytes[taken..], &mut out, FlushDecompress::None);
            let status = status.map_err(|error| invalid(&error.to_string()))?;
            let step = usize::try_from(self.inflate.total_in() - before).unwrap_or(usize::MAX);
            taken = taken.saturating_add(step).min(bytes.len());
            self.crc.update(&out);
            self.to.write_all(&out)?;
            if status == Status::StreamEnd {
                self.state = State::Trailer(vec![]);
                return Ok(taken);
            }
            if step == 0 && out.is_empty() {
                return Ok(taken);
            }
        }
    }
}

impl<W: Write> Write for Gunzip<W> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let mut rest = bytes;
        while let [first, after @ ..] = rest {
            match &mut self.state {
                State::Body => {
                    let taken = self.inflate(rest)?;
                    if taken == 0 && matches!(self.state, State::Body) {
                        return Err(invalid("no progress"));
                    }
                    rest = &rest[taken..];
                    continue;
                }
                State::Between => self.state = State::Header(vec![*first]),
                State::Header(header) => {
                    header.push(*first);
                    if is_header(header)? {
                        self.inflate.reset(false);
                        self.crc.reset();
                        self.state = State::Body;
                    }
                }
                State::Trailer(trailer) => {
                    trailer.push(*first);
                    if trailer.len() == 8 {
                        let sums = [self.crc.sum().to_le_bytes(), self.crc.amount().to_le_bytes()];
                        if *trailer != sums.concat() {
                            return Err(invalid("invalid checksum"));
                        }
                        self.state = State::Between;
                    }
                }
            }
            rest = after;
        }
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        self.to.flush()
    }
}

/// Returns whether this is a whole header, and not only the beginning of one.
fn is_header(bytes: &[u8]) -> io::Result<bool> {
    let Some((fixed, mut rest)) = bytes.split_first_chunk::<10>() else { return Ok(false) };
    if fixed[..3] != [0x1f, 0x8b, 8] {
        return Err(invalid("invalid header"));
    }
    let flags = fixed[3];
    if flags & 4 != 0 {
        let Some((length, after)) = rest.split_first_chunk::<2>() else { return Ok(false) };
        let length = usize::from(u16::from_le_bytes(*length));
        let Some(after) = after.get(length..) else { return Ok(false) };
        rest = after;
    }
    for flag in [8, 16] {
        if flags & flag == 0 {
            continue;
        }
        let end = rest.iter().take(MAX_NAME).position(|byte| *byte == 0);
        let Some(end) = end else {
            return if rest.len() < MAX_NAME { Ok(false) } else { Err(invalid("invalid header")) };
        };
        rest = &rest[end + 1..];
    }
    if flags & 2 == 0 {
        return Ok(true);
    }
    let Some((wanted, _)) = rest.split_first_chunk::<2>() else { return Ok(false) };
    let mut crc = Crc::new();
    crc.update(&bytes[..bytes.len() - rest.len()]);
    let is_right = crc.sum().to_le_bytes()[..2] == wanted[..];
    if is_right { Ok(true) } else { Err(invalid("invalid header")) }
}

#[cfg(test)]
mod tests {
    use flate2::{Compression, GzBuilder};

    use super::*;

    const PLAIN: &[u8] = b"some bytes, some more bytes, and some bytes again";

    fn gzip(builder: GzBuilder) -> Vec<u8> {
        let mut encoder = builder.write(vec![], Compression::fast());
        encoder.write_all(PLAIN).and_then(|()| encoder.finish()).unwrap_or_default()
    }

    fn gunzip(bytes: &[u8]) -> (Vec<u8>, Result<(), io::ErrorKind>) {
        let mut gunzip = Gunzip::new(vec![]);
        let written = bytes.chunks(3).try_for_each(|piece| gunzip.write_all(piece));
        let ended = written.and_then(|()| gunzip.ends()).map_err(|error| error.kind());
        (gunzip.to, ended)
    }

    #[test]
    fn what_go_decompresses() {
        let plain = (PLAIN.to_vec(), Ok(()));
        let packed = gzip(GzBuilder::new());
        assert_eq!(gunzip(&packed), plain);
        assert_eq!(gunzip(&packed.repeat(3)), (PLAIN.repeat(3), Ok(())));
        assert_eq!(
            gunzip(&gzip(GzBuilder::new().extra(vec![7; 9]).filename("a").comment("b"))),
            plain
        );
        let mut reserved = packed.clone();
        reserved[3] = 0xe0;
        assert_eq!(gunzip(&reserved), plain);
        assert_eq!(gunzip(&gzip(GzBuilder::new().filename(vec![b'a'; 511]))), plain);
        let mut large = Gunzip::new(vec![]);
        let bytes = vec![0; 1 << 20];
        let mut encoder = GzBuilder::new().write(vec![], Compression::best());
        let packed = encoder.write_all(&bytes).and_then(|()| encoder.finish());
        assert!(
            packed.and_then(|packed| large.write_all(&packed)).and_then(|()| large.ends()).is_ok()
        );
        assert!(large.to == bytes);
    }

    #[test]
    fn what_go_refuses() {
        let packed = gzip(GzBuilder::new());
        let (cut, wrong) = (Err(io::ErrorKind::UnexpectedEof), Err(io::ErrorKind::InvalidData));
        // What came before the end counts.
        assert_eq!(gunzip(&packed[..packed.len() - 8]), (PLAIN.to_vec(), cut));
        for length in 0..packed.len() {
            assert_eq!(gunzip(&packed[..length]).1, cut, "{length}");
        }
        assert_eq!(gunzip(&[&packed[..], b"garbage no header"].concat()).1, wrong);
        assert_eq!(gunzip(&gzip(GzBuilder::new().filename(vec![b'a'; 512]))).1, wrong);
        let mut sum = packed.clone();
        *sum.last_mut().unwrap_or(&mut 0) ^= 1;
        assert_eq!(gunzip(&sum), (PLAIN.to_vec(), wrong));
        assert_eq!(gunzip(b"no gzip, but long enough").1, wrong);
        // It repeats three bytes that stand before its beginning, which would be zeros.
        let mut zeros = Crc::new();
        zeros.update(&[0; 3]);
        let sums = [zeros.sum().to_le_bytes(), zeros.amount().to_le_bytes()].concat();
        let before = [&packed[..10], &[3, 2, 0], &sums].concat();
        assert_eq!(gunzip(&before), (vec![], wrong));
    }
}
