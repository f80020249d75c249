//! Does the running containerd have what this pull needs: the authorities, and room on its disk?
//!
//! Asked when the registry and the image are known.

use std::rc::Rc;

use serde::Serialize;

use super::{followed::Runtime, problem::Problem};
use crate::{
    kit::{
        Cx, StepResult,
        world::{BUNDLES, FileError},
    },
    manifest::{Blob, PlatformImage},
    tls::Secured,
};

/// How a connection to a host was secured, if it was.
type Settled = StepResult<Rc<Option<Rc<Secured>>>>;

/// Below containerd's directory: its store of layers, by their digests.
const BLOBS: &str = "io.containerd.content.v1.content/blobs";
/// How many layers are looked for. No image that can be unpacked has more (overlayfs takes 128).
const MAX_LAYERS: usize = 256;
/// How much larger layers become at least where they are unpacked beside what was downloaded. Not
/// every layer does.
const UNPACKED: u64 = 2;
/// The most looks at files here.
pub(crate) const MAX_READS: usize = MAX_LAYERS + 1;

/// What a pull needs of the disk.
#[derive(Serialize)]
pub struct Needs {
    /// The bytes of the layers that are missing.
    #[serde(skip_serializing_if = "Option::is_none")]
    bytes: Option<u64>,
    /// The bytes that are free.
    #[serde(skip_serializing_if = "Option::is_none")]
    got: Option<u64>,
    /// The directory of containerd.
    folder: String,
}

/// Compares what this pull needs with what the running containerd has.
pub async fn needs(
    cx: &Cx,
    runtime: &Runtime,
    registry: &Settled,
    layers: &Settled,
    image: &Option<Rc<PlatformImage>>,
) -> StepResult<Needs> {
    trust(cx, runtime, &[registry, layers]);
    let mut needs = Needs { bytes: None, got: None, folder: runtime.root.clone() };
    if let Some(image) = image {
        // Only schema 1 has no config.
        if image.config.is_none() {
            let version = runtime.version.clone();
            match (runtime.takes_schema1, version) {
                (Some(true), _) => {}
                (Some(false), Some(version)) => {
                    cx.add_finding(Problem::FormatNotSupported { version });
                }
                (_, version) => cx.add_finding(Problem::FormatUnclear { version }),
            }
        }
        disk(cx, image, runtime.keeps_layers, &mut needs).await;
    }
    Ok(needs)
}

/// Doubts a certificate that only an added authority vouches for, unless the trust store is older than
/// containerd. Go reads it once, at the first use of TLS: it may have been read before the change or
/// after it.
fn trust(cx: &Cx, runtime: &Runtime, hosts: &[&Settled]) {
    let secured = hosts.iter().filter_map(|host| host.as_ref().as_ref().ok()?.as_ref().clone());
    let secured: Vec<Rc<Secured>> = secured.collect();
    let private = secured.iter().find_map(|secured| secured.private_issuer());
    let Some((host, issuer)) = private else { return };
    let followed = cx.world.containerd_trust.get();
    let (file, changed) = match followed.map(|trust| &trust.unknown) {
        // Everything is older than containerd.
        Some(None) => return,
        Some(Some(change)) => (change.file.clone(), Some(change.changed)),
        None => (BUNDLES[0].to_owned(), None),
    };
    cx.add_finding(Problem::CaNotLoaded {
        file,
        changed,
        started: runtime.process.as_ref().and_then(|process| process.started),
        host: host.to_owned(),
        issuer: issuer.to_owned(),
    });
}

/// Compares the layers that are missing with the room for them.
async fn disk(cx: &Cx, image: &PlatformImage, keeps_layers: bool, needs: &mut Needs) {
    let folder = needs.folder.clone();
    let Ok(got) = cx.world.free_space(&cx.world.of_node(&folder)).await else { return };
    needs.got = Some(got);
    let Some((missing, is_known)) = missing(cx, &folder, &image.blobs).await else { return };
    needs.bytes = Some(missing);
    let bytes = missing;
    // Where it is not known which layers are there already, or unpacked already, they may all be.
    if got < bytes && is_known && keeps_layers {
        cx.add_finding(Problem::DiskFull { folder, got, bytes });
    } else if got < bytes.saturating_mul(UNPACKED) {
        cx.add_finding(Problem::DiskTight { folder, got, bytes });
    }
}

/// Returns the bytes of the layers that are not in containerd's store, and whether that could be told
/// of each; `None` where the sizes are not known.
async fn missing(cx: &Cx, folder: &str, layers: &[Blob]) -> Option<(u64, bool)> {
    let (mut bytes, mut is_known) = (0_u64, layers.len() <= MAX_LAYERS);
    for (place, Blob { digest, size, .. }) in layers.iter().enumerate() {
        let size = (*size)?;
        let is_again = layers.iter().take(place).any(|other| other.digest == *digest);
        if is_again {
            continue;
        }
        let (kind, hex) = digest.split_once(':')?;
        let is_plain = |text: &str| text.bytes().all(|byte| byte.is_ascii_alphanumeric());
        let file = format!("{}/{BLOBS}/{kind}/{hex}", folder.trim_end_matches('/'));
        let found = if place < MAX_LAYERS && is_plain(kind) && is_plain(hex) {
            cx.world.length(&cx.world.of_node(&file)).await
        } else {
            Err(FileError::Forbidden)
        };
        match found {
            Ok(got) if got == size => {}
            Ok(got) => {
                let digest = digest.clone();
                cx.add_finding(Problem::ContentDamaged { file, digest, got, bytes: size });
            }
            Err(FileError::Missing) => bytes = bytes.saturating_add(size),
            Err(_) => {
                bytes = bytes.saturating_add(size);
                is_known = false;
            }
        }
    }
    Some((bytes, is_known))
}
