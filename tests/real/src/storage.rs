//! The data host: serves docker-registry's own blob files over TLS, and loses, truncates or stalls
//! those that a case selects.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use hyper::Method;
use hyper::body::Bytes;

use crate::Fallible;
use crate::pki::Leaves;
use crate::places::{DATA, DATA_MISTRUSTED, DATA_STRANGER, DATA_TOLLED};
use crate::serve::{Answer, Asked, answer, broken_off, serve, stalled};

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Loss {
    /// The storage does not have the blob.
    Gone,
    /// The connection ends in the middle of the blob, every time.
    Cut,
    /// Half of the blob arrives, then the transfer stalls and the connection stays open.
    Stalled,
}

/// The response of a storage account to an address that its firewall blocks: XML with a byte order
/// mark.
const DENIED: &str = "\u{feff}<?xml version=\"1.0\" encoding=\"utf-8\"?><Error><Code>AuthorizationFailure</Code>\
                      <Message>This request is not authorized to perform this operation.</Message></Error>";
const NOT_FOUND: &str = "\u{feff}<?xml version=\"1.0\" encoding=\"utf-8\"?><Error><Code>BlobNotFound</Code>\
                         <Message>The specified blob does not exist.</Message></Error>";
/// The response to a signed URL that has expired or was rewritten on the way.
const MISTRUSTED: &str = "\u{feff}<?xml version=\"1.0\" encoding=\"utf-8\"?><Error><Code>AuthenticationFailed</Code>\
                          <Message>Server failed to authenticate the request. Make sure the value of Authorization header is formed \
                          correctly including the signature.</Message><AuthenticationErrorDetail>Signature did not match.\
                          </AuthenticationErrorDetail></Error>";
const XML: (&str, &str) = ("content-type", "application/xml");

pub async fn start(root: PathBuf, losses: BTreeMap<String, Loss>, leaves: &Leaves) -> Fallible<()> {
    let shelf = Arc::new((root, losses));
    let again = shelf.clone();
    serve(DATA, leaves.good.tls.clone(), move |asked| fetch(&shelf.0, &shelf.1, &asked)).await?;
    serve(DATA_STRANGER, leaves.stranger.tls.clone(), move |asked| {
        fetch(&again.0, &again.1, &asked)
    })
    .await?;
    serve(DATA_MISTRUSTED, leaves.good.tls.clone(), |_| answer(403, &[XML], MISTRUSTED)).await?;
    serve(DATA_TOLLED, leaves.good.tls.clone(), |_| answer(403, &[XML], DENIED)).await
}

fn fetch(root: &Path, losses: &BTreeMap<String, Loss>, asked: &Asked) -> Answer {
    if asked.authorization.is_some() {
        return answer(
            400,
            &[XML],
            "a signed address and an Authorization header do not go together",
        );
    }
    let path = asked.path.trim_start_matches('/');
    let bytes = if path.contains("..") { None } else { std::fs::read(root.join(path)).ok() };
    let digest = path.rsplit('/').nth(1).map(|hex| format!("sha256:{hex}")).unwrap_or_default();
    let loss = losses.get(&digest).copied();
    let Some(bytes) = bytes.filter(|_| loss != Some(Loss::Gone)) else {
        return answer(404, &[XML], NOT_FOUND);
    };
    let whole = bytes.len();
    let from = asked.range.as_deref().and_then(start_of).filter(|from| *from < whole);
    let rest = Bytes::from(bytes).slice(from.unwrap_or(0)..);
    if let (Some(loss @ (Loss::Cut | Loss::Stalled)), &Method::GET) = (loss, &asked.method) {
        let sent = rest.slice(..(whole / 2).saturating_sub(from.unwrap_or(0)));
        let halfway = if loss == Loss::Cut { broken_off } else { stalled };
        return halfway(rest.len(), sent);
    }
    let kind = ("content-type", "application/octet-stream");
    match from {
        Some(from) => {
            let range = format!("bytes {from}-{}/{whole}", whole - 1);
            answer(206, &[kind, ("content-range", &range)], rest)
        }
        None => answer(200, &[kind, ("accept-ranges", "bytes")], rest),
    }
}

/// Returns the start of `bytes=N-`, the only form that clients use here.
fn start_of(range: &str) -> Option<usize> {
    range.strip_prefix("bytes=")?.split('-').next()?.parse().ok()
}
