//! Waits on things that may never arrive: a named pipe or standard input, on a separate thread; a
//! signal to stop.

use std::time::Duration;

use tokio::{task::spawn_blocking, time::timeout};

/// Runs blocking work and waits for it up to a limit. Ctrl-C still ends the program at once.
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

/// Waits for Ctrl-C, or for SIGTERM where there are such signals: a pod that is deleted gets it, and a
/// command that `timeout` ends.
pub(crate) async fn interrupted() -> std::io::Result<()> {
    #[cfg(unix)]
    {
        use tokio::signal::unix::{SignalKind, signal};
        let mut terminated = signal(SignalKind::terminate())?;
        tokio::select! {
            ended = tokio::signal::ctrl_c() => ended,
            _ = terminated.recv() => Ok(()),
        }
    }
    #[cfg(not(unix))]
    tokio::signal::ctrl_c().await
}
