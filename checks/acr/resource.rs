//! A registry, as Azure Resource Manager describes it.

use serde::Serialize;

use crate::kit::{
    azure::{ArmResource, resource::text},
    target::ResourceId,
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
    /// Which roles count.
    mode: RoleMode,
    /// The resource with all its properties.
    #[serde(skip)]
    pub(crate) resource: ArmResource,
}

/// Which role assignments a registry follows: a word of evidence.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, strum::VariantNames)]
#[serde(rename_all = "kebab-case")]
#[strum(serialize_all = "kebab-case")]
pub enum RoleMode {
    /// Roles with actions on the whole registry, such as AcrPull.
    RegistryRoles,
    /// Roles with data actions, which a condition may limit to some repositories; AcrPull is ignored.
    RepositoryRoles,
}

impl Registry {
    /// Reads a registry.
    pub(super) fn of(resource: ArmResource) -> Self {
        // A registry from before ABAC has no such property.
        let abac = resource.is("properties.roleAssignmentMode", "AbacRepositoryPermissions");
        Self {
            name: resource.id.name().to_owned(),
            sku: resource.text("sku.name").map(str::to_owned),
            public_access: resource.text("properties.publicNetworkAccess").map(str::to_owned),
            mode: if abac { RoleMode::RepositoryRoles } else { RoleMode::RegistryRoles },
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
    pub(crate) fn mode(&self) -> RoleMode {
        self.mode
    }
}
