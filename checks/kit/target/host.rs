//! A host: where something is served, and what its name reveals.

use std::{
    fmt,
    net::{IpAddr, Ipv4Addr},
};

use serde::Serialize;

use super::acr_name::{AcrHostKind, AcrHostName, misspelled};
use crate::kit::rules::{GoUrl, docker_hub};

/// The address of the instance metadata service, the same on every Azure machine.
pub const IMDS: &str = "169.254.169.254";

/// A host to connect to.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Host {
    /// The name or the address.
    pub name: String,
    /// The port.
    pub port: u16,
    /// Whether HTTP is used without TLS.
    pub plain: bool,
    /// Whether a setting names TLS, so that nothing falls back to HTTP.
    pub needs_tls: bool,
    /// What the host serves.
    pub purpose: HostPurpose,
}

/// What a host serves.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum HostPurpose {
    /// The registry's API.
    Registry,
    /// Layers.
    Data,
    /// The API of a mirror, or what that mirror redirects to. Mirrors are numbered in the order in
    /// which containerd asks them, because each has its own TLS settings.
    Mirror(u8),
    /// Something else that the registry named, such as a token server.
    Other,
    /// What an identity signs in at. The kubelet's credential provider asks it, and containerd never
    /// does.
    SignIn,
}

impl Host {
    /// Returns a host that is used with TLS.
    pub fn secure(name: String, port: u16, purpose: HostPurpose) -> Self {
        Self { name, port, plain: false, needs_tls: false, purpose }
    }

    /// Returns the host of a registry from the `NAME[:PORT]` in a reference.
    pub(super) fn registry(written: &str, plain_http: bool) -> Self {
        let (name, port) = split_port(written);
        // Docker Hub is so called in small letters only.
        let name = if name == docker_hub::NAME { docker_hub::SERVER } else { name };
        let name = name.trim_matches(['[', ']']).to_lowercase();
        let mut host = Host::secure(name, 443, HostPurpose::Registry);
        host.plain = plain_http;
        // Like containerd, use no TLS for this machine if there is no port. It sees no address in
        // brackets without one (core/remotes/docker/registry.go, `MatchLocalhost`).
        host.plain |= port.is_none() && host.is_local() && !written.starts_with('[');
        host.port = port.unwrap_or(if host.plain { 80 } else { 443 });
        host
    }

    /// Returns the host of a URL in a file of this machine, or of a service.
    pub fn of(url: &url::Url, purpose: HostPurpose) -> Option<Self> {
        let plain = url.scheme() == "http";
        let name = url.host_str()?.trim_matches(['[', ']']).to_owned();
        Self::named(name, url.port_or_known_default()?, plain, purpose)
    }

    /// Returns the host of a URL that a registry sent, which Go requests.
    pub fn requested(url: &GoUrl, purpose: HostPurpose) -> Option<Self> {
        let name = url.host().to_ascii_lowercase();
        // Only a name in another script is another one in DNS.
        let name = if name.is_ascii() {
            name
        } else {
            let Ok(url::Host::Domain(name)) = url::Host::parse(&name) else { return None };
            name
        };
        Self::named(name, url.port()?, url.scheme() == "http", purpose)
    }

    fn named(name: String, port: u16, plain: bool, purpose: HostPurpose) -> Option<Self> {
        // A URL's host may contain characters that a shell interprets; no real host does.
        let is_host = name.chars().all(|c| c.is_ascii_alphanumeric() || "-_.:".contains(c));
        (is_host && !name.is_empty()).then(|| Host { plain, ..Self::secure(name, port, purpose) })
    }

    /// Returns whether both are the same name and port.
    pub fn is_same(&self, other: &Host) -> bool {
        (&self.name, self.port) == (&other.name, other.port)
    }

    /// Returns whether both are asked in the same way: a name, a port, and TLS or none.
    pub fn is_same_server(&self, other: &Host) -> bool {
        self.is_same(other) && self.plain == other.plain
    }

    /// Returns whether HTTP without TLS is acceptable: when the user chose it, and where containerd
    /// falls back to it, on this machine, unless the host's `hosts.toml` names TLS
    /// (core/remotes/docker/config/hosts.go, `ConfigureHosts`).
    pub fn may_be_plain(&self) -> bool {
        self.plain || (self.is_local() && self.port != 443 && !self.needs_tls)
    }

    /// Returns whether the host is this machine, so that nothing crosses a network.
    pub fn is_local(&self) -> bool {
        self.name == "localhost" || self.name.parse::<IpAddr>().is_ok_and(|ip| ip.is_loopback())
    }

    /// Returns the kind of host that its name reveals.
    pub fn kind(&self) -> AcrHostKind {
        AcrHostKind::of(&self.name)
    }

    /// Returns the parts of its name, if it is an Azure registry's.
    pub fn azure(&self) -> Option<AcrHostName<'_>> {
        AcrHostName::read(&self.name)
    }

    /// Returns the name of its Azure registry, as `az acr -n` takes it.
    pub fn acr(&self) -> Option<&str> {
        self.azure().map(|name| name.registry())
    }

    /// Returns the login server that was probably meant, if this looks like a misspelled one.
    pub fn probably_meant(&self) -> Option<String> {
        match self.azure() {
            // A `privatelink` name: no certificate is issued for it.
            Some(name) if name.private_link => Some(name.login_server()),
            Some(_) => None,
            None => misspelled(&self.name),
        }
    }
}

impl Host {
    /// Returns name and port, as commands and CONNECT take them.
    pub fn endpoint(&self) -> String {
        let Self { name, port, .. } = self;
        if name.contains(':') { format!("[{name}]:{port}") } else { format!("{name}:{port}") }
    }
}

impl fmt::Display for Host {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let v6 = self.name.contains(':');
        let name = if v6 { format!("[{}]", self.name) } else { self.name.clone() };
        match (self.port, self.plain) {
            (443, false) | (80, true) => f.write_str(&name),
            (port, _) => write!(f, "{name}:{port}"),
        }
    }
}

impl Serialize for Host {
    fn serialize<S: serde::Serializer>(&self, to: S) -> Result<S::Ok, S::Error> {
        to.collect_str(self)
    }
}

/// Splits off the port, if there is one.
pub(super) fn split_port(written: &str) -> (&str, Option<u16>) {
    match written.rsplit_once(':').map(|(name, port)| (name, port.parse())) {
        Some((name, Ok(port))) => (name, Some(port)),
        _ => (written, None),
    }
}

/// Returns whether an address is not reachable over the internet. Azure takes 100.64.0.0/10 (RFC 6598)
/// as private address space, too (learn.microsoft.com, "Azure Virtual Network FAQ").
pub fn is_private(address: IpAddr) -> bool {
    let is_shared = |v4: Ipv4Addr| v4.octets()[0] == 100 && v4.octets()[1] & 0xc0 == 64;
    match address {
        IpAddr::V4(v4) => {
            v4.is_private() || v4.is_loopback() || v4.is_link_local() || is_shared(v4)
        }
        IpAddr::V6(v6) => v6.is_loopback() || v6.is_unique_local() || v6.is_unicast_link_local(),
    }
}

/// Returns whether the text is only a host, with or without a port. `app:v1` is an image,
/// `localhost:5000` is a host.
pub(super) fn is_host_alone(text: &str) -> bool {
    let (name, port) = split_port(text);
    let looks_like_host = name.contains('.') || name.starts_with('[') || name == "localhost";
    let clean = name.chars().all(|c| c.is_ascii_alphanumeric() || ".-[]:".contains(c));
    looks_like_host && clean && (port.is_some() || !text.contains(':'))
}
