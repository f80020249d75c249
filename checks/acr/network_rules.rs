//! The network rules of a registry: which clients they let in at its public endpoint.

use std::net::IpAddr;

use ipnet::IpNet;
use serde_json::Value;

use super::Registry;
use crate::{
    cluster::AddressRange,
    kit::azure::{ArmResource, resource::text},
};

/// The network rules of a registry.
#[derive(Debug)]
pub(super) struct NetworkRules {
    access: Access,
    /// The addresses that a rule allows, as few ranges as possible.
    allowed: Vec<IpNet>,
    /// Whether a rule could not be read, so that what is not allowed is unknown.
    has_unreadable: bool,
    /// The subnets that a rule allows: what comes through a service endpoint of theirs.
    pub(super) subnets: Vec<String>,
}

/// The clients that the public endpoint is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Access {
    /// There is none.
    Disabled,
    /// Those that a rule allows.
    Selected,
    /// Everybody.
    All,
    /// Something else decides, such as a network security perimeter, or it cannot be read.
    Unknown,
}

/// What the rules say of an address.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Admission {
    /// A rule allows it, or all of them.
    Listed,
    /// Everybody may come in.
    Open,
    /// No client may come in at the public endpoint.
    NoPublicAccess,
    /// No rule allows it, or not all of them.
    NotListed,
    /// It cannot be told.
    Unknown,
}

impl NetworkRules {
    /// Reads the rules of a registry.
    pub(super) fn of(registry: &Registry) -> Self {
        let resource = &registry.resource;
        let rules = resource.get("properties.networkRuleSet.ipRules");
        let listed = rules.and_then(Value::as_array).map_or(&[][..], Vec::as_slice);
        let nets: Vec<Option<IpNet>> =
            listed.iter().map(|rule| net(text(rule, "value")?)).collect();
        let subnets = resource.list("properties.networkRuleSet.virtualNetworkRules");
        let is_list = rules.is_none_or(Value::is_array);
        Self {
            access: Access::of(resource),
            has_unreadable: !is_list || nets.iter().any(Option::is_none),
            allowed: IpNet::aggregate(&nets.into_iter().flatten().collect()),
            subnets: subnets
                .iter()
                .filter_map(|rule| text(rule, "id"))
                .map(str::to_owned)
                .collect(),
        }
    }

    /// Returns whether there is certainly no public endpoint.
    pub(super) fn is_disabled(&self) -> bool {
        self.access == Access::Disabled
    }

    /// Returns what the rules say of an address, or of all addresses of a range.
    pub(super) fn admit(&self, addresses: AddressRange) -> Admission {
        match self.access {
            Access::Disabled => Admission::NoPublicAccess,
            Access::All => Admission::Open,
            Access::Unknown => Admission::Unknown,
            Access::Selected if self.allowed.iter().any(|net| net.contains(&addresses.0)) => {
                Admission::Listed
            }
            Access::Selected if self.has_unreadable => Admission::Unknown,
            Access::Selected => Admission::NotListed,
        }
    }
}

impl Access {
    fn of(resource: &ArmResource) -> Self {
        let word = |path| match resource.get(path) {
            None => Some(String::new()),
            Some(value) => value.as_str().map(str::to_lowercase),
        };
        let rules = resource.get("properties.networkRuleSet");
        let public = word("properties.publicNetworkAccess");
        let action = word("properties.networkRuleSet.defaultAction");
        match (public.as_deref(), action.as_deref(), rules.is_none_or(Value::is_object)) {
            (Some("disabled"), ..) => Access::Disabled,
            (Some("" | "enabled"), Some("deny"), true) => Access::Selected,
            // A registry without such rules, which need the tier Premium, lets everybody in.
            (Some("" | "enabled"), Some("" | "allow"), true) => Access::All,
            _ => Access::Unknown,
        }
    }
}

/// Reads the value of a rule: an address, or a range in CIDR notation.
fn net(value: &str) -> Option<IpNet> {
    let value = value.trim();
    value.parse().ok().or_else(|| value.parse::<IpAddr>().ok().map(IpNet::from))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn rules(properties: &Value) -> NetworkRules {
        let id = "/subscriptions/s/resourceGroups/g/providers/Microsoft.ContainerRegistry/registries/contoso";
        let resource = ArmResource::read(json!({ "id": id, "properties": properties }));
        NetworkRules::of(&Registry::of(resource.unwrap()))
    }

    #[test]
    fn whom_the_rules_let_in() {
        let listed = json!({ "networkRuleSet": { "defaultAction": "Deny", "ipRules": [
            { "action": "Allow", "value": "203.0.113.7" },
            { "action": "Allow", "value": "198.51.100.0/28" },
        ] } });
        let admit = |properties: &Value, range: &str| {
            let address = range.parse::<IpAddr>().map(AddressRange::from);
            let range = address.or_else(|_| range.parse().map(AddressRange));
            rules(properties).admit(range.unwrap())
        };
        assert_eq!(admit(&listed, "203.0.113.7"), Admission::Listed);
        assert_eq!(admit(&listed, "198.51.100.15"), Admission::Listed);
        assert_eq!(admit(&listed, "198.51.100.16"), Admission::NotListed);
        assert_eq!(admit(&listed, "2001:db8::1"), Admission::NotListed);
        assert_eq!(admit(&listed, "198.51.100.8/29"), Admission::Listed);
        assert_eq!(admit(&listed, "198.51.100.0/27"), Admission::NotListed);
        let halves = json!({ "networkRuleSet": { "defaultAction": "Deny", "ipRules": [
            { "value": "203.0.113.40" }, { "value": "203.0.113.41" },
        ] } });
        assert_eq!(admit(&halves, "203.0.113.40/31"), Admission::Listed);
        assert_eq!(admit(&halves, "203.0.113.40/30"), Admission::NotListed);
        let off = json!({ "publicNetworkAccess": "disabled", "networkRuleSet": { "defaultAction": "Allow" } });
        assert_eq!(admit(&off, "203.0.113.7"), Admission::NoPublicAccess);
        assert_eq!(admit(&json!({}), "203.0.113.7"), Admission::Open);
        let odd =
            json!({ "networkRuleSet": { "defaultAction": "Deny", "ipRules": [{ "value": "x" }] } });
        assert_eq!(admit(&odd, "203.0.113.7"), Admission::Unknown);
    }
}
