//! Repeats a request when containerd does (core/remotes/docker/resolver.go, `retryRequest`).

use tokio::time::Instant;

use super::{AuthScheme, Problem};
use crate::kit::{
    Cx, Host, NoFact, StepResult,
    net::{HTTP_WAIT, Reply},
    rules::since,
};

/// What containerd did with a request before it is sent here.
#[derive(Clone, Copy, Default)]
pub(crate) struct Before {
    /// How often it sent it: the 401 that asks for a sign-in is one of its attempts.
    pub(crate) sent: usize,
    /// Whether it stands for one without an authorization as well, whose challenge names an error.
    pub(crate) named_error: bool,
}

/// Returns how often a request is repeated to which the server responds that it is throttled, took too
/// long or fails.
pub(super) fn max_retries(cx: &Cx) -> usize {
    if cx.containerd().is_at_least(since::ATTEMPTS_FIVE_TIMES) == Some(true) { 4 } else { 5 }
}

/// Sends a request until it is answered, as often as containerd does. A host that fails is asked again
/// only if it is the last one. Older versions repeat no request to it; where the version is not known,
/// the kubelet tries again in any case.
pub(super) async fn retried(
    cx: &Cx,
    before: Before,
    is_last: bool,
    ask: impl AsyncFn() -> StepResult<Reply>,
) -> StepResult<Reply> {
    let left = max_retries(cx).saturating_sub(before.sent);
    let (mut failed, began) = (vec![], Instant::now());
    loop {
        let mut reply = ask().await?;
        if !matches!(reply.status, 408 | 429 | 500 | 503 | 504) {
            let ends = reply.status == 401 && failed.len() >= left;
            let is_late = before.named_error || names_error(&reply) || ends;
            if is_late && !failed.is_empty() {
                let (host, failed) = (reply.host.to_string(), failed.clone());
                cx.add_finding(Problem::UnsteadyBeforeSignIn { host, failed });
            } else {
                note_retries(cx, &reply.host, failed.clone(), &reply);
            }
            reply.failed = failed;
            return Ok(reply);
        }
        let status = reply.status.to_string();
        let repeats = cx.containerd().is_at_least(since::REPEATS) != Some(false);
        let is_tried = !matches!(reply.status, 408 | 429)
            && (failed.last() == Some(&status) || !is_last || !repeats);
        if is_tried || failed.len() >= left || began.elapsed() >= HTTP_WAIT {
            return Ok(reply);
        }
        failed.push(status);
    }
}

/// Returns whether a response asks for a sign-in and names an error. To containerd that is the end, unless
/// it is the first response to a request (core/remotes/docker/authorizer.go, `invalidAuthorization`).
fn names_error(reply: &Reply) -> bool {
    reply.status == 401 && AuthScheme::of(reply).is_some_and(|scheme| scheme.names_error())
}

impl Before {
    /// Returns it with what led to this response.
    pub(crate) fn and(self, reply: &Reply) -> Self {
        Self { sent: self.sent + reply.failed.len() + 1, ..self }
    }

    /// Returns that it is not known whether containerd comes to this response, if it spends its attempts before.
    pub(crate) fn exceeded(self, cx: &Cx, reply: &Reply) -> Option<NoFact> {
        let is_beyond = self.sent + reply.failed.len() > max_retries(cx);
        let (host, failed, then) = (reply.host.to_string(), reply.failed.clone(), reply.status);
        is_beyond.then(|| NoFact::could_not_tell(Problem::Unsteady { host, failed, then }))
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
