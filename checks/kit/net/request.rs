//! A request, and the headers with which containerd sends one like it.

use std::borrow::Cow;

use hyper::Method;

use super::{
    encoding::Accepts,
    signed_in::{Origin, SignedIn},
};
use crate::kit::{
    redact::Secret,
    rules::{Puller, since},
    target::{Host, HostPurpose},
};

/// The manifest types we can read, as containerd lists them in `Accept`.
const MANIFESTS: &str = "application/vnd.docker.distribution.manifest.v2+json, \
    application/vnd.docker.distribution.manifest.list.v2+json, \
    application/vnd.oci.image.manifest.v1+json, application/vnd.oci.image.index.v1+json, */*";

/// A request to send.
#[derive(Clone, Debug)]
pub struct Request {
    /// The method.
    pub method: Method,
    /// The path and the query.
    pub target: String,
    /// The host as the URL of a redirect spells it, where that is not the usual way: Go sends it so as `Host`.
    pub written_host: Option<String>,
    /// What the user and the password in the URL of a redirect make of `Authorization`: a path alone keeps them.
    pub url_login: Option<Secret>,
    /// The value of the `Accept` header.
    pub accept: Cow<'static, str>,
    /// The value of the `Authorization` header.
    pub authorization: Option<Secret>,
    /// A URL-encoded form to post. It is a [`Secret`] because it may contain one.
    pub form: Option<Secret>,
    /// The first byte of the content to fetch (`Range`).
    pub from: u64,
    /// Whether it fetches content by its digest: then containerd decompresses what a server compresses.
    pub is_content: bool,
    /// One more header, which some services require.
    pub header: Option<(&'static str, &'static str)>,
    /// More headers, which a node's configuration adds.
    pub more: Vec<(String, Secret)>,
    /// Whether a redirect from another host led here: then the path may hold a signature.
    pub is_redirected: bool,
    /// How many redirects were followed before.
    pub redirects: usize,
    /// How often the one that was redirected first was sent in vain.
    pub retries: usize,
    /// The host that is signed in to, if it is not only the one that gets this request.
    pub signed_in: Option<SignedIn>,
    /// The request that was redirected first.
    pub origin: Option<Origin>,
    /// Whether `Authorization` is no secret: a token that everybody gets.
    pub is_public: bool,
    /// Whether containerd would send a secret `Authorization` without TLS after a redirect.
    pub is_exposed: bool,
    /// Whether containerd would not ask this, so that its waits do not count.
    pub is_ours: bool,
    /// Whether it is sent under the name of containerd (`User-Agent`).
    pub as_containerd: bool,
}

impl Request {
    /// Returns a request without credentials.
    pub fn new(method: Method, target: impl Into<String>) -> Self {
        let target = target.into();
        Self {
            method,
            target,
            written_host: None,
            url_login: None,
            accept: "*/*".into(),
            authorization: None,
            form: None,
            from: 0,
            is_content: false,
            header: None,
            more: vec![],
            is_redirected: false,
            redirects: 0,
            retries: 0,
            signed_in: None,
            origin: None,
            is_public: false,
            is_exposed: false,
            is_ours: false,
            as_containerd: false,
        }
    }

    /// Adds the header that some services require.
    pub fn with(self, name: &'static str, value: &'static str) -> Self {
        Self { header: Some((name, value)), ..self }
    }

    /// Returns the value of `User-Agent`.
    pub(super) fn agent(&self, containerd: Puller) -> Cow<'static, str> {
        if self.as_containerd {
            return containerd.user_agent().into();
        }
        concat!("check-acr/", env!("CARGO_PKG_VERSION")).into()
    }

    pub(super) fn accepts(&self, containerd: Puller) -> Accepts {
        match self.is_content && containerd.is_at_least(since::DECOMPRESSES) != Some(false) {
            true => Accepts::Content,
            false if self.method == Method::HEAD || self.from > 0 => Accepts::Nothing,
            false => Accepts::Transport,
        }
    }

    /// Returns the host as a URL spells it, which is also the value of `Host`.
    pub(super) fn host_in_url(&self, host: &Host) -> String {
        self.written_host.clone().unwrap_or_else(|| host.to_string())
    }

    /// Returns the method and the path, as reports name the request. The query may hold a secret, and
    /// so may the path on a host that serves blobs.
    pub fn said_to(&self, host: &Host) -> String {
        let path = self.target.split('?').next().unwrap_or_default();
        let is_hidden = self.is_redirected || host.purpose == HostPurpose::Data;
        let path = if is_hidden { "/…" } else { path };
        format!("{} {path}", self.method)
    }

    /// Returns a request for a manifest, with containerd's `Accept` header.
    pub fn manifest(method: Method, repository: &str, reference: &str) -> Self {
        let target = format!("/v2/{repository}/manifests/{reference}");
        Self { accept: MANIFESTS.into(), ..Self::new(method, target) }
    }

    /// Returns the request for content of a media type that is named by its digest, with the headers with
    /// which containerd asks for it (core/remotes/docker/fetcher.go, `open`).
    pub fn for_content(self, media_type: &str) -> Self {
        let accept =
            if media_type.is_empty() { self.accept } else { format!("{media_type}, */*").into() };
        Self { accept, is_content: true, ..self }
    }
}
