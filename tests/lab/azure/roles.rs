//! Role definitions, and whether a principal may perform an action at a scope.

use serde_json::{Value, json};

use super::condition;
use super::store::{Store, id_of, list, text, within};

pub(crate) const ASSIGNMENT: &str = "Microsoft.Authorization/roleAssignments";
pub(crate) const DEFINITION: &str = "Microsoft.Authorization/roleDefinitions";
pub(crate) const DENIAL: &str = "Microsoft.Authorization/denyAssignments";
/// The principal that stands for everybody in a deny assignment.
pub(crate) const EVERYBODY: &str = "00000000-0000-0000-0000-000000000000";

/// A built-in role: name, id, actions, not-actions, data actions. The permissions are those of
/// `wire/arm-role-definitions--acr-relevant-public.json` (recorded from Azure; redacted ids), the
/// ids those of the page "Azure built-in roles" of Microsoft's documentation. Owner's and
/// Contributor's not-actions are shortened to those of `Microsoft.Authorization`.
type BuiltIn = (
    &'static str,
    &'static str,
    &'static [&'static str],
    &'static [&'static str],
    &'static [&'static str],
);

const BUILT_IN: &[BuiltIn] = &[
    ("Owner", "8e3af657-a8ff-443c-a75c-2fe8c4bcb635", &["*"], &[], &[]),
    (
        "Contributor",
        "b24988ac-6180-42a0-ab88-20f7382dd24c",
        &["*"],
        &["Microsoft.Authorization/*/Delete", "Microsoft.Authorization/*/Write"],
        &[],
    ),
    ("Reader", "acdd72a7-3385-48ef-bd42-f606fba81ae7", &["*/read"], &[], &[]),
    (
        "User Access Administrator",
        "18d7d88d-d35e-4fb5-a5c3-7773c20a72d9",
        &["*/read", "Microsoft.Authorization/*", "Microsoft.Support/*"],
        &[],
        &[],
    ),
    (
        "AcrPull",
        "7f951dda-4ed3-4680-a7ca-43fe172d538d",
        &["Microsoft.ContainerRegistry/registries/pull/read"],
        &[],
        &[],
    ),
    (
        "AcrPush",
        "8311e382-0749-4cb8-b61a-304f252e45ec",
        &[
            "Microsoft.ContainerRegistry/registries/pull/read",
            "Microsoft.ContainerRegistry/registries/push/write",
        ],
        &[],
        &[],
    ),
    (
        "AcrDelete",
        "c2f4ef07-c644-48eb-af81-4b1b4947fb11",
        &["Microsoft.ContainerRegistry/registries/artifacts/delete"],
        &[],
        &[],
    ),
    (
        "Container Registry Repository Reader",
        "b93aa761-3e63-49ed-ac28-beffa264f7ac",
        &[],
        &[],
        &[
            "Microsoft.ContainerRegistry/registries/repositories/metadata/read",
            "Microsoft.ContainerRegistry/registries/repositories/content/read",
        ],
    ),
    (
        "Container Registry Repository Writer",
        "2a1e307c-b015-4ebd-883e-5b7698a07328",
        &[],
        &[],
        &[
            "Microsoft.ContainerRegistry/registries/repositories/metadata/read",
            "Microsoft.ContainerRegistry/registries/repositories/content/read",
            "Microsoft.ContainerRegistry/registries/repositories/metadata/write",
            "Microsoft.ContainerRegistry/registries/repositories/content/write",
        ],
    ),
    (
        "Container Registry Repository Catalog Lister",
        "bfdb9389-c9a5-478a-bb2f-ba9ca092c3c7",
        &[],
        &[],
        &["Microsoft.ContainerRegistry/registries/catalog/read"],
    ),
    (
        "Azure Kubernetes Service Cluster User Role",
        "4abbcc35-e782-43d8-92c5-2d3f1bd2253f",
        &[
            "Microsoft.ContainerService/managedClusters/listClusterUserCredential/action",
            "Microsoft.ContainerService/managedClusters/read",
        ],
        &[],
        &[],
    ),
    (
        "Network Contributor",
        "4d97b98b-1d4f-4787-a291-c67834d212e7",
        &["Microsoft.Authorization/*/read", "Microsoft.Network/*"],
        &[],
        &[],
    ),
    (
        "Private DNS Zone Contributor",
        "b12aa53e-6015-4669-85d0-8515ebb3ae7f",
        &["Microsoft.Authorization/*/read", "Microsoft.Network/privateDnsZones/*"],
        &[],
        &[],
    ),
];

