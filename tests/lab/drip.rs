//! A stream that writes one byte a second.

use std::io;
use std::pin::Pin;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::time::{Instant, Sleep, sleep};

const PACE: Duration = Duration::from_secs(1);

/// Reads at full speed and writes one byte a second.
#[derive(Debug)]
pub(crate) struct Drip<S> {
    stream: S,
    next: Pin<Box<Sleep>>,
}

impl<S> Drip<S> {
    pub(crate) fn new(stream: S) -> Self {
        Self { stream, next: Box::pin(sleep(PACE)) }
    }
}

impl<S: AsyncRead + Unpin> AsyncRead for Drip<S> {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_read(cx, buffer)
    }
}

impl<S: AsyncWrite + Unpin> AsyncWrite for Drip<S> {
    fn poll_write(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        // Flushes each byte before it waits for the next.
        ready!(Pin::new(&mut self.stream).poll_flush(cx))?;
        ready!(self.next.as_mut().poll(cx));
        let one = &bytes[..bytes.len().min(1)];
        let written = ready!(Pin::new(&mut self.stream).poll_write(cx, one))?;
        self.next.as_mut().reset(Instant::now() + PACE);
        Poll::Ready(Ok(written))
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_shutdown(cx)
    }
}
