//! How a mirror of a registry is asked: at which path, and for which registry.

use url::form_urlencoded;

use crate::kit::{Secret, net::Request};

/// The path of the API on a mirror, the registry that it is asked for, and the headers that the
/// node's `hosts.toml` adds.
#[derive(Clone, Debug)]
pub struct MirrorPath {
    path: String,
    namespace: String,
    headers: Vec<(String, Secret)>,
}

impl MirrorPath {
    /// Returns how a mirror with its API at `path` is asked for content of a registry.
    pub(crate) fn new(path: String, registry: &str, headers: Vec<(String, Secret)>) -> Self {
        let namespace = form_urlencoded::byte_serialize(registry.as_bytes()).collect();
        Self { path, namespace, headers }
    }

    /// Returns a request to a registry as containerd sends it to a mirror
    /// (core/remotes/docker/resolver.go, `request` and `addNamespace`).
    pub(super) fn own(&self, mut request: Request) -> Request {
        let path = request.target.strip_prefix("/v2").unwrap_or(&request.target);
        request.target = format!("{}{path}?ns={}", self.path, self.namespace);
        request.more.clone_from(&self.headers);
        request
    }
}

#[cfg(test)]
mod tests {
    use hyper::Method;

    use super::*;

    #[test]
    fn the_path_replaces_that_of_the_api() {
        let target = |path: &str, registry| {
            let request = Request::manifest(Method::GET, "team/app", "v1");
            MirrorPath::new(path.into(), registry, vec![]).own(request).target
        };
        assert_eq!(
            target("/v2/mcr", "mcr.microsoft.com"),
            "/v2/mcr/team/app/manifests/v1?ns=mcr.microsoft.com"
        );
        assert_eq!(target("", "reg.example:5000"), "/team/app/manifests/v1?ns=reg.example%3A5000");
    }
}
