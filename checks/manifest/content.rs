//! This platform's own manifest, and where its blobs are served from.

use std::cell::Cell;

use serde::{Deserialize, Serialize};

use super::{Manifest, Problem, index, kind, schema1};
use crate::{
    kit::{Cx, Host, NoFact, StepResult, rules::Platform},
    registry::{Refusal, RegistryClient},
    token::{BlobResponse, Session},
};

/// What a manifest names. As lenient as Go: what is not needed may be missing, or be anything.
#[derive(Deserialize)]
struct ImageManifest {
    config: Descriptor,
    layers: Vec<Descriptor>,
}

#[derive(Deserialize)]
pub(super) struct Descriptor {
    #[serde(default, rename = "mediaType")]
    pub(super) media_type: String,
    #[serde(default)]
    pub(super) digest: String,
    #[serde(default)]
    pub(super) size: i64,
    platform: Option<Described>,
    urls: Option<Vec<String>>,
    #[serde(default)]
    annotations: serde_json::Value,
}

/// For whom an entry of an index is.
#[derive(Deserialize)]
struct Described {
    #[serde(default)]
    os: String,
    #[serde(default)]
    architecture: String,
    variant: Option<String>,
    #[serde(rename = "os.version")]
    build: Option<String>,
}

impl Descriptor {
    /// For whom it is, when it says so.
    pub(super) fn platform(&self) -> Option<Platform> {
        let Described { os, architecture, variant, build } = self.platform.as_ref()?;
        Some(Platform::normal(os, architecture, variant.as_deref(), build.as_deref()))
    }

    /// Whether it says something about an image, as `BuildKit` puts it beside one.
    pub(super) fn attests(&self) -> bool {
        self.annotations["vnd.docker.reference.type"] == "attestation-manifest"
    }

    fn blob(&self) -> Blob {
        Blob { digest: self.digest.clone(), size: Some(self.size.unsigned_abs()) }
    }
}

/// A blob that a manifest names.
#[derive(Clone, Debug)]
pub struct Blob {
    pub(crate) digest: String,
    /// Not known in the format of 2015.
    pub(crate) size: Option<u64>,
}

impl Blob {
    /// Asks the registry for it.
    pub(crate) async fn ask(&self, cx: &Cx, session: &Session) -> StepResult<BlobResponse> {
        self.ask_from(cx, session, 0).await
    }

    /// Asks the registry for what begins with that byte of it.
    pub(crate) async fn ask_from(
        &self,
        cx: &Cx,
        session: &Session,
        from: u64,
    ) -> StepResult<BlobResponse> {
        let missing = match session.blob(cx, &self.digest, from).await? {
            Ok(source) => return Ok(source),
            Err(missing) => missing,
        };
        let registrys = missing.is_registrys();
        let not_a_registry = RegistryClient::not_a_registry("GET blob", &missing);
        let refusal = Refusal::read(missing).await;
        if let Some(problem) = refusal.by_error_body("GET blob") {
            return Err(problem.into());
        }
        let body = refusal.body;
        if body.code.is_empty() && !registrys {
            return Err(not_a_registry);
        }
        let (digest, said) = (self.digest.clone(), body.words());
        Err(Problem::BlobUnknown { digest, said }.into())
    }
}

/// What there is to fetch for this platform.
#[derive(Serialize)]
pub struct PlatformImage {
    platform: String,
    digest: String,
    layers: usize,
    #[serde(skip_serializing_if = "Option::is_none")]
    bytes: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    served_by: Option<Host>,
    /// The blob that describes the layers; the format of 2015 has none.
    #[serde(skip)]
    pub(crate) config: Option<Blob>,
    #[serde(skip)]
    config_type: String,
    #[serde(skip)]
    pub(crate) blobs: Vec<Blob>,
    /// What answered when it was asked for the first blob that is needed, until the layer step takes it.
    #[serde(skip)]
    pub(crate) first_source: Cell<Option<BlobResponse>>,
    /// Whether an index chose it by platform; a lone manifest is pulled whatever it is for.
    #[serde(skip)]
    pub(crate) chosen: bool,
}

impl PlatformImage {
    /// Says that nobody asked whether the build of a Windows image is the node's.
    pub(crate) fn remark(cx: &Cx, built_for: &Platform) {
        if let (Some(build), None) = (&built_for.build, &cx.target.platform.build) {
            let (builds, chosen) = (vec![build.clone()], built_for.to_string());
            cx.add_finding(Problem::WindowsBuildNotAsked { builds, chosen });
        }
    }

