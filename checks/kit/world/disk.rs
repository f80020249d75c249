//! What the node's kernel says of files without reading them, and parts of files: of this machine or
//! of the lab.

use std::{collections::HashMap, io::SeekFrom, os::unix::fs::MetadataExt, path::Path, path::PathBuf};

use jiff::Timestamp;
use tokio::{
    fs::File,
    io::{AsyncReadExt, AsyncSeekExt},
    task::spawn_blocking,
    time::timeout,
};

use super::{FILE_WAIT, FileError, World};
use crate::kit::rules::{ElfSections, GoBuild};

/// The longest part of a program that is read.
const MAX_PART_BYTES: u64 = 256 * 1024;

/// What stands in for the disks and processes of this machine. A file without a time is old.
#[derive(Clone, Debug, Default)]
pub struct FakeDisk {
    /// When files and directories were changed.
    pub changed: HashMap<PathBuf, Timestamp>,
    /// How many bytes are free on the file system of a directory.
    pub free: HashMap<PathBuf, u64>,
    /// The lengths of files of which only that matters.
    pub lengths: HashMap<PathBuf, u64>,
    /// Files that are no text.
    pub programs: HashMap<PathBuf, Vec<u8>>,
}

impl World {
    /// Returns when a file or directory was changed last: its content, or for a file its name or
    /// owner, because a file that was moved there has the time of its content.
    pub async fn changed(&self, path: &Path) -> Result<Timestamp, FileError> {
        if let Some(disk) = &self.fake_disk {
            let is_there = self.files.keys().any(|file| file.starts_with(path));
            let is_there = is_there || disk.programs.contains_key(path);
            let missing = if is_there { Ok(Timestamp::UNIX_EPOCH) } else { Err(FileError::Missing) };
            return disk.changed.get(path).copied().map_or(missing, Ok);
        }
        let found = self.metadata(path).await?;
        let seconds = if found.is_dir() { found.mtime() } else { found.mtime().max(found.ctime()) };
        Ok(Timestamp::from_second(seconds).unwrap_or(Timestamp::MAX))
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
        let asking = spawn_blocking(move || rustix::fs::statvfs(&folder));
        let found = timeout(FILE_WAIT, asking).await.map_err(|_| FileError::Unfinished("timed-out"))?;
        let found = found.map_err(|error| FileError::Failed(error.to_string()))?;
        let found = found.map_err(|error| FileError::from(std::io::Error::from(error)))?;
        // Unlike `f_bavail`, this counts what is kept for root.
        Ok(found.f_bfree.saturating_mul(found.f_frsize))
    }

    /// Returns what Go recorded of the build of a program; `None` where it recorded nothing.
    pub async fn go_build(&self, file: &Path) -> Result<Option<GoBuild>, FileError> {
        let header = self.read_part(file, (0, 64)).await?;
        let Some(sections) = ElfSections::of(&header) else { return Ok(None) };
        let table = self.read_part(file, (sections.from, sections.length)).await?;
        let Some(names) = sections.names(&table) else { return Ok(None) };
        let names = self.read_part(file, names).await?;
        let Some(place) = ElfSections::build_info(&table, &names) else { return Ok(None) };
        Ok(GoBuild::read(&self.read_part(file, place).await?))
    }

    /// Reads a part of a file: from there, that many bytes.
    async fn read_part(&self, file: &Path, (from, length): (u64, u64)) -> Result<Vec<u8>, FileError> {
        let length = length.min(MAX_PART_BYTES);
        if let Some(program) = self.fake_disk.as_ref().and_then(|disk| disk.programs.get(file)) {
            let rest = usize::try_from(from).ok().and_then(|from| program.get(from..));
            let length = usize::try_from(length).unwrap_or(usize::MAX);
            return Ok(rest.map(|rest| rest[..rest.len().min(length)].to_vec()).unwrap_or_default());
        }
        if self.fake_disk.is_some() {
            return Err(FileError::Missing);
        }
        let reading = async {
            let mut bytes = vec![];
            let mut opened = File::open(file).await?;
            opened.seek(SeekFrom::Start(from)).await?;
            opened.take(length).read_to_end(&mut bytes).await?;
            Ok(bytes)
        };
        timeout(FILE_WAIT, reading).await.unwrap_or(Err(FileError::Unfinished("timed-out")))
    }

    async fn metadata(&self, path: &Path) -> Result<std::fs::Metadata, FileError> {
        let looking = async { tokio::fs::metadata(path).await.map_err(FileError::from) };
        timeout(FILE_WAIT, looking).await.unwrap_or(Err(FileError::Unfinished("timed-out")))
    }
}
