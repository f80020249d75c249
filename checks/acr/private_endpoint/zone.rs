//! The private DNS zones of a registry's private endpoints: who is linked to them, what they hold.

use std::net::IpAddr;

use futures::future::join_all;

use super::{
    endpoint::Endpoint,
    versions::{DNS_API, NETWORK_API},
};
use crate::{
    arm::ControlPlane,
    kit::{
        Cx, StepResult,
        azure::resource::{property, text},
        target::ResourceId,
    },
};

/// The kind of the resource.
const KIND: &str = "Microsoft.Network/privateDnsZones";
/// How many zones of one name are read.
const MAX_ZONES: usize = 32;

/// A private DNS zone that the caller sees.
pub(super) struct Zone {
    pub(super) id: ResourceId,
    links: Vec<Link>,
}

/// A link of a zone to a virtual network: names there are looked up in the zone.
struct Link {
    name: String,
    network: String,
}

/// What keeps the records of an endpoint in a zone.
pub(super) struct ZoneGroup {
    pub(super) name: String,
    /// The name of its entry for the zone; `None` if it has entries for other zones too.
    pub(super) config: Option<String>,
}

impl Zone {
    /// Returns the zones of this name that the caller sees. There may be others that it does not.
    pub(super) async fn named(
        cx: &Cx,
        control_plane: &ControlPlane,
        name: &str,
    ) -> StepResult<Vec<Self>> {
        let ids = control_plane.find(cx, KIND, &[("name", name)]).await?;
        let readings = ids.into_iter().take(MAX_ZONES).map(|id| async {
            let path = format!("{id}/virtualNetworkLinks");
            let links = control_plane.list(cx, &path, DNS_API, None).await?;
            let links = links.iter().filter_map(|link| {
                let network = text(link, "properties.virtualNetwork.id")?.to_owned();
                Some(Link { name: text(link, "name")?.to_owned(), network })
            });
            Ok(Self { links: links.collect(), id })
        });
        join_all(readings).await.into_iter().collect()
    }

    /// Returns the name of its link to a virtual network.
    pub(super) fn link_to(&self, network: &str) -> Option<&str> {
        let mut links = self.links.iter();
        links.find(|link| link.network.eq_ignore_ascii_case(network)).map(|link| &link.name[..])
    }

    /// Returns whether it is linked to this virtual network and no other.
    pub(super) fn is_only_of(&self, network: &str) -> bool {
        self.link_to(network).is_some() && self.links.len() == 1
    }

    /// Returns the addresses of a record; none where there is no such record.
    pub(super) async fn addresses(
        &self,
        cx: &Cx,
        control_plane: &ControlPlane,
        record: &str,
    ) -> StepResult<Vec<IpAddr>> {
        let Ok(id) = format!("{}/A/{record}", self.id).parse() else { return Ok(vec![]) };
        let set = control_plane.get(cx, &id, DNS_API).await?;
        let records = set.iter().flat_map(|set| set.list("properties.aRecords"));
        Ok(records.filter_map(|one| text(one, "ipv4Address")?.parse().ok()).collect())
    }

    /// Returns what keeps an endpoint's records in this zone.
    pub(super) async fn group_of(
        &self,
        cx: &Cx,
        control_plane: &ControlPlane,
        endpoint: &Endpoint,
    ) -> StepResult<Option<ZoneGroup>> {
        let path = format!("{}/privateDnsZoneGroups", endpoint.id);
        let groups = control_plane.list(cx, &path, NETWORK_API, None).await?;
        let group = groups.iter().find_map(|group| {
            let configs = property(group, "properties.privateDnsZoneConfigs")?.as_array()?;
            let own = configs.iter().find(|config| {
                text(config, "properties.privateDnsZoneId")
                    .is_some_and(|id| id.eq_ignore_ascii_case(self.id.as_str()))
            })?;
            let config = text(own, "name").filter(|_| configs.len() == 1).map(str::to_owned);
            Some(ZoneGroup { name: text(group, "name")?.to_owned(), config })
        });
        Ok(group)
    }
}
