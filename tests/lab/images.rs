//! The images: real manifests, configs and layers, with the same digests on every run.

use std::collections::HashMap;
use std::fmt::Write;
use std::sync::OnceLock;

use hyper::body::Bytes;
use serde_json::{Value, json};
use sha2::{Digest as _, Sha256};

use crate::archive::{gzip_runs, gzip_stored, tar};
use crate::settings::Kind;

const INDEX: &str = "application/vnd.oci.image.index.v1+json";
const MANIFEST: &str = "application/vnd.oci.image.manifest.v1+json";
const CONFIG: &str = "application/vnd.oci.image.config.v1+json";
const LAYER: &str = "application/vnd.oci.image.layer.v1.tar+gzip";
const STATEMENT: &str = "application/vnd.in-toto+json";
const DOCKER_MANIFEST: &str = "application/vnd.docker.distribution.manifest.v2+json";
const DOCKER_CONFIG: &str = "application/vnd.docker.container.image.v1+json";
const DOCKER_LAYER: &str = "application/vnd.docker.image.rootfs.diff.tar.gzip";

const HELM_CONFIG: &str = "application/vnd.cncf.helm.config.v1+json";
const HELM_CHART: &str = "application/vnd.cncf.helm.chart.content.v1.tar+gzip";
const SCHEMA1: &str = "application/vnd.docker.distribution.manifest.v1+json";

/// The size that a manifest claims for a config that is a few hundred bytes long.
const LONG_CONFIG: usize = 64 << 20;

/// The size of the file in the large layer.
const LARGE: usize = 3 << 20;

/// Something with a digest.
#[derive(Debug, Clone)]
pub(crate) struct Blob {
    pub(crate) media_type: &'static str,
    pub(crate) bytes: Bytes,
}

impl Blob {
    /// Whether it is a layer, not a config.
    pub(crate) fn is_layer(&self) -> bool {
        [LAYER, DOCKER_LAYER].contains(&self.media_type)
    }

    /// Whether a client that accepts this is shown it. The open-source registry that ACR descends from says that an
    /// OCI manifest is unknown to whoever does not ask for one.
    pub(crate) fn suits(&self, accept: &str) -> bool {
        self.media_type == DOCKER_MANIFEST
            || [self.media_type, "*/*", "application/*"].iter().any(|kind| accept.contains(kind))
    }

    /// What it is called in such a refusal.
    pub(crate) fn noun(&self) -> &'static str {
        if self.media_type == INDEX { "index" } else { "manifest" }
    }
}

/// Everything that can be pulled, by digest, and what the kinds of tag stand for.
#[derive(Debug, Default)]
pub(crate) struct Images {
    pub(crate) manifests: HashMap<String, Blob>,
    pub(crate) blobs: HashMap<String, Blob>,
    index: String,
    single: String,
    arm: String,
    childless: String,
    long_config: String,
    chart: String,
    schema1: String,
}

impl Images {
    /// The digest that a tag of this kind points to.
    pub(crate) fn digest(&self, kind: Kind) -> Option<&str> {
        match kind {
            Kind::Index => Some(&self.index),
            Kind::Single => Some(&self.single),
            Kind::Arm => Some(&self.arm),
            Kind::Childless => Some(&self.childless),
            Kind::LongConfig => Some(&self.long_config),
            Kind::Chart => Some(&self.chart),
            Kind::Schema1 => Some(&self.schema1),
            Kind::Absent => None,
        }
    }

    fn blob(&mut self, media_type: &'static str, bytes: Vec<u8>) -> Value {
        let digest = digest(&bytes);
        let said = json!({ "mediaType": media_type, "digest": digest, "size": bytes.len() });
        self.blobs.insert(digest, Blob { media_type, bytes: bytes.into() });
        said
    }

    fn manifest(&mut self, media_type: &'static str, content: &Value) -> Value {
        let bytes = content.to_string().into_bytes();
        let digest = digest(&bytes);
        let said = json!({ "mediaType": media_type, "digest": digest, "size": bytes.len() });
        self.manifests.insert(digest, Blob { media_type, bytes: bytes.into() });
        said
    }
}

/// The images, made once in a process.
pub(crate) fn images() -> &'static Images {
    static IMAGES: OnceLock<Images> = OnceLock::new();
    IMAGES.get_or_init(build)
}

/// `sha256:` and the digest in hexadecimal.
pub(crate) fn digest(bytes: &[u8]) -> String {
    Sha256::digest(bytes).iter().fold("sha256:".to_owned(), |mut text, byte| {
        let _ = write!(text, "{byte:02x}");
        text
    })
}

