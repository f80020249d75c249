//! What it is that a registry has under a name: an image, an index of them, or something else.

use serde::{Deserialize, de::IgnoredAny};

use super::{Manifest, Problem};
use crate::kit::{NoFact, StepResult};

/// Takes what was sent for a manifest, when it is one. Public, so that it can be fuzzed.
pub fn read(digest: String, content_type: String, bytes: Vec<u8>) -> StepResult<Manifest> {
    #[derive(Deserialize)]
    #[serde(rename_all = "camelCase")]
    struct Sniffed {
        media_type: Option<String>,
        manifests: Option<IgnoredAny>,
        layers: Option<IgnoredAny>,
    }
    let Ok(sniffed) = lenient::<Sniffed>(&bytes) else {
        return Err(broken(&content_type, "not-json"));
    };
    // A runtime goes by what the registry calls it, not by what it calls itself.
    let called = bare(&content_type).to_owned();
    let media_type = sniffed.media_type.unwrap_or(content_type);
    let kind = match (sniffed.manifests, sniffed.layers) {
        (Some(_), _) => "index",
        (None, Some(_)) => "manifest",
        // What ORAS and others wrote before artifacts were images, too.
        (None, None) if called.contains("artifact.manifest") => {
            return Err(Problem::NotAnImage { what: "artifact", media_type }.into());
        }
        (None, None) => return Err(broken(&media_type, "no-layers")),
    };
    if of(&called) != Some(kind) {
        return Err(broken(&called, "wrong-type"));
    }
    Ok(Manifest { digest, media_type, bytes, kind })
}

/// Says that it is no manifest, and why.
pub(super) fn broken(media_type: &str, said: &str) -> NoFact {
    let (media_type, said) = (media_type.to_owned(), said.to_owned());
    Problem::NotAManifest { media_type, said }.into()
}

/// A media type without its parameters.
pub(super) fn bare(content_type: &str) -> &str {
    content_type.split(';').next().unwrap_or_default().trim()
}

/// Reads JSON as Go does: of two values of the same name the last counts.
pub(super) fn lenient<T: for<'de> Deserialize<'de>>(bytes: &[u8]) -> Result<T, serde_json::Error> {
    serde_json::from_value(serde_json::from_slice(bytes)?)
}

/// What a media type says that something is.
pub(super) fn of(media_type: &str) -> Option<&'static str> {
    match media_type {
        "application/vnd.oci.image.index.v1+json"
        | "application/vnd.docker.distribution.manifest.list.v2+json" => Some("index"),
        "application/vnd.oci.image.manifest.v1+json"
        | "application/vnd.docker.distribution.manifest.v2+json" => Some("manifest"),
        _ => None,
    }
}

/// Whether a runtime has a way to unpack such a layer.
pub(super) fn is_layer(media_type: &str) -> bool {
    let known = ["application/vnd.oci.image.layer.", "application/vnd.docker.image.rootfs."];
    known.iter().any(|prefix| media_type.starts_with(prefix))
}

/// What something is that has such types in it and is no image, as a word.
pub(super) fn what_is(config_type: &str, layer_type: &str) -> &'static str {
    let signs = [
        ("cncf.helm", "helm-chart"),
        ("simplesigning", "signature"),
        ("cncf.notary", "signature"),
        ("sigstore.bundle", "signature"),
        ("in-toto", "attestation"),
        ("spdx", "sbom"),
        ("cyclonedx", "sbom"),
    ];
    let has = |sign: &str| layer_type.contains(sign) || config_type.contains(sign);
    signs.iter().find(|(sign, _)| has(sign)).map_or("artifact", |(_, what)| what)
}
