//! Do the bytes of the image arrive?
//!
//! The config blob to its end, then bytes of a layer (of every layer with `--full`), through the
//! registry's redirect, without its credentials. Nothing is green without them.

mod bytes;

use std::rc::Rc;

use futures::future::{OptionFuture, join};
use serde::Serialize;

use crate::{
    kit::{
        Cx, Got, Halt, Role,
        net::{Fault, Reached, Reply, Request},
    },
    manifest::{Blob, Content},
    tls::Secured,
    token::{Session, Source},
};
use bytes::take;

/// How much of a layer is read when not all of it is asked for.
const SAMPLE: u64 = 1024 * 1024;
/// The longest config that is read.
const LONGEST_CONFIG: u64 = 8 * 1024 * 1024;

/// What can be wrong with the bytes of an image.
#[derive(Serialize, strum::VariantNames)]
#[serde(rename_all = "kebab-case")]
#[strum(serialize_all = "kebab-case")]
pub enum Trouble {
    /// The manifest names a blob that is not there.
    BlobMissing(Refused),
    /// The host that serves the bytes refuses.
    BlobRefused(Refused),
    /// It fails.
    BlobOutage(Refused),
    /// The bytes stop before the end.
    BlobUnexpectedEof(Broken),
    /// The bytes stop coming, and the connection stays.
    BlobStalled(Broken),
    /// They are not the bytes that the digest names.
    BlobDigestMismatch {
        /// Who sent them.
        host: String,
        /// The digest that was due.
        digest: String,
        /// The digest of what came.
        got: String,
    },
    /// The config is longer than what is read: could not tell.
    ConfigTooLong {
        /// What the manifest says.
        bytes: u64,
    },
    /// The config does not describe the layers: a chart, a signature, some other artifact.
    NotAnImage {
        /// What the config is called.
        media_type: String,
        /// How many layers there are.
        layers: usize,
        /// How many the config describes.
        described: usize,
    },
    /// A lone manifest for another platform: it is pulled, and will not run.
    OtherPlatform {
        /// What was needed.
        wanted: String,
        /// What the config says.
        built_for: String,
    },
    /// The bytes come, but slowly.
    Slow {
        /// Who sends them.
        host: String,
        /// How many came.
        got: u64,
        /// In how long.
        seconds: u64,
    },
}

/// A blob that was refused.
#[derive(Serialize)]
pub struct Refused {
    host: String,
    digest: String,
    status: u16,
    /// The storage's or the registry's own word.
    #[serde(skip_serializing_if = "Option::is_none")]
    said: Option<String>,
}

/// A blob that broke off.
#[derive(Serialize)]
pub struct Broken {
    host: String,
    digest: String,
    /// The bytes that came.
    got: u64,
    /// The bytes that were due.
    of: u64,
    fault: Fault,
}

/// The bytes that are in hand.
#[derive(Serialize)]
pub struct InHand {
    /// Who sent them.
    host: String,
    /// Bytes of the config.
    config: usize,
    /// Bytes of layers; none where the image has no layers.
    #[serde(skip_serializing_if = "Option::is_none")]
    bytes: Option<u64>,
    /// The layers that they are of.
    layers_read: usize,
    layers: usize,
    /// Whether every digest was verified, as a word.
    verified: &'static str,
}

/// Where the blobs come from.
struct Blobs<'a> {
    cx: &'a Cx,
    session: &'a Session,
    host: String,
}

