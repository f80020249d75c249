//! Untrusted text made safe to print: short, one line, no control characters.

use std::borrow::Cow;

use serde_json::Value;

use super::{
    secret::{holds_secrets, redact_known_secrets},
    urls::redact_urls,
};

/// The longest text that is shown, in characters; longer ones are cut.
const MAX_TEXT_CHARS: usize = 300;

/// Returns the text with control and direction characters escaped, without secrets, and cut when it
/// is too long.
///
/// The words of a server end up on a terminal and in a ticket; no escape sequence and no
/// right-to-left override may get there. Text that is safe stays unchanged, so showing a recording
/// and recording it again changes nothing.
pub fn sanitize_text(text: &str) -> String {
    if is_plain(text) {
        return redact_known_secrets(text);
    }
    let redacted = redact_split_secrets(&redact_known_secrets(text)).into_owned();
    let mut spelled = String::with_capacity(text.len());
    for c in redacted.chars() {
        if c.is_control() || is_invisible(c) {
            spelled.extend(c.escape_unicode());
        } else {
            spelled.push(c);
        }
    }
    // Only now: escaping changes where a URL in the text ends.
    let mut shown = redact_urls(&spelled);
    if let Some((end, _)) = shown.char_indices().nth(MAX_TEXT_CHARS) {
        shown.truncate(end);
        shown.push('…');
    }
    shown
}

/// Returns a text as [`sanitize_text`] does, and one that is clean as it is.
pub(crate) fn sanitize_owned(text: String) -> String {
    if is_clean(&text) { text } else { sanitize_text(&text) }
}

/// Returns whether the text is short and contains nothing that could control a terminal or be a
/// credential in a URL. Most texts of a recording qualify, and there are many of them.
fn is_plain(text: &str) -> bool {
    text.len() <= MAX_TEXT_CHARS
        && text.bytes().all(|byte| matches!(byte, b' '..=b'~') && !matches!(byte, b'@' | b'='))
}

/// Returns whether the text is shown as it is. Most are, and are not copied for it.
fn is_clean(text: &str) -> bool {
    is_plain(text) && !holds_secrets(text)
}

/// Returns the text without its invisible characters, if a secret is only recognized without them:
/// a server may echo one split up, and a terminal would show it whole.
fn redact_split_secrets(text: &str) -> Cow<'_, str> {
    let bare: String = text.chars().filter(|c| !c.is_control() && !is_invisible(*c)).collect();
    let redacted = redact_known_secrets(&bare);
    if redacted == bare { Cow::Borrowed(text) } else { Cow::Owned(redacted) }
}

fn is_invisible(c: char) -> bool {
    matches!(
        c,
        '\u{ad}' | '\u{34f}' | '\u{61c}' | '\u{115f}' | '\u{1160}' | '\u{17b4}' | '\u{17b5}'
            | '\u{180b}'..='\u{180f}' | '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}'
            | '\u{2060}'..='\u{206f}' | '\u{3164}' | '\u{fe00}'..='\u{fe0f}' | '\u{feff}'
            | '\u{ffa0}' | '\u{e0000}'..='\u{e0fff}'
    )
}

/// Sanitizes every text in a value: evidence may hold the words of a server.
pub(crate) fn sanitize(value: &mut Value) {
    match value {
        Value::String(text) => *text = sanitize_owned(std::mem::take(text)),
        Value::Array(items) => {
            items.truncate(50);
            items.iter_mut().for_each(sanitize);
        }
        Value::Object(fields) if fields.keys().all(|name| is_clean(name)) => {
            fields.values_mut().for_each(sanitize);
        }
        Value::Object(fields) => {
            // In a recording, the names are untrusted as well.
            *fields = std::mem::take(fields)
                .into_iter()
                .map(|(name, mut value)| {
                    sanitize(&mut value);
                    (sanitize_text(&name), value)
                })
                .collect();
        }
        _ => {}
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::kit::redact::Secret;

    #[test]
    fn nothing_steers_the_terminal() {
        assert_eq!(sanitize_text("a\u{1b}[2Jb\u{202e}c"), "a\\u{1b}[2Jb\\u{202e}c");
        assert_eq!(sanitize_text("한국어 text"), "한국어 text");
    }

    #[test]
    fn a_secret_that_is_split_up_is_hidden() {
        let _secret = Secret::new("canary-of-sanitize");
        for split in [
            "can\u{200b}ary-of-sanitize",
            "canary\u{ad}-of-\u{e0041}sanitize",
            "can\nary-of-sanitize",
        ] {
            let shown = sanitize_text(&format!("it was {split}, no"));
            assert_eq!(shown, "it was ***, no", "{split:?}");
        }
        assert_eq!(sanitize_text("a\u{200b}b"), "a\\u{200b}b");
    }

    #[test]
    fn a_value_is_sanitized_like_its_texts() {
        let _secret = Secret::new("canary-of-values");
        let mut value = serde_json::json!({
            "plain": ["a", "canary-of-values", { "in\u{1b}name": "x\u{1b}y" }],
            "canary-of-values": 1,
        });
        sanitize(&mut value);
        let wanted = serde_json::json!({
            "plain": ["a", "***", { "in\\u{1b}name": "x\\u{1b}y" }],
            "***": 1,
        });
        assert_eq!(value, wanted);
    }

    #[test]
    fn long_texts_are_cut() {
        let cut = sanitize_text(&"x".repeat(5000));
        assert_eq!(cut.chars().count(), MAX_TEXT_CHARS + 1);
        assert_eq!(sanitize_text(&cut), cut);
        for text in ["\u{1b}", "?sig=x ", "https://me:x@a/", "x:/\0y@z "] {
            for before in 0..20 {
                let cut = sanitize_text(&format!("{}{}", "a".repeat(before), text.repeat(500)));
                assert_eq!(cut.chars().count(), MAX_TEXT_CHARS + 1);
                assert_eq!(sanitize_text(&cut), cut);
            }
        }
        let cut = sanitize_text(&"\u{1b}".repeat(5000));
        assert!(cut.chars().count() <= MAX_TEXT_CHARS + 1);
        assert_eq!(sanitize_text(&cut), cut);
    }
}
