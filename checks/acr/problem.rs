//! What the area `acr` can find wrong.

use serde::Serialize;

/// What can be wrong with a registry in the control plane.
#[derive(Serialize, strum::VariantNames)]
#[serde(rename_all = "kebab-case")]
#[strum(serialize_all = "kebab-case")]
pub enum Problem {
    /// The host is no Azure registry.
    NotAzures {},
    /// The caller does not see the registry, which does not say that there is none.
    NotSeen {
        /// The registry.
        host: String,
        /// Who asked.
        who: String,
    },
    /// The registry with the given id has another login server.
    OtherRegistry {
        /// The id that was given.
        id: String,
        /// Its login server.
        meant: String,
        /// The registry that was asked for.
        host: String,
    },
    /// The registry's login server has a hash, which the image reference lacks.
    LoginServerHasHash {
        /// The registry as asked for.
        host: String,
        /// Its login server.
        meant: String,
        /// The image there.
        repaired: String,
    },
    /// No registry of that name exists: Azure says that the name is free.
    RegistryDeletedOrMoved {
        /// The registry.
        host: String,
        /// Its name.
        name: String,
    },
}
