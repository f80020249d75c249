//! A registry, as Azure Resource Manager describes it.

use serde::Serialize;

use crate::{
    kit::{
        azure::{ArmResource, resource::text},
        target::ResourceId,
    },
    role::Mode,
};

/// The registry in the control plane.
#[derive(Clone, Serialize)]
pub struct Registry {
    /// Its name.
    name: String,
    /// Its price tier.
    #[serde(skip_serializing_if = "Option::is_none")]
    sku: Option<String>,
    /// Whether it has a public endpoint: `Enabled` or `Disabled`.
    #[serde(skip_serializing_if = "Option::is_none")]
    public_access: Option<String>,
    /// Which roles count; `None` where ARM names a mode that is not known here.
    #[serde(skip_serializing_if = "Option::is_none")]
    mode: Option<Mode>,
    /// The resource with all its properties.
    #[serde(skip)]
    pub(crate) resource: ArmResource,
}

impl Registry {
    /// Reads a registry.
    pub(super) fn of(resource: ArmResource) -> Self {
        Self {
            name: resource.id.name().to_owned(),
            sku: resource.text("sku.name").map(str::to_owned),
            public_access: resource.text("properties.publicNetworkAccess").map(str::to_owned),
            mode: Mode::read(resource.text("properties.roleAssignmentMode")),
            resource,
        }
    }

    /// Returns the registry's resource id.
    pub(crate) fn id(&self) -> &ResourceId {
        &self.resource.id
    }

    /// Returns the registry's name, as `az acr -n` takes it.
    pub(crate) fn name(&self) -> &str {
        &self.name
    }

    /// Returns the host name that image references use.
    pub(crate) fn login_server(&self) -> &str {
        self.resource.text("properties.loginServer").unwrap_or_default()
    }

    /// Returns whether a private endpoint of some network leads to it.
    pub(crate) fn has_private_endpoint(&self) -> bool {
        let connections = self.resource.list("properties.privateEndpointConnections");
        let state = "properties.privateLinkServiceConnectionState.status";
        connections.iter().any(|connection| text(connection, state) == Some("Approved"))
    }

    /// Returns which role assignments count.
    pub(crate) fn mode(&self) -> Option<Mode> {
        self.mode
    }
}
