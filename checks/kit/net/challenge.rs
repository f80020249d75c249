//! Parses `WWW-Authenticate` as containerd does: it decides how a registry can be signed in to, so a
//! header that it misreads fails the pull (containerd, core/remotes/docker/auth/parse.go).
//!
//! A header line holds one challenge: what follows the first one's parameters is ignored, and so is
//! the rest of a value that is not quoted and contains more than a token.

use std::collections::BTreeMap;

use hyper::HeaderMap;

/// One authentication scheme that a server offers.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Challenge {
    /// The scheme in lower case: `bearer`, `digest` or `basic`.
    pub scheme: String,
    /// The parameters; their names are in lower case.
    pub params: BTreeMap<String, String>,
}

impl Challenge {
    /// Returns a parameter; `None` when it is missing or empty.
    pub fn param(&self, name: &str) -> Option<&str> {
        self.params.get(name).map(String::as_str).filter(|value| !value.is_empty())
    }
}

/// The schemes that containerd knows, in the order in which it prefers them.
const SCHEMES: [&str; 3] = ["bearer", "digest", "basic"];

/// Returns the challenges of a response that containerd knows, the preferred one first.
pub fn challenges(headers: &HeaderMap) -> Vec<Challenge> {
    let values = headers.get_all(hyper::header::WWW_AUTHENTICATE).iter();
    // Go trims what surrounds the value of a header.
    let read = values.map(|value| parse(value.as_bytes().trim_ascii()));
    let preference = |one: &Challenge| SCHEMES.iter().position(|scheme| *scheme == one.scheme);
    let mut known: Vec<_> = read.filter(|one| preference(one).is_some()).collect();
    known.sort_by_key(preference);
    known
}

/// Returns whether a header line holds a Bearer challenge behind another challenge, where containerd
/// does not see it.
pub fn hides_bearer(headers: &HeaderMap) -> bool {
    let values = headers.get_all(hyper::header::WWW_AUTHENTICATE).iter();
    let lines = values.map(|value| String::from_utf8_lossy(value.as_bytes()).to_lowercase());
    let is_bearer = |line: &String| parse(line.as_bytes()).scheme == "bearer";
    let lines: Vec<_> = lines.collect();
    !lines.iter().any(is_bearer)
        && lines.iter().any(|line| {
            line.split(',').skip(1).any(|part| part.trim_start().starts_with("bearer realm="))
        })
}

/// Parses one header line.
fn parse(header: &[u8]) -> Challenge {
    let (scheme, mut rest) = token(header);
    let mut challenge = Challenge { scheme: text(scheme).to_lowercase(), ..Challenge::default() };
    loop {
        let (name, after) = token(skip_space(rest));
        let Some(value) = after.strip_prefix(b"=").filter(|_| !name.is_empty()) else {
            return challenge;
        };
        let (value, after) = token_or_quoted(value);
        challenge.params.insert(text(name).to_lowercase(), text(&value));
        match skip_space(after).strip_prefix(b",") {
            Some(more) => rest = more,
            None => return challenge,
        }
    }
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}

fn skip_space(bytes: &[u8]) -> &[u8] {
    let end = bytes.iter().position(|byte| !b" \t\r\n".contains(byte)).unwrap_or(bytes.len());
    &bytes[end..]
}

/// Returns the longest run of token characters, and the text after it.
fn token(bytes: &[u8]) -> (&[u8], &[u8]) {
    let is_token = |byte: &u8| byte.is_ascii_graphic() && !b"\"(),/:;<=>?@[]\\{}".contains(byte);
    let end = bytes.iter().position(|byte| !is_token(byte)).unwrap_or(bytes.len());
    bytes.split_at(end)
}

/// Returns a token or a quoted string, whose escapes are decoded, and the text after it. A quoted
/// string without an end is empty.
fn token_or_quoted(bytes: &[u8]) -> (Vec<u8>, &[u8]) {
    let Some(quoted) = bytes.strip_prefix(b"\"") else {
        let (value, after) = token(bytes);
        return (value.to_vec(), after);
    };
    let (mut value, mut is_escaped) = (vec![], false);
    for (place, byte) in quoted.iter().enumerate() {
        match byte {
            _ if is_escaped => {
                is_escaped = false;
                value.push(*byte);
            }
            b'\\' => is_escaped = true,
            b'"' => return (value, &quoted[place + 1..]),
            byte => value.push(*byte),
        }
    }
    (vec![], b"")
}

#[cfg(test)]
mod tests {
    use hyper::header::{HeaderValue, WWW_AUTHENTICATE};

    use super::*;

    fn of(lines: &[&str]) -> Vec<Challenge> {
        let mut headers = HeaderMap::new();
        for line in lines {
            headers.append(WWW_AUTHENTICATE, HeaderValue::from_bytes(line.as_bytes()).unwrap());
        }
        challenges(&headers)
    }

    #[test]
    fn a_registry_asks_for_a_bearer_token() {
        let got = of(&[
            r#"Bearer realm="https://a.example/oauth2/token",service="a.example",scope="repository:x:pull,push",error="insufficient_scope""#,
        ]);
        assert_eq!(got.len(), 1);
        assert_eq!(got[0].scheme, "bearer");
        assert_eq!(got[0].param("scope"), Some("repository:x:pull,push"));
        assert_eq!(got[0].param("error"), Some("insufficient_scope"));
    }

    #[test]
    fn a_line_holds_one_challenge() {
        let got = of(&[r#"Basic realm="a, b", Bearer realm=x"#]);
        assert_eq!(got.iter().map(|c| c.scheme.as_str()).collect::<Vec<_>>(), ["basic"]);
        assert_eq!(got[0].param("realm"), Some("a, b"));
        let mut headers = HeaderMap::new();
        let line = r#"Basic realm="a, b", Bearer realm="https://a.example/token""#;
        headers.append(WWW_AUTHENTICATE, HeaderValue::from_static(line));
        assert!(hides_bearer(&headers));
        headers.append(WWW_AUTHENTICATE, HeaderValue::from_static("Bearer realm=x"));
        assert!(!hides_bearer(&headers));
    }

    #[test]
    fn the_strongest_scheme_first() {
        let got = of(&["Basic realm=x", "Negotiate", "Digest realm=x", "BEARER realm=x"]);
        let schemes: Vec<_> = got.iter().map(|c| c.scheme.as_str()).collect();
        assert_eq!(schemes, SCHEMES);
    }

    #[test]
    fn a_value_without_quotes_is_a_token() {
        let got = of(&["Bearer realm=http://a.example/token,service=registry"]);
        assert_eq!(got[0].param("realm"), Some("http"));
        assert_eq!(got[0].param("service"), None);
        let got = of(&[r#"Bearer service="a", realm = "x", error="b""#]);
        assert_eq!(got[0].params.keys().collect::<Vec<_>>(), ["service"]);
        let got = of(&[r#"Bearer service="a",service="b",realm="\x\"y""#]);
        assert_eq!((got[0].param("service"), got[0].param("realm")), (Some("b"), Some("x\"y")));
    }

    #[test]
    fn garbage_is_survived() {
        for text in
            ["", "=", "\"", "Bearer realm=\"\\", ",,,", "a=b", "Bearer =", "Bearer \"", "é=\"é"]
        {
            of(&[text]);
        }
        assert_eq!(of(&["Bearer realm=\"x"])[0].param("realm"), None);
    }
}
