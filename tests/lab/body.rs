//! Bodies that end, break off, stop, trickle or never end.

use std::io;
use std::pin::Pin;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use hyper::body::{Body as HttpBody, Bytes, Frame, SizeHint};
use tokio::time::{Instant, Interval, Sleep, interval_at, sleep};

/// How long a body that breaks off leaves what it said before on its way.
const FLUSH: Duration = Duration::from_millis(20);

/// How much a body that trickles says at once, and how long it pauses before. The pause does not divide the twenty
/// seconds after which impatient clients give up, so that they always hold the same number of pieces by then.
const TRICKLE: usize = 8;
const PAUSE: Duration = Duration::from_millis(4100);

/// What comes after the bytes of a body.
#[derive(Debug)]
enum End {
    Whole,
    Break(Option<Pin<Box<Sleep>>>),
    Stop,
    Never,
    Trickle(Interval),
}

/// The body of an answer.
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

    /// These bytes, with their length.
    pub(crate) fn whole(bytes: impl Into<Bytes>) -> Self {
        Self::new(bytes.into(), End::Whole, true)
    }

    /// These bytes; HTTP/1.1 will send them in chunks.
    pub(crate) fn chunked(bytes: impl Into<Bytes>) -> Self {
        Self::new(bytes.into(), End::Whole, false)
    }

    /// These bytes, then the connection breaks.
    pub(crate) fn breaking(bytes: Bytes) -> Self {
        Self::new(bytes, End::Break(None), false)
    }

    /// These bytes, then nothing more.
    pub(crate) fn stopping(bytes: Bytes) -> Self {
        Self::new(bytes, End::Stop, false)
    }

    /// These bytes, a few at a time with long pauses before them.
    pub(crate) fn trickling(bytes: Bytes) -> Self {
        Self::new(bytes, End::Trickle(interval_at(Instant::now() + PAUSE, PAUSE)), false)
    }

    /// These bytes again and again.
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
        if !self.said && !self.bytes.is_empty() {
            self.said = !matches!(self.end, End::Never);
            return Poll::Ready(Some(Ok(Frame::data(self.bytes.clone()))));
        }
        match &mut self.end {
            End::Whole | End::Trickle(_) => Poll::Ready(None),
            End::Break(wait) => {
                ready!(wait.get_or_insert_with(|| Box::pin(sleep(FLUSH))).as_mut().poll(cx));
                Poll::Ready(Some(Err(io::ErrorKind::ConnectionReset.into())))
            }
            End::Stop | End::Never => Poll::Pending,
        }
    }

    /// Only what is empty is over when it begins. What is not ends as Go's servers end it, who by then have sent the
    /// last bytes: in HTTP/2 by a frame with nothing in it.
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
