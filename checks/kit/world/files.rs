//! Files of this machine or of the lab: read with a size limit and a timeout.

use std::{
    fmt, io,
    path::{Component, Path, PathBuf},
    time::Duration,
};

use tokio::{fs::File, io::AsyncReadExt, task::spawn_blocking, time::timeout};

use super::World;

/// How long reading a file may take: it may be a pipe, or on a file system that hangs.
pub const FILE_WAIT: Duration = Duration::from_secs(3);

/// The longest file that is read.
const MAX_FILE_BYTES: u64 = 1024 * 1024;

/// The folder of the volumes of a node's pods: their secrets and tokens are below it.
const POD_VOLUMES: &str = "/var/lib/kubelet/pods";

/// What is opened of a node whose root is mounted, besides the files that these name (authorities,
/// client keys, imports, environment files, hosts files): `*` stands for one part of a path, or a
/// part of it. A test traces what is opened. Nothing below the volumes of pods ever is.
pub const NODE_FILES: &[&str] = &[
    "/etc/containerd/*",
    "/etc/containerd/certs.d/*/hosts.toml",
    "/etc/default/kubelet",
    "/etc/environment",
    "/etc/hostname",
    "/etc/hosts",
    "/etc/kubernetes/*",
    "/etc/localdns/*",
    "/etc/resolv.conf",
    "/etc/pki/tls/certs/*",
    "/etc/ssl/certs/*",
    "/etc/systemd/system.conf",
    "/etc/systemd/system.conf.d/*",
    "/etc/systemd/system/*.service",
    "/etc/systemd/system/*service.d/*",
    "/opt/azure/containers/localdns/*",
    "/opt/certs/*",
    "/proc/*/comm",
    "/proc/*/cgroup",
    "/proc/*/cmdline",
    "/proc/*/environ",
    "/proc/*/stat",
    "/proc/stat",
    "/run/systemd/resolve/resolv.conf",
    "/run/systemd/system.conf.d/*",
    "/run/systemd/system/*.service",
    "/run/systemd/system/*service.d/*",
    "/usr/bin/containerd",
    "/usr/lib/systemd/system.conf.d/*",
    "/usr/lib/systemd/system/*.service",
    "/usr/lib/systemd/system/*service.d/*",
    "/usr/local/bin/*",
    "/usr/local/lib/systemd/system.conf.d/*",
    "/usr/local/lib/systemd/system/*.service",
    "/usr/local/lib/systemd/system/*service.d/*",
    "/var/lib/kubelet/credential-provider/*",
    "/var/lib/kubelet/*",
];

/// The most names of a directory that are read.
pub(super) const MAX_NAMES: usize = 1000;

/// What exists at a path.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum FileKind {
    /// A directory.
    Folder,
    /// Anything else.
    Other,
}

/// Why a file was not read.
#[derive(Clone, Debug, PartialEq)]
pub enum FileError {
    /// The file does not exist.
    Missing,
    /// We lack the permission to read it.
    Forbidden,
    /// It is a link that leads nowhere below the root that we look at.
    LeadsElsewhere,
    /// It is a pipe, a directory or a device.
    NotAFile,
    /// It is no directory.
    NotAFolder,
    /// It is among the volumes of pods, which may hold anybody's secrets: it is never opened.
    OffLimits,
    /// The file is longer than the limit, or reading it timed out.
    Unfinished(&'static str),
    /// The operating system's error message.
    Failed(String),
}

impl FileError {
    /// The words of evidence among its texts.
    pub const WORDS: &[&str] = &[
        "no-such-file",
        "not-permitted",
        "leads-elsewhere",
        "not-a-file",
        "not-a-folder",
        "off-limits",
        "too-long",
        "timed-out",
    ];
}

impl fmt::Display for FileError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            FileError::Missing => "no-such-file",
            FileError::Forbidden => "not-permitted",
            FileError::LeadsElsewhere => "leads-elsewhere",
            FileError::NotAFile => "not-a-file",
            FileError::NotAFolder => "not-a-folder",
            FileError::OffLimits => "off-limits",
            FileError::Unfinished(said) => said,
            FileError::Failed(said) => said,
        })
    }
}

impl From<io::Error> for FileError {
    fn from(error: io::Error) -> Self {
        match error.kind() {
            io::ErrorKind::NotFound | io::ErrorKind::NotADirectory => FileError::Missing,
            io::ErrorKind::PermissionDenied => FileError::Forbidden,
            io::ErrorKind::IsADirectory => FileError::NotAFile,
            _ => FileError::Failed(error.to_string()),
        }
    }
}

impl World {
    /// Returns whether the file exists.
    pub async fn has_file(&self, file: &Path) -> bool {
        // A file system that hangs must not block the only thread.
        let looking = timeout(FILE_WAIT, tokio::fs::try_exists(self.on_disk(file)));
        self.files.contains_key(file) || matches!(looking.await, Ok(Ok(true)))
    }

    /// Returns whether the directory exists.
    pub async fn has_folder(&self, folder: &Path) -> bool {
        let looking = timeout(FILE_WAIT, tokio::fs::metadata(folder));
        let mut of_lab = self.files.keys().chain(self.paths.keys());
        of_lab.any(|file| file.parent() == Some(folder))
            || matches!(looking.await, Ok(Ok(found)) if found.is_dir())
    }

