//! The problems of the area `dns`.

use crate::kit::{net::Tried, world::Proxy};
use serde::Serialize;
use std::{net::IpAddr, rc::Rc};

/// A problem with resolving a name.
#[derive(Serialize, strum::VariantNames)]
#[serde(rename_all = "kebab-case")]
#[strum(serialize_all = "kebab-case")]
pub enum Problem {
    /// The registry's name does not exist, or has no address.
    NxdomainRegistry(Denied),
    /// The CNAME chain goes through `privatelink`, and the private DNS zone that answers here lacks
    /// the record.
    PrivateZoneRecordMissing(Denied),
    /// The private DNS zone lacks the record of a regional endpoint.
    RegionalEndpointRecordMissing(Denied),
    /// The private DNS zone lacks the record of a data endpoint.
    DataEndpointRecordMissing(Denied),
    /// The host that serves layers does not exist, or has no address, and has no private endpoint.
    LayerHostUnknown(Denied),
    /// No server returned an answer that a resolver would accept.
    ServerUnreachable {
        /// The name.
        host: String,
        /// Each server and how it failed.
        tried: Vec<Tried>,
    },
    /// No name server is configured.
    NoNameServer {
        /// The name.
        host: String,
    },
    /// The host is reached through a proxy, which resolves the name.
    LeftToProxy {
        /// The proxy.
        proxy: Rc<Proxy>,
    },
    /// Some servers failed, others answered.
    ServerSilent {
        /// Each server that failed, and how.
        tried: Vec<Tried>,
    },
    /// A server that a resolver queries earlier denies a name that another one knows.
    ServersDisagree {
        /// The name.
        host: String,
        /// The server that a resolver trusts.
        denies: String,
        /// That server's answer.
        answer: &'static str,
        /// The name and its CNAME chain.
        cname_chain: String,
        /// The server that knows the name.
        knows: String,
    },
    /// One server returns a private address, another one a public address.
    ServersDiffer {
        /// The name.
        host: String,
        /// The server whose answer this run used.
        used: String,
        /// The server that a resolver trusts.
        believed: String,
        /// The addresses from that server.
        addresses: Vec<IpAddr>,
        /// The server that differs.
        other: String,
        /// The addresses from that one.
        others: Vec<IpAddr>,
    },
}

/// A name that was denied, and the server that denied it.
#[derive(Clone, Serialize)]
pub struct Denied {
    pub(super) host: String,
    pub(super) server: String,
    pub(super) answer: &'static str,
    /// The name and its CNAME chain; the last name is the missing one.
    pub(super) cname_chain: String,
    /// The private DNS zone that lacks the record.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) zone: Option<String>,
    /// The missing record.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) record: Option<String>,
    /// The required member name that the private endpoint uses for the missing address.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) member: Option<String>,
    /// The region, if the host belongs to one.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) region: Option<String>,
}
