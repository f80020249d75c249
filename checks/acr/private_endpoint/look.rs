//! What separates the address that DNS gives for one host from the one that it should give.

use std::net::IpAddr;

use futures::join;

use super::{
    endpoint::{Endpoint, Endpoints},
    names::{name_of, only, record_of},
    network::Network,
    problem::{
        AtAddress, AtEndpoint, Held, InZone, Keeper, Leftover, MissingMember, MissingRecord,
        OtherRegion, Path, Rewriter, Shadowed, Unlinked, WrongRecord,
    },
    versions::NETWORK_API,
};
use crate::{
    acr::{Problem, Registry},
    arm::ControlPlane,
    data_path::{DnsAnswer, HostSeen},
    kit::{
        Cx, NoFact, StepResult,
        target::{AcrHostKind, AcrHostName, is_private},
    },
};

/// How many data endpoints are compared. A registry has one in each region.
const MAX_REGIONS: usize = 100;

/// One look at a registry's endpoints and zones.
pub(super) struct Look<'a> {
    pub(super) cx: &'a Cx,
    pub(super) control_plane: &'a ControlPlane,
    pub(super) registry: &'a Registry,
    pub(super) endpoints: Endpoints,
    /// The network of the cluster, where this is one of its nodes.
    pub(super) network: Option<Network>,
    pub(super) hosts: &'a [HostSeen],
}

