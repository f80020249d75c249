//! Thin clients for what issues tokens in Azure, and where that is.

mod endpoints;
pub mod entra;
pub mod imds;
mod json;
mod principal;

pub use endpoints::{Endpoints, authority_of};
pub use principal::Principal;

/// What tokens must be for that a registry of Azure takes, in every cloud: the kubelet's credential provider asks
/// for nothing else (cloud-provider-azure, pkg/credentialprovider, since March 2025).
pub const REGISTRY_AUDIENCE: &str = "https://containerregistry.azure.net";
