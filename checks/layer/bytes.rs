//! Takes the bytes of a blob as they come: counted, hashed, never more than a piece in memory.

use std::time::Duration;

use serde::Deserialize;
use tokio::time::Instant;

use super::{Broken, Trouble};
use crate::{
    kit::{
        Cx, Hasher, Platform,
        net::{BODY_WAIT, Fault, Reply},
    },
    manifest::Blob,
};

/// How long a sample may take: bytes that come more slowly than this are in hand all the same.
const SAMPLE_WAIT: Duration = Duration::from_secs(20);

/// What was taken of a blob.
pub(super) struct Taken {
    /// How much.
    pub bytes: u64,
    /// To its end, the digest verified.
    pub whole: bool,
    /// The bytes, when they were to be kept.
    pub kept: Vec<u8>,
}

/// Takes a blob, `most` bytes of it or all.
pub(super) async fn take(
    cx: &Cx,
    mut reply: Reply,
    blob: &Blob,
    host: &str,
    most: u64,
    keep: bool,
) -> Result<Taken, Trouble> {
    let mut hasher = Hasher::like(&blob.digest);
    let mut taken = Taken { bytes: 0, whole: false, kept: vec![] };
    let began = Instant::now();
    loop {
        let piece = match reply.piece().await {
            Ok(Some(piece)) => piece,
            Ok(None) if taken.bytes < blob.size => {
                return Err(Trouble::BlobUnexpectedEof(broken(host, blob, &taken, Fault::Closed)));
            }
            Ok(None) => break,
            Err(Fault::NoAnswer) => {
                return Err(Trouble::BlobStalled(broken(host, blob, &taken, Fault::NoAnswer)));
            }
            Err(fault) => return Err(Trouble::BlobUnexpectedEof(broken(host, blob, &taken, fault))),
        };
        hasher.update(&piece);
        taken.bytes += piece.len() as u64;
        if keep {
            taken.kept.extend_from_slice(&piece);
            if began.elapsed() > BODY_WAIT {
                return Err(Trouble::BlobStalled(broken(host, blob, &taken, Fault::NoAnswer)));
            }
        }
        if taken.bytes == blob.size {
            match reply.piece().await {
                Ok(Some(_)) => taken.bytes += 1,
                Err(Fault::NoAnswer) => {
                    return Err(Trouble::BlobStalled(broken(host, blob, &taken, Fault::NoAnswer)));
                }
                // It is all there; how the connection ends is nobody's concern.
                Ok(None) | Err(_) => break,
            }
        }
        if taken.bytes > blob.size {
            let (host, digest) = (host.to_owned(), blob.digest.clone());
            let got = format!("more than {} bytes", blob.size);
            return Err(Trouble::BlobDigestMismatch { host, digest, got });
        }
        if taken.bytes >= most && taken.bytes < blob.size {
            return Ok(taken);
        }
        if most != u64::MAX && began.elapsed() > SAMPLE_WAIT && taken.bytes < blob.size {
            let (got, seconds) = (taken.bytes, began.elapsed().as_secs());
            cx.tell(Trouble::Slow { host: host.to_owned(), got, seconds });
            return Ok(taken);
        }
    }
    let got = hasher.finish();
    if got != blob.digest {
        let (host, digest) = (host.to_owned(), blob.digest.clone());
        return Err(Trouble::BlobDigestMismatch { host, digest, got });
    }
    taken.whole = true;
    Ok(taken)
}

fn broken(host: &str, blob: &Blob, taken: &Taken, fault: Fault) -> Broken {
    let (host, digest) = (host.to_owned(), blob.digest.clone());
    Broken { host, digest, got: taken.bytes, of: blob.size, fault }
}

/// For which platform a config says that the image is built.
pub(super) fn platform(config: &[u8]) -> Option<Platform> {
    #[derive(Deserialize)]
    struct Config {
        architecture: String,
        os: String,
        variant: Option<String>,
    }
    let config: Config = serde_json::from_slice(config).ok()?;
    Some(Platform::normal(&config.os, &config.architecture, config.variant.as_deref()))
}

/// How many layers a config describes: a runtime unpacks those, and refuses another number.
pub(super) fn described(config: &[u8]) -> usize {
    #[derive(Default, Deserialize)]
    #[serde(default)]
    struct Config {
        rootfs: RootFs,
    }
    #[derive(Default, Deserialize)]
    #[serde(default)]
    struct RootFs {
        diff_ids: Vec<serde::de::IgnoredAny>,
    }
    serde_json::from_slice::<Config>(config).unwrap_or_default().rootfs.diff_ids.len()
}
