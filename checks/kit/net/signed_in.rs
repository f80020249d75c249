//! Which hosts get `Authorization` when a request is redirected.

use crate::kit::{redact::Secret, target::Host};

/// The host whose challenge was answered, and the value of `Authorization` that it gets wherever a
/// redirect leads to it: containerd sets it anew (core/remotes/docker/resolver.go, `CheckRedirect`).
#[derive(Clone, Debug)]
pub struct SignedIn {
    /// The host.
    pub host: Host,
    /// The value of the header.
    pub authorization: Secret,
}

/// The request that was redirected first.
#[derive(Clone, Debug)]
pub struct Origin {
    pub(super) host: Host,
    /// What it carried, until a redirect led away from its host: then Go never sends it again.
    pub(super) authorization: Option<Secret>,
}
