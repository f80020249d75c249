//! The target of a redirect, and whether `Authorization` goes along.

use super::{
    Reply, Request,
    signed_in::{Origin, SignedIn},
};
use crate::kit::{
    redact::{Secret, without_logins},
    rules::{GoUrl, request_url},
    target::{Host, HostPurpose},
};

/// How many redirects are followed: Go's client ends at the tenth request (net/http,
/// `defaultCheckRedirect`).
pub const MAX_REDIRECTS: usize = 9;
/// How much of a location is shown that cannot be requested.
const MAX_SHOWN_CHARS: usize = 200;

/// A redirect that leads to no URL that can be requested.
#[derive(Debug)]
pub struct BadLocation {
    /// The location, without what may be secret in it.
    pub location: String,
    /// Whether Go certainly does not request it either.
    pub is_certain: bool,
}

/// Returns the host and the request that a redirect leads to; `None` when the response is no
/// redirect, or one without a location, which Go takes for the response.
///
/// Go sends the first request's `Authorization` on to the same host name, whatever the port, and to
/// every name below it (net/http, `shouldCopyHeaderOnRedirect`).
pub fn redirect(
    from: &Host,
    request: &Request,
    reply: &Reply,
    purpose: HostPurpose,
) -> Result<Option<(Host, Request)>, BadLocation> {
    if !matches!(reply.status, 301 | 302 | 303 | 307 | 308) {
        return Ok(None);
    }
    // HTTP/1, which a kubelet's containerd speaks, has no spaces around a value; HTTP/2 may.
    let location = reply.headers.get("location").map(|location| location.as_bytes().trim_ascii());
    // Go takes an empty one for none.
    let Some(location) = location.filter(|location| !location.is_empty()) else { return Ok(None) };
    let next = redirected(from, request, location, purpose);
    next.map(Some).ok_or_else(|| BadLocation::of(from, request, location))
}

impl BadLocation {
    /// Go ends with an error where it cannot parse a location, knows no such scheme, finds no host in it,
    /// or where the host is no name of DNS (net/http, `Client.do`, `Transport.roundTrip`; net,
    /// `isDomainName`). It knows names in other scripts and the zones of addresses.
    fn of(from: &Host, request: &Request, location: &[u8]) -> Self {
        let is_certain = match base(from, request).map(|base| base.join(location)) {
            None => false,
            Some(Err(_)) => true,
            Some(Ok(url)) => {
                let is_odd = url.host().contains('%') || !url.host().is_ascii();
                !is_odd && url.host().is_empty() == url.authority().is_empty()
            }
        };
        let location = String::from_utf8_lossy(location);
        let location = without_logins(&location).chars().take(MAX_SHOWN_CHARS).collect();
        Self { location, is_certain }
    }
}

/// Returns the URL of a request.
fn base(host: &Host, request: &Request) -> Option<GoUrl> {
    let scheme = if host.plain { "http" } else { "https" };
    request_url(&format!("{scheme}://{}{}", request.host_in_url(host), request.target)).ok()
}

/// Returns the host and the request that a location leads to; `None` if it cannot be requested. Public so that
/// it can be fuzzed.
pub fn redirected(
    from: &Host,
    request: &Request,
    location: &[u8],
    purpose: HostPurpose,
) -> Option<(Host, Request)> {
    let url = base(from, request)?.join(location).ok()?;
    // What it says of the host; empty if it is relative.
    let written = GoUrl::parse(location).ok()?;
    let authority = written.authority();
    // containerd has one client for a mirror and for all hosts that it redirects to; the credential
    // provider has one for everything.
    let purpose = match from.purpose {
        same @ (HostPurpose::Mirror(_) | HostPurpose::SignIn) => same,
        _ => purpose,
    };
    let mut host = Host::requested(&url, purpose)?;
    if host.is_same_server(from) {
        host = from.clone();
    }
    let mut next = request.clone();
    next.target = url.target();
    // A name in another script is sent as DNS has it.
    let is_unusual = url.authority().is_ascii() && url.authority() != host.to_string();
    next.written_host = is_unusual.then(|| url.authority().to_owned());
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
    let kept_login = request.url_login.clone().filter(|_| authority.is_empty());
    next.url_login = userinfo(&url).or(kept_login);
    next.authorization = kept.or_else(|| next.url_login.clone());
    // Without TLS anybody on the way could read it.
    next.is_exposed = next.authorization.is_some()
        && is_secret
        && host.plain
        && !host.is_local()
        && !origin.host.plain;
    next.origin = Some(origin);
    Some((host, next))
}

/// Returns `Authorization` with the user and the password that a URL holds.
pub fn userinfo(url: &GoUrl) -> Option<Secret> {
    let (user, password) = url.user()?;
    Some(Secret::new(password).basic(user))
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
