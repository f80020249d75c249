//! Private endpoints of the registry: their network interfaces, the registry's side of their
//! connections, and the records that their zone groups keep.

use serde_json::{Value, json};

use super::ids::Ids;
use super::network::{CONNECTION, ZONE, complete_record, vnet};
use super::seed::Seed;
use super::settings::{Azure, Endpoint};
use super::store::{Store, id_of, list, text};

pub(crate) const ENDPOINT: &str = "Microsoft.Network/privateEndpoints";
pub(crate) const GROUP: &str = "Microsoft.Network/privateEndpoints/privateDnsZoneGroups";
const INTERFACE: &str = "Microsoft.Network/networkInterfaces";
/// The zone of registries' private endpoints.
const REGISTRY_ZONE: &str = "privatelink.azurecr.io";
/// An endpoint that does not exist yet: one that is created gets its addresses.
const ABSENT: &str = "Absent";

/// Adds the private endpoints of a scenario, each with a zone group if the registry's zone exists.
pub(crate) fn seed(seed: &mut Seed<'_>) {
    let (ids, azure) = (seed.ids.clone(), seed.azure);
    for (name, one) in azure.endpoints.iter().filter(|(_, one)| one.status != ABSENT) {
        let id = ids.resource(&one.group, &format!("{ENDPOINT}/{name}"));
        add(&mut seed.store, &ids, azure, &id, one, &one.status);
        let zone = seed.store.of_type(ZONE).find(|zone| text(zone, "/name") == REGISTRY_ZONE);
        if let Some(zone) = zone.map(|zone| id_of(zone).to_owned()) {
            // wire/arm-private-dns-zone-group--200-public.json
            let group = format!("{id}/privateDnsZoneGroups/default");
            seed.store.put(json!({
                "name": "default", "id": group, "type": GROUP,
                "properties": {
                    "provisioningState": "Succeeded",
                    "privateDnsZoneConfigs": [{
                        "name": "azurecr", "id": format!("{group}/privateDnsZoneConfigs/azurecr"),
                        "properties": {
                            "provisioningState": "Succeeded", "privateDnsZoneId": zone,
                            "recordSets": [],
                        },
                    }],
                },
            }));
        }
    }
}

/// Adds what belongs to an endpoint that a client has created: it gets the addresses of the
/// scenario's absent one. A connection that asks for approval waits for it.
pub(crate) fn created(store: &mut Store, ids: &Ids, azure: &Azure, one: &Value) -> Option<()> {
    let (_, settings) = azure.endpoints.iter().find(|(_, one)| one.status == ABSENT)?;
    let asks = |key: &str| {
        list(one, &format!("/properties/{key}")).iter().any(|link| {
            let service = text(link, "/properties/privateLinkServiceId");
            service.eq_ignore_ascii_case(&ids.registry)
        })
    };
    let status = if asks("privateLinkServiceConnections") {
        "Approved"
    } else if asks("manualPrivateLinkServiceConnections") {
        "Pending"
    } else {
        return None;
    };
    add(store, ids, azure, id_of(one), settings, status);
    Some(())
}

/// Returns the names of a member of the registry.
fn fqdns(login: &str, member: &str) -> Vec<String> {
    let (name, rest) = login.split_once('.').unwrap_or((login, "azurecr.io"));
    let data = member.strip_prefix("registry_data_");
    match (data, member.strip_prefix("registry_")) {
        (Some(region), _) => vec![format!("{name}.{region}.data.{rest}")],
        (None, Some(region)) => vec![format!("{name}.{region}.geo.{rest}")],
        (None, None) => vec![login.to_owned()],
    }
}

