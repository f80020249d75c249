//! What Azure calls its hosts, and thin clients for those that issue tokens.

mod cloud;
pub mod entra;
pub mod imds;
mod json;
mod names;
mod principal;

pub use cloud::{Cloud, Endpoints, authority_of, suffixes};
pub(super) use names::misspelled;
pub use names::{AcrHostKind, AcrHostName};
pub use principal::Principal;

/// What tokens must be for that a registry of Azure takes, in every cloud: the kubelet's credential provider asks
/// for nothing else (cloud-provider-azure, pkg/credentialprovider, since March 2025).
pub const REGISTRY_AUDIENCE: &str = "https://containerregistry.azure.net";
