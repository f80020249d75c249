//! Checks that the bytes of the image arrive.
//!
//! It reads the whole config blob, then bytes of one layer (of every layer with `--full`). It
//! follows the registry's redirect without the registry's credentials. The check passes only if
//! bytes arrive.

mod archive;
mod bytes;
mod presence;
mod problem;
mod refusal;
mod second;
mod source;
mod unpack;

use std::{collections::HashSet, rc::Rc};

use futures::future::{OptionFuture, join};
use serde::Serialize;
use strum::VariantNames;

use crate::{
    kit::{
        Cx, NoFact, StepResult,
        net::{Connected, Fault, MAX_STALLED_RETRIES},
        rules::Platform,
        sanitize_text,
    },
    manifest::{Blob, Build, PlatformImage},
    tls::Secured,
    token::{BlobResponse, Session},
};
use bytes::{BlobRead, BlobReader};
pub use problem::Problem;
pub use unpack::{Unpacked, Unpacker};

/// How much of a layer is read without `--full`.
const SAMPLE: u64 = 1024 * 1024;
/// The size of the largest config that is read.
const MAX_CONFIG_BYTES: u64 = 8 * 1024 * 1024;

/// How far the digests were verified: a word of evidence.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, VariantNames)]
#[serde(rename_all = "kebab-case")]
#[strum(serialize_all = "kebab-case")]
pub(crate) enum Verified {
    /// Every blob was read to its end and matches its digest.
    AllRead,
    /// The config was read to its end, but only a part of a layer.
    ASample,
    /// Only a part of a layer was read, and no blob to its end.
    UnverifiedSample,
}

/// What was downloaded.
#[derive(Serialize)]
pub struct Downloaded {
    /// The host that sent the bytes.
    host: String,
    /// The size of the config in bytes, if there is a config.
    #[serde(skip_serializing_if = "Option::is_none")]
    config: Option<usize>,
    /// The number of layer bytes that were read; `None` if the image has no layers.
    #[serde(skip_serializing_if = "Option::is_none")]
    bytes: Option<u64>,
    /// How many milliseconds these bytes took to arrive.
    #[serde(skip_serializing_if = "Option::is_none")]
    took_ms: Option<u64>,
    /// The number of layers that these bytes belong to.
    layers_read: usize,
    layers: usize,
    /// The number of the other layers, if the registry has them all.
    #[serde(skip_serializing_if = "Option::is_none")]
    present: Option<usize>,
    /// How far the digests were verified.
    verified: Verified,
}

/// The source of the blobs.
struct Blobs<'a> {
    cx: &'a Cx,
    session: &'a Session,
    host: String,
}

/// Downloads the config and bytes of a layer.
pub async fn read(
    cx: &Cx,
    session: &Session,
    content: &PlatformImage,
    connected: &Option<Rc<Connected>>,
    secured: &Option<Rc<Secured>>,
) -> StepResult<Downloaded> {
    let first = content.first_source.take();
    let host = match (&first, connected) {
        (Some(BlobResponse::Redirect(..)), None) => return Err(NoFact::LeftOut),
        (_, Some(connected)) => {
            session.client().join(cx, connected, secured.as_deref()).await?;
            connected.host.to_string()
        }
        (_, None) => session.client().host.to_string(),
    };
    download(cx, session, content, first, host).await
}

/// Downloads the config and bytes of a layer from the hosts that a node's containerd asks.
pub async fn read_on_way(
    cx: &Cx,
    session: &Session,
    content: &PlatformImage,
) -> StepResult<Downloaded> {
    let first = content.first_source.take();
    download(cx, session, content, first, session.client().host.to_string()).await
}

