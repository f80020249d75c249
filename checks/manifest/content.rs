//! This platform's manifest, and the host that serves its blobs.

use std::cell::Cell;

use futures::future::join3;
use serde::Serialize;

use super::{
    blob::Blob,
    config::ImageConfig,
    document::{Document, Manifest},
    fetch,
    index::{self, Child},
    kind,
    parts::{Parts, in_order},
    problem::{Build, Problem},
    second::Second,
    words::{Flaw, Lone},
};
use crate::{
    kit::{
        Cx, Host, NoFact, StepResult,
        rules::{Platform, Puller},
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
    /// The index's other manifests for the platform.
    #[serde(skip)]
    pub(crate) also: Vec<Second>,
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

    /// Reads the config. Of another platform or kind of root file system a container runtime unpacks
    /// the layers all the same: where the unpacker does not, the client does (containerd 2.2,
    /// client/pull.go).
    pub(crate) fn read_config(&self, bytes: &[u8], wanted: &Platform) -> StepResult<ImageConfig> {
        self.of_platform(ImageConfig::read(bytes, &self.config_type, self.layers, wanted)?, wanted)
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

/// Finds this platform's manifest, and asks the registry which host serves its blobs.
///
/// Meanwhile the manifest itself is fetched by its digest: a container runtime takes the digest of a
/// tag from the response to HEAD, and asks for everything by digest from then on, at first without
/// authorization.
pub async fn choose(cx: &Cx, session: &Session, manifest: &Manifest) -> StepResult<PlatformImage> {
    let (digest, media_type) = (&manifest.digest, manifest.document.kind().media_type());
    let begun = Box::pin(fetch::begin(cx, session, (digest, media_type)));
    let served = async |counts: bool| {
        if counts && manifest.is_by_digest {
            return Ok(());
        }
        fetch::by_digest(cx, session, manifest).await
    };
    let chosen = || Box::pin(of_platform(cx, session, manifest));
    if !session.client().is_http2() {
        let counts = begun.await?;
        served(counts).await?;
        return chosen().await;
    }
    let (begun, by_digest, first) = join3(begun, Box::pin(served(true)), chosen()).await;
    if begun? {
        by_digest?;
        return first;
    }
    // Rarely: then it may say some things twice.
    served(false).await?;
    chosen().await
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
        match Second::of(other, &cx.target.platform, containerd, tell) {
            Ok(second) => also.push(second),
            Err(no_fact) => index::go_on_without(cx, no_fact)?,
        }
    }
    let chosen = child.is_some();
    let manifest = child.as_ref().unwrap_or(manifest);
    let ManifestContents { config, config_type, blobs } =
        named(manifest, &cx.target.platform, containerd, tell)?;
    let first = config.as_ref().or(blobs.first());
    let first = first.ok_or_else(|| kind::broken(&manifest.media_type, Flaw::NoLayers))?;
    let source = match first.data {
        Some(_) => None,
        None => Some(first.ask(cx, session).await?),
    };
    let served_by = match &source {
        Some(BlobResponse::Redirect(host, _)) => Some(host.clone()),
        Some(BlobResponse::Body(_)) | None => None,
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
        first_source: Cell::new(source),
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
    if let Document::Schema1(blobs) = &manifest.document {
        let (config_type, blobs) = (String::new(), blobs.clone());
        return Ok(ManifestContents { config: None, config_type, blobs });
    }
    let Parts { config, layers } = Parts::of(manifest, wanted, containerd, tell)?;
    let config_type = config.media_type.clone();
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
    let blobs = in_order(&layers);
    Ok(ManifestContents { config: Some(config.blob()), config_type, blobs })
}

/// Returns the host that serves the blobs, if it is not the registry.
pub fn data_host(content: &PlatformImage) -> StepResult<Host> {
    content.served_by.clone().ok_or_else(|| NoFact::skipped(Problem::ServedByRegistry {}))
}
