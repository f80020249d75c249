//! URLs as Go reads, resolves and requests them, and what it says of those that it cannot (net/url,
//! `Parse`, `ResolveReference`; net/http, `Transport.roundTrip`).
//!
//! Go keeps a path and a query as they are written, which a signature may depend on, and reads no host
//! as an address but one in the usual form.

use super::url_parts::{
    cut, host_and_port, requested_path, resolved, scheme, text, unescape, userinfo,
};

/// A URL. It has no `Debug`: it may hold a password or a signature.
#[derive(Clone, PartialEq, Eq)]
pub struct GoUrl {
    /// The scheme in small letters; empty if it is relative.
    scheme: String,
    /// The user and the password, if there is an `@`.
    user: Option<(String, String)>,
    /// The host with its port, as it is written; empty if there is none.
    authority: String,
    /// The path as Go requests it.
    path: String,
    /// The query as it is written, which may be empty.
    query: Option<String>,
}

/// Parses a URL as `http.NewRequest` and the transport do.
///
/// # Errors
/// Returns what Go would say, or a text of like meaning.
pub fn request_url(text: &str) -> Result<GoUrl, String> {
    let url = GoUrl::parse(text.as_bytes())?;
    url.requested()
}

impl GoUrl {
    /// Parses a URL, which may be relative (`url.Parse`).
    ///
    /// # Errors
    /// Returns what Go would say, or a text of like meaning.
    pub fn parse(bytes: &[u8]) -> Result<Self, String> {
        let (bytes, fragment) = cut(bytes, b'#');
        unescape(fragment.unwrap_or_default(), |_| true)?;
        if bytes.iter().any(u8::is_ascii_control) {
            return Err("net/url: invalid control character in URL".to_owned());
        }
        let (scheme, rest) = scheme(bytes)?;
        let (rest, query) = cut(rest, b'?');
        let scheme = text(scheme).to_ascii_lowercase();
        let query = query.map(text);
        let empty = String::new;
        if !rest.starts_with(b"/") {
            if !scheme.is_empty() {
                // What Go calls opaque, which has no host.
                let (authority, path) = (empty(), text(rest));
                return Ok(Self { scheme, user: None, authority, path, query });
            }
            if cut(rest, b'/').0.contains(&b':') {
                return Err("first path segment in URL cannot contain colon".to_owned());
            }
        }
        let is_path = scheme.is_empty() && rest.starts_with(b"///");
        let Some(after) = rest.strip_prefix(b"//").filter(|_| !is_path) else {
            let path = requested_path(rest)?;
            return Ok(Self { scheme, user: None, authority: empty(), path, query });
        };
        let end = after.iter().position(|byte| *byte == b'/').unwrap_or(after.len());
        let (authority, path) = after.split_at(end);
        let (user, host) = match authority.iter().rposition(|byte| *byte == b'@') {
            Some(at) => (Some(userinfo(&authority[..at])?), &authority[at + 1..]),
            None => (None, authority),
        };
        let (authority, path) = (host_and_port(host)?, requested_path(path)?);
        Ok(Self { scheme, user, authority, path, query })
    }

    /// Returns the URL that a location leads to from this one, such as that of a redirect.
    ///
    /// # Errors
    /// Returns what Go would say where it cannot read or request it, or a text of like meaning.
    pub fn join(&self, location: &[u8]) -> Result<Self, String> {
        let mut next = Self::parse(location)?;
        if !next.scheme.is_empty() || !next.authority.is_empty() || next.user.is_some() {
            if next.scheme.is_empty() {
                next.scheme.clone_from(&self.scheme);
            }
            next.path = resolved("", &next.path);
            return next.requested();
        }
        if next.path.is_empty() && next.query.is_none() {
            next.query = self.query.clone().filter(|query| !query.is_empty());
        }
        next.path = resolved(&self.path, &next.path);
        next.scheme.clone_from(&self.scheme);
        next.authority.clone_from(&self.authority);
        next.user.clone_from(&self.user);
        next.requested()
    }

    /// Returns the URL unless the transport does not request it.
    fn requested(self) -> Result<Self, String> {
        if !matches!(self.scheme.as_str(), "http" | "https") {
            return Err(format!("unsupported protocol scheme {:?}", self.scheme));
        }
        if self.authority.is_empty() {
            return Err("http: no Host in request URL".to_owned());
        }
        Ok(self)
    }

    /// Returns the scheme.
    #[must_use]
    pub fn scheme(&self) -> &str {
        &self.scheme
    }

    /// Returns the host and the port as they are written.
    #[must_use]
    pub fn authority(&self) -> &str {
        &self.authority
    }

    /// Returns the name or the address, without brackets.
    #[must_use]
    pub fn host(&self) -> &str {
        let (host, _) = self.split();
        host.trim_start_matches('[').trim_end_matches(']')
    }

    /// Returns the port; `None` if it is too large.
    #[must_use]
    pub fn port(&self) -> Option<u16> {
        match self.split().1 {
            "" if self.scheme == "http" => Some(80),
            "" => Some(443),
            port => port.parse().ok(),
        }
    }

    fn split(&self) -> (&str, &str) {
        let is_port = |port: &str| port.bytes().all(|byte| byte.is_ascii_digit());
        match self.authority.rsplit_once(':') {
            Some((host, port)) if is_port(port) => (host, port),
            _ => (&self.authority, ""),
        }
    }

