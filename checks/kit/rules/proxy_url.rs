//! The URL of a proxy, parsed as Go does (`httpproxy.parseProxy` and `net/url`), which containerd
//! follows.
//!
//! It is tested against Go case by case (`tests/fixtures/no_proxy`). Left out: escapes that are not
//! UTF-8, and escapes in the zone of an IPv6 address.

use std::net::Ipv6Addr;

use super::no_proxy::ascii;
use crate::kit::redact::Secret;

/// A proxy and its credentials.
#[derive(Clone, Debug)]
pub struct ProxyUrl {
    /// `http`, `https`, `socks5`, `socks5h`; any other scheme is treated as `http`.
    pub scheme: String,
    /// The name or the address, without brackets.
    pub host: String,
    /// The port.
    pub port: u16,
    /// The value of `Proxy-Authorization`, when the URL contains a user.
    pub credentials: Option<Secret>,
}

/// Why a value is not a usable proxy.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ProxyUrlError {
    /// It is empty or not a URL: Go silently ignores it.
    Ignored,
    /// Go accepts it as a proxy, but it has no port to connect to.
    Unusable,
}

/// The parts of a URL that matter here. The host may be missing.
#[derive(Default)]
struct Parts {
    scheme: String,
    host: String,
    user: Option<(String, String)>,
}

impl ProxyUrl {
    /// Parses the value of `HTTPS_PROXY` or `HTTP_PROXY`.
    pub fn read(text: &str) -> Result<Self, ProxyUrlError> {
        if text.is_empty() {
            return Err(ProxyUrlError::Ignored);
        }
        let whole = |parts: &Parts| !parts.scheme.is_empty() && !parts.host.is_empty();
        let parts = match parts(text) {
            Some(parts) if whole(&parts) => Some(parts),
            other => parts(&format!("http://{text}")).or(other),
        };
        let Parts { scheme, host, user } = parts.ok_or(ProxyUrlError::Ignored)?;
        let (host, port) = match host.rsplit_once(':') {
            Some((name, port)) if is_port(port) => (name, port),
            _ => (host.as_str(), ""),
        };
        let port = match (port, scheme.as_str()) {
            ("", "http") => Some(80),
            ("", "https") => Some(443),
            ("", "socks5" | "socks5h") => Some(1080),
            (port, _) => port.parse().ok(),
        };
        let bare = host.strip_prefix('[').and_then(|host| host.strip_suffix(']')).unwrap_or(host);
        // Go connects to this machine when the URL names no host.
        let host = if bare.is_empty() { "localhost".into() } else { ascii(bare.to_owned()) };
        let credentials = user.map(|(name, password)| {
            // A token may take the place of the user name: then the user name is the secret.
            let _held = password.is_empty().then(|| Secret::new(name.as_str()));
            Secret::new(password).basic(&name)
        });
        Ok(ProxyUrl { scheme, host, port: port.ok_or(ProxyUrlError::Unusable)?, credentials })
    }
}

fn parts(text: &str) -> Option<Parts> {
    let (text, fragment) = text.split_once('#').unwrap_or((text, ""));
    if text.bytes().any(|byte| byte.is_ascii_control()) || decoded(fragment).is_none() {
        return None;
    }
    let (scheme, rest) = split_scheme(text)?;
    let scheme = scheme.to_ascii_lowercase();
    let rest = rest.split('?').next().unwrap_or_default();
    let first = rest.split('/').next().unwrap_or_default();
    if !first.is_empty() {
        let opaque = !scheme.is_empty();
        let path = !first.contains(':') && decoded(rest).is_some();
        return (opaque || path).then(|| Parts { scheme, ..Parts::default() });
    }
    match rest.strip_prefix("//").filter(|rest| !scheme.is_empty() || !rest.starts_with('/')) {
        None => decoded(rest).map(|_| Parts { scheme, ..Parts::default() }),
        Some(rest) => {
            let authority = rest.split('/').next().unwrap_or_default();
            decoded(&rest[authority.len()..])?;
            let (user, host) = match authority.rsplit_once('@') {
                Some((user, host)) => (Some(read_user(user)?), host),
                None => (None, authority),
            };
            Some(Parts { host: read_host(&scheme, host)?, scheme, user })
        }
    }
}

/// Splits the scheme off: `None` when the text begins with a colon; empty when it has no scheme.
fn split_scheme(text: &str) -> Option<(&str, &str)> {
    let other = |c: char| !(c.is_ascii_alphanumeric() || "+-.".contains(c));
    match text.find(other) {
        Some(0) if text.starts_with(':') => None,
        Some(end)
            if text[end..].starts_with(':')
                && text.starts_with(|c: char| c.is_ascii_alphabetic()) =>
        {
            Some((&text[..end], &text[end + 1..]))
        }
        _ => Some(("", text)),
    }
}

