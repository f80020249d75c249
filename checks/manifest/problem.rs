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
    /// The user named only a login server.
    NoImageAsked {},
    /// The registry serves the blobs itself, so there is no other host to check.
    ServedByRegistry {},
    /// The repository has no such tag.
    ImageTagNotFound {
        /// The repository that lacks the tag.
        repository: String,
        /// The tag that is missing.
        tag: String,
        /// The registry's message.
        #[serde(skip_serializing_if = "Option::is_none")]
        said: Option<String>,
        /// The most similar tags, if the registry allows listing.
        #[serde(skip_serializing_if = "Vec::is_empty")]
        nearest: Vec<String>,
        /// The whole reference with the most similar tag.
        #[serde(skip_serializing_if = "Option::is_none")]
        repaired: Option<String>,
    },
    /// The registry has no such repository.
    RepositoryNotFound {
        /// The repository that is missing.
        repository: String,
        /// The registry's message.
        said: String,
    },
    /// The registry serves the tag, but not its manifest by digest.
    NotServedByDigest {
        /// The repository.
        repository: String,
        /// The digest of the manifest.
        digest: String,
    },
    /// The registry denies that the image exists instead of asking for a sign-in, and serves it to
    /// the credentials that are here.
    HiddenWithoutSignIn {
        /// The registry.
        host: String,
        /// The repository.
        repository: String,
        /// The tag or the digest.
        reference: String,
    },
    /// The repository has no manifest with this digest.
    ImageDigestGone {
        /// The repository that lacks the digest.
        repository: String,
        /// The digest that is missing.
        digest: String,
    },
    /// The manifest names a blob that the registry does not have.
    BlobUnknown {
        /// The digest of the blob.
        digest: String,
        /// The registry's message.
        #[serde(skip_serializing_if = "Option::is_none")]
        said: Option<String>,
    },
    /// A server that the manifest names for a blob refuses it.
    RefusedElsewhere {
        /// The server.
        host: String,
        /// The digest of the blob.
        digest: String,
        /// The HTTP status of its response.
        status: u16,
        /// Its message.
        #[serde(skip_serializing_if = "Option::is_none")]
        said: Option<String>,
    },
    /// The index exists, but its manifest for this platform does not.
    ChildManifestGone {
        /// The repository of the index.
        repository: String,
        /// The digest of the missing manifest.
        digest: String,
        /// The platform of the missing manifest.
        platform: String,
        /// How to rebuild the image for all platforms of the index.
        #[serde(flatten)]
        build: Build,
    },
    /// The index has no manifest for this platform.
    PlatformNoMatch {
        /// The platform that is needed.
        wanted: String,
        /// The platforms that the index has.
        offered: Vec<String>,
        /// How to build the image for the platforms of the index and the one that is needed.
        #[serde(flatten)]
        build: Build,
    },
    /// The content does not match the digest that names it.
    DigestMismatch {
        /// The digest that names the content.
        wanted: String,
        /// The digest of the content that was received.
        got: String,
    },
    /// The index has this operating system and processor, but only for other Windows builds.
    PlatformWindowsBuild {
        /// The platform that is needed.
        wanted: String,
        /// The Windows builds that the index has.
        builds: Vec<String>,
    },
    /// The image is for certain Windows builds, and the user named none.
    WindowsBuildNotAsked {
        /// The Windows builds of the image.
        builds: Vec<String>,
        /// The platform that was checked, in the form that `--platform` takes.
        chosen: String,
    },
    /// The index does not have this exact platform, but one that some versions of containerd
    /// accept.
    LesserPlatform {
        /// The platform that is needed.
        wanted: String,
        /// The platform that those versions accept.
        chosen: String,
        /// How to build the image for the platform that is needed and for all platforms of the
        /// index.
        #[serde(flatten)]
        build: Build,
    },
    /// Content has a SHA-512 digest, which containerd takes since 2.3: could not tell.
    DigestBySha512 {
        /// The digest.
        digest: String,
    },
    /// An entry for the platform needs features of the operating system, which containerd compares since
    /// 2.3: could not tell.
    OsFeatures {
        /// The digest of that entry.
        digest: String,
    },
    /// Another manifest of the index for the same platform cannot be pulled, which only newer versions of
    /// containerd fetch: could not tell.
    SecondManifest {
        /// The code of what is wrong with it.
        found: String,
    },
    /// The content is not a manifest, or it is one that contradicts itself.
    NotAManifest {
        /// The media type of the content.
        media_type: String,
        /// What is wrong with the content.
        said: String,
    },
    /// The manifest is valid, but it describes something that is not an image.
    NotAnImage {
        /// The kind of the artifact.
        what: ArtifactKind,
        /// The media type that identifies it.
        media_type: String,
    },
    /// The index contains an index, and that one another, deeper than is followed: could not tell.
    IndexInIndex {
        /// The platform of the inner index.
        platform: String,
    },
    /// The image has more than is read here: could not tell.
    TooMuch {
        /// The media type of what has so much.
        media_type: String,
    },
    /// The manifest is in the schema 1 format, which only older container runtimes read.
    #[serde(rename = "manifest-schema1")]
    #[strum(serialize = "manifest-schema1")]
    ManifestSchema1 {
        /// The media type of the manifest.
        media_type: String,
        /// Whether the digest was verified.
        verified: DigestProof,
    },
    /// The same, where it is not known whether the containerd that pulls is that old: could not tell.
    #[serde(rename = "manifest-schema1-undecided")]
    #[strum(serialize = "manifest-schema1-undecided")]
    ManifestSchema1Undecided {
        /// The media type of the manifest.
        media_type: String,
        /// Whether the digest was verified.
        verified: DigestProof,
    },
    /// The manifest is in the schema 1 format, which the containerd that pulls refuses.
    #[serde(rename = "manifest-schema1-refused")]
    #[strum(serialize = "manifest-schema1-refused")]
    ManifestSchema1Refused {
        /// The version of containerd.
        version: String,
    },
    /// The manifest is in the schema 1 format, but lacks the signature or the media type that older
    /// container runtimes require.
    #[serde(rename = "manifest-schema1-unsigned")]
    #[strum(serialize = "manifest-schema1-unsigned")]
    ManifestSchema1Unsigned {
        /// The media type of the manifest.
        media_type: String,
    },
    /// The registry's responses to HEAD and to GET differ.
    HeadDiffers {
        /// The method and path of the HEAD request.
        request: String,
        /// The field that differs.
        what: HeadField,
        /// The field's value in the response to HEAD.
        head: String,
        /// The field's value in the response to GET.
        get: String,
    },
    /// The response with the manifest could not be read to its end.
    Unreadable {
        /// The method and path of the request.
        request: String,
        /// How the transfer failed.
        fault: Fault,
    },
}

/// How to build an image for several platforms.
#[derive(Clone, Debug, Serialize)]
pub struct Build {
    /// The platforms as the argument of a single build.
    #[serde(skip_serializing_if = "Option::is_none")]
    together: Option<String>,
    /// The platforms, if one of them is Windows. Windows images are built on Windows, each in its
    /// own build.
    #[serde(skip_serializing_if = "Option::is_none")]
    separately: Option<Vec<String>>,
}

impl Build {
    /// Returns how to build for these platforms, without duplicates.
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
