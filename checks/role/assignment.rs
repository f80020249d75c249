//! Role assignments: who has which role, where, and since when.

use jiff::Timestamp;
use serde::Deserialize;
use serde_json::Value;

use super::{definition::guid, scope::is_id_of};

/// A role assignment.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RoleAssignment {
    /// Its resource id.
    pub id: String,
    /// Who has the role: an object id, and by mistake sometimes a client id.
    pub principal_id: String,
    /// What the principal is: `ServicePrincipal` (managed identities too), `Group`, `User` …
    pub principal_type: Option<String>,
    /// Where it applies, and below.
    pub scope: String,
    /// The GUID of the role, in lowercase.
    pub role: String,
    /// The id of the role definition, as written.
    pub role_definition_id: String,
    /// What must hold for it to apply.
    pub condition: Option<String>,
    /// The version of the condition's grammar.
    pub condition_version: Option<String>,
    /// When it was created.
    pub created: Option<Timestamp>,
    /// When it was last changed.
    pub updated: Option<Timestamp>,
    /// The managed identity of a managed application or of Azure Lighthouse that may delegate it.
    pub delegated_managed_identity: Option<String>,
}

/// The properties, as Azure Resource Manager returns them.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Properties {
    principal_id: String,
    principal_type: Option<String>,
    scope: String,
    role_definition_id: String,
    condition: Option<String>,
    condition_version: Option<String>,
    created_on: Option<String>,
    updated_on: Option<String>,
    delegated_managed_identity_resource_id: Option<String>,
}

impl RoleAssignment {
    /// Reads a role assignment as Azure Resource Manager returns it; `None` when it is not one.
    ///
    /// A time that cannot be read is left out: it decides nothing but the advice to wait. A
    /// condition is never left out.
    pub fn read(entry: &Value) -> Option<Self> {
        let id = entry.get("id").and_then(Value::as_str)?.to_owned();
        let found = Properties::deserialize(entry.get("properties")?).ok()?;
        // People read whole seconds.
        let time = |text: Option<String>| {
            let time: Timestamp = text?.parse().ok()?;
            Timestamp::from_second(time.as_second()).ok()
        };
        Some(Self {
            id,
            principal_id: found.principal_id,
            principal_type: found.principal_type,
            scope: found.scope,
            role: guid(&found.role_definition_id)?,
            role_definition_id: found.role_definition_id,
            condition: found.condition.filter(|text| !text.trim().is_empty()),
            condition_version: found.condition_version,
            created: time(found.created_on),
            updated: time(found.updated_on),
            delegated_managed_identity: found.delegated_managed_identity_resource_id,
        })
    }

    /// Returns whether it names this principal.
    pub fn is_for(&self, principal: &str) -> bool {
        self.principal_id.eq_ignore_ascii_case(principal)
    }

    /// Returns the id if it has the form that Azure Resource Manager gives it, as commands need it.
    pub fn id_for_commands(&self) -> Option<String> {
        is_id_of(&self.id, "roleAssignments", &self.scope).then(|| self.id.clone())
    }

    /// Returns whether it names a group.
    pub fn is_for_group(&self) -> bool {
        self.principal_type.as_deref().is_some_and(|kind| {
            ["Group", "ForeignGroup"].iter().any(|group| group.eq_ignore_ascii_case(kind))
        })
    }

    /// Returns when it was created: a later change, such as of its description, starts nothing anew.
    pub fn changed(&self) -> Option<Timestamp> {
        self.created.or(self.updated)
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a test that panics has failed, and says where")]

    use serde_json::json;

    use super::RoleAssignment;

    #[test]
    fn an_assignment_is_read_as_it_is_recorded() {
        let entry = json!({
            "properties": {
                "roleDefinitionId": "/subscriptions/00000000-0000-0000-0000-00000000000a/providers/Microsoft.Authorization/roleDefinitions/7f951dda-4ed3-4680-a7ca-43fe172d538d",
                "principalId": "AAAAAAAA-bbbb-cccc-dddd-eeeeeeeeeeee",
                "principalType": "ServicePrincipal",
                "scope": "/subscriptions/00000000-0000-0000-0000-00000000000a/resourceGroups/rg-contoso",
                "condition": null, "conditionVersion": null,
                "createdOn": "2026-04-14T08:54:25.8958593Z", "updatedOn": "2026-04-14T08:54:26.7153899Z",
                "createdBy": null, "updatedBy": "00000000-0000-0000-0000-0000000000aa",
                "delegatedManagedIdentityResourceId": null, "description": null
            },
            "id": "/subscriptions/00000000-0000-0000-0000-00000000000a/resourceGroups/rg-contoso/providers/Microsoft.Authorization/roleAssignments/88888888-0000-0000-0000-000000000001",
            "type": "Microsoft.Authorization/roleAssignments", "name": "88888888-0000-0000-0000-000000000001"
        });
        let found = RoleAssignment::read(&entry).unwrap();
        assert_eq!(found.role, "7f951dda-4ed3-4680-a7ca-43fe172d538d");
        assert!(found.is_for("aaaaaaaa-bbbb-cccc-dddd-eeeeeeeeeeee") && !found.is_for_group());
        assert_eq!(found.changed().unwrap().to_string(), "2026-04-14T08:54:25Z");
        assert_eq!(found.condition, None);
    }

    #[test]
    fn the_shortest_documented_form_is_read_and_less_is_refused() {
        let role = "/providers/Microsoft.Authorization/roleDefinitions/0b5fe924-9a61-425c-96af-cfe6e287ca2d";
        let entry = json!({ "id": "/x", "properties": { "roleDefinitionId": role, "principalId": "p", "scope": "/" } });
        let found = RoleAssignment::read(&entry).unwrap();
        assert_eq!((found.created, found.changed()), (None, None));
        for missing in ["roleDefinitionId", "principalId", "scope"] {
            let mut entry = entry.clone();
            entry["properties"].as_object_mut().unwrap().remove(missing);
            assert_eq!(RoleAssignment::read(&entry), None, "{missing}");
        }
        let mut odd = entry.clone();
        odd["properties"]["condition"] = json!(7);
        assert_eq!(RoleAssignment::read(&odd), None, "a condition is never left out");
        odd["properties"]["condition"] = json!(" ");
        odd["properties"]["createdOn"] = json!("yesterday");
        let found = RoleAssignment::read(&odd).unwrap();
        assert_eq!((found.condition, found.created), (None, None));
    }
}
