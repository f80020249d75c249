//! This platform's own manifest, and where its blobs are served from.

use std::cell::Cell;

use serde::{Deserialize, Serialize};

use super::{Manifest, Trouble, get};
use crate::{
    kit::{Cx, Got, Halt, Host, Platform},
    registry::Site,
    token::{Session, Source},
};

/// What an index names. As lenient as Go: what is not needed may be missing, or be anything.
#[derive(Deserialize)]
struct Index {
    manifests: Vec<Descriptor>,
}

/// What a manifest names.
#[derive(Deserialize)]
struct ImageManifest {
    config: Descriptor,
    layers: Vec<Descriptor>,
}

#[derive(Deserialize)]
struct Descriptor {
    #[serde(default, rename = "mediaType")]
    media_type: String,
    #[serde(default)]
    digest: String,
    #[serde(default)]
    size: i64,
    platform: Option<Described>,
    urls: Option<Vec<String>>,
}

/// For whom an entry of an index is.
#[derive(Deserialize)]
struct Described {
    #[serde(default)]
    os: String,
    #[serde(default)]
    architecture: String,
    variant: Option<String>,
}

/// A blob that a manifest names.
#[derive(Clone, Debug)]
pub struct Blob {
    pub(crate) digest: String,
    pub(crate) size: u64,
}

impl Blob {
    /// Asks the registry for it.
    pub(crate) async fn ask(&self, cx: &Cx, session: &Session) -> Got<Source> {
        let missing = match session.blob(cx, &self.digest).await? {
            Ok(source) => return Ok(source),
            Err(missing) => missing,
        };
        let registrys = missing.is_registrys();
        let stranger = Site::stranger("GET blob", &missing);
        let body = missing.error().await;
        if body.code.is_empty() && !registrys {
            return Err(stranger);
        }
        let (digest, said) = (self.digest.clone(), body.words());
        Err(Trouble::BlobUnknown { digest, said }.into())
    }
}

/// What there is to fetch for this platform.
#[derive(Serialize)]
pub struct Content {
    platform: String,
    digest: String,
    pub(crate) layers: usize,
    bytes: u64,
    #[serde(skip_serializing_if = "Option::is_none")]
    served_by: Option<Host>,
    #[serde(skip)]
    pub(crate) config: Blob,
    #[serde(skip)]
    pub(crate) config_type: String,
    #[serde(skip)]
    pub(crate) blobs: Vec<Blob>,
    /// What answered when it was asked for the config, until the layer step takes it.
    #[serde(skip)]
    pub(crate) config_source: Cell<Option<Source>>,
    /// Whether an index chose it by platform; a lone manifest is pulled whatever it is for.
    #[serde(skip)]
    pub(crate) chosen: bool,
}

/// Takes what was sent for a manifest, when it is one. Public, so that it can be fuzzed.
pub fn read(digest: String, content_type: String, bytes: Vec<u8>) -> Got<Manifest> {
    #[derive(serde::Deserialize)]
    #[serde(rename_all = "camelCase")]
    struct Sniffed {
        media_type: Option<String>,
        manifests: Option<serde::de::IgnoredAny>,
        layers: Option<serde::de::IgnoredAny>,
        fs_layers: Option<serde::de::IgnoredAny>,
    }
    let not = |media_type: &str, said: &str| -> Halt {
        let (media_type, said) = (media_type.to_owned(), said.to_owned());
        Trouble::NotAManifest { media_type, said }.into()
    };
    let Ok(sniffed) = lenient::<Sniffed>(&bytes) else {
        return Err(not(&content_type, "not-json"));
    };
    // A runtime goes by what the registry calls it, not by what it calls itself.
    let called = content_type.split(';').next().unwrap_or_default().trim().to_owned();
    let media_type = sniffed.media_type.unwrap_or(content_type);
    if sniffed.fs_layers.is_some() {
        return Err(Halt::broke(Trouble::ManifestSchema1 { media_type }));
    }
    let kind = match (sniffed.manifests, sniffed.layers) {
        (Some(_), _) => "index",
        (None, Some(_)) => "manifest",
        (None, None) => return Err(not(&media_type, "no-layers")),
    };
    if kind_of(&called) != Some(kind) {
        return Err(not(&called, "wrong-type"));
    }
    Ok(Manifest { digest, media_type, bytes, kind })
}

/// Reads JSON as Go does: of two values of the same name the last counts.
fn lenient<T: for<'de> Deserialize<'de>>(bytes: &[u8]) -> Result<T, serde_json::Error> {
    serde_json::from_value(serde_json::from_slice(bytes)?)
}

/// What a media type says that something is.
fn kind_of(media_type: &str) -> Option<&'static str> {
    match media_type {
        "application/vnd.oci.image.index.v1+json"
        | "application/vnd.docker.distribution.manifest.list.v2+json" => Some("index"),
        "application/vnd.oci.image.manifest.v1+json"
        | "application/vnd.docker.distribution.manifest.v2+json" => Some("manifest"),
        _ => None,
    }
}

/// Whether a runtime has a way to unpack such a layer.
fn is_layer(media_type: &str) -> bool {
    let known = ["application/vnd.oci.image.layer.", "application/vnd.docker.image.rootfs."];
    known.iter().any(|prefix| media_type.starts_with(prefix))
}

/// What a manifest names to be fetched.
#[derive(Debug)]
pub struct Named {
    config: Blob,
    config_type: String,
    /// Those that are the registry's to serve.
    blobs: Vec<Blob>,
    layers: usize,
}

