//! The network rules of a registry: whom they let in at its public endpoint.

use std::net::IpAddr;

use ipnet::IpNet;

use super::Registry;
use crate::kit::azure::resource::text;

/// The network rules of a registry.
#[derive(Debug)]
pub(super) struct NetworkRules {
    /// Whether there is a public endpoint at all.
    is_public: bool,
    /// Whether an address needs a rule.
    is_selective: bool,
    /// The addresses that a rule allows.
    allowed: Vec<IpNet>,
    /// Whether a rule could not be read, so that what is not allowed is unknown.
    has_unreadable: bool,
    /// The subnets that a rule allows: what comes through a service endpoint of theirs.
    pub(super) subnets: Vec<String>,
}

/// What the rules say of an address.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Admission {
    /// It may come in.
    Allowed,
    /// Nobody may come in at the public endpoint.
    NoPublicAccess,
    /// No rule allows it.
    NotListed,
    /// A rule cannot be read.
    Unknown,
}

impl NetworkRules {
    /// Reads the rules of a registry.
    pub(super) fn of(registry: &Registry) -> Self {
        let resource = &registry.resource;
        let rules = resource.list("properties.networkRuleSet.ipRules");
        let read = |rule| net(text(rule, "value")?);
        let nets: Vec<Option<IpNet>> = rules.iter().map(read).collect();
        let subnets = resource.list("properties.networkRuleSet.virtualNetworkRules");
        Self {
            is_public: !resource.is("properties.publicNetworkAccess", "Disabled"),
            // A registry without such rules, which needs the tier Premium, lets everybody in.
            is_selective: resource.is("properties.networkRuleSet.defaultAction", "Deny"),
            has_unreadable: nets.iter().any(Option::is_none),
            allowed: nets.into_iter().flatten().collect(),
            subnets: subnets
                .iter()
                .filter_map(|rule| text(rule, "id"))
                .map(str::to_owned)
                .collect(),
        }
    }

    /// Returns whether there is a public endpoint.
    pub(super) fn is_public(&self) -> bool {
        self.is_public
    }

    /// Returns what the rules say of an address.
    pub(super) fn admit(&self, address: IpAddr) -> Admission {
        if !self.is_public {
            Admission::NoPublicAccess
        } else if !self.is_selective || self.allowed.iter().any(|net| net.contains(&address)) {
            Admission::Allowed
        } else if self.has_unreadable {
            Admission::Unknown
        } else {
            Admission::NotListed
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
    use serde_json::{Value, json};

    use super::*;
    use crate::kit::azure::ArmResource;

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
        let admit =
            |properties: &Value, address: &str| rules(properties).admit(address.parse().unwrap());
        assert_eq!(admit(&listed, "203.0.113.7"), Admission::Allowed);
        assert_eq!(admit(&listed, "198.51.100.15"), Admission::Allowed);
        assert_eq!(admit(&listed, "198.51.100.16"), Admission::NotListed);
        assert_eq!(admit(&listed, "2001:db8::1"), Admission::NotListed);
        let off = json!({ "publicNetworkAccess": "disabled", "networkRuleSet": { "defaultAction": "Allow" } });
        assert_eq!(admit(&off, "203.0.113.7"), Admission::NoPublicAccess);
        assert_eq!(admit(&json!({}), "203.0.113.7"), Admission::Allowed);
        let odd =
            json!({ "networkRuleSet": { "defaultAction": "Deny", "ipRules": [{ "value": "x" }] } });
        assert_eq!(admit(&odd, "203.0.113.7"), Admission::Unknown);
    }
}
