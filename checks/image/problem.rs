//! What the area `image` can find wrong.

use crate::kit::rules::ReferenceError;
use serde::Serialize;

/// What can be wrong with the text that names an image.
#[derive(Serialize, strum::VariantNames)]
#[serde(rename_all = "kebab-case")]
#[strum(serialize_all = "kebab-case")]
pub enum Problem {
    /// The text is not a valid image reference, so the kubelet would not even contact a registry.
    RefInvalid {
        /// Why the text is invalid.
        reason: ReferenceError,
        /// The image that was probably meant.
        #[serde(skip_serializing_if = "Option::is_none")]
        repaired: Option<String>,
    },
    /// The text names a data endpoint, which serves layers, instead of the login server.
    RefDataEndpointHost {
        /// The data endpoint.
        host: String,
        /// The same image at the login server.
        #[serde(skip_serializing_if = "Option::is_none")]
        repaired: Option<String>,
    },
    /// The host looks like a misspelled login server.
    RefRegistryTypo {
        /// The host as it was written.
        host: String,
        /// The login server that was probably meant.
        meant: String,
        /// The whole text with that login server.
        repaired: String,
    },
    /// The text names no registry, so Docker Hub is used, but the image is not one of Docker's own.
    RefWrongDefaultRegistry {
        /// The image as it was written.
        written: String,
        /// The whole image, with the registry that is used.
        qualified: String,
        /// The repository as it was written.
        short: String,
    },
    /// There are credentials for a login server whose name is this host's name with a hash.
    RefDnlHashMissing {
        /// The host as it was written.
        host: String,
        /// The login server that the credentials are for.
        meant: String,
        /// The whole text with that login server.
        repaired: String,
        /// The file that holds the credentials.
        file: String,
    },
}
