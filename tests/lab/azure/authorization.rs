//! Routes of `Microsoft.Authorization`: role assignments, role definitions, deny assignments,
//! permissions and locks at any scope.

use hyper::{Method, StatusCode};
use serde_json::{Value, json};

use super::ControlPlane;
use super::arm::Asked;
use super::locks::{LOCK, scope_of};
use super::reply::Reply;
use super::resources::{no_route, not_found, unsupported_filter};
use super::roles::{self, ASSIGNMENT, DEFINITION, DENIAL, EVERYBODY};
use super::store::{id_of, list, text, within};

/// A filter of a list of assignments.
#[derive(Debug, Default)]
struct Filter {
    /// Only assignments at the scope and above.
    at_scope: bool,
    /// Only those of this principal itself.
    principal: Option<String>,
    /// Only those of this principal and of its groups.
    assigned: Option<String>,
}

impl Filter {
    /// Parses a filter: `atScope()`, `principalId eq 'ID'`, `assignedTo('ID')`, also with `and`.
    fn parse(text: &str) -> Option<Self> {
        let mut own = Self::default();
        for part in text.split(" and ").map(str::trim).filter(|part| !part.is_empty()) {
            let id = |text: &str| text.trim().trim_matches('\'').to_owned();
            let inner = part.strip_prefix("assignedTo(").and_then(|rest| rest.strip_suffix(')'));
            if part == "atScope()" {
                own.at_scope = true;
            } else if let Some(inner) = inner {
                own.assigned = Some(id(inner));
            } else {
                own.principal = Some(id(part.strip_prefix("principalId eq ")?));
            }
        }
        Some(own)
    }
}

impl ControlPlane {
    pub(super) fn authorization(&self, asked: &Asked, scope: &str, parts: &[&str]) -> Reply {
        let scope = if scope.is_empty() { "/" } else { scope };
        let kind = parts.first().map(|part| part.to_ascii_lowercase()).unwrap_or_default();
        let whole = match &kind[..] {
            "roleassignments" => ASSIGNMENT,
            "roledefinitions" => DEFINITION,
            "denyassignments" => DENIAL,
            "locks" => LOCK,
            // Everybody may ask for its own permissions; no recording says otherwise.
            "permissions" if asked.method == Method::GET => {
                let own = self.with(|store| roles::permissions(store, &asked.principals, scope));
                return self.page(asked, own);
            }
            _ => return no_route(asked),
        };
        if asked.method != Method::GET {
            return match (whole, parts) {
                (ASSIGNMENT, [_, name]) => self.write_assignment(asked, scope, name),
                _ => no_route(asked),
            };
        }
        // The built-in roles at the root are everybody's to read.
        let open = scope == "/" && whole == DEFINITION;
        if !open && let Some(refusal) = self.refusal(asked, &format!("{whole}/read"), scope) {
            return refusal;
        }
        match (whole, parts) {
            (DEFINITION, [_]) => self.definitions(asked, scope),
            (DEFINITION, [_, name]) => {
                let found = self.with(|store| {
                    let role = roles::by_id(store, name);
                    role.filter(|one| offered(one, scope)).map(|one| role_at(one, scope))
                });
                found.map_or_else(|| no_definition(name), Reply::ok)
            }
            (_, [_]) => self.assignments(asked, scope, whole),
            (_, [_, _]) => {
                let found = self.with(|store| store.get(&asked.path).cloned());
                found.map_or_else(|| no_assignment(asked), Reply::ok)
            }
            _ => no_route(asked),
        }
    }

    /// Lists assignments, deny assignments or locks. Without `atScope()`, those below the scope are
    /// listed too: `wire/arm-role-assignments--sub-scope-filter-principal-2025.json`.
    fn assignments(&self, asked: &Asked, scope: &str, kind: &str) -> Reply {
        let Some(filter) = Filter::parse(asked.field("$filter").unwrap_or_default()) else {
            return unsupported_filter(asked);
        };
        let groups = filter.assigned.as_deref().map(|id| self.principals(id, false));
        let found = self.with(|store| {
            let all = store.of_type(kind).filter(|one| {
                let own = match text(one, "/properties/scope") {
                    // A lock has no scope but in its id.
                    "" => scope_of(id_of(one)),
                    scope => scope,
                };
                within(scope, own) || !filter.at_scope && (scope == "/" || within(own, scope))
            });
            let all = all.filter(|one| {
                let is = |id: &str| principals(one).iter().any(|own| own.eq_ignore_ascii_case(id));
                filter.principal.as_deref().is_none_or(is)
                    && groups
                        .as_ref()
                        .is_none_or(|many| many.iter().any(|id| is(id)) || is(EVERYBODY))
            });
            all.cloned().collect()
        });
        self.page(asked, found)
    }

    fn definitions(&self, asked: &Asked, scope: &str) -> Reply {
        let filter = asked.field("$filter").unwrap_or_default();
        let name = match filter.strip_prefix("roleName eq ") {
            Some(name) => Some(name.trim().trim_matches('\'').replace("''", "'")),
            None if ["", "atScopeAndBelow()"].contains(&filter) => None,
            None => return unsupported_filter(asked),
        };
        let found = self.with(|store| {
            let all = store.of_type(DEFINITION).filter(|one| offered(one, scope));
            let all = all.filter(|one| {
                let own = text(one, "/properties/roleName");
                name.as_deref().is_none_or(|name| own.eq_ignore_ascii_case(name))
            });
            all.map(|one| role_at(one, scope)).collect()
        });
        self.page(asked, found)
    }
}

/// Returns the principals of an assignment or a deny assignment.
fn principals(one: &Value) -> Vec<&str> {
    let many = list(one, "/properties/principals").iter().map(|one| text(one, "/id"));
    many.chain([text(one, "/properties/principalId")]).filter(|id| !id.is_empty()).collect()
}

/// Returns whether a role may be assigned at a scope.
fn offered(role: &Value, scope: &str) -> bool {
    let scopes = list(role, "/properties/assignableScopes").iter().filter_map(Value::as_str);
    scopes.into_iter().any(|own| within(scope, own))
}

/// Returns a role with the id that it has in the scope's subscription, as
/// `wire/arm-role-definitions--acr-relevant-public.json` has it.
fn role_at(role: &Value, scope: &str) -> Value {
    let mut role = role.clone();
    let parts: Vec<_> = scope.split('/').collect();
    if let [_, "subscriptions", id, ..] = &parts[..]
        && let Some(rest) = id_of(&role).strip_prefix("/providers/")
    {
        role["id"] = json!(format!("/subscriptions/{id}/providers/{rest}"));
    }
    role
}

fn no_definition(name: &str) -> Reply {
    // As public reports quote it; not recorded.
    let message = format!("The specified role definition with ID '{name}' does not exist.");
    Reply::error(StatusCode::NOT_FOUND, "RoleDefinitionDoesNotExist", &message)
}

fn no_assignment(asked: &Asked) -> Reply {
    let name = asked.path.rsplit('/').next().unwrap_or_default();
    if !asked.path.to_ascii_lowercase().contains("/roleassignments/") {
        return not_found(&asked.path);
    }
    // As public reports quote it; not recorded.
    let message = format!("The role assignment '{name}' is not found.");
    Reply::error(StatusCode::NOT_FOUND, "RoleAssignmentNotFound", &message)
}
