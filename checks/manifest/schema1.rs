//! Parses Docker's schema 1 format of 2015. Its layers are listed by digest only, the newest first;
//! it has no config, and its signature is part of the text.
//!
//! containerd 1.x still converts it if it is signed and has the right media type; 2.x refuses it.
//! The registry's digest is that of the text before it was signed, and containerd does not verify
//! it.

use std::collections::HashSet;

use base64::{Engine, prelude::BASE64_URL_SAFE_NO_PAD};
use serde::Deserialize;

use super::{
    blob::Blob,
    document::{Document, Manifest},
    kind,
    problem::Problem,
    shapes,
    words::{DigestProof, Flaw},
};
use crate::kit::{
    Cx, StepResult,
    rules::{digest, go_json, since},
};

/// The media type that the registry must send for a signed manifest.
const SIGNED: &str = "application/vnd.docker.distribution.manifest.v1+prettyjws";

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Schema1 {
    fs_layers: Vec<Layer>,
    #[serde(default)]
    history: Vec<History>,
    #[serde(default)]
    signatures: Vec<Signature>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Layer {
    blob_sum: String,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct History {
    #[serde(default)]
    v1_compatibility: String,
}

#[derive(Deserialize)]
struct Signature {
    protected: String,
}

/// Parses a response as a schema 1 manifest; `None` when it is in another format.
pub(super) fn read(
    cx: &Cx,
    content_type: &str,
    bytes: &[u8],
    wanted: Option<&str>,
) -> StepResult<Option<Manifest>> {
    let Ok(decoded) = go_json::decode(bytes, &shapes::SCHEMA1) else { return Ok(None) };
    let Ok(old) = serde_json::from_value::<Schema1>(decoded) else { return Ok(None) };
    let media_type = kind::bare(content_type).to_owned();
    // containerd accepts plain text for this format, because some registry once sent that type.
    let called_so = [SIGNED, "text/plain"].contains(&media_type.as_str());
    if old.signatures.is_empty() || !called_so {
        return Err(Problem::ManifestSchema1Unsigned { media_type }.into());
    }
    let Some(payload) = payload(bytes, &old.signatures[0]) else {
        return Err(kind::broken(&media_type, Flaw::BadSignature));
    };
    if old.history.is_empty() || old.history.len() != old.fs_layers.len() {
        return Err(kind::broken(&media_type, Flaw::HistoryDiffers));
    }
    let (containerd, on_node) = (cx.containerd(), cx.world.on_node);
    let refuses = containerd.is_at_least(since::REFUSES_SCHEMA1);
    // On a node a later step compares it with the running containerd and its environment.
    if let Some(version) = containerd.version.filter(|_| refuses == Some(true) && !on_node) {
        return Err(Problem::ManifestSchema1Refused { version: version.to_string() }.into());
    }
    let got = digest(wanted.unwrap_or("sha256:"), &payload);
    let proven = wanted.is_some_and(|wanted| wanted == got);
    let verified =
        if proven { DigestProof::DigestVerified } else { DigestProof::DigestNotVerified };
    let kind = media_type.clone();
    cx.add_finding(if refuses.is_none() && !on_node {
        Problem::ManifestSchema1Undecided { media_type: kind, verified }
    } else {
        Problem::ManifestSchema1 { media_type: kind, verified }
    });
    let digest = wanted.map_or(got, str::to_owned);
    let document = Document::Schema1(blobs(old));
    let size = bytes.len();
    Ok(Some(Manifest { digest, media_type, size, is_by_digest: false, document }))
}

/// Returns the text before it was signed: the first bytes of this text, in the number that the
/// signature states, and the original ending from the signature.
fn payload(bytes: &[u8], signature: &Signature) -> Option<Vec<u8>> {
    #[derive(Deserialize)]
    #[serde(rename_all = "camelCase")]
    struct Protected {
        format_length: usize,
        format_tail: String,
    }
    let decode = |text: &str| BASE64_URL_SAFE_NO_PAD.decode(text.trim_end_matches('=')).ok();
    let protected: Protected = serde_json::from_slice(&decode(&signature.protected)?).ok()?;
    let mut payload = bytes.get(..protected.format_length)?.to_vec();
    payload.extend(decode(&protected.format_tail)?);
    Some(payload)
}

/// Returns the blobs of the layers, without duplicates. A container runtime does not fetch layers
/// that are known to be empty, unless there are no others.
fn blobs(old: Schema1) -> Vec<Blob> {
    let (mut blobs, mut seen): (Vec<(bool, Blob)>, _) = (vec![], HashSet::new());
    for (layer, history) in old.fs_layers.into_iter().zip(&old.history) {
        if seen.insert(layer.blob_sum.clone()) {
            blobs.push((
                is_empty(history),
                Blob {
                    digest: layer.blob_sum,
                    size: None,
                    media_type: String::new(),
                    layer: None,
                    urls: vec![],
                    data: None,
                },
            ));
        }
    }
    let only_empty = blobs.iter().all(|(empty, _)| *empty);
    blobs.into_iter().filter(|(empty, _)| only_empty || !empty).map(|(_, blob)| blob).collect()
}

fn is_empty(history: &History) -> bool {
    #[derive(Default, Deserialize)]
    struct Compatible {
        throwaway: Option<bool>,
        #[serde(rename = "Size")]
        size: Option<u64>,
    }
    let said: Compatible = serde_json::from_str(&history.v1_compatibility).unwrap_or_default();
    said.throwaway.unwrap_or(said.size == Some(0))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_text_before_it_was_signed() {
        let protected = |json: &str| Signature { protected: BASE64_URL_SAFE_NO_PAD.encode(json) };
        let signed = br#"{"a":1,"signatures":[]}"#;
        let good = protected(r#"{"formatLength":6,"formatTail":"fQ"}"#);
        assert_eq!(payload(signed, &good).unwrap(), br#"{"a":1}"#);
        let long = protected(r#"{"formatLength":99,"formatTail":"fQ"}"#);
        assert_eq!(payload(signed, &long), None);
        assert_eq!(payload(signed, &Signature { protected: "no base64!".into() }), None);
    }

    #[test]
    fn what_is_known_to_be_empty() {
        let is = |text: &str| is_empty(&History { v1_compatibility: text.into() });
        assert!(is(r#"{"throwaway":true,"Size":5}"#) && is(r#"{"Size":0}"#));
        assert!(!is(r#"{"throwaway":false}"#) && !is("{}") && !is("not json"));
    }
}
