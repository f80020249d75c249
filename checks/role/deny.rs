//! Deny assignments: what they block, and for which principals.
//!
//! Source: Microsoft Learn, "List Azure deny assignments". Azure creates them, for example for
//! managed applications and deployment stacks; users cannot create one directly.

use serde::Deserialize;
use serde_json::Value;

use super::{
    action::Permission,
    scope::{inherited, is_id_of, same},
    truth::Truth,
};
use crate::kit::azure::arm::{Permissions, null_is_default};

/// The principal id that stands for everyone, where its type is `SystemDefined`.
const EVERYONE: &str = "00000000-0000-0000-0000-000000000000";

/// A deny assignment.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DenyAssignment {
    /// Its resource id.
    pub id: String,
    /// Its display name.
    pub name: Option<String>,
    /// Where it applies, and below, unless it says otherwise.
    pub scope: String,
    /// Whether it applies only to the scope itself.
    pub only_this_scope: bool,
    /// Whether Azure made it, so that users cannot change or delete it.
    pub is_system_protected: bool,
    permissions: Vec<Permissions>,
    principals: Vec<Principal>,
    excluded: Vec<Principal>,
}

/// Someone that a deny assignment names.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
struct Principal {
    id: String,
    #[serde(rename = "type")]
    kind: Option<String>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Properties {
    deny_assignment_name: Option<String>,
    permissions: Vec<Permissions>,
    scope: String,
    #[serde(default, deserialize_with = "null_is_default")]
    do_not_apply_to_child_scopes: bool,
    principals: Vec<Principal>,
    #[serde(default, deserialize_with = "null_is_default")]
    exclude_principals: Vec<Principal>,
    #[serde(default, deserialize_with = "null_is_default")]
    is_system_protected: bool,
}

/// An identity, and the groups that it is known to be in. It may be in others.
#[derive(Clone, Copy, Debug)]
pub struct Member<'a> {
    /// Its object id.
    pub object_id: &'a str,
    /// The object ids of groups that it is known to be in.
    pub groups: &'a [&'a str],
}

impl Principal {
    /// Returns whether this stands for an identity. A user or service principal does only by its own
    /// id; anything else may be a group that the identity is in.
    fn is(&self, member: &Member) -> Truth {
        let kind = self.kind.as_deref().unwrap_or_default();
        let is_kind = |kinds: &[&str]| kinds.iter().any(|known| known.eq_ignore_ascii_case(kind));
        let same = |id: &str| id.eq_ignore_ascii_case(&self.id);
        if same(member.object_id)
            || member.groups.iter().any(|group| same(group))
            || (self.id == EVERYONE && is_kind(&["SystemDefined", "Everyone", ""]))
        {
            return Truth::True;
        }
        Truth::from(!is_kind(&["User", "ServicePrincipal"])) & Truth::Unknown
    }
}

impl DenyAssignment {
    /// Reads a deny assignment as Azure Resource Manager returns it; `None` when it is not one.
    pub fn read(entry: &Value) -> Option<Self> {
        let id = entry.get("id").and_then(Value::as_str)?.to_owned();
        let found = Properties::deserialize(entry.get("properties")?).ok()?;
        Some(Self {
            id,
            name: found.deny_assignment_name,
            scope: found.scope,
            only_this_scope: found.do_not_apply_to_child_scopes,
            is_system_protected: found.is_system_protected,
            permissions: found.permissions,
            principals: found.principals,
            excluded: found.exclude_principals,
        })
    }

    /// Returns the id if it has the form that Azure Resource Manager gives it, as commands need it.
    pub fn id_for_commands(&self) -> Option<String> {
        is_id_of(&self.id, "denyAssignments", &self.scope).then(|| self.id.clone())
    }