fn build() -> Images {
    let mut images = Images::default();
    let small = tar(&[("etc/lab-release", b"a small layer of the lab\n".as_slice())]);
    let large = tar(&[("srv/noise.bin", noise(LARGE).as_slice())]);
    let diff_ids = [digest(&small), digest(&large)];
    let archives = [gzip_runs(&small), gzip_stored(&large)];

    let mut layers: Vec<_> = archives.iter().map(|gz| images.blob(LAYER, gz.clone())).collect();
    let mut platforms = Vec::new();
    for architecture in ["amd64", "arm64"] {
        let config = images.blob(CONFIG, config(architecture, &diff_ids));
        let manifest = json!({
            "schemaVersion": 2, "mediaType": MANIFEST, "config": config, "layers": layers,
        });
        let mut entry = images.manifest(MANIFEST, &manifest);
        entry["platform"] = json!({ "architecture": architecture, "os": "linux" });
        platforms.push(entry);
    }
    let attested = platforms[0]["digest"].clone();
    let attestation = attestation(&mut images, &attested);
    let index =
        |entries: &[Value]| json!({ "schemaVersion": 2, "mediaType": INDEX, "manifests": entries });
    let arm = images.manifest(INDEX, &index(&platforms[1..]));
    platforms.push(attestation);
    let all = images.manifest(INDEX, &index(&platforms));
    // What a clean-up leaves that deletes whatever has no tag of its own.
    for entry in &mut platforms {
        entry["digest"] = digest(format!("once {}", entry["digest"]).as_bytes()).into();
    }
    let childless = images.manifest(INDEX, &index(&platforms));

    // The same archives under the names that Docker gave them first.
    let config = images.blob(DOCKER_CONFIG, config("amd64", &diff_ids));
    for layer in &mut layers {
        layer["mediaType"] = DOCKER_LAYER.into();
    }
    let mut manifest = json!({
        "schemaVersion": 2, "mediaType": DOCKER_MANIFEST, "config": config, "layers": layers,
    });
    let single = images.manifest(DOCKER_MANIFEST, &manifest);
    manifest["config"]["size"] = LONG_CONFIG.into();
    let long_config = images.manifest(DOCKER_MANIFEST, &manifest);

    let (chart, schema1) = (chart(&mut images), schema1(&mut images));

    let text = |entry: &Value| entry["digest"].as_str().unwrap_or_default().to_owned();
    (images.index, images.single, images.arm) = (text(&all), text(&single), text(&arm));
    (images.childless, images.long_config) = (text(&childless), text(&long_config));
    (images.chart, images.schema1) = (text(&chart), text(&schema1));
    images
}

/// A Helm chart as `helm push` stores it: a config that describes the chart, and one archive.
fn chart(images: &mut Images) -> Value {
    let config = json!({ "name": "app", "version": "1.0.0", "apiVersion": "v2" });
    let config = images.blob(HELM_CONFIG, config.to_string().into_bytes());
    let archive = gzip_stored(&tar(&[("app/Chart.yaml", b"name: app\nversion: 1.0.0\n")]));
    let layer = images.blob(HELM_CHART, archive);
    let manifest = json!({
        "schemaVersion": 2, "mediaType": MANIFEST, "config": config, "layers": [layer],
    });
    images.manifest(MANIFEST, &manifest)
}

/// The format of 2015, unsigned: layers by digest only, the newest first.
fn schema1(images: &mut Images) -> Value {
    let empty = images.blob(DOCKER_LAYER, gzip_stored(&tar(&[])));
    let manifest = json!({
        "schemaVersion": 1, "name": "team/app", "tag": "old", "architecture": "amd64",
        "fsLayers": [{ "blobSum": empty["digest"] }],
        "history": [{ "v1Compatibility": "{\"architecture\":\"amd64\",\"os\":\"linux\"}" }],
    });
    images.manifest(SCHEMA1, &manifest)
}

fn config(architecture: &str, diff_ids: &[String]) -> Vec<u8> {
    json!({
        "created": "2025-01-01T00:00:00Z",
        "architecture": architecture,
        "os": "linux",
        "config": {
            "Env": ["PATH=/usr/local/bin:/usr/bin:/bin", "LAB=1"],
            "Entrypoint": ["/bin/true"],
        },
        "rootfs": { "type": "layers", "diff_ids": diff_ids },
        "history": [
            { "created": "2025-01-01T00:00:00Z", "created_by": "lab: small layer" },
            { "created": "2025-01-01T00:00:00Z", "created_by": "lab: large layer" },
        ],
    })
    .to_string()
    .into_bytes()
}

/// What `BuildKit` puts beside the platforms of an image: a manifest that is for no platform.
fn attestation(images: &mut Images, subject: &Value) -> Value {
    let statement = json!({
        "_type": "https://in-toto.io/Statement/v0.1",
        "predicateType": "https://slsa.dev/provenance/v0.2",
        "subject": [],
        "predicate": { "builder": { "id": "lab" } },
    });
    let statement = statement.to_string().into_bytes();
    let config = json!({
        "architecture": "unknown", "os": "unknown", "config": {},
        "rootfs": { "type": "layers", "diff_ids": [digest(&statement)] },
    });
    let config = images.blob(CONFIG, config.to_string().into_bytes());
    let layer = images.blob(STATEMENT, statement);
    let manifest = json!({
        "schemaVersion": 2, "mediaType": MANIFEST, "config": config, "layers": [layer],
    });
    let mut entry = images.manifest(MANIFEST, &manifest);
    entry["annotations"] = json!({
        "vnd.docker.reference.digest": subject,
        "vnd.docker.reference.type": "attestation-manifest",
    });
    entry["platform"] = json!({ "architecture": "unknown", "os": "unknown" });
    entry
}

/// Bytes that do not compress and are always the same (xorshift64*).
fn noise(length: usize) -> Vec<u8> {
    let mut state = 0x1ab_0000_0001_u64;
    let mut bytes = Vec::with_capacity(length + 8);
    while bytes.len() < length {
        state ^= state >> 12;
        state ^= state << 25;
        state ^= state >> 27;
        bytes.extend_from_slice(&state.wrapping_mul(0x2545_f491_4f6c_dd1d).to_le_bytes());
    }
    bytes.truncate(length);
    bytes
}