/// Fetches the config and bytes of a layer.
pub async fn read(
    cx: &Cx,
    session: &Session,
    content: &Content,
    reached: &Option<Rc<Reached>>,
    secured: &Option<Rc<Secured>>,
) -> Got<InHand> {
    let source = content.config_source.take();
    let host = match (&source, reached) {
        (Some(Source::Elsewhere(..)), None) => return Err(Halt::LeftOut),
        (_, Some(reached)) => {
            session.site().join(cx, reached, secured.as_deref()).await?;
            reached.host.to_string()
        }
        (_, None) => session.site().host.to_string(),
    };
    let blobs = Blobs { cx, session, host };
    let wanted = wanted(&content.blobs, cx.subject.full);
    // While the config comes from elsewhere, the registry is free to say where the layer is.
    let ahead = wanted.first().filter(|_| matches!(source, Some(Source::Elsewhere(..))));
    let ahead = OptionFuture::from(ahead.map(|blob| blob.ask(cx, session)));
    let (config, mut ahead) = join(blobs.config(content, source), ahead).await;
    let config = config?;
    let described = bytes::described(&config);
    if described != content.layers {
        let (media_type, layers) = (content.config_type.clone(), content.layers);
        return Err(Trouble::NotAnImage { media_type, layers, described }.into());
    }
    let built_for = bytes::platform(&config).filter(|_| !content.chosen);
    if let Some(other) = built_for.filter(|built| cx.subject.platform.rank(built).is_none()) {
        let (wanted, built_for) = (cx.subject.platform.to_string(), other.to_string());
        cx.tell(Trouble::OtherPlatform { wanted, built_for });
    }
    let mut in_hand = InHand {
        host: blobs.host.clone(),
        config: config.len(),
        bytes: None,
        layers_read: 0,
        layers: content.blobs.len(),
        verified: "all-read",
    };
    for blob in wanted {
        let source = match ahead.take() {
            Some(source) => source?,
            None => blob.ask(cx, session).await?,
        };
        let most = if cx.subject.full { u64::MAX } else { SAMPLE };
        let (host, reply) = blobs.open(blob, source).await?;
        let taken = take(cx, reply, blob, &host, most, false).await?;
        *in_hand.bytes.get_or_insert(0) += taken.bytes;
        in_hand.layers_read += 1;
        if !taken.whole {
            in_hand.verified = "a-sample";
        }
    }
    Ok(in_hand)
}

/// All layers; or one: the largest that a sample holds whole, for then its digest proves it, else the
/// smallest.
fn wanted(blobs: &[Blob], full: bool) -> Vec<&Blob> {
    if full {
        return blobs.iter().collect();
    }
    let whole = blobs.iter().filter(|blob| blob.size <= SAMPLE);
    let largest = whole.max_by_key(|blob| blob.size);
    largest.or_else(|| blobs.iter().min_by_key(|blob| blob.size)).into_iter().collect()
}

impl Blobs<'_> {
    async fn config(&self, content: &Content, source: Option<Source>) -> Got<Vec<u8>> {
        let size = content.config.size;
        if size > LONGEST_CONFIG {
            return Err(Halt::broke(Trouble::ConfigTooLong { bytes: size }));
        }
        let source = match source {
            Some(source) => source,
            None => content.config.ask(self.cx, self.session).await?,
        };
        let (host, reply) = self.open(&content.config, source).await?;
        Ok(take(self.cx, reply, &content.config, &host, u64::MAX, true).await?.kept)
    }

    /// The answer that carries the blob, wherever it comes from.
    async fn open(&self, blob: &Blob, source: Source) -> Got<(String, Reply)> {
        let site = self.session.site();
        let (host, reply) = match source {
            Source::Itself(reply) => (site.host.clone(), reply),
            Source::Elsewhere(host, target) => {
                let request = Request::new(hyper::Method::GET, target.expose());
                let reply = site.follow(self.cx, &host, &request, Role::Data).await;
                (host, reply?)
            }
        };
        if matches!(reply.status, 200 | 206) {
            return Ok((host.to_string(), reply));
        }
        let (host, status, digest) = (reply.host.to_string(), reply.status, blob.digest.clone());
        let error = reply.error().await;
        let gone = ["BlobNotFound", "BLOB_UNKNOWN", "NoSuchKey"].contains(&error.code.as_str());
        let refused = Refused { host, digest, status, said: error.words() };
        Err(match status {
            404 if gone => Trouble::BlobMissing(refused).into(),
            429 | 500.. => Trouble::BlobOutage(refused).into(),
            _ => Trouble::BlobRefused(refused).into(),
        })
    }
}