/// Reads a manifest as far as a pull needs it. Public, so that it can be fuzzed.
pub fn named(manifest: &Manifest) -> Got<Named> {
    let image = lenient::<ImageManifest>(&manifest.bytes);
    let image = image.map_err(|error| not_readable(manifest, &error))?;
    let not = |media_type: &str, said: &str| Trouble::NotAManifest {
        media_type: media_type.to_owned(),
        said: said.to_owned(),
    };
    // A runtime refuses a blob of no size, and one of another size than its bytes have.
    let sized = |descriptor: &Descriptor| descriptor.size > 0;
    if !sized(&image.config) || !image.layers.iter().all(sized) {
        return Err(not(&manifest.media_type, "no-size").into());
    }
    if let Some(odd) = image.layers.iter().find(|layer| !is_layer(&layer.media_type)) {
        return Err(not(&odd.media_type, "no-layer-type").into());
    }
    let blob = |descriptor: &Descriptor| Blob {
        digest: descriptor.digest.clone(),
        size: descriptor.size.unsigned_abs(),
    };
    // A foreign layer is not the registry's to serve.
    let ours = image.layers.iter().filter(|layer| layer.urls.as_ref().is_none_or(Vec::is_empty));
    let blobs: Vec<_> = ours.map(blob).collect();
    if blobs.is_empty() && !image.layers.is_empty() {
        return Err(Halt::broke(Trouble::ForeignLayers {}));
    }
    let config = blob(&image.config);
    Ok(Named { config, config_type: image.config.media_type, blobs, layers: image.layers.len() })
}

/// Finds this platform's manifest, and asks where its blobs are.
pub async fn choose(cx: &Cx, session: &Session, manifest: &Manifest) -> Got<Content> {
    let (child, platform) = match manifest.kind {
        "index" => {
            let (child, platform) = child(cx, session, manifest).await?;
            (Some(child), platform)
        }
        _ => (None, "lone-manifest".to_owned()),
    };
    let chosen = child.is_some();
    let manifest = child.as_ref().unwrap_or(manifest);
    let Named { config, config_type, blobs, layers } = named(manifest)?;
    let source = config.ask(cx, session).await?;
    let served_by = match &source {
        Source::Elsewhere(host, _) => Some(host.clone()),
        Source::Itself(_) => None,
    };
    Ok(Content {
        platform,
        digest: manifest.digest.clone(),
        layers,
        bytes: blobs.iter().map(|blob| blob.size).fold(0, u64::saturating_add),
        served_by,
        config,
        config_type,
        blobs,
        config_source: Cell::new(Some(source)),
        chosen,
    })
}

/// Where the blobs are served from, when that is another host.
pub fn data_host(content: &Content) -> Got<Host> {
    content.served_by.clone().ok_or_else(|| Halt::skipped(Trouble::ServedByRegistry {}))
}

/// The entry of an index that suits a platform best.
#[derive(Debug)]
pub struct Entry {
    digest: String,
    media_type: String,
    size: i64,
    platform: String,
    /// All platforms of the index, as one argument.
    together: String,
}

/// Finds that entry. Public, so that it can be fuzzed.
pub fn entry(index: &Manifest, wanted: &Platform) -> Got<Entry> {
    let parsed = lenient::<Index>(&index.bytes);
    let entries = parsed.map_err(|error| not_readable(index, &error))?.manifests;
    let best = entries.iter().filter_map(|entry| {
        let rank = platform(entry).map_or(Some(u8::MAX), |offered| wanted.rank(&offered))?;
        Some((rank, entry))
    });
    let best = best.min_by_key(|(rank, _)| *rank);
    let offered = entries.iter().filter_map(platform).filter(|offered| offered.os != "unknown");
    let offered: Vec<_> = offered.map(|offered| offered.to_string()).collect();
    let Some((_, best)) = best else {
        let wanted = wanted.to_string();
        let together = [&offered[..], std::slice::from_ref(&wanted)].concat().join(",");
        return Err(Trouble::PlatformNoMatch { wanted, offered, together }.into());
    };
    if kind_of(&best.media_type).is_none() {
        let (media_type, said) = (best.media_type.clone(), "wrong-type".to_owned());
        return Err(Trouble::NotAManifest { media_type, said }.into());
    }
    let platform = platform(best).map_or_else(|| wanted.to_string(), |found| found.to_string());
    let (digest, media_type) = (best.digest.clone(), best.media_type.clone());
    Ok(Entry { digest, media_type, size: best.size, platform, together: offered.join(",") })
}

/// The manifest of an index that suits this platform best.
async fn child(cx: &Cx, session: &Session, index: &Manifest) -> Got<(Manifest, String)> {
    let Entry { digest, media_type, size, platform, together } =
        entry(index, &cx.subject.platform)?;
    let Some(image) = session.image() else {
        return Err(Halt::skipped(Trouble::NoImageAsked {}));
    };
    match get(cx, session, image, &digest, Some(&media_type)).await? {
        Ok(manifest) if u64::try_from(size) != Ok(manifest.bytes.len() as u64) => {
            let said = "size-mismatch".to_owned();
            Err(Trouble::NotAManifest { media_type: manifest.media_type, said }.into())
        }
        Ok(manifest) if manifest.kind == "manifest" => Ok((manifest, platform)),
        Ok(_) => Err(Halt::broke(Trouble::IndexInIndex { platform })),
        Err(_) => {
            let repository = image.repository.clone();
            Err(Trouble::ChildManifestGone { repository, digest, platform, together }.into())
        }
    }
}

fn platform(entry: &Descriptor) -> Option<Platform> {
    let described = entry.platform.as_ref()?;
    let variant = described.variant.as_deref();
    Some(Platform::normal(&described.os, &described.architecture, variant))
}

fn not_readable(manifest: &Manifest, error: &serde_json::Error) -> Trouble {
    Trouble::NotAManifest { media_type: manifest.media_type.clone(), said: error.to_string() }
}
