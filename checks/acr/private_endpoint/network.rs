//! The virtual network of the cluster, and what leads out of it.

use super::{endpoint::network_of, versions::NETWORK_API};
use crate::{
    arm::ControlPlane,
    cluster::Cluster,
    kit::{
        Cx, StepResult,
        azure::{ArmResource, resource::text},
        target::ResourceId,
    },
};

/// The kind of the resource.
const KIND: &str = "Microsoft.Network/virtualNetworks";

/// The virtual network of the cluster's nodes.
pub(super) struct Network {
    resource: ArmResource,
}

impl Network {
    /// Reads the network of a cluster: that of its pools' subnets, which are all in one network, or
    /// the one that AKS made in the resource group of the nodes.
    pub(super) async fn of(
        cx: &Cx,
        control_plane: &ControlPlane,
        cluster: &Cluster,
    ) -> StepResult<Option<Self>> {
        let pools = cluster.resource.list("properties.agentPoolProfiles").iter();
        let own = pools.filter_map(|pool| text(pool, "vnetSubnetID")).find_map(network_of);
        let id = match own.and_then(|id| id.parse().ok()) {
            Some(id) => Some(id),
            None => managed(cx, control_plane, cluster).await?,
        };
        let Some(id) = id else { return Ok(None) };
        let found = control_plane.get(cx, &id, NETWORK_API).await?;
        Ok(found.map(|resource| Self { resource }))
    }

    pub(super) fn id(&self) -> &str {
        self.resource.id.as_str()
    }

    pub(super) fn name(&self) -> &str {
        self.resource.id.name()
    }

    /// Returns the DNS servers that it uses instead of Azure's.
    pub(super) fn dns_servers(&self) -> Vec<String> {
        let servers = self.resource.list("properties.dhcpOptions.dnsServers").iter();
        let servers = servers.filter_map(|server| server.as_str());
        // Azure's own server may be named too.
        servers.filter(|server| *server != AZURE_DNS).map(str::to_owned).collect()
    }

    /// Returns the state of its peering with another network; `None` if there is none.
    pub(super) fn peering_with(&self, network: &str) -> Option<&str> {
        let mut peerings = self.resource.list("properties.virtualNetworkPeerings").iter();
        let peering = peerings.find(|peering| {
            text(peering, "properties.remoteVirtualNetwork.id")
                .is_some_and(|id| id.eq_ignore_ascii_case(network))
        });
        text(peering?, "properties.peeringState")
    }
}

/// Azure's own DNS server.
const AZURE_DNS: &str = "168.63.129.16";

/// Returns the network that AKS made for a cluster.
async fn managed(
    cx: &Cx,
    control_plane: &ControlPlane,
    cluster: &Cluster,
) -> StepResult<Option<ResourceId>> {
    let Some(group) = cluster.resource.text("properties.nodeResourceGroup") else {
        return Ok(None);
    };
    let found = control_plane.find(cx, KIND, &[("resourceGroup", group)]).await?;
    Ok(match &found[..] {
        [only] => Some(only.clone()),
        _ => None,
    })
}
