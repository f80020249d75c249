//! The customer-managed key that encrypts the registry's content, and the identity that opens it.

use serde_json::Value;

use super::{KeyState, Search, cache::vault, symptom::Symptom};
use crate::{
    acr::{Problem, asked_registry::AskedRegistry},
    kit::{StepResult, azure::ArmResource, target::ResourceId},
};

/// The version of the API for key vaults and their keys.
const VAULT_API: &str = "2023-07-01";
const VAULT: &str = "Microsoft.KeyVault/vaults";

impl Search<'_> {
    /// Looks whether the registry can use its key.
    pub(super) async fn key(&self) -> StepResult<()> {
        let resource = &self.registry.resource;
        let is_symptom = matches!(self.symptom, Symptom::Forbidden | Symptom::KeyInactive);
        if !is_symptom || !resource.is("properties.encryption.status", "enabled") {
            return Ok(());
        }
        let properties = "properties.encryption.keyVaultProperties";
        let owned = |name: &str| resource.text(&format!("{properties}.{name}")).map(str::to_owned);
        let key = owned("versionedKeyIdentifier").or_else(|| owned("keyIdentifier"));
        let mut state = KeyState {
            asked: AskedRegistry::of(self.cx, self.registry),
            vault: key.as_deref().and_then(vault).map(str::to_owned),
            key_name: key.as_deref().and_then(key_name).map(str::to_owned),
            vault_subscription: None,
            key,
            identity: owned("identity"),
        };
        if !has_identity(resource, state.identity.as_deref()) {
            self.explain(Problem::KeyIdentityNotAssigned(state));
            return Ok(());
        }
        let (Some(name), Some(key_name)) = (&state.vault, &state.key_name) else {
            self.key_unknown(state);
            return Ok(());
        };
        let vaults = self.control_plane.find(self.cx, VAULT, &[("name", name)]).await?;
        // The name of a vault is unique in its cloud. One that is not seen may still be there.
        // Resource Graph may show one that is gone.
        let [vault] = &vaults[..] else {
            self.key_unknown(state);
            return Ok(());
        };
        if self.control_plane.get(self.cx, vault, VAULT_API).await?.is_none() {
            self.key_unknown(state);
            return Ok(());
        }
        state.vault_subscription = Some(vault.subscription().to_owned());
        let version = state.key.as_deref().and_then(key_version);
        let version = version.map(|version| format!("/versions/{version}")).unwrap_or_default();
        let id = format!("{vault}/keys/{key_name}{version}").parse::<ResourceId>().ok();
        let Some(id) = id else {
            self.key_unknown(state);
            return Ok(());
        };
        match self.control_plane.get(self.cx, &id, VAULT_API).await? {
            None => self.explain(Problem::KeyDeleted(state)),
            Some(key) if key.flag("properties.attributes.enabled") == Some(false) => {
                self.explain(Problem::KeyDisabled(state));
            }
            Some(_) => self.key_unknown(state),
        }
        Ok(())
    }

    /// Reports that the key may be the reason. The registry itself says so where its identity is
    /// inactive, and then nothing is unknown.
    fn key_unknown(&self, state: KeyState) {
        if matches!(self.symptom, Symptom::Forbidden) {
            self.cx.add_finding(Problem::KeyMayBeUnavailable(state));
        }
    }
}

/// Returns whether the identity that opens the key is assigned to the registry: the one with that
/// client id, or without one the registry's own. Something that cannot be read counts as assigned.
fn has_identity(resource: &ArmResource, client_id: Option<&str>) -> bool {
    let kind = resource.text("identity.type");
    let Some(client_id) = client_id else {
        return kind.is_none_or(|kind| kind.contains("SystemAssigned"));
    };
    let Some(assigned) = resource.get("identity.userAssignedIdentities").and_then(Value::as_object)
    else {
        // A registry without any identity has no such property, or the type `None`.
        return kind.is_some_and(|kind| kind != "None");
    };
    let id = |identity: &Value| identity.get("clientId").and_then(Value::as_str).map(str::to_owned);
    assigned.values().map(id).any(|id| id.is_none_or(|id| id.eq_ignore_ascii_case(client_id)))
}

/// Returns the name in the id of a key, such as `https://contoso.vault.azure.net/keys/acr/5f0c9a1e`.
fn key_name(id: &str) -> Option<&str> {
    part(id, 0)
}

/// Returns the version in the id of a key; a key that rotates by itself has none.
fn key_version(id: &str) -> Option<&str> {
    part(id, 1)
}

fn part(id: &str, nth: usize) -> Option<&str> {
    let (_, rest) = id.split_once("/keys/")?;
    let name = rest.split('/').nth(nth)?;
    let is_name = name.chars().all(|c| c.is_ascii_alphanumeric() || c == '-');
    (is_name && !name.is_empty()).then_some(name)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn the_identity_that_opens_the_key() {
        let has = |identity: Value, client: Option<&str>| {
            let id = "/subscriptions/s/resourceGroups/g/providers/Microsoft.ContainerRegistry/registries/contoso";
            let resource = ArmResource::read(json!({ "id": id, "identity": identity }));
            has_identity(&resource.unwrap(), client)
        };
        let user = |client: Value| json!({ "type": "UserAssigned", "userAssignedIdentities": { "/x": client } });
        assert!(has(user(json!({ "clientId": "A" })), Some("a")));
        assert!(has(user(json!({})), Some("a")), "it is not shown");
        assert!(!has(user(json!({ "clientId": "b" })), Some("a")));
        assert!(!has(json!({ "type": "None" }), Some("a")));
        assert!(!has(json!(null), Some("a")));
        assert!(has(json!({ "type": "SystemAssigned" }), None));
        assert!(!has(user(json!({ "clientId": "b" })), None));
        assert!(has(json!(null), None));
    }

    #[test]
    fn the_name_of_a_key() {
        assert_eq!(key_name("https://contoso.vault.azure.net/keys/acr-key/5f0c"), Some("acr-key"));
        assert_eq!(key_name("https://contoso.vault.azure.net/keys/acr"), Some("acr"));
        assert_eq!(key_version("https://contoso.vault.azure.net/keys/acr/5f0c"), Some("5f0c"));
        assert_eq!(key_version("https://contoso.vault.azure.net/keys/acr"), None);
        for bad in ["", "https://contoso.vault.azure.net/secrets/acr", "x/keys/", "x/keys/$(y)"] {
            assert_eq!(key_name(bad), None);
        }
    }
}
