//! The processes of the node, as its `/proc` shows them.

use std::{fs, io::Read, path::Path};

use tokio::{task::spawn_blocking, time::timeout};

use super::{FILE_WAIT, FileError, World};
use crate::kit::rules::proc::system_unit;

/// The most processes that are looked at.
const MAX_PROCESSES: usize = 32 * 1024;
/// The longest file of a process that is read here.
const MAX_BYTES: u64 = 4096;

/// The processes of the node that have one of some names.
#[derive(Debug, Default, PartialEq)]
pub struct Processes {
    /// Their numbers and names, in the order of the numbers: for a name that a unit of the system
    /// has, only the process of the unit.
    pub found: Vec<(u32, String)>,
    /// Whether these are the processes of a whole machine, and all were looked at.
    pub is_complete: bool,
}

impl World {
    /// Finds the processes with one of these names, which are also the names of their units.
    pub async fn processes_called(&self, names: &'static [&'static str]) -> Processes {
        let folder = self.of_node("/proc");
        if self.fake_disk.is_some() {
            let of_process = |path: &Path| {
                let inside = path.strip_prefix(&folder).ok()?.to_str()?;
                inside.strip_suffix("/comm")?.parse().ok()
            };
            let numbers = self.files.keys().filter_map(|path| of_process(path)).collect();
            let read = |file: &str| {
                let text = self.files.get(&folder.join(file)).ok_or(FileError::Missing)?;
                Ok(text.expose().as_bytes().to_vec())
            };
            return find(numbers, names, read);
        }
        let looking = spawn_blocking(move || {
            let mut numbers = vec![];
            for entry in fs::read_dir(&folder).into_iter().flatten().flatten() {
                if let Some(number) = entry.file_name().to_str().and_then(|name| name.parse().ok()) {
                    numbers.push(number);
                }
            }
            find(numbers, names, |file| read(&folder.join(file)))
        });
        timeout(FILE_WAIT, looking).await.ok().and_then(Result::ok).unwrap_or_default()
    }
}

fn find(
    mut numbers: Vec<u32>,
    names: &[&str],
    read: impl Fn(&str) -> Result<Vec<u8>, FileError>,
) -> Processes {
    numbers.sort_unstable();
    // Only the first process of a machine says whether these are those of the node.
    let first = read("1/comm");
    let mut is_complete = first.is_ok_and(|name| name == b"systemd\n");
    is_complete &= numbers.len() <= MAX_PROCESSES;
    let (mut found, mut units): (Vec<(u32, String)>, Vec<&str>) = (vec![], vec![]);
    for number in numbers.into_iter().take(MAX_PROCESSES) {
        if units.len() == names.len() {
            break;
        }
        let called = match read(&format!("{number}/comm")) {
            Ok(called) => called,
            // It has ended since.
            Err(FileError::Missing) => continue,
            Err(_) => {
                is_complete = false;
                continue;
            }
        };
        let called = called.strip_suffix(b"\n").unwrap_or(&called);
        let Some(name) = names.iter().find(|name| name.as_bytes() == called) else { continue };
        let unit = read(&format!("{number}/cgroup")).ok().and_then(|cgroup| system_unit(&cgroup));
        if unit.is_some_and(|unit| unit.strip_suffix(".service") == Some(name)) {
            found.retain(|(_, other)| other != name);
            units.push(name);
        } else if units.contains(name) {
            continue;
        }
        found.push((number, (*name).to_owned()));
    }
    Processes { found, is_complete }
}

fn read(file: &Path) -> Result<Vec<u8>, FileError> {
    let mut bytes = vec![];
    match fs::File::open(file).and_then(|file| file.take(MAX_BYTES).read_to_end(&mut bytes)) {
        Ok(_) => Ok(bytes),
        // A process that has ended between the two.
        Err(error) if error.raw_os_error() == Some(ESRCH) => Err(FileError::Missing),
        Err(error) => Err(error.into()),
    }
}

/// Linux's number of the error "no such process".
const ESRCH: i32 = 3;

#[cfg(test)]
mod tests {
    use std::collections::HashMap;

    use super::*;

    fn found(files: &[(&str, &str)]) -> Processes {
        let files: HashMap<&str, &str> = files.iter().copied().collect();
        let numbers = files.keys().filter_map(|file| file.strip_suffix("/comm")?.parse().ok());
        let read = |file: &str| {
            let text = files.get(file).ok_or(FileError::Missing)?;
            if *text == "?" { Err(FileError::Forbidden) } else { Ok(text.as_bytes().to_vec()) }
        };
        find(numbers.collect(), &["containerd"], read)
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
            ("901/comm", "containerd-shim"),
        ];
        let Processes { found: those, is_complete } = found(&all);
        assert_eq!((those, is_complete), (vec![(812, "containerd".to_owned())], true));
        assert_eq!(found(&all[..3]).found.len(), 1);
        assert_eq!(found(&[all[1], all[5]]).found.len(), 2);
    }

    #[test]
    fn what_is_hidden_is_not_complete() {
        assert!(found(&[("1/comm", "systemd\n")]).is_complete);
        assert!(!found(&[("1/comm", "check-acr\n")]).is_complete);
        assert!(!found(&[("1/comm", "systemd\n"), ("2/comm", "?")]).is_complete);
        assert!(!found(&[]).is_complete);
    }
}
