//! This platform's own manifest, and where its blobs are served from.

use std::{cell::RefCell, fmt::Write};

use hyper::Method;
use oci_distribution::manifest::{ImageIndexEntry, OciImageIndex, OciImageManifest};
use serde::Serialize;
use sha2::{Digest, Sha256, Sha512};

use super::{Manifest, Trouble, get, image};
use crate::{
    kit::{
        Cx, Got, Halt, Host, Platform, Role, Secret,
        net::{Reply, Request},
    },
    registry::redirect,
    token::Session,
};

/// A blob that a manifest names.
#[derive(Clone, Debug)]
pub struct Blob {
    pub(crate) digest: String,
    pub(crate) size: u64,
}

/// What answered when the registry was asked for a blob.
pub enum Source {
    /// It sends us to another host, to ask this there: a path and a signature.
    Elsewhere(Host, Secret),
    /// It answers by itself: with the blob, or with a refusal.
    Itself(Reply),
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
    pub(crate) config_source: RefCell<Option<Source>>,
    /// Whether an index chose it by platform; a lone manifest is pulled whatever it is for.
    #[serde(skip)]
    pub(crate) chosen: bool,
}

/// Takes what was sent for a manifest, when it is one.
pub(super) fn read(digest: String, content_type: String, bytes: Vec<u8>) -> Got<Manifest> {
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
    let Ok(sniffed) = serde_json::from_slice::<Sniffed>(&bytes) else {
        return Err(not(&content_type, "not-json"));
    };
    let media_type = sniffed.media_type.unwrap_or(content_type);
    if sniffed.fs_layers.is_some() {
        return Err(Halt::broke(Trouble::ManifestSchema1 { media_type }));
    }
    let kind = match (sniffed.manifests, sniffed.layers) {
        (Some(_), _) => "index",
        (None, Some(_)) => "manifest",
        (None, None) => return Err(not(&media_type, "no-layers")),
    };
    Ok(Manifest { digest, media_type, bytes, kind })
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
    let image = serde_json::from_slice::<OciImageManifest>(&manifest.bytes);
    let image = image.map_err(|error| not_readable(manifest, &error))?;
    let blob = |digest: &str, size: i64| Blob {
        digest: digest.to_owned(),
        size: u64::try_from(size).unwrap_or_default(),
    };
    let config = blob(&image.config.digest, image.config.size);
    // A foreign layer is not the registry's to serve.
    let ours = image.layers.iter().filter(|layer| layer.urls.as_ref().is_none_or(Vec::is_empty));
    let blobs: Vec<_> = ours.map(|layer| blob(&layer.digest, layer.size)).collect();
    let source = blob_source(cx, session, &config.digest).await?;
    let served_by = match &source {
        Source::Elsewhere(host, _) => Some(host.clone()),
        Source::Itself(_) => None,
    };
    Ok(Content {
        platform,
        digest: manifest.digest.clone(),
        layers: image.layers.len(),
        bytes: blobs.iter().map(|blob| blob.size).fold(0, u64::saturating_add),
        served_by,
        config,
        config_type: image.config.media_type,
        blobs,
        config_source: RefCell::new(Some(source)),
        chosen,
    })
}

/// Where the blobs are served from, when that is another host.
pub fn data_host(content: &Content) -> Got<Host> {
    content.served_by.clone().ok_or_else(|| Halt::skipped(Trouble::ServedByRegistry {}))
}

/// Asks the registry for a blob: with GET, for HEAD is answered by the registry itself and never
/// touches the host that serves the bytes.
pub async fn blob_source(cx: &Cx, session: &Session, digest: &str) -> Got<Source> {
    let repository = image(cx).map(|image| image.repository).unwrap_or_default();
    let target = format!("/v2/{repository}/blobs/{digest}");
    let request = Request::new(Method::GET, target);
    let reply = session.ask_once(cx, request.clone()).await?;
    Ok(match redirect(&session.site().host, &request, &reply, Role::Data) {
        Some((host, target)) => Source::Elsewhere(host, Secret::new(target)),
        None => Source::Itself(reply),
    })
}

