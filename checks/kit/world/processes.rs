//! A process of the node: how it was started, when, and with which environment.
//!
//! The node's own `proc` is below its root where the whole root is mounted. A user who may not read a
//! process's environment may still read its arguments.

use std::{
    fs,
    io::{self, Read},
    path::{Path, PathBuf},
};

use jiff::{SignedDuration, Timestamp};
use serde::Serialize;
use strum::VariantNames;
use tokio::{sync::OnceCell, time::timeout};

use super::{FILE_WAIT, FileError, World};
use crate::kit::rules::{environ, system_unit};

/// The most processes that are looked through, and the most of one name that are compared.
const MAX_PROCESSES: usize = 65_536;
const MAX_NAMESAKES: usize = 16;
/// The longest file of a process that is read to find it.
const MAX_BYTES: u64 = 4096;
/// The ticks a second in which the system tells times; the same on every Linux that Azure runs.
const TICKS: u64 = 100;
/// The field of `stat` with the start time, counted from the one after the name.
const STARTED: usize = 19;

/// A step of the clock moves the time of a start against the times of files. Less is no difference.
const CLOCK_STEP: SignedDuration = SignedDuration::from_mins(1);
/// The most files that are read for a process, the search for it counted as one.
pub const PROCESS_READS: usize = MAX_NAMESAKES + 6;
/// The name of the first process of a machine, as opposed to that of a container.
const FIRST: &str = "systemd";

/// How a setting of a program was seen: a word of evidence.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, VariantNames)]
#[serde(rename_all = "kebab-case")]
#[strum(serialize_all = "kebab-case")]
pub enum Seen {
    /// In the running process, or in a file that is older than the process.
    InEffect,
    /// In files, which the next start will use.
    Configured,
    /// Not at all: as AKS sets it, or the program's default.
    Assumed,
}

/// A running process of the node. It has no `Debug`: its environment may hold a password.
pub struct Process {
    /// Its number.
    pub pid: u32,
    /// Its program and arguments.
    pub args: Vec<String>,
    /// The file of its program, which takes more permission to see. Where it was replaced since, the
    /// kernel adds a word to the name.
    pub program: Option<String>,
    /// When it started, by the node's own clock; `None` where that is not known.
    pub started: Option<Timestamp>,
    /// Its environment, or why that cannot be read: it takes more permission than the rest.
    pub environment: Result<Vec<(String, String)>, FileError>,
}

