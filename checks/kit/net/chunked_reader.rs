//! Reads a stream in small chunks, so that a flood of data cannot delay a timeout, and the heads of
//! responses as Go reads them.
//!
//! hyper parses everything it has read before it yields, and only then can a timeout fire. With the
//! buffers that long headers need, it could parse a hundred thousand empty responses first.

use std::{
    io,
    pin::Pin,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    task::{Context, Poll, ready},
};

use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, ReadBuf, Take};

use super::http1::HeadReader;

/// The size of one TLS record.
const SIP: usize = 16 * 1024;

/// A stream that returns at most `SIP` bytes per read. Where a head is due, hyper gets what Go makes of
/// it.
pub(super) struct ChunkedReader<S> {
    stream: Take<S>,
    due: DueHead,
    /// The reader of the head that is due, once it has begun.
    head: Option<HeadReader>,
    /// What hyper has yet to read.
    ready: io::Cursor<Vec<u8>>,
}

/// Announces to a reader that the next bytes begin a head: a request is sent.
#[derive(Clone, Default)]
pub(super) struct DueHead(Arc<AtomicBool>);

impl DueHead {
    pub(super) fn announce(&self) {
        self.0.store(true, Ordering::Relaxed);
    }
}

impl<S: AsyncRead> ChunkedReader<S> {
    /// Returns a reader, and the means to announce heads to it.
    pub(super) fn of(stream: S) -> (Self, DueHead) {
        let (due, ready) = (DueHead::default(), io::Cursor::default());
        (Self { stream: stream.take(SIP as u64), due: due.clone(), head: None, ready }, due)
    }

    /// Returns a reader of the response to CONNECT.
    pub(super) fn of_tunnel(stream: S) -> Self {
        let (mut reader, _) = Self::of(stream);
        reader.head = Some(HeadReader::of_tunnel());
        reader
    }

    /// Returns the stream, without what was read of it.
    pub(super) fn into_stream(self) -> S {
        self.stream.into_inner()
    }
}

impl<S: AsyncRead + Unpin> ChunkedReader<S> {
    /// Reads until the head is whole, or the stream ends.
    fn poll_head(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        let mut bytes = [0; SIP];
        while let Some(head) = &mut self.head {
            let mut buffer = ReadBuf::new(&mut bytes);
            self.stream.set_limit(SIP as u64);
            ready!(Pin::new(&mut self.stream).poll_read(cx, &mut buffer))?;
            if buffer.filled().is_empty() {
                break;
            }
            if let Some(whole) = head.push(buffer.filled()).map_err(io::Error::other)? {
                (self.ready, self.head) = (io::Cursor::new(whole), None);
            }
        }
        Poll::Ready(Ok(()))
    }
}

impl<S: AsyncRead + Unpin> AsyncRead for ChunkedReader<S> {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let this = &mut *self;
        if this.due.0.swap(false, Ordering::Relaxed) {
            this.head = Some(HeadReader::default());
        }
        ready!(this.poll_head(cx))?;
        let left = this.ready.get_ref().len() as u64 - this.ready.position();
        if left > 0 || this.head.is_some() {
            return Pin::new(&mut this.ready).poll_read(cx, buffer);
        }
        this.stream.set_limit(SIP as u64);
        Pin::new(&mut this.stream).poll_read(cx, buffer)
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
