//! Networks: private endpoints, private DNS zones, public addresses, and what follows from them for
//! the registry and the name servers.

use std::net::IpAddr;

use serde_json::{Value, json};

use super::ids::Ids;
use super::seed::Seed;
use super::settings::{Azure, Zone};
use super::snat;
use super::store::{Store, id_of, list, text, within};

pub(crate) const CONNECTION: &str =
    "Microsoft.ContainerRegistry/registries/privateEndpointConnections";
pub(crate) const ZONE: &str = "Microsoft.Network/privateDnsZones";
const RECORD: &str = "Microsoft.Network/privateDnsZones/A";
const LINK: &str = "Microsoft.Network/privateDnsZones/virtualNetworkLinks";
const VNET: &str = "Microsoft.Network/virtualNetworks";
/// The seconds for which records may be cached.
const TTL: u32 = 10;

/// The way by which a request comes to the registry.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Way {
    /// Through the public address.
    Public,
    /// Through a private endpoint whose connection is approved.
    Private,
    /// Nothing arrives: the endpoint is not approved, or in a network without a way from here, or
    /// nothing has the address, or the cluster lacks outbound ports.
    Nowhere,
}

/// Returns the id of the client's subnet.
pub(crate) fn subnet(ids: &Ids, azure: &Azure) -> String {
    format!("{}/subnets/{}", vnet(ids, azure, &azure.client_vnet), azure.client_subnet)
}

/// Returns the id of a virtual network.
pub(crate) fn vnet(ids: &Ids, azure: &Azure, name: &str) -> String {
    ids.resource(&azure.cluster.node_group, &format!("{VNET}/{name}"))
}

/// Returns the id of a public address.
pub(crate) fn public_ip(ids: &Ids, azure: &Azure, name: &str) -> String {
    ids.resource(&azure.cluster.node_group, &format!("Microsoft.Network/publicIPAddresses/{name}"))
}

/// Adds the networks of a scenario.
pub(crate) fn seed(seed: &mut Seed<'_>) {
    let azure = seed.azure;
    let subnet = subnet(&seed.ids, azure);
    let network = vnet(&seed.ids, azure, &azure.client_vnet);
    // The example VirtualNetworkGet.json of Azure/azure-rest-api-specs (Microsoft.Network).
    let below = json!({
        "name": azure.client_subnet, "id": subnet,
        "type": "Microsoft.Network/virtualNetworks/subnets",
        "properties": {
            "addressPrefix": "10.224.0.0/16", "provisioningState": "Succeeded",
            "serviceEndpoints": [],
        },
    });
    seed.store.put(json!({
        "name": azure.client_vnet, "id": network, "type": VNET, "location": azure.location,
        "properties": {
            "addressSpace": { "addressPrefixes": ["10.0.0.0/8"] },
            "provisioningState": "Succeeded", "subnets": [below],
        },
    }));
    seed.store.put(below);
    let kind = azure.cluster.properties.pointer("/networkProfile/outboundType");
    let kind = kind.and_then(Value::as_str).unwrap_or("loadBalancer");
    let addresses: Vec<_> =
        azure.addresses.keys().map(|name| public_ip(&seed.ids, azure, name)).collect();
    let group = seed.ids.group(&azure.cluster.node_group);
    let held = snat::way_out(&mut seed.store, &group, kind, &addresses);
    for (name, address) in &azure.addresses {
        // The example PublicIpAddressGet.json of Azure/azure-rest-api-specs (Microsoft.Network).
        let mut one = json!({
            "name": name, "id": public_ip(&seed.ids, azure, name),
            "type": "Microsoft.Network/publicIPAddresses", "location": azure.location,
            "properties": {
                "provisioningState": "Succeeded", "ipAddress": address,
                "publicIPAddressVersion": "IPv4", "publicIPAllocationMethod": "Static",
                "idleTimeoutInMinutes": 4,
            },
            "sku": { "name": "Standard", "tier": "Regional" },
        });
        if let Some(held) = &held {
            super::store::merge(&mut one["properties"], held);
        }
        seed.store.put(one);
    }
    for (name, zone) in &azure.zones {
        add_zone(seed, name, zone);
    }
}

