//! A refresh token: what the exchange gives, and what access tokens are issued for.

use jiff::Timestamp;
use serde::Serialize;

use crate::kit::{Secret, redact::claims};

/// The longest token that is read.
pub(super) const MAX_TOKEN_BYTES: usize = 1024 * 1024;

/// The user name that goes with a refresh token where a password is due.
pub(crate) const TOKEN_USER: &str = "00000000-0000-0000-0000-000000000000";

/// What is shown at the token server in place of a password.
#[derive(Serialize)]
pub struct RefreshToken {
    #[serde(skip)]
    pub(super) token: Secret,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) expires: Option<Timestamp>,
}

/// When a token ends, if it says so.
pub(super) fn expires(token: &Secret) -> Option<Timestamp> {
    let expires = claims(token)?.get("exp")?.as_i64()?;
    Timestamp::from_second(expires).ok()
}

/// When a token ended, if it has by that clock.
pub(super) fn expired(token: &Secret, now: Option<Timestamp>) -> Option<Timestamp> {
    expires(token).filter(|expires| now.is_some_and(|now| *expires < now))
}
