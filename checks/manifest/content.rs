//! This platform's manifest, and the host that serves its blobs.

use std::cell::Cell;

use futures::future::join;
use serde::Serialize;

use super::{
    blob::{Blob, Layer},
    descriptor::Descriptor,
    document::{Document, Manifest},
    fetch,
    index::{self, Child},
    kind,
    problem::{Build, Problem},
    shapes,
    words::{Flaw, Lone},
};
use crate::{
    kit::{
        Cx, Host, NoFact, StepResult,
        rules::{Platform, Puller, go_json, is_storable},
    },
    token::{BlobResponse, Session},
};

/// The content to fetch for this platform.
#[derive(Serialize)]
pub struct PlatformImage {
    platform: String,
    digest: String,
    layers: usize,
    #[serde(skip_serializing_if = "Option::is_none")]
    bytes: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    served_by: Option<Host>,
    /// The blob that describes the layers; schema 1 has none.
    #[serde(skip)]
    pub(crate) config: Option<Blob>,
    #[serde(skip)]
    config_type: String,
    #[serde(skip)]
    pub(crate) blobs: Vec<Blob>,
    /// The blobs of the index's other manifests for the platform.
    #[serde(skip)]
    pub(crate) also: Vec<Blob>,
    /// The response to the request for the first blob that is needed, until the layer step takes
    /// it.
    #[serde(skip)]
    pub(crate) first_source: Cell<Option<BlobResponse>>,
    /// Whether an index selected the manifest by its platform. A container runtime pulls a single
    /// manifest for any platform.
    #[serde(skip)]
    pub(crate) chosen: bool,
    /// Whether the index does not say for which platform the manifest is: then its config must.
    #[serde(skip)]
    is_unnamed: bool,
}

/// What a pull needs of an image's config.
pub struct ImageConfig {
    /// The diff ids of all layers; none if a container runtime does not unpack them.
    pub(crate) diff_ids: Vec<String>,
    /// The platform that the image is built for, if the config names it.
    pub(crate) built_for: Option<Platform>,
}

impl PlatformImage {
    /// Warns that the Windows build of the image was not compared with the node's build.
    pub(crate) fn warn_of_build(cx: &Cx, built_for: &Platform) {
        if let (Some(build), None) = (&built_for.build, &cx.target.platform.build) {
            let (builds, chosen) = (vec![build.clone()], built_for.to_string());
            cx.add_finding(Problem::WindowsBuildNotAsked { builds, chosen });
        }
    }

    /// Returns what it means that a blob of the index's other manifests is not there.
    pub(crate) fn of_second(cx: &Cx, no_fact: NoFact) -> NoFact {
        index::of_second(cx, no_fact)
    }

    /// Reads the config. A container runtime unpacks the layers one by one along the config, and
    /// refuses a different number, and a config that it does not decode. Of another platform or kind of
    /// root file system it unpacks them all the same: where the unpacker does not, the client does
    /// (containerd 2.2, client/pull.go).
    pub(crate) fn read_config(&self, bytes: &[u8], wanted: &Platform) -> StepResult<ImageConfig> {
        let config = go_json::decode(bytes, &shapes::CONFIG).map_err(|error| error.to_string());
        let described = match config {
            Ok(config) => {
                let read = ImageConfig::of(&config);
                if config["rootfs"]["diff_ids"].as_array().map_or(0, Vec::len) == self.layers {
                    return self.of_platform(read, wanted);
                }
                Ok(())
            }
            Err(error) => Err(error),
        };
        let flaw = described.err().unwrap_or_else(|| Flaw::LayersDiffer.to_string());
        Err(kind::broken(&self.config_type, flaw))
    }

    /// Refuses a config for another platform where the index does not say for which one the manifest
    /// is (core/images/image.go, `Manifest`).
    fn of_platform(&self, config: ImageConfig, wanted: &Platform) -> StepResult<ImageConfig> {
        let fits = config.built_for.as_ref().is_some_and(|own| wanted.rank(own).is_some());
        if fits || !self.is_unnamed {
            return Ok(config);
        }
        let offered: Vec<_> = config.built_for.iter().map(ToString::to_string).collect();
        let build = Build::of([offered.clone(), vec![wanted.to_string()]].concat());
        Err(Problem::PlatformNoMatch { wanted: wanted.to_string(), offered, build }.into())
    }
}

impl ImageConfig {
    fn of(config: &serde_json::Value) -> Self {
        let text = |name: &str| config[name].as_str().filter(|text| !text.is_empty());
        let built_for = text("os").zip(text("architecture")).map(|(os, architecture)| {
            Platform::normal(os, architecture, text("variant"), text("os.version"))
        });
        let ids = config["rootfs"]["diff_ids"].as_array().into_iter().flatten();
        let ids = ids.map(|id| id.as_str().unwrap_or_default().to_owned());
        Self { diff_ids: ids.collect(), built_for }
    }
}

/// Finds this platform's manifest, and asks the registry which host serves its blobs.
///
/// Meanwhile the manifest itself is fetched by its digest: a container runtime takes the digest of a
/// tag from the response to HEAD, and asks for everything by digest from then on.
pub async fn choose(cx: &Cx, session: &Session, manifest: &Manifest) -> StepResult<PlatformImage> {
    let (served, chosen) =
        (fetch::by_digest(cx, session, manifest), Box::pin(of_platform(cx, session, manifest)));
    let (served, chosen) = if session.client().is_http2() {
        join(Box::pin(served), chosen).await
    } else {
        (served.await, chosen.await)
    };
    served?;
    chosen
}

