//! Scopes: whether an assignment at one is inherited by a resource.

use serde::Serialize;

use crate::kit::{
    rules::is_guid,
    target::{ResourceId, is_plain_id},
};

/// The level of a scope that a resource inherits from.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Level {
    /// `/`: everything in the tenant.
    Root,
    /// A management group. Which subscriptions are in it does not show in its id: one is listed at a
    /// resource only when it is above that resource.
    ManagementGroup,
    /// The subscription.
    Subscription,
    /// The resource group.
    ResourceGroup,
    /// The resource itself.
    Resource,
}

/// Returns the segments of an id; `None` when it does not start with a slash, or has an empty
/// segment.
fn segments(id: &str) -> Option<Vec<String>> {
    let path = id.strip_prefix('/')?;
    if path.is_empty() {
        return Some(vec![]);
    }
    let path = path.strip_suffix('/').unwrap_or(path);
    let segments: Vec<String> = path.split('/').map(str::to_lowercase).collect();
    segments.iter().all(|segment| !segment.is_empty()).then_some(segments)
}

/// Returns the level at which a resource inherits what is assigned at a scope; `None` when it does
/// not. Whole segments are compared, and their case does not matter.
///
/// A management group is taken to be above the resource, because Azure Resource Manager lists it
/// with `atScope()` only then.
pub fn inherited(scope: &str, resource: &str) -> Option<Level> {
    let (scope, resource) = (segments(scope)?, segments(resource)?);
    if let [providers, provider, groups, _] = &scope[..] {
        let named = [providers, provider, groups].map(String::as_str);
        if named == ["providers", "microsoft.management", "managementgroups"] {
            return Some(Level::ManagementGroup);
        }
    }
    if !resource.starts_with(&scope) {
        return None;
    }
    match scope.len() {
        0 => Some(Level::Root),
        length if length == resource.len() => Some(Level::Resource),
        2 if scope[0] == "subscriptions" => Some(Level::Subscription),
        4 if scope[0] == "subscriptions" && scope[2] == "resourcegroups" => {
            Some(Level::ResourceGroup)
        }
        _ => None,
    }
}

/// Returns whether two ids name the same resource.
pub fn same(one: &str, other: &str) -> bool {
    matches!((segments(one), segments(other)), (Some(one), Some(other)) if one == other)
}

/// Returns whether a scope lies below a resource, such as a repository's.
pub fn is_below(scope: &str, resource: &str) -> bool {
    let (Some(scope), Some(resource)) = (segments(scope), segments(resource)) else { return false };
    scope.len() > resource.len() && scope.starts_with(&resource)
}

/// Returns whether an id is one that Azure Resource Manager gives to an assignment of a kind, such as
/// `roleAssignments`, at a scope. Then it can stand in a command.
pub fn is_id_of(id: &str, kind: &str, scope: &str) -> bool {
    let marker = format!("/providers/Microsoft.Authorization/{kind}/");
    let Some((own, guid)) = id.split_once(&marker) else { return false };
    own.eq_ignore_ascii_case(scope.trim_end_matches('/')) && is_guid(guid) && is_plain_id(id)
}

/// Returns the name of the registry that an id names; `None` when it names something else.
pub fn registry_name(id: &str) -> Option<String> {
    let id: ResourceId = id.parse().ok()?;
    let is_one = id.is_a("Microsoft.ContainerRegistry/registries");
    is_one.then(|| id.name().to_lowercase())
}

#[cfg(test)]
mod tests {
    use super::{Level, inherited, is_below, is_id_of, registry_name, same};

    const REGISTRY: &str = "/subscriptions/00000000-0000-0000-0000-00000000000a/resourceGroups/rg-contoso/providers/Microsoft.ContainerRegistry/registries/contoso";

    #[test]
    fn a_registry_inherits_from_what_is_above_it() {
        let subscription = "/Subscriptions/00000000-0000-0000-0000-00000000000A";
        let group = format!("{subscription}/resourcegroups/RG-Contoso");
        for (scope, level) in [
            ("/", Level::Root),
            ("/providers/Microsoft.Management/managementGroups/contoso", Level::ManagementGroup),
            (subscription, Level::Subscription),
            (&group, Level::ResourceGroup),
            (&format!("{group}/"), Level::ResourceGroup),
            (&REGISTRY.to_uppercase(), Level::Resource),
        ] {
            assert_eq!(inherited(scope, REGISTRY), Some(level), "{scope}");
        }
    }

    #[test]
    fn whole_segments_are_compared() {
        let subscription = "/subscriptions/00000000-0000-0000-0000-00000000000a";
        for scope in [
            String::new(),
            "//".to_owned(),
            "subscriptions".to_owned(),
            "/subscriptions".to_owned(),
            "/subscriptions/00000000-0000-0000-0000-00000000000b".to_owned(),
            format!("{subscription}/resourceGroups"),
            format!("{subscription}/resourceGroups/rg"),
            format!("{subscription}/resourceGroups/rg-contoso-dev"),
            format!("{REGISTRY}dev"),
            REGISTRY[..REGISTRY.len() - 1].to_owned(),
            format!("{REGISTRY}/repositories/app"),
            REGISTRY.replace("rg-contoso", "rg-fabrikam"),
        ] {
            assert_eq!(inherited(&scope, REGISTRY), None, "{scope}");
        }
    }

    #[test]
    fn only_a_plain_id_goes_into_a_command() {
        let id = |scope: &str, guid: &str| {
            format!("{scope}/providers/Microsoft.Authorization/roleAssignments/{guid}")
        };
        let guid = "11111111-0000-0000-0000-000000000001";
        for scope in ["", REGISTRY, "/providers/Microsoft.Management/managementGroups/contoso"] {
            assert!(is_id_of(&id(scope, guid), "roleAssignments", &format!("{scope}/")), "{scope}");
        }
        for (scope, own) in [
            (REGISTRY, id("/subscriptions/a", guid)),
            (REGISTRY, id(REGISTRY, "1")),
            (REGISTRY, id(REGISTRY, guid).replace("roleAssignments", "denyAssignments")),
            ("/x$(reboot)", id("/x$(reboot)", guid)),
            ("/x\" y", id("/x\" y", guid)),
            ("/..", id("/..", guid)),
        ] {
            assert!(!is_id_of(&own, "roleAssignments", scope), "{own}");
        }
    }

    #[test]
    fn a_registry_and_what_is_in_it_are_told_apart() {
        assert_eq!(registry_name(&REGISTRY.to_uppercase()).as_deref(), Some("contoso"));
        assert_eq!(registry_name("/subscriptions/a"), None);
        assert!(same(REGISTRY, &REGISTRY.to_lowercase()) && !same("x", "x"));
        assert!(is_below(&format!("{REGISTRY}/a/b"), REGISTRY) && !is_below(REGISTRY, REGISTRY));
    }
}
