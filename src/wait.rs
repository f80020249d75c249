//! What may never come: a file that is a pipe, standard input. It is waited for on a thread of its own.

use std::time::Duration;

use tokio::{task::spawn_blocking, time::timeout};

/// Does what may block, and waits for it no longer than that. Until then Ctrl-C ends the program at once.
pub(crate) async fn no_longer_than<T: Send + 'static>(
    wait: Duration,
    what: &str,
    work: impl FnOnce() -> Result<T, String> + Send + 'static,
) -> Result<T, String> {
    match timeout(wait, spawn_blocking(work)).await {
        Ok(Ok(done)) => done,
        Ok(Err(_)) => Err(format!("{what}: reading it failed")),
        Err(_) => Err(format!("{what}: nothing came of it in {} s", wait.as_secs())),
    }
}
