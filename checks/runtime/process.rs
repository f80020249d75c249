//! The processes of containerd and of the kubelet on this node: when they started, with which
//! arguments, in which environment.
//!
//! Everyone may read the first two. The environment needs root and the capability to trace.

use jiff::{SignedDuration, Timestamp};

use crate::kit::{
    Cx,
    rules::{
        environ,
        proc::{arguments, boot_time, started_after_boot},
    },
    world::Processes,
};

/// The names of the programs, which are also those of their systemd units.
const NAMES: [&str; 2] = ["containerd", "kubelet"];
/// The most files that are read here, and the search for the processes.
pub(super) const MAX_READS: usize = 2 + NAMES.len() * 3;
/// A step of the clock moves the time of a start against the times of files. Less is no difference.
const CLOCK_STEP: SignedDuration = SignedDuration::from_mins(1);

/// A process.
pub(super) struct Process {
    /// The folder of its files.
    pub(super) folder: String,
    pub(super) started: Option<Timestamp>,
    pub(super) arguments: Vec<String>,
    /// Its variables; `None` where we may not read them.
    pub(super) environment: Option<Vec<(String, String)>>,
}

/// What the node's process file system shows.
#[derive(Default)]
pub(super) struct Machine {
    pub(super) containerd: Option<Process>,
    pub(super) kubelet: Option<Process>,
    /// Whether containerd certainly does not run.
    pub(super) lacks_containerd: bool,
}

impl Process {
    /// Returns whether the process started after a change, and so knows of it; `None` where that
    /// cannot be told.
    pub(super) fn started_after(&self, change: Timestamp) -> Option<bool> {
        let started = self.started?;
        if started >= change {
            return Some(true);
        }
        (change.duration_since(started) > CLOCK_STEP).then_some(false)
    }
}

/// Finds both processes.
pub(super) async fn find(cx: &Cx) -> Machine {
    let Processes { found, is_complete } = cx.world.processes_called(&NAMES).await;
    if found.is_empty() && !is_complete {
        return Machine::default();
    }
    let read = async |file: &str| cx.world.read(&cx.world.of_node(file)).await.ok();
    let booted = read("/proc/stat").await.and_then(|stat| boot_time(&stat));
    let process = async |name: &str| {
        let mut those = found.iter().filter(|(_, called)| called == name);
        // Without a unit, several processes of that name may be those of containers.
        let (Some((number, _)), None) = (those.next(), those.next()) else { return None };
        let folder = format!("/proc/{number}");
        let after = read(&format!("{folder}/stat")).await.and_then(|stat| started_after_boot(&stat));
        let started = booted.zip(after).and_then(|(booted, after)| {
            Timestamp::from_second(booted).ok()?.checked_add(after).ok()
        });
        let cmdline = read(&format!("{folder}/cmdline")).await.unwrap_or_default();
        let environment = read(&format!("{folder}/environ")).await.map(|bytes| environ(&bytes));
        Some(Process { folder, started, arguments: arguments(&cmdline), environment })
    };
    let (containerd, kubelet) = (process(NAMES[0]).await, process(NAMES[1]).await);
    let lacks_containerd = is_complete && !found.iter().any(|(_, called)| called == NAMES[0]);
    Machine { containerd, kubelet, lacks_containerd }
}
