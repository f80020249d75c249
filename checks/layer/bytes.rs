//! Takes the bytes of a blob as they come: counted, hashed, never more than a piece in memory.

use std::time::Duration;

use serde::Deserialize;
use tokio::time::Instant;

use super::problem::{Broken, Problem};
use crate::{
    kit::{
        Cx, NoFact, StepResult,
        net::{BODY_WAIT, Fault, Reply},
        rules::{Hasher, Platform},
    },
    manifest::Blob,
};

/// How long a sample may take: bytes that come more slowly than this are in hand all the same.
const SAMPLE_WAIT: Duration = Duration::from_secs(20);

/// What was taken of a blob.
pub(super) struct BlobRead {
    /// How much.
    pub bytes: u64,
    /// To its end, the digest verified.
    pub whole: bool,
    /// The bytes, when they were to be kept.
    pub kept: Vec<u8>,
}

/// A blob that is being taken, from one connection or from several.
pub(super) struct BlobReader<'a> {
    cx: &'a Cx,
    blob: &'a Blob,
    host: String,
    most: u64,
    keep: bool,
    hasher: Hasher,
    began: Instant,
    /// What is there already of what comes next.
    skip: u64,
    pub(super) taken: BlobRead,
}

impl<'a> BlobReader<'a> {
    /// Of a blob at a host, `most` bytes or all; kept, or only counted.
    pub(super) fn of(cx: &'a Cx, blob: &'a Blob, host: String, most: u64, keep: bool) -> Self {
        let (hasher, began) = (Hasher::like(&blob.digest), Instant::now());
        let taken = BlobRead { bytes: 0, whole: false, kept: vec![] };
        Self { cx, blob, host, most, keep, hasher, began, skip: 0, taken }
    }

    /// Takes what comes. False when the connection ended before its time, as a runtime takes for a
    /// reason to ask for the rest.
    pub(super) async fn go(&mut self, mut reply: Reply) -> StepResult<bool> {
        // Where the size is not known, only the end of the answer tells.
        let due = self.blob.size.unwrap_or(u64::MAX);
        loop {
            let mut piece = match reply.piece().await {
                Ok(Some(piece)) => piece,
                Ok(None) if self.taken.bytes < due && self.blob.size.is_some() => return Ok(false),
                Ok(None) => break,
                Err(Fault::ClosedByPeer | Fault::Reset) => return Ok(false),
                Err(fault) => return Err(self.cut(fault)),
            };
            let known = usize::try_from(self.skip).unwrap_or(usize::MAX).min(piece.len());
            drop(piece.split_to(known));
            self.skip -= known as u64;
            self.hasher.update(&piece);
            self.taken.bytes += piece.len() as u64;
            if self.keep {
                self.taken.kept.extend_from_slice(&piece);
                if self.began.elapsed() > BODY_WAIT {
                    return Err(self.cut(Fault::TimedOut));
                }
            }
            if self.taken.bytes == due {
                match reply.piece().await {
                    Ok(Some(_)) => self.taken.bytes += 1,
                    Err(Fault::TimedOut) => return Err(self.cut(Fault::TimedOut)),
                    // It is all there; how the connection ends does not matter.
                    Ok(None) | Err(_) => break,
                }
            }
            if self.taken.bytes > due {
                return Err(self.other_bytes(format!("more than {due} bytes")));
            }
            if self.taken.bytes >= self.most && self.taken.bytes < due {
                return Ok(true);
            }
            let late = self.most != u64::MAX && self.began.elapsed() > SAMPLE_WAIT;
            if late && self.taken.bytes < due {
                let (got, seconds) = (self.taken.bytes, self.began.elapsed().as_secs());
                self.cx.add_finding(Problem::Slow { host: self.host.clone(), got, seconds });
                return Ok(true);
            }
        }
        let got = std::mem::replace(&mut self.hasher, Hasher::like("")).finish();
        if got != self.blob.digest {
            return Err(self.other_bytes(got));
        }
        self.taken.whole = true;
        Ok(true)
    }

    /// Whether an answer is the rest: of what was asked for, or of the whole, whose beginning is
    /// skipped.
    pub(super) fn goes_on(&mut self, rest: &Reply) -> bool {
        let from = self.taken.bytes;
        let range = rest.header("content-range").unwrap_or_default();
        let is_rest = range.starts_with(&format!("bytes {from}-"));
        self.skip = if is_rest { 0 } else { from };
        is_rest || rest.status == 200
    }

    /// What came for the rest does not say what part of the blob it is: runtimes differ on that.
    pub(super) fn unclear(&self) -> NoFact {
        let (host, digest) = (self.host.clone(), self.blob.digest.clone());
        let (got, of) = (self.taken.bytes, self.blob.size);
        NoFact::could_not_tell(Problem::BlobRestUnclear(Broken {
            host,
            digest,
            got,
            of,
            fault: Fault::ClosedByPeer,
        }))
    }

    /// The bytes end before their time. Where they only stopped, a runtime would wait for longer
    /// than we do.
    pub(super) fn cut(&self, fault: Fault) -> NoFact {
        let (host, digest) = (self.host.clone(), self.blob.digest.clone());
        let (silent, seconds) = (fault == Fault::TimedOut, BODY_WAIT.as_secs());
        let broken = Broken { host, digest, got: self.taken.bytes, of: self.blob.size, fault };
        if silent {
            return NoFact::could_not_tell(Problem::PullProgressTimeout { seconds, broken });
        }
        Problem::BlobUnexpectedEof(broken).into()
    }

    fn other_bytes(&self, got: String) -> NoFact {
        let (host, digest) = (self.host.clone(), self.blob.digest.clone());
        Problem::BlobDigestMismatch { host, digest, got }.into()
    }
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
