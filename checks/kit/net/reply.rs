//! An HTTP response: status and headers first, the body as it arrives. Both are bounded in size and
//! time.

use http_body_util::BodyExt;
use hyper::{
    HeaderMap,
    body::{Bytes, Incoming},
    header::CONTENT_LENGTH,
};
use jiff::Timestamp;
use serde_json::{Map, Value, json};
use tokio::{task::yield_now, time::timeout};

use super::{
    BODY_WAIT, Fault,
    encoding::{Decoding, OddEncoding},
};
use crate::kit::{
    rules::{GoUrl, Puller, request_url, since},
    target::Host,
};

/// How often the rest of some content is requested in a row without receiving more of it, as in containerd.
pub const MAX_STALLED_RETRIES: usize = 3;

/// The headers that are kept as evidence. None of them is meant to hold a secret; if a server
/// echoes one of ours, it is redacted.
const KEPT: [&str; 10] = [
    "content-length",
    "content-type",
    "date",
    "docker-content-digest",
    "docker-distribution-api-version",
    "retry-after",
    "server",
    "www-authenticate",
    "x-ms-correlation-request-id",
    "x-ms-request-id",
];

/// The beginning of a response, with the body still unread.
pub struct Reply {
    /// The host that responded: after a redirect, its target.
    pub host: Host,
    /// The request that it answers, as reports name it: after a redirect, the first one.
    pub request: String,
    /// The status code.
    pub status: u16,
    /// All headers.
    pub headers: HeaderMap,
    pub(super) body: Incoming,
    pub(super) decoding: Option<Decoding>,
    /// An encoding of the body that not every containerd decompresses.
    pub odd_encoding: Option<OddEncoding>,
    /// The statuses with which the server answered the same request before, because it was busy or failed.
    pub failed: Vec<String>,
}

/// What a response to a request for the rest of some content holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Rest {
    /// The rest.
    Remaining,
    /// All of it.
    Whole,
    /// It does not say what, and versions of containerd treat it differently.
    Unclear,
    /// What containerd refuses.
    Unusable,
}

/// Returns the time in the `Date` header.
pub fn date(reply: &Reply) -> Option<Timestamp> {
    let date = reply.header("date")?;
    jiff::fmt::rfc2822::DateTimeParser::new().parse_timestamp(date).ok()
}

