//! What a role permits, and what the caller may do at a scope by all its roles there.

use serde::Deserialize;
use serde_json::Value;

/// One entry of `permissions`, of a role definition, a deny assignment, or the caller's own.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Permissions {
    /// Actions that it names.
    #[serde(default, deserialize_with = "null_is_default")]
    pub actions: Vec<String>,
    /// Actions that it leaves out.
    #[serde(default, deserialize_with = "null_is_default")]
    pub not_actions: Vec<String>,
    /// Data actions that it names.
    #[serde(default, deserialize_with = "null_is_default")]
    pub data_actions: Vec<String>,
    /// Data actions that it leaves out.
    #[serde(default, deserialize_with = "null_is_default")]
    pub not_data_actions: Vec<String>,
    /// A condition of its own.
    pub condition: Option<String>,
    /// The version of the condition's grammar.
    pub condition_version: Option<String>,
}

/// Reads null like a missing field.
pub fn null_is_default<'de, D, T>(from: D) -> Result<T, D::Error>
where
    D: serde::Deserializer<'de>,
    T: Default + Deserialize<'de>,
{
    Ok(Option::deserialize(from)?.unwrap_or_default())
}

impl Permissions {
    /// Returns whether it names an action, whatever its condition says: a role permits what its
    /// `actions` hold and its `notActions` do not (learn.microsoft.com/azure/role-based-access-control,
    /// role-definitions).
    pub fn names_action(&self, action: &str) -> bool {
        is_among(&self.actions, action) && !is_among(&self.not_actions, action)
    }

    /// Returns whether it names a data action, whatever its condition says.
    pub fn names_data_action(&self, action: &str) -> bool {
        is_among(&self.data_actions, action) && !is_among(&self.not_data_actions, action)
    }

    /// Returns whether its condition may restrict the action. A condition restricts only the actions
    /// that it names, as in `ActionMatches{'…'}`, and leaves every other one as it is.
    fn may_restrict(&self, action: &str) -> bool {
        let condition = self.condition.as_deref().unwrap_or_default();
        condition.split('\'').skip(1).step_by(2).any(|named| covers(named, action))
    }
}

fn is_among(patterns: &[String], action: &str) -> bool {
    patterns.iter().any(|pattern| covers(pattern, action))
}

/// Returns whether one of the caller's permissions allows the action. What cannot be read allows
/// nothing.
pub fn allow(permissions: &[Value], action: &str) -> bool {
    let mut all = permissions.iter().filter_map(|one| Permissions::deserialize(one).ok());
    all.any(|one| one.names_action(action) && !one.may_restrict(action))
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
