//! The target of a redirect, and whether `Authorization` goes along.

use super::{Reply, Request, signed_in::Origin};
use crate::kit::target::{Host, HostPurpose};

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
    let scheme = if from.plain { "http" } else { "https" };
    let base = url::Url::parse(&format!("{scheme}://{from}{}", request.target)).ok()?;
    let location = reply.headers.get("location")?;
    let url = base.join(&String::from_utf8_lossy(location.as_bytes())).ok()?;
    // containerd has one client for a mirror and for all hosts that it redirects to.
    let purpose = match from.purpose {
        mirror @ HostPurpose::Mirror(_) => mirror,
        _ => purpose,
    };
    let mut host = Host::of(&url, purpose)?;
    if host.is_same(from) {
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
    if !is_at_or_below(&host.name, &origin.host.name) {
        origin.authorization = None;
    }
    let signed = request.signed_in.as_ref().filter(|signed| signed.host.is_same(&host));
    let set_anew = signed.map(|signed| signed.authorization.clone());
    next.authorization = set_anew.or_else(|| origin.authorization.clone());
    // Without TLS anybody on the way could read it.
    next.is_exposed =
        next.authorization.is_some() && host.plain && !host.is_local() && !origin.host.plain;
    next.origin = Some(origin);
    Some((host, next))
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
