//! What each request of a session carries.

use crate::kit::Secret;

/// What each request carries: the value of its `Authorization` header.
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
