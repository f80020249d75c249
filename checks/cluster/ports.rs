//! How a cluster whose way out ran out of ports gets more.

use jiff::Timestamp;
use serde::Serialize;
use serde_json::Value;

use super::Cluster;
use crate::kit::{azure::resource::property, target::ResourceId};

/// The ports of a public address ("Use a public standard load balancer in AKS", "Configure the
/// allocated outbound ports").
const PORTS_OF_ADDRESS: u64 = 64_000;
/// The most addresses that AKS manages, for a load balancer and for a NAT gateway (its reference of
/// `az aks update`).
const MAX_MANAGED: u64 = 100;
const MAX_GATEWAY: u64 = 16;

/// Connections of the cluster that failed because no port was free, and how it gets more.
#[derive(Serialize)]
pub struct Exhausted {
    /// The host that was not reached.
    pub(super) host: String,
    pub(super) cluster: String,
    pub(super) cluster_group: String,
    pub(super) subscription: String,
    /// The load balancer or NAT gateway.
    pub(super) way: String,
    /// How many connections failed.
    pub(super) failed: u64,
    /// The last minute in which some did.
    pub(super) at: Timestamp,
    #[serde(flatten)]
    pub(super) ports: Growth,
}

/// What can be changed, as far as it is known.
#[derive(Default, Serialize)]
pub(super) struct Growth {
    /// The ports that a load balancer could give to each node, if they are more than now.
    #[serde(skip_serializing_if = "Option::is_none")]
    ports: Option<u64>,
    /// Those that are set now; 0: Azure divides them by the number of nodes.
    #[serde(skip_serializing_if = "Option::is_none")]
    ports_now: Option<u64>,
    /// One more of the addresses that AKS manages for a load balancer, the ports that each node
    /// could have then, and how many addresses there are now.
    #[serde(skip_serializing_if = "Option::is_none")]
    more_addresses: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    more_ports: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    addresses_now: Option<u64>,
    /// The same for a NAT gateway.
    #[serde(skip_serializing_if = "Option::is_none")]
    more_gateway_addresses: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    gateway_addresses_now: Option<u64>,
    /// A NAT gateway that is not the cluster's own.
    #[serde(skip_serializing_if = "Option::is_none")]
    own_gateway: Option<String>,
}

impl Cluster {
    /// Returns what gives the nodes more ports.
    pub(super) fn ports(&self, way: &ResourceId) -> Growth {
        let profile = "properties.networkProfile";
        let number = |path: &str| self.resource.get(&format!("{profile}.{path}"))?.as_u64();
        if self.outbound() == Some("userAssignedNATGateway") {
            return Growth { own_gateway: Some(way.to_string()), ..Growth::default() };
        }
        if self.outbound() == Some("managedNATGateway") {
            let now = number("natGatewayProfile.managedOutboundIPProfile.count");
            let now = now.filter(|count| *count < MAX_GATEWAY);
            return Growth {
                gateway_addresses_now: now,
                more_gateway_addresses: now.map(|count| count + 1),
                ..Growth::default()
            };
        }
        let Some(addresses) = self.single_addresses() else { return Growth::default() };
        let nodes = self.most_nodes();
        let ports_now = number("loadBalancerProfile.allocatedOutboundPorts").unwrap_or_default();
        let has = if ports_now == 0 { divided(nodes, addresses) } else { ports_now };
        let managed = number("loadBalancerProfile.managedOutboundIPs.count");
        let more_ports = ports_for(addresses.saturating_add(1), nodes).filter(|more| *more > has);
        let managed = managed.filter(|count| *count < MAX_MANAGED && more_ports.is_some());
        Growth {
            ports: ports_for(addresses, nodes).filter(|ports| *ports > has),
            ports_now: Some(ports_now),
            more_addresses: managed.map(|count| count + 1),
            more_ports: more_ports.filter(|_| managed.is_some()),
            addresses_now: managed,
            ..Growth::default()
        }
    }

    /// Returns how many addresses the nodes share; `None` with a prefix, which is several.
    fn single_addresses(&self) -> Option<u64> {
        let ids = self.egress_ids();
        let is_single = |id: &ResourceId| id.is_a("Microsoft.Network/publicIPAddresses");
        let are_single = ids.iter().all(|id| id.as_ref().is_some_and(is_single));
        u64::try_from(ids.len()).ok().filter(|_| are_single)
    }

    /// Returns how many nodes the cluster has at most, those that come while it is upgraded included
    /// (a third of each pool, which is the most that AKS recommends).
    fn most_nodes(&self) -> u64 {
        let pools = self.resource.list("properties.agentPoolProfiles").iter();
        let count = |pool: &Value| {
            let number = |name| property(pool, name).and_then(Value::as_u64).unwrap_or_default();
            let most = number("maxCount").max(number("count")).min(10_000);
            most.saturating_add(most.div_ceil(3))
        };
        pools.map(count).sum()
    }
}

/// Returns how many ports each of so many nodes can have: a multiple of 8 ("Configure the allocated
/// outbound ports").
fn ports_for(addresses: u64, nodes: u64) -> Option<u64> {
    let each = PORTS_OF_ADDRESS.saturating_mul(addresses).checked_div(nodes)?;
    Some(each.min(PORTS_OF_ADDRESS) / 8 * 8).filter(|ports| *ports > 0)
}

/// Returns how many ports each node has where Azure divides them ("Default port allocation" of the
/// page on SNAT).
fn divided(nodes: u64, addresses: u64) -> u64 {
    let each = match nodes {
        0..=50 => 1024,
        51..=100 => 512,
        101..=200 => 256,
        201..=400 => 128,
        401..=800 => 64,
        _ => 32,
    };
    addresses.saturating_mul(each)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ports_of_nodes() {
        for (addresses, nodes, ports) in [
            (1, 4, Some(16_000)),
            (2, 100, Some(1280)),
            (3, 1, Some(64_000)),
            (0, 4, None),
            (1, 0, None),
        ] {
            assert_eq!(ports_for(addresses, nodes), ports, "{addresses} {nodes}");
        }
        assert_eq!((divided(3, 1), divided(80, 2), divided(5000, 1)), (1024, 1024, 32));
    }
}
