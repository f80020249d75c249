//! Removes the secrets that URLs in untrusted text carry.

/// The query parameters that grant access: signatures and credentials of cloud storage URLs.
pub(super) const SIGNED: [&str; 14] = [
    "sig",
    "s",
    "signature",
    "x-amz-signature",
    "x-amz-security-token",
    "x-goog-signature",
    "token",
    "access_token",
    "refresh_token",
    "id_token",
    "password",
    "client_secret",
    "secret",
    "key",
];

/// Returns the text without the users and signatures of its URLs. Applying it twice changes nothing
/// more.
pub(super) fn redact_urls(text: &str) -> String {
    without_users(&without_signatures(text))
}

/// Turns `https://me:secret@host/` into `https://***@host/`.
fn without_users(text: &str) -> String {
    let (mut shown, mut rest) = (String::with_capacity(text.len()), text);
    // How much of the rest is known to contain no user, so that each character is read only once.
    let mut looked_at = 0;
    while let Some(colon) = rest.find(':') {
        let (before, after) = rest.split_at(colon + 1);
        let place = after.trim_start_matches(['/', '\\']);
        let slashes = &after[..after.len() - place.len()];
        shown.push_str(before);
        rest = after;
        // Clients accept web addresses without the slashes, too.
        let is_url =
            slashes.len() >= 2 || ends_with(&shown, "http:") || ends_with(&shown, "https:");
        looked_at = usize::saturating_sub(looked_at, before.len());
        if is_url && looked_at <= slashes.len() {
            let end = place.find(|c: char| c.is_whitespace() || "/\\?#\"'<>".contains(c));
            let end = end.unwrap_or(place.len());
            looked_at = slashes.len() + end;
            if let Some(at) = place[..end].rfind('@') {
                shown.extend([slashes, "***"]);
                rest = &place[at..];
                looked_at = end - at;
            }
        }
    }
    shown + rest
}

fn ends_with(text: &str, end: &str) -> bool {
    let start = text.len().checked_sub(end.len());
    start.and_then(|start| text.get(start..)).is_some_and(|last| last.eq_ignore_ascii_case(end))
}

/// Turns `?sv=1&sig=secret` into `?sv=1&sig=***`.
fn without_signatures(text: &str) -> String {
    let mut pieces = text.split_inclusive(['?', '&']);
    let mut shown = pieces.next().unwrap_or_default().to_owned();
    for piece in pieces {
        let signed = piece.split_once('=').filter(|(name, _)| {
            let name = name.strip_prefix("amp;").unwrap_or(name);
            SIGNED.iter().any(|signed| signed.eq_ignore_ascii_case(name))
        });
        match signed {
            None => shown.push_str(piece),
            Some((name, value)) => {
                let end = value.find(|c: char| c.is_whitespace() || "?&\"'<>,)…".contains(c));
                shown.extend([name, "=***", &value[end.unwrap_or(value.len())..]]);
            }
        }
    }
    shown
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn who_signs_in_is_not_shown() {
        for (text, shown) in [
            (
                "Bearer realm=\"https://me:secret@a.example/t\",service=\"x\"",
                "Bearer realm=\"https://***@a.example/t\",service=\"x\"",
            ),
            (
                "https://me@secret@a.example and ftp://secret@b.example",
                "https://***@a.example and ftp://***@b.example",
            ),
            (
                "HTTPS:secret@a.example/ http:/secret@b.example",
                "HTTPS:***@a.example/ http:/***@b.example",
            ),
            ("https:\\\\me:secret@a.example", "https:\\\\***@a.example"),
            (
                "https://a.example/v2/x@sha256:0 me@b.example: no",
                "https://a.example/v2/x@sha256:0 me@b.example: no",
            ),
            ("http:http://me:secret@a.example", "http:http://***@a.example"),
        ] {
            assert_eq!(redact_urls(text), shown);
            assert_eq!(redact_urls(shown), shown);
        }
    }

    #[test]
    fn signatures_are_not_shown() {
        for (text, shown) in [
            (
                "https://a.example/b?sv=1&sig=secret%3D&se=2",
                "https://a.example/b?sv=1&sig=***&se=2",
            ),
            (
                "see <a href=\"/b?se=1&amp;Sig=secret\">it</a>",
                "see <a href=\"/b?se=1&amp;Sig=***\">it</a>",
            ),
            ("?X-Amz-Signature=secret&X-Amz-Date=1", "?X-Amz-Signature=***&X-Amz-Date=1"),
            ("http:a&sig=b/c,d@a.example", "http:***@a.example"),
            ("/oauth2/token?service=a.example", "/oauth2/token?service=a.example"),
        ] {
            assert_eq!(redact_urls(text), shown);
            assert_eq!(redact_urls(shown), shown);
        }
    }

    #[test]
    fn each_letter_of_a_long_text_is_looked_at_once() {
        let text = "http:".repeat(200_000);
        assert_eq!(redact_urls(&text), text);
        assert_eq!(redact_urls(&format!("{text}me@a.example")), "http:***@a.example");
    }
}
