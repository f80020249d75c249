//! Did the cluster's way out run out of ports?
//!
//! Each outbound connection to one destination needs a port of its own ("Use Source Network Address
//! Translation (SNAT) for outbound connections"), so the connections to a registry may fail while
//! other hosts are reached.

use futures::future::join_all;
use jiff::{SignedDuration, Timestamp};
use serde::Serialize;
use serde_json::Value;

use super::{
    Cluster, Problem,
    metrics::{FailedAt, failed},
};
use crate::{
    arm::ControlPlane,
    data_path::DataPath,
    kit::{
        Cx, StepResult,
        azure::{
            ArmResource,
            resource::{property, text},
        },
        engine::Finding,
        target::{ResourceId, is_private},
    },
};

/// The version of the API for public addresses and subnets.
const API: &str = "2024-05-01";
/// How many public addresses are followed to what holds them. They belong to one load balancer or
/// to one NAT gateway.
const MAX_ADDRESSES: usize = 4;
/// How many load balancers or NAT gateways are looked at.
const MAX_WAYS: usize = 2;
/// A failure this long ago is one of the time of the pull: the connection was given up within a
/// minute, and metrics are there within three ("Azure Monitor Metrics overview").
const LATELY: SignedDuration = SignedDuration::from_mins(5);
/// The ports of a public address ("Use a public standard load balancer in AKS", "Configure the
/// allocated outbound ports").
const PORTS_OF_ADDRESS: u64 = 64_000;
/// The most addresses that AKS manages, for a load balancer and for a NAT gateway (its reference of
/// `az aks update`).
const MAX_MANAGED: u64 = 100;
const MAX_GATEWAY: u64 = 16;
/// The symptoms of connections that get no port: they time out.
const SYMPTOMS: [&str; 4] = [
    "tcp/tcp-egress-blocked",
    "tcp/tcp-outbound-none",
    "tcp/data-endpoint-blocked",
    "tcp/blob-endpoint-blocked",
];

/// Connections of the cluster that failed because no port was free, and how it gets more.
#[derive(Serialize)]
pub struct Exhausted {
    /// The host that was not reached.
    host: String,
    cluster: String,
    cluster_group: String,
    subscription: String,
    /// The load balancer or NAT gateway.
    way: String,
    /// How many connections failed.
    failed: u64,
    /// The last minute in which some did.
    at: Timestamp,
    #[serde(flatten)]
    ports: Ports,
}

