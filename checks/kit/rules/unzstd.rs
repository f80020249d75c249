//! Decompresses zstd as the library of containerd does (klauspost/compress, zstd/framedec.go): it refuses
//! a window of more than 512 MiB, and takes what ends inside a frame for an unexpected end.

use std::io::{self, Write};

use zstd::stream::raw::{DParameter, Decoder, Operation};

/// The largest window (`MaxWindowSize`), as a power of two.
const MAX_WINDOW_LOG: u32 = 29;
/// The most that a frame without a window decompresses to (`maxDecodedSize`).
const MAX_SINGLE_SEGMENT: u64 = 64 << 30;
/// The memory that is spent on the windows of what is decompressed at the same time.
pub const MAX_WINDOW: u64 = 64 << 20;
/// How many decompressed bytes are handed on at once.
const PIECE: usize = 32 * 1024;

/// Decompresses what is written to it into another writer.
pub struct Unzstd<W> {
    to: W,
    decoder: Decoder<'static>,
    state: State,
    /// The memory that is spent on a window: a frame with a larger one is decompressed until it fills that much.
    most: u64,
    out: Vec<u8>,
}

enum State {
    /// What was read of the beginning of a frame; nothing between two frames.
    Header(Vec<u8>),
    /// How much more of the frame is decompressed.
    Body { spare: u64 },
}

fn invalid(said: &str) -> io::Error {
    io::Error::new(io::ErrorKind::InvalidData, said)
}

impl<W: Write> Unzstd<W> {
    /// Returns a decompressor into that writer, which spends so much memory on a window.
    ///
    /// # Errors
    /// Returns the error of a library that has no memory.
    pub fn new(to: W, most: u64) -> io::Result<Self> {
        let mut decoder = Decoder::new()?;
        decoder.set_parameter(DParameter::WindowLogMax(MAX_WINDOW_LOG))?;
        Ok(Self { to, decoder, state: State::Header(vec![]), most, out: vec![0; PIECE] })
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
        match &self.state {
            State::Header(begun) if begun.is_empty() => Ok(()),
            _ => Err(io::ErrorKind::UnexpectedEof.into()),
        }
    }

    /// Decompresses some bytes of a frame; returns how many of them it took.
    fn body(&mut self, bytes: &[u8], mut spare: u64) -> io::Result<usize> {
        let mut taken = 0;
        loop {
            let done = self.decoder.run_on_buffers(&bytes[taken..], &mut self.out);
            let done = done.map_err(|error| {
                let is_memory = error.to_string().contains("memory");
                if is_memory { io::ErrorKind::FileTooLarge.into() } else { error }
            })?;
            taken += done.bytes_read;
            let left = spare.checked_sub(done.bytes_written as u64);
            spare = left.ok_or_else(|| io::Error::from(io::ErrorKind::FileTooLarge))?;
            self.to.write_all(&self.out[..done.bytes_written])?;
            if done.remaining == 0 {
                self.decoder.reinit()?;
                self.state = State::Header(vec![]);
                return Ok(taken);
            }
            if taken == bytes.len() && done.bytes_written < PIECE {
                self.state = State::Body { spare };
                return Ok(taken);
            }
            if done.bytes_read + done.bytes_written == 0 {
                return Err(invalid("no progress"));
            }
        }
    }
}

impl<W: Write> Write for Unzstd<W> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let mut rest = bytes;
        while let [first, after @ ..] = rest {
            match &mut self.state {
                State::Body { spare } => {
                    let spare = *spare;
                    rest = &rest[self.body(rest, spare)?..];
                }
                State::Header(begun) => {
                    begun.push(*first);
                    rest = after;
                    if let Some(memory) = memory(begun)? {
                        let begun = std::mem::take(begun);
                        let spare = if memory > self.most { self.most } else { u64::MAX };
                        self.body(&begun, spare)?;
                    }
                }
            }
        }
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        self.to.flush()
    }
}

