//! What a registry answers to a credential.

use serde::{Deserialize, Serialize};

/// What the registry answers to a credential.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum RegistryAnswer {
    /// It gives the manifest.
    Accepted,
    /// It refuses the credential.
    Refused,
    /// It refuses a token that has expired.
    Expired,
    /// It refuses the credential and would serve the image without any.
    RefusedButAnonymous,
    /// It accepts the credential, but not for this repository.
    NotForRepository,
    /// That cannot be told from here.
    NotTried,
}
