//! The descriptors in manifests and indexes.

use serde::Deserialize;

use super::blob::Blob;
use crate::kit::rules::{Platform, go_base64};

/// The parts of a descriptor in a manifest or an index that are needed.
#[derive(Default, Deserialize)]
pub(super) struct Descriptor {
    #[serde(default, rename = "mediaType")]
    pub(super) media_type: String,
    #[serde(default)]
    pub(super) digest: String,
    #[serde(default)]
    pub(super) size: i64,
    platform: Option<Described>,
    /// Where it is also served.
    pub(super) urls: Option<Vec<String>>,
    #[serde(default)]
    annotations: serde_json::Value,
    /// The content itself, in base64.
    data: Option<String>,
}

/// The platform of an entry in an index.
#[derive(Deserialize)]
struct Described {
    #[serde(default)]
    os: String,
    #[serde(default)]
    architecture: String,
    variant: Option<String>,
    #[serde(rename = "os.version")]
    build: Option<String>,
    #[serde(rename = "os.features")]
    features: Option<Vec<String>>,
}

impl Descriptor {
    /// Returns the platform, if the descriptor names one.
    pub(super) fn platform(&self) -> Option<Platform> {
        let Described { os, architecture, variant, build, .. } = self.platform.as_ref()?;
        Some(Platform::normal(os, architecture, variant.as_deref(), build.as_deref()))
    }

    /// Returns whether containerd fetches the same in the same way.
    pub(super) fn is_same_content(&self, other: &Self) -> bool {
        (&self.digest, self.size, &self.media_type)
            == (&other.digest, other.size, &other.media_type)
    }

    /// Returns whether the platform needs features of the operating system.
    pub(super) fn has_features(&self) -> bool {
        let features = self.platform.as_ref().and_then(|platform| platform.features.as_ref());
        features.is_some_and(|features| !features.is_empty())
    }

    /// Returns whether the manifest is an attestation about an image, which `BuildKit` puts beside
    /// that image.
    pub(super) fn attests(&self) -> bool {
        self.annotations["vnd.docker.reference.type"] == "attestation-manifest"
    }

    /// Returns whether Go sends the media type in a header, as containerd does.
    pub(super) fn fits_header(&self) -> bool {
        self.media_type.chars().all(|c| c == '\t' || !c.is_ascii_control())
    }

    pub(super) fn blob(&self) -> Blob {
        let (digest, urls) = (self.digest.clone(), self.urls.clone().unwrap_or_default());
        let size = Some(self.size.unsigned_abs());
        let media_type = self.media_type.clone();
        Blob { digest, size, media_type, layer: None, urls, data: self.data() }
    }

    /// Returns the content, if the descriptor holds as many bytes as it says: then containerd takes
    /// them, and asks for nothing (core/remotes/handlers.go, `Fetch`).
    pub(super) fn data(&self) -> Option<Vec<u8>> {
        let data = go_base64::padded(self.data.as_deref()?)?;
        (i64::try_from(data.len()) == Ok(self.size)).then_some(data)
    }
}
