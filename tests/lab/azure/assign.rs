//! Changes to role assignments.

use hyper::{Method, StatusCode};
use jiff::Timestamp;
use serde_json::{Value, json};

use super::ControlPlane;
use super::arm::Asked;
use super::locks::locked;
use super::reply::Reply;
use super::roles::{ASSIGNMENT, by_id};
use super::store::text;

impl ControlPlane {
    /// Creates or deletes a role assignment: `wire/arm-role-assignment-create--create-201-2025.json`.
    /// The errors are those of the page "Troubleshoot Azure RBAC"; they were not recorded.
    pub(super) fn write_assignment(&self, asked: &Asked, scope: &str, name: &str) -> Reply {
        let deletes = match asked.method {
            Method::PUT => false,
            Method::DELETE => true,
            _ => return super::resources::no_route(asked),
        };
        let action = format!("{ASSIGNMENT}/{}", if deletes { "delete" } else { "write" });
        if let Some(refusal) = self.refusal(asked, &action, scope) {
            return refusal;
        }
        let path = &asked.path[..];
        self.with(|store| {
            if let Some(refusal) = locked(store, path, deletes) {
                return refusal;
            }
            if deletes {
                return store
                    .remove(path)
                    .map_or_else(|| Reply::new(StatusCode::NO_CONTENT, Value::Null), Reply::ok);
            }
            let wanted = |key: &str| text(&asked.body, &format!("/properties/{key}"));
            let (role, principal) = (wanted("roleDefinitionId"), wanted("principalId"));
            if by_id(store, role).is_none() {
                return conflict(
                    StatusCode::NOT_FOUND,
                    "RoleDefinitionDoesNotExist",
                    &format!(
                        "The specified role definition with ID '{}' does not exist.",
                        role.rsplit('/').next().unwrap_or_default()
                    ),
                );
            }
            let known = self.kinds.get(&principal.to_ascii_lowercase());
            let kind = match (wanted("principalType"), known) {
                ("", Some(kind)) => kind,
                ("", None) => return self.no_principal(principal, &asked.who.tenant),
                (kind, Some(known)) if kind != *known => {
                    let message = "The PrincipalId has a type that is different from the specified PrincipalType.";
                    return conflict(StatusCode::BAD_REQUEST, "UnmatchedPrincipalType", message);
                }
                (kind, _) => kind,
            };
            let last = |id: &str| id.rsplit('/').next().unwrap_or_default().to_ascii_lowercase();
            let same = |one: &Value| {
                let own = |key: &str| text(one, &format!("/properties/{key}"));
                own("principalId").eq_ignore_ascii_case(principal)
                    && last(own("roleDefinitionId")) == last(role)
                    && own("scope").eq_ignore_ascii_case(scope)
            };
            let mut created = Timestamp::now().to_string();
            match store.get(path) {
                Some(one) if same(one) => text(one, "/properties/createdOn").clone_into(&mut created),
                Some(_) => {
                    let message = "Tenant ID, application ID, principal ID, and scope are not allowed to be updated.";
                    let code = "RoleAssignmentUpdateNotPermitted";
                    return conflict(StatusCode::FORBIDDEN, code, message);
                }
                None if store.of_type(ASSIGNMENT).any(same) => {
                    let message = "The role assignment already exists.";
                    return conflict(StatusCode::CONFLICT, "RoleAssignmentExists", message);
                }
                None => {}
            }
            let optional = |key: &str| Some(wanted(key)).filter(|text| !text.is_empty());
            let one = json!({
                "properties": {
                    "roleDefinitionId": role, "principalId": principal, "principalType": kind,
                    "scope": scope, "condition": optional("condition"),
                    "conditionVersion": optional("conditionVersion"),
                    "createdOn": created, "updatedOn": Timestamp::now().to_string(),
                    "createdBy": null, "updatedBy": asked.who.object,
                    "delegatedManagedIdentityResourceId": null,
                    "description": optional("description"),
                },
                "id": path, "type": ASSIGNMENT, "name": name,
            });
            store.put(one.clone());
            Reply::new(StatusCode::CREATED, one)
        })
    }

    fn no_principal(&self, principal: &str, tenant: &str) -> Reply {
        let tenant = self.tenants.get(&self.settings.subscription).map_or(tenant, String::as_str);
        let message = format!(
            "Principal {principal} does not exist in the directory {tenant}. Check that you have the correct \
             principal ID. If you are creating this principal and then immediately assigning a role, this error might \
             be related to a replication delay. In this case, set the role assignment principalType property to a \
             value, such as ServicePrincipal, User, or Group.  See https://aka.ms/docs-principaltype"
        );
        conflict(StatusCode::BAD_REQUEST, "PrincipalNotFound", &message)
    }
}

/// Returns an error of the role service itself, not of the gateway before it.
fn conflict(status: StatusCode, code: &str, message: &str) -> Reply {
    let mut reply = Reply::error(status, code, message);
    reply.headers.clear();
    reply
}
