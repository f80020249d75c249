//! A third-party server that this program started: its process, its log, and the guarantee that it
//! ends with this program.

use std::fs::File;
use std::path::{Path, PathBuf};
use std::process::{ExitStatus, Stdio};
use std::time::{Duration, Instant};

use tokio::process::{Child, Command};

use crate::Fallible;

pub struct Daemon {
    pub name: String,
    pub log: PathBuf,
    /// The TCP address at which it accepts connections once it is ready, if it uses TCP.
    pub address: Option<String>,
    child: Child,
}

impl Daemon {
    /// Starts `command` and writes its output to a log file of its own. Dropping the value kills
    /// the process by its id.
    pub fn start(name: &str, folder: &Path, mut command: Command) -> Fallible<Daemon> {
        let log = folder.join(format!("{name}.log"));
        let out = File::create(&log)?;
        command.stdin(Stdio::null()).stdout(out.try_clone()?).stderr(out).kill_on_drop(true);
        let child = command.spawn().map_err(|e| format!("{name} does not start: {e}"))?;
        Ok(Daemon { name: name.to_owned(), log, address: None, child })
    }

    pub fn at(mut self, address: String) -> Daemon {
        self.address = Some(address);
        self
    }

    pub fn ended(&mut self) -> Option<ExitStatus> {
        self.child.try_wait().ok().flatten()
    }

    /// Returns the last lines of its log, for the report of a failed case.
    pub fn tail(&self, lines: usize) -> String {
        tail(&self.log, lines)
    }
}

pub fn tail(log: &Path, lines: usize) -> String {
    let text =
        std::fs::read(log).map(|b| String::from_utf8_lossy(&b).into_owned()).unwrap_or_default();
    let all: Vec<&str> = text.lines().collect();
    all[all.len().saturating_sub(lines)..].join("\n")
}

/// Polls until the result is true, within a time limit.
pub async fn until<F: AsyncFnMut() -> bool>(
    what: &str,
    bound: Duration,
    mut ready: F,
) -> Fallible<()> {
    let start = Instant::now();
    loop {
        if matches!(tokio::time::timeout(Duration::from_secs(2), ready()).await, Ok(true)) {
            return Ok(());
        }
        if start.elapsed() > bound {
            return Err(format!("{what}: not ready after {bound:?}").into());
        }
        tokio::time::sleep(Duration::from_millis(25)).await;
    }
}

/// Runs a command to completion; if it fails, its output becomes the error.
pub async fn run(mut command: Command) -> Fallible<String> {
    let name = command.as_std().get_program().to_string_lossy().into_owned();
    let out = command
        .stdin(Stdio::null())
        .kill_on_drop(true)
        .output()
        .await
        .map_err(|e| format!("{name} does not start: {e}"))?;
    let said = String::from_utf8_lossy(&out.stdout).into_owned();
    if out.status.success() {
        return Ok(said);
    }
    Err(format!("{name}: {} {said}{}", out.status, String::from_utf8_lossy(&out.stderr)).into())
}
