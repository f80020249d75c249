//! Outbound ports of the cluster's nodes (SNAT): whether there are enough, what Azure Monitor counts,
//! and what AKS's own detectors say. All three decide by the cluster's resource.

use hyper::StatusCode;
use jiff::{SignedDuration, Timestamp, Unit};
use serde_json::{Value, json};

use super::ControlPlane;
use super::arm::Asked;
use super::reply::Reply;
use super::resources::not_found;
use super::store::{Store, text};

const DETECTORS: &str = "Microsoft.ContainerService/managedClusters/detectors";
/// The connections that fail in a minute in which ports are lacking.
const FAILED: u32 = 37;
/// The minutes of which metrics are kept here.
const MINUTES: i64 = 180;

/// Returns the outbound ports of each node: those that are set, or what Azure gives to each of at
/// most 50 nodes ("Use Source Network Address Translation (SNAT) for outbound connections", default
/// port allocation); at a NAT gateway, all of its addresses ("Azure NAT Gateway", 64,512 each).
fn ports(cluster: &Value) -> u64 {
    let profile = "/properties/networkProfile";
    if text(cluster, &format!("{profile}/outboundType")).ends_with("NATGateway") {
        let count = format!("{profile}/natGatewayProfile/managedOutboundIPProfile/count");
        return 64_512 * cluster.pointer(&count).and_then(Value::as_u64).unwrap_or(1);
    }
    let profile = "/properties/networkProfile/loadBalancerProfile";
    let set = cluster.pointer(&format!("{profile}/allocatedOutboundPorts")).and_then(Value::as_u64);
    set.filter(|set| *set > 0).unwrap_or(1024)
}

/// Returns whether the nodes go out through ports of a shared address.
fn translates(cluster: &Value) -> bool {
    let kind = text(cluster, "/properties/networkProfile/outboundType");
    ["loadBalancer", "managedNATGateway", "userAssignedNATGateway"].contains(&kind)
}

impl ControlPlane {
    /// Returns whether the nodes lack ports for connections to the registry.
    pub(super) fn lacks_ports(&self, store: &Store) -> bool {
        let cluster = store.get(&self.ids.cluster);
        cluster.is_some_and(|one| translates(one) && self.settings.snat.needed > ports(one))
    }

    /// Returns the answer of one of AKS's own detectors, if the path names one. A scenario overrides
    /// it by a resource.
    pub(super) fn detector(&self, store: &Store, path: &str, kind: &str) -> Option<Value> {
        let id = path.rsplit('/').next()?;
        if !kind.eq_ignore_ascii_case(DETECTORS) || store.get(path).is_some() {
            return None;
        }
        detector(store.get(&self.ids.cluster)?, self.lacks_ports(store), id)
    }

    /// Responds to a request for metrics: `GetMetric.json` of Azure/azure-rest-api-specs
    /// (Microsoft.Insights, 2018-01-01). The dimension's name in lower case is that of its example;
    /// no answer for this metric is recorded publicly.
    pub(super) fn metrics(&self, asked: &Asked, resource: &str) -> Reply {
        let action = "Microsoft.Insights/metrics/read";
        if let Some(refusal) = self.refusal(asked, action, resource) {
            return refusal;
        }
        let known = self.with(|store| store.get(resource).is_some());
        if !known {
            return not_found(resource);
        }
        let name = asked.field("metricnames").unwrap_or_default();
        let gateway = resource.to_ascii_lowercase().contains("/natgateways/");
        let own = if gateway { "SNATConnectionCount" } else { "SnatConnectionCount" };
        let failed = asked.field("$filter") == Some("ConnectionState eq 'Failed'");
        let span = asked.field("timespan").unwrap_or_default();
        let (Some((from, to)), true, true) = (minutes(span), name == own, failed) else {
            let message =
                format!("The request for {name} in {span} is not one that this lab knows.");
            return Reply::error(StatusCode::BAD_REQUEST, "BadRequest", &message);
        };
        let data = self.failures(from, to);
        let series = json!({
            "metadatavalues": [{
                "name": { "value": "connectionstate", "localizedValue": "connectionstate" },
                "value": "Failed",
            }],
            "data": data,
        });
        Reply::ok(json!({
            "cost": 59, "timespan": span, "interval": "PT1M",
            "namespace": if gateway { "Microsoft.Network/natGateways" } else { "Microsoft.Network/loadBalancers" },
            "resourceregion": self.settings.location,
            "value": [{
                "id": format!("{resource}/providers/Microsoft.Insights/metrics/{name}"),
                "type": "Microsoft.Insights/metrics",
                "name": { "value": name, "localizedValue": "SNAT Connection Count" },
                "displayDescription": "Total number of new SNAT connections created within time period",
                "unit": "Count", "errorCode": "Success",
                "timeseries": if data.is_empty() { vec![] } else { vec![series] },
            }],
        }))
    }

