//! Thin clients for the token issuers of Azure and for Azure Resource Manager, and the endpoints of
//! each cloud.

pub mod arm;
pub mod cli;
mod endpoints;
pub mod entra;
pub mod imds;
mod json;
mod principal;
pub mod resource;

pub use arm::{ARM_WAIT, Arm, ArmError, SignInError, TokenSource};
pub use endpoints::{Endpoints, authority_of};
pub use principal::Principal;
pub use resource::ArmResource;

/// The audience of tokens for Azure container registries, in every cloud: the only one that the
/// kubelet's credential provider requests (cloud-provider-azure, pkg/credentialprovider, since
/// March 2025).
pub const REGISTRY_AUDIENCE: &str = "https://containerregistry.azure.net";