/// Returns how much memory a frame needs by its beginning (RFC 8878 §3.1.1.1); `None` if more of it is
/// needed to know.
fn memory(frame: &[u8]) -> io::Result<Option<u64>> {
    let Some((magic, rest)) = frame.split_first_chunk::<4>() else { return Ok(None) };
    match magic {
        [0x50..=0x5f, 0x2a, 0x4d, 0x18] => return Ok(Some(0)),
        [0x28, 0xb5, 0x2f, 0xfd] => {}
        _ => return Err(invalid("invalid input: magic number mismatch")),
    }
    let [descriptor, rest @ ..] = rest else { return Ok(None) };
    if descriptor & 1 << 3 != 0 {
        return Err(invalid("reserved bit set on frame header"));
    }
    if descriptor & 1 << 5 == 0 {
        let [window, ..] = rest else { return Ok(None) };
        let base = 1_u64 << (10 + (window >> 3));
        let window = base + base / 8 * u64::from(window & 7);
        if window > 1 << MAX_WINDOW_LOG {
            return Err(invalid("window size exceeded"));
        }
        return Ok(Some(window));
    }
    // Its window is all that it decompresses to.
    let dictionary = [0, 1, 2, 4][usize::from(descriptor & 3)];
    let length = 1 << (descriptor >> 6);
    let Some(field) = rest.get(dictionary..dictionary + length) else { return Ok(None) };
    let mut size = [0; 8];
    size[..length].copy_from_slice(field);
    let size = u64::from_le_bytes(size);
    if size > MAX_SINGLE_SEGMENT {
        return Err(invalid("decompressed size exceeds configured limit"));
    }
    Ok(Some(size))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn packed(bytes: &[u8], window: u32) -> Vec<u8> {
        let mut encoder = zstd::Encoder::new(vec![], 1).unwrap();
        encoder.window_log(window).unwrap();
        encoder.include_checksum(true).unwrap();
        encoder.write_all(bytes).unwrap();
        encoder.flush().unwrap();
        encoder.finish().unwrap()
    }

    fn unpacked(bytes: &[u8]) -> Result<Vec<u8>, io::ErrorKind> {
        let read = |size: usize| {
            let mut decoder = Unzstd::new(vec![], MAX_WINDOW).unwrap();
            let mut pieces = bytes.chunks(size);
            pieces.try_for_each(|piece| decoder.write_all(piece)).map_err(|error| error.kind())?;
            decoder.finish().map_err(|error| error.kind())
        };
        let whole = read(bytes.len().max(1));
        assert_eq!(read(1), whole);
        whole
    }

    #[test]
    fn what_ends_inside_a_frame() {
        let frame = packed(b"some bytes", 20);
        let skipped = [&b"\x5a\x2a\x4d\x18\x03\0\0\0"[..], b"abc"].concat();
        let all = [&skipped[..], &frame, &frame, &skipped].concat();
        let ends = [11, 11 + frame.len(), 11 + 2 * frame.len(), all.len()];
        for (place, read) in ends.into_iter().zip(["", "some bytes", "some bytessome bytes"]) {
            assert_eq!(unpacked(&all[..place]).unwrap(), read.as_bytes());
        }
        for place in (1..all.len()).filter(|place| !ends.contains(place)) {
            assert_eq!(unpacked(&all[..place]), Err(io::ErrorKind::UnexpectedEof), "{place}");
        }
        assert_eq!(unpacked(b""), Ok(vec![]));
        assert!(unpacked(&[&frame[..], b"tail"].concat()).is_err());
    }

    /// The window alone, which stands in the header, is no reason to refuse a frame of a few bytes.
    #[test]
    fn the_window_of_a_frame() {
        let mut frame = packed(b"some bytes", 20);
        // The descriptor of the window: its exponent over 10, and eighths.
        for (window, is_read) in [(17 << 3, true), (19 << 3, true), (19 << 3 | 1, false)] {
            frame[5] = window;
            assert_eq!(unpacked(&frame).is_ok(), is_read, "{window}");
        }
        frame[5] = 31 << 3;
        assert_eq!(unpacked(&frame), Err(io::ErrorKind::InvalidData));
        // What fills a large one is not decompressed to its end.
        let filled = |window| {
            let mut decoder = Unzstd::new(io::sink(), MAX_WINDOW).unwrap();
            decoder.write_all(&packed(&vec![0; 65 << 20], window))
        };
        assert_eq!(filled(27).unwrap_err().kind(), io::ErrorKind::FileTooLarge);
        assert!(filled(26).is_ok());
    }

    #[test]
    fn a_frame_that_says_its_size() {
        let small = zstd::bulk::compress(&[b'a'; 300], 1).unwrap();
        assert_eq!(unpacked(&small).unwrap(), [b'a'; 300]);
        let huge = [&b"\x28\xb5\x2f\xfd\xe0"[..], &(65_u64 << 30).to_le_bytes()].concat();
        assert_eq!(unpacked(&huge), Err(io::ErrorKind::InvalidData));
        let large = [&b"\x28\xb5\x2f\xfd\xe0"[..], &(2_u64 << 30).to_le_bytes()].concat();
        assert_eq!(unpacked(&large), Err(io::ErrorKind::FileTooLarge));
    }
}
