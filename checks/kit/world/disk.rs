//! What the kernel says of files without reading them: of this machine or of the lab.

use std::{
    collections::HashMap,
    fs::Metadata,
    os::unix::fs::MetadataExt,
    path::{Path, PathBuf},
};

use jiff::Timestamp;

use super::{FileError, World};

/// What stands in for the disks and processes of this machine. A file without a time is old.
#[derive(Clone, Debug, Default)]
pub struct FakeDisk {
    /// When files and directories were changed.
    pub changed: HashMap<PathBuf, Timestamp>,
    /// How many bytes are free on the file system of a directory.
    pub free: HashMap<PathBuf, u64>,
    /// The lengths of files of which only that matters.
    pub lengths: HashMap<PathBuf, u64>,
}

/// Returns when a file or directory was changed last: its content, or for a file its name or owner,
/// because a file that was moved there has the time of its content.
pub(super) fn changed(about: &Metadata) -> Timestamp {
    let seconds = if about.is_dir() { about.mtime() } else { about.mtime().max(about.ctime()) };
    Timestamp::from_second(seconds).unwrap_or(Timestamp::MAX)
}

impl World {
    /// Returns when a file or directory was changed last.
    pub async fn changed(&self, path: &Path) -> Result<Timestamp, FileError> {
        if let Some(disk) = &self.fake_disk {
            let is_there = self.files.keys().any(|file| file.starts_with(path));
            let is_there = is_there || self.paths.contains_key(path);
            let missing =
                if is_there { Ok(Timestamp::UNIX_EPOCH) } else { Err(FileError::Missing) };
            return disk.changed.get(path).copied().map_or(missing, Ok);
        }
        Ok(changed(&self.metadata(path).await?))
    }

    /// Returns the length of a file.
    pub async fn length(&self, file: &Path) -> Result<u64, FileError> {
        if let Some(disk) = &self.fake_disk {
            return disk.lengths.get(file).copied().ok_or(FileError::Missing);
        }
        Ok(self.metadata(file).await?.len())
    }

    /// Returns how many bytes a program with root's rights can write to the file system of a
    /// directory.
    pub async fn free_space(&self, folder: &Path) -> Result<u64, FileError> {
        if let Some(disk) = &self.fake_disk {
            return disk.free.get(folder).copied().ok_or(FileError::Missing);
        }
        let folder = folder.to_owned();
        let found = self.with_files(move |root| Ok(rustix::fs::fstatvfs(root.folder(&folder)?.0)?));
        let found = found.await?;
        // Unlike `f_bavail`, this counts what is kept for root.
        Ok(found.f_bfree.saturating_mul(found.f_frsize))
    }

    async fn metadata(&self, path: &Path) -> Result<Metadata, FileError> {
        let path = path.to_owned();
        self.with_files(move |root| root.about(&path)).await
    }
}
