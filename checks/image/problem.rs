//! What the area `image` can find wrong.

use crate::kit::rules::ReferenceError;
use serde::Serialize;

/// What can be wrong with the text that names an image.
#[derive(Serialize, strum::VariantNames)]
#[serde(rename_all = "kebab-case")]
#[strum(serialize_all = "kebab-case")]
pub enum Problem {
    /// It does not parse: the kubelet would not even ask a registry.
    RefInvalid {
        /// Why.
        reason: ReferenceError,
        /// What was probably meant.
        #[serde(skip_serializing_if = "Option::is_none")]
        repaired: Option<String>,
    },
    /// It names the host that serves layers.
    RefDataEndpointHost {
        /// That host.
        host: String,
        /// The same at the login server.
        #[serde(skip_serializing_if = "Option::is_none")]
        repaired: Option<String>,
    },
    /// The host looks like a misspelled login server.
    RefRegistryTypo {
        /// As it was written.
        host: String,
        /// The host that was probably meant.
        meant: String,
        /// The whole, repaired.
        repaired: String,
    },
    /// No registry is named, so Docker Hub is asked, and it is none of Docker's own images.
    RefWrongDefaultRegistry {
        /// As it was written.
        written: String,
        /// The whole, with the registry that is asked.
        qualified: String,
        /// The repository as it was written.
        short: String,
    },
    /// There are credentials for a login server of that name with a hash behind it.
    RefDnlHashMissing {
        /// As it was written.
        host: String,
        /// The login server that the credentials are for.
        meant: String,
        /// The whole, repaired.
        repaired: String,
        /// The file with the credentials.
        file: String,
    },
}