/// The manifest of an index that suits this platform best.
async fn child(cx: &Cx, session: &Session, index: &Manifest) -> Got<(Manifest, String)> {
    let parsed = serde_json::from_slice::<OciImageIndex>(&index.bytes);
    let entries = parsed.map_err(|error| not_readable(index, &error))?.manifests;
    let wanted = &cx.subject.platform;
    let best = entries.iter().filter_map(|entry| {
        let rank = platform(entry).map_or(Some(u8::MAX), |offered| wanted.rank(&offered))?;
        Some((rank, entry))
    });
    let offered = entries.iter().filter_map(platform).filter(|offered| offered.os != "unknown");
    let offered: Vec<_> = offered.map(|offered| offered.to_string()).collect();
    let Some((_, best)) = best.min_by_key(|(rank, _)| *rank) else {
        let wanted = wanted.to_string();
        let together = [&offered[..], std::slice::from_ref(&wanted)].concat().join(",");
        return Err(Trouble::PlatformNoMatch { wanted, offered, together }.into());
    };
    let Some(image) = image(cx) else { return Err(Halt::skipped(Trouble::NoImageAsked {})) };
    let platform = platform(best).map_or_else(|| wanted.to_string(), |found| found.to_string());
    match get(cx, session, &image, &best.digest).await? {
        Ok(manifest) if manifest.kind == "manifest" => Ok((manifest, platform)),
        Ok(manifest) => {
            let said = "index-in-index".to_owned();
            Err(Trouble::NotAManifest { media_type: manifest.media_type, said }.into())
        }
        Err(_) => {
            let (repository, digest) = (image.repository, best.digest.clone());
            let together = offered.join(",");
            Err(Trouble::ChildManifestGone { repository, digest, platform, together }.into())
        }
    }
}

fn platform(entry: &ImageIndexEntry) -> Option<Platform> {
    let platform = entry.platform.as_ref()?;
    Some(Platform {
        os: platform.os.to_string(),
        arch: platform.architecture.to_string(),
        variant: platform.variant.clone(),
    })
}

fn not_readable(manifest: &Manifest, error: &serde_json::Error) -> Trouble {
    Trouble::NotAManifest { media_type: manifest.media_type.clone(), said: error.to_string() }
}

/// The digest of some bytes, by the algorithm of the one that was wanted.
pub fn digest(wanted: &str, bytes: &[u8]) -> String {
    let mut hasher = Hasher::like(wanted);
    hasher.update(bytes);
    hasher.finish()
}

/// Computes a digest as the bytes come.
pub enum Hasher {
    /// The usual one.
    Sha256(Sha256),
    /// The other one that the specification registers.
    Sha512(Sha512),
}

impl Hasher {
    /// One for the algorithm of that digest.
    pub fn like(digest: &str) -> Self {
        if digest.starts_with("sha512:") {
            Hasher::Sha512(Sha512::new())
        } else {
            Hasher::Sha256(Sha256::new())
        }
    }

    /// Takes more bytes.
    pub fn update(&mut self, bytes: &[u8]) {
        match self {
            Hasher::Sha256(sha) => sha.update(bytes),
            Hasher::Sha512(sha) => sha.update(bytes),
        }
    }

    /// The digest, as it is written.
    pub fn finish(self) -> String {
        let (name, bytes) = match self {
            Hasher::Sha256(sha) => ("sha256", sha.finalize().to_vec()),
            Hasher::Sha512(sha) => ("sha512", sha.finalize().to_vec()),
        };
        bytes.iter().fold(format!("{name}:"), |mut text, byte| {
            // Writing to a String cannot fail.
            let _ = write!(text, "{byte:02x}");
            text
        })
    }
}
