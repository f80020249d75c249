//! An answer: its status and headers at once, its body as it comes, up to a bound and in bounded time.

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

/// Headers that are kept as evidence. None is meant to hold a secret; should a server send one of ours
/// back in them, it is not shown.
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

/// The beginning of an answer; its body is still to be read.
pub struct Reply {
    /// Who answered: after a redirect, not who was asked.
    pub host: Host,
    /// The status.
    pub status: u16,
    /// All headers.
    pub headers: HeaderMap,
    pub(super) body: Incoming,
}

/// The time at which an answer says that it was made.
pub fn date(reply: &Reply) -> Option<Timestamp> {
    let date = reply.header("date")?;
    jiff::fmt::rfc2822::DateTimeParser::new().parse_timestamp(date).ok()
}

impl Reply {
    /// A header, when it is there and readable.
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers.get(name)?.to_str().ok()
    }

    /// The next piece of the body; `None` at its end.
    pub async fn piece(&mut self) -> Result<Option<Bytes>, Fault> {
        let next = async {
            while let Some(frame) = self.body.frame().await {
                match frame.map_err(|error| Fault::of(&error))?.into_data() {
                    // HTTP/2 may end a body with a frame that has nothing in it: no piece of anything.
                    Ok(piece) if !piece.is_empty() => return Ok(Some(piece)),
                    _ => {}
                }
            }
            Ok(None)
        };
        timeout(BODY_WAIT, next).await.unwrap_or(Err(Fault::TimedOut))
    }

    /// The whole body, when it is no longer than `limit` and comes in time.
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
        // A redirect's URL may carry a signature: its host is all that is kept.
        let location = self.header("location").and_then(|url| url::Url::parse(url).ok());
        let host = location.as_ref().and_then(url::Url::host_str);
        kept.extend(host.map(|host| ("redirected_to".to_owned(), json!(host))));
        kept
    }
}