async fn download(
    cx: &Cx,
    session: &Session,
    content: &PlatformImage,
    first: Option<BlobResponse>,
    host: String,
) -> StepResult<Downloaded> {
    let blobs = Blobs { cx, session, host };
    let wanted = wanted(&content.blobs, cx.target.full);
    let all: Vec<&Blob> = content.blobs.iter().collect();
    let also = content.also.iter().flat_map(|second| second.not_read(cx.target.full));
    let also: Vec<Blob> = also.cloned().collect();
    let (needed, also) = (others(&content.blobs, &wanted), others(&also, &all));
    let reading = Box::pin(async {
        let read = blobs.sample(content, first, wanted).await?;
        blobs.seconds(content).await.map(|()| read)
    });
    let present = async || -> StepResult<Option<usize>> {
        let present = presence::present(cx, session, &needed).await?;
        let also = presence::present(cx, session, &also).await;
        let also = also.map_err(|no_fact| PlatformImage::of_second(cx, no_fact))?;
        Ok(present.zip(also).map(|(present, also)| present + also))
    };
    // Over HTTP/1.1 each question would need a connection of its own.
    let (read, present) = if session.client().is_http2() {
        join(reading, present()).await
    } else {
        let read = reading.await;
        (read, present().await)
    };
    let read = read?;
    let present = present?.filter(|present| *present > 0);
    Ok(Downloaded { present, ..read })
}

/// Returns the blobs that are not read, each once.
fn others<'a>(all: &'a [Blob], wanted: &[&Blob]) -> Vec<&'a Blob> {
    let mut seen: HashSet<&str> = wanted.iter().map(|blob| blob.digest.as_str()).collect();
    all.iter().filter(|blob| blob.data.is_none() && seen.insert(&blob.digest)).collect()
}

/// Compares the uncompressed bytes of a layer with the config. A runtime does so as it unpacks them.
fn compare(cx: &Cx, blob: &Blob, wanted: &str, unpacked: Option<Unpacked>) -> StepResult<()> {
    let (digest, wanted) = (blob.digest.clone(), wanted.to_owned());
    match unpacked {
        Some(Unpacked::DiffId(got) | Unpacked::FilesUnknown(got)) if got != wanted => {
            Err(Problem::WrongDiffId { digest, wanted, got }.into())
        }
        Some(Unpacked::Broken(said)) => Err(Problem::NotUnpackable { digest, said }.into()),
        Some(Unpacked::NoArchive(said)) => {
            let said = sanitize_text(&said);
            Err(Problem::NoArchive { digest, said }.into())
        }
        Some(Unpacked::TooLarge) => {
            cx.add_finding(Problem::DiffIdUnknown { digest });
            Ok(())
        }
        Some(Unpacked::FilesUnknown(_)) => {
            cx.add_finding(Problem::FilesUnknown { digest });
            Ok(())
        }
        Some(Unpacked::DiffId(_)) | None => Ok(()),
    }
}

/// Warns if a single manifest is for another platform. A runtime pulls it for any platform.
fn warn_of_platform(cx: &Cx, built_for: &Platform) {
    let wanted = &cx.target.platform;
    if wanted.rank(built_for).is_none() {
        let (wanted, built_for) = (wanted.to_string(), built_for.to_string());
        let build = Build::of([wanted.clone(), built_for.clone()]);
        cx.add_finding(Problem::OtherPlatform { wanted, built_for, build });
    } else {
        PlatformImage::warn_of_build(cx, built_for);
    }
}

/// Returns the layers to read: all of them if `full`, otherwise one. That is the largest layer that
/// fits into a sample, because its digest can then be verified, or else the smallest layer.
fn wanted(blobs: &[Blob], full: bool) -> Vec<&Blob> {
    if full {
        return blobs.iter().collect();
    }
    let whole = blobs.iter().filter(|blob| blob.size.is_some_and(|size| size <= SAMPLE));
    let largest = whole.max_by_key(|blob| blob.size);
    let one = largest.or_else(|| blobs.iter().min_by_key(|blob| blob.size));
    // What the manifest holds costs nothing to read.
    let held = blobs.iter().filter(|blob| blob.data.is_some());
    let held = held.filter(|blob| one.is_none_or(|one| !std::ptr::eq(*blob, one)));
    one.into_iter().chain(held).collect()
}

