//! Passwords and tokens, in a type that cannot be printed, logged or serialised.

use std::{cell::RefCell, collections::BTreeSet};

use base64::{
    Engine,
    prelude::{BASE64_STANDARD, BASE64_URL_SAFE_NO_PAD},
};
use secrecy::{ExposeSecret, SecretString};
use url::form_urlencoded;

use super::urls::SIGNED;

/// A password or a token. It has no `Display` and no `Serialize`, and its `Debug` shows nothing.
#[derive(Clone)]
pub struct Secret(SecretString);

impl Secret {
    /// Wraps the text, and remembers it so that output can be redacted.
    pub fn new(text: impl Into<String>) -> Self {
        let text = text.into();
        remember(&text);
        Self(SecretString::from(text))
    }

    /// Returns the text itself, only for sending on a verified connection or for decoding.
    pub fn expose(&self) -> &str {
        self.0.expose_secret()
    }

    /// Returns the value of an `Authorization` header for a user name and this password.
    pub fn basic(&self, user: &str) -> Secret {
        Secret::new(format!(
            "Basic {}",
            BASE64_STANDARD.encode(format!("{user}:{}", self.expose()))
        ))
    }

    /// Returns the value of an `Authorization` header for this token.
    pub fn bearer(&self) -> Secret {
        Secret::new(format!("Bearer {}", self.expose()))
    }
}

thread_local! {
    /// What must not be shown when a server echoes it.
    static KNOWN_SECRETS: RefCell<BTreeSet<String>> = RefCell::default();
}

/// The parts of a token are longer than this. Other secrets may contain dots with common words
/// between them.
const TOKEN_PART: usize = 40;

/// Remembers every form of a secret that an answer could contain: itself, what follows the scheme
/// in a header, the signature in a URL. Short ones are left out because they could be common words.
fn remember(text: &str) {
    let header = text.split_once(' ').map(|(_, rest)| rest);
    let query = text.split_once('?').map_or("", |(_, query)| query).split('&');
    let signed = query.filter_map(|pair| pair.split_once('='));
    let signed = signed.filter(|(name, _)| SIGNED.contains(name));
    // Each part of a token as well: the middle one holds the claims, the last one the signature.
    let token = text
        .rsplit(' ')
        .next()
        .unwrap_or_default()
        .split('.')
        .filter(|part| part.len() >= TOKEN_PART);
    let parts = [Some(text), header].into_iter().flatten().chain(signed.map(|(_, value)| value));
    let parts = parts.chain(token);
    KNOWN_SECRETS.with_borrow_mut(|held| {
        held.extend(parts.filter(|part| part.len() >= 8).flat_map(encodings));
    });
}

/// Returns a secret in every encoding in which a server may echo it: plain, and as in a form, a
/// header, JSON or HTML.
fn encodings(secret: &str) -> Vec<String> {
    let form: String = form_urlencoded::byte_serialize(secret.as_bytes()).collect();
    let json = serde_json::Value::from(secret).to_string();
    let page = secret.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;");
    vec![
        secret.to_owned(),
        form.replace('+', "%20"),
        form,
        json.trim_matches('"').to_owned(),
        page.replace('"', "&quot;"),
        BASE64_STANDARD.encode(secret).trim_end_matches('=').to_owned(),
        BASE64_URL_SAFE_NO_PAD.encode(secret),
    ]
}

/// Returns the text without the known secrets: a server may echo what it received.
pub(super) fn redact_known_secrets(text: &str) -> String {
    KNOWN_SECRETS.with_borrow(|held| {
        held.iter().fold(text.to_owned(), |text, secret| {
            if text.contains(secret.as_str()) { text.replace(secret.as_str(), "***") } else { text }
        })
    })
}

impl std::fmt::Debug for Secret {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Secret")
    }
}

/// Returns the claims of a token without verifying them: for display only, never for trust.
///
/// `None` when it is not a JWT; many registries issue opaque tokens.
pub fn claims(token: &Secret) -> Option<serde_json::Map<String, serde_json::Value>> {
    let payload = token.expose().split('.').nth(1)?;
    let bytes =
        base64::prelude::BASE64_URL_SAFE_NO_PAD.decode(payload.trim_end_matches('=')).ok()?;
    serde_json::from_slice(&bytes).ok()
}
