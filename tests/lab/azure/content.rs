//! What the registry's resource says about its content: which images it hides, and whether it can
//! read them at all.

use serde_json::Value;

use super::store::{Store, text};

/// Returns whether the quarantine policy is on.
pub(crate) fn quarantines(store: &Store, registry: &str) -> bool {
    let policy = "/properties/policies/quarantinePolicy/status";
    store.get(registry).is_some_and(|one| text(one, policy) == "enabled")
}

/// Returns whether the registry can read its content: if a customer-managed key encrypts it, the
/// identity that reads the key must be assigned ("Encrypt registry with a customer-managed key").
pub(crate) fn is_readable(store: &Store, registry: &str) -> bool {
    let Some(one) = store.get(registry) else { return true };
    if text(one, "/properties/encryption/status") != "enabled" {
        return true;
    }
    let wanted = text(one, "/properties/encryption/keyVaultProperties/identity");
    let assigned = one.pointer("/identity/userAssignedIdentities").and_then(Value::as_object);
    assigned.is_some_and(|all| {
        let mut known = all.keys().filter_map(|id| store.get(id));
        known.any(|identity| text(identity, "/properties/clientId") == wanted)
    })
}

/// Adds to the assigned identities of a resource what their own resources say; one without a value
/// is no longer assigned.
pub(crate) fn complete_identities(store: &Store, one: &mut Value) {
    let all = one.pointer_mut("/identity/userAssignedIdentities").and_then(Value::as_object_mut);
    let Some(all) = all else { return };
    all.retain(|_, value| !value.is_null());
    for (id, value) in all {
        if let Some(identity) = store.get(id) {
            *value = serde_json::json!({
                "principalId": text(identity, "/properties/principalId"),
                "clientId": text(identity, "/properties/clientId"),
            });
        }
    }
}
