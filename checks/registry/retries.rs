//! Repeats a request when containerd does (core/remotes/docker/resolver.go, `retryRequest`).

use tokio::time::Instant;

use super::{Problem, RegistryClient};
use crate::kit::{
    Cx, Host, StepResult,
    net::{HTTP_WAIT, Reply},
};

/// How often a request is repeated to which the server responds that it is throttled, took too long or
/// fails.
pub(crate) const MAX_RETRIES: usize = 5;

impl RegistryClient {
    /// Sends a request, and retries when containerd does: at once, when it is rate limited or the
    /// server took too long, and when a server fails in another way than the last time.
    pub(crate) async fn with_retries(
        &self,
        cx: &Cx,
        ask: impl AsyncFn() -> StepResult<Reply>,
    ) -> StepResult<Reply> {
        retried(cx, MAX_RETRIES, self.is_last(), ask).await
    }

    /// Returns whether containerd asks no other host after this one.
    pub(super) fn is_last(&self) -> bool {
        self.mirror.is_none()
    }
}

/// Sends a request up to `left` more times. A host that fails is asked again only if it is the last
/// one.
pub(crate) async fn retried(
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
        let is_tried =
            !matches!(reply.status, 408 | 429) && (seen.last() == Some(&status) || !is_last);
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
