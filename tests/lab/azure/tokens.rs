//! The registry's own tokens and the scope maps that limit them.

use jiff::Timestamp;
use serde_json::{Value, json};

use super::seed::Seed;
use super::store::{Store, list, text};
use crate::secrets::{OLD_USER, USER, password_of};
use crate::settings::Grants;

pub(crate) const TOKEN: &str = "Microsoft.ContainerRegistry/registries/tokens";
const SCOPE_MAP: &str = "Microsoft.ContainerRegistry/registries/scopeMaps";

/// Adds the scope maps that every registry has, and the two tokens whose passwords clients have
/// (TokenGet.json and ScopeMapGet.json of Azure/azure-rest-api-specs, Microsoft.ContainerRegistry).
pub(crate) fn seed(seed: &mut Seed<'_>) {
    let id = seed.ids.registry.clone();
    let read = "repositories/*/content/read";
    let list_tags = "repositories/*/metadata/read";
    let maps: [(&str, &str, &[&str]); 4] = [
        ("_repositories_pull", "SystemDefined", &[read]),
        ("_repositories_pull_metadata_read", "SystemDefined", &[read, list_tags]),
        ("_repositories_push", "SystemDefined", &[read, "repositories/*/content/write"]),
        ("nothing", "UserDefined", &[]),
    ];
    for (name, kind, actions) in maps {
        seed.store.put(json!({
            "type": SCOPE_MAP, "id": format!("{id}/scopeMaps/{name}"), "name": name,
            "properties": {
                "description": "", "type": kind,
                "creationDate": "2026-01-08T09:12:31.4410972Z",
                "provisioningState": "Succeeded", "actions": actions,
            },
        }));
    }
    let granted = match (seed.registry.grants, seed.registry.list_tags) {
        (Grants::None, _) => "nothing",
        (Grants::Pull, true) => "_repositories_pull_metadata_read",
        (Grants::Pull, false) => "_repositories_pull",
    };
    for (name, status, map) in
        [(USER, "enabled", granted), (OLD_USER, "disabled", "_repositories_pull")]
    {
        seed.store.put(json!({
            "type": TOKEN, "id": format!("{id}/tokens/{name}"), "name": name,
            "properties": {
                "creationDate": "2026-01-08T09:20:02.1170345Z", "provisioningState": "Succeeded",
                "scopeMapId": format!("{id}/scopeMaps/{map}"),
                "credentials": { "certificates": [], "passwords": [{
                    "creationTime": "2026-01-08T09:20:41.2284071Z", "name": "password1",
                }] },
                "status": status,
            },
        }));
    }
}

/// Returns whether a token is enabled and has this password, which has not expired. A password
/// that a scenario describes without a value is the one that the client has.
pub(crate) fn accepts(store: &Store, registry: &str, name: &str, password: &str) -> bool {
    let token = store.get(&format!("{registry}/tokens/{name}"));
    let now = Timestamp::now();
    token.is_some_and(|token| {
        text(token, "/properties/status") == "enabled"
            && list(token, "/properties/credentials/passwords").iter().any(|one| {
                let value = match text(one, "/value") {
                    "" => password_of(name),
                    value => value.to_owned(),
                };
                value == password
                    && text(one, "/expiry").parse::<Timestamp>().map_or(true, |end| end > now)
            })
    })
}

/// Returns whether a token's scope map contains an action: `pull`, `metadata_read`.
pub(crate) fn may(
    store: &Store,
    registry: &str,
    name: &str,
    repository: &str,
    action: &str,
) -> bool {
    let part = match action {
        "pull" => "content/read",
        "metadata_read" => "metadata/read",
        _ => return false,
    };
    let token = store.get(&format!("{registry}/tokens/{name}"));
    let map = token.and_then(|token| store.get(text(token, "/properties/scopeMapId")));
    let actions = map.map_or(&[][..], |map| list(map, "/properties/actions"));
    actions.iter().filter_map(Value::as_str).any(|granted| covers(granted, repository, part))
}

/// Returns whether an action of a scope map, `repositories/NAME/ACTION` where a name may end in
/// `*`, covers an action on a repository.
fn covers(granted: &str, repository: &str, part: &str) -> bool {
    let name = granted.strip_prefix("repositories/").and_then(|rest| rest.strip_suffix(part));
    let Some(name) = name.and_then(|name| name.strip_suffix('/')) else { return false };
    match name.strip_suffix('*') {
        Some(start) => repository.starts_with(start),
        None => repository == name,
    }
}

#[cfg(test)]
mod tests {
    use super::covers;

    #[test]
    fn an_action_of_a_scope_map_covers_repositories() {
        for (granted, expected) in [
            ("repositories/*/content/read", true),
            ("repositories/team/app/content/read", true),
            ("repositories/team/*/content/read", true),
            ("repositories/team/content/read", false),
            ("repositories/team/app/metadata/read", false),
            ("gateway/x/config/read", false),
        ] {
            assert_eq!(covers(granted, "team/app", "content/read"), expected, "{granted}");
        }
    }
}
