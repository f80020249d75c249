//! Sends what a caller asks in its own way, as often as containerd does.

use super::{
    RegistryClient,
    retries::{Before, retried},
};
use crate::kit::{Cx, StepResult, net::Reply};

impl RegistryClient {
    /// Sends a request, and retries when containerd does: at once, when it is rate limited or the
    /// server took too long, and when a server fails in another way than the last time. containerd sent it
    /// `sent` times before.
    pub(crate) async fn with_retries(
        &self,
        cx: &Cx,
        sent: usize,
        ask: impl AsyncFn() -> StepResult<Reply>,
    ) -> StepResult<Reply> {
        retried(cx, Before { sent, named_error: false }, self.is_last(), ask).await
    }

    /// Sends a request to a host after which containerd asks another one: it repeats no failure of it.
    pub(crate) async fn with_retries_before_another(
        &self,
        cx: &Cx,
        ask: impl AsyncFn() -> StepResult<Reply>,
    ) -> StepResult<Reply> {
        retried(cx, Before::default(), false, ask).await
    }
}
