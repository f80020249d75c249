//! Files with registry credentials, read as docker and the kubelet read them. Nothing here opens a
//! file: the bytes come in, what they hold goes out.

mod answer;
mod docker_config;
mod entry;
mod near_miss;
mod pull_secret;
mod secret_manifest;

pub use answer::RegistryAnswer;
pub use docker_config::DockerConfig;
pub use near_miss::{Near, NearMiss, Reader, near, shown};
pub use pull_secret::{BrokenPullSecret, Entries, Entry, PullSecret};

use crate::kit::redact::Secret;

/// What an entry holds.
#[derive(Clone, Debug)]
pub enum Stored {
    /// A user name and a password.
    Password {
        /// The user name.
        user: String,
        /// The password.
        password: Secret,
    },
    /// A refresh token (`identitytoken`).
    Refresh(Secret),
    /// An access token (`registrytoken`).
    Access(Secret),
}
