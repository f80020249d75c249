//! The evidence of what can be wrong between DNS and a registry's private endpoints.

use std::net::IpAddr;

use serde::Serialize;

use super::{
    endpoint::Endpoint,
    zone::{Zone, ZoneGroup},
};

/// A zone, as commands name it.
#[derive(Clone, Serialize)]
pub(super) struct InZone {
    zone: String,
    zone_id: String,
    zone_subscription: String,
    zone_group: String,
}

/// A private endpoint, as commands name it.
#[derive(Clone, Serialize)]
pub(super) struct AtEndpoint {
    endpoint: String,
    endpoint_id: String,
    endpoint_subscription: String,
    endpoint_group: String,
}

/// A record that is missing in the zone that answers, and the address that belongs there.
#[derive(Serialize)]
pub struct MissingRecord {
    pub(super) host: String,
    pub(super) record: String,
    /// The endpoint's address for the host.
    pub(super) address: IpAddr,
    #[serde(flatten)]
    pub(super) zone: InZone,
    #[serde(flatten)]
    pub(super) endpoint: AtEndpoint,
    #[serde(flatten)]
    pub(super) keeper: Keeper,
}

/// What keeps the endpoint's records in the zone, if something does.
#[derive(Default, Serialize)]
pub(super) struct Keeper {
    #[serde(skip_serializing_if = "Option::is_none")]
    keeper: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    keeper_config: Option<String>,
}

/// A zone that answers here and has no record for a registry that it should leave to public DNS.
#[derive(Serialize)]
pub struct Shadowed {
    pub(super) host: String,
    pub(super) record: String,
    #[serde(flatten)]
    pub(super) zone: InZone,
    /// The zone's link to the network of the cluster.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) link: Option<String>,
    /// The network of the cluster.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) network: Option<String>,
    /// The networks in which the registry has endpoints.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub(super) elsewhere: Vec<String>,
}

/// A record with an address that is not, or not in this network, the registry's.
#[derive(Serialize)]
pub struct WrongRecord {
    pub(super) host: String,
    /// What DNS gave.
    pub(super) addresses: Vec<IpAddr>,
    /// The same, if it is one.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) stale: Option<IpAddr>,
    /// The address that belongs there.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) address: Option<IpAddr>,
    /// The record that holds the wrong one, in a zone that commands can name.
    #[serde(flatten)]
    pub(super) held: Option<Held>,
    /// The same where other networks use the zone too.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) shared_zone: Option<String>,
    /// The network of the cluster.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) network: Option<String>,
    /// The network to which the wrong address belongs.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) other_network: Option<String>,
    /// What can write all records of the right endpoint again.
    #[serde(flatten)]
    pub(super) rewriter: Option<Rewriter>,
}

/// The zone groups of two endpoints that keep the same records of one zone: whichever writes last
/// decides for every host of the registry.
#[derive(Serialize)]
pub(super) struct Rewriter {
    #[serde(flatten)]
    pub(super) endpoint: AtEndpoint,
    keeper: String,
    keeper_config: String,
    other_endpoint: String,
    other_endpoint_subscription: String,
    other_endpoint_group: String,
    other_keeper: String,
    other_keeper_config: String,
}

/// A record in a zone.
#[derive(Serialize)]
pub(super) struct Held {
    pub(super) record: String,
    #[serde(flatten)]
    pub(super) zone: InZone,
}

/// A record that remains of a private endpoint, of which the registry has none any more.
#[derive(Serialize)]
pub struct Leftover {
    pub(super) host: String,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub(super) addresses: Vec<IpAddr>,
    /// The address that a zone still holds.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) stale: Option<IpAddr>,
    #[serde(flatten)]
    pub(super) held: Option<Held>,
    /// The zone's link to the network of the cluster.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) link: Option<String>,
}

