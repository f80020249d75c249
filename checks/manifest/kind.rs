//! Reads media types: whether a manifest is an index, an image or something else.

use std::fmt::Display;

use serde::Serialize;
use serde_json::Value;
use strum::VariantNames;

use super::{problem::Problem, words::ArtifactKind};
use crate::kit::{
    NoFact, StepResult,
    rules::{Malformed, go_json::DecodeError},
};

/// The format of a manifest.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, VariantNames)]
#[serde(rename_all = "kebab-case")]
#[strum(serialize_all = "kebab-case")]
pub(crate) enum Kind {
    /// An index: a list of manifests, one for each platform.
    Index,
    /// The manifest of one image.
    Manifest,
    /// Docker's schema 1 format of 2015.
    Schema1,
}

impl Kind {
    /// Returns a media type that stands for the format.
    pub(super) fn media_type(self) -> &'static str {
        match self {
            Kind::Index => "application/vnd.oci.image.index.v1+json",
            Kind::Manifest => "application/vnd.oci.image.manifest.v1+json",
            Kind::Schema1 => "application/vnd.docker.distribution.manifest.v1+prettyjws",
        }
    }
}

/// Returns that the content is not a manifest, and why.
pub(super) fn broken(media_type: &str, said: impl Display) -> NoFact {
    let (media_type, said) = (media_type.to_owned(), said.to_string());
    Problem::NotAManifest { media_type, said }.into()
}

/// Returns that there is more than is read here.
pub(super) fn too_much(media_type: &str) -> NoFact {
    NoFact::could_not_tell(Problem::TooMuch { media_type: media_type.to_owned() })
}

/// Returns a document as Go decoded it, or why it is none.
pub(super) fn decoded(media_type: &str, read: Result<Value, DecodeError>) -> StepResult<Value> {
    read.map_err(|error| match error {
        DecodeError::TooMuch => too_much(media_type),
        DecodeError::NotJson => broken(media_type, Malformed::NotJson),
        mismatch @ DecodeError::Mismatch { .. } => broken(media_type, mismatch),
    })
}

/// Returns a media type without its parameters. A space before them stays, and containerd then does
/// not know the type (core/remotes/docker/resolver.go, `getManifestMediaType`).
pub(super) fn bare(content_type: &str) -> &str {
    content_type.split(';').next().unwrap_or_default()
}

/// Returns the manifest format that a media type stands for.
pub(super) fn of(media_type: &str) -> Option<Kind> {
    match media_type {
        "application/vnd.oci.image.index.v1+json"
        | "application/vnd.docker.distribution.manifest.list.v2+json" => Some(Kind::Index),
        "application/vnd.oci.image.manifest.v1+json"
        | "application/vnd.docker.distribution.manifest.v2+json" => Some(Kind::Manifest),
        _ => None,
    }
}

/// Returns whether a container runtime unpacks the layers of a config of this media type
/// (core/images/mediatypes.go, `IsConfigType`).
pub(super) fn is_config(media_type: &str) -> bool {
    matches!(
        media_type,
        "application/vnd.oci.image.config.v1+json"
            | "application/vnd.docker.container.image.v1+json"
    )
}

/// Returns whether a container runtime takes a blob of this media type for a layer
/// (core/images/mediatypes.go, `IsLayerType`). It fetches others without unpacking them.
pub(super) fn is_layer(media_type: &str) -> bool {
    media_type.starts_with("application/vnd.oci.image.layer.") || is_docker_layer(base(media_type))
}

/// Returns whether a container runtime can unpack a layer of this media type (`DiffCompression`). What
/// follows the first `+` only says how it is compressed.
pub(super) fn is_unpackable(media_type: &str) -> bool {
    let base = base(media_type);
    // containerd hands what is encrypted to a program, which no node has by default.
    if media_type.ends_with("+encrypted") {
        return false;
    }
    is_docker_layer(base)
        || matches!(
            base,
            "application/vnd.oci.image.layer.v1.tar"
                | "application/vnd.oci.image.layer.nondistributable.v1.tar"
        )
}

fn base(media_type: &str) -> &str {
    media_type.split('+').next().unwrap_or_default()
}

fn is_docker_layer(base: &str) -> bool {
    matches!(
        base,
        "application/vnd.docker.image.rootfs.diff.tar"
            | "application/vnd.docker.image.rootfs.diff.tar.gzip"
            | "application/vnd.docker.image.rootfs.diff.tar.zstd"
            | "application/vnd.docker.image.rootfs.foreign.diff.tar"
            | "application/vnd.docker.image.rootfs.foreign.diff.tar.gzip"
    )
}

/// Returns the kind of an artifact that is not an image, by the media types of its config and its
/// layer.
pub(super) fn what_is(config_type: &str, layer_type: &str) -> ArtifactKind {
    let signs = [
        ("cncf.helm", ArtifactKind::HelmChart),
        ("simplesigning", ArtifactKind::Signature),
        ("cncf.notary", ArtifactKind::Signature),
        ("sigstore.bundle", ArtifactKind::Signature),
        ("in-toto", ArtifactKind::Attestation),
        ("spdx", ArtifactKind::Sbom),
        ("cyclonedx", ArtifactKind::Sbom),
    ];
    let has = |sign: &str| layer_type.contains(sign) || config_type.contains(sign);
    signs.iter().find(|(sign, _)| has(sign)).map_or(ArtifactKind::Artifact, |(_, what)| *what)
}
