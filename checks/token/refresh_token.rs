//! A refresh token: the exchange returns it, and access tokens are issued for it.

use std::rc::Rc;

use jiff::Timestamp;
use serde::Serialize;

use crate::{
    identity::Candidate,
    kit::{Secret, redact::claims},
};

/// The size of the largest token response that is read.
pub(super) const MAX_TOKEN_BYTES: usize = 1024 * 1024;

/// The user name that is sent with a refresh token where a password is expected.
pub(crate) const TOKEN_USER: &str = "00000000-0000-0000-0000-000000000000";

/// The token that is sent to the token server in place of a password.
#[derive(Serialize)]
pub struct RefreshToken {
    #[serde(skip)]
    pub(super) token: Secret,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) expires: Option<Timestamp>,
    /// Who signs in with it, where that was known only when IMDS answered.
    #[serde(skip)]
    pub(super) late: Option<Rc<Candidate>>,
}

/// Returns when a token expires, if it states that.
pub(super) fn expires(token: &Secret) -> Option<Timestamp> {
    // A fraction of a second is allowed (RFC 7519, NumericDate).
    let expires = claims(token)?.get("exp")?.as_f64()?;
    Timestamp::from_duration(jiff::SignedDuration::try_from_secs_f64(expires).ok()?).ok()
}

/// Returns when a token expired, if that clock is past its expiry.
pub(super) fn expired(token: &Secret, now: Option<Timestamp>) -> Option<Timestamp> {
    expires(token).filter(|expires| now.is_some_and(|now| *expires < now))
}
