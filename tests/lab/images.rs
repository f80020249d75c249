//! The images: real manifests, configs and layers, with the same digests on every run.

use std::collections::HashMap;
use std::fmt::Write;
use std::sync::OnceLock;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
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
const SIMPLE_SIGNING: &str = "application/vnd.dev.cosign.simplesigning.v1+json";
const SCHEMA1: &str = "application/vnd.docker.distribution.manifest.v1+json";
const SCHEMA1_SIGNED: &str = "application/vnd.docker.distribution.manifest.v1+prettyjws";

/// The size that a manifest claims for a config of a few hundred bytes.
const LONG_CONFIG: usize = 64 << 20;

/// The size of the file in the large layer.
const LARGE: usize = 3 << 20;

/// Bytes with a digest and a media type.
#[derive(Debug, Clone)]
pub(crate) struct Blob {
    pub(crate) media_type: &'static str,
    pub(crate) bytes: Bytes,
}

impl Blob {
    /// Returns whether this is a layer rather than a config.
    pub(crate) fn is_layer(&self) -> bool {
        [LAYER, DOCKER_LAYER].contains(&self.media_type)
    }

    /// Returns whether this is the large layer, of which a client reads a part at most.
    pub(crate) fn is_large(&self) -> bool {
        self.bytes.len() >= LARGE
    }

    /// Returns whether a client that accepts these types gets the manifest. The open-source
    /// registry that ACR descends from reports an OCI manifest as unknown to a client that does not
    /// accept it.
    pub(crate) fn suits(&self, accept: &str) -> bool {
        self.media_type == DOCKER_MANIFEST
            || [self.media_type, "*/*", "application/*"].iter().any(|kind| accept.contains(kind))
    }

    /// Returns what such an error calls it.
    pub(crate) fn noun(&self) -> &'static str {
        if self.media_type == INDEX { "index" } else { "manifest" }
    }
}

/// All manifests and blobs by digest, and the digest behind each kind of tag.
#[derive(Debug, Default)]
pub(crate) struct Images {
    pub(crate) manifests: HashMap<String, Blob>,
    pub(crate) blobs: HashMap<String, Blob>,
    index: String,
    single: String,
    arm: String,
    childless: String,
    long_config: String,
    windows: String,
    windows_single: String,
    i386: String,
    chart: String,
    signature: String,
    attestations: String,
    schema1: String,
    schema1_unsigned: String,
}

impl Images {
    /// Returns the digest that a tag of this kind points to.
    pub(crate) fn digest(&self, kind: Kind) -> Option<&str> {
        match kind {
            Kind::Index => Some(&self.index),
            Kind::Single => Some(&self.single),
            Kind::Arm => Some(&self.arm),
            Kind::Childless => Some(&self.childless),
            Kind::LongConfig => Some(&self.long_config),
            Kind::Windows => Some(&self.windows),
            Kind::WindowsSingle => Some(&self.windows_single),
            Kind::I386 => Some(&self.i386),
            Kind::Chart => Some(&self.chart),
            Kind::Signature => Some(&self.signature),
            Kind::Attestations => Some(&self.attestations),
            Kind::Schema1 => Some(&self.schema1),
            Kind::Schema1Unsigned => Some(&self.schema1_unsigned),
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

/// Returns the images, which are built once per process.
pub(crate) fn images() -> &'static Images {
    static IMAGES: OnceLock<Images> = OnceLock::new();
    IMAGES.get_or_init(build)
}

/// Returns `sha256:` and the digest in hexadecimal.
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
        platforms.push(image(&mut images, "linux", architecture, "", (&diff_ids, &layers)));
    }
    let mut index_of = |kinds: &[(&str, &str, &str)]| {
        let entries: Vec<_> = kinds
            .iter()
            .map(|(os, arch, build)| image(&mut images, os, arch, build, (&diff_ids, &layers)))
            .collect();
        images.manifest(INDEX, &index(&entries))
    };
    let i386 = index_of(&[("linux", "386", "")]);
    let windows = index_of(&[
        ("windows", "amd64", "10.0.17763.5000"),
        ("windows", "amd64", "10.0.20348.2700"),
    ]);
    let windows_single =
        image(&mut images, "windows", "amd64", "10.0.17763.5000", (&diff_ids, &layers));
    let attested = platforms[0]["digest"].clone();
    let attestation = attestation(&mut images, &attested);
    let attestations = images.manifest(INDEX, &index(std::slice::from_ref(&attestation)));
    let arm = images.manifest(INDEX, &index(&platforms[1..]));
    platforms.push(attestation);
    let all = images.manifest(INDEX, &index(&platforms));
    // An index whose manifests a clean-up has deleted because they had no tag of their own.
    for entry in &mut platforms {
        entry["digest"] = digest(format!("once {}", entry["digest"]).as_bytes()).into();
    }
    let childless = images.manifest(INDEX, &index(&platforms));