/// Adds the built-in roles, which belong to no subscription.
pub(crate) fn add_built_in(store: &mut Store) {
    for (name, guid, actions, not_actions, data_actions) in BUILT_IN {
        let permission = json!({
            "actions": actions, "notActions": not_actions,
            "dataActions": data_actions, "notDataActions": [],
        });
        store.put(definition(name, guid, "BuiltInRole", "/", &permission));
    }
}

/// Returns a role definition.
pub(crate) fn definition(
    name: &str,
    guid: &str,
    kind: &str,
    scope: &str,
    permission: &Value,
) -> Value {
    let prefix = scope.trim_end_matches('/');
    json!({
        "properties": {
            "roleName": name, "type": kind, "description": name.to_lowercase(),
            "assignableScopes": [scope], "permissions": [permission],
            "createdOn": "2018-10-29T23:58:56.4043899Z", "updatedOn": "2021-11-11T20:13:22.4632912Z",
            "createdBy": null, "updatedBy": null,
        },
        "id": format!("{prefix}/providers/{DEFINITION}/{guid}"),
        "type": DEFINITION, "name": guid,
    })
}

/// Returns the definition of a role by the last part of its id.
pub(crate) fn by_id<'a>(store: &'a Store, id: &str) -> Option<&'a Value> {
    let guid = id.rsplit('/').next()?;
    store.of_type(DEFINITION).find(|one| text(one, "/name").eq_ignore_ascii_case(guid))
}

/// Returns the definition of a role by its name.
pub(crate) fn by_name<'a>(store: &'a Store, name: &str) -> Option<&'a Value> {
    store.of_type(DEFINITION).find(|one| text(one, "/properties/roleName") == name)
}

/// What somebody wants to do.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Wish<'a> {
    pub(crate) action: &'a str,
    /// Whether it is a data action.
    pub(crate) data: bool,
    pub(crate) scope: &'a str,
    /// The repository that conditions are evaluated for; none: on some repository.
    pub(crate) repository: Option<&'a str>,
    /// Assignments that were created after this second do not count yet.
    pub(crate) before: i64,
}

impl<'a> Wish<'a> {
    /// Returns the wish to perform an action of Azure Resource Manager.
    pub(crate) fn action(action: &'a str, scope: &'a str) -> Self {
        Self { action, data: false, scope, repository: None, before: i64::MAX }
    }
}

/// Returns whether principals (one and its groups) may do what they wish.
pub(crate) fn allows(store: &Store, principals: &[String], wish: &Wish<'_>) -> bool {
    denial(store, principals, wish).is_none() && is_assigned(store, principals, wish)
}

/// Returns whether roles permit what principals wish, whatever deny assignments say.
pub(crate) fn is_assigned(store: &Store, principals: &[String], wish: &Wish<'_>) -> bool {
    let own = |id: &str| principals.iter().any(|one| one.eq_ignore_ascii_case(id));
    store.of_type(ASSIGNMENT).any(|one| {
        own(text(one, "/properties/principalId"))
            && within(wish.scope, text(one, "/properties/scope"))
            && created(one) <= wish.before
            && by_id(store, text(one, "/properties/roleDefinitionId")).is_some_and(|role| {
                list(role, "/properties/permissions").iter().any(|one| grants(one, wish))
            })
            && condition::holds(text(one, "/properties/condition"), wish.action, wish.repository)
    })
}

