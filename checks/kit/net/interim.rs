//! Interim answers (`100 Continue`) are waited through, but not without end.
//!
//! A server that sends nothing else would keep HTTP's parser, and with it our one thread, busy for as
//! long as it likes: no clock and no Ctrl-C would be heard.

use std::{
    io,
    pin::Pin,
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
    task::{Context, Poll},
};

use hyper::rt::{Read, ReadBufCursor, Write};

use super::Fault;

/// How many there may be before an answer; one is usual.
const MOST: usize = 16;

/// Counts those of one connection.
#[derive(Clone, Default)]
pub(super) struct Interim(Arc<AtomicUsize>);

impl Interim {
    /// Counts those before the answer to this request.
    pub(super) fn count<B>(&self, request: &mut hyper::Request<B>) {
        let count = self.0.clone();
        count.store(0, Ordering::Relaxed);
        hyper::ext::on_informational(request, move |_| {
            count.fetch_add(1, Ordering::Relaxed);
        });
    }

    /// A connection that breaks off when there are too many.
    pub(super) fn over<T>(&self, io: T) -> Bounded<T> {
        Bounded { io, interim: self.clone() }
    }
}

/// See [`Interim::over`].
pub(super) struct Bounded<T> {
    io: T,
    interim: Interim,
}

impl<T: Read + Unpin> Read for Bounded<T> {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        into: ReadBufCursor<'_>,
    ) -> Poll<io::Result<()>> {
        if self.interim.0.load(Ordering::Relaxed) > MOST {
            return Poll::Ready(Err(io::Error::other(Fault::NotHttp)));
        }
        Pin::new(&mut self.io).poll_read(cx, into)
    }
}

impl<T: Write + Unpin> Write for Bounded<T> {
    fn poll_write(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.io).poll_write(cx, bytes)
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.io).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.io).poll_shutdown(cx)
    }
}