    /// Returns what exists there, if anything; an error where that cannot be told. A link that leads
    /// nowhere may lead somewhere on the node itself, whose root is another.
    pub async fn finds(&self, path: &Path) -> Result<Option<FileKind>, FileError> {
        if self.files.keys().any(|file| file.starts_with(path) && file != path) {
            return Ok(Some(FileKind::Folder));
        }
        if self.fake_disk.is_some() {
            return Ok(self.files.contains_key(path).then_some(FileKind::Other));
        }
        let looking = async {
            match tokio::fs::metadata(path).await.map_err(FileError::from) {
                Ok(found) if found.is_dir() => Ok(Some(FileKind::Folder)),
                Ok(_) => Ok(Some(FileKind::Other)),
                Err(FileError::Missing) if tokio::fs::symlink_metadata(path).await.is_ok() => {
                    Err(FileError::LeadsElsewhere)
                }
                Err(FileError::Missing) => Ok(None),
                Err(error) => Err(error),
            }
        };
        timeout(FILE_WAIT, looking).await.unwrap_or(Err(FileError::Unfinished("timed-out")))
    }

    /// Returns the names in a directory, sorted: an error if there are very many.
    pub async fn names_in(&self, folder: &Path) -> Result<Vec<String>, FileError> {
        let of_lab = self.files.keys().filter_map(|file| file.strip_prefix(folder).ok());
        let first = of_lab.filter_map(|rest| Some(rest.iter().next()?.to_str()?.to_owned()));
        let mut names: Vec<String> = first.collect();
        let listing = async {
            if self.fake_disk.is_some() {
                return if names.is_empty() { Err(FileError::Missing) } else { Ok(()) };
            }
            self.refuse_pods(folder).await?;
            let mut entries = match tokio::fs::read_dir(folder).await.map_err(FileError::from) {
                Err(FileError::Missing) if !names.is_empty() => return Ok(()),
                entries => entries?,
            };
            while let Some(entry) = entries.next_entry().await? {
                if names.len() >= MAX_NAMES {
                    return Err(FileError::Unfinished("too-long"));
                }
                names.push(entry.file_name().to_string_lossy().into_owned());
            }
            Ok(())
        };
        timeout(FILE_WAIT, listing).await.unwrap_or(Err(FileError::Unfinished("timed-out")))?;
        names.sort();
        names.dedup();
        Ok(names)
    }

    /// Returns whether this process uses the node's own network. A pod with a network of its own
    /// may be blocked from hosts that the node can reach.
    pub async fn is_on_node_network(&self) -> bool {
        if !self.in_pod {
            return true;
        }
        // A pod on the node's network also has the node's host name.
        let here = self.read(Path::new("/etc/hostname")).await.ok();
        let node = self.read(&self.of_node("/etc/hostname")).await.ok();
        self.node_root != Path::new("/") && here.is_some() && here == node
    }

    /// Reads a whole file.
    pub async fn read(&self, file: &Path) -> Result<Vec<u8>, FileError> {
        let bytes = self.read_up_to(file, MAX_FILE_BYTES + 1).await?;
        if bytes.len() as u64 > MAX_FILE_BYTES {
            return Err(FileError::Unfinished("too-long"));
        }
        Ok(bytes)
    }

    /// Refuses what is below the volumes of the node's pods, whichever file of the node names it, and
    /// whatever links lead there.
    pub(super) async fn refuse_pods(&self, path: &Path) -> Result<(), FileError> {
        // The lab has no such volumes.
        if self.fake_disk.is_some() {
            return Ok(());
        }
        let pods = self.of_node(POD_VOLUMES);
        if plain(path).starts_with(&pods) {
            return Err(FileError::OffLimits);
        }
        let path = path.to_owned();
        let looking = spawn_blocking(move || {
            let (path, pods) = (path.canonicalize().ok()?, pods.canonicalize().ok()?);
            Some(path.starts_with(pods))
        });
        match timeout(FILE_WAIT, looking).await {
            Ok(Ok(Some(true))) => Err(FileError::OffLimits),
            Ok(_) => Ok(()),
            Err(_) => Err(FileError::Unfinished("timed-out")),
        }
    }

    /// Reads the beginning of a file.
    pub async fn read_up_to(&self, file: &Path, limit: u64) -> Result<Vec<u8>, FileError> {
        if let Some(text) = self.files.get(file) {
            return Ok(text.expose().as_bytes().to_vec());
        }
        // The lab's machine has no other files.
        if self.fake_disk.is_some() {
            return Err(FileError::Missing);
        }
        let reading = async {
            self.refuse_pods(file).await?;
            let mut bytes = vec![];
            let opened = match File::open(file).await.map_err(FileError::from) {
                Err(FileError::Missing) if tokio::fs::symlink_metadata(file).await.is_ok() => {
                    return Err(FileError::LeadsElsewhere);
                }
                opened => opened?,
            };
            opened.take(limit).read_to_end(&mut bytes).await?;
            Ok(bytes)
        };
        let silent = || Err(FileError::Unfinished("timed-out"));
        timeout(FILE_WAIT, reading).await.unwrap_or_else(|_| silent())
    }
}

/// Returns a path without the parts that lead back.
fn plain(path: &Path) -> PathBuf {
    let mut plain = PathBuf::new();
    for part in path.components() {
        match part {
            Component::ParentDir => drop(plain.pop()),
            Component::CurDir => {}
            part => plain.push(part),
        }
    }
    plain
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_words_are_those_of_the_errors() {
        let unfinished = ["too-long", "timed-out"].map(FileError::Unfinished);
        let single = [
            FileError::Missing,
            FileError::Forbidden,
            FileError::LeadsElsewhere,
            FileError::NotAFile,
            FileError::NotAFolder,
            FileError::OffLimits,
        ];
        let all = single.into_iter().chain(unfinished);
        let words: Vec<String> = all.map(|error| error.to_string()).collect();
        assert_eq!(words, FileError::WORDS);
    }
}
