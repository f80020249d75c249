//! The parts of the compressed program, read one after the other.

use alloc::vec::Vec;

use ruzstd::io::{Error, ErrorKind, Read};

use crate::{Failure, failure, system::File};

/// The most parts: a number has two digits.
const MAX_PARTS: u8 = 100;
/// How much of a part is read at a time.
const BUFFER_BYTES: usize = 64 * 1024;

/// Reads the parts as one.
pub(crate) struct Parts {
    /// The path of the parts, up to their number.
    directory: Vec<u8>,
    next: u8,
    open: Option<File>,
    buffer: Vec<u8>,
    used: usize,
}

impl Parts {
    pub(crate) fn new(directory: &[u8]) -> Self {
        let mut path = Vec::from(directory);
        path.extend_from_slice(b"/part-");
        Self { directory: path, next: 0, open: None, buffer: Vec::new(), used: 0 }
    }

    /// Returns why there is nothing to read, if there is no part at all.
    pub(crate) fn failure(&self) -> Option<Failure> {
        (self.next == 0).then(|| failure(121, b"loader: there is no part-00 beside it\n"))
    }

    /// Opens the next part; returns whether there is one.
    fn advance(&mut self) -> bool {
        if self.next >= MAX_PARTS {
            return false;
        }
        let mut path = self.directory.clone();
        path.extend_from_slice(&[b'0' + self.next / 10, b'0' + self.next % 10, 0]);
        self.open = File::open(&path);
        if self.open.is_some() {
            self.next += 1;
        }
        self.open.is_some()
    }

    /// Fills the buffer; leaves it empty at the end of the last part.
    fn fill(&mut self) -> Result<(), Error> {
        self.used = 0;
        self.buffer.clear();
        loop {
            if self.open.is_none() && !self.advance() {
                return Ok(());
            }
            self.buffer.resize(BUFFER_BYTES, 0);
            let file = self.open.as_ref();
            let read = file.and_then(|file| file.read(&mut self.buffer));
            let Some(read) = read else { return Err(Error::from(ErrorKind::Other)) };
            self.buffer.truncate(read);
            if read > 0 {
                return Ok(());
            }
            self.open = None;
        }
    }
}

impl Read for Parts {
    fn read(&mut self, into: &mut [u8]) -> Result<usize, Error> {
        if self.used == self.buffer.len() {
            self.fill()?;
        }
        let rest = &self.buffer[self.used..];
        let length = rest.len().min(into.len());
        into[..length].copy_from_slice(&rest[..length]);
        self.used += length;
        Ok(length)
    }
}
