//! What the area `dns` can find wrong.

use crate::kit::{net::Tried, world::Proxy};
use serde::Serialize;
use std::{net::IpAddr, rc::Rc};

/// What can be wrong with a name.
#[derive(Serialize, strum::VariantNames)]
#[serde(rename_all = "kebab-case")]
#[strum(serialize_all = "kebab-case")]
pub enum Problem {
    /// The registry's name does not exist, or has no address.
    NxdomainRegistry(Denied),
    /// The name of a public registry that everybody knows does not exist, according to that server.
    PublicNameUnknown(Denied),
    /// The CNAME records lead back to a name that was already followed.
    CnameLoop(Denied),
    /// The same behind a private endpoint's name: a zone that answers here lacks the record.
    PrivateZoneRecordMissing(Denied),
    /// The same for the endpoint of one region.
    RegionalEndpointRecordMissing(Denied),
    /// The same for the host that serves layers.
    DataEndpointRecordMissing(Denied),
    /// The host that serves layers does not exist, or has no address; no private endpoint is in it.
    LayerHostUnknown(Denied),
    /// No server gave an answer that a client would believe.
    ServerUnreachable {
        /// The name.
        host: String,
        /// The server that clients ask first.
        #[serde(skip_serializing_if = "Option::is_none")]
        server: Option<IpAddr>,
        /// Each server and how it failed.
        tried: Vec<Tried>,
    },
    /// `use-vc` is set, and the servers answer over UDP only.
    UseVcUnanswered {
        /// The name.
        host: String,
        /// A server that answers over UDP.
        server: String,
        /// Each server and how it failed.
        tried: Vec<Tried>,
        /// The error of Go's resolver.
        go: String,
    },
    /// A server gives an address only where it is asked without EDNS, which Go always sends.
    EdnsMishandled {
        /// The name.
        host: String,
        /// The server.
        server: String,
        /// What it answers with EDNS.
        said: String,
        /// The error of Go's resolver.
        go: String,
    },
    /// `rotate` is set, and some servers deny a name that others know: could not tell.
    RotatesToDenial {
        /// The name.
        host: String,
        /// A server that denies it.
        denies: String,
        /// What that one said.
        answer: &'static str,
        /// A server that knows it.
        knows: String,
    },
    /// No name server is configured.
    NoNameServer {
        /// The name.
        host: String,
    },
    /// The host is reached through a proxy, which looks the name up.
    LeftToProxy {
        /// The proxy.
        proxy: Rc<Proxy>,
    },
    /// Some servers failed, others answered.
    ServerSilent {
        /// Each server that failed, and how.
        tried: Vec<Tried>,
    },
    /// A server that clients ask earlier denies a name that another one knows.
    ServersDisagree {
        /// The name.
        host: String,
        /// The server that clients believe.
        denies: String,
        /// What it said.
        answer: &'static str,
        /// The names that it was led along.
        cname_chain: String,
        /// The server that knows the name.
        knows: String,
    },
    /// LocalDNS does not answer at all.
    LocalDnsDown {
        /// The name.
        host: String,
        /// Its address.
        server: IpAddr,
        /// How it fails.
        said: String,
    },
    /// LocalDNS has no answer, because none of its name servers can be reached.
    LocalDnsUpstreamUnreachable {
        /// The name.
        host: String,
        /// Its address.
        server: IpAddr,
        /// How it fails.
        said: String,
        /// Each of its name servers, and how that fails.
        tried: Vec<Tried>,
    },
    /// LocalDNS has no answer, because its name servers answer over UDP only.
    LocalDnsTcpBlocked {
        /// The name.
        host: String,
        /// Its address.
        server: IpAddr,
        /// How it fails.
        said: String,
        /// Each of its name servers, and how that fails.
        tried: Vec<Tried>,
    },
    /// LocalDNS has no answer, although its name servers have one.
    LocalDnsFails {
        /// The name.
        host: String,
        /// Its address.
        server: IpAddr,
        /// How it fails.
        said: String,
        /// Over what its name servers answer.
        over: String,
    },
    /// LocalDNS has no answer, and it is not known which name servers it asks.
    LocalDnsUpstreamUnknown {
        /// The name.
        host: String,
        /// Its address.
        server: IpAddr,
        /// How it fails.
        said: String,
        /// The file that would tell.
        file: String,
        /// Why it does not.
        why: String,
    },
    /// LocalDNS gives an answer that its name servers gave before; theirs of now leads to a host that
    /// accepts connections.
    LocalDnsStale {
        /// The name.
        host: String,
        /// Its address.
        server: IpAddr,
        /// What it gives.
        gives: String,
        /// Its name servers.
        upstream: Vec<IpAddr>,
        /// What they give.
        now: Vec<IpAddr>,
    },
    /// A server gives a private address, another one a public one.
    ServersDiffer {
        /// The name.
        host: String,
        /// The server by whose answer this run went.
        used: String,
        /// The server that clients believe.
        believed: String,
        /// What it gives.
        addresses: Vec<IpAddr>,
        /// Another server.
        other: String,
        /// What that one gives.
        others: Vec<IpAddr>,
    },
}

/// A name that was denied, and the server that denied it.
#[derive(Clone, Serialize)]
pub struct Denied {
    pub(super) host: String,
    pub(super) server: String,
    pub(super) answer: &'static str,
    /// The CNAME chain, whose last name is missing.
    pub(super) cname_chain: String,
    /// The private zone that lacks the record.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) zone: Option<String>,
    /// The record that it lacks.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) record: Option<String>,
    /// What the private endpoint's network interface calls the address that belongs there.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) member: Option<String>,
    /// The region, of an endpoint that belongs to one.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) region: Option<String>,
    /// The private zones that would hide a data endpoint's public name if they lack it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) hidden_by: Option<String>,
    /// Azure's own resolver, unless it is the server that answered.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) azure_dns: Option<&'static str>,
}