/// What can be changed, as far as it is known.
#[derive(Default, Serialize)]
struct Ports {
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

/// Looks for connections that failed for lack of a port when a node of the cluster got no answer
/// from a public address.
pub(super) async fn look(
    cx: &Cx,
    control_plane: &ControlPlane,
    cluster: &Cluster,
    pull: &DataPath,
) -> StepResult<()> {
    let Some(host) = pull.unreached().and_then(timed_out) else { return Ok(()) };
    // Elsewhere than on its nodes, the cluster's way out explains nothing.
    if !cx.world.on_node || !cluster.goes_out_by_its_own_addresses() {
        return Ok(());
    }
    for way in ways(cx, control_plane, cluster).await? {
        let minutes = failed(cx, control_plane, &way).await?;
        if let Some(problem) = judge(cx, control_plane, cluster, &host, &way, &minutes) {
            cx.add_finding(problem);
        }
    }
    Ok(())
}

fn judge(
    cx: &Cx,
    control_plane: &ControlPlane,
    cluster: &Cluster,
    host: &str,
    way: &ResourceId,
    minutes: &[FailedAt],
) -> Option<Problem> {
    let since = control_plane.now(cx).checked_sub(LATELY).ok()?;
    let lately = minutes.iter().filter(|minute| minute.at >= since);
    let lately: Vec<FailedAt> = lately.copied().collect();
    let is_now = !lately.is_empty();
    let counted = if is_now { &lately[..] } else { minutes };
    let exhausted = Exhausted {
        host: host.to_owned(),
        cluster: cluster.name().to_owned(),
        cluster_group: cluster.id().group().to_owned(),
        subscription: cluster.id().subscription().to_owned(),
        way: way.name().to_owned(),
        failed: counted.iter().fold(0, |sum, minute| sum.saturating_add(minute.count)),
        at: counted.iter().map(|minute| minute.at).max()?,
        ports: cluster.ports(way),
    };
    Some(if is_now {
        Problem::OutboundPortsExhausted(exhausted)
    } else {
        Problem::OutboundPortsExhaustedBefore(exhausted)
    })
}

/// Returns the host of a finding, if it is that no public address of it answered.
fn timed_out(finding: &Finding) -> Option<String> {
    let addresses = |name| finding.evidence.get(name).and_then(Value::as_array);
    let silent = addresses("timed_out").filter(|_| SYMPTOMS.contains(&finding.code.as_str()))?;
    let is_public = |address: &Value| {
        address.as_str().and_then(|one| one.parse().ok()).is_some_and(|one| !is_private(one))
    };
    // What refuses was reached.
    let is_silent = silent.iter().all(is_public) && addresses("refused").is_none();
    finding.evidence.get("host")?.as_str().filter(|_| is_silent).map(str::to_owned)
}

/// Returns the load balancers or NAT gateways by which the nodes go out: those that hold the
/// addresses in effect, or the gateway of the nodes' subnet.
async fn ways(
    cx: &Cx,
    control_plane: &ControlPlane,
    cluster: &Cluster,
) -> StepResult<Vec<ResourceId>> {
    let mut ids = cluster.egress_ids();
    ids.truncate(MAX_ADDRESSES);
    if ids.is_empty() {
        let pools = cluster.resource.list("properties.agentPoolProfiles").iter();
        ids = pools.filter_map(|pool| text(pool, "vnetSubnetID")?.parse().ok()).take(1).collect();
    }
    let readings = ids.iter().map(|id| control_plane.get(cx, id, API));
    let mut ways = vec![];
    for found in join_all(readings).await {
        let way = found?.as_ref().and_then(holder);
        ways.extend(way.filter(|way| !ways.contains(way)));
    }
    ways.truncate(MAX_WAYS);
    Ok(ways)
}

/// Returns what holds a public address, or the NAT gateway of a subnet (`PublicIPAddress` and
/// `Subnet` in the specification of Microsoft.Network).
fn holder(resource: &ArmResource) -> Option<ResourceId> {
    let gateway = resource.text("properties.natGateway.id").and_then(|id| id.parse().ok());
    let frontend = || {
        let id = resource.text("properties.ipConfiguration.id")?;
        let at = id.to_ascii_lowercase().find("/frontendipconfigurations/")?;
        id.get(..at)?.parse().ok()
    };
    gateway.or_else(frontend)
}

impl Cluster {
    /// Returns what gives the nodes more ports.
    fn ports(&self, way: &ResourceId) -> Ports {
        let profile = "properties.networkProfile";
        let number = |path: &str| self.resource.get(&format!("{profile}.{path}"))?.as_u64();
        if self.outbound() == Some("userAssignedNATGateway") {
            return Ports { own_gateway: Some(way.to_string()), ..Ports::default() };
        }
        if self.outbound() == Some("managedNATGateway") {
            let now = number("natGatewayProfile.managedOutboundIPProfile.count");
            let now = now.filter(|count| *count < MAX_GATEWAY);
            return Ports {
                gateway_addresses_now: now,
                more_gateway_addresses: now.map(|count| count + 1),
                ..Ports::default()
            };
        }
        let addresses = u64::try_from(self.egress_ids().len()).unwrap_or_default();
        let nodes = self.most_nodes();
        let ports_now = number("loadBalancerProfile.allocatedOutboundPorts").unwrap_or_default();
        let has = if ports_now == 0 { divided(nodes, addresses) } else { ports_now };
        let managed = number("loadBalancerProfile.managedOutboundIPs.count");
        let more_ports = ports_for(addresses.saturating_add(1), nodes).filter(|more| *more > has);
        let managed = managed.filter(|count| *count < MAX_MANAGED && more_ports.is_some());
        Ports {
            ports: ports_for(addresses, nodes).filter(|ports| *ports > has),
            ports_now: Some(ports_now),
            more_addresses: managed.map(|count| count + 1),
            more_ports: more_ports.filter(|_| managed.is_some()),
            addresses_now: managed,
            ..Ports::default()
        }
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

    #[test]
    fn what_holds_an_address() {
        let group = "/subscriptions/s/resourceGroups/g/providers/Microsoft.Network";
        let held = |properties: Value| {
            let id = format!("{group}/publicIPAddresses/a");
            let read = ArmResource::read(serde_json::json!({ "id": id, "properties": properties }));
            holder(&read.unwrap()).map(|id| id.name().to_owned())
        };
        let frontend = format!("{group}/loadBalancers/kubernetes/frontendIPConfigurations/f");
        let gateway = format!("{group}/natGateways/out");
        let held = [
            held(serde_json::json!({ "ipConfiguration": { "id": frontend } })),
            held(serde_json::json!({ "natGateway": { "id": gateway } })),
            held(
                serde_json::json!({ "ipConfiguration": { "id": format!("{group}/x/y/ipConfigurations/z") } }),
            ),
            held(serde_json::json!({})),
        ];
        assert_eq!(held.map(|it| it.unwrap_or_default()), ["kubernetes", "out", "", ""]);
    }
}
