//! Response bodies that end normally, break off, stall, trickle or never end.

use std::io;
use std::pin::Pin;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use hyper::body::{Body as HttpBody, Bytes, Frame, SizeHint};
use tokio::sync::mpsc::UnboundedReceiver;
use tokio::time::{Instant, Interval, Sleep, interval_at, sleep};

/// How long a body waits before it breaks off, so that the bytes before are delivered.
const FLUSH: Duration = Duration::from_millis(20);

/// How many bytes a trickling body sends at a time, and the pause before each. Impatient clients
/// give up after twenty seconds. The pause does not divide that time, so that they always have the
/// same number of pieces by then.
const TRICKLE: usize = 8;
const PAUSE: Duration = Duration::from_millis(4100);

/// What follows the bytes of a body.
#[derive(Debug)]
enum End {
    Whole,
    Break(Option<Pin<Box<Sleep>>>),
    Stop,
    Never,
    Trickle(Interval),
    Feed(UnboundedReceiver<Bytes>),
}

/// The body of a response.
#[derive(Debug)]
pub(crate) struct Body {
    bytes: Bytes,
    said: bool,
    end: End,
    sized: bool,
}

impl Body {
    fn new(bytes: Bytes, end: End, sized: bool) -> Self {
        Self { bytes, said: false, end, sized }
    }

    /// Returns a body with these bytes and their length.
    pub(crate) fn whole(bytes: impl Into<Bytes>) -> Self {
        Self::new(bytes.into(), End::Whole, true)
    }

    /// Returns a body with these bytes, which HTTP/1.1 sends in chunks.
    pub(crate) fn chunked(bytes: impl Into<Bytes>) -> Self {
        Self::new(bytes.into(), End::Whole, false)
    }

    /// Returns a body that breaks the connection after these bytes.
    pub(crate) fn breaking(bytes: Bytes) -> Self {
        Self::new(bytes, End::Break(None), false)
    }

    /// Returns a body that stalls after these bytes.
    pub(crate) fn stopping(bytes: Bytes) -> Self {
        Self::new(bytes, End::Stop, false)
    }

    /// Returns a body that sends these bytes a few at a time, with long pauses before each.
    pub(crate) fn trickling(bytes: Bytes) -> Self {
        Self::new(bytes, End::Trickle(interval_at(Instant::now() + PAUSE, PAUSE)), false)
    }

    /// Returns a body of what arrives there, for as long as somebody sends.
    pub(crate) fn feed(from: UnboundedReceiver<Bytes>) -> Self {
        Self::new(Bytes::new(), End::Feed(from), false)
    }

    /// Returns a body that repeats these bytes forever.
    pub(crate) fn endless(bytes: impl Into<Bytes>) -> Self {
        Self::new(bytes.into(), End::Never, false)
    }
}

impl HttpBody for Body {
    type Data = Bytes;
    type Error = io::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<io::Result<Frame<Bytes>>>> {
        let Self { bytes, end, .. } = &mut *self;
        if let End::Trickle(pauses) = end {
            if !bytes.is_empty() {
                ready!(pauses.poll_tick(cx));
            }
            let piece = bytes.split_to(bytes.len().min(TRICKLE));
            return Poll::Ready((!piece.is_empty()).then(|| Ok(Frame::data(piece))));
        }
        if let End::Feed(from) = end {
            let piece = ready!(from.poll_recv(cx));
            return Poll::Ready(piece.map(|piece| Ok(Frame::data(piece))));
        }
        if !self.said && !self.bytes.is_empty() {
            self.said = !matches!(self.end, End::Never);
            return Poll::Ready(Some(Ok(Frame::data(self.bytes.clone()))));
        }
        match &mut self.end {
            End::Whole | End::Trickle(_) | End::Feed(_) => Poll::Ready(None),
            End::Break(wait) => {
                ready!(wait.get_or_insert_with(|| Box::pin(sleep(FLUSH))).as_mut().poll(cx));
                Poll::Ready(Some(Err(io::ErrorKind::ConnectionReset.into())))
            }
            End::Stop | End::Never => Poll::Pending,
        }
    }

    /// Only an empty body is complete at its start. Others end as Go's servers end them after the
    /// last bytes: in HTTP/2 with an empty frame.
    fn is_end_stream(&self) -> bool {
        matches!(self.end, End::Whole) && self.bytes.is_empty()
    }

    fn size_hint(&self) -> SizeHint {
        match self.end {
            End::Whole if self.sized && !self.said => SizeHint::with_exact(self.bytes.len() as u64),
            End::Whole if self.sized => SizeHint::with_exact(0),
            _ => SizeHint::default(),
        }
    }
}
