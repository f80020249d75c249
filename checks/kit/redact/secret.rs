//! Passwords and tokens, in a type that cannot be printed, logged or serialised.

use std::{
    cell::RefCell,
    collections::{BTreeMap, HashMap},
    ops::Range,
};

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
    static KNOWN_SECRETS: RefCell<KnownSecrets> = RefCell::default();
}

/// Texts that must not be shown. Most texts hold none of them, and are read once.
struct KnownSecrets {
    /// Whether one begins with bytes that have this slot.
    begins: Vec<bool>,
    /// Each, and how much of its beginning may be shown, by its first bytes.
    held: HashMap<[u8; SHORTEST], BTreeMap<String, usize>>,
}

impl Default for KnownSecrets {
    fn default() -> Self {
        Self { begins: vec![false; 1 << 16], held: HashMap::default() }
    }
}

impl KnownSecrets {
    fn hold(&mut self, secret: String, shown: usize) {
        let Some(begin) = secret.as_bytes().first_chunk::<SHORTEST>() else { return };
        self.begins[slot(*begin)] = true;
        self.held.entry(*begin).or_default().insert(secret, shown);
    }
}

/// Returns a number below 2^16 for the first bytes of a text: others rarely have the same, and it costs
/// less than the map's hash, which every position of every text that is read would pay for.
fn slot(begin: [u8; SHORTEST]) -> usize {
    let [high, low, ..] = u32::from_ne_bytes(begin).wrapping_mul(0x9E37_79B1).to_be_bytes();
    usize::from(u16::from_be_bytes([high, low]))
}

/// The parts of a token are longer than this. Other secrets may contain dots with common words
/// between them.
const TOKEN_PART: usize = 40;

/// Remembers every form of a secret that an answer could contain: itself, what follows the scheme
/// in a header, the signature in a URL.
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
    let forms = parts.filter(|part| part.len() >= SHORTEST).flat_map(|part| {
        let names = if part.len() < LONG { &NAMES[..] } else { &[""] };
        let named =
            |form: String| names.iter().map(move |name| (format!("{name}{form}"), name.len()));
        encodings(part).into_iter().flat_map(named)
    });
    KNOWN_SECRETS.with_borrow_mut(|held| {
        forms.for_each(|(form, shown)| held.hold(form, shown));
    });
}

/// A shorter text is no secret worth the name.
const SHORTEST: usize = 4;
/// A secret that is shorter than this may be a common word: it is one only behind its name.
const LONG: usize = 8;
/// What ends a name, as in `user:secret` and `password=secret`.
const NAMES: [&str; 6] = [":", "=", "%3A", "%3a", "%3D", "%3d"];

/// Returns a secret in every encoding in which a server may echo it: plain, and as in a form, a
/// header, JSON or HTML.
fn encodings(secret: &str) -> Vec<String> {
    let form: String = form_urlencoded::byte_serialize(secret.as_bytes()).collect();
    let percent = form.replace('+', "%20");
    let lower = lower_escapes(&percent);
    let json = serde_json::Value::from(secret).to_string();
    let json = json.trim_matches('"').to_owned();
    // Go's encoder escapes these letters in JSON, and other ones in HTML.
    let go = json.replace('&', "\\u0026").replace('<', "\\u003c").replace('>', "\\u003e");
    let page = secret.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;");
    vec![
        secret.to_owned(),
        percent.replace('%', "%25"),
        percent,
        lower,
        form,
        json,
        go,
        page.replace('"', "&#34;").replace('\'', "&#39;"),
        page.replace('"', "&quot;").replace('\'', "&#x27;"),
        page.replace('"', "&quot;"),
        BASE64_STANDARD.encode(secret).trim_end_matches('=').to_owned(),
        BASE64_URL_SAFE_NO_PAD.encode(secret),
    ]
}

/// Returns a percent-encoded text with its escapes in small letters: `%2b` for `%2B`.
fn lower_escapes(text: &str) -> String {
    let mut parts = text.split('%');
    let mut lower = parts.next().unwrap_or_default().to_owned();
    for part in parts {
        let (escape, rest) = part.split_at_checked(2).unwrap_or((part, ""));
        lower += &format!("%{}{rest}", escape.to_lowercase());
    }
    lower
}

/// Returns the text without the known secrets: a server may echo what it received.
pub(super) fn redact_known_secrets(text: &str) -> String {
    let mut redacted = String::new();
    let mut from = 0;
    for Range { start, end } in known_secrets(text) {
        redacted += &text[from..start];
        redacted += "***";
        from = end;
    }
    redacted + &text[from..]
}

/// Returns whether a text holds a known secret.
pub(super) fn holds_secrets(text: &str) -> bool {
    !known_secrets(text).is_empty()
}

/// Returns where a text holds known secrets; those that touch are one.
fn known_secrets(text: &str) -> Vec<Range<usize>> {
    let mut found = vec![];
    KNOWN_SECRETS.with_borrow(|held| {
        for (at, begin) in text.as_bytes().windows(SHORTEST).enumerate() {
            let Some(begin) = begin.first_chunk().filter(|begin| held.begins[slot(**begin)]) else {
                continue;
            };
            let secrets = held.held.get(begin).into_iter().flatten();
            let is_here = |secret: &str| text.as_bytes()[at..].starts_with(secret.as_bytes());
            let here = secrets.filter(|(secret, _)| is_here(secret));
            found.extend(here.map(|(secret, shown)| at + shown..at + secret.len()));
        }
    });
    found.sort_by_key(|hidden| hidden.start);
    found.dedup_by(|next, last| {
        let touches = next.start <= last.end;
        if touches {
            last.end = last.end.max(next.end);
        }
        touches
    });
    found
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_secret_is_hidden_in_whatever_form_it_is_echoed() {
        let secret = Secret::new("p&w+\"x'<y>/é 1");
        for form in encodings(secret.expose()) {
            let said = redact_known_secrets(&format!("it was {form}, no"));
            assert_eq!(said, "it was ***, no", "{form}");
        }
        let form: String = form_urlencoded::byte_serialize(secret.expose().as_bytes()).collect();
        let said = redact_known_secrets(&form.to_lowercase().replace('+', "%20"));
        assert!(said.contains("***"), "{said}");
    }

    #[test]
    fn secrets_that_overlap_are_hidden_as_one() {
        let _secrets =
            ["first-half", "first-half-and", "half-and-second", "second"].map(Secret::new);
        assert_eq!(redact_known_secrets("a first-half-and-second é"), "a *** é");
        let _short = ["pass", "pass%3Aword", "%3Awordless"].map(Secret::new);
        assert_eq!(redact_known_secrets("=pass%3Awordless!"), "=***!");
    }

    #[test]
    fn a_short_secret_is_hidden_behind_its_name_alone() {
        let _secret = Secret::new("team");
        assert_eq!(redact_known_secrets("me:team of team/app"), "me:*** of team/app");
        assert_eq!(redact_known_secrets("password=team&x=1"), "password=***&x=1");
    }
}
