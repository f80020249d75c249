//! A manifest, read once: an index, an image, or Docker's format of 2015.

use serde::{Deserialize, Serialize, Serializer, de::IgnoredAny};

use super::{
    blob::Blob,
    descriptor::Descriptor,
    kind::{self, Kind},
    problem::Problem,
    words::{ArtifactKind, Flaw},
};
use crate::kit::{StepResult, rules::Malformed};

/// What a registry has under a name.
#[derive(Serialize)]
pub struct Manifest {
    pub(super) digest: String,
    pub(super) media_type: String,
    /// In bytes.
    #[serde(skip)]
    pub(super) size: usize,
    #[serde(rename = "kind")]
    pub(super) document: Document,
}

/// What stands in it. One that is of the right kind and does not parse is refused when it is
/// needed: until then it is there.
pub(super) enum Document {
    /// A list of manifests, one for each platform.
    Index(Result<Index, String>),
    /// The manifest of one image.
    Image(Result<Box<Image>, String>),
    /// The blobs of Docker's format of 2015.
    Schema1(Vec<Blob>),
}

/// What an index names. As lenient as Go: what is not needed may be missing, or be anything.
#[derive(Deserialize)]
pub(super) struct Index {
    pub(super) manifests: Vec<Descriptor>,
}

/// What an image's manifest names.
#[derive(Deserialize)]
pub(super) struct Image {
    pub(super) config: Descriptor,
    pub(super) layers: Vec<Descriptor>,
}

impl Document {
    /// Returns its format.
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

/// Takes what was sent for a manifest, when it is one. Public, so that it can be fuzzed.
pub fn read(digest: String, content_type: String, bytes: &[u8]) -> StepResult<Manifest> {
    #[derive(Deserialize)]
    #[serde(rename_all = "camelCase")]
    struct Sniffed {
        media_type: Option<String>,
        manifests: Option<IgnoredAny>,
        layers: Option<IgnoredAny>,
    }
    let Ok(sniffed) = lenient::<Sniffed>(bytes) else {
        return Err(kind::broken(&content_type, Malformed::NotJson));
    };
    // A runtime goes by what the registry calls it, not by what it calls itself.
    let called = kind::bare(&content_type).to_owned();
    let media_type = sniffed.media_type.unwrap_or(content_type);
    let kind = match (sniffed.manifests, sniffed.layers) {
        (Some(_), _) => Kind::Index,
        (None, Some(_)) => Kind::Manifest,
        // What ORAS and others wrote before artifacts were images, too.
        (None, None) if called.contains("artifact.manifest") => {
            return Err(Problem::NotAnImage { what: ArtifactKind::Artifact, media_type }.into());
        }
        (None, None) => return Err(kind::broken(&media_type, Flaw::NoLayers)),
    };
    if kind::of(&called) != Some(kind) {
        return Err(kind::broken(&called, Flaw::WrongType));
    }
    let said = |error: serde_json::Error| error.to_string();
    let document = match kind {
        Kind::Index => Document::Index(lenient::<Index>(bytes).map_err(said)),
        _ => Document::Image(lenient::<Image>(bytes).map(Box::new).map_err(said)),
    };
    Ok(Manifest { digest, media_type, size: bytes.len(), document })
}

/// Reads JSON as Go does: of two values of the same name the last counts.
pub(super) fn lenient<T: for<'de> Deserialize<'de>>(bytes: &[u8]) -> Result<T, serde_json::Error> {
    serde_json::from_value(serde_json::from_slice(bytes)?)
}
