//! Did the cluster's way out run out of ports?
//!
//! Each outbound connection to one destination needs a port of its own ("Use Source Network Address
//! Translation (SNAT) for outbound connections"), so the connections to a registry may fail while
//! other hosts are reached.

use futures::future::join_all;
use jiff::SignedDuration;
use serde_json::Value;

use super::{
    Cluster, Problem,
    metrics::{FailedAt, failed},
    ports::Exhausted,
};
use crate::{
    arm::ControlPlane,
    data_path::DataPath,
    kit::{
        Cx, StepResult,
        azure::{ArmResource, resource::text},
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
/// The symptoms of connections that get no port: they time out.
const SYMPTOMS: [&str; 4] = [
    "tcp/tcp-egress-blocked",
    "tcp/tcp-outbound-none",
    "tcp/data-endpoint-blocked",
    "tcp/blob-endpoint-blocked",
];

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
    let unreadable = || ControlPlane::unreadable(cluster.id().as_str());
    let listed = cluster.egress_ids().into_iter().take(MAX_ADDRESSES);
    let mut ids = listed.collect::<Option<Vec<_>>>().ok_or_else(unreadable)?;
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

#[cfg(test)]
mod tests {
    use super::*;

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
        assert_eq!(held.map(Option::unwrap_or_default), ["kubernetes", "out", "", ""]);
    }
}