fn read_user(text: &str) -> Option<(String, String)> {
    let fits = |c: char| c.is_ascii_alphanumeric() || "-._:~!$&'()*+,;=%@".contains(c);
    let (name, password) = text.split_once(':').unwrap_or((text, ""));
    text.chars().all(fits).then_some(())?;
    Some((decoded(name)?, decoded(password)?))
}

/// Returns the host with its port, decoded.
fn read_host(scheme: &str, host: &str) -> Option<String> {
    let in_brackets = host.strip_prefix('[').map(|rest| rest.rsplit_once(']'));
    let port = match in_brackets {
        Some(address) => {
            let (address, port) = address?;
            let address = decoded(address)?;
            let (address, zone) = address.split_once('%').unwrap_or((&address, "none"));
            address.parse::<Ipv6Addr>().ok().filter(|_| !zone.is_empty())?;
            port
        }
        // Since Go 1.26 the host of a web URL has at most one colon.
        None if ["http", "https"].contains(&scheme) => {
            &host[host.find(':').unwrap_or(host.len())..]
        }
        None => &host[host.rfind(':').unwrap_or(host.len())..],
    };
    let sound = port.is_empty() || port.strip_prefix(':').is_some_and(is_port);
    // In a host, only bytes that are not ASCII may be escaped, and the percent sign itself.
    let fits = |c: char| {
        !c.is_ascii() || c.is_ascii_alphanumeric() || "-_.~!$&'()*+,;=:[]<>\"%".contains(c)
    };
    let escapes = host.match_indices('%').all(|(place, _)| {
        host[place..].starts_with("%25")
            || !host[place + 1..].starts_with(|c| ('0'..'8').contains(&c))
    });
    let once = host.rfind('[').is_none_or(|place| place == 0);
    (sound && once && escapes && host.chars().all(fits)).then(|| decoded(host)).flatten()
}

fn is_port(text: &str) -> bool {
    text.bytes().all(|byte| byte.is_ascii_digit())
}

/// Decodes percent escapes; `None` when one is incomplete.
fn decoded(text: &str) -> Option<String> {
    let (mut bytes, mut rest) = (vec![], text);
    while let Some((before, after)) = rest.split_once('%') {
        let digits =
            after.get(..2).filter(|two| two.bytes().all(|byte| byte.is_ascii_hexdigit()))?;
        bytes.extend_from_slice(before.as_bytes());
        bytes.push(u8::from_str_radix(digits, 16).ok()?);
        rest = &after[2..];
    }
    bytes.extend_from_slice(rest.as_bytes());
    Some(String::from_utf8_lossy(&bytes).into_owned())
}

#[cfg(test)]
mod tests {
    use base64::{Engine, prelude::BASE64_STANDARD};

    use super::*;

    /// To generate the cases again: `cd tests/fixtures/no_proxy && go run . urls >
    /// ../proxy-url.tsv`
    #[test]
    fn as_go_has_it() {
        let cases = include_str!("../../../tests/fixtures/proxy-url.tsv");
        assert!(cases.lines().count() > 300);
        for case in cases.lines() {
            let fields: Vec<String> =
                case.split('\t').map(|field| serde_json::from_str(field).unwrap()).collect();
            let [text, scheme, host, port, user] = fields.as_slice() else { panic!("{case}") };
            let got = match ProxyUrl::read(text) {
                Err(ProxyUrlError::Ignored) => ["", "", "", ""].map(str::to_owned),
                Err(ProxyUrlError::Unusable) => ["unusable", "", "", ""].map(str::to_owned),
                Ok(proxy) => {
                    let user = proxy.credentials.map(|basic| {
                        let text = basic.expose().strip_prefix("Basic ").unwrap().to_owned();
                        String::from_utf8(BASE64_STANDARD.decode(text).unwrap()).unwrap()
                    });
                    [proxy.scheme, proxy.host, proxy.port.to_string(), user.unwrap_or_default()]
                }
            };
            assert_eq!(got.each_ref(), [scheme, host, port, user], "{case}");
        }
    }

    #[test]
    fn its_password_is_not_shown() {
        let proxy = ProxyUrl::read("http://me:canary-password@proxy.example:3128").unwrap();
        assert!(!format!("{proxy:?}").contains("canary"));
        assert!(!crate::kit::sanitize_text("me:canary-password").contains("canary"));
    }
}
