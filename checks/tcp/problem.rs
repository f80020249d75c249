//! The problems of the area `tcp`.

use crate::kit::{net::Tried, world::Proxy};
use serde::Serialize;
use std::rc::Rc;

/// A problem with connecting to a host.
#[derive(Serialize, strum::VariantNames)]
#[serde(rename_all = "kebab-case")]
#[strum(serialize_all = "kebab-case")]
pub enum Problem {
    /// No address of the registry accepts a connection.
    TcpEgressBlocked(Unreached),
    /// No address of an Azure registry accepts a connection, and all of them are private: those of
    /// a private endpoint.
    PrivateAddressUnreachable(Unreached),
    /// No address of the host that serves layers accepts a connection.
    BlobEndpointBlocked(Unreached),
    /// No address of one of the registry's own data endpoints accepts a connection.
    DataEndpointBlocked(Unreached),
    /// Nor do other hosts that a node needs accept a connection.
    TcpOutboundNone {
        /// The registry's host.
        #[serde(flatten)]
        unreached: Unreached,
        /// The other hosts that were tried.
        others: Vec<String>,
    },
    /// There are only IPv6 addresses, and this machine has no IPv6 route.
    Ipv6Unusable(Unreached),
    /// The host is reached through a proxy that is set but not used for this host, and not
    /// directly.
    ProxyRequired {
        /// The registry's host.
        #[serde(flatten)]
        unreached: Unreached,
        /// The proxy that reaches it.
        #[serde(flatten)]
        by_proxy: ByProxy,
    },
    /// Some addresses accept no connection, others do.
    AddressUnreachable(Unreached),
}

/// A host that was not reached, or not at every address.
#[derive(Serialize)]
pub struct Unreached {
    pub(super) host: String,
    pub(super) port: u16,
    pub(super) tried: Vec<Tried>,
    /// Another host that can be reached.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) elsewhere: Option<&'static str>,
}

/// A proxy that reaches a host but is not used for it.
#[derive(Serialize)]
pub struct ByProxy {
    pub(super) proxy: Rc<Proxy>,
    pub(super) variable: &'static str,
    /// The entry of `NO_PROXY` that exempts the host.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) entry: Option<String>,
}