async fn of_platform(cx: &Cx, session: &Session, manifest: &Manifest) -> StepResult<PlatformImage> {
    let (child, platform, is_unnamed, others) = match manifest.document {
        Document::Index(_) => {
            let Child { manifest, platform, is_unnamed, also } =
                index::child(cx, session, manifest).await?;
            (Some(manifest), platform, is_unnamed, also)
        }
        _ => (None, Lone::LoneManifest.to_string(), false, vec![]),
    };
    let (containerd, tell) = (cx.containerd(), |problem| cx.add_finding(problem));
    let mut also = vec![];
    for other in &others {
        match named(other, &cx.target.platform, containerd, tell) {
            Ok(ManifestContents { config, blobs, .. }) => {
                also.extend(config.into_iter().chain(blobs));
            }
            Err(no_fact) => index::go_on_without(cx, no_fact)?,
        }
    }
    let chosen = child.is_some();
    let manifest = child.as_ref().unwrap_or(manifest);
    let ManifestContents { config, config_type, blobs } =
        named(manifest, &cx.target.platform, containerd, tell)?;
    let first = config.as_ref().or(blobs.first());
    let first = first.ok_or_else(|| kind::broken(&manifest.media_type, Flaw::NoLayers))?;
    let source = first.ask(cx, session).await?;
    let served_by = match &source {
        BlobResponse::Redirect(host, _) => Some(host.clone()),
        BlobResponse::Body(_) => None,
    };
    let sizes: Option<Vec<u64>> = blobs.iter().map(|blob| blob.size).collect();
    Ok(PlatformImage {
        platform,
        digest: manifest.digest.clone(),
        layers: blobs.len(),
        bytes: sizes.map(|sizes| sizes.into_iter().fold(0, u64::saturating_add)),
        served_by,
        config,
        config_type,
        blobs,
        also,
        first_source: Cell::new(Some(source)),
        chosen,
        is_unnamed,
    })
}

/// The blobs to fetch that a manifest names.
#[derive(Debug)]
pub struct ManifestContents {
    /// The config; schema 1 has none.
    config: Option<Blob>,
    config_type: String,
    /// The layers.
    blobs: Vec<Blob>,
}

/// Reads the parts of a manifest that a pull needs. Public so that it can be fuzzed.
pub fn named(
    manifest: &Manifest,
    wanted: &Platform,
    containerd: Puller,
    tell: impl Fn(Problem),
) -> StepResult<ManifestContents> {
    let image = match &manifest.document {
        Document::Image(Ok(image)) => image,
        Document::Image(Err(error)) => return Err(kind::broken(&manifest.media_type, error)),
        Document::Index(_) => return Err(kind::broken(&manifest.media_type, Flaw::WrongType)),
        Document::Schema1(blobs) => {
            let (config_type, blobs) = (String::new(), blobs.clone());
            return Ok(ManifestContents { config: None, config_type, blobs });
        }
    };
    // A container runtime leaves out what names another platform, and cannot do without the config.
    let is_for = |descriptor: &Descriptor| {
        let platform = descriptor.platform();
        platform.is_none_or(|own| wanted.rank(&own).is_some_and(|fit| !fit.lesser))
    };
    if !is_for(&image.config) {
        return Err(kind::broken(&manifest.media_type, Flaw::ForAnotherPlatform));
    }
    let layers: Vec<_> = image.layers.iter().filter(|layer| is_for(layer)).collect();
    let mut newer = None;
    for descriptor in layers.iter().copied().chain([&image.config]) {
        let is_stored = is_storable(&descriptor.digest, containerd);
        if is_stored.is_none() {
            newer.get_or_insert(&descriptor.digest);
        }
        // A container runtime refuses a blob without a size, and a blob with a wrong size.
        let flaw = match descriptor {
            Descriptor { size: ..=0, .. } => Flaw::NoSize,
            _ if is_stored == Some(false) => Flaw::DigestNotSha256,
            one if !one.fits_header() => Flaw::WrongType,
            _ => continue,
        };
        return Err(kind::broken(&manifest.media_type, flaw));
    }
    if let Some(digest) = newer.cloned() {
        tell(Problem::DigestBySha512 { digest });
    }
    let config_type = image.config.media_type.clone();
    // Nothing describes the layers then.
    if kind::is_layer(&config_type) || kind::of(&config_type).is_some() {
        return Err(kind::broken(&manifest.media_type, Flaw::WrongType));
    }
    let is_odd = |media_type: &str| !kind::is_layer(media_type) || !kind::is_unpackable(media_type);
    if let Some(odd) = layers.iter().find(|layer| is_odd(&layer.media_type)) {
        let what = kind::what_is(&config_type, &odd.media_type);
        return Err(Problem::NotAnImage { what, media_type: odd.media_type.clone() }.into());
    }
    // Of another config containerd knows no layers: from 2.1 on it fetches none of them, and older
    // versions fail (core/unpack/unpacker.go).
    if !layers.is_empty() && !kind::is_config(&config_type) {
        let what = kind::what_is(&config_type, "");
        return Err(Problem::NotAnImage { what, media_type: config_type }.into());
    }
    let blobs = layers
        .iter()
        .enumerate()
        .map(|(place, layer)| Blob { layer: Some(Layer { place }), ..layer.blob() });
    let blobs = blobs.collect();
    Ok(ManifestContents { config: Some(image.config.blob()), config_type, blobs })
}

/// Returns the host that serves the blobs, if it is not the registry.
pub fn data_host(content: &PlatformImage) -> StepResult<Host> {
    content.served_by.clone().ok_or_else(|| NoFact::skipped(Problem::ServedByRegistry {}))
}
