//! What manifests and indexes name: descriptors, as lenient as Go reads them.

use serde::Deserialize;

use super::blob::Blob;
use crate::kit::rules::Platform;

/// What a manifest or an index names. As lenient as Go: what is not needed may be missing, or be
/// anything.
#[derive(Deserialize)]
pub(super) struct Descriptor {
    #[serde(default, rename = "mediaType")]
    pub(super) media_type: String,
    #[serde(default)]
    pub(super) digest: String,
    #[serde(default)]
    pub(super) size: i64,
    platform: Option<Described>,
    /// Where a foreign layer is, which the registry does not serve.
    pub(super) urls: Option<Vec<String>>,
    #[serde(default)]
    annotations: serde_json::Value,
}

/// The platform of an index's entry.
#[derive(Deserialize)]
struct Described {
    #[serde(default)]
    os: String,
    #[serde(default)]
    architecture: String,
    variant: Option<String>,
    #[serde(rename = "os.version")]
    build: Option<String>,
}

impl Descriptor {
    /// Returns its platform, when it names one.
    pub(super) fn platform(&self) -> Option<Platform> {
        let Described { os, architecture, variant, build } = self.platform.as_ref()?;
        Some(Platform::normal(os, architecture, variant.as_deref(), build.as_deref()))
    }

    /// Whether it says something about an image, as `BuildKit` puts it beside one.
    pub(super) fn attests(&self) -> bool {
        self.annotations["vnd.docker.reference.type"] == "attestation-manifest"
    }

    pub(super) fn blob(&self) -> Blob {
        Blob { digest: self.digest.clone(), size: Some(self.size.unsigned_abs()) }
    }
}
