//! Files of this machine or of the lab: read with a size limit and a timeout.

use std::{
    ffi::CStr,
    fs::File,
    io::Read,
    path::{Path, PathBuf},
};

use rustix::fs::Dir;

use super::{FileError, World, root::Root};

/// The longest file that is read.
const MAX_FILE_BYTES: u64 = 1024 * 1024;

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
    "/etc/systemd/system.control/*.service",
    "/etc/systemd/system.control/*service.d/*",
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
    "/run/systemd/system.control/*.service",
    "/run/systemd/system.control/*service.d/*",
    "/run/systemd/transient/*.service",
    "/run/systemd/transient/*service.d/*",
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
    "/var/lib/kubelet/image_manager/pulled/*",
];

/// The most names of a directory that are read.
const MAX_NAMES: usize = 1000;

/// What exists at a path.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum FileKind {
    /// A directory.
    Folder,
    /// Anything else.
    Other,
}

impl World {
    /// Returns whether the file exists.
    pub async fn has_file(&self, file: &Path) -> bool {
        matches!(self.finds(file).await, Ok(Some(_)))
    }

    /// Returns whether the directory exists.
    pub async fn has_folder(&self, folder: &Path) -> bool {
        self.finds(folder).await == Ok(Some(FileKind::Folder))
    }

    /// Returns what exists there, if anything; an error where that cannot be told.
    pub async fn finds(&self, path: &Path) -> Result<Option<FileKind>, FileError> {
        let mut of_lab = self.files.keys().chain(self.paths.keys());
        if of_lab.any(|file| file.starts_with(path) && file != path) {
            return Ok(Some(FileKind::Folder));
        }
        if self.files.contains_key(path) {
            return Ok(Some(FileKind::Other));
        }
        if self.fake_disk.is_some() && !self.paths.contains_key(path) {
            return Ok(None);
        }
        let path = self.on_disk(path);
        self.with_files(move |root| match root.about(&path) {
            Ok(found) if found.is_dir() => Ok(Some(FileKind::Folder)),
            Ok(_) => Ok(Some(FileKind::Other)),
            Err(FileError::Missing) => Ok(None),
            Err(error) => Err(error),
        })
        .await
    }

    /// Returns whether a link stands there, wherever it leads.
    pub async fn is_link(&self, path: &Path) -> bool {
        let path = self.on_disk(path);
        let about = self.with_files(move |root| root.link(&path)).await;
        self.fake_disk.is_none() && about.is_ok_and(|about| about.is_symlink())
    }

    /// Returns the path of our own system at which a file really is, without links.
    pub async fn real_path(&self, file: &Path) -> Result<PathBuf, FileError> {
        let file = self.on_disk(file);
        self.with_files(move |root| root.real(&file)).await
    }

    /// Returns the names in a directory, sorted: an error if there are very many.
    pub async fn names_in(&self, folder: &Path) -> Result<Vec<String>, FileError> {
        let of_lab = self.files.keys().filter_map(|file| file.strip_prefix(folder).ok());
        let first = of_lab.filter_map(|rest| Some(rest.iter().next()?.to_str()?.to_owned()));
        let mut names: Vec<String> = first.collect();
        if self.fake_disk.is_some() {
            let is_file = self.files.contains_key(folder);
            let error = if is_file { FileError::NotAFolder } else { FileError::Missing };
            names.sort_unstable();
            names.dedup();
            return if names.is_empty() { Err(error) } else { Ok(names) };
        }
        let path = folder.to_owned();
        let listed = self.with_files(move |root| names_of(&root.folder(&path)?.0, |_| true)).await;
        match listed {
            Err(FileError::Missing) if !names.is_empty() => {}
            listed => names.extend(listed?),
        }
        names.sort_unstable();
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

    /// Reads the beginning of a file.
    pub async fn read_up_to(&self, file: &Path, limit: u64) -> Result<Vec<u8>, FileError> {
        if let Some(text) = self.files.get(file) {
            return Ok(text.expose().as_bytes().to_vec());
        }
        // The lab's machine has no other files.
        if self.fake_disk.is_some() {
            return Err(FileError::Missing);
        }
        let file = file.to_owned();
        self.with_files(move |root| beginning(root, &file, limit)).await
    }
}

fn beginning(root: &Root, file: &Path, limit: u64) -> Result<Vec<u8>, FileError> {
    let mut bytes = vec![];
    let (opened, _) = match root.file(file) {
        Err(FileError::NotAFile | FileError::LeadsElsewhere) if root.is_masked(file) => {
            return Ok(bytes);
        }
        opened => opened?,
    };
    opened.take(limit).read_to_end(&mut bytes)?;
    Ok(bytes)
}

/// Returns the names in an open directory that count: an error if there are very many.
pub(super) fn names_of(
    folder: &File,
    counts: impl Fn(&CStr) -> bool,
) -> Result<Vec<String>, FileError> {
    let mut names = vec![];
    for entry in Dir::read_from(folder)? {
        let entry = entry?;
        let name = entry.file_name();
        if [&b"."[..], b".."].contains(&name.to_bytes()) || !counts(name) {
            continue;
        }
        if names.len() >= MAX_NAMES {
            return Err(FileError::Unfinished("too-long"));
        }
        names.push(name.to_string_lossy().into_owned());
    }
    Ok(names)
}
