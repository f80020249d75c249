//! The authorization of the requests of a session.

use tokio::time::Instant;

use crate::kit::Secret;

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
