//! What of the control plane is examined: the cluster and the registry, as the user named them.

use super::ResourceId;

/// What the user said of the control plane.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct ControlPlane {
    /// Whether it is left alone (`--no-azure`).
    pub off: bool,
    /// The cluster that pulls.
    pub cluster: Option<ClusterName>,
    /// The registry, in whichever subscription.
    pub registry: Option<ResourceId>,
    /// The subscription in which names are looked up.
    pub subscription: Option<String>,
}

/// A cluster, as the user named it.
#[derive(Clone, Debug, PartialEq)]
pub enum ClusterName {
    /// By its resource id.
    Id(ResourceId),
    /// By its resource group and its name.
    Named {
        /// The resource group.
        group: String,
        /// The name.
        name: String,
    },
    /// By the resource group of its nodes, which they name: the user named none.
    OfNodes {
        /// The resource group.
        group: String,
    },
}

impl ControlPlane {
    /// Returns whether the user asked for the control plane by naming something in it.
    pub fn is_asked(&self) -> bool {
        let cluster = self.cluster.as_ref().filter(|it| !matches!(it, ClusterName::OfNodes { .. }));
        !self.off && (cluster.is_some() || self.registry.is_some() || self.subscription.is_some())
    }
}
