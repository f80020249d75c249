//! Images made by hand: an OCI layout with one image for every case, no two of which share a byte.
//!
//! This matters because containerd stores content by digest and does not download a layer that it
//! already has.

use std::path::{Path, PathBuf};

use serde_json::{Value, json};
use sha2::{Digest, Sha256};

use crate::Fallible;

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Shape {
    /// An index for amd64 and arm64.
    Index,
    /// One manifest, for this machine.
    Single,
    /// An index for every platform but this machine's.
    Foreign,
    /// An index that contains only attestations of an image that is not in it.
    Attestation,
    /// A Helm chart: an ordinary manifest whose config is not that of an image.
    Chart,
    /// One manifest, pushed as Docker schema 1 with its signature.
    Schema1,
    /// One manifest, pushed as Docker schema 2, its layer compressed with gzip.
    Docker,
    /// One manifest, its layer compressed with zstd.
    Zstd,
    /// One manifest without any layer.
    Empty,
    /// Never pushed.
    Nothing,
}

/// The digests of an image: of what its tag points to, of the manifest for this machine, and of the
/// layer that this machine would download.
#[derive(Clone, Default, Debug)]
pub struct Made {
    pub top: String,
    pub child: String,
    pub layer: String,
}

pub struct Layout {
    folder: PathBuf,
    entries: Vec<Value>,
}

const LAYER_BYTES: usize = 96 * 1024;

pub fn here() -> &'static str {
    if cfg!(target_arch = "aarch64") { "arm64" } else { "amd64" }
}

fn elsewhere() -> &'static str {
    if cfg!(target_arch = "aarch64") { "amd64" } else { "arm64" }
}

