//! The authorization of the requests of a session, and what was asked for with it.

use std::cell::Cell;

use tokio::time::Instant;

use crate::{kit::Secret, registry::Before};

/// The credentials that each request carries, as the value of its `Authorization` header.
#[derive(Clone)]
pub(super) enum Authorization {
    /// A user name and a password.
    Password(Secret),
    /// An access token.
    Token(AccessToken),
}

/// An access token.
#[derive(Clone)]
pub(super) struct AccessToken {
    pub(super) secret: Secret,
    /// When it ends; `None` where the token server did not say.
    pub(super) ends: Option<Instant>,
}

impl Authorization {
    pub(super) fn header(&self) -> Secret {
        match self {
            Authorization::Password(header) => header.clone(),
            Authorization::Token(token) => token.secret.bearer(),
        }
    }
}

/// What was asked for of the content.
#[derive(Clone, Default)]
pub(super) struct ContentState {
    /// Whether it was asked for without authorization.
    pub(super) began: Cell<bool>,
    /// Whether it was asked for with the authorization.
    pub(super) is_asked: Cell<bool>,
    /// What containerd does before it asks for the first content with an authorization, where that is known.
    pub(super) before: Cell<Option<Before>>,
}
