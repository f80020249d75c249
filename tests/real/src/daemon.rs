//! A server of somebody else's that we started: its process, its log, and the certainty that it ends with us.

use std::fs::File;
use std::path::{Path, PathBuf};
use std::process::{ExitStatus, Stdio};
use std::time::{Duration, Instant};

use tokio::process::{Child, Command};

use crate::Fallible;

pub struct Daemon {
    pub name: String,
    pub log: PathBuf,
    /// Where it takes connections once it is ready, if that is TCP.
    pub address: Option<String>,
    child: Child,
}

impl Daemon {
    /// Starts `command` with its words going to a log file of its own. It is killed by its process id when this value goes.
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

    /// The last lines it wrote, for the report of a case that failed.
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

/// Asks again and again until the answer is yes, but not for ever.
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

/// Runs a command to its end; its words become the error when it fails.
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
