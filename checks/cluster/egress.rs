//! The addresses from which the nodes of a cluster reach the internet.

use std::{fmt, net::IpAddr};

use futures::{StreamExt, stream};
use ipnet::IpNet;
use serde::Serialize;
use serde_json::Value;

use super::{Cluster, Problem};
use crate::{
    arm::ControlPlane,
    kit::{
        Cx, NoFact,
        azure::{
            ArmResource,
            resource::{property, text},
        },
        target::ResourceId,
    },
};

/// The version of the API for public addresses and their prefixes.
const API: &str = "2024-05-01";
/// How many are looked up. A load balancer of AKS has at most 100.
const MAX_ADDRESSES: usize = 100;
/// How many are looked up at the same time.
const AT_ONCE: usize = 8;

/// An address, or all addresses of a public IP prefix.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct AddressRange(pub(crate) IpNet);

/// The addresses from which the nodes reach the internet.
pub(crate) struct Egress {
    /// Those that are known.
    pub(crate) known: Vec<AddressRange>,
    /// Why others are not.
    pub(crate) unread: Vec<NoFact>,
}

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
    pub(crate) async fn egress(&self, cx: &Cx, control_plane: &ControlPlane) -> Egress {
        let listed = self.egress_ids();
        let unreadable = || ControlPlane::unreadable(self.id().as_str());
        let looked_up = stream::iter(listed.iter().take(MAX_ADDRESSES).map(async |id| {
            let id = id.as_ref().ok_or_else(unreadable)?;
            let found = control_plane.get(cx, id, API).await?;
            let not_found = || {
                let (cluster, id) = (self.name().to_owned(), id.to_string());
                NoFact::could_not_tell(Problem::EgressAddressNotFound { cluster, id })
            };
            found.as_ref().and_then(AddressRange::of).ok_or_else(not_found)
        }));
        let looked_up: Vec<_> = looked_up.buffered(AT_ONCE).collect().await;
        let mut egress = Egress { known: vec![], unread: vec![] };
        for address in looked_up {
            match address {
                Ok(address) => egress.known.push(address),
                Err(no_fact) => egress.unread.push(no_fact),
            }
        }
        if listed.len() > MAX_ADDRESSES {
            egress.unread.push(unreadable());
        }
        egress
    }

    /// Returns the ids of the public addresses and prefixes in effect; `None` for what is no id.
    pub(super) fn egress_ids(&self) -> Vec<Option<ResourceId>> {
        let profiles = ["loadBalancerProfile", "natGatewayProfile"];
        let lists = profiles.map(|profile| {
            self.resource.list(&format!("properties.networkProfile.{profile}.effectiveOutboundIPs"))
        });
        lists.into_iter().flatten().map(|entry| text(entry, "id")?.parse().ok()).collect()
    }
}

impl AddressRange {
    /// Reads a public address or a public IP prefix; `None` while it has no address.
    fn of(resource: &ArmResource) -> Option<Self> {
        let address = resource.text("properties.ipAddress");
        let address = address.and_then(|text| text.parse::<IpAddr>().ok()).map(Self::from);
        let prefix = || Some(Self(resource.text("properties.ipPrefix")?.parse().ok()?));
        address.or_else(prefix)
    }
}

impl From<IpAddr> for AddressRange {
    fn from(address: IpAddr) -> Self {
        Self(IpNet::from(address))
    }
}

/// Shows a single address without a length.
impl fmt::Display for AddressRange {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.0.prefix_len() == self.0.max_prefix_len() {
            write!(f, "{}", self.0.addr())
        } else {
            write!(f, "{}", self.0)
        }
    }
}

impl Serialize for AddressRange {
    fn serialize<S: serde::Serializer>(&self, to: S) -> Result<S::Ok, S::Error> {
        to.collect_str(self)
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn an_address_or_a_prefix() {
        let of = |properties: Value| {
            let id =
                "/subscriptions/s/resourceGroups/g/providers/Microsoft.Network/publicIPPrefixes/p";
            let read = ArmResource::read(json!({ "id": id, "properties": properties }));
            read.as_ref().and_then(AddressRange::of).map(|range| range.to_string())
        };
        for (properties, shown) in [
            (json!({ "ipAddress": "203.0.113.9" }), Some("203.0.113.9")),
            (json!({ "ipAddress": "2001:db8::1" }), Some("2001:db8::1")),
            (json!({ "ipPrefix": "203.0.113.40/31" }), Some("203.0.113.40/31")),
            (json!({ "ipPrefix": "203.0.113.40/32" }), Some("203.0.113.40")),
            (json!({ "ipPrefix": "all" }), None),
            (json!({}), None),
        ] {
            assert_eq!(of(properties.clone()).as_deref(), shown, "{properties}");
        }
    }
}