/// A process of some name: the name, its number, and whether it is that of the system's unit of its
/// name. A container may run a program of the same name.
type Namesake = (&'static str, u32, bool);

/// The processes that matter: they are looked for once, all in one go.
#[derive(Clone, Debug, Default)]
pub struct Namesakes(OnceCell<Result<Looked, FileError>>);

/// What a look through the processes found, and whether one of them hid its name.
type Looked = (Vec<Namesake>, bool);

/// The processes of containers that stay in the unit of containerd when it has ended, as far as the
/// kernel keeps the name.
const SHIM: &str = "containerd-shim";
/// The names of processes that matter.
const NAMES: [&str; 2] = ["containerd", "kubelet"];

impl Process {
    /// Returns whether the process started after a change, and so knows of it; `None` where that
    /// cannot be told.
    pub fn started_after(&self, change: Timestamp) -> Option<bool> {
        let started = self.started?;
        if started >= change {
            return Some(true);
        }
        (change.duration_since(started) > CLOCK_STEP).then_some(false)
    }
}

impl World {
    /// Returns the node's process of exactly that name: that of the system's unit, else the one that
    /// started first if there are several; `None` only where certainly none runs.
    pub async fn process(&self, name: &str) -> Result<Option<Process>, FileError> {
        let proc = self.of_node("/proc");
        let mut first: Option<(bool, u64, u32)> = None;
        let all = self.namesakes.0.get_or_init(|| self.look_for(&proc)).await.as_ref();
        let (all, one_is_hidden) = all.map_err(FileError::clone)?;
        for (_, pid, is_unit) in all.iter().copied().filter(|(known, ..)| *known == name) {
            let stat = self.read(&proc.join(format!("{pid}/stat"))).await.unwrap_or_default();
            let began = ticks(&String::from_utf8_lossy(&stat)).unwrap_or(u64::MAX);
            first = first.into_iter().chain([(!is_unit, began, pid)]).min();
        }
        let Some((_, began, pid)) = first else {
            if *one_is_hidden {
                return Err(FileError::Forbidden);
            }
            // Only where the first process of the machine can be seen are these all of them.
            let first = self.read(&proc.join("1/comm")).await?;
            let is_machine = String::from_utf8_lossy(&first).trim_end() == FIRST;
            return if is_machine { Ok(None) } else { Err(FileError::Missing) };
        };
        let of = |file: &str| proc.join(format!("{pid}/{file}"));
        let args = self.read(&of("cmdline")).await?;
        let args = String::from_utf8_lossy(&args);
        let environment = self.read(&of("environ")).await.map(|bytes| environ(&bytes));
        let program = match self.fake_disk {
            None => timeout(FILE_WAIT, tokio::fs::read_link(of("exe"))).await.ok(),
            Some(_) => None,
        };
        let program = program.and_then(Result::ok);
        let booted = self.read(&proc.join("stat")).await.unwrap_or_default();
        Ok(Some(Process {
            pid,
            program: program.and_then(|path| path.into_os_string().into_string().ok()),
            args: args.split_terminator('\0').map(str::to_owned).collect(),
            started: started(&String::from_utf8_lossy(&booted), began),
            environment,
        }))
    }

    /// Returns the processes of these names.
    async fn look_for(&self, proc: &Path) -> Result<Looked, FileError> {
        if self.fake_disk.is_some() {
            let pids = self.files.keys().filter_map(|file| {
                file.strip_prefix(proc).ok()?.to_str()?.strip_suffix("/comm")?.parse().ok()
            });
            let read = |file: &str| {
                let text = self.files.get(&proc.join(file));
                text.map(|text| text.expose().to_owned()).ok_or(io::ErrorKind::NotFound.into())
            };
            return Ok(look_through(pids, read));
        }
        let proc = proc.to_owned();
        self.with_files(move |root| {
            // Below it, what is read is the kernel's own.
            let proc = root.real(&proc)?;
            let entries = fs::read_dir(&proc)?.take(MAX_PROCESSES);
            let pids = entries.filter_map(|entry| entry.ok()?.file_name().to_str()?.parse().ok());
            Ok(look_through(pids, |file| comm(&proc.join(file))))
        })
        .await
    }
}

/// Returns the processes of these names, in one go: there may be thousands of others. The search ends
/// with the processes of the units.
fn look_through(
    pids: impl Iterator<Item = u32>,
    read: impl Fn(&str) -> io::Result<String>,
) -> Looked {
    let (mut found, mut one_is_hidden): Looked = (vec![], false);
    let mut others = vec![];
    for pid in pids {
        let comm = match read(&format!("{pid}/comm")) {
            Ok(comm) => comm,
            Err(error) if error.kind() == io::ErrorKind::PermissionDenied => {
                one_is_hidden = true;
                continue;
            }
            // A process may have ended since.
            Err(_) => continue,
        };
        let comm = comm.trim_end_matches('\n');
        let Some(name) = NAMES.into_iter().find(|name| *name == comm) else {
            if comm != SHIM {
                others.push(pid);
            }
            continue;
        };
        let namesakes = found.iter().filter(|(known, ..)| *known == name).count();
        if namesakes == MAX_NAMESAKES {
            continue;
        }
        let cgroup = read(&format!("{pid}/cgroup")).unwrap_or_default();
        let unit = system_unit(&cgroup);
        let is_unit = unit.is_some_and(|it| it.strip_suffix(".service") == Some(name));
        found.push((name, pid, is_unit));
        let has_unit = |name: &&str| found.iter().any(|(known, _, is)| known == name && *is);
        if NAMES.iter().all(has_unit) {
            break;
        }
    }
    // The unit may run its program under another name.
    let lacks = |name: &&str| found.iter().all(|(known, ..)| known != name);
    let lacking: Vec<&str> = NAMES.into_iter().filter(lacks).collect();
    if !lacking.is_empty() {
        one_is_hidden |= others.into_iter().any(|pid| {
            let unit = system_unit(&read(&format!("{pid}/cgroup")).unwrap_or_default());
            unit.is_some_and(|unit| {
                lacking.iter().any(|name| unit.strip_suffix(".service") == Some(name))
            })
        });
    }
    (found, one_is_hidden)
}

fn comm(file: &PathBuf) -> io::Result<String> {
    let mut text = vec![];
    if !fs::metadata(file)?.is_file() {
        return Err(io::ErrorKind::InvalidInput.into());
    }
    fs::File::open(file)?.take(MAX_BYTES).read_to_end(&mut text)?;
    Ok(String::from_utf8_lossy(&text).into_owned())
}

/// Returns how long after the system a process started, in ticks. The name in the file is in
/// parentheses and may hold any others.
fn ticks(stat: &str) -> Option<u64> {
    let (_, fields) = stat.rsplit_once(')')?;
    fields.split_whitespace().nth(STARTED)?.parse().ok()
}

/// Returns the time at which a process started.
fn started(booted: &str, ticks: u64) -> Option<Timestamp> {
    let booted = booted.lines().find_map(|line| line.strip_prefix("btime "))?;
    let after = i64::try_from(ticks / TICKS).ok()?;
    Timestamp::from_second(booted.trim().parse::<i64>().ok()?.checked_add(after)?).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn when_a_process_started() {
        let stat = "812 (a) b) S 1 812 812 0 -1 4194560 1 2 3 4 5 6 7 8 20 0 11 0 6150 9 9\n";
        assert_eq!(ticks(stat), Some(6150));
        let booted = "cpu 1 2\nbtime 1700000000\nprocesses 9\n";
        assert_eq!(started(booted, 6150), Timestamp::from_second(1_700_000_061).ok());
        for odd in ["", "1 (x", "1 (x) S 1", ")"] {
            assert_eq!(ticks(odd), None);
        }
        assert_eq!(started(booted, u64::MAX), None);
        assert_eq!(started("btime 9223372036854775807", 6150), None);
    }

    fn found(files: &[(&str, &str)]) -> Looked {
        let read = |file: &str| match files.iter().find(|(name, _)| *name == file) {
            Some((_, "?")) => Err(io::ErrorKind::PermissionDenied.into()),
            Some((_, text)) => Ok((*text).to_owned()),
            None => Err(io::ErrorKind::NotFound.into()),
        };
        let pids = files.iter().filter_map(|(file, _)| file.strip_suffix("/comm")?.parse().ok());
        look_through(pids, read)
    }

    #[test]
    fn a_unit_may_run_under_another_name() {
        let cgroup = "0::/system.slice/containerd.service\n";
        let kubelet = ("71/comm", "kubelet\n");
        let shims = [kubelet, ("5/comm", "containerd-shim\n"), ("5/cgroup", cgroup)];
        assert!(!found(&shims).1);
        let wrapped = [kubelet, ("5/comm", "wrapped\n"), ("5/cgroup", cgroup)];
        assert!(found(&wrapped).1);
        let elsewhere = [kubelet, ("5/comm", "bash\n"), ("5/cgroup", "0::/user.slice/x.service\n")];
        assert!(!found(&elsewhere).1);
    }

    #[test]
    fn the_process_of_the_unit_counts() {
        let inner = "0::/kubepods.slice/x/system.slice/containerd.service\n";
        let unit = "0::/../../system.slice/containerd.service\n";
        let all = [
            ("1/comm", "systemd\n"),
            ("70/comm", "containerd\n"),
            ("70/cgroup", inner),
            ("812/comm", "containerd\n"),
            ("812/cgroup", unit),
            ("900/comm", "containerd\n"),
        ];
        let name = "containerd";
        let wanted = [(name, 70, false), (name, 812, true), (name, 900, false)];
        assert_eq!(found(&all), (wanted.to_vec(), false));
        let kubelet = [all[1], ("71/comm", "kubelet\n"), all[3], all[4], ("9/comm", "kubelet\n")];
        assert_eq!(found(&kubelet).0.len(), 4);
        let both = [
            all[3],
            all[4],
            ("71/comm", "kubelet\n"),
            ("71/cgroup", "0::/system.slice/kubelet.service\n"),
            all[1],
        ];
        // The others are not looked at then.
        assert_eq!(found(&both).0, [(name, 812, true), ("kubelet", 71, true)]);
        assert_eq!(found(&[("1/comm", "containerd-shim\n")]), (vec![], false));
        // One that cannot be read may be it.
        assert_eq!(found(&[("1/comm", "systemd\n"), ("2/comm", "?")]), (vec![], true));
    }

    #[test]
    fn processes_of_a_real_system() {
        let own = std::process::id();
        assert!(!comm(&PathBuf::from(format!("/proc/{own}/comm"))).unwrap().is_empty());
        let read = |file: &str| comm(&Path::new("/proc").join(file));
        assert_eq!(look_through([own].into_iter(), read), (vec![], false));
    }
}