impl Reply {
    /// Returns a header; `None` when it is missing or not text.
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers.get(name)?.to_str().ok()
    }

    /// Takes the status and the headers of another response in place of its own, as Go hands them on: without
    /// a length where the body is decompressed.
    pub fn take_head_of(&mut self, other: &Reply) {
        self.request.clone_from(&other.request);
        self.status = other.status;
        self.headers.clone_from(&other.headers);
        if other.is_encoded() {
            self.headers.remove(CONTENT_LENGTH);
        }
    }

    /// Returns what the response to a request for the bytes from that one on holds, as containerd takes it
    /// (core/remotes/docker/resolver.go, `withOffsetCheck`).
    pub fn rest_from(&self, from: u64, containerd: Puller) -> Rest {
        let range = self.header("content-range").unwrap_or_default();
        let takes_any = containerd.is_at_least(since::TAKES_ANY_RANGE);
        match (self.status, takes_any) {
            _ if range.starts_with(&format!("bytes {from}-")) => Rest::Remaining,
            (206, Some(true)) => Rest::Remaining,
            (206, _) => Rest::Unclear,
            // The bytes in front are skipped as they are sent, not as they are decompressed.
            _ if range.is_empty() && !self.is_encoded() => Rest::Whole,
            _ => Rest::Unusable,
        }
    }

    /// Returns whether the body is decompressed.
    pub fn is_encoded(&self) -> bool {
        self.decoding.is_some()
    }

    /// Returns whether the body has several encodings on top of one another.
    pub fn is_encoded_twice(&self) -> bool {
        self.decoding.as_ref().is_some_and(Decoding::is_of_several)
    }

    /// Returns the next chunk of the body; `None` at its end.
    pub async fn piece(&mut self) -> Result<Option<Bytes>, Fault> {
        let next = async {
            while let Some(frame) = self.body.frame().await {
                let Ok(piece) = frame.map_err(|error| body_fault(&error))?.into_data() else {
                    continue;
                };
                let piece = match &mut self.decoding {
                    Some(decoding) => decoding.piece(&piece).await?,
                    None => piece,
                };
                // HTTP/2 may end a body with an empty frame, which is not a chunk.
                if !piece.is_empty() {
                    return Ok(Some(piece));
                }
                // Nothing may come of very many frames.
                yield_now().await;
            }
            let Some(mut decoding) = self.decoding.take() else { return Ok(None) };
            Ok(Some(decoding.end().await?).filter(|last| !last.is_empty()))
        };
        timeout(BODY_WAIT, next).await.unwrap_or(Err(Fault::TimedOut))
    }

    /// Reads the whole body. Fails when it is longer than `limit` or takes too long.
    pub async fn read(self, limit: usize) -> Result<Vec<u8>, Fault> {
        let mut whole = vec![];
        self.read_due(&mut whole, limit, None).await.map(|()| whole)
    }

    /// Reads the body as a decoder does that stops at the end of a document: it does not matter how the
    /// connection ends.
    pub async fn read_beginning(mut self, limit: usize) -> Result<Vec<u8>, Fault> {
        let reading = async {
            let mut read = vec![];
            loop {
                match self.piece().await {
                    Ok(Some(piece)) if read.len() + piece.len() > limit => {
                        return Err(Fault::TooLong);
                    }
                    Ok(Some(piece)) => read.extend_from_slice(&piece),
                    // How it goes on behind a limit of ours is not known.
                    Err(fault)
                        if read.is_empty() || fault == Fault::TimedOut || fault.is_ours() =>
                    {
                        return Err(fault);
                    }
                    Ok(None) | Err(_) => return Ok(read),
                }
            }
        };
        timeout(BODY_WAIT, reading).await.unwrap_or(Err(Fault::TimedOut))
    }

    /// Reads the whole body behind what was read before, of which `due` bytes are known to belong to it:
    /// if they are there, the connection may end early.
    pub async fn read_due(
        mut self,
        read: &mut Vec<u8>,
        limit: usize,
        due: Option<usize>,
    ) -> Result<(), Fault> {
        let reading = async {
            loop {
                match self.piece().await {
                    Ok(Some(piece)) if read.len() + piece.len() > limit => {
                        return Err(Fault::TooLong);
                    }
                    Ok(Some(piece)) => read.extend_from_slice(&piece),
                    Ok(None) => return Ok(()),
                    Err(Fault::ClosedByPeer) if due == Some(read.len()) => return Ok(()),
                    Err(fault) => return Err(fault),
                }
            }
        };
        timeout(BODY_WAIT, reading).await.unwrap_or(Err(Fault::TimedOut))
    }

    pub(super) fn kept(&self) -> Map<String, Value> {
        let kept = KEPT
            .iter()
            .filter_map(|name| Some(((*name).replace('-', "_"), json!(self.header(name)?))));
        let mut kept: Map<_, _> = kept.collect();
        // A redirect's URL may contain a signature, so only its host is kept.
        let location = self.header("location").and_then(|url| request_url(url).ok());
        let host = location.as_ref().map(GoUrl::host);
        kept.extend(host.map(|host| ("redirected_to".to_owned(), json!(host))));
        kept
    }
}

/// Returns why a body broke off. A length that is not kept is found by HTTP/2 itself, without a reset from
/// the server: HTTP/1, which a kubelet's containerd speaks, sees a connection that ends.
fn body_fault(error: &hyper::Error) -> Fault {
    let inner = std::error::Error::source(error).map(ToString::to_string);
    match inner {
        Some(said) if said.starts_with("stream error detected: ") => Fault::ClosedByPeer,
        _ => Fault::of(error),
    }
}
