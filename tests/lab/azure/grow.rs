//! The resources of a scenario at its start.

use jiff::{SignedDuration, Timestamp};
use serde_json::{Value, json};

use super::roles::{ASSIGNMENT, DENIAL, EVERYBODY, add_built_in, by_name, definition};
use super::seed::{Seed, name_of};
use super::settings::Assignment;
use super::store::{Store, id_of, merge};
use super::times::from_now;
use super::{endpoints, network, tokens};
use crate::identity::IdentityKind;
use crate::settings::Answer;

/// A registry in the shape of `wire/arm-registry--premium-public-2026.json`, a cluster in that of
/// `wire/arm-managed-cluster--get-public.json`: both recorded from Azure, written anew.
const REGISTRY: &str = include_str!("fixtures/registry.json");
const CLUSTER: &str = include_str!("fixtures/cluster.json");

/// The role that pulls, in each mode.
const PULL: &str = "AcrPull";
const READ_REPOSITORIES: &str = "Container Registry Repository Reader";

impl Seed<'_> {
    /// Returns all resources.
    pub(crate) fn grow(mut self) -> Store {
        add_built_in(&mut self.store);
        self.groups();
        self.registry();
        self.cluster();
        self.identities();
        network::seed(&mut self);
        endpoints::seed(&mut self);
        tokens::seed(&mut self);
        self.roles();
        self.assignments();
        self.denials();
        for (id, above) in &self.azure.resources {
            self.store.lay_over(&self.ids.whole(id), &from_now(above));
        }
        for id in &self.azure.missing {
            self.store.remove(&self.ids.whole(id));
        }
        self.store
    }

    fn groups(&mut self) {
        let mut names = vec![
            self.azure.registry.group.clone(),
            self.azure.cluster.group.clone(),
            self.azure.cluster.node_group.clone(),
        ];
        names.extend(self.azure.endpoints.values().map(|one| one.group.clone()));
        for name in names {
            // wire/arm-resource-group--resource-group-2026.json
            self.store.put(json!({
                "id": self.ids.group(&name), "name": name,
                "type": "Microsoft.Resources/resourceGroups", "location": self.azure.location,
                "tags": {}, "properties": { "provisioningState": "Succeeded" },
            }));
        }
    }

    fn registry(&mut self) {
        let settings = self.registry;
        let mut one: Value = serde_json::from_str(REGISTRY).unwrap_or_default();
        let azure = settings.login_server.contains(".azurecr.");
        let login = if azure { &settings.login_server[..] } else { "contoso.azurecr.io" };
        let dedicated = settings.data_host.contains(".data.azurecr.");
        let hosts: Vec<_> = dedicated.then(|| settings.data_host.clone()).into_iter().collect();
        let abac = !settings.role_repositories.is_empty();
        let shut = [settings.answer, settings.only.ping].contains(&Answer::Firewall);
        merge(
            &mut one,
            &json!({
                "id": self.ids.registry, "name": name_of(login), "location": self.azure.location,
                "sku": { "name": self.azure.registry.sku, "tier": self.azure.registry.sku },
                "properties": {
                    "loginServer": login,
                    "anonymousPullEnabled": settings.anonymous,
                    "dataEndpointEnabled": dedicated,
                    "dataEndpointHostNames": hosts,
                    "networkRuleSet": { "defaultAction": if shut { "Deny" } else { "Allow" } },
                    "policies": { "azureADAuthenticationAsArmPolicy": {
                        "status": if settings.arm_audience { "enabled" } else { "disabled" },
                    } },
                    "roleAssignmentMode":
                        if abac { "AbacRepositoryPermissions" } else { "LegacyRegistryPermissions" },
                },
            }),
        );
        if self.azure.registry.sku != "Premium" {
            // The other tiers have no network rules: wire/arm-registry--abac-mode-basic-2025.json.
            one["properties"].as_object_mut().and_then(|all| all.remove("networkRuleSet"));
        }
        merge(&mut one["properties"], &self.azure.registry.properties);
        self.store.put(one);
    }

    fn cluster(&mut self) {
        let settings = &self.azure.cluster;
        let mut one: Value = serde_json::from_str(CLUSTER).unwrap_or_default();
        let subnet = network::subnet(&self.ids, self.azure);
        let addresses: Vec<_> = self
            .azure
            .addresses
            .keys()
            .map(|name| json!({ "id": network::public_ip(&self.ids, self.azure, name) }))
            .collect();
        let kubelet = self.entra.identities.get(&settings.kubelet);
        let profile = kubelet.map_or_else(
            || json!({}),
            |one| {
                json!({ "kubeletidentity": {
                    "resourceId": one.resource_id, "clientId": one.client_id,
                    "objectId": one.object_id,
                } })
            },
        );
        merge(
            &mut one,
            &json!({
                "id": self.ids.cluster, "name": settings.name, "location": self.azure.location,
                "identity": { "principalId": settings.principal, "tenantId": self.entra.tenant },
                "properties": {
                    "nodeResourceGroup": settings.node_group,
                    "identityProfile": profile,
                    "networkProfile": {
                        "loadBalancerProfile": { "effectiveOutboundIPs": addresses },
                    },
                },
            }),
        );
        one["properties"]["agentPoolProfiles"][0]["vnetSubnetID"] = json!(subnet);
        merge(&mut one["properties"], &settings.properties);
        self.store.put(one);
    }

    fn identities(&mut self) {
        for one in self.entra.identities.values() {
            if one.kind == IdentityKind::Managed && !one.resource_id.is_empty() {
                // wire/arm-identity--get-200-public.json
                self.store.put(json!({
                    "location": self.azure.location, "tags": {}, "id": one.resource_id,
                    "name": one.resource_id.rsplit('/').next(),
                    "type": "Microsoft.ManagedIdentity/userAssignedIdentities",
                    "properties": {
                        "tenantId": self.entra.tenant, "principalId": one.object_id,
                        "clientId": one.client_id,
                    },
                }));
            }
        }
    }

    fn roles(&mut self) {
        for (name, role) in &self.azure.roles {
            let permission = json!({
                "actions": role.actions, "notActions": role.not_actions,
                "dataActions": role.data_actions, "notDataActions": role.not_data_actions,
            });
            let scope = &self.ids.subscription;
            self.store.put(definition(name, &role.id, "CustomRole", scope, &permission));
        }
    }

    fn assignments(&mut self) {
        // The registry's own settings say the same in short.
        let limited = &self.registry.role_repositories;
        let (role, condition) = if limited.is_empty() {
            (PULL, String::new())
        } else {
            (READ_REPOSITORIES, condition_for(limited))
        };
        for who in &self.registry.roles {
            self.assign(&Assignment {
                who: who.clone(),
                role: role.to_owned(),
                at: "registry".to_owned(),
                condition: condition.clone(),
                age: 30 * 86_400,
                kind: String::new(),
            });
        }
        for one in self.azure.assignments.values() {
            self.assign(one);
        }
    }

    /// Adds an assignment in the shape of `wire/arm-role-assignments--*-2025.json`.
    fn assign(&mut self, one: &Assignment) {
        let (principal, kind) = self.principal(&one.who);
        let kind = if one.kind.is_empty() { kind } else { &one.kind };
        let Some(role) = by_name(&self.store, &one.role).map(id_of) else { return };
        let role = match role.strip_prefix("/providers/") {
            Some(built_in) => format!("{}/providers/{built_in}", self.ids.subscription),
            None => role.to_owned(),
        };
        let scope = self.ids.whole(&one.at);
        let (name, condition) = (self.guid(), Some(&one.condition).filter(|text| !text.is_empty()));
        let created = Timestamp::now()
            .checked_sub(SignedDuration::from_secs(one.age))
            .unwrap_or_default()
            .to_string();
        let prefix = scope.trim_end_matches('/');
        self.store.put(json!({
            "properties": {
                "roleDefinitionId": role, "principalId": principal, "principalType": kind,
                "scope": scope, "condition": condition,
                "conditionVersion": condition.map(|_| "2.0"),
                "createdOn": created, "updatedOn": created,
                "createdBy": self.azure.cluster.principal, "updatedBy": self.azure.cluster.principal,
                "delegatedManagedIdentityResourceId": null, "description": null,
            },
            "id": format!("{prefix}/providers/{ASSIGNMENT}/{name}"),
            "type": ASSIGNMENT, "name": name,
        }));
    }

    /// Adds deny assignments, in the shape of the example `GetDenyAssignmentById.json` of
    /// Azure/azure-rest-api-specs (Microsoft.Authorization, 2022-04-01).
    fn denials(&mut self) {
        for (title, one) in &self.azure.denials {
            let everybody = [json!({ "id": EVERYBODY, "type": "SystemDefined" })];
            let named: Vec<_> = one
                .who
                .iter()
                .map(|who| self.principal(who))
                .map(|(id, kind)| json!({ "id": id, "type": kind }))
                .collect();
            let (scope, name) = (self.ids.whole(&one.at), self.guid());
            self.store.put(json!({
                "id": format!("{scope}/providers/{DENIAL}/{name}"), "type": DENIAL, "name": name,
                "properties": {
                    "denyAssignmentName": title, "description": "",
                    "permissions": [{
                        "actions": one.actions, "notActions": [],
                        "dataActions": one.data_actions, "notDataActions": [],
                    }],
                    "scope": scope, "doNotApplyToChildScopes": false,
                    "principals": if named.is_empty() { everybody.to_vec() } else { named },
                    "excludePrincipals": [], "isSystemProtected": true,
                },
            }));
        }
    }
}

/// Returns the condition that limits reading to these repositories, in the form of Azure's portal
/// (documentation "Azure attribute-based access control for repository permissions").
fn condition_for(repositories: &[String]) -> String {
    const OF: &str = "Microsoft.ContainerRegistry/registries/repositories";
    let names: Vec<_> = repositories
        .iter()
        .map(|name| format!("@Request[{OF}:name] StringEqualsIgnoreCase '{name}'"))
        .collect();
    format!(
        "((!(ActionMatches{{'{OF}/content/read'}}) AND !(ActionMatches{{'{OF}/metadata/read'}})) OR ({}))",
        names.join(" OR ")
    )
}
