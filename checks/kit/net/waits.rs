//! Timeouts for everything outside this program. Each is shorter than the budget of its step.

use std::time::Duration;

use super::Request;
use crate::kit::{
    engine::Cx,
    rules::since,
    target::{Host, IMDS},
};

/// How long a name server may take. The query is repeated every second.
pub const DNS_WAIT: Duration = Duration::from_secs(5);
/// How long connecting may take: enough for two lost packets.
pub const TCP_WAIT: Duration = Duration::from_secs(5);
/// How long a TLS handshake may take: as long as containerd waits for one.
pub const TLS_WAIT: Duration = Duration::from_secs(10);
/// How long connecting to a host without a step of its own may take. It is longer than its parts
/// together, one of which is reading the trust store, so that the part that times out is known.
pub const OPEN_WAIT: Duration = Duration::from_secs(34);
/// How long reading the `Date` header may take, from a host whose certificate is expired or not yet
/// valid.
pub const DATE_WAIT: Duration = Duration::from_secs(15);
/// How long a proxy or Azure Resource Manager may take to begin its response.
pub const HTTP_WAIT: Duration = Duration::from_secs(15);
/// How long a registry, or a host that it names, may take to begin its response: as long as
/// containerd waits since 2.3.
pub const RESPONSE_WAIT: Duration = Duration::from_secs(30);
/// How long an answer is waited for that a container runtime never asks for, where others are enough.
pub const PROBE_WAIT: Duration = Duration::from_secs(5);
/// How long a body may send nothing, and how long a small body may take in total.
pub const BODY_WAIT: Duration = Duration::from_secs(15);
/// How long it may take to check whether every connection is refused.
pub const SETTLE_WAIT: Duration = Duration::from_secs(12);

/// Returns how long a host may take to begin its response to this request: as long as containerd
/// waits, which has no limit before 2.3, and no longer than the run may take.
pub fn response_wait(cx: &Cx, host: &Host, request: &Request) -> Duration {
    // Who waits for it has a limit of its own.
    if host.name == IMDS {
        return METADATA_WAIT;
    }
    let limit = if request.is_ours || has_limit(cx, request) { RESPONSE_WAIT } else { UNLIMITED };
    cx.left().min(limit).min(cx.target.response_wait.unwrap_or(limit))
}

/// Returns whether containerd is known to give up after [`RESPONSE_WAIT`] where no response begins.
pub fn has_limit(cx: &Cx, request: &Request) -> bool {
    !request.is_ours && cx.containerd().is_at_least(since::LIMITS_RESPONSES) == Some(true)
}

/// How long a response is waited for where containerd has no limit, and the run has almost none.
const UNLIMITED: Duration = Duration::from_secs(15 * 60);

/// Longer than anything waits for IMDS.
const METADATA_WAIT: Duration = Duration::from_secs(90);