impl Look<'_> {
    /// Returns what is wrong with the way to a host.
    pub(super) async fn diagnose(&self, seen: &HostSeen) -> StepResult<Option<Problem>> {
        let host = &seen.host[..];
        match &seen.answer {
            DnsAnswer::Denied { record } => self.record_missing(host, record).await,
            DnsAnswer::Addresses(addresses) => {
                let private = addresses.iter().filter(|address| is_private(**address)).count();
                match private {
                    0 => self.public_address(seen, addresses).await,
                    some if some == addresses.len() && !seen.is_reached => {
                        self.private_address(host, addresses).await
                    }
                    _ => Ok(None),
                }
            }
        }
    }

    /// Returns the data endpoints for which the endpoint that is used here has no address.
    pub(super) fn missing_members(&self) -> Vec<Problem> {
        let Some(endpoint) = self.meant().filter(|endpoint| endpoint.is_approved()) else {
            return vec![];
        };
        let hosts = self.data_endpoints().into_iter();
        hosts.filter_map(|host| missing_member(&host, endpoint)).collect()
    }

    /// Returns the hosts of the registry that serve layers.
    fn data_endpoints(&self) -> Vec<String> {
        let hosts = self.registry.resource.list("properties.dataEndpointHostNames").iter();
        let hosts = hosts.filter_map(|host| host.as_str()).take(MAX_REGIONS);
        hosts.map(str::to_ascii_lowercase).collect()
    }

    /// Returns the endpoint that is meant: the one to which DNS leads, or else the only one in the
    /// network of the cluster.
    fn meant(&self) -> Option<&Endpoint> {
        let mut led: Vec<&Endpoint> = vec![];
        for seen in self.hosts {
            let DnsAnswer::Addresses(addresses) = &seen.answer else { continue };
            for endpoint in self.endpoints.with_address(&seen.host, addresses) {
                if !led.iter().any(|known| known.id == endpoint.id) {
                    led.push(endpoint);
                }
            }
        }
        let here = self.network.as_ref().map(|network| self.endpoints.in_network(network.id()));
        let found = if led.is_empty() { here? } else { led };
        only(&found).copied()
    }

    /// A zone that answers here has no record for the host.
    async fn record_missing(&self, host: &str, record: &str) -> StepResult<Option<Problem>> {
        let zones = self.zones(host).await?;
        let Some(zone) = self.answering(&zones, host).await? else {
            return Err(self.zone_not_seen(host));
        };
        if !zone.addresses(self.cx, self.control_plane, record).await?.is_empty() {
            return Ok(None);
        }
        let (host, record) = (host.to_owned(), record.to_owned());
        let network = self.network.as_ref();
        let link = network.and_then(|network| zone.link_to(network.id())).map(str::to_owned);
        if let Some(endpoint) = self.meant() {
            let Some(address) = endpoint.only_address(&host) else {
                return Ok(missing_member(&host, endpoint));
            };
            let group = zone.group_of(self.cx, self.control_plane, endpoint).await;
            // Without the group the record itself can be added.
            let keeper = Keeper::of(group.unwrap_or_default());
            let kind = AcrHostKind::of(&host);
            let (zone, endpoint) = (InZone::of(zone), AtEndpoint::of(endpoint));
            let missing = MissingRecord { host, record, address, zone, endpoint, keeper };
            return Ok(Some(match kind {
                AcrHostKind::DataEndpoint => Problem::DataEndpointNotInZone(missing),
                AcrHostKind::RegionalEndpoint => Problem::RegionalEndpointNotInZone(missing),
                _ => Problem::RegistryNotInZone(missing),
            }));
        }
        if self.endpoints.connections == 0 {
            let held = Some(Held { record, zone: InZone::of(zone) });
            let (addresses, stale) = (vec![], None);
            let leftover = Leftover { host, addresses, stale, held, link };
            return Ok(Some(Problem::EndpointRemoved(leftover)));
        }
        let is_here = |endpoint: &Endpoint| network.is_some_and(|own| endpoint.is_in(own.id()));
        if network.is_none()
            || !self.endpoints.are_complete()
            || self.endpoints.all.iter().any(is_here)
        {
            return Ok(None);
        }
        let elsewhere =
            self.endpoints.all.iter().filter_map(|endpoint| endpoint.network.as_deref());
        let mut elsewhere: Vec<String> = elsewhere.map(name_of).collect();
        elsewhere.sort_unstable();
        elsewhere.dedup();
        let network = network.map(|network| network.name().to_owned());
        let zone = InZone::of(zone);
        let shadowed = Shadowed { host, record, zone, link, network, elsewhere };
        Ok(Some(Problem::ZoneShadowsRegistry(shadowed)))
    }

    /// DNS gives a private address that does not answer.
    async fn private_address(
        &self,
        host: &str,
        addresses: &[IpAddr],
    ) -> StepResult<Option<Problem>> {
        let owners = self.endpoints.with_address(host, addresses);
        let network = self.network.as_ref();
        // Networks may have the same ranges: then the one of the cluster counts.
        let here = owners.iter().find(|owner| network.is_some_and(|own| owner.is_in(own.id())));
        let (host, addresses) = (host.to_owned(), addresses.to_vec());
        let Some(owner) = here.or(only(&owners)) else {
            let is_certain = owners.is_empty() && self.endpoints.are_complete();
            // All that could be read was, and yet one is not there.
            if owners.is_empty() && !is_certain && self.endpoints.unread.is_none() {
                return Err(NoFact::could_not_tell(Problem::EndpointMissing { host }));
            }
            return if is_certain { self.stale(host, addresses).await.map(Some) } else { Ok(None) };
        };
        if !owner.is_approved() {
            let status = owner.status.clone();
            let connection = owner.connection.clone();
            let is_pending = status.eq_ignore_ascii_case("Pending");
            let pending = is_pending.then(|| connection.clone());
            let subscription = self.registry.id().subscription().to_owned();
            let endpoint = AtEndpoint::of(owner);
            return Ok(Some(Problem::EndpointNotApproved(AtAddress {
                host,
                addresses,
                status,
                connection,
                pending,
                subscription,
                endpoint,
            })));
        }
        let Some(network) = network.filter(|own| !owner.is_in(own.id())) else {
            return Ok(Some(self.path(host, addresses, owner, None).await));
        };
        let local = self.endpoints.in_network(network.id());
        match only(&local).and_then(|local| Some((*local, local.only_address(&host)?))) {
            Some(right) => {
                self.other_network(host, addresses, right, owner, network).await.map(Some)
            }
            None => Ok(Some(self.path(host, addresses, owner, Some(network)).await)),
        }
    }

    /// The address belongs to the endpoint of another network, and there is one in this network.
    async fn other_network(
        &self,
        host: String,
        addresses: Vec<IpAddr>,
        (local, address): (&Endpoint, IpAddr),
        other: &Endpoint,
        network: &Network,
    ) -> StepResult<Problem> {
        let zones = self.zones(&host).await?;
        let zone = self.holding(&zones, &host, &addresses).await?;
        let record = record_of(&host);
        let own = zone.filter(|zone| zone.is_only_of(network.id()));
        let rewriter = match own {
            Some(zone) => {
                let group = |endpoint| zone.group_of(self.cx, self.control_plane, endpoint);
                let (here, there) = join!(group(local), group(other));
                let (here, there) = (here.unwrap_or_default(), there.unwrap_or_default());
                Rewriter::of((local, here), (other, there))
            }
            None => None,
        };
        let held = own.zip(record).map(|(zone, record)| Held { record, zone: InZone::of(zone) });
        let shared = zone.filter(|zone| !zone.is_only_of(network.id()));
        Ok(Problem::EndpointOfOtherNetwork(WrongRecord {
            stale: only(&addresses).copied(),
            address: Some(address),
            held,
            shared_zone: shared.map(|zone| zone.id.to_string()),
            network: Some(network.name().to_owned()),
            other_network: other.network.as_deref().map(name_of),
            rewriter,
            host,
            addresses,
        }))
    }

    /// No endpoint of the registry has the address.
    async fn stale(&self, host: String, addresses: Vec<IpAddr>) -> StepResult<Problem> {
        let zones = self.zones(&host).await?;
        let zone = self.holding(&zones, &host, &addresses).await?;
        let record = record_of(&host);
        let held = zone.zip(record).map(|(zone, record)| Held { record, zone: InZone::of(zone) });
        let stale = only(&addresses).copied();
        if self.endpoints.connections == 0 {
            let link =
                zone.zip(self.network.as_ref()).and_then(|(zone, own)| zone.link_to(own.id()));
            let link = link.map(str::to_owned);
            let leftover = Leftover { host, addresses, stale, held, link };
            return Ok(Problem::EndpointRemoved(leftover));
        }
        let address = self.meant().and_then(|endpoint| endpoint.only_address(&host));
        Ok(Problem::StaleAddress(WrongRecord {
            host,
            addresses,
            stale,
            address,
            held,
            shared_zone: None,
            network: None,
            other_network: None,
            rewriter: None,
        }))
    }

    /// The address is right, so the way to it is not.
    async fn path(
        &self,
        host: String,
        addresses: Vec<IpAddr>,
        owner: &Endpoint,
        from: Option<&Network>,
    ) -> Problem {
        let subnet = match &owner.subnet {
            Some(id) => self.control_plane.get(self.cx, id, NETWORK_API).await.ok().flatten(),
            None => None,
        };
        let part = |path| subnet.as_ref()?.text(path).map(name_of);
        let there = owner.network.as_deref();
        let peering = from
            .zip(there)
            .map(|(network, there)| network.peering_with(there).unwrap_or("none").to_owned());
        Problem::WayToEndpointBlocked(Path {
            host,
            addresses,
            network: from.map(|network| network.name().to_owned()),
            endpoint_network: there.map(name_of),
            peering,
            security_group: part("properties.networkSecurityGroup.id"),
            route_table: part("properties.routeTable.id"),
            endpoint: AtEndpoint::of(owner),
        })
    }

    /// DNS gives a public address, although an endpoint may be in this network.
    async fn public_address(
        &self,
        seen: &HostSeen,
        addresses: &[IpAddr],
    ) -> StepResult<Option<Problem>> {
        let host = &seen.host[..];
        let here = self.network.as_ref().map(|own| (own, self.endpoints.in_network(own.id())));
        if let Some((network, local)) = &here
            && let Some(endpoint) = only(local)
        {
            let Some(address) = endpoint.only_address(host) else {
                return Ok(missing_member(host, endpoint));
            };
            return self.unlinked(host, addresses, network, endpoint, address).await;
        }
        Ok(self.other_region(seen))
    }

    /// The zone with the record of the endpoint in this network is not used here.
    async fn unlinked(
        &self,
        host: &str,
        addresses: &[IpAddr],
        network: &Network,
        endpoint: &Endpoint,
        address: IpAddr,
    ) -> StepResult<Option<Problem>> {
        let zones = self.zones(host).await?;
        let dns_servers = network.dns_servers();
        let is_linked = zones.iter().any(|zone| zone.link_to(network.id()).is_some());
        if is_linked && dns_servers.is_empty() {
            return Ok(None);
        }
        let Some(zone) = self.among(zones.iter().collect(), host, &[address]).await? else {
            return Err(self.zone_not_seen(host));
        };
        let network_id = dns_servers.is_empty().then(|| network.id().to_owned());
        Ok(Some(Problem::ZoneNotLinked(Unlinked {
            host: host.to_owned(),
            addresses: addresses.to_vec(),
            address,
            network: network.name().to_owned(),
            network_id,
            dns_servers,
            zone: InZone::of(zone),
            endpoint: AtEndpoint::of(endpoint),
        })))
    }

    /// Layers come from a region whose data endpoint is not reached, and it is not the only one.
    fn other_region(&self, seen: &HostSeen) -> Option<Problem> {
        let region = AcrHostName::read(&seen.host)?.region?.to_owned();
        let home = self.registry.resource.text("location")?;
        let home = home.replace(' ', "").to_ascii_lowercase();
        let hosts = self.data_endpoints();
        let is_one = hosts.len() > 1 && hosts.contains(&seen.host);
        let is_other = is_one && region != home && !seen.is_reached;
        let host = seen.host.clone();
        is_other.then(|| Problem::RegionNotAllowed(OtherRegion { host, region, home, hosts }))
    }
}

/// Returns that an endpoint has no address for a host of one region.
fn missing_member(host: &str, endpoint: &Endpoint) -> Option<Problem> {
    let name = AcrHostName::read(host)?;
    let region = name.region?.to_owned();
    let is_missing = endpoint.has_members() && endpoint.addresses(host).is_empty();
    is_missing.then(|| {
        let (host, member) = (host.to_owned(), name.required_member_name());
        let endpoint = AtEndpoint::of(endpoint);
        Problem::ReplicaMemberMissing(MissingMember { host, region, member, endpoint })
    })
}
