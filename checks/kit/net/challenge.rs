//! Parses `WWW-Authenticate`: how a server wants clients to authenticate (RFC 9110 §11.6.1).

use std::collections::BTreeMap;

use hyper::HeaderMap;

/// One authentication scheme that a server offers.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Challenge {
    /// The scheme in lower case: `bearer`, `basic`.
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

/// Returns every challenge in a response, in order. Challenges that do not parse are left out.
pub fn challenges(headers: &HeaderMap) -> Vec<Challenge> {
    let values = headers.get_all(hyper::header::WWW_AUTHENTICATE).iter();
    values.flat_map(|value| parse(&String::from_utf8_lossy(value.as_bytes()))).collect()
}

fn parse(header: &str) -> Vec<Challenge> {
    let mut found: Vec<Challenge> = vec![];
    let mut rest = header;
    loop {
        rest = rest.trim_start_matches([' ', '\t', ',']);
        let (word, after) = token(rest);
        if word.is_empty() {
            return found;
        }
        let value = after.trim_start().strip_prefix('=').map(str::trim_start);
        match (value, found.last_mut()) {
            (Some(value), Some(challenge)) => {
                let (value, after) = quoted(value).unwrap_or_else(|| {
                    let (value, after) = token(value);
                    (value.to_owned(), after)
                });
                // The first one counts: a second one could be an attempt to override it.
                challenge.params.entry(word.to_lowercase()).or_insert(value);
                rest = after;
            }
            (Some(_), None) => return found,
            (None, _) => {
                found.push(Challenge { scheme: word.to_lowercase(), ..Challenge::default() });
                rest = after;
            }
        }
    }
}

/// Returns the longest run of token characters, and the text after it.
fn token(text: &str) -> (&str, &str) {
    let end = text.find(|c: char| c.is_whitespace() || ",=\"".contains(c)).unwrap_or(text.len());
    text.split_at(end)
}

/// Returns a quoted string with its escapes decoded, and the text after it.
fn quoted(text: &str) -> Option<(String, &str)> {
    let mut value = String::new();
    let mut chars = text.strip_prefix('"')?.char_indices();
    while let Some((place, c)) = chars.next() {
        match c {
            '"' => return Some((value, &text[place + 2..])),
            '\\' => value.extend(chars.next().map(|(_, c)| c)),
            c => value.push(c),
        }
    }
    Some((value, ""))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_registry_asks_for_a_bearer_token() {
        let got = parse(
            r#"Bearer realm="https://a.example/oauth2/token",service="a.example",scope="repository:x:pull,push",error="insufficient_scope""#,
        );
        assert_eq!(got.len(), 1);
        assert_eq!(got[0].scheme, "bearer");
        assert_eq!(got[0].param("scope"), Some("repository:x:pull,push"));
        assert_eq!(got[0].param("error"), Some("insufficient_scope"));
    }

    #[test]
    fn several_challenges_in_one_header() {
        let got = parse(r#"Basic realm="a, b", Bearer realm=x"#);
        assert_eq!(got.iter().map(|c| c.scheme.as_str()).collect::<Vec<_>>(), ["basic", "bearer"]);
        assert_eq!(got[0].param("realm"), Some("a, b"));
        assert_eq!(got[1].param("realm"), Some("x"));
    }

    #[test]
    fn garbage_is_survived() {
        for text in
            ["", "=", "\"", "Bearer realm=\"\\", ",,,", "a=b", "Bearer =", "Bearer \"", "é=\"é"]
        {
            parse(text);
        }
        assert_eq!(parse("=x").len(), 0);
    }
}
