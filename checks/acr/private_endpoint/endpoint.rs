//! The private endpoints of a registry: the state of each connection, and which host has which
//! address on its network interfaces.

use std::net::IpAddr;

use futures::future::join_all;
use serde_json::Value;

use super::versions::NETWORK_API;
use crate::{
    acr::Registry,
    arm::ControlPlane,
    kit::{Cx, NoFact, StepResult, azure::ArmResource, azure::resource::text, target::ResourceId},
};

/// How many private endpoints are read. A registry has at most 200; few have more than some.
const MAX_ENDPOINTS: usize = 32;
/// How many network interfaces of one endpoint are read. It has one.
const MAX_INTERFACES: usize = 4;

/// The private endpoints of a registry, as far as the caller may read them.
pub(super) struct Endpoints {
    pub(super) all: Vec<Endpoint>,
    /// Why one of them could not be read: then what the others lack proves nothing.
    pub(super) unread: Option<NoFact>,
    /// How many connections the registry has.
    pub(super) connections: usize,
}

/// A private endpoint that was read.
pub(super) struct Endpoint {
    pub(super) id: ResourceId,
    /// The name of the registry's side of the connection.
    pub(super) connection: String,
    /// `Approved`, `Pending`, `Rejected` or `Disconnected`.
    pub(super) status: String,
    /// The virtual network in which it is.
    pub(super) network: Option<String>,
    /// Its subnet.
    pub(super) subnet: Option<ResourceId>,
    members: Vec<Member>,
}

/// An address of an endpoint, and for which hosts of the registry it is.
struct Member {
    hosts: Vec<String>,
    address: IpAddr,
}

impl Endpoints {
    /// Reads the endpoints behind the connections of a registry. An endpoint is often in another
    /// subscription than the registry.
    pub(super) async fn read(cx: &Cx, control_plane: &ControlPlane, registry: &Registry) -> Self {
        let connections = registry.resource.list("properties.privateEndpointConnections");
        let readings = connections.iter().take(MAX_ENDPOINTS).filter_map(|connection| {
            let id: ResourceId = text(connection, "properties.privateEndpoint.id")?.parse().ok()?;
            Some(Endpoint::read(cx, control_plane, id, connection))
        });
        let (mut all, mut unread) = (vec![], None);
        for reading in join_all(readings).await {
            match reading {
                Ok(endpoint) => all.extend(endpoint),
                Err(no_fact) => unread = unread.or(Some(no_fact)),
            }
        }
        Self { all, unread, connections: connections.len() }
    }

    /// Returns whether every connection of the registry was read.
    pub(super) fn are_complete(&self) -> bool {
        self.unread.is_none() && self.all.len() == self.connections
    }

    /// Returns the endpoints that have one of these addresses for a host.
    pub(super) fn with_address(&self, host: &str, addresses: &[IpAddr]) -> Vec<&Endpoint> {
        let has = |endpoint: &&Endpoint| {
            endpoint.addresses(host).iter().any(|own| addresses.contains(own))
        };
        self.all.iter().filter(has).collect()
    }

    /// Returns the approved endpoints in a virtual network.
    pub(super) fn in_network(&self, network: &str) -> Vec<&Endpoint> {
        let is_there = |endpoint: &&Endpoint| endpoint.is_approved() && endpoint.is_in(network);
        self.all.iter().filter(is_there).collect()
    }
}

impl Endpoint {
    /// Reads an endpoint and its network interfaces. `None` where the resource is gone, of which a
    /// connection remains.
    async fn read(
        cx: &Cx,
        control_plane: &ControlPlane,
        id: ResourceId,
        connection: &Value,
    ) -> StepResult<Option<Self>> {
        let Some(resource) = control_plane.get(cx, &id, NETWORK_API).await? else {
            return Ok(None);
        };
        let interfaces = resource.list("properties.networkInterfaces").iter();
        let interfaces = interfaces.filter_map(|nic| text(nic, "id")?.parse().ok());
        let mut members = vec![];
        for nic in interfaces.take(MAX_INTERFACES) {
            let nic = control_plane.get(cx, &nic, NETWORK_API).await?;
            members.extend(nic.iter().flat_map(members_of));
        }
        let state = "properties.privateLinkServiceConnectionState.status";
        let owned = |path| text(connection, path).unwrap_or_default().to_owned();
        let subnet = resource.text("properties.subnet.id");
        Ok(Some(Self {
            id,
            connection: owned("name"),
            status: owned(state),
            network: subnet.and_then(network_of),
            subnet: subnet.and_then(|id| id.parse().ok()),
            members,
        }))
    }

