//! Lists that are no resources of their own: a cluster's pools and a registry's usage.

use serde_json::{Map, Value, json};

use super::store::{Store, id_of, list, text};

const POOLS: &str = "Microsoft.ContainerService/managedClusters/agentPools";
const USAGES: &str = "Microsoft.ContainerRegistry/registries/listUsages";

/// The storage that a tier includes, in bytes ("Azure Container Registry service tiers").
const INCLUDED: [(&str, u64); 3] =
    [("Basic", 10_737_418_240), ("Standard", 107_374_182_400), ("Premium", 536_870_912_000)];

/// Returns the items of such a list below a resource, if the type names one. A scenario overrides
/// a usage by a resource: `registry/listUsages/Size`.
pub(crate) fn derived(store: &Store, parent: &str, kind: &str) -> Option<Vec<Value>> {
    if kind.eq_ignore_ascii_case(POOLS) {
        return Some(pools(store.get(parent)?));
    }
    if kind.eq_ignore_ascii_case(USAGES) {
        return Some(usages(store, store.get(parent)?));
    }
    None
}

/// Returns one item of such a list by its name.
pub(crate) fn derived_item(store: &Store, path: &str, kind: &str) -> Option<Value> {
    let (parent, name) = path.rsplit_once('/')?;
    let parent = parent.rsplit_once('/')?.0;
    let all = derived(store, parent, kind)?;
    all.into_iter().find(|one| text(one, "/name").eq_ignore_ascii_case(name))
}

/// Returns the pools of a cluster (AgentPoolsList.json of Azure/azure-rest-api-specs,
/// Microsoft.ContainerService): its profiles as properties.
fn pools(cluster: &Value) -> Vec<Value> {
    let profiles = list(cluster, "/properties/agentPoolProfiles").iter();
    profiles
        .map(|profile| {
            let name = text(profile, "/name");
            let properties: Map<_, _> = profile
                .as_object()
                .into_iter()
                .flatten()
                .filter(|(key, _)| *key != "name")
                .map(|(key, value)| (key.clone(), value.clone()))
                .collect();
            json!({
                "id": format!("{}/agentPools/{name}", id_of(cluster)), "name": name,
                "type": POOLS, "properties": properties,
            })
        })
        .collect()
}

/// Returns the usages of a registry (RegistryListUsages.json of Azure/azure-rest-api-specs,
/// Microsoft.ContainerRegistry).
fn usages(store: &Store, registry: &Value) -> Vec<Value> {
    let tier = text(registry, "/sku/name");
    let size = INCLUDED.iter().find(|(name, _)| *name == tier).map_or(0, |(_, bytes)| *bytes);
    let mut all = vec![
        json!({ "name": "Size", "limit": size, "currentValue": 1_288_490_188, "unit": "Bytes" }),
        json!({ "name": "Webhooks", "limit": 500, "currentValue": 0, "unit": "Count" }),
        json!({ "name": "ScopeMaps", "limit": 50_000, "currentValue": 0, "unit": "Count" }),
        json!({ "name": "Tokens", "limit": 50_000, "currentValue": 2, "unit": "Count" }),
    ];
    for usage in &mut all {
        let own = format!("{}/listUsages/{}", id_of(registry), text(usage, "/name"));
        if let Some(above) = store.get(&own).and_then(|one| one.get("properties")) {
            super::store::merge(usage, above);
        }
    }
    all
}
