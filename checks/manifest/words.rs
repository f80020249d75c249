//! The words of evidence of the area `manifest`.

use serde::Serialize;
use strum::{Display, VariantNames};

/// The kind of an artifact that is not an image: a word of evidence.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, VariantNames)]
#[serde(rename_all = "kebab-case")]
#[strum(serialize_all = "kebab-case")]
pub enum ArtifactKind {
    /// A Helm chart.
    HelmChart,
    /// A signature of an image.
    Signature,
    /// An attestation about an image.
    Attestation,
    /// A software bill of materials.
    Sbom,
    /// Any other artifact.
    Artifact,
}

/// What is wrong with a manifest: a word of evidence.
#[derive(Clone, Copy, Debug, Display, PartialEq, Eq, Serialize, VariantNames)]
#[serde(rename_all = "kebab-case")]
#[strum(serialize_all = "kebab-case")]
pub enum Flaw {
    /// The media type from the registry or the index does not match the content.
    WrongType,
    /// The manifest has neither manifests nor layers.
    NoLayers,
    /// A blob in the manifest has no size.
    NoSize,
    /// The digest of a blob is not a SHA-256 digest.
    DigestNotSha256,
    /// A part of the manifest names another platform.
    ForAnotherPlatform,
    /// The index names no platform for its manifest, but one for another manifest.
    PlatformUnnamed,
    /// The manifest's size is not the size in the index.
    SizeMismatch,
    /// The manifest's config describes another number of layers.
    LayersDiffer,
    /// The manifest's signature does not define what it signs.
    BadSignature,
    /// The manifest has another number of layers than of history entries.
    HistoryDiffers,
    /// The manifest names the same blob twice, with two sizes or as config and as layer.
    NamedInTwoWays,
}

/// Whether the digest of a schema 1 manifest was verified: a word of evidence.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, VariantNames)]
#[serde(rename_all = "kebab-case")]
#[strum(serialize_all = "kebab-case")]
pub enum DigestProof {
    /// The manifest has the digest that the reference or the registry names.
    DigestVerified,
    /// The digest could not be verified here. containerd does not verify it either.
    DigestNotVerified,
}

/// A field in which the responses to HEAD and to GET differ: a word of evidence.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, VariantNames)]
#[serde(rename_all = "kebab-case")]
#[strum(serialize_all = "kebab-case")]
pub enum HeadField {
    /// The digest of the manifest.
    Digest,
    /// The size of the manifest.
    Size,
    /// The media type of the manifest.
    Type,
    /// Whether there is one.
    Status,
}

/// The text in place of a media type when a response has none: a word of evidence.
#[derive(Clone, Copy, Debug, Display, PartialEq, Eq, Serialize, VariantNames)]
#[serde(rename_all = "kebab-case")]
#[strum(serialize_all = "kebab-case")]
pub enum NoType {
    /// The response has no content type.
    NoContentType,
}

/// The text in place of a platform when no index selected the image: a word of evidence.
#[derive(Clone, Copy, Debug, Display, PartialEq, Eq, Serialize, VariantNames)]
#[serde(rename_all = "kebab-case")]
#[strum(serialize_all = "kebab-case")]
pub enum Lone {
    /// The tag names the manifest of a single image, for any platform.
    LoneManifest,
}