/// Returns a deny assignment that takes the action away.
pub(crate) fn denial<'s>(
    store: &'s Store,
    principals: &[String],
    wish: &Wish<'_>,
) -> Option<&'s Value> {
    let own = |id: &str| principals.iter().any(|one| one.eq_ignore_ascii_case(id));
    store.of_type(DENIAL).find(|one| {
        let scope = text(one, "/properties/scope");
        let principals = list(one, "/properties/principals");
        let met =
            principals.iter().map(|one| text(one, "/id")).any(|id| id == EVERYBODY || own(id));
        let excluded = list(one, "/properties/excludePrincipals");
        let excluded = excluded.iter().any(|one| own(text(one, "/id")));
        met && !excluded
            && within(wish.scope, scope)
            && list(one, "/properties/permissions").iter().any(|one| grants(one, wish))
    })
}

/// Returns the second at which an assignment was created.
fn created(assignment: &Value) -> i64 {
    let text = text(assignment, "/properties/createdOn");
    text.parse::<jiff::Timestamp>().map_or(0, jiff::Timestamp::as_second)
}

/// Returns whether one entry of a role's permissions contains the action.
fn grants(permission: &Value, wish: &Wish<'_>) -> bool {
    let (yes, no) =
        if wish.data { ("/dataActions", "/notDataActions") } else { ("/actions", "/notActions") };
    let any = |pointer| {
        let patterns = list(permission, pointer).iter().filter_map(Value::as_str);
        patterns.into_iter().any(|pattern| matches(pattern, wish.action))
    };
    any(yes) && !any(no)
}

/// Returns whether an action matches a pattern, in which `*` stands for any text.
fn matches(pattern: &str, action: &str) -> bool {
    let (pattern, action) = (pattern.to_ascii_lowercase(), action.to_ascii_lowercase());
    let mut parts = pattern.split('*');
    let Some(mut rest) = parts.next().and_then(|first| action.strip_prefix(first)) else {
        return false;
    };
    let mut parts: Vec<_> = parts.collect();
    let Some(last) = parts.pop() else { return rest.is_empty() };
    for part in parts {
        match rest.find(part) {
            Some(at) => rest = &rest[at + part.len()..],
            None => return false,
        }
    }
    rest.ends_with(last)
}

/// Returns the assignments that are in force at a scope: there and above.
pub(crate) fn in_force<'a>(store: &'a Store, scope: &'a str) -> impl Iterator<Item = &'a Value> {
    store.of_type(ASSIGNMENT).filter(move |one| within(scope, text(one, "/properties/scope")))
}

/// Returns the permissions of the principals at a scope, as the route `permissions` lists them.
pub(crate) fn permissions(store: &Store, principals: &[String], scope: &str) -> Vec<Value> {
    in_force(store, scope)
        .filter(|one| {
            let id = text(one, "/properties/principalId");
            principals.iter().any(|known| known.eq_ignore_ascii_case(id))
        })
        .filter_map(|one| by_id(store, text(one, "/properties/roleDefinitionId")))
        .flat_map(|role| list(role, "/properties/permissions").to_vec())
        .collect()
}

/// Returns the assignments at a scope or below it: a principal's filter lists these too.
pub(crate) fn at_or_below<'a>(store: &'a Store, scope: &'a str) -> impl Iterator<Item = &'a Value> {
    store
        .of_type(ASSIGNMENT)
        .filter(move |one| within(text(one, "/properties/scope"), scope) || id_of(one).is_empty())
}

#[cfg(test)]
mod tests {
    use super::matches;

    #[test]
    fn a_star_stands_for_any_text() {
        for (pattern, action, expected) in [
            ("*", "a/b/read", true),
            ("*/read", "a/b/read", true),
            ("*/read", "a/b/write", false),
            (
                "Microsoft.Authorization/*/Write",
                "microsoft.authorization/roleAssignments/write",
                true,
            ),
            ("a/*/c/*", "a/b/c/d", true),
            ("a/b", "a/b/c", false),
            ("a/b", "A/B", true),
        ] {
            assert_eq!(matches(pattern, action), expected, "{pattern} {action}");
        }
    }
}
