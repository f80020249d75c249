//! Indexes: platforms, the entries beside the one that fits, and every field that Go decodes.

use serde_json::{Value, json};

use super::documents::{DESCRIPTOR, odd, respelled, set, whole};
use super::draft::{Draft, Shape};
use super::parts::{Doc, Edit};
use super::rng::Rng;

/// Entries beside the one of this platform.
fn entry(rng: &mut Rng, platform: Value) -> Value {
    let digest = super::parts::sha256(format!("{}", rng.below(1 << 20)).as_bytes());
    json!({
        "mediaType": "application/vnd.oci.image.manifest.v1+json", "digest": digest, "size": 500 + rng.below(500), "platform": platform,
    })
}

fn platform(rng: &mut Rng) -> Value {
    rng.pick(&[
        json!({ "os": "linux", "architecture": "arm64", "variant": "v8" }),
        json!({ "os": "linux", "architecture": "arm64" }),
        json!({ "os": "linux", "architecture": "arm", "variant": "v7" }),
        json!({ "os": "linux", "architecture": "386" }),
        json!({ "os": "linux", "architecture": "amd64", "variant": "v1" }),
        json!({ "os": "linux", "architecture": "amd64", "variant": "v2" }),
        json!({ "os": "linux", "architecture": "amd64", "variant": "v3" }),
        json!({ "os": "linux", "architecture": "amd64", "variant": "v4" }),
        json!({ "os": "linux", "architecture": "amd64", "variant": "v9" }),
        json!({ "os": "linux", "architecture": "x86_64" }),
        json!({ "os": "Linux", "architecture": "AMD64" }),
        json!({ "os": "linux", "architecture": "amd64", "os.version": "1" }),
        json!({ "os": "linux", "architecture": "amd64", "os.features": ["x"] }),
        json!({ "os": "windows", "architecture": "amd64", "os.version": "10.0.20348.1" }),
        json!({ "os": "darwin", "architecture": "amd64" }),
        json!({ "os": "unknown", "architecture": "unknown" }),
        json!({ "os": "", "architecture": "amd64" }),
        json!({ "os": "linux", "architecture": "" }),
        json!({ "architecture": "amd64" }),
        json!({}),
        Value::Null,
    ])
}

pub fn index(draft: &mut Draft, rng: &mut Rng) {
    if draft.shape == Shape::Single {
        draft.shape = Shape::Index;
    }
    for _ in 0..rng.below(3) {
        let named = platform(rng);
        let entry = entry(rng, named.clone());
        draft.tell(format!("the index has an entry for {named}"));
        if rng.chance(50) { draft.before.push(entry) } else { draft.behind.push(entry) }
    }
    let ours = draft.before.len();
    for _ in 0..1 + rng.below(2) {
        match rng.below(12) {
            0 => whole(draft, Doc::Index, rng),
            1 => {
                let (name, kind) = rng.pick(&[
                    ("schemaVersion", "int"),
                    ("mediaType", "text"),
                    ("artifactType", "text"),
                    ("subject", "any"),
                    ("annotations", "map"),
                    ("unknown", "any"),
                    ("manifests", "list"),
                    ("config", "any"),
                    ("layers", "any"),
                ]);
                let raw = odd(rng, kind);
                set(draft, Doc::Index, &format!("/{name}"), raw);
            }
            2 | 3 => {
                let raw = platform(rng).to_string();
                set(draft, Doc::Index, &format!("/manifests/{ours}/platform"), raw);
            }
            4 => {
                let (name, kind) = rng.pick(&[
                    ("os", "text"),
                    ("architecture", "text"),
                    ("variant", "text"),
                    ("os.version", "text"),
                    ("os.features", "list"),
                    ("unknown", "any"),
                ]);
                let raw = odd(rng, kind);
                set(draft, Doc::Index, &format!("/manifests/{ours}/platform/{name}"), raw);
            }
            5 | 6 => {
                let (name, kind) = rng.pick(DESCRIPTOR);
                let raw = odd(rng, kind);
                set(draft, Doc::Index, &format!("/manifests/{ours}/{name}"), raw);
            }
            7 => {
                let media_type = super::refusals::odd_type(rng);
                set(
                    draft,
                    Doc::Index,
                    &format!("/manifests/{ours}/mediaType"),
                    format!("\"{media_type}\""),
                );
            }
            8 => {
                let path = format!(
                    "/manifests/{ours}/{}",
                    rng.pick(&["platform", "size", "digest", "mediaType"])
                );
                draft.tell(format!("the index has no {path}"));
                draft.edit(Doc::Index, Edit::Remove { path });
            }
            9 => {
                let path = format!(
                    "/manifests/{ours}/{}",
                    rng.pick(&["platform", "size", "digest", "mediaType"])
                );
                respelled(draft, Doc::Index, &path, rng);
            }
            10 => {
                let size = rng.pick(&["0", "1", "5000000", "-5", "100000000000"]);
                set(draft, Doc::Index, &format!("/manifests/{ours}/size"), size.to_owned());
            }
            _ => {
                let path = format!("/manifests/{ours}/annotations");
                set(
                    draft,
                    Doc::Index,
                    &path,
                    "{\"vnd.docker.reference.type\":\"attestation-manifest\"}".to_owned(),
                );
            }
        }
    }
}
