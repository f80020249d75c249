//! Files of this machine or of the lab: read with a size limit and a timeout.

use std::{fmt, io, path::Path, time::Duration};

use tokio::{fs::File, io::AsyncReadExt, time::timeout};

use super::World;

/// How long reading a file may take: it may be a pipe, or on a file system that hangs.
pub const FILE_WAIT: Duration = Duration::from_secs(3);

/// The longest file that is read.
const MAX_FILE_BYTES: u64 = 1024 * 1024;

/// Why a file was not read.
#[derive(Clone, Debug, PartialEq)]
pub enum FileError {
    /// The file does not exist.
    Missing,
    /// We lack the permission to read it.
    Forbidden,
    /// The file is longer than the limit, or reading it timed out.
    Unfinished(&'static str),
    /// The operating system's error message.
    Failed(String),
}

impl FileError {
    /// The words of evidence among its texts.
    pub const WORDS: &[&str] = &["no-such-file", "not-permitted", "too-long", "timed-out"];
}

impl fmt::Display for FileError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            FileError::Missing => "no-such-file",
            FileError::Forbidden => "not-permitted",
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
            _ => FileError::Failed(error.to_string()),
        }
    }
}

impl World {
    /// Returns whether the file exists.
    pub async fn has_file(&self, file: &Path) -> bool {
        // A file system that hangs must not block the only thread.
        let looking = timeout(FILE_WAIT, tokio::fs::try_exists(file));
        self.files.contains_key(file) || matches!(looking.await, Ok(Ok(true)))
    }

    /// Returns whether the directory exists.
    pub async fn has_folder(&self, folder: &Path) -> bool {
        let looking = timeout(FILE_WAIT, tokio::fs::metadata(folder));
        self.files.keys().any(|file| file.parent() == Some(folder))
            || matches!(looking.await, Ok(Ok(found)) if found.is_dir())
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
        let reading = async {
            let mut bytes = vec![];
            File::open(file).await?.take(limit).read_to_end(&mut bytes).await?;
            Ok(bytes)
        };
        let silent = || Err(FileError::Unfinished("timed-out"));
        timeout(FILE_WAIT, reading).await.unwrap_or_else(|_| silent())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_words_are_those_of_the_errors() {
        let unfinished = ["too-long", "timed-out"].map(FileError::Unfinished);
        let all = [FileError::Missing, FileError::Forbidden].into_iter().chain(unfinished);
        let words: Vec<String> = all.map(|error| error.to_string()).collect();
        assert_eq!(words, FileError::WORDS);
    }
}
