//! A managed cluster, as Azure Resource Manager describes it.

use serde::Serialize;

use crate::kit::{
    azure::{ArmResource, resource::text},
    rules::is_guid,
    target::ResourceId,
};

/// The cluster that pulls.
#[derive(Clone, Serialize)]
pub struct Cluster {
    /// Its name.
    name: String,
    /// The identity with which its kubelets pull; `None` where it has none or is not shown.
    #[serde(skip_serializing_if = "Option::is_none")]
    kubelet: Option<String>,
    /// How its nodes reach the internet: `loadBalancer`, `none`, …
    #[serde(skip_serializing_if = "Option::is_none")]
    outbound: Option<String>,
    /// How many node pools it has.
    pools: usize,
    #[serde(skip)]
    pub(crate) resource: ArmResource,
}

/// The identity with which the kubelets of a cluster pull.
#[derive(Clone, Debug)]
pub struct KubeletIdentity {
    /// The id that role assignments use.
    pub(crate) object_id: String,
    /// The id that node files use.
    pub(crate) client_id: Option<String>,
    /// The name of the managed identity.
    pub(crate) name: Option<String>,
}

impl Cluster {
    /// Reads a managed cluster.
    pub(super) fn of(resource: ArmResource) -> Self {
        let outbound = resource.text("properties.networkProfile.outboundType").map(str::to_owned);
        let mut cluster = Self {
            name: resource.id.name().to_owned(),
            kubelet: None,
            outbound,
            pools: resource.list("properties.agentPoolProfiles").len(),
            resource,
        };
        cluster.kubelet =
            cluster.kubelet_identity().map(|identity| identity.name.unwrap_or(identity.object_id));
        cluster
    }

    /// Returns the identity with which the kubelets pull: never that of the control plane (design
    /// rule 7). `None` for a cluster that uses a service principal.
    pub(crate) fn kubelet_identity(&self) -> Option<KubeletIdentity> {
        let own = self.resource.get("properties.identityProfile.kubeletidentity")?;
        let owned = |name| text(own, name).map(str::to_owned);
        let id: Option<ResourceId> = text(own, "resourceId").and_then(|id| id.parse().ok());
        let name = id.map(|id| id.name().to_owned());
        // It goes into commands.
        let object_id = owned("objectId").filter(|id| is_guid(id))?;
        Some(KubeletIdentity { object_id, client_id: owned("clientId"), name })
    }

    /// Returns the client id of the service principal with which the nodes of such a cluster pull.
    pub(crate) fn application(&self) -> Option<String> {
        let own = self.resource.text("properties.servicePrincipalProfile.clientId");
        own.filter(|id| is_guid(id)).map(str::to_owned)
    }

    /// Returns the tenant in which the cluster's managed identities are.
    pub(crate) fn tenant(&self) -> Option<&str> {
        self.resource.text("identity.tenantId").filter(|tenant| is_guid(tenant))
    }

    /// Returns the object ids of the identities of the cluster's control plane.
    pub(crate) fn control_plane_identities(&self) -> Vec<String> {
        let system = self.resource.text("identity.principalId");
        let assigned = self.resource.get("identity.userAssignedIdentities");
        let assigned = assigned.and_then(|map| map.as_object()).into_iter().flatten();
        let assigned = assigned.filter_map(|(_, identity)| text(identity, "principalId"));
        system.into_iter().chain(assigned).map(str::to_owned).collect()
    }

    /// Returns the cluster's resource id.
    pub(crate) fn id(&self) -> &ResourceId {
        &self.resource.id
    }

    /// Returns the cluster's name.
    pub(crate) fn name(&self) -> &str {
        &self.name
    }

    /// Returns whether the API server has no public address.
    pub(crate) fn is_private(&self) -> bool {
        self.resource.flag("properties.apiServerAccessProfile.enablePrivateCluster") == Some(true)
    }

    /// Returns whether the cluster is stopped.
    pub(crate) fn is_stopped(&self) -> bool {
        self.resource.is("properties.powerState.code", "Stopped")
    }

    /// Returns how the nodes reach the internet: `loadBalancer`, `none`, …
    pub(crate) fn outbound(&self) -> Option<&str> {
        self.outbound.as_deref()
    }
}
