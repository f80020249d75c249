//! The target of a redirect.

use super::{Reply, Request};
use crate::kit::target::{Host, HostPurpose};

/// How many redirects are followed: Go's client ends at the tenth request (net/http,
/// `defaultCheckRedirect`).
pub const MAX_REDIRECTS: usize = 9;

/// Returns the host and the path that a redirect points to; `None` when the response is no
/// redirect.
pub fn redirect(
    from: &Host,
    request: &Request,
    reply: &Reply,
    purpose: HostPurpose,
) -> Option<(Host, String)> {
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
    if (&host.name, host.port) == (&from.name, from.port) {
        host = from.clone();
    }
    let query = url.query().map(|query| format!("?{query}")).unwrap_or_default();
    Some((host, format!("{}{query}", url.path())))
}
