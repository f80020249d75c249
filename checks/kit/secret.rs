//! Passwords and tokens: held so that they cannot be printed, logged or serialised.

use base64::{Engine, prelude::BASE64_STANDARD};
use secrecy::{ExposeSecret, SecretString};

/// A password or a token. It has no `Display` and no `Serialize`, and its `Debug` shows nothing.
#[derive(Clone)]
pub struct Secret(SecretString);

impl Secret {
    /// Takes the text into custody.
    pub fn new(text: impl Into<String>) -> Self {
        Self(SecretString::from(text.into()))
    }

    /// The text itself: only to be put on a verified connection, or to be decoded.
    pub fn expose(&self) -> &str {
        self.0.expose_secret()
    }

    /// The value of an `Authorization` header for a user name and this password.
    pub fn basic(&self, user: &str) -> Secret {
        Secret::new(format!(
            "Basic {}",
            BASE64_STANDARD.encode(format!("{user}:{}", self.expose()))
        ))
    }

    /// The value of an `Authorization` header for this token.
    pub fn bearer(&self) -> Secret {
        Secret::new(format!("Bearer {}", self.expose()))
    }
}

impl std::fmt::Debug for Secret {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Secret")
    }
}

/// The claims of a token, read without verifying them: for saying what it holds, never for trust.
///
/// `None` when it is no JWT; many registries issue opaque tokens.
pub fn claims(token: &Secret) -> Option<serde_json::Map<String, serde_json::Value>> {
    let payload = token.expose().split('.').nth(1)?;
    let bytes =
        base64::prelude::BASE64_URL_SAFE_NO_PAD.decode(payload.trim_end_matches('=')).ok()?;
    serde_json::from_slice(&bytes).ok()
}