    // The same archives under the media types that Docker introduced first.
    let config = images.blob(DOCKER_CONFIG, config("linux", "amd64", "", &diff_ids));
    for layer in &mut layers {
        layer["mediaType"] = DOCKER_LAYER.into();
    }
    let mut manifest = json!({
        "schemaVersion": 2, "mediaType": DOCKER_MANIFEST, "config": config, "layers": layers,
    });
    let single = images.manifest(DOCKER_MANIFEST, &manifest);
    manifest["config"]["size"] = LONG_CONFIG.into();
    let long_config = images.manifest(DOCKER_MANIFEST, &manifest);

    let (chart, signature) = (chart(&mut images), signature(&mut images));
    let (schema1, schema1_unsigned) = (schema1(&mut images, true), schema1(&mut images, false));

    let text = |entry: &Value| entry["digest"].as_str().unwrap_or_default().to_owned();
    (images.index, images.single, images.arm) = (text(&all), text(&single), text(&arm));
    (images.childless, images.long_config) = (text(&childless), text(&long_config));
    (images.windows, images.i386) = (text(&windows), text(&i386));
    images.windows_single = text(&windows_single);
    (images.chart, images.signature) = (text(&chart), text(&signature));
    images.attestations = text(&attestations);
    (images.schema1, images.schema1_unsigned) = (text(&schema1), text(&schema1_unsigned));
    images
}

/// Returns a Helm chart as `helm push` stores it: a config that describes the chart, and one
/// archive.
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

/// Returns a signature as cosign stores it: a layer of its own type, and a config like that of an
/// image.
fn signature(images: &mut Images) -> Value {
    let payload = json!({ "critical": { "type": "cosign container image signature" } });
    let payload = payload.to_string().into_bytes();
    let config = config("", "", "", &[digest(&payload)]);
    let config = images.blob(CONFIG, config);
    let layer = images.blob(SIMPLE_SIGNING, payload);
    let manifest = json!({
        "schemaVersion": 2, "mediaType": MANIFEST, "config": config, "layers": [layer],
    });
    images.manifest(MANIFEST, &manifest)
}

/// Returns a manifest in the format of 2015: layers by digest only, the newest first. A signature
/// is embedded in the signed text, and the digest is that of the text without it. Clients do not
/// verify the signature itself, so it is a dummy.
fn schema1(images: &mut Images, signed: bool) -> Value {
    let layer = images.blob(DOCKER_LAYER, gzip_stored(&tar(&[("etc/old", b"of 2015\n")])));
    let manifest = json!({
        "schemaVersion": 1, "name": "team/app", "tag": if signed { "old" } else { "older" },
        "architecture": "amd64",
        "fsLayers": [{ "blobSum": layer["digest"] }],
        "history": [{ "v1Compatibility": "{\"architecture\":\"amd64\",\"os\":\"linux\"}" }],
    });
    if !signed {
        return images.manifest(SCHEMA1, &manifest);
    }
    let text = manifest.to_string();
    let body = text.trim_end_matches('}');
    let encode = |text: &str| URL_SAFE_NO_PAD.encode(text);
    let protected = json!({
        "formatLength": body.len(), "formatTail": encode("}"), "time": "2015-06-01T00:00:00Z",
    });
    let signature = json!([{
        "header": { "alg": "ES256" }, "signature": encode("none"),
        "protected": encode(&protected.to_string()),
    }]);
    let bytes = format!("{body},\"signatures\":{signature}}}").into_bytes();
    let digest = digest(text.as_bytes());
    let said = json!({ "digest": digest });
    images.manifests.insert(digest, Blob { media_type: SCHEMA1_SIGNED, bytes: bytes.into() });
    said
}

fn index(entries: &[Value]) -> Value {
    json!({ "schemaVersion": 2, "mediaType": INDEX, "manifests": entries })
}

/// Returns an image for one platform as an entry of an index.
fn image(
    images: &mut Images,
    os: &str,
    architecture: &str,
    build: &str,
    (diff_ids, layers): (&[String], &[Value]),
) -> Value {
    let config = images.blob(CONFIG, config(os, architecture, build, diff_ids));
    let manifest = json!({
        "schemaVersion": 2, "mediaType": MANIFEST, "config": config, "layers": layers,
    });
    let mut entry = images.manifest(MANIFEST, &manifest);
    entry["platform"] = json!({ "architecture": architecture, "os": os });
    if !build.is_empty() {
        entry["platform"]["os.version"] = build.into();
    }
    entry
}

fn config(os: &str, architecture: &str, build: &str, diff_ids: &[String]) -> Vec<u8> {
    let mut config = json!({
        "created": "2025-01-01T00:00:00Z",
        "architecture": architecture,
        "os": os,
        "config": {
            "Env": ["PATH=/usr/local/bin:/usr/bin:/bin", "LAB=1"],
            "Entrypoint": ["/bin/true"],
        },
        "rootfs": { "type": "layers", "diff_ids": diff_ids },
        "history": [
            { "created": "2025-01-01T00:00:00Z", "created_by": "lab: small layer" },
            { "created": "2025-01-01T00:00:00Z", "created_by": "lab: large layer" },
        ],
    });
    if !build.is_empty() {
        config["os.version"] = build.into();
    }
    config.to_string().into_bytes()
}

/// Returns the attestation that `BuildKit` adds to the platforms of an image: a manifest for no
/// platform.
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

/// Returns bytes that do not compress and are always the same (xorshift64*).
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