    /// Returns whether it blocks this permission for an identity on a registry.
    pub fn blocks(
        &self,
        permission: Permission,
        repository: Option<&str>,
        registry_id: &str,
        member: &Member,
    ) -> Truth {
        let here = if self.only_this_scope {
            same(&self.scope, registry_id)
        } else {
            inherited(&self.scope, registry_id).is_some()
        };
        let covered = self.permissions.iter().map(|entry| entry.cover(permission, repository));
        Truth::from(here)
            & Truth::any(covered)
            & Truth::any(self.principals.iter().map(|principal| principal.is(member)))
            & !Truth::any(self.excluded.iter().map(|principal| principal.is(member)))
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a test that panics has failed, and says where")]

    use serde_json::{Value, json};

    use super::{DenyAssignment, EVERYONE, Member, Truth};
    use crate::role::action::Mode;

    const GROUP: &str =
        "/subscriptions/00000000-0000-0000-0000-00000000000a/resourceGroups/rg-contoso";
    const KUBELET: &str = "11111111-0000-0000-0000-000000000001";
    const OPERATORS: &str = "99999999-0000-0000-0000-000000000001";

    /// Returns what a deny assignment for a resource group, with these changes, does to the kubelet
    /// identity, which is known to be in one group.
    fn blocks(changes: &Value) -> Truth {
        let mut properties = json!({
            "denyAssignmentName": "Deployment stack deny assignment", "scope": GROUP,
            "permissions": [{ "actions": ["*/delete", "*/read"], "notActions": [], "dataActions": [], "notDataActions": [] }],
            "doNotApplyToChildScopes": false, "isSystemProtected": true, "excludePrincipals": [],
            "principals": [{ "id": EVERYONE, "type": "SystemDefined" }],
        });
        for (key, value) in changes.as_object().unwrap() {
            properties[key] = value.clone();
        }
        let entry = json!({ "id": format!("{GROUP}/providers/Microsoft.Authorization/denyAssignments/1"), "properties": properties });
        let registry = format!("{GROUP}/providers/Microsoft.ContainerRegistry/registries/contoso");
        let member = Member { object_id: KUBELET, groups: &[OPERATORS] };
        DenyAssignment::read(&entry).unwrap().blocks(Mode::Legacy.pull(), None, &registry, &member)
    }

    #[test]
    fn who_is_named_is_blocked_and_who_is_excluded_is_not() {
        let other = json!({ "id": "other", "type": "Group" });
        for (changes, expected) in [
            (json!({}), Truth::True),
            (
                json!({ "principals": [{ "id": KUBELET.to_uppercase(), "type": "ServicePrincipal" }] }),
                Truth::True,
            ),
            (
                json!({ "principals": [{ "id": "other", "type": "ServicePrincipal" }] }),
                Truth::False,
            ),
            (json!({ "principals": [{ "id": OPERATORS, "type": "Group" }] }), Truth::True),
            (json!({ "principals": [other] }), Truth::Unknown),
            (json!({ "principals": [] }), Truth::False),
            (
                json!({ "excludePrincipals": [{ "id": KUBELET, "type": "ServicePrincipal" }] }),
                Truth::False,
            ),
            (json!({ "excludePrincipals": [{ "id": OPERATORS }] }), Truth::False),
            (json!({ "excludePrincipals": [other] }), Truth::Unknown),
            (json!({ "excludePrincipals": null }), Truth::True),
        ] {
            assert_eq!(blocks(&changes), expected, "{changes}");
        }
    }

    #[test]
    fn its_scope_and_permissions_decide() {
        for (changes, expected) in [
            (json!({ "doNotApplyToChildScopes": true }), Truth::False),
            (
                json!({ "doNotApplyToChildScopes": true, "scope": format!("{GROUP}/providers/microsoft.containerregistry/registries/CONTOSO") }),
                Truth::True,
            ),
            (json!({ "scope": format!("{GROUP}-dev") }), Truth::False),
            (
                json!({ "permissions": [{ "actions": ["*"], "notActions": ["*/read"] }] }),
                Truth::False,
            ),
            (json!({ "permissions": [{ "dataActions": ["*"] }] }), Truth::False),
            (
                json!({ "permissions": [{ "actions": ["*"], "condition": "something new" }] }),
                Truth::Unknown,
            ),
        ] {
            assert_eq!(blocks(&changes), expected, "{changes}");
        }
    }

    #[test]
    fn what_is_no_deny_assignment_is_not_read_as_one() {
        for entry in
            [json!(1), json!({ "id": "/x" }), json!({ "id": "/x", "properties": { "scope": "/" } })]
        {
            assert_eq!(DenyAssignment::read(&entry), None);
        }
    }
}