    /// Returns the failures of each minute; nothing if there were none.
    fn failures(&self, from: Timestamp, to: Timestamp) -> Vec<Value> {
        let now = Timestamp::now();
        let lacks = self.with(|store| self.lacks_ports(store));
        let ago = self.settings.snat.failed_ago;
        let mut data = Vec::new();
        let mut any = false;
        for back in (0..MINUTES).rev() {
            let at = now.checked_sub(SignedDuration::from_mins(back)).unwrap_or(now);
            let at = at.round(Unit::Minute).unwrap_or(at);
            if at < from || at > to {
                continue;
            }
            // Where ports are lacking now, they have been for ten minutes.
            let failed = (lacks && back < 10) || (ago >= 0 && (ago..ago + 10).contains(&back));
            any |= failed;
            let total = if failed { f64::from(FAILED) } else { 0.0 };
            data.push(json!({ "timeStamp": at.to_string(), "total": total }));
        }
        if any { data } else { Vec::new() }
    }
}

/// Returns the two times of a span.
fn minutes(span: &str) -> Option<(Timestamp, Timestamp)> {
    let (from, to) = span.split_once('/')?;
    Some((from.parse().ok()?, to.parse().ok()?))
}

/// Returns the answer of one of AKS's own detectors, in the shape of the recorded answers in
/// Azure/vscode-aks-tools (`webview-ui/src/manualTest/detectorData`), written anew. All of those on
/// these subjects are recorded as `Success`: the words of an objection are invented, its status is
/// that of a recorded one on another subject (`advisor-b-series-vms`).
fn detector(cluster: &Value, lacks_ports: bool, id: &str) -> Option<Value> {
    let routed = text(cluster, "/properties/networkProfile/outboundType") == "userDefinedRouting";
    let (name, category, objection, fine) = match id {
        "snat-usage" => (
            "SNAT Connection and Port Allocation",
            "Connectivity Issues",
            lacks_ports.then_some("SNAT connections failed on the outbound IPs of the cluster"),
            "No failed SNAT connections",
        ),
        "user-defined-routing" => (
            "User Defined Routing",
            "Connectivity Issues",
            routed.then_some("The cluster's egress is set to user defined routing"),
            "The egress is not set to user defined routing",
        ),
        "cluster-subnet" => {
            ("Cluster Subnet", "Connectivity Issues", None, "No issues with the cluster subnet")
        }
        "InvalidClientServicePrincipal" => (
            "Client Service Principal",
            "Identity and Security",
            None,
            "No invalid client service principal",
        ),
        _ => return None,
    };
    let columns = ["Status", "Message", "Data.Name", "Data.Value", "Expanded", "Solutions"];
    let columns =
        columns.map(|name| json!({ "columnName": name, "columnType": null, "dataType": "String" }));
    let (status, message) = objection.map_or(("Success", fine), |said| ("Warning", said));
    Some(json!({
        "id": format!("{}/detectors/{id}", super::store::id_of(cluster)), "name": id,
        "type": DETECTORS, "location": text(cluster, "/location"),
        "properties": {
            "appFilter": null, "dataProvidersMetadata": null,
            "dataset": [{
                "renderingProperties": { "description": null, "isVisible": true, "title": null, "type": 7 },
                "table": {
                    "columns": columns, "tableName": "",
                    "rows": [[status, message, "", "", "False", "null"]],
                },
            }],
            "metadata": {
                "analysisType": "", "analysisTypes": null, "author": "", "category": category,
                "description": "", "id": id, "name": name, "score": 0, "supportTopicList": [],
                "type": "Detector",
            },
            "status": { "message": null, "statusId": if objection.is_some() { 1 } else { 3 } },
            "suggestedUtterances": null,
        },
    }))
}

/// Adds the load balancer or the NAT gateway by which the nodes go out (the examples `LoadBalancerGet`
/// and `NatGatewayGet` of Azure/azure-rest-api-specs, Microsoft.Network), and returns the property of
/// a public address that names it.
pub(super) fn way_out(
    store: &mut Store,
    group: &str,
    kind: &str,
    addresses: &[String],
) -> Option<Value> {
    let ids: Vec<_> = addresses.iter().map(|id| json!({ "id": id })).collect();
    match kind {
        "loadBalancer" => {
            // AKS calls it so ("Use a public standard load balancer in AKS").
            let id = format!("{group}/providers/Microsoft.Network/loadBalancers/kubernetes");
            let frontend = format!("{id}/frontendIPConfigurations/outbound");
            store.put(json!({
                "id": id, "name": "kubernetes", "type": "Microsoft.Network/loadBalancers",
                "sku": { "name": "Standard", "tier": "Regional" },
                "properties": { "provisioningState": "Succeeded", "frontendIPConfigurations": [{
                    "id": frontend, "name": "outbound",
                    "properties": { "publicIPAddress": ids.first() },
                }] },
            }));
            Some(json!({ "ipConfiguration": { "id": frontend } }))
        }
        "managedNATGateway" | "userAssignedNATGateway" => {
            let id = format!("{group}/providers/Microsoft.Network/natGateways/outbound");
            store.put(json!({
                "id": id, "name": "outbound", "type": "Microsoft.Network/natGateways",
                "sku": { "name": "Standard" },
                "properties": {
                    "provisioningState": "Succeeded", "idleTimeoutInMinutes": 4,
                    "publicIpAddresses": ids,
                },
            }));
            Some(json!({ "natGateway": { "id": id } }))
        }
        _ => None,
    }
}
