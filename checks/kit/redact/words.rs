//! Words that may be a credential, in the words of other programs.

use super::sanitize::sanitize_text;

/// Returns what a cluster, its webhooks or a program say, on one line, fit to print and without what may
/// be a credential: a policy may quote the object that it refuses.
pub fn foreign_words(text: &str) -> String {
    let line: Vec<&str> = text.split_whitespace().collect();
    sanitize_text(&without_secrets(&line.join(" ")))
}

/// Returns a text with a mark in the place of each word that may be a credential outside of a URL.
pub fn without_secrets(text: &str) -> String {
    /// What the tokens of GitHub, GitLab and Docker Hub begin with.
    const TOKENS: [&str; 7] =
        ["ghp_", "gho_", "ghs_", "ghu_", "github_pat_", "glpat-", "dckr_pat_"];
    const KEYS: [&str; 20] = [
        "accountkey=",
        "sharedaccesssignature=",
        "sig=",
        "x-registry-auth",
        "client-secret",
        "client_secret",
        "secret\":\"",
        "password",
        "passwd",
        "_token",
        "identitytoken",
        "token=",
        "token\":",
        "secret=",
        "\"auth",
        "api-key",
        "api_key",
        "apikey",
        "access-key",
        "access_key",
    ];
    const NAMES: [&str; 6] = ["token", "secret", "password", "passphrase", "credential", "key"];
    let (mut shown, mut is_next, mut is_named) = (vec![], Next::Other, false);
    for word in text.split(' ') {
        let lower = word.to_ascii_lowercase();
        let named = KEYS.iter().any(|key| lower.contains(key));
        let is_value = match is_next {
            Next::Named => !word.is_empty(),
            Next::Scheme => word.len() >= 8 && !lower.starts_with("realm"),
            Next::Other => false,
        };
        let is_secret = named
            || is_value
            || (is_named && is_opaque(word))
            || word.contains("eyJ")
            || TOKENS.iter().any(|begin| word.contains(begin));
        shown.push(if is_secret { "***" } else { word });
        let is_scheme = matches!(lower.trim_matches([':', '"', '\'']), "bearer" | "basic");
        is_next = if named && (word.ends_with([':', '=']) || is_flag(word))
            || is_next == Next::Named && word.is_empty()
        {
            Next::Named
        } else if is_scheme || is_next == Next::Scheme && named {
            Next::Scheme
        } else {
            Next::Other
        };
        is_named = NAMES.contains(&lower.trim_end_matches([':', '"', '\'', ',']));
    }
    shown.join(" ")
}

/// Returns whether a word is an option whose value is the next word.
fn is_flag(word: &str) -> bool {
    word.starts_with('-') && !word.contains(['=', ':'])
}

/// What the word behind a word is.
#[derive(Clone, Copy, PartialEq)]
enum Next {
    /// The value of what that word names.
    Named,
    /// A credential, if it is long: that word is the name of a scheme, or one of a language.
    Scheme,
    Other,
}

/// Returns what somebody wrote, with a mark in the place of what stands before an `@`, or behind a `?` or the `#`
/// of a path, of each word: the login, the query and the fragment of an address, however its scheme is written.
pub fn without_logins(text: &str) -> String {
    let is_end = |c: char| c.is_whitespace() || matches!(c, '"' | '\'' | '`');
    let mut shown = String::new();
    for word in text.split_inclusive(is_end) {
        let (word, end) = match word.char_indices().last() {
            Some((at, end)) if is_end(end) => word.split_at(at),
            _ => (word, ""),
        };
        let (word, fragment) = match word.split_once('#') {
            Some((before, fragment)) if before.contains('/') => (before, fragment),
            _ => (word, ""),
        };
        let (word, query) = word.split_once('?').unwrap_or((word, ""));
        // Before which `?` the login ends is not known where an `@` stands behind one.
        if query.contains('@') || fragment.contains('@') {
            shown.extend(["***", end]);
            continue;
        }
        let (login, word) = word.rsplit_once('@').map_or(("", word), |(_, word)| ("***@", word));
        let query = if query.is_empty() { "" } else { "?***" };
        shown.extend([login, word, query, if fragment.is_empty() { "" } else { "#***" }, end]);
    }
    shown
}

/// Returns whether a word is no word of a language and no name of Kubernetes.
fn is_opaque(word: &str) -> bool {
    let is_hash = |word: &str| {
        word.chars().all(|c| c.is_ascii_alphanumeric())
            && word.contains(|c: char| c.is_ascii_digit())
    };
    word.len() >= 16 && (word.contains(|c: char| c.is_ascii_uppercase()) || is_hash(word))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn logins_and_queries_of_addresses() {
        for (text, shown) in [
            ("[host.\"u:hunter2@m.example\"]\t# ours", "[host.\"***@m.example\"]\t# ours"),
            (r#""https:\u002f\u002fu:hunter2@m.example""#, r#""***@m.example""#),
            ("host = { \"u:hun@ter2@m.example\" = {} }", "host = { \"***@m.example\" = {} }"),
            ("https://m.example/v2?access_key=hunter2", "https://m.example/v2?***"),
            ("https://%zz/x#access_token=hunter2", "https://%zz/x#***"),
            ("/x?a=b#hunter2 # ours", "/x?***#*** # ours"),
            ("u:hunter2@m.example:5000?hunter2@", "***"),
            ("https://m.example/?a=@hunter2", "***"),
            ("https://u:hun?ter2@m.example", "***"),
            ("overlaybd", "overlaybd"),
            ("", ""),
        ] {
            assert_eq!(without_logins(text), shown);
        }
    }

    #[test]
    fn words_that_may_be_credentials() {
        for (text, shown) in [
            ("the token eyJhbGciOi.eyJzdWIi.c2ln is refused", "the token *** is refused"),
            ("bad password: hunter2-hunter2 for me", "bad *** *** for me"),
            ("the token 0a1b2c3d4e5f60718293 ended", "the token *** ended"),
            (
                "no token endpoint, no secret regcred-of-contoso-1",
                "no token endpoint, no secret regcred-of-contoso-1",
            ),
            ("client_secret=hunter2 is wrong", "*** is wrong"),
            (
                "token=hunter2 and x-api-key: hunter2 and password: h2, no",
                "*** and *** *** and *** *** no",
            ),
            ("env \"API_KEY\": \"hunter2\"", "env *** ***"),
            ("{\"token\":\"hunter2\"}", "***"),
            ("{\"name\":\"CLIENT_SECRET\",\"value\":\"hunter2\"}", "***"),
            ("{\"secret\":\"hunter2\"}", "***"),
            ("get-token --client-secret hunter2 --tenant t", "get-token *** *** --tenant t"),
            ("DefaultEndpointsProtocol=https;AccountKey=hunter2==", "***"),
            ("denied: ghp_hunter2 and glpat-hunter2", "denied: *** and ***"),
            ("the secret \"regcred\" of spec", "the secret \"regcred\" of spec"),
            ("Bearer hunter2-hunter2", "Bearer ***"),
            ("no basic auth credentials", "no basic auth credentials"),
            ("Please run az login to setup account.", "Please run az login to setup account."),
        ] {
            assert_eq!(without_secrets(text), shown);
        }
    }
}
