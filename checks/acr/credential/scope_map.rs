//! Scope maps: which repositories they let a token read.

/// The action that a pull needs.
const READ: &str = "content/read";

/// Returns whether one of the actions lets a token pull the repository.
pub(super) fn lets_read<'a>(actions: impl IntoIterator<Item = &'a str>, repository: &str) -> bool {
    actions.into_iter().any(|action| covers(action, repository))
}

/// Returns whether an action, `repositories/NAME/content/read`, covers a repository. A `*` alone
/// stands for every repository, and `PREFIX/*` for those below a prefix; a name with any other `*`
/// covers nothing (documentation of repository-scoped tokens, "wildcards").
fn covers(action: &str, repository: &str) -> bool {
    let name = action.strip_prefix("repositories/").and_then(|rest| rest.strip_suffix(READ));
    let Some(name) = name.and_then(|name| name.strip_suffix('/')) else { return false };
    match name.strip_suffix('*') {
        Some("") => true,
        Some(prefix) => {
            prefix.ends_with('/') && !prefix.contains('*') && repository.starts_with(prefix)
        }
        None => name == repository,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_an_action_covers() {
        for (action, repository, wanted) in [
            ("repositories/team/app/content/read", "team/app", true),
            ("repositories/team/app/content/read", "team/app2", false),
            ("repositories/team/app/metadata/read", "team/app", false),
            ("repositories/*/content/read", "team/app", true),
            ("repositories/team/*/content/read", "team/app", true),
            ("repositories/team/*/content/read", "team", false),
            ("repositories/team/*/content/read", "team2/app", false),
            ("repositories/te*/content/read", "team/app", false),
            ("repositories/*/app/content/read", "team/app", false),
            ("repositories/*/*/content/read", "team/app", false),
            ("gateway/contoso/config/read", "team/app", false),
            ("repositories/content/read", "content", false),
            ("", "", false),
        ] {
            assert_eq!(covers(action, repository), wanted, "{action} {repository}");
        }
    }
}