    /// Compares what a config describes with what there is: a runtime unpacks the layers one by one
    /// along it, and refuses another number.
    pub(crate) fn compare(&self, described: usize) -> StepResult<()> {
        if described == self.layers {
            return Ok(());
        }
        let media_type = self.config_type.clone();
        if media_type.contains("image.config") || media_type.contains("container.image") {
            return Err(kind::broken(&media_type, "layers-differ"));
        }
        let what = kind::what_is(&media_type, "");
        Err(Problem::NotAnImage { what, media_type }.into())
    }
}

/// Finds this platform's manifest, and asks where its blobs are.
pub async fn choose(cx: &Cx, session: &Session, manifest: &Manifest) -> StepResult<PlatformImage> {
    let (child, platform) = match manifest.kind {
        "index" => {
            let (child, platform) = index::child(cx, session, manifest).await?;
            (Some(child), platform)
        }
        _ => (None, "lone-manifest".to_owned()),
    };
    let chosen = child.is_some();
    let manifest = child.as_ref().unwrap_or(manifest);
    let ManifestContents { config, config_type, blobs, layers } = named(manifest)?;
    let first = config.as_ref().or(blobs.first());
    let first = first.ok_or_else(|| kind::broken(&manifest.media_type, "no-layers"))?;
    let source = first.ask(cx, session).await?;
    let served_by = match &source {
        BlobResponse::Redirect(host, _) => Some(host.clone()),
        BlobResponse::Body(_) => None,
    };
    let sizes: Option<Vec<u64>> = blobs.iter().map(|blob| blob.size).collect();
    Ok(PlatformImage {
        platform,
        digest: manifest.digest.clone(),
        layers,
        bytes: sizes.map(|sizes| sizes.into_iter().fold(0, u64::saturating_add)),
        served_by,
        config,
        config_type,
        blobs,
        first_source: Cell::new(Some(source)),
        chosen,
    })
}

/// What a manifest names to be fetched.
#[derive(Debug)]
pub struct ManifestContents {
    /// The format of 2015 has none.
    config: Option<Blob>,
    config_type: String,
    /// Those that are the registry's to serve.
    blobs: Vec<Blob>,
    /// The number of all layers.
    layers: usize,
}

/// Reads a manifest as far as a pull needs it. Public, so that it can be fuzzed.
pub fn named(manifest: &Manifest) -> StepResult<ManifestContents> {
    if manifest.kind == "schema1" {
        let blobs = schema1::blobs(manifest);
        let (config_type, layers) = (String::new(), blobs.len());
        return Ok(ManifestContents { config: None, config_type, blobs, layers });
    }
    let image = kind::lenient::<ImageManifest>(&manifest.bytes);
    let image = image.map_err(|error| kind::broken(&manifest.media_type, &error.to_string()))?;
    // A runtime refuses a blob of no size, and one of another size than its bytes have.
    let sized = |descriptor: &Descriptor| descriptor.size > 0;
    if !sized(&image.config) || !image.layers.iter().all(sized) {
        return Err(kind::broken(&manifest.media_type, "no-size"));
    }
    let config_type = image.config.media_type.clone();
    if let Some(odd) = image.layers.iter().find(|layer| !kind::is_layer(&layer.media_type)) {
        let what = kind::what_is(&config_type, &odd.media_type);
        return Err(Problem::NotAnImage { what, media_type: odd.media_type.clone() }.into());
    }
    // A foreign layer is not the registry's to serve.
    let ours = image.layers.iter().filter(|layer| layer.urls.as_ref().is_none_or(Vec::is_empty));
    let blobs: Vec<_> = ours.map(Descriptor::blob).collect();
    if blobs.is_empty() && !image.layers.is_empty() {
        return Err(NoFact::could_not_tell(Problem::ForeignLayers {}));
    }
    let (config, layers) = (Some(image.config.blob()), image.layers.len());
    Ok(ManifestContents { config, config_type, blobs, layers })
}

/// Where the blobs are served from, when that is another host.
pub fn data_host(content: &PlatformImage) -> StepResult<Host> {
    content.served_by.clone().ok_or_else(|| NoFact::skipped(Problem::ServedByRegistry {}))
}
