//! Do the bytes of the image arrive?
//!
//! The config blob to its end, then bytes of a layer (of every layer with `--full`), through the
//! registry's redirect, without its credentials. Nothing is green without them.

mod bytes;

use std::rc::Rc;

use serde::Serialize;

use crate::{
    kit::{
        Cx, Got, Halt, Host, RunTrouble,
        net::{Fault, Line, Reply, Request},
    },
    manifest::{Blob, Content, Source, blob_source},
    network::Reached,
    registry::join,
    tls::Secured,
    token::Session,
};
use bytes::{Taken, take};

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
    BlobMissing(Asked),
    /// The host that serves the bytes refuses.
    BlobRefused(Asked),
    /// It fails.
    BlobOutage(Asked),
    /// It does not answer.
    BlobNoAnswer {
        /// Who was asked.
        host: String,
        /// For what.
        digest: String,
        /// How it failed.
        fault: Fault,
    },
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
    /// The config is longer than any config.
    ConfigTooLong {
        /// What the manifest says.
        bytes: u64,
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
pub struct Asked {
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
    /// Bytes of layers.
    bytes: u64,
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
    data: Option<Rc<Line>>,
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
    let data = match (&source, reached) {
        (Some(Source::Elsewhere(..)), None) => return Err(Halt::skipped(RunTrouble::LeftOut {})),
        (_, Some(reached)) => Some(Rc::new(join(cx, reached, secured.as_deref()).await?)),
        (_, None) => None,
    };
    let blobs = Blobs { cx, session, data };
    let config = blobs.config(content, source).await?;
    let built_for = bytes::platform(&config).filter(|_| !content.chosen);
    if let Some(other) = built_for.filter(|built| cx.subject.platform.rank(built).is_none()) {
        let (wanted, built_for) = (cx.subject.platform.to_string(), other.to_string());
        cx.tell(Trouble::OtherPlatform { wanted, built_for });
    }
    let mut in_hand = InHand {
        host: blobs.host(),
        bytes: 0,
        layers_read: 0,
        layers: content.blobs.len(),
        verified: "all-read",
    };
    for blob in wanted(&content.blobs, cx.subject.full) {
        let taken = blobs.layer(blob, if cx.subject.full { u64::MAX } else { SAMPLE }).await?;
        in_hand.bytes += taken.bytes;
        in_hand.layers_read += 1;
        if !taken.whole {
            in_hand.verified = "a-sample";
        }
    }
    Ok(in_hand)
}

/// All layers, or the smallest that is not empty: the likeliest to be verified to its end.
fn wanted(blobs: &[Blob], full: bool) -> Vec<&Blob> {
    if full {
        return blobs.iter().collect();
    }
    blobs.iter().filter(|blob| blob.size > 0).min_by_key(|blob| blob.size).into_iter().collect()
}

impl Blobs<'_> {
    fn host(&self) -> String {
        let data = self.data.as_ref().map(|line| line.host.to_string());
        data.unwrap_or_else(|| self.session.site().host.to_string())
    }

    async fn config(&self, content: &Content, source: Option<Source>) -> Got<Vec<u8>> {
        let Blob { digest, size } = &content.config;
        if *size > LONGEST_CONFIG {
            return Err(Trouble::ConfigTooLong { bytes: *size }.into());
        }
        let source = match source {
            Some(source) => source,
            None => blob_source(self.cx, self.session, digest).await?,
        };
        let (host, reply) = self.open(&content.config, source).await?;
        Ok(take(self.cx, reply, &content.config, &host, u64::MAX, true).await?.kept)
    }

    async fn layer(&self, blob: &Blob, most: u64) -> Got<Taken> {
        let source = blob_source(self.cx, self.session, &blob.digest).await?;
        let (host, reply) = self.open(blob, source).await?;
        Ok(take(self.cx, reply, blob, &host, most, false).await?)
    }

    /// The answer that carries the blob, wherever it comes from.
    async fn open(&self, blob: &Blob, source: Source) -> Got<(String, Reply)> {
        let (host, reply) = match source {
            Source::Itself(reply) => (self.session.site().host.clone(), reply),
            Source::Elsewhere(host, target) => {
                let request = Request::new(hyper::Method::GET, target.expose());
                (host.clone(), self.ask(&host, blob, &request).await?)
            }
        };
        let asked = |said| Asked {
            host: host.to_string(),
            digest: blob.digest.clone(),
            status: reply.status,
            said,
        };
        match reply.status {
            200 => return Ok((host.to_string(), reply)),
            401 if host == self.session.site().host => {
                return Err(self.session.refused(self.cx, reply).await);
            }
            404 => return Err(Trouble::BlobMissing(asked(None)).into()),
            _ => {}
        }
        let refused = asked(None);
        let said = bytes::refusal(reply).await;
        let refused = Asked { said, ..refused };
        Err(match refused.status {
            429 | 500.. => Trouble::BlobOutage(refused).into(),
            _ => Trouble::BlobRefused(refused).into(),
        })
    }

    async fn ask(&self, host: &Host, blob: &Blob, request: &Request) -> Got<Reply> {
        match self.data.as_ref().filter(|line| same(&line.host, host)) {
            Some(line) => line.ask(self.cx, request).await.map_err(|fault| {
                let (host, digest) = (host.to_string(), blob.digest.clone());
                Trouble::BlobNoAnswer { host, digest, fault }.into()
            }),
            // A layer may be served by another host than the config: it is opened here.
            None => self.session.site().send(self.cx, host, request).await,
        }
    }
}

fn same(one: &Host, other: &Host) -> bool {
    (&one.name, one.port) == (&other.name, other.port)
}
