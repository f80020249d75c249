//! What the caller may do at a scope: the permissions of all its roles there.

use serde_json::Value;

/// Returns whether one of these permissions allows the action: a role allows what its `actions`
/// hold and its `notActions` do not (learn.microsoft.com/azure/role-based-access-control,
/// role-definitions).
pub fn allow(permissions: &[Value], action: &str) -> bool {
    let lists = |permission: &Value, name: &str| {
        let patterns = permission.get(name).and_then(Value::as_array);
        let mut patterns = patterns.into_iter().flatten().filter_map(Value::as_str);
        patterns.any(|pattern| covers(pattern, action))
    };
    permissions.iter().any(|permission| {
        lists(permission, "actions")
            && !lists(permission, "notActions")
            && !restricts(permission, action)
    })
}

/// Returns whether a condition may restrict the action. A condition restricts only the actions that
/// it names, as in `ActionMatches{'…'}`, and leaves every other one as it is.
fn restricts(permission: &Value, action: &str) -> bool {
    let condition = permission.get("condition").and_then(Value::as_str).unwrap_or_default();
    condition.split('\'').skip(1).step_by(2).any(|named| covers(named, action))
}

/// Returns whether a pattern of a role covers an action: `*` stands for any text, and letter case
/// does not count.
pub fn covers(pattern: &str, action: &str) -> bool {
    let (pattern, action) = (pattern.to_lowercase(), action.to_lowercase());
    let Some((first, rest)) = pattern.split_once('*') else { return pattern == action };
    let Some(mut left) = action.strip_prefix(first) else { return false };
    let mut parts: Vec<&str> = rest.split('*').collect();
    let last = parts.pop().unwrap_or_default();
    // Each part is taken where it first occurs: this leaves most for the parts after it.
    for part in parts.into_iter().filter(|part| !part.is_empty()) {
        let Some((_, after)) = left.split_once(part) else { return false };
        left = after;
    }
    left.ends_with(last)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    const READ: &str = "Microsoft.ContainerRegistry/registries/read";

    #[test]
    fn a_star_stands_for_any_text() {
        for (pattern, wanted) in [
            ("*", true),
            ("*/read", true),
            ("microsoft.containerregistry/*", true),
            ("Microsoft.ContainerRegistry/*/read", true),
            ("**/read", true),
            ("Microsoft.ContainerRegistry/registries/read", true),
            ("Microsoft.ContainerRegistry/registries", false),
            ("Microsoft.ContainerRegistry/*/write", false),
            ("Microsoft.ContainerService/*", false),
            ("*/registries/*/read", false),
            ("*read*read", false),
            ("", false),
        ] {
            assert_eq!(covers(pattern, READ), wanted, "{pattern}");
        }
        assert!(!covers("aba*aba", "aba"), "a text is not used twice");
    }

    #[test]
    fn a_role_allows_its_actions_without_its_exceptions() {
        let reader = json!({ "actions": ["*/read"], "notActions": [] });
        let none = json!({ "actions": ["*"], "notActions": ["Microsoft.ContainerRegistry/*"] });
        assert!(allow(std::slice::from_ref(&reader), READ));
        assert!(!allow(std::slice::from_ref(&none), READ));
        assert!(allow(&[none, reader], READ), "an exception counts in its own role alone");
        assert!(!allow(&[], READ));
        assert!(!allow(
            &[json!({ "dataActions": ["*"] }), json!(1), json!({ "actions": 1 })],
            READ
        ));
    }

    #[test]
    fn a_condition_restricts_what_it_names() {
        let text = "(!(ActionMatches{'Microsoft.Authorization/roleAssignments/write'}) OR (…))";
        let owner = json!({ "actions": ["*"], "notActions": [], "condition": text });
        assert!(allow(std::slice::from_ref(&owner), READ));
        assert!(!allow(&[owner], "Microsoft.Authorization/roleAssignments/write"));
        let wide = "(!(ActionMatches{'Microsoft.ContainerRegistry/*'}) OR (…))";
        assert!(!allow(&[json!({ "actions": ["*"], "condition": wide })], READ));
    }
}
