//! The addresses from which the nodes of a cluster reach the internet.

use std::net::IpAddr;

use serde_json::Value;

use super::Cluster;
use crate::{
    arm::ControlPlane,
    kit::{
        Cx, StepResult,
        azure::resource::{property, text},
        target::ResourceId,
    },
};

/// The version of the API for public addresses.
const API: &str = "2024-05-01";
/// How many addresses are looked up. A load balancer of AKS has at most 100.
const MAX_ADDRESSES: usize = 100;

impl Cluster {
    /// Returns whether the nodes go out by addresses that belong to the cluster, and not through a
    /// firewall, a proxy or a gateway that someone else runs.
    pub(crate) fn goes_out_by_its_own_addresses(&self) -> bool {
        let own = ["loadBalancer", "managedNATGateway", "userAssignedNATGateway"];
        let is_own = self.outbound().is_some_and(|kind| own.contains(&kind));
        let pools = self.resource.list("properties.agentPoolProfiles");
        let has_public = |pool: &Value| {
            property(pool, "enableNodePublicIP").and_then(Value::as_bool) == Some(true)
        };
        is_own
            && !pools.iter().any(has_public)
            && self.resource.get("properties.httpProxyConfig.httpsProxy").is_none()
    }

    /// Returns those addresses.
    pub(crate) async fn egress(
        &self,
        cx: &Cx,
        control_plane: &ControlPlane,
    ) -> StepResult<Vec<IpAddr>> {
        let mut addresses = vec![];
        for id in self.egress_ids().into_iter().take(MAX_ADDRESSES) {
            let found = control_plane.get(cx, &id, API).await?;
            let address: Option<IpAddr> =
                found.and_then(|ip| ip.text("properties.ipAddress")?.parse().ok());
            addresses.extend(address);
        }
        Ok(addresses)
    }

    /// Returns the ids of the public addresses in effect.
    pub(super) fn egress_ids(&self) -> Vec<ResourceId> {
        let profiles = ["loadBalancerProfile", "natGatewayProfile"];
        let lists = profiles.map(|profile| {
            self.resource.list(&format!("properties.networkProfile.{profile}.effectiveOutboundIPs"))
        });
        lists.into_iter().flatten().filter_map(|entry| text(entry, "id")?.parse().ok()).collect()
    }
}
