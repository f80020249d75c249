//! Reads a stream in small chunks, so that a flood of data cannot delay a timeout.
//!
//! hyper parses everything it has read before it yields, and only then can a timeout fire. With the
//! buffers that long headers need, it could parse a hundred thousand empty responses first.

use std::{
    io,
    pin::Pin,
    task::{Context, Poll},
};

use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, ReadBuf, Take};

/// The size of one TLS record.
const SIP: u64 = 16 * 1024;

/// A stream that returns at most `SIP` bytes per read, and a version that hyper knows.
pub(super) struct ChunkedReader<S> {
    stream: Take<S>,
    version: VersionReader,
}

/// Go takes any version from 1.1 to 9.9 for 1.1 (net/http, `ParseHTTPVersion`, `ProtoAtLeast`), and hyper
/// only knows that one and 1.0. It is read where a connection begins: where Go asks again on one, and
/// hyper does not understand, the request is repeated on a new one.
#[derive(Default)]
struct VersionReader {
    /// How many bytes were read; `DONE` if the rest does not matter.
    seen: usize,
    is_later: bool,
}

impl VersionReader {
    const DONE: usize = b"HTTP/1.1".len();

    fn read(&mut self, bytes: &mut [u8]) {
        for byte in bytes {
            match (self.seen, &byte) {
                (Self::DONE.., _) => return,
                (seen @ 0..=4, byte) if **byte == b"HTTP/"[seen] => {}
                (5, b'1') | (6, b'.') => {}
                (5, b'2'..=b'9') => (*byte, self.is_later) = (b'1', true),
                (7, b'0'..=b'9') if self.is_later || *byte > b'0' => *byte = b'1',
                _ => {
                    self.seen = Self::DONE;
                    return;
                }
            }
            self.seen += 1;
        }
    }
}

impl<S: AsyncRead> ChunkedReader<S> {
    pub(super) fn of(stream: S) -> Self {
        Self { stream: stream.take(SIP), version: VersionReader::default() }
    }
}

impl<S: AsyncRead + Unpin> AsyncRead for ChunkedReader<S> {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let before = buffer.filled().len();
        self.stream.set_limit(SIP);
        let read = Pin::new(&mut self.stream).poll_read(cx, buffer);
        self.version.read(&mut buffer.filled_mut()[before..]);
        read
    }
}

impl<S: AsyncRead + AsyncWrite + Unpin> AsyncWrite for ChunkedReader<S> {
    fn poll_write(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        Pin::new(self.stream.get_mut()).poll_write(cx, bytes)
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(self.stream.get_mut()).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(self.stream.get_mut()).poll_shutdown(cx)
    }
}

#[cfg(test)]
mod tests {
    use super::VersionReader;

    #[test]
    fn versions_as_go_takes_them() {
        for (line, read) in [
            ("HTTP/1.1 200", "HTTP/1.1 200"),
            ("HTTP/1.0 2.0", "HTTP/1.0 2.0"),
            ("HTTP/1.2 200", "HTTP/1.1 200"),
            ("HTTP/2.0 200", "HTTP/1.1 200"),
            ("HTTP/0.9 200", "HTTP/0.9 200"),
            ("HTTP/a.9 200", "HTTP/a.9 200"),
            ("SSH-2.0 2.22", "SSH-2.0 2.22"),
        ] {
            for size in [1, 3, 20] {
                let (mut reader, mut bytes) = (VersionReader::default(), line.as_bytes().to_vec());
                bytes.chunks_mut(size).for_each(|piece| reader.read(piece));
                assert_eq!(String::from_utf8_lossy(&bytes), read);
            }
        }
    }
}
