//! Actions and data actions: which ones a pull needs, and how wildcards match them.

use serde::Serialize;

/// How a registry assigns permissions: its property `roleAssignmentMode`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, strum::VariantNames)]
#[serde(rename_all = "kebab-case")]
#[strum(serialize_all = "kebab-case")]
pub enum Mode {
    /// `LegacyRegistryPermissions`: the action `pull/read` decides, for the whole registry.
    Legacy,
    /// `AbacRepositoryPermissions`: data actions decide, for each repository. `AcrPull`, `Reader`,
    /// `Contributor` and `Owner` do not permit a pull.
    Abac,
}

impl Mode {
    /// Reads `roleAssignmentMode`; `None` when the value is not a known one. Registries from before
    /// there was a choice do not have the property.
    pub fn read(property: Option<&str>) -> Option<Self> {
        match property {
            None => Some(Self::Legacy),
            Some(text) if text.eq_ignore_ascii_case("LegacyRegistryPermissions") => {
                Some(Self::Legacy)
            }
            Some(text) if text.eq_ignore_ascii_case("AbacRepositoryPermissions") => {
                Some(Self::Abac)
            }
            Some(_) => None,
        }
    }

    /// Returns the mode that this one is not.
    pub fn other(self) -> Self {
        match self {
            Self::Legacy => Self::Abac,
            Self::Abac => Self::Legacy,
        }
    }

    /// Returns the permission without which no pull is possible.
    pub fn pull(self) -> Permission {
        match self {
            Self::Legacy => Permission::Action("Microsoft.ContainerRegistry/registries/pull/read"),
            Self::Abac => Permission::DataAction(
                "Microsoft.ContainerRegistry/registries/repositories/content/read",
            ),
        }
    }

    /// Returns the permission that Microsoft documents as needed for a pull besides.
    ///
    /// AKS ("Access and identity options for AKS") lists `metadata/read` next to `content/read` for
    /// the kubelet identity. Whether a pull succeeds without it is not documented.
    pub fn metadata(self) -> Option<Permission> {
        match self {
            Self::Legacy => None,
            Self::Abac => Some(Permission::DataAction(
                "Microsoft.ContainerRegistry/registries/repositories/metadata/read",
            )),
        }
    }
}

/// One thing that a role may permit.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Permission {
    /// An action: `actions` minus `notActions` decide.
    Action(&'static str),
    /// A data action: `dataActions` minus `notDataActions` decide.
    DataAction(&'static str),
}

impl Permission {
    /// Returns the name of the action or data action.
    pub fn name(self) -> &'static str {
        match self {
            Self::Action(name) | Self::DataAction(name) => name,
        }
    }
}

/// A piece of a pattern.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Piece {
    /// Any number of characters.
    Any,
    /// Exactly one character.
    One,
    /// This character.
    Char(char),
}

/// Returns whether a whole text matches a pattern. The work is at most the product of their
/// lengths: only the last asterisk is ever tried again.
pub(super) fn like(pattern: &[Piece], text: &str) -> bool {
    let text: Vec<char> = text.chars().collect();
    let (mut at, mut next) = (0, 0);
    let mut retry: Option<(usize, usize)> = None;
    while at < text.len() {
        match pattern.get(next) {
            Some(Piece::Any) => {
                retry = Some((next + 1, at));
                next += 1;
            }
            Some(piece) if *piece == Piece::One || *piece == Piece::Char(text[at]) => {
                at += 1;
                next += 1;
            }
            _ => {
                let Some((after, taken)) = retry else { return false };
                retry = Some((after, taken + 1));
                (next, at) = (after, taken + 1);
            }
        }
    }
    pattern[next..].iter().all(|piece| *piece == Piece::Any)
}

#[cfg(test)]
mod tests {
    use super::Mode;

    #[test]
    fn a_registry_without_the_property_is_a_legacy_one() {
        assert_eq!(Mode::read(None), Some(Mode::Legacy));
        assert_eq!(Mode::read(Some("abacRepositoryPermissions")), Some(Mode::Abac));
        assert_eq!(Mode::read(Some("LegacyRegistryPermissions")), Some(Mode::Legacy));
        assert_eq!(Mode::read(Some("SomethingNew")), None);
    }
}