impl Layout {
    pub fn new(folder: PathBuf) -> Fallible<Layout> {
        std::fs::create_dir_all(folder.join("blobs/sha256"))?;
        std::fs::write(folder.join("oci-layout"), r#"{"imageLayoutVersion":"1.0.0"}"#)?;
        Ok(Layout { folder, entries: Vec::new() })
    }

    pub fn add(&mut self, name: &str, shape: Shape) -> Fallible<Made> {
        let mut made = Made::default();
        let mut top = match shape {
            Shape::Nothing => return Ok(made),
            Shape::Single | Shape::Schema1 | Shape::Docker | Shape::Zstd => {
                let (ours, layer) = self.manifest(name, here())?;
                made.layer = layer;
                ours
            }
            Shape::Empty => {
                let config = self.config(name, here(), &[])?;
                self.manifest_of(&config, &[])?
            }
            Shape::Chart => self.chart(name)?,
            Shape::Foreign => self.index(vec![self.manifest(name, elsewhere())?.0])?,
            Shape::Attestation => {
                let (mut about, _) = self.manifest(name, "unknown")?;
                about["platform"]["os"] = json!("unknown");
                about["annotations"] =
                    json!({ "vnd.docker.reference.type": "attestation-manifest" });
                self.index(vec![about])?
            }
            Shape::Index => {
                let (ours, layer) = self.manifest(name, here())?;
                (made.child, made.layer) = (digest_of(&ours), layer);
                self.index(vec![self.manifest(name, elsewhere())?.0, ours])?
            }
        };
        made.top = digest_of(&top);
        top["annotations"] = json!({ "org.opencontainers.image.ref.name": name });
        self.entries.push(top);
        Ok(made)
    }

    /// Writes the OCI layout's index and returns its path.
    pub fn close(self) -> Fallible<PathBuf> {
        let index = json!({ "schemaVersion": 2, "manifests": self.entries });
        std::fs::write(self.folder.join("index.json"), index.to_string())?;
        Ok(self.folder)
    }

    fn manifest(&self, name: &str, architecture: &str) -> Fallible<(Value, String)> {
        let layer = self.blob(
            "application/vnd.oci.image.layer.v1.tar",
            &tar(&format!("{name} {architecture}")),
        )?;
        let config = self.config(name, architecture, &[&layer])?;
        let mut entry = self.manifest_of(&config, &[&layer])?;
        entry["platform"] = json!({ "os": "linux", "architecture": architecture });
        Ok((entry, digest_of(&layer)))
    }

    fn config(&self, name: &str, architecture: &str, layers: &[&Value]) -> Fallible<Value> {
        let history: Vec<_> =
            layers.iter().map(|_| json!({ "created_by": "ADD hello /" })).collect();
        let diffs: Vec<_> = layers.iter().map(|layer| &layer["digest"]).collect();
        let config = json!({
            "architecture": architecture, "os": "linux", "created": "2024-01-01T00:00:00Z",
            "config": { "Cmd": ["/hello"], "Labels": { "case": name } }, "history": history,
            "rootfs": { "type": "layers", "diff_ids": diffs },
        });
        self.blob("application/vnd.oci.image.config.v1+json", config.to_string().as_bytes())
    }

    fn chart(&self, name: &str) -> Fallible<Value> {
        let about = json!({ "apiVersion": "v2", "name": name, "version": "0.1.0" });
        let config =
            self.blob("application/vnd.cncf.helm.config.v1+json", about.to_string().as_bytes())?;
        let media = "application/vnd.cncf.helm.chart.content.v1.tar+gzip";
        self.manifest_of(&config, &[&self.blob(media, &tar(name))?])
    }

    fn manifest_of(&self, config: &Value, layers: &[&Value]) -> Fallible<Value> {
        let media = "application/vnd.oci.image.manifest.v1+json";
        let manifest =
            json!({ "schemaVersion": 2, "mediaType": media, "config": config, "layers": layers });
        self.blob(media, manifest.to_string().as_bytes())
    }

    fn index(&self, manifests: Vec<Value>) -> Fallible<Value> {
        let media = "application/vnd.oci.image.index.v1+json";
        let index = json!({ "schemaVersion": 2, "mediaType": media, "manifests": manifests });
        self.blob(media, index.to_string().as_bytes())
    }

    fn blob(&self, media: &str, bytes: &[u8]) -> Fallible<Value> {
        let hex = hex(bytes);
        std::fs::write(self.folder.join("blobs/sha256").join(&hex), bytes)?;
        Ok(json!({ "mediaType": media, "digest": format!("sha256:{hex}"), "size": bytes.len() }))
    }
}

fn digest_of(entry: &Value) -> String {
    entry["digest"].as_str().unwrap_or_default().to_owned()
}

/// Returns the path at which docker-registry stores the bytes of a digest, below its root.
pub fn stored_at(root: &Path, digest: &str) -> PathBuf {
    let hex = digest.trim_start_matches("sha256:");
    root.join("docker/registry/v2/blobs/sha256").join(&hex[..2]).join(hex).join("data")
}

fn hex(bytes: &[u8]) -> String {
    Sha256::digest(bytes).iter().map(|b| format!("{b:02x}")).collect()
}

/// Returns a tar archive with one file, whose content is unique.
fn tar(seed: &str) -> Vec<u8> {
    let mut content = format!("{seed}\n").into_bytes();
    let mut block = Sha256::digest(seed.as_bytes());
    while content.len() < LAYER_BYTES {
        content.extend_from_slice(&block);
        block = Sha256::digest(block);
    }
    content.truncate(LAYER_BYTES);

    let mut head = [0u8; 512];
    let mut put =
        |at: usize, text: &str| head[at..at + text.len()].copy_from_slice(text.as_bytes());
    put(0, "hello");
    put(100, "0000755\0");
    put(108, "0000000\0");
    put(116, "0000000\0");
    put(124, &format!("{:011o}\0", content.len()));
    put(136, "00000000000\0");
    put(148, "        ");
    put(156, "0");
    put(257, "ustar\x0000");
    let sum: u32 = head.iter().map(|b| u32::from(*b)).sum();
    head[148..156].copy_from_slice(format!("{sum:06o}\0 ").as_bytes());

    let mut tar = head.to_vec();
    tar.extend(content);
    tar.resize(tar.len().next_multiple_of(512) + 1024, 0);
    tar
}
