//! Parses a manifest once: an index, an image, or Docker's schema 1 format of 2015.

use serde::{Deserialize, Serialize, Serializer};

use super::{
    blob::Blob,
    descriptor::Descriptor,
    kind::{self, Kind},
    problem::Problem,
    shapes,
    words::{ArtifactKind, Flaw},
};
use crate::kit::{
    StepResult,
    rules::go_json::{self, DecodeError, Shape},
};

/// A manifest that a registry has under a tag or a digest.
#[derive(Serialize)]
pub struct Manifest {
    pub(super) digest: String,
    pub(super) media_type: String,
    /// The size in bytes.
    #[serde(skip)]
    pub(super) size: usize,
    /// Whether the registry served it by its digest.
    #[serde(skip)]
    pub(super) is_by_digest: bool,
    #[serde(rename = "kind")]
    pub(super) document: Document,
}

/// The content of a manifest. If it has the right kind but does not parse, the error is reported
/// only when the content is needed.
pub(super) enum Document {
    /// An index: a list of manifests, one for each platform.
    Index(Result<Index, String>),
    /// The manifest of one image.
    Image(Result<Box<Image>, String>),
    /// The blobs of a schema 1 manifest (Docker's format of 2015).
    Schema1(Vec<Blob>),
}

/// The parts of an index that are needed.
#[derive(Deserialize)]
pub(super) struct Index {
    #[serde(default)]
    pub(super) manifests: Vec<Descriptor>,
}

/// The parts of an image's manifest that are needed.
#[derive(Deserialize)]
pub(super) struct Image {
    #[serde(default)]
    pub(super) config: Descriptor,
    #[serde(default)]
    pub(super) layers: Vec<Descriptor>,
}

impl Manifest {
    /// Returns the digest.
    pub(crate) fn digest(&self) -> &str {
        &self.digest
    }

    /// Returns the media type.
    pub(crate) fn media_type(&self) -> &str {
        &self.media_type
    }
}

impl Document {
    /// Returns the format of the manifest.
    pub(super) fn kind(&self) -> Kind {
        match self {
            Document::Index(_) => Kind::Index,
            Document::Image(_) => Kind::Manifest,
            Document::Schema1(_) => Kind::Schema1,
        }
    }
}

impl Serialize for Document {
    fn serialize<S: Serializer>(&self, to: S) -> Result<S::Ok, S::Error> {
        self.kind().serialize(to)
    }
}

/// Parses a response as a manifest, or returns why it is not one. Public so that it can be fuzzed.
pub fn read(digest: String, content_type: &str, bytes: &[u8]) -> StepResult<Manifest> {
    let found = kind::decoded(content_type, go_json::decode(bytes, &shapes::UNKNOWN))?;
    // To Go, a field that is null is there (`json.RawMessage`).
    let has = |name: &str| !found[name].is_null();
    // A container runtime goes by the media type from the registry, not by the one in the manifest,
    // and refuses a manifest that contradicts it (core/images/image.go, `validateMediaType`).
    let called = kind::bare(content_type).to_owned();
    let own_type = found["mediaType"].as_str().filter(|own| !own.is_empty());
    let own = own_type.and_then(kind::of);
    let media_type = own_type.unwrap_or(content_type).to_owned();
    let kind = match kind::of(&called) {
        Some(Kind::Manifest) if has("manifests") || own == Some(Kind::Index) => None,
        Some(Kind::Index) if has("config") || has("layers") || own == Some(Kind::Manifest) => None,
        kind => kind.filter(|_| !has("fsLayers")),
    };
    // ORAS and other tools wrote this format before artifacts were stored as images.
    if kind.is_none() && called.contains("artifact.manifest") {
        return Err(Problem::NotAnImage { what: ArtifactKind::Artifact, media_type }.into());
    }
    let Some(kind) = kind else { return Err(kind::broken(&called, Flaw::WrongType)) };
    let document = match kind {
        Kind::Index => Document::Index(as_go(&called, bytes, &shapes::INDEX)?),
        _ => Document::Image(as_go(&called, bytes, &shapes::MANIFEST)?.map(Box::new)),
    };
    Ok(Manifest { digest, media_type, size: bytes.len(), is_by_digest: false, document })
}

/// Returns a media type for a manifest, by what is in it.
pub(super) fn guess(bytes: &[u8]) -> Option<&'static str> {
    let found = go_json::decode(bytes, &shapes::UNKNOWN).ok()?;
    let is_image = !found["config"].is_null() || !found["layers"].is_null();
    match (is_image, !found["manifests"].is_null()) {
        (true, false) => Some(Kind::Manifest.media_type()),
        (false, true) => Some(Kind::Index.media_type()),
        _ => None,
    }
}

/// Reads the parts that are needed of what Go decodes. An error is what Go says.
fn as_go<T: for<'de> Deserialize<'de>>(
    media_type: &str,
    bytes: &[u8],
    shape: &Shape,
) -> StepResult<Result<T, String>> {
    let decoded = match go_json::decode(bytes, shape) {
        Err(DecodeError::TooMuch) => return Err(kind::too_much(media_type)),
        decoded => decoded.map_err(|error| error.to_string()),
    };
    Ok(decoded.and_then(|read| serde_json::from_value(read).map_err(|error| error.to_string())))
}