impl Blobs<'_> {
    /// Reads the config and the wanted layers, or their beginnings.
    async fn sample(
        &self,
        content: &PlatformImage,
        mut first: Option<BlobResponse>,
        wanted: Vec<&Blob>,
    ) -> StepResult<Downloaded> {
        let (mut config_size, mut diff_ids) = (None, vec![]);
        let mut ahead = None;
        if let Some(blob) = &content.config {
            let source = first.take();
            // While another host sends the config, the registry can already answer where the layer is.
            let next = wanted.first().filter(|blob| {
                blob.data.is_none() && matches!(source, Some(BlobResponse::Redirect(..)))
            });
            let next = OptionFuture::from(next.map(|blob| blob.ask(self.cx, self.session)));
            let (config, next) = join(Box::pin(self.config(blob, source)), next).await;
            let config = config?;
            ahead = next;
            let described = content.read_config(&config, &self.cx.target.platform)?;
            config_size = Some(config.len());
            diff_ids = described.diff_ids;
            if let Some(built_for) = described.built_for.filter(|_| !content.chosen) {
                warn_of_platform(self.cx, &built_for);
            }
        }
        let mut in_hand = Downloaded {
            host: self.host.clone(),
            config: config_size,
            bytes: None,
            took_ms: None,
            layers_read: 0,
            layers: content.blobs.len(),
            present: None,
            verified: Verified::AllRead,
        };
        for blob in wanted {
            let source = match ahead.take() {
                Some(source) => Some(source?),
                None => first.take(),
            };
            let most = if self.cx.target.full { u64::MAX } else { SAMPLE };
            let taken = self.take(blob, source, most, false).await?;
            if let (true, Some(layer)) = (taken.whole, &blob.layer)
                && let Some(wanted) = diff_ids.get(layer.place)
            {
                compare(self.cx, blob, wanted, taken.unpacked)?;
            }
            *in_hand.bytes.get_or_insert(0) += taken.bytes;
            *in_hand.took_ms.get_or_insert(0) +=
                u64::try_from(taken.took.as_millis()).unwrap_or(u64::MAX);
            in_hand.host.clone_from(&taken.host);
            in_hand.layers_read += 1;
            if !taken.whole {
                in_hand.verified = if config_size.is_some() {
                    Verified::ASample
                } else {
                    Verified::UnverifiedSample
                };
            }
        }
        Ok(in_hand)
    }

    async fn config(&self, blob: &Blob, source: Option<BlobResponse>) -> StepResult<Vec<u8>> {
        if let Some(bytes) = blob.size.filter(|size| *size > MAX_CONFIG_BYTES) {
            return Err(NoFact::could_not_tell(Problem::ConfigTooLong { bytes }));
        }
        Ok(self.take(blob, source, u64::MAX, true).await?.kept)
    }

    /// Reads a blob. If the connection ends early, it requests the rest for as long as more
    /// arrives, as containerd does.
    async fn take(
        &self,
        blob: &Blob,
        source: Option<BlobResponse>,
        most: u64,
        keep: bool,
    ) -> StepResult<BlobRead> {
        if let Some(data) = &blob.data {
            return BlobReader::of(self.cx, blob, self.host.clone(), u64::MAX, keep)
                .all(data)
                .await;
        }
        let source = match source {
            Some(source) => source,
            None => blob.ask(self.cx, self.session).await?,
        };
        let (host, mut reply) = self.open(blob, source, 0).await?;
        let mut taking = BlobReader::of(self.cx, blob, host.clone(), most, keep);
        let (mut times, mut in_vain) = (0, 0);
        loop {
            let before = taking.taken.bytes;
            if taking.go(reply).await? {
                break;
            }
            // An end behind some bytes counts as the first in vain (core/remotes/docker/httpreadseeker.go).
            in_vain = if taking.taken.bytes > before { 1 } else { in_vain + 1 };
            if in_vain > MAX_STALLED_RETRIES {
                return Err(taking.cut(Fault::ClosedByPeer));
            }
            let rest = match self.rest(blob, taking.taken.bytes).await {
                // A client that waits longer may receive the rest.
                Err(no_fact @ NoFact::CouldNotTell(_)) => return Err(no_fact),
                rest => rest.ok(),
            };
            reply = rest.ok_or_else(|| taking.cut(Fault::ClosedByPeer))?;
            taking.goes_on(&reply)?;
            times += 1;
        }
        if times > 0 {
            self.cx.add_finding(Problem::BlobResumed { host, times });
        }
        Ok(taking.taken)
    }
}
