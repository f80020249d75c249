//! The ids of resources, and the short ones of scenarios.

use super::settings::Azure;

/// Returns the ids of a scenario's resources.
#[derive(Debug, Clone)]
pub(crate) struct Ids {
    pub(crate) subscription: String,
    pub(crate) registry: String,
    pub(crate) cluster: String,
}

impl Ids {
    pub(crate) fn new(azure: &Azure, registry: &str) -> Self {
        let own = &azure.registry.subscription;
        let own = if own.is_empty() { &azure.subscription } else { own };
        let in_group = |subscription: &str, group: &str, rest: &str| {
            format!("/subscriptions/{subscription}/resourceGroups/{group}/providers/{rest}")
        };
        let (registries, clusters) = (
            "Microsoft.ContainerRegistry/registries",
            "Microsoft.ContainerService/managedClusters",
        );
        Self {
            subscription: format!("/subscriptions/{}", azure.subscription),
            registry: in_group(own, &azure.registry.group, &format!("{registries}/{registry}")),
            cluster: in_group(
                &azure.subscription,
                &azure.cluster.group,
                &format!("{clusters}/{}", azure.cluster.name),
            ),
        }
    }

    /// Returns a resource group's id.
    pub(crate) fn group(&self, name: &str) -> String {
        format!("{}/resourceGroups/{name}", self.subscription)
    }

    /// Returns the id of a resource in a group.
    pub(crate) fn resource(&self, group: &str, rest: &str) -> String {
        format!("{}/providers/{rest}", self.group(group))
    }

    /// Returns a whole id for a short one: `subscription`, `registry`, `cluster`, something below
    /// one of these (`registry/tokens/NAME`), `GROUP`, or `GROUP/NAMESPACE/TYPE/NAME`.
    pub(crate) fn whole(&self, short: &str) -> String {
        if short.starts_with('/') {
            return short.to_owned();
        }
        let (head, rest) = short.split_once('/').map_or((short, None), |(a, b)| (a, Some(b)));
        let base = match head {
            "subscription" => &self.subscription,
            "registry" => &self.registry,
            "cluster" => &self.cluster,
            group => {
                return rest.map_or_else(|| self.group(group), |rest| self.resource(group, rest));
            }
        };
        rest.map_or_else(|| base.clone(), |rest| format!("{base}/{rest}"))
    }
}
