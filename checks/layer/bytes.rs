//! Takes the bytes of a blob as they come: counted, hashed, never more than a piece in memory.

use std::time::Duration;

use serde::Deserialize;
use tokio::time::Instant;

use super::{Broken, Trouble};
use crate::{
    kit::{
        Cx, Got, Halt, Hasher, Platform,
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
) -> Got<Taken> {
    let mut hasher = Hasher::like(&blob.digest);
    let mut taken = Taken { bytes: 0, whole: false, kept: vec![] };
    let began = Instant::now();
    // Where the size is not known, only the end of the answer tells.
    let due = blob.size.unwrap_or(u64::MAX);
    loop {
        let piece = match reply.piece().await {
            Ok(Some(piece)) => piece,
            Ok(None) if taken.bytes < due && blob.size.is_some() => {
                return Err(cut(host, blob, &taken, Fault::Closed));
            }
            Ok(None) => break,
            Err(fault) => return Err(cut(host, blob, &taken, fault)),
        };
        hasher.update(&piece);
        taken.bytes += piece.len() as u64;
        if keep {
            taken.kept.extend_from_slice(&piece);
            if began.elapsed() > BODY_WAIT {
                return Err(cut(host, blob, &taken, Fault::NoAnswer));
            }
        }
        if taken.bytes == due {
            match reply.piece().await {
                Ok(Some(_)) => taken.bytes += 1,
                Err(Fault::NoAnswer) => return Err(cut(host, blob, &taken, Fault::NoAnswer)),
                // It is all there; how the connection ends is nobody's concern.
                Ok(None) | Err(_) => break,
            }
        }
        if taken.bytes > due {
            let (host, digest) = (host.to_owned(), blob.digest.clone());
            let got = format!("more than {due} bytes");
            return Err(Trouble::BlobDigestMismatch { host, digest, got }.into());
        }
        if taken.bytes >= most && taken.bytes < due {
            return Ok(taken);
        }
        if most != u64::MAX && began.elapsed() > SAMPLE_WAIT && taken.bytes < due {
            let (got, seconds) = (taken.bytes, began.elapsed().as_secs());
            cx.tell(Trouble::Slow { host: host.to_owned(), got, seconds });
            return Ok(taken);
        }
    }
    let got = hasher.finish();
    if got != blob.digest {
        let (host, digest) = (host.to_owned(), blob.digest.clone());
        return Err(Trouble::BlobDigestMismatch { host, digest, got }.into());
    }
    taken.whole = true;
    Ok(taken)
}

/// The bytes end before their time. Where they only stopped, a runtime would wait for longer than we do.
fn cut(host: &str, blob: &Blob, taken: &Taken, fault: Fault) -> Halt {
    let (host, digest) = (host.to_owned(), blob.digest.clone());
    let (silent, seconds) = (fault == Fault::NoAnswer, BODY_WAIT.as_secs());
    let broken = Broken { host, digest, got: taken.bytes, of: blob.size, fault };
    if silent {
        return Halt::broke(Trouble::PullProgressTimeout { seconds, broken });
    }
    Trouble::BlobUnexpectedEof(broken).into()
}

/// For which platform a config says that the image is built.
pub(super) fn platform(config: &[u8]) -> Option<Platform> {
    #[derive(Deserialize)]
    struct Config {
        architecture: String,
        os: String,
        variant: Option<String>,
        #[serde(rename = "os.version")]
        build: Option<String>,
    }
    let Config { architecture, os, variant, build } = serde_json::from_slice(config).ok()?;
    Some(Platform::normal(&os, &architecture, variant.as_deref(), build.as_deref()))
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