    /// Returns the user and the password, if it has them.
    #[must_use]
    pub fn user(&self) -> Option<(&str, &str)> {
        self.user.as_ref().map(|(user, password)| (user.as_str(), password.as_str()))
    }

    /// Returns the path as Go requests it: as it is written, unless it holds what no path may.
    #[must_use]
    pub fn path(&self) -> &str {
        if self.path.is_empty() { "/" } else { &self.path }
    }

    /// Returns the path and the query, as Go requests them.
    #[must_use]
    pub fn target(&self) -> String {
        let query = self.query.as_ref().map(|query| format!("?{query}")).unwrap_or_default();
        format!("{}{query}", self.path())
    }

    /// Returns the parameters of the query; those that Go cannot read are left out.
    #[must_use]
    pub fn parameters(&self) -> Vec<(String, String)> {
        let query = self.query.as_deref().unwrap_or_default();
        let pairs = query.split('&').filter(|pair| !pair.is_empty() && !pair.contains(';'));
        let read = |part: &str| unescape(part.replace('+', " ").as_bytes(), |_| true).ok();
        let read = |part| read(part).map(|bytes| text(&bytes));
        let both = pairs.map(|pair| pair.split_once('=').unwrap_or((pair, "")));
        both.filter_map(|(name, value)| Some((read(name)?, read(value)?))).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::{GoUrl, request_url};

    fn joined(base: &str, location: &str) -> String {
        let base = request_url(base).unwrap_or_else(|said| panic!("{said}"));
        match base.join(location.as_bytes()) {
            Ok(url) => format!("{}://{}{}", url.scheme, url.authority, url.target()),
            Err(said) => said,
        }
    }

    #[test]
    fn paths_and_queries_stay_as_they_are_written() {
        for (url, target) in [
            ("https://a.example", "/"),
            ("https://a.example/a/../token ", "/a/../token%20"),
            ("https://a.example/%2fa\"?b", "//a%22?b"),
            ("https://a.example/%2fa'(b)[c]", "/%2fa'(b)[c]"),
            ("https://a.example/é", "/%C3%A9"),
            ("https://a.example/x?", "/x?"),
            ("https://a.example/x?a='b'&c={d}|e^f`<g>?%zz#y", "/x?a='b'&c={d}|e^f`<g>?%zz"),
        ] {
            let read = request_url(url).map(|url| url.target());
            assert_eq!(read.as_deref(), Ok(target), "{url}");
        }
    }

    #[test]
    fn locations_are_resolved() {
        let base = "https://a.example:8443/v2/x/y?q=1";
        for (location, expected) in [
            ("/z", "https://a.example:8443/z"),
            ("z?a", "https://a.example:8443/v2/x/z?a"),
            ("", "https://a.example:8443/v2/x/y?q=1"),
            ("?", "https://a.example:8443/v2/x/y?"),
            ("../../../z/.", "https://a.example:8443/z/"),
            ("/x/%2e%2e/z", "https://a.example:8443/x/%2e%2e/z"),
            ("//B.example/a/../b//c", "https://B.example/b//c"),
            ("http://127.2:80/", "http://127.2:80/"),
            ("///b.example/x", "https://a.example:8443///b.example/x"),
            ("https://b.example?x=\\", "https://b.example/?x=\\"),
            ("\\z", "https://a.example:8443/v2/x/%5Cz"),
        ] {
            assert_eq!(joined(base, location), expected, "{location}");
        }
        for (location, said) in [
            ("https:/b.example", "no Host"),
            ("https:b.example", "no Host"),
            ("ftp://b.example/", "unsupported protocol scheme"),
            ("b:8/x", "unsupported protocol scheme"),
            ("1:8/x", "first path segment"),
            ("http://127.0.0.%32/", "invalid URL escape"),
            ("http://b.example\\x/", "invalid character"),
            ("http://b.example/\tx", "control character"),
            ("/x#%zz", "invalid URL escape"),
            ("http://[127.0.0.1]/", "IP-literal"),
            ("http://a:b:1/", "invalid port"),
            ("http://a:1x/", "invalid port"),
            ("http://a b@c/", "invalid userinfo"),
        ] {
            assert!(
                joined(base, location).contains(said),
                "{location}: {}",
                joined(base, location)
            );
        }
    }

    #[test]
    fn its_parts() {
        let read = |text: &str| GoUrl::parse(text.as_bytes()).ok();
        let parts = |text| read(text).map(|url| (url.host().to_owned(), url.port()));
        for (url, host, port) in [
            ("http://a.example/", "a.example", Some(80)),
            ("https://A.example:/", "A.example", Some(443)),
            ("https://a.example:008443", "a.example", Some(8443)),
            ("https://a.example:99999", "a.example", None),
            ("https://[::1]:5000/", "::1", Some(5000)),
            ("https://0x7f000002/", "0x7f000002", Some(443)),
        ] {
            assert_eq!(parts(url), Some((host.to_owned(), port)), "{url}");
        }
        let url = read("https://u%40x:a+b%26@a.example/?a=b+c&d;e=f&g=%zz&h");
        let (user, parameters) =
            url.as_ref().map(|url| (url.user(), url.parameters())).unwrap_or_default();
        assert_eq!(user, Some(("u@x", "a+b&")));
        let expected = [("a", "b c"), ("h", "")];
        assert_eq!(parameters, expected.map(|(name, value)| (name.into(), value.into())));
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
            let error = request_url(bad).err().unwrap_or_default();
            assert!(error.contains(said), "{bad}: {error}");
        }
    }
}
