//! What the area `acr` can find wrong.

use serde::Serialize;

use super::{
    Registry,
    asked_registry::AskedRegistry,
    content::{
        Cached, CachedBadly, Deleted, FullStorage, Held, KeyState, ReplicaState, Replicas, Untagged,
    },
    credential::{Ends, ScopeMapActions, TokenState, User},
    private_endpoint::{
        AtAddress, Leftover, MissingMember, MissingRecord, OtherRegion, Path, Shadowed, Unlinked,
        WrongRecord,
    },
};
use crate::{cluster::AddressRange, kit::Cx};

/// What can be wrong with a registry in the control plane.
#[derive(Serialize, strum::VariantNames)]
#[serde(rename_all = "kebab-case")]
#[strum(serialize_all = "kebab-case")]
pub enum Problem {
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
    /// A cache rule names a credential set that does not exist.
    CacheCredentialsMissing {
        /// The rule and its upstream.
        #[serde(flatten)]
        cached: Cached,
        /// The name of the set.
        credential_set: String,
    },
    /// The registry lists a private endpoint connection whose endpoint is not found.
    EndpointMissing {
        /// The host whose address no endpoint that was found has.
        host: String,
    },
    /// No address is known that the network rules could be compared with.
    NothingToCompare {},
    /// The registry has no public endpoint: it is reached through private endpoints alone.
    PublicAccessDisabled(Blocked),
    /// No rule allows the address that the registry saw.
    FirewallClientIp(Blocked),
    /// The address that the registry saw is a private one, and no rule allows its subnet.
    ServiceEndpointRuleMissing {
        /// The registry, and the client that it blocks.
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
        addresses: Vec<AddressRange>,
        /// The same, if there are several.
        #[serde(skip_serializing_if = "Option::is_none")]
        several: Option<Vec<AddressRange>>,
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
    /// No image was named, so there is no content to look for.
    NoImageNamed {},
    /// The registry holds new images back until they have passed a scan.
    ImageQuarantined(Held),
    /// The same, where the image was asked for by its digest.
    DigestQuarantined(Held),
    /// The registry deletes manifests without a tag, and one with this digest is missing.
    UntaggedAreDeleted(Untagged),
    /// The image was deleted, and the registry still keeps it.
    SoftDeleted(Deleted),
    /// The registry keeps what is deleted, but who signs in may not list it: could not tell.
    MayBeSoftDeleted(Deleted),
    /// The credentials with which the registry fetches from the upstream do not work.
    CacheCredentialsUnhealthy(CachedBadly),
    /// A cache rule fills the repository, and its upstream did not give the image.
    CacheUpstreamMissing(Cached),
    /// The upstream limits the rate of requests, and the cache rule has no credentials for it.
    CacheRuleWithoutCredentials(Cached),
    /// Another region of the registry has the image.
    GeoReplicaLag(Replicas),
    /// Whether another region has the image is unknown: could not tell.
    GeoReplicasNotCompared(Replicas),
    /// The replica in the cluster's region gets no requests.
    ReplicaExcluded(ReplicaState),
    /// Azure says that a replica failed.
    ReplicaUnhealthy(ReplicaState),
    /// The identity that opens the registry's key is not assigned to it.
    KeyIdentityNotAssigned(KeyState),
    /// The registry's key is disabled.
    KeyDisabled(KeyState),
    /// The registry's key does not exist.
    KeyDeleted(KeyState),
    /// The registry has a customer-managed key, and whether it can use it is unknown: could not tell.
    KeyMayBeUnavailable(KeyState),
    /// The registry has reached its storage limit.
    StorageFull(FullStorage),
    /// No user name was presented that is the registry's own.
    NoPasswordPresented {},
    /// The admin user is disabled.
    AdminUserDisabled(User),
    /// The admin user is enabled, so its password is not the presented one.
    AdminPasswordWrong(User),
    /// The registry has no token of that name.
    TokenNotFound(User),
    /// The token is disabled.
    TokenDisabled(TokenState),
    /// Every password of the token has expired.
    TokenExpired(TokenState),
    /// The token is enabled and has a valid password, which is not the presented one.
    TokenPasswordWrong(TokenState),
    /// A password of the token expires within 30 days.
    TokenPasswordExpires(Ends),
    /// A certificate of the token expires within 30 days.
    TokenCertificateExpires(Ends),
    /// The token's scope map does not let it pull the repository.
    ScopeMapMissingRepo(ScopeMapActions),
}

/// A registry in Azure, and the client that its network rules block.
#[derive(Serialize)]
pub struct Blocked {
    #[serde(flatten)]
    asked: AskedRegistry,
    registry_id: String,
    /// The client's address, as the registry saw it, or that of the cluster's nodes.
    #[serde(skip_serializing_if = "Option::is_none")]
    client_ip: Option<AddressRange>,
}

impl Blocked {
    pub(super) fn of(cx: &Cx, registry: &Registry, client_ip: Option<AddressRange>) -> Self {
        Self {
            asked: AskedRegistry::of(cx, registry),
            registry_id: registry.id().to_string(),
            client_ip,
        }
    }
}
