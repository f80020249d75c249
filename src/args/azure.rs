//! The options that name a cluster and a registry in Azure's control plane.

use checks::kit::target::{ClusterName, ControlPlane, ResourceId};
use clap::{Args as ArgGroup, builder::NonEmptyStringValueParser};

/// The kinds of resources that the options name.
const CLUSTERS: &str = "Microsoft.ContainerService/managedClusters";
const REGISTRIES: &str = "Microsoft.ContainerRegistry/registries";

/// What of the control plane is examined.
#[derive(ArgGroup, Clone, Debug, Default)]
pub struct AzureArgs {
    /// The AKS cluster that pulls: its resource id. Azure is read as the environment says, else as
    /// the account of the Azure CLI, else as a managed identity; --identity does not change this
    #[arg(long, value_name = "ID", value_parser = cluster, conflicts_with_all = ["resource_group", "cluster"], help_heading = "Azure's control plane")]
    pub cluster_id: Option<ResourceId>,
    /// The resource group of --cluster; both go together
    #[arg(
        short = 'g',
        long,
        value_name = "GROUP",
        requires = "cluster",
        help_heading = "Azure's control plane"
    )]
    pub resource_group: Option<String>,
    /// The AKS cluster that pulls: its name in that resource group
    #[arg(
        long,
        value_name = "NAME",
        requires = "resource_group",
        help_heading = "Azure's control plane"
    )]
    pub cluster: Option<String>,
    /// The registry's resource id, where it is in another subscription
    #[arg(long, value_name = "ID", value_parser = registry, help_heading = "Azure's control plane")]
    pub registry_id: Option<ResourceId>,
    /// The subscription in which names are looked up, by its id or its name [default: all that the
    /// caller can read]
    #[arg(long, value_name = "ID|NAME", value_parser = NonEmptyStringValueParser::new(), help_heading = "Azure's control plane")]
    pub subscription: Option<String>,
    /// Do not ask Azure's control plane. Without any of these options it is asked where a pull fails
    /// and an Azure sign-in is at hand
    #[arg(long, conflicts_with_all = ["cluster_id", "resource_group", "cluster", "registry_id", "subscription"], help_heading = "Azure's control plane")]
    pub no_azure: bool,
}

impl AzureArgs {
    /// Returns what of the control plane is examined.
    pub(crate) fn control_plane(&self) -> ControlPlane {
        let named = self.resource_group.clone().zip(self.cluster.clone());
        let named = named.map(|(group, name)| ClusterName::Named { group, name });
        ControlPlane {
            off: self.no_azure,
            cluster: self.cluster_id.clone().map(ClusterName::Id).or(named),
            registry: self.registry_id.clone(),
            subscription: self.subscription.clone(),
        }
    }

    /// Returns the arguments that repeat these options.
    pub(crate) fn flags(&self) -> Vec<(&'static str, Option<String>)> {
        let id = |id: &Option<ResourceId>| id.as_ref().map(ToString::to_string);
        vec![
            ("--cluster-id", id(&self.cluster_id)),
            ("-g", self.resource_group.clone()),
            ("--cluster", self.cluster.clone()),
            ("--registry-id", id(&self.registry_id)),
            ("--subscription", self.subscription.clone()),
        ]
    }

    /// Returns these options where one is given, and otherwise those of `base`.
    #[cfg(feature = "lab")]
    pub(crate) fn or(self, base: Self) -> Self {
        let is_given = self.no_azure || self.control_plane() != ControlPlane::default();
        if is_given { self } else { base }
    }
}

fn cluster(text: &str) -> Result<ResourceId, String> {
    id_of(text, CLUSTERS)
}

pub(super) fn registry(text: &str) -> Result<ResourceId, String> {
    id_of(text, REGISTRIES)
}

fn id_of(text: &str, kind: &str) -> Result<ResourceId, String> {
    let id = text.parse().ok().filter(|id: &ResourceId| id.is_a(kind));
    id.ok_or_else(|| {
        format!("an id is /subscriptions/ID/resourceGroups/GROUP/providers/{kind}/NAME")
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ids_of_the_right_kind() {
        let id = |kind: &str| format!("/subscriptions/s/resourceGroups/g/providers/{kind}/contoso");
        assert!(cluster(&id(CLUSTERS)).is_ok());
        assert!(cluster(&id(REGISTRIES)).is_err());
        assert!(registry(&id(REGISTRIES)).is_ok());
        assert!(registry("contoso").is_err());
    }
}