/// A zone that the network of the cluster does not use.
#[derive(Serialize)]
pub struct Unlinked {
    pub(super) host: String,
    pub(super) addresses: Vec<IpAddr>,
    /// The endpoint's address, which the zone has.
    pub(super) address: IpAddr,
    pub(super) network: String,
    /// The network's id, where a link to it is what is missing.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) network_id: Option<String>,
    /// The DNS servers that the network uses instead of Azure's.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub(super) dns_servers: Vec<String>,
    #[serde(flatten)]
    pub(super) zone: InZone,
    #[serde(flatten)]
    pub(super) endpoint: AtEndpoint,
}

/// A host of the registry at an endpoint that is not usable.
#[derive(Serialize)]
pub struct AtAddress {
    pub(super) host: String,
    pub(super) addresses: Vec<IpAddr>,
    pub(super) status: String,
    pub(super) connection: String,
    /// The same, where it waits for an approval.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) pending: Option<String>,
    pub(super) subscription: String,
    #[serde(flatten)]
    pub(super) endpoint: AtEndpoint,
}

/// The way from the cluster to an endpoint, as far as the control plane tells.
#[derive(Serialize)]
pub struct Path {
    pub(super) host: String,
    pub(super) addresses: Vec<IpAddr>,
    /// The network of the cluster, where it is another one than the endpoint's.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) network: Option<String>,
    /// The network of the endpoint.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) endpoint_network: Option<String>,
    /// The state of the peering between the two, if they are two.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) peering: Option<String>,
    /// The security group of the endpoint's subnet.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) security_group: Option<String>,
    /// The route table of the endpoint's subnet.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) route_table: Option<String>,
    #[serde(flatten)]
    pub(super) endpoint: AtEndpoint,
}

/// A data endpoint for which a private endpoint has no address.
#[derive(Serialize)]
pub struct MissingMember {
    pub(super) host: String,
    pub(super) region: String,
    pub(super) member: String,
    #[serde(flatten)]
    pub(super) endpoint: AtEndpoint,
}

/// A region that serves layers, and whose data endpoint this network does not let pass.
#[derive(Serialize)]
pub struct OtherRegion {
    pub(super) host: String,
    pub(super) region: String,
    pub(super) home: String,
    /// The data endpoints of all regions.
    pub(super) hosts: Vec<String>,
}

impl InZone {
    pub(super) fn of(zone: &Zone) -> Self {
        Self {
            zone: zone.id.name().to_owned(),
            zone_id: zone.id.to_string(),
            zone_subscription: zone.id.subscription().to_owned(),
            zone_group: zone.id.group().to_owned(),
        }
    }
}

impl AtEndpoint {
    pub(super) fn of(endpoint: &Endpoint) -> Self {
        Self {
            endpoint: endpoint.id.name().to_owned(),
            endpoint_id: endpoint.id.to_string(),
            endpoint_subscription: endpoint.id.subscription().to_owned(),
            endpoint_group: endpoint.id.group().to_owned(),
        }
    }
}

impl Rewriter {
    /// Returns what rewrites the records of `own`, where both endpoints have a zone group with one
    /// entry.
    pub(super) fn of(
        (own, group): (&Endpoint, Option<ZoneGroup>),
        (other, other_group): (&Endpoint, Option<ZoneGroup>),
    ) -> Option<Self> {
        let (group, other_group) = (group?, other_group?);
        let other = AtEndpoint::of(other);
        Some(Self {
            endpoint: AtEndpoint::of(own),
            keeper: group.name,
            keeper_config: group.config?,
            other_endpoint: other.endpoint,
            other_endpoint_subscription: other.endpoint_subscription,
            other_endpoint_group: other.endpoint_group,
            other_keeper: other_group.name,
            other_keeper_config: other_group.config?,
        })
    }
}

impl Keeper {
    pub(super) fn of(group: Option<ZoneGroup>) -> Self {
        // A group with entries for other zones would lose them, if it were created anew with one.
        let group = group.and_then(|group| Some((group.name, group.config?)));
        let (keeper, keeper_config) = group.unzip();
        Self { keeper, keeper_config }
    }
}
