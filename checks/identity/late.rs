//! Something that IMDS has not issued yet: the registry is asked anonymously, and the wait goes on
//! meanwhile.

use futures::{FutureExt, future::Shared};

use crate::kit::{Cx, Local};

/// A token that may come, and its wait. Each copy waits for the same token.
#[derive(Clone)]
pub(crate) struct Late<T: Clone>(Shared<Local<Came<T>>>);

/// What came of the wait.
#[derive(Clone)]
pub(crate) enum Came<T> {
    /// The token.
    Token(T),
    /// There is certainly no token; the reason was reported.
    Nothing,
    /// Nothing, for as long as this run can wait; that was reported.
    NotYet,
}

impl<T: Clone + 'static> Late<T> {
    /// Waits on, even if no other caller waits.
    pub(super) fn waiting(cx: &Cx, waiting: Local<Came<T>>) -> Self {
        let waiting = waiting.shared();
        cx.in_background(waiting.clone().map(drop));
        Self(waiting)
    }

    /// Returns a wait that has ended without a token.
    pub(super) fn ended() -> Self {
        Self(std::future::ready(Came::NotYet).boxed_local().shared())
    }

    /// Waits for the token.
    pub(crate) async fn came(&self) -> Came<T> {
        self.0.clone().await
    }

    /// Returns whether there may be a token later.
    pub(crate) fn may_come(&self) -> bool {
        matches!(self.0.peek(), Some(Came::NotYet) | None)
    }
}
