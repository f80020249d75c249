//! The authorization of the requests of a session.

use crate::kit::Secret;

/// The credentials that each request carries, as the value of its `Authorization` header.
#[derive(Clone)]
pub(super) enum Authorization {
    /// A user name and a password.
    Password(Secret),
    /// An access token.
    Token(Secret),
}

impl Authorization {
    pub(super) fn header(&self) -> Secret {
        match self {
            Authorization::Password(header) | Authorization::Token(header) => header.clone(),
        }
    }
}
