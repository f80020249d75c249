//! What the area `manifest` can find wrong.

use serde::Serialize;
use strum::VariantNames;

use super::words::{ArtifactKind, DigestProof, HeadField};
use crate::kit::net::Fault;

/// What can be wrong with a manifest.
#[derive(Serialize, VariantNames)]
#[serde(rename_all = "kebab-case")]
#[strum(serialize_all = "kebab-case")]
pub enum Problem {
    /// Only a login server was named.
    NoImageAsked {},
    /// The registry serves the blobs itself: there is no other host to look at.
    ServedByRegistry {},
    /// The repository has no such tag.
    ImageTagNotFound {
        /// The repository.
        repository: String,
        /// The tag.
        tag: String,
        /// The registry's own words.
        #[serde(skip_serializing_if = "Option::is_none")]
        said: Option<String>,
        /// The tags that are most like it, when listing is allowed.
        #[serde(skip_serializing_if = "Vec::is_empty")]
        nearest: Vec<String>,
        /// The most like it, as a whole reference.
        #[serde(skip_serializing_if = "Option::is_none")]
        repaired: Option<String>,
    },
    /// The registry has no such repository.
    RepositoryNotFound {
        /// The repository.
        repository: String,
        /// The registry's own words.
        said: String,
    },
    /// The repository has no such digest.
    ImageDigestGone {
        /// The repository.
        repository: String,
        /// The digest.
        digest: String,
    },
    /// The manifest names a blob that the registry does not have.
    BlobUnknown {
        /// The blob.
        digest: String,
        /// The registry's own words.
        #[serde(skip_serializing_if = "Option::is_none")]
        said: Option<String>,
    },
    /// Every layer is another server's to serve: could not tell.
    ForeignLayers {},
    /// The index is there, and this platform's manifest in it is not.
    ChildManifestGone {
        /// The repository.
        repository: String,
        /// The digest.
        digest: String,
        /// Whose manifest it is.
        platform: String,
        /// How to build it again for all platforms of the index.
        #[serde(flatten)]
        build: Build,
    },
    /// The index has nothing for this platform.
    PlatformNoMatch {
        /// What was needed.
        wanted: String,
        /// What there is.
        offered: Vec<String>,
        /// How to build it for both.
        #[serde(flatten)]
        build: Build,
    },
    /// What was sent is not what the digest names.
    DigestMismatch {
        /// The digest that was due.
        wanted: String,
        /// The digest of what came.
        got: String,
    },
    /// The index has this platform's processor and system, for other builds of Windows.
    PlatformWindowsBuild {
        /// What was needed.
        wanted: String,
        /// The builds that there are.
        builds: Vec<String>,
    },
    /// There are builds for Windows, and none was asked for.
    WindowsBuildNotAsked {
        /// The builds that there are.
        builds: Vec<String>,
        /// The one that was looked at, as `--platform` takes it.
        chosen: String,
    },
    /// There is none for this very platform, but one that some versions of containerd take.
    LesserPlatform {
        /// What was needed.
        wanted: String,
        /// What they take.
        chosen: String,
        /// How to build it for what was needed and for all platforms of the index.
        #[serde(flatten)]
        build: Build,
    },
    /// What was sent is broken: no manifest, or one that contradicts itself.
    NotAManifest {
        /// What it is called.
        media_type: String,
        /// What is wrong with it.
        said: String,
    },
    /// It is a sound manifest of something that is no image.
    NotAnImage {
        /// What it is.
        what: ArtifactKind,
        /// What gave it away.
        media_type: String,
    },
    /// What an index has for this platform is an index again: could not tell.
    IndexInIndex {
        /// Whose it is.
        platform: String,
    },
    /// It is in a format that only older runtimes read.
    #[serde(rename = "manifest-schema1")]
    #[strum(serialize = "manifest-schema1")]
    ManifestSchema1 {
        /// What it is called.
        media_type: String,
        /// Whether its digest proves it.
        verified: DigestProof,
    },
    /// The same without the signature that those runtimes want.
    #[serde(rename = "manifest-schema1-unsigned")]
    #[strum(serialize = "manifest-schema1-unsigned")]
    ManifestSchema1Unsigned {
        /// What it is called.
        media_type: String,
    },
    /// The registry says another thing to HEAD than to GET.
    HeadDiffers {
        /// What was asked.
        request: String,
        /// In what they differ.
        what: HeadField,
        /// What it says to HEAD.
        head: String,
        /// What it sends to GET.
        get: String,
    },
    /// The answer broke off.
    Unreadable {
        /// What was asked.
        request: String,
        /// How.
        fault: Fault,
    },
}

/// How to build an image for several platforms.
#[derive(Debug, Serialize)]
pub struct Build {
    /// The platforms as the argument of one build.
    #[serde(skip_serializing_if = "Option::is_none")]
    together: Option<String>,
    /// The platforms, where one is Windows: its images are built on Windows, each for itself.
    #[serde(skip_serializing_if = "Option::is_none")]
    separately: Option<Vec<String>>,
}

impl Build {
    /// Returns the build for these platforms, each once.
    pub(crate) fn of(platforms: impl IntoIterator<Item = String>) -> Self {
        let mut each: Vec<String> = vec![];
        for platform in platforms {
            if !each.contains(&platform) {
                each.push(platform);
            }
        }
        if each.iter().any(|platform| platform.starts_with("windows")) {
            return Self { together: None, separately: Some(each) };
        }
        let together = Some(each.join(",")).filter(|platforms| !platforms.is_empty());
        Self { together, separately: None }
    }
}