    /// Returns whether the registry's owner has approved it.
    pub(super) fn is_approved(&self) -> bool {
        self.status.eq_ignore_ascii_case("Approved")
    }

    /// Returns whether it is in a virtual network.
    pub(super) fn is_in(&self, network: &str) -> bool {
        self.network.as_ref().is_some_and(|own| own.eq_ignore_ascii_case(network))
    }

    /// Returns its addresses for a host of the registry.
    pub(super) fn addresses(&self, host: &str) -> Vec<IpAddr> {
        let is_for = |member: &&Member| member.hosts.iter().any(|own| own == host);
        self.members.iter().filter(is_for).map(|member| member.address).collect()
    }

    /// Returns its address for a host, if it is one.
    pub(super) fn only_address(&self, host: &str) -> Option<IpAddr> {
        match self.addresses(host)[..] {
            [only] => Some(only),
            _ => None,
        }
    }

    /// Returns whether its network interface was seen to have members.
    pub(super) fn has_members(&self) -> bool {
        !self.members.is_empty()
    }
}

/// Returns the addresses of a network interface that belong to hosts of the registry
/// (`privateLinkConnectionProperties` in the specification of Microsoft.Network).
fn members_of(nic: &ArmResource) -> Vec<Member> {
    let configurations = nic.list("properties.ipConfigurations").iter();
    let members = configurations.filter_map(|configuration| {
        let address = text(configuration, "properties.privateIPAddress")?.parse().ok()?;
        let names = "properties.privateLinkConnectionProperties.fqdns";
        let names = crate::kit::azure::resource::property(configuration, names)?.as_array()?;
        let hosts = names.iter().filter_map(Value::as_str).map(str::to_ascii_lowercase);
        Some(Member { hosts: hosts.collect(), address })
    });
    members.collect()
}

/// Returns the virtual network of a subnet.
pub(super) fn network_of(subnet: &str) -> Option<String> {
    let at = subnet.to_ascii_lowercase().rfind("/subnets/")?;
    let network = subnet.get(..at)?;
    network.parse::<ResourceId>().ok().map(|id| id.to_string())
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn the_network_of_a_subnet() {
        let network =
            "/subscriptions/s/resourceGroups/g/providers/Microsoft.Network/virtualNetworks/hub";
        for (subnet, expected) in [
            (format!("{network}/subnets/endpoints"), Some(network)),
            (format!("{network}/SUBNETS/endpoints"), Some(network)),
            (network.to_owned(), None),
            ("/subnets/".to_owned(), None),
            ("İ/subnets/x".to_owned(), None),
            (String::new(), None),
        ] {
            assert_eq!(network_of(&subnet).as_deref(), expected, "{subnet}");
        }
    }

    #[test]
    fn members_need_an_address_and_names() {
        let id =
            "/subscriptions/s/resourceGroups/g/providers/Microsoft.Network/networkInterfaces/n";
        let member = |address: &str, names: Value| {
            json!({ "properties": {
                "privateIPAddress": address, "privateLinkConnectionProperties": { "fqdns": names },
            } })
        };
        let nic = ArmResource::read(json!({ "id": id, "properties": { "ipConfigurations": [
            member("10.1.0.5", json!(["Contoso.azurecr.io", 7])),
            member("ten", json!(["contoso.azurecr.io"])),
            member("10.1.0.6", json!("contoso.azurecr.io")),
            json!(null),
        ] } }));
        let found = members_of(&nic.unwrap());
        assert_eq!(found.len(), 1);
        assert_eq!(found[0].hosts, ["contoso.azurecr.io"]);
    }
}