/// Adds a zone, its links (`wire/arm-vnet-link--200-public.json`) and its records
/// (RecordSetAGet.json and PrivateZoneGet.json of Azure/azure-rest-api-specs, privatedns).
fn add_zone(seed: &mut Seed<'_>, name: &str, zone: &Zone) {
    let azure = seed.azure;
    let (group, name) = name.split_once('/').unwrap_or((&azure.registry.group, name));
    let id = seed.ids.resource(group, &format!("{ZONE}/{name}"));
    seed.store.put(json!({
        "id": id, "name": name, "type": ZONE, "location": "global", "tags": {},
        "etag": "6a1f0c52-0000-0100-0000-695f70a80000",
        "properties": {
            "maxNumberOfRecordSets": 25_000, "maxNumberOfVirtualNetworkLinks": 1_000,
            "maxNumberOfVirtualNetworkLinksWithRegistration": 100,
            "numberOfRecordSets": zone.records.len() + 1,
            "numberOfVirtualNetworkLinks": zone.links.len(),
            "numberOfVirtualNetworkLinksWithRegistration": 0, "provisioningState": "Succeeded",
        },
    }));
    for network in &zone.links {
        let whole = vnet(&seed.ids, azure, network);
        let mut link = json!({ "properties": { "virtualNetwork": { "id": whole } } });
        complete_link(&format!("{id}/virtualNetworkLinks/{network}"), &mut link);
        seed.store.put(link);
    }
    for (record, addresses) in &zone.records {
        let addresses: Vec<_> = addresses.iter().map(|one| json!({ "ipv4Address": one })).collect();
        let mut set = json!({ "properties": { "ttl": TTL, "aRecords": addresses } });
        complete_record(&format!("{id}/A/{record}"), &mut set);
        seed.store.put(set);
    }
}

/// Adds to a link what Azure adds.
pub(crate) fn complete_link(id: &str, link: &mut Value) {
    super::store::merge(
        link,
        &json!({
            "id": id, "name": id.rsplit('/').next(), "type": LINK, "location": "global",
            "etag": "\"7c01b6de-0000-0100-0000-695f70a80000\"",
            "properties": {
                "provisioningState": "Succeeded", "virtualNetworkLinkState": "Completed",
            },
        }),
    );
    for (key, value) in
        [("registrationEnabled", json!(false)), ("resolutionPolicy", json!("Default"))]
    {
        let properties = link["properties"].as_object_mut();
        properties.map(|all| all.entry(key).or_insert(value));
    }
}

/// Adds to a record set what Azure adds.
pub(crate) fn complete_record(id: &str, set: &mut Value) {
    let (zone, name) = id.rsplit_once("/A/").unwrap_or((id, "@"));
    let zone = zone.rsplit('/').next().unwrap_or_default();
    super::store::merge(
        set,
        &json!({
            "id": id, "name": name, "type": RECORD,
            "etag": "6a1f0c53-0000-0100-0000-695f70a80000",
            "properties": { "fqdn": format!("{name}.{zone}."), "isAutoRegistered": false },
        }),
    );
    // Requests have the name of the older API version.
    if let Some(all) = set["properties"].as_object_mut() {
        if let Some(records) = all.remove("ARecords") {
            all.insert("aRecords".to_owned(), records);
        }
        if let Some(ttl) = all.remove("TTL") {
            all.insert("ttl".to_owned(), ttl);
        }
        all.entry("ttl").or_insert(json!(3_600));
        all.entry("aRecords").or_insert(json!([]));
    }
}

/// A private zone as name servers have it.
#[derive(Debug)]
pub(crate) struct LinkedZone {
    pub(crate) name: String,
    /// The records: name and lines of a name server.
    pub(crate) records: Vec<(String, Vec<String>)>,
    /// Whether names that it lacks are looked up in public DNS (`resolutionPolicy`
    /// `NxDomainRedirect`, "Fallback to internet for Azure Private DNS zones").
    pub(crate) redirects: bool,
}

/// The zones that a virtual network resolves.
pub(crate) type Linked = Vec<LinkedZone>;

/// Returns the zones that are linked to a virtual network.
pub(crate) fn linked(store: &Store, network: &str) -> Linked {
    let mut found = Vec::new();
    for zone in store.of_type(ZONE) {
        let below = |kind| store.of_type(kind).filter(|one| within(id_of(one), id_of(zone)));
        let link = below(LINK).find(|link| {
            text(link, "/properties/virtualNetwork/id").eq_ignore_ascii_case(network)
                && text(link, "/properties/virtualNetworkLinkState") == "Completed"
        });
        let Some(link) = link else { continue };
        let redirects = text(link, "/properties/resolutionPolicy") == "NxDomainRedirect";
        let name = text(zone, "/name").to_ascii_lowercase();
        let records = below(RECORD).map(|set| {
            let record = match text(set, "/name") {
                "@" => name.clone(),
                label => format!("{label}.{name}"),
            };
            let ttl = set.pointer("/properties/ttl").and_then(Value::as_u64).unwrap_or(3_600);
            let addresses = list(set, "/properties/aRecords").iter();
            let lines = addresses.map(|one| format!("{ttl} A {}", text(one, "/ipv4Address")));
            (record, lines.collect())
        });
        let records = records.collect();
        found.push(LinkedZone { name, records, redirects });
    }
    found
}

