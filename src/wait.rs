//! Waits on things that may never arrive: a named pipe or standard input, on a separate thread; a
//! signal to stop.

#[cfg(unix)]
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use checks::kit::engine::RunProblem;
use tokio::{
    task::spawn_blocking,
    time::{sleep, timeout},
};

/// Whether the program was stopped by Ctrl-C, and not by another signal.
#[cfg(unix)]
static BY_CTRL_C: AtomicBool = AtomicBool::new(false);

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

/// Waits until a run is cut short, and returns why.
pub(crate) async fn cut_short(limit: Duration) -> RunProblem {
    tokio::select! {
        () = sleep(limit) => RunProblem::TimeUp { seconds: limit.as_secs() },
        _ = interrupted() => RunProblem::Interrupted {},
    }
}

/// Waits for Ctrl-C, or where there are such signals for SIGTERM, which a pod that is deleted gets and a
/// command that `timeout` ends, or for SIGHUP, of a terminal that is closed.
pub(crate) async fn interrupted() -> std::io::Result<()> {
    #[cfg(unix)]
    {
        use tokio::signal::unix::{SignalKind, signal};
        let mut terminated = signal(SignalKind::terminate())?;
        let mut hung_up =
            if survives_its_terminal() { None } else { Some(signal(SignalKind::hangup())?) };
        let closed = async {
            match &mut hung_up {
                Some(hung_up) => hung_up.recv().await,
                None => std::future::pending().await,
            }
        };
        tokio::select! {
            ended = tokio::signal::ctrl_c() => {
                BY_CTRL_C.store(true, Ordering::Relaxed);
                ended
            }
            _ = terminated.recv() => Ok(()),
            _ = closed => Ok(()),
        }
    }
    #[cfg(not(unix))]
    tokio::signal::ctrl_c().await
}

/// Ends the program as Ctrl-C would have, if that was what stopped it: a shell ends its loop only when it
/// sees that, and tells it as 130 either way. The first process of a container cannot end so.
#[cfg(unix)]
pub(crate) fn end_by_ctrl_c() {
    if BY_CTRL_C.load(Ordering::Relaxed) && std::process::id() != 1 {
        let _ = signal_hook::low_level::emulate_default_handler(signal_hook::consts::SIGINT);
    }
}

/// Returns whether `nohup` started this program: who listens to SIGHUP would end with its terminal. Only
/// Linux tells it in a file.
#[cfg(unix)]
fn survives_its_terminal() -> bool {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let ignored = status.lines().find_map(|line| line.strip_prefix("SigIgn:"));
    let ignored = ignored.and_then(|mask| u64::from_str_radix(mask.trim(), 16).ok());
    ignored.is_some_and(|mask| mask & 1 == 1)
}
