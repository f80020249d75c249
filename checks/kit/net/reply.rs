//! An HTTP response: status and headers first, the body as it arrives. Both are bounded in size and
//! time.

use http_body_util::BodyExt;
use hyper::{
    HeaderMap,
    body::{Bytes, Incoming},
};
use jiff::Timestamp;
use serde_json::{Map, Value, json};
use tokio::time::timeout;

use super::{BODY_WAIT, Fault};
use crate::kit::target::Host;

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

    /// Returns the next chunk of the body; `None` at its end.
    pub async fn piece(&mut self) -> Result<Option<Bytes>, Fault> {
        let next = async {
            while let Some(frame) = self.body.frame().await {
                match frame.map_err(|error| Fault::of(&error))?.into_data() {
                    // HTTP/2 may end a body with an empty frame, which is not a chunk.
                    Ok(piece) if !piece.is_empty() => return Ok(Some(piece)),
                    _ => {}
                }
            }
            Ok(None)
        };
        timeout(BODY_WAIT, next).await.unwrap_or(Err(Fault::TimedOut))
    }

    /// Reads the whole body. Fails when it is longer than `limit` or takes too long.
    pub async fn read(mut self, limit: usize) -> Result<Vec<u8>, Fault> {
        let reading = async {
            let mut whole = vec![];
            while let Some(piece) = self.piece().await? {
                if whole.len() + piece.len() > limit {
                    return Err(Fault::TooLong);
                }
                whole.extend_from_slice(&piece);
            }
            Ok(whole)
        };
        timeout(BODY_WAIT, reading).await.unwrap_or(Err(Fault::TimedOut))
    }

    pub(super) fn kept(&self) -> Map<String, Value> {
        let kept = KEPT
            .iter()
            .filter_map(|name| Some(((*name).replace('-', "_"), json!(self.header(name)?))));
        let mut kept: Map<_, _> = kept.collect();
        // A redirect's URL may contain a signature, so only its host is kept.
        let location = self.header("location").and_then(|url| url::Url::parse(url).ok());
        let host = location.as_ref().and_then(url::Url::host_str);
        kept.extend(host.map(|host| ("redirected_to".to_owned(), json!(host))));
        kept
    }
}
