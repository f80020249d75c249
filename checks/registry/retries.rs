//! Repeats a request when containerd does (core/remotes/docker/resolver.go, `retryRequest`).

use tokio::time::Instant;

use super::Problem;
use crate::kit::{
    Cx, Host, StepResult,
    net::{HTTP_WAIT, Reply},
    rules::since,
};

/// How often a request is repeated to which the server responds that it is throttled, took too long or
/// fails.
pub(super) const MAX_RETRIES: usize = 5;

/// Sends a request up to `left` more times. A host that fails is asked again only if it is the last
/// one. Older versions repeat no request to it; where the version is not known, the kubelet tries again in
/// any case.
pub(super) async fn retried(
    cx: &Cx,
    left: usize,
    is_last: bool,
    ask: impl AsyncFn() -> StepResult<Reply>,
) -> StepResult<Reply> {
    let (mut seen, began) = (vec![], Instant::now());
    loop {
        let reply = ask().await?;
        if !matches!(reply.status, 408 | 429 | 500 | 503 | 504) {
            note_retries(cx, &reply.host, seen, &reply);
            return Ok(reply);
        }
        let status = reply.status.to_string();
        let repeats = cx.containerd().is_at_least(since::REPEATS) != Some(false);
        let is_tried = !matches!(reply.status, 408 | 429)
            && (seen.last() == Some(&status) || !is_last || !repeats);
        if is_tried || seen.len() >= left || began.elapsed() >= HTTP_WAIT {
            return Ok(reply);
        }
        seen.push(status);
    }
}

/// Warns that a host responded only after retries.
pub(super) fn note_retries(cx: &Cx, host: &Host, failed: Vec<String>, reply: &Reply) {
    if !failed.is_empty() {
        let (host, then) = (host.to_string(), reply.status);
        cx.add_finding(Problem::Unsteady { host, failed, then });
    }
}

/// Returns whether a status says nothing about the request: the server fails, or is busy.
pub(super) fn is_transient(status: u16) -> bool {
    matches!(status, 408 | 429 | 500..)
}
