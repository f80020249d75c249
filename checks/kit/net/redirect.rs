//! The target of a redirect, and whether `Authorization` goes along.

use url::form_urlencoded;

use super::{
    Reply, Request,
    signed_in::{Origin, SignedIn},
};
use crate::kit::{
    redact::Secret,
    target::{Host, HostPurpose},
};

/// How many redirects are followed: Go's client ends at the tenth request (net/http,
/// `defaultCheckRedirect`).
pub const MAX_REDIRECTS: usize = 9;

/// Returns the host and the request that a redirect leads to; `None` when the response is no
/// redirect.
///
/// Go sends the first request's `Authorization` on to the same host name, whatever the port, and to
/// every name below it (net/http, `shouldCopyHeaderOnRedirect`).
pub fn redirect(
    from: &Host,
    request: &Request,
    reply: &Reply,
    purpose: HostPurpose,
) -> Option<(Host, Request)> {
    if !matches!(reply.status, 301 | 302 | 303 | 307 | 308) {
        return None;
    }
    let location = String::from_utf8_lossy(reply.headers.get("location")?.as_bytes());
    redirected(from, request, &location, purpose)
}

/// The same for a location. Public so that it can be fuzzed.
pub fn redirected(
    from: &Host,
    request: &Request,
    location: &str,
    purpose: HostPurpose,
) -> Option<(Host, Request)> {
    let scheme = if from.plain { "http" } else { "https" };
    let base = url::Url::parse(&format!("{scheme}://{from}{}", request.target)).ok()?;
    let url = base.join(location).ok()?;
    let authority = authority(location)?;
    // Go requests nothing else.
    if !matches!(url.scheme(), "http" | "https") {
        return None;
    }
    // containerd has one client for a mirror and for all hosts that it redirects to; the credential
    // provider has one for everything.
    let purpose = match from.purpose {
        same @ (HostPurpose::Mirror(_) | HostPurpose::SignIn) => same,
        _ => purpose,
    };
    let mut host = Host::of(&url, purpose)?;
    if host.is_same_server(from) {
        host = from.clone();
    }
    let query = url.query().map(|query| format!("?{query}")).unwrap_or_default();
    let mut next = request.clone();
    next.target = format!("{}{query}", url.path());
    next.redirects += 1;
    next.is_redirected |= host != *from;
    let mut origin = request.origin.clone().unwrap_or_else(|| Origin {
        host: from.clone(),
        authorization: request.authorization.clone(),
    });
    // Go compares the names as they are written.
    let is_small = !authority.contains(|c: char| c.is_ascii_uppercase());
    if !is_small || !is_at_or_below(&host.name, &origin.host.name) {
        origin.authorization = None;
    }
    // containerd compares names and ports as they are written, whatever the scheme.
    let is_named = |signed: &&SignedIn| match authority {
        "" => signed.host.is_same(&host),
        authority => authority == signed.host.to_string(),
    };
    let signed = request.signed_in.as_ref().filter(is_named);
    let set_anew = signed.map(|signed| signed.authorization.clone());
    let kept = set_anew.or_else(|| origin.authorization.clone());
    let is_secret = !(request.is_public && kept.is_some());
    // Without another one, Go signs in with what the URL holds (net/http, `send`).
    next.authorization = kept.or_else(|| userinfo(&url));
    // Without TLS anybody on the way could read it.
    next.is_exposed = next.authorization.is_some()
        && is_secret
        && host.plain
        && !host.is_local()
        && !origin.host.plain;
    next.origin = Some(origin);
    Some((host, next))
}

/// Returns the host and the port as a URL has them; empty if it is relative. Returns `None` if it has a
/// scheme and no host, or a port where Go sees none.
fn authority(location: &str) -> Option<&str> {
    let before = location.split(['/', '?', '#']).next().unwrap_or_default();
    let rest = match before.split_once(':') {
        Some((scheme, "")) => location[scheme.len() + 1..].strip_prefix("//")?,
        Some(_) => return None,
        None => match location.strip_prefix("//") {
            Some(rest) => rest,
            None => return Some(""),
        },
    };
    let authority = rest.split(['/', '?', '#']).next().unwrap_or_default();
    let authority = authority.rsplit('@').next().unwrap_or_default();
    (!authority.is_empty()).then_some(authority)
}

/// Returns `Authorization` with the user and the password that a URL holds.
pub fn userinfo(url: &url::Url) -> Option<Secret> {
    // Of what a form has, only `+` means something else in a URL.
    let plain = |text: &str| -> String {
        let text = format!("a={}", text.replace('+', "%2B").replace('&', "%26"));
        form_urlencoded::parse(text.as_bytes()).map(|(_, value)| value.into_owned()).collect()
    };
    let password = Secret::new(plain(url.password().unwrap_or_default()));
    let is_there = !url.username().is_empty() || url.password().is_some();
    is_there.then(|| password.basic(&plain(url.username())))
}

/// Returns whether a name is another one or below it, as Go compares host names. An IPv6 address is
/// below nothing.
fn is_at_or_below(name: &str, above: &str) -> bool {
    let (name, above) = (name.to_ascii_lowercase(), above.to_ascii_lowercase());
    let below = name.strip_suffix(&above).filter(|_| !name.contains([':', '%']));
    name == above || below.is_some_and(|below| below.ends_with('.'))
}

#[cfg(test)]
mod tests {
    use super::is_at_or_below;

    #[test]
    fn hosts_as_they_are_written() {
        for (location, expected) in [
            ("/x:y", Some("")),
            ("x/y", Some("")),
            ("//a.example/x", Some("a.example")),
            ("HTTPS://u:p@A.example:443?x", Some("A.example:443")),
            ("https:/a.example/x", None),
            ("https:a.example", None),
            ("https:///x", None),
        ] {
            assert_eq!(super::authority(location), expected, "{location}");
        }
        let url = url::Url::parse("https://u%40x:a+b%26@a.example/").unwrap();
        assert_eq!(super::userinfo(&url).unwrap().expose(), "Basic dUB4OmErYiY=");
        assert!(super::userinfo(&url::Url::parse("https://a.example/").unwrap()).is_none());
    }

    #[test]
    fn names_below_another() {
        let hosts = [
            ("a.example", true),
            ("A.example", true),
            ("s3.a.example", true),
            ("x.s3.a.example", true),
            ("ba.example", false),
            ("example", false),
            ("a.example.net", false),
        ];
        for (host, expected) in hosts {
            assert_eq!(is_at_or_below(host, "a.example"), expected, "{host}");
        }
        assert!(is_at_or_below("::1", "::1") && !is_at_or_below("fe80::1%.a.example", "a.example"));
    }
}
