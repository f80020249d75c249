//! Reads a blob as its bytes arrive: counts and hashes them, and keeps those of a config alone.

use std::time::Duration;

use tokio::time::Instant;

use super::{
    problem::{Broken, Problem},
    unpack::{MAX_UNPACKED_SAMPLE, PIECE, Unpacked, Unpacker},
};
use crate::{
    kit::{
        Cx, NoFact, StepResult,
        net::{BODY_WAIT, Fault, Reply, Rest},
        rules::Hasher,
    },
    manifest::Blob,
    registry::RegistryClient,
};

/// How long reading a sample may take. After that, the bytes that have arrived still count.
const SAMPLE_WAIT: Duration = Duration::from_secs(20);

/// The part of a blob that was read.
pub(super) struct BlobRead {
    /// The number of bytes that were read.
    pub bytes: u64,
    /// Whether the blob was read to its end and its digest verified.
    pub whole: bool,
    /// The bytes, if they were to be kept.
    pub kept: Vec<u8>,
    /// How long they took to arrive.
    pub took: Duration,
    /// The host that sent them.
    pub host: String,
    /// What came of decompressing it, if it is a layer that was read to its end.
    pub unpacked: Option<Unpacked>,
}

/// A blob that is being read, over one connection or several.
pub(super) struct BlobReader<'a> {
    cx: &'a Cx,
    blob: &'a Blob,
    host: String,
    most: u64,
    keep: bool,
    hasher: Hasher,
    unpacker: Option<Unpacker>,
    began: Instant,
    /// The number of bytes of the next response that were already read.
    skip: u64,
    pub(super) taken: BlobRead,
}

impl<'a> BlobReader<'a> {
    /// Returns a reader of up to `most` bytes of a blob at a host. The bytes are kept or only
    /// counted.
    pub(super) fn of(cx: &'a Cx, blob: &'a Blob, host: String, most: u64, keep: bool) -> Self {
        let (hasher, began) = (Hasher::like(&blob.digest), Instant::now());
        let from = host.clone();
        let taken = BlobRead {
            bytes: 0,
            whole: false,
            kept: vec![],
            took: Duration::ZERO,
            host: from,
            unpacked: None,
        };
        // Of a layer that is not read to its end, the diff id stays unknown.
        let is_whole = most == u64::MAX || blob.size.is_some_and(|size| size <= most);
        let limit = if cx.target.full { u64::MAX } else { MAX_UNPACKED_SAMPLE };
        let layer = blob.layer.as_ref().filter(|_| is_whole);
        let unpacker = layer.map(|layer| Unpacker::of(&blob.media_type, layer.place == 0, limit));
        Self { cx, blob, host, most, keep, hasher, unpacker, began, skip: 0, taken }
    }

    /// Reads a response. Returns false if the connection ended early; a runtime then asks for the
    /// rest.
    pub(super) async fn go(&mut self, mut reply: Reply) -> StepResult<bool> {
        // If the size is unknown, only the end of the response marks the end of the blob.
        let due = self.blob.size.unwrap_or(u64::MAX);
        loop {
            let mut piece = match reply.piece().await {
                Ok(Some(piece)) => piece,
                // A response that ends as it should, and too early, is not resumed.
                Ok(None) if self.taken.bytes < due && self.blob.size.is_some() => {
                    return Err(self.cut(Fault::ClosedByPeer));
                }
                Ok(None) => break,
                Err(Fault::ClosedByPeer) => return Ok(false),
                // It needs more memory than is spent here.
                Err(fault @ Fault::TooLong) => {
                    return Err(RegistryClient::not_replayed(&reply.host, &reply.request, fault));
                }
                Err(fault) => return Err(self.cut(fault)),
            };
            let known = usize::try_from(self.skip).unwrap_or(usize::MAX).min(piece.len());
            drop(piece.split_to(known));
            self.skip -= known as u64;
            self.hasher.update(&piece);
            self.unpack(&piece).await;
            self.taken.bytes += piece.len() as u64;
            self.taken.took = self.began.elapsed();
            if self.keep {
                self.taken.kept.extend_from_slice(&piece);
                if self.began.elapsed() > BODY_WAIT {
                    return Err(self.cut(Fault::TimedOut));
                }
            }
            if self.taken.bytes == due {
                match reply.piece().await {
                    Ok(Some(_)) => self.taken.bytes += 1,
                    // There is nothing to resume behind the end of the blob.
                    Ok(None) | Err(Fault::ClosedByPeer) => break,
                    // containerd reads on to the end of the body, and fails there.
                    Err(fault) => return Err(self.cut(fault)),
                }
            }
            if self.taken.bytes > due {
                return Err(self.other_bytes(None));
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
        self.finish().map(|()| true)
    }

    async fn unpack(&mut self, bytes: &[u8]) {
        let Some(unpacker) = &mut self.unpacker else { return };
        for part in bytes.chunks(PIECE) {
            unpacker.write(part);
            // Decompressing takes time that other waits need.
            tokio::task::yield_now().await;
        }
    }

    /// Reads a blob whose bytes are all here.
    pub(super) async fn all(mut self, bytes: &[u8]) -> StepResult<BlobRead> {
        self.hasher.update(bytes);
        self.unpack(bytes).await;
        self.taken.bytes = bytes.len() as u64;
        if self.keep {
            self.taken.kept.extend_from_slice(bytes);
        }
        self.finish()?;
        Ok(self.taken)
    }

    /// Verifies the digest, now that the blob was read to its end.
    fn finish(&mut self) -> StepResult<()> {
        let got = std::mem::replace(&mut self.hasher, Hasher::like("")).finish();
        if got != self.blob.digest {
            return Err(self.other_bytes(Some(got)));
        }
        self.taken.whole = true;
        self.taken.unpacked = self.unpacker.take().map(Unpacker::finish);
        Ok(())
    }

    /// Takes a response that is to continue the blob: it holds either the requested rest or the whole blob,
    /// whose beginning is then skipped.
    pub(super) fn goes_on(&mut self, rest: &Reply) -> StepResult<()> {
        let from = self.taken.bytes;
        self.skip = match rest.rest_from(from, self.cx.containerd()) {
            Rest::Remaining => 0,
            Rest::Whole => from,
            Rest::Unclear => return Err(self.unclear()),
            Rest::Unusable => return Err(self.cut(Fault::ClosedByPeer)),
        };
        Ok(())
    }

    /// Reports that the response to a request for the rest does not say which part of the blob it
    /// holds. Runtimes treat such a response differently.
    fn unclear(&self) -> NoFact {
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

    /// Reports that the download stopped before its end. After a timeout this is *could not tell*,
    /// because a runtime would wait longer than we do.
    pub(super) fn cut(&self, fault: Fault) -> NoFact {
        let (host, digest) = (self.host.clone(), self.blob.digest.clone());
        let (silent, seconds) = (fault == Fault::TimedOut, BODY_WAIT.as_secs());
        let broken = Broken { host, digest, got: self.taken.bytes, of: self.blob.size, fault };
        if silent {
            return NoFact::could_not_tell(Problem::PullProgressTimeout { seconds, broken });
        }
        Problem::BlobUnexpectedEof(broken).into()
    }

    /// Reports other bytes than the digest names: those with that digest, or more than there are.
    fn other_bytes(&self, got: Option<String>) -> NoFact {
        let (host, digest) = (self.host.clone(), self.blob.digest.clone());
        let more_than = self.blob.size.filter(|_| got.is_none());
        Problem::BlobDigestMismatch { host, digest, got, more_than }.into()
    }
}
