//! A process of the node: how it was started, when, and with which environment.
//!
//! The node's own `proc` is below its root where the whole root is mounted. Whoever may not read a
//! process's environment may still read its arguments.

use std::{
    fs,
    io::{self, Read},
    path::{Path, PathBuf},
};

use jiff::Timestamp;
use tokio::{task::spawn_blocking, time::timeout};

use super::{FILE_WAIT, FileError, World};
use crate::kit::rules::environ;

/// The most processes that are looked through, and the most of one name that are compared.
const MAX_PROCESSES: usize = 65_536;
const MAX_NAMESAKES: usize = 16;
/// The longest name of a process, as the system keeps it (`TASK_COMM_LEN`), and its line ending.
const MAX_NAME: u64 = 16;
/// The ticks a second in which the system tells times; the same on every Linux that Azure runs.
const TICKS: u64 = 100;
/// The field of `stat` with the start time, counted from the one after the name.
const STARTED: usize = 19;

/// A running process of the node. It has no `Debug`: its environment may hold a password.
pub struct Process {
    /// Its number.
    pub pid: u32,
    /// Its program and arguments.
    pub args: Vec<String>,
    /// When it started, by the node's own clock; `None` where that is not known.
    pub started: Option<Timestamp>,
    /// Its environment, or why that cannot be read: it takes more permission than the rest.
    pub environment: Result<Vec<(String, String)>, FileError>,
}

impl World {
    /// Returns the node's process of exactly that name, the one that started first if there are
    /// several; `None` where none runs.
    pub async fn process(&self, name: &str) -> Result<Option<Process>, FileError> {
        let proc = self.of_node("/proc");
        let mut first: Option<(u64, u32)> = None;
        for pid in self.namesakes(&proc, name).await? {
            let stat = self.read(&proc.join(format!("{pid}/stat"))).await.unwrap_or_default();
            let began = ticks(&String::from_utf8_lossy(&stat)).unwrap_or(u64::MAX);
            first = first.into_iter().chain([(began, pid)]).min();
        }
        let Some((began, pid)) = first else { return Ok(None) };
        let of = |file: &str| proc.join(format!("{pid}/{file}"));
        let args = self.read(&of("cmdline")).await?;
        let args = String::from_utf8_lossy(&args);
        let environment = self.read(&of("environ")).await.map(|bytes| environ(&bytes));
        let booted = self.read(&proc.join("stat")).await.unwrap_or_default();
        Ok(Some(Process {
            pid,
            args: args.split_terminator('\0').map(str::to_owned).collect(),
            started: started(&String::from_utf8_lossy(&booted), began),
            environment,
        }))
    }

    /// Returns the numbers of the processes of that name.
    async fn namesakes(&self, proc: &Path, name: &str) -> Result<Vec<u32>, FileError> {
        let of_lab = self.files.keys().filter_map(|file| file.strip_prefix(proc).ok());
        let of_lab = of_lab.filter_map(|rest| rest.iter().next()?.to_str()?.parse().ok());
        let mut of_lab: Vec<u32> = of_lab.collect();
        if !of_lab.is_empty() {
            of_lab.sort_unstable();
            of_lab.dedup();
            let is_called = |pid: &u32| {
                let comm = self.files.get(&proc.join(format!("{pid}/comm")));
                comm.is_some_and(|comm| comm.expose().trim_end() == name)
            };
            return Ok(of_lab.into_iter().filter(is_called).take(MAX_NAMESAKES).collect());
        }
        let (proc, name) = (proc.to_owned(), name.to_owned());
        let looking = spawn_blocking(move || look_through(&proc, &name));
        match timeout(FILE_WAIT, looking).await {
            Ok(Ok(found)) => Ok(found?),
            Ok(Err(stopped)) => Err(FileError::Failed(stopped.to_string())),
            Err(_) => Err(FileError::Unfinished("timed-out")),
        }
    }
}

/// Returns the numbers of the processes of that name, in one go: there may be thousands of others.
fn look_through(proc: &Path, name: &str) -> io::Result<Vec<u32>> {
    let mut found = vec![];
    for entry in fs::read_dir(proc)?.take(MAX_PROCESSES) {
        let entry = entry?.file_name();
        let Some(pid) = entry.to_str().and_then(|name| name.parse::<u32>().ok()) else { continue };
        // A process may have ended since.
        if comm(&proc.join(format!("{pid}/comm"))).is_ok_and(|comm| comm == name) {
            found.push(pid);
        }
        if found.len() == MAX_NAMESAKES {
            break;
        }
    }
    Ok(found)
}

fn comm(file: &PathBuf) -> io::Result<String> {
    let mut name = String::new();
    if !fs::metadata(file)?.is_file() {
        return Err(io::ErrorKind::InvalidInput.into());
    }
    fs::File::open(file)?.take(MAX_NAME).read_to_string(&mut name)?;
    Ok(name.trim_end_matches('\n').to_owned())
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

    #[test]
    fn processes_of_a_real_system() {
        let own = std::process::id();
        let name = comm(&PathBuf::from(format!("/proc/{own}/comm"))).unwrap();
        assert!(look_through(Path::new("/proc"), &name).unwrap().contains(&own));
        assert!(look_through(Path::new("/nowhere"), &name).is_err());
    }
}
