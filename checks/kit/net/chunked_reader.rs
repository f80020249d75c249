//! Reads a stream in small chunks, so that a flood of data cannot delay a timeout, and the heads of
//! responses and their chunks as Go reads them.
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

use super::{Fault, chunks::ChunkReader, http1::HeadReader};

/// The size of one TLS record.
const SIP: usize = 16 * 1024;

/// A stream that returns at most `SIP` bytes per read. Where a head is due, or a body comes in chunks, hyper gets
/// what Go makes of it.
pub(super) struct ChunkedReader<S> {
    stream: Take<S>,
    due: DueHead,
    /// The reader of the head that is due, once it has begun.
    head: Option<HeadReader>,
    /// The reader of a body in chunks, behind such a head.
    chunks: Option<ChunkReader>,
    failed: Option<Fault>,
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
        let stream = stream.take(SIP as u64);
        (Self { stream, due: due.clone(), head: None, chunks: None, failed: None, ready }, due)
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
    /// Reads until there is something for hyper, or the stream ends.
    fn poll_parsed(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        let mut bytes = [0; SIP];
        while !self.has_ready() {
            if let Some(fault) = &self.failed {
                return Poll::Ready(Err(io::Error::other(fault.clone())));
            }
            let mut buffer = ReadBuf::new(&mut bytes);
            self.stream.set_limit(SIP as u64);
            let read = ready!(Pin::new(&mut self.stream).poll_read(cx, &mut buffer));
            if read.is_err() || buffer.filled().is_empty() {
                let is_cut = self.chunks.as_ref().is_some_and(ChunkReader::is_cut_in_trailers);
                let cut = || Err(io::Error::other(Fault::NotHttp));
                return Poll::Ready(if is_cut { cut() } else { read });
            }
            let parsed = self.parse(buffer.filled()).map_err(io::Error::other)?;
            self.ready = io::Cursor::new(parsed);
        }
        Poll::Ready(Ok(()))
    }

    fn has_ready(&self) -> bool {
        self.ready.position() < self.ready.get_ref().len() as u64
    }

    /// Returns what hyper is to read of these bytes. Chunks that Go refuses are told behind what came before:
    /// who reads no body never learns of them.
    fn parse(&mut self, bytes: &[u8]) -> Result<Vec<u8>, Fault> {
        let (mut parsed, mut rest) = (vec![], bytes.to_vec());
        if let Some(reader) = &mut self.head {
            let Some((head, behind)) = reader.push(bytes)? else { return Ok(parsed) };
            self.head = None;
            self.chunks = head.is_chunked.then(ChunkReader::default);
            (parsed, rest) = (head.bytes, behind);
        }
        match &mut self.chunks {
            Some(chunks) => self.failed = chunks.push(&rest, &mut parsed).err(),
            None => parsed.extend(rest),
        }
        Ok(parsed)
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
            (this.head, this.chunks, this.failed) = (Some(HeadReader::default()), None, None);
        }
        if this.head.is_some() || this.chunks.is_some() {
            ready!(this.poll_parsed(cx))?;
        }
        if this.has_ready() || this.head.is_some() || this.chunks.is_some() {
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
