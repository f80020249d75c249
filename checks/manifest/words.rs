//! The words of evidence of the area `manifest`.

use serde::Serialize;
use strum::{Display, VariantNames};

/// What something is that is no image: a word of evidence.
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
    /// Something else.
    Artifact,
}

/// What is wrong with a manifest: a word of evidence.
#[derive(Clone, Copy, Debug, Display, PartialEq, Eq, Serialize, VariantNames)]
#[serde(rename_all = "kebab-case")]
#[strum(serialize_all = "kebab-case")]
pub enum Flaw {
    /// The registry gives it another media type.
    WrongType,
    /// It has neither manifests nor layers.
    NoLayers,
    /// A blob in it has no size.
    NoSize,
    /// Its size is not the size in the index.
    SizeMismatch,
    /// Its config describes another number of layers.
    LayersDiffer,
    /// Its signature does not say what it signs.
    BadSignature,
    /// It has another number of layers than of history entries.
    HistoryDiffers,
}

/// Whether a digest proves a manifest of Docker's format of 2015: a word of evidence.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, VariantNames)]
#[serde(rename_all = "kebab-case")]
#[strum(serialize_all = "kebab-case")]
pub enum DigestProof {
    /// It is the digest that was asked for.
    DigestVerified,
    /// containerd does not verify it, and neither can we.
    DigestNotVerified,
}

/// A field in which the answers to HEAD and to GET differ: a word of evidence.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, VariantNames)]
#[serde(rename_all = "kebab-case")]
#[strum(serialize_all = "kebab-case")]
pub enum HeadField {
    /// The digest.
    Digest,
    /// The size.
    Size,
    /// The media type.
    Type,
}

/// What stands for the platform of an image that no index chose: a word of evidence.
#[derive(Clone, Copy, Debug, Display, PartialEq, Eq, Serialize, VariantNames)]
#[serde(rename_all = "kebab-case")]
#[strum(serialize_all = "kebab-case")]
pub enum Lone {
    /// The tag names the manifest of one image, whatever it is for.
    LoneManifest,
}
