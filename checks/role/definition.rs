//! Role definitions: what a role permits.

use serde::Deserialize;
use serde_json::Value;

use super::{action::Permission, condition::Request, syntax::Condition, truth::Truth};
use crate::kit::azure::arm::Permissions;

/// A role definition.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RoleDefinition {
    /// Its GUID, in lowercase: built-in roles have the same one in every cloud.
    pub guid: String,
    /// Its display name, such as `AcrPull`. Only for people: names decide nothing.
    pub role_name: Option<String>,
    /// What it permits.
    pub permissions: Vec<Permissions>,
}

impl Permissions {
    /// Returns whether it names this permission, whatever its condition says.
    pub fn names(&self, permission: Permission) -> bool {
        match permission {
            Permission::Action(name) => self.names_action(name),
            Permission::DataAction(name) => self.names_data_action(name),
        }
    }

    /// Returns whether it names this permission for this repository.
    pub fn cover(&self, permission: Permission, repository: Option<&str>) -> Truth {
        let request = Request { action: permission.name(), repository };
        let condition = self.condition.as_deref();
        Truth::from(self.names(permission))
            & Condition::holds(condition, self.condition_version.as_deref(), &request)
    }
}

impl RoleDefinition {
    /// Returns whether the role permits nothing but what belongs to registries.
    pub fn is_for_registries(&self) -> bool {
        let lists = |one: &Permissions| [one.actions.clone(), one.data_actions.clone()].concat();
        let mut all = self.permissions.iter().flat_map(lists);
        all.all(|action| action.to_ascii_lowercase().starts_with("microsoft.containerregistry/"))
    }

    /// Reads a role definition as Azure Resource Manager returns it; `None` when it is not one.
    pub fn read(entry: &Value) -> Option<Self> {
        let id = entry.get("id").and_then(Value::as_str)?;
        let properties = entry.get("properties")?;
        Some(Self {
            guid: guid(id)?,
            role_name: properties.get("roleName").and_then(Value::as_str).map(str::to_owned),
            permissions: Vec::deserialize(properties.get("permissions")?).ok()?,
        })
    }

    /// Returns whether an entry of its permissions names this permission.
    ///
    /// `notActions` is no denial: it takes away only from the `actions` of its own entry.
    pub fn names(&self, permission: Permission) -> bool {
        self.permissions.iter().any(|entry| entry.names(permission))
    }

    /// Returns whether it grants this permission for this repository.
    pub fn grants(&self, permission: Permission, repository: Option<&str>) -> Truth {
        Truth::any(self.permissions.iter().map(|entry| entry.cover(permission, repository)))
    }
}

/// Returns the last segment of a role definition's id, in lowercase. The rest may differ:
/// assignments name the same role with and without a subscription.
pub fn guid(role_definition_id: &str) -> Option<String> {
    let (_, last) = role_definition_id.trim_end_matches('/').rsplit_once('/')?;
    (!last.is_empty()).then(|| last.to_ascii_lowercase())
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a test that panics has failed, and says where")]

    use serde_json::{Value, json};

    use super::{RoleDefinition, Truth, guid};
    use crate::role::action::Mode;

    fn role(permissions: &Value) -> RoleDefinition {
        let id = "/subscriptions/00000000-0000-0000-0000-00000000000a/providers/Microsoft.Authorization/roleDefinitions/7F951DDA-4ed3-4680-a7ca-43fe172d538d";
        let properties = json!({ "roleName": "AcrPull", "type": "BuiltInRole", "assignableScopes": ["/"],
                                 "permissions": permissions });
        RoleDefinition::read(&json!({ "id": id, "properties": properties })).unwrap()
    }

    #[test]
    fn left_out_actions_are_taken_away_only_from_their_own_entry() {
        let pull = Mode::Legacy.pull();
        let left_out = json!({ "actions": ["*"], "notActions": ["Microsoft.ContainerRegistry/*/read"],
                               "dataActions": null });
        assert!(!role(&json!([left_out])).names(pull));
        assert!(role(&json!([left_out, { "actions": ["*/Read"] }])).names(pull));
        assert!(!role(&json!([{ "notActions": ["*"] }])).names(pull));
        assert!(!role(&json!([])).names(pull));
    }

    #[test]
    fn actions_and_data_actions_are_apart() {
        let owner = role(&json!([{ "actions": ["*"], "notActions": [], "dataActions": [] }]));
        assert!(owner.names(Mode::Legacy.pull()) && !owner.names(Mode::Abac.pull()));
        let data = role(&json!([{ "dataActions": ["*"], "notDataActions": ["*/metadata/read"] }]));
        assert!(data.names(Mode::Abac.pull()) && !data.names(Mode::Legacy.pull()));
        assert!(!data.names(Mode::Abac.metadata().unwrap()));
    }

    #[test]
    fn a_condition_in_the_role_itself_counts() {
        let holds = |condition: &str| {
            role(&json!([{ "dataActions": ["*"], "condition": condition, "conditionVersion": "2.0" }]))
                .grants(Mode::Abac.pull(), Some("app"))
        };
        assert_eq!(holds("!(ActionMatches{'*'})"), Truth::False);
        assert_eq!(holds("ActionMatches{'*/read'}"), Truth::True);
        assert_eq!(holds("nonsense"), Truth::Unknown);
    }

    #[test]
    fn a_role_is_known_by_its_guid() {
        assert_eq!(role(&json!([])).guid, "7f951dda-4ed3-4680-a7ca-43fe172d538d");
        assert_eq!(guid("/providers/Microsoft.Authorization/roleDefinitions/AB/").unwrap(), "ab");
        assert_eq!((guid(""), guid("ab"), guid("/")), (None, None, None));
    }

    #[test]
    fn what_is_no_definition_is_not_read_as_one() {
        for entry in [
            json!(null),
            json!({}),
            json!({ "id": "/a/b" }),
            json!({ "id": "/a/b", "properties": {} }),
            json!({ "id": "/a/b", "properties": { "permissions": "*" } }),
            json!({ "id": "/a/b", "properties": { "permissions": [{ "actions": "*" }] } }),
            json!({ "properties": { "permissions": [] } }),
        ] {
            assert_eq!(RoleDefinition::read(&entry), None, "{entry}");
        }
    }
}
