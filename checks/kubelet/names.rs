//! Which registries Azure's credential provider takes for Azure's (`parseACRLoginServerFromImage`).

use super::version::ProviderBuild;
use crate::kit::target::suffixes;

/// Returns whether that provider recognizes the registry; `None` where its version decides and is
/// not known.
pub(super) fn recognizes(build: &ProviderBuild, registry: &str, own_suffix: &str) -> Option<bool> {
    let strictly = is_known(registry, own_suffix);
    // Older versions accept anything before the suffix.
    let of_any_label = |suffix: &str| {
        let label = registry.strip_suffix(suffix).and_then(|rest| rest.strip_suffix('.'));
        label.is_some_and(|label| !label.is_empty())
    };
    let loosely = strictly || suffixes().any(of_any_label);
    // A few versions know the suffix of their own cloud only where a file names it.
    let is_of_file = suffixes().all(|suffix| suffix != own_suffix);
    let by_pattern = if is_of_file { strictly } else { is_known(registry, "") };
    match (build.is_strict(), build.knows_its_suffix()) {
        (Some(false), _) => Some(loosely),
        (Some(true), Some(true)) => Some(strictly),
        (Some(true), Some(false)) => Some(by_pattern),
        _ => (by_pattern == loosely).then_some(loosely),
    }
}

/// Returns whether Azure's credential provider recognizes the registry as one of Azure's.
///
/// It recognizes a name without a hyphen in every cloud, other names only in the node's own cloud.
pub fn is_known(registry: &str, own_suffix: &str) -> bool {
    let label = registry.find(|c: char| !c.is_ascii_alphanumeric()).unwrap_or(registry.len());
    let rest = registry[label..].strip_prefix('.').filter(|_| label > 0);
    let everywhere = rest.is_some_and(|rest| suffixes().any(|suffix| rest == suffix));
    everywhere || (!own_suffix.is_empty() && registry.contains(own_suffix))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn which_registries_are_known() {
        for (registry, own, wanted) in [
            ("contoso.azurecr.io", "azurecr.io", true),
            ("contoso.azurecr.cn", "azurecr.io", true),
            ("contoso-a1b2.azurecr.io", "azurecr.io", true),
            ("contoso-a1b2.azurecr.cn", "azurecr.io", false),
            ("contoso.eastus.geo.azurecr.io", "azurecr.io", true),
            ("contoso.eastus.geo.azurecr.us", "azurecr.io", false),
            ("contoso.azurecr.io.example", "azurecr.cn", false),
            ("registry.contoso.example", "azurecr.io", false),
            ("registry.contoso.example", "contoso.example", true),
            (".azurecr.cn", "azurecr.io", false),
            ("", "", false),
        ] {
            assert_eq!(is_known(registry, own), wanted, "{registry} on a node of {own}");
        }
    }

    #[test]
    fn where_only_the_version_tells() {
        let unknown = ProviderBuild::unknown(String::new());
        for (registry, wanted) in [
            ("contoso.azurecr.io", Some(true)),
            ("contoso-a1b2.azurecr.cn", None),
            ("contoso-a1b2.azurecr.io", None),
            ("contoso.eastus.geo.azurecr.us", None),
            ("registry.contoso.example", Some(false)),
            (".azurecr.cn", Some(false)),
        ] {
            assert_eq!(recognizes(&unknown, registry, "azurecr.io"), wanted, "{registry}");
        }
    }

    #[test]
    fn a_few_versions_do_not_know_their_own_suffix() {
        for (version, labelled) in [("v1.30.8", true), ("v1.30.9", false), ("v1.30.10", true)] {
            let build = ProviderBuild::numbered(version);
            let known = |registry, own| recognizes(&build, registry, own);
            assert_eq!(known("contoso.azurecr.io", "azurecr.io"), Some(true), "{version}");
            assert_eq!(known("contoso-a1b2.azurecr.io", "azurecr.io"), Some(labelled), "{version}");
            assert_eq!(known("a.contoso.example", "contoso.example"), Some(true), "{version}");
        }
    }
}
