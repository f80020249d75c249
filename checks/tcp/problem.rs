//! What the area `tcp` can find wrong.

use crate::kit::{net::Tried, world::Proxy};
use serde::Serialize;
use std::{net::IpAddr, rc::Rc};

/// What can be wrong with the way to a host.
#[derive(Serialize, strum::VariantNames)]
#[serde(rename_all = "kebab-case")]
#[strum(serialize_all = "kebab-case")]
pub enum Problem {
    /// No address of the registry accepts a connection.
    TcpEgressBlocked(Unreached),
    /// The same for a host of an Azure registry whose addresses are all private: a private
    /// endpoint's.
    PrivateAddressUnreachable(Unreached),
    /// No address of the host that serves layers accepts a connection.
    BlobEndpointBlocked(Unreached),
    /// The same where that host is one of the registry's own data endpoints.
    DataEndpointBlocked(Unreached),
    /// Neither is anything else reached that a node needs.
    TcpOutboundNone {
        /// The host.
        #[serde(flatten)]
        unreached: Unreached,
        /// The other hosts.
        others: Vec<String>,
    },
    /// There are only IPv6 addresses, and this machine has no way to any.
    Ipv6Unusable(Unreached),
    /// There are only IPv4 addresses, and this machine has IPv6 alone.
    Ipv4Unusable(Unreached),
    /// `no-aaaa` is set in `resolv.conf`, and only IPv6 addresses are reached: could not tell.
    NoAaaa {
        /// The host.
        host: String,
        /// The IPv6 address that was reached.
        address: IpAddr,
    },
    /// Not directly, but through a proxy that is set and not for this host.
    ProxyRequired {
        /// The host.
        #[serde(flatten)]
        unreached: Unreached,
        /// That proxy.
        #[serde(flatten)]
        by_proxy: ByProxy,
    },
    /// Some addresses do not, others do.
    AddressUnreachable(Unreached),
}

/// A host that was not reached, or not at every address.
#[derive(Serialize)]
pub struct Unreached {
    pub(super) host: String,
    pub(super) port: u16,
    pub(super) tried: Vec<Tried>,
    /// Every address that was tried.
    pub(super) addresses: Vec<IpAddr>,
    /// Those that did not answer.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub(super) timed_out: Vec<IpAddr>,
    /// Those that refused the connection.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub(super) refused: Vec<IpAddr>,
    /// A host that is reached all the same.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) elsewhere: Option<&'static str>,
}

/// A proxy through which a host is reached that is not sent to it.
#[derive(Serialize)]
pub struct ByProxy {
    pub(super) proxy: Rc<Proxy>,
    /// The variable that names it, where that does not apply to the host.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) variable: Option<&'static str>,
    /// The entry of `NO_PROXY` that keeps the host from it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) entry: Option<String>,
}
