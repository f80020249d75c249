//! What the area `acr` can find wrong.

use std::net::IpAddr;

use serde::Serialize;

use super::{
    Registry,
    private_endpoint::{
        AtAddress, Leftover, MissingMember, MissingRecord, OtherRegion, Path, Shadowed, Unlinked,
        WrongRecord,
    },
};

/// What can be wrong with a registry in the control plane.
#[derive(Serialize, strum::VariantNames)]
#[serde(rename_all = "kebab-case")]
#[strum(serialize_all = "kebab-case")]
pub enum Problem {
    /// The host is no Azure registry.
    NotAzures {},
    /// The caller does not see the registry, which does not say that there is none.
    NotSeen {
        /// The registry.
        host: String,
        /// Who asked.
        who: String,
    },
    /// The registry with the given id has another login server.
    OtherRegistry {
        /// The id that was given.
        id: String,
        /// Its login server.
        meant: String,
        /// The registry that was asked for.
        host: String,
    },
    /// The registry's login server has a hash, which the image reference lacks.
    LoginServerHasHash {
        /// The registry as asked for.
        host: String,
        /// Its login server.
        meant: String,
        /// The image there.
        repaired: String,
    },
    /// No registry of that name exists: Azure says that the name is free.
    RegistryDeletedOrMoved {
        /// The registry.
        host: String,
        /// Its name.
        name: String,
    },
    /// The registry has no public endpoint: it is reached through private endpoints alone.
    PublicAccessDisabled(Blocked),
    /// No rule allows the address that the registry saw.
    FirewallClientIp(Blocked),
    /// The address that the registry saw is a private one, and no rule allows its subnet.
    ServiceEndpointRuleMissing {
        /// The registry, and whom it blocks.
        #[serde(flatten)]
        blocked: Blocked,
        /// The subnets that a rule allows.
        #[serde(skip_serializing_if = "Vec::is_empty")]
        subnets: Vec<String>,
    },
    /// A rule allows the address that the registry refused: the rule is still spreading.
    FirewallRuleSpreading(Blocked),
    /// No rule allows the addresses from which the cluster's nodes reach the registry.
    ClusterEgressNotAllowed {
        /// The registry.
        #[serde(flatten)]
        blocked: Blocked,
        /// The cluster.
        cluster: String,
        /// The addresses of its nodes that no rule allows.
        addresses: Vec<IpAddr>,
        /// The same, if there are several.
        #[serde(skip_serializing_if = "Option::is_none")]
        several: Option<Vec<IpAddr>>,
    },
    /// The private endpoints could not be read, and nothing depends on them.
    EndpointsNotRead {},
    /// No private DNS zone is seen that answers here for a host.
    ZoneNotSeen {
        /// The host.
        host: String,
        /// The zone.
        zone: String,
        /// Who asked.
        who: String,
    },
    /// The zone that answers here lacks the record of the registry itself.
    RegistryNotInZone(MissingRecord),
    /// The same for the host that serves layers.
    DataEndpointNotInZone(MissingRecord),
    /// The same for the endpoint of one region.
    RegionalEndpointNotInZone(MissingRecord),
    /// A zone is linked here that lacks the record, and the registry's endpoints are elsewhere.
    ZoneShadowsRegistry(Shadowed),
    /// The registry has no private endpoint any more, and DNS still leads to one.
    EndpointRemoved(Leftover),
    /// DNS gives an address that no endpoint of the registry has.
    StaleAddress(WrongRecord),
    /// DNS gives the address of another network's endpoint, and this network has one too.
    EndpointOfOtherNetwork(WrongRecord),
    /// DNS gives a public address: the zone with the endpoint's record is not used here.
    ZoneNotLinked(Unlinked),
    /// The connection of the endpoint is not approved.
    EndpointNotApproved(AtAddress),
    /// The endpoint is right and approved, and does not answer.
    WayToEndpointBlocked(Path),
    /// The endpoint has no address for a data endpoint of the registry.
    ReplicaMemberMissing(MissingMember),
    /// Layers come from another region's data endpoint, which is not reached.
    RegionNotAllowed(OtherRegion),
}

/// A registry in Azure, and whom its network rules block.
#[derive(Serialize)]
pub struct Blocked {
    host: String,
    registry_id: String,
    subscription: String,
    /// The client's address, as the registry saw it.
    #[serde(skip_serializing_if = "Option::is_none")]
    client_ip: Option<IpAddr>,
}

impl Blocked {
    pub(super) fn of(registry: &Registry, client_ip: Option<IpAddr>) -> Self {
        Self {
            host: registry.login_server().to_owned(),
            registry_id: registry.id().to_string(),
            subscription: registry.id().subscription().to_owned(),
            client_ip,
        }
    }
}