/// Returns the way of a request from a virtual network to an address.
pub(crate) fn way(store: &Store, registry: &str, from: &str, at: IpAddr) -> Way {
    let address = at.to_string();
    let connections = store.of_type(CONNECTION).filter(|one| within(id_of(one), registry));
    let mut owned = connections.filter_map(|connection| {
        let endpoint = store.get(text(connection, "/properties/privateEndpoint/id"))?;
        let interfaces = list(endpoint, "/properties/networkInterfaces").iter();
        let ours = interfaces.filter_map(|one| store.get(text(one, "/id"))).any(|nic| {
            let mut configurations = list(nic, "/properties/ipConfigurations").iter();
            configurations.any(|one| text(one, "/properties/privateIPAddress") == address)
        });
        ours.then_some((connection, endpoint))
    });
    let open = owned.any(|(connection, endpoint)| {
        let subnet = text(endpoint, "/properties/subnet/id");
        let network = subnet.split("/subnets/").next().unwrap_or_default();
        text(connection, "/properties/privateLinkServiceConnectionState/status") == "Approved"
            && leads(store, from, network)
    });
    let private = match at {
        IpAddr::V4(v4) => v4.is_private(),
        IpAddr::V6(v6) => v6.is_unique_local(),
    };
    match (open, private) {
        (true, _) => Way::Private,
        (false, true) => Way::Nowhere,
        (false, false) => Way::Public,
    }
}

/// Returns whether packets get from one virtual network to another: it is the same, or a peering is
/// connected (`VirtualNetworkPeering` in the specification of Microsoft.Network).
fn leads(store: &Store, from: &str, to: &str) -> bool {
    let peerings =
        store.get(from).map_or(&[][..], |one| list(one, "/properties/virtualNetworkPeerings"));
    from.eq_ignore_ascii_case(to)
        || peerings.iter().any(|peering| {
            text(peering, "/properties/peeringState") == "Connected"
                && text(peering, "/properties/remoteVirtualNetwork/id").eq_ignore_ascii_case(to)
        })
}

/// Returns whether the rules of the registry let a client in through the public address.
pub(crate) fn lets_in(registry: &Value, client: &str, subnet: &str) -> bool {
    if text(registry, "/properties/publicNetworkAccess") == "Disabled" {
        return false;
    }
    let rules = "/properties/networkRuleSet";
    if text(registry, &format!("{rules}/defaultAction")) != "Deny" {
        return true;
    }
    let allowed = |one: &&Value| text(one, "/action") != "Deny";
    let addresses = list(registry, &format!("{rules}/ipRules")).iter().filter(allowed);
    let subnets = list(registry, &format!("{rules}/virtualNetworkRules")).iter().filter(allowed);
    addresses.map(|one| text(one, "/value")).any(|rule| covers(rule, client))
        || subnets.map(|one| text(one, "/id")).any(|id| id.eq_ignore_ascii_case(subnet))
}

/// Returns whether an address or a range in CIDR notation covers an IPv4 address.
fn covers(rule: &str, client: &str) -> bool {
    let (address, bits) = rule.split_once('/').unwrap_or((rule, "32"));
    let (Ok(IpAddr::V4(address)), Ok(IpAddr::V4(client)), Ok(bits)) =
        (address.parse(), client.parse(), bits.parse::<u32>())
    else {
        return false;
    };
    let mask = u32::MAX.checked_shl(32_u32.saturating_sub(bits)).unwrap_or(0);
    u32::from(address) & mask == u32::from(client) & mask
}

#[cfg(test)]
mod tests {
    use super::covers;

    #[test]
    fn a_rule_covers_addresses() {
        for (rule, client, expected) in [
            ("203.0.113.9", "203.0.113.9", true),
            ("203.0.113.9/32", "203.0.113.9", true),
            ("203.0.113.0/24", "203.0.113.9", true),
            ("203.0.112.0/24", "203.0.113.9", false),
            ("0.0.0.0/0", "203.0.113.9", true),
            ("203.0.113.9/99", "203.0.113.9", true),
            ("nonsense", "203.0.113.9", false),
        ] {
            assert_eq!(covers(rule, client), expected, "{rule}");
        }
    }
}