/// Adds a private endpoint (`wire/arm-private-endpoint--200-public.json`), its network interface
/// (as `az network nic show` reads it in "Connect privately to an Azure container registry") and the
/// registry's side of its connection (PrivateEndpointConnectionGet.json of
/// Azure/azure-rest-api-specs).
fn add(store: &mut Store, ids: &Ids, azure: &Azure, id: &str, one: &Endpoint, status: &str) {
    let name = id.rsplit('/').next().unwrap_or_default();
    let login = store.get(&ids.registry).map(|one| text(one, "/properties/loginServer").to_owned());
    let login = login.unwrap_or_default();
    let scope = id.split("/providers/").next().unwrap_or_default();
    let nic = format!("{scope}/providers/{INTERFACE}/{name}.nic");
    let subnet = format!("{}/subnets/endpoints", vnet(ids, azure, &one.vnet));
    let state = json!({ "status": status, "description": "", "actionsRequired": "None" });
    let configurations: Vec<_> = one
        .members
        .iter()
        .map(|(member, address)| {
            json!({
                "name": format!("{member}.privateEndpoint"),
                "id": format!("{nic}/ipConfigurations/{member}.privateEndpoint"),
                "type": "Microsoft.Network/networkInterfaces/ipConfigurations",
                "properties": {
                    "provisioningState": "Succeeded", "privateIPAddress": address,
                    "privateIPAllocationMethod": "Dynamic", "primary": member == "registry",
                    "privateIPAddressVersion": "IPv4", "subnet": { "id": subnet },
                    "privateLinkConnectionProperties": {
                        "groupId": "registry", "requiredMemberName": member,
                        "fqdns": fqdns(&login, member),
                    },
                },
            })
        })
        .collect();
    store.put(json!({
        "name": name, "id": id, "type": ENDPOINT, "location": azure.location,
        "properties": {
            "provisioningState": "Succeeded",
            "privateLinkServiceConnections": [{
                "name": name, "id": format!("{id}/privateLinkServiceConnections/{name}"),
                "type": "Microsoft.Network/privateEndpoints/privateLinkServiceConnections",
                "properties": {
                    "provisioningState": "Succeeded", "groupIds": ["registry"],
                    "privateLinkServiceId": ids.registry,
                    "privateLinkServiceConnectionState": state,
                },
            }],
            "manualPrivateLinkServiceConnections": [], "customNetworkInterfaceName": "",
            "subnet": { "id": subnet }, "ipConfigurations": [],
            "networkInterfaces": [{ "id": nic }], "customDnsConfigs": [],
        },
    }));
    store.put(json!({
        "name": format!("{name}.nic"), "id": nic, "type": INTERFACE, "location": azure.location,
        "properties": {
            "provisioningState": "Succeeded", "ipConfigurations": configurations,
            "privateEndpoint": { "id": id },
        },
    }));
    store.put(json!({
        "id": format!("{}/privateEndpointConnections/{name}", ids.registry), "name": name,
        "type": CONNECTION,
        "properties": {
            "privateEndpoint": { "id": id }, "privateLinkServiceConnectionState": state,
            "provisioningState": "Succeeded",
        },
    }));
}

/// Returns the records that a zone group keeps: the id and the address of each.
fn records(store: &Store, group: &Value) -> Vec<(String, String)> {
    let endpoint = id_of(group).split("/privateDnsZoneGroups/").next().unwrap_or_default();
    let endpoint = store.get(endpoint);
    let interfaces = endpoint.map_or(&[][..], |one| list(one, "/properties/networkInterfaces"));
    let mut found = Vec::new();
    for nic in interfaces.iter().filter_map(|one| store.get(text(one, "/id"))) {
        for configuration in list(nic, "/properties/ipConfigurations") {
            let names = "/properties/privateLinkConnectionProperties/fqdns";
            let address = text(configuration, "/properties/privateIPAddress");
            for name in list(configuration, names).iter().filter_map(Value::as_str) {
                for config in list(group, "/properties/privateDnsZoneConfigs") {
                    let zone = text(config, "/properties/privateDnsZoneId");
                    let suffix = zone.rsplit('/').next().unwrap_or_default();
                    let suffix = suffix.strip_prefix("privatelink").unwrap_or_default();
                    if let Some(label) = name.strip_suffix(suffix).filter(|_| !suffix.is_empty()) {
                        found.push((format!("{zone}/A/{label}"), address.to_owned()));
                    }
                }
            }
        }
    }
    found
}

/// Writes the records of a zone group into its zones.
pub(crate) fn publish(store: &mut Store, group: &Value) {
    for (id, address) in records(store, group) {
        let addresses = json!([{ "ipv4Address": address }]);
        let mut set = json!({ "properties": { "ttl": 10, "aRecords": addresses } });
        complete_record(&id, &mut set);
        store.put(set);
    }
}

/// Removes the records of a zone group from its zones.
pub(crate) fn withdraw(store: &mut Store, group: &Value) {
    for (id, _) in records(store, group) {
        store.remove(&id);
    }
}
