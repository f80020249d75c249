//! Asks the registry for the layers that are not read: one that is missing fails the pull.

use futures::stream::{self, StreamExt};
use tokio::time::Instant;

use crate::{
    kit::{Cx, StepResult, net::PROBE_WAIT},
    manifest::Blob,
    token::Session,
};

/// How many questions are under way at once.
const AT_ONCE: usize = 8;

/// Returns how many of the blobs the registry has; `None` if it does not tell of all of them.
///
/// A runtime never sends HEAD for a blob, so a 404 to HEAD counts only if GET meets it too.
pub(super) async fn present(
    cx: &Cx,
    session: &Session,
    blobs: &[&Blob],
) -> StepResult<Option<usize>> {
    let at_once = if session.client().is_http2() { AT_ONCE } else { 1 };
    let asks = blobs.iter().map(|blob| async move {
        // The servers that a manifest names for a blob are asked as containerd asks them.
        let known = if blob.urls.is_empty() {
            session.has_blob(cx, &blob.digest).await
        } else {
            Some(false)
        };
        match known {
            Some(false) => blob.ask(cx, session).await.map(|_| Some(())),
            Some(true) => Ok(Some(())),
            None => Ok(None),
        }
    });
    let mut asks = stream::iter(asks).buffered(at_once);
    let (mut all, mut began) = (Some(0), Instant::now());
    while let Some(answer) = asks.next().await {
        let answer = answer?;
        // A registry that does not answer HEAD is not asked for each of many layers.
        if answer.is_none() && began.elapsed() >= PROBE_WAIT {
            return Ok(None);
        }
        began = Instant::now();
        all = answer.and(all).map(|count| count + 1);
    }
    Ok(all)
}
