//! A URL that Go's HTTP client requests, and what Go says of one that it cannot request (net/url,
//! `Parse`; net/http, `Transport.RoundTrip`).

use url::Url;

/// Parses a URL as `http.NewRequest` and the transport do.
///
/// # Errors
/// Returns what Go would say, or a text of like meaning.
pub fn request_url(text: &str) -> Result<Url, String> {
    if text.bytes().any(|byte| byte.is_ascii_control()) {
        return Err("net/url: invalid control character in URL".to_owned());
    }
    let scheme = scheme(text)?.to_ascii_lowercase();
    if scheme != "http" && scheme != "https" {
        return Err(format!("unsupported protocol scheme {scheme:?}"));
    }
    let rest = &text[scheme.len() + 1..];
    let authority = rest.strip_prefix("//").map(|rest| rest.split(['/', '?', '#']).next());
    if authority.flatten().unwrap_or_default().is_empty() {
        return Err("http: no Host in request URL".to_owned());
    }
    if authority.flatten().unwrap_or_default().contains(' ') {
        return Err("invalid character \" \" in host name".to_owned());
    }
    request_path(text).ok_or_else(|| "invalid URL escape".to_owned())?;
    Url::parse(text).map_err(|error| error.to_string())
}

/// Returns the path of a URL as Go requests it: it stays as it is written, and only what no path may
/// hold is escaped (net/url, `EscapedPath`). Returns `None` if an escape in it is none.
pub fn request_path(text: &str) -> Option<String> {
    let rest = text.split_once("//").map_or("", |(_, rest)| rest);
    let path = rest.find(['/', '?', '#']).map_or("", |at| &rest[at..]);
    let path = path.split(['?', '#']).next().unwrap_or_default();
    let mut escaped = String::new();
    let mut bytes = path.as_bytes().iter();
    while let Some(&byte) = bytes.next() {
        match byte {
            b'%' => {
                let rest = bytes.as_slice();
                rest.get(..2).filter(|two| two.iter().all(u8::is_ascii_hexdigit))?;
                escaped.push('%');
            }
            b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' => escaped.push(char::from(byte)),
            _ if b"-_.~$&+,/:;=@!'()*[]".contains(&byte) => escaped.push(char::from(byte)),
            _ => escaped += &format!("%{byte:02X}"),
        }
    }
    Some(if escaped.is_empty() { "/".to_owned() } else { escaped })
}

/// Returns the scheme of a URL; empty where it has none, as a relative one.
fn scheme(text: &str) -> Result<&str, String> {
    for (place, c) in text.char_indices() {
        match c {
            'a'..='z' | 'A'..='Z' => {}
            '0'..='9' | '+' | '-' | '.' if place > 0 => {}
            ':' if place > 0 => return Ok(&text[..place]),
            ':' => return Err("missing protocol scheme".to_owned()),
            _ => break,
        }
    }
    Ok("")
}

#[cfg(test)]
mod tests {
    use super::{request_path, request_url};

    #[test]
    fn paths_stay_as_they_are_written() {
        for (url, path) in [
            ("https://a.example", "/"),
            ("https://a.example?x", "/"),
            ("https://a.example/a/../token ", "/a/../token%20"),
            ("https://a.example/%2fa\"?b", "/%2fa%22"),
        ] {
            assert_eq!(request_path(url).unwrap(), path, "{url}");
        }
    }

    #[test]
    fn what_go_requests() {
        for good in ["https://a.example/token", "HTTP://a.example:8080?x=y", "http://[::1]/"] {
            assert!(request_url(good).is_ok(), "{good}");
        }
        for (bad, said) in [
            ("/token", "unsupported protocol scheme \"\""),
            ("", "unsupported protocol scheme \"\""),
            ("http", "unsupported protocol scheme \"\""),
            ("//a.example/token", "unsupported protocol scheme \"\""),
            ("file:///etc/passwd", "unsupported protocol scheme \"file\""),
            ("a.example:443/token", "unsupported protocol scheme \"a.example\""),
            (":/x", "missing protocol scheme"),
            ("http:/a.example", "no Host"),
            ("https://", "no Host"),
            ("https:///token", "no Host"),
            ("https://a.example/\u{7}", "control character"),
            ("https://a b/", "invalid"),
            ("https://a.example ", "invalid"),
            ("https://a.example/%zz", "escape"),
        ] {
            let error = request_url(bad).unwrap_err();
            assert!(error.contains(said), "{bad}: {error}");
        }
    }
}
