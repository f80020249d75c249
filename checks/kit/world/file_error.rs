//! Why a file was not read.

use std::{fmt, io};

use rustix::io::Errno;

/// Why a file was not read.
#[derive(Clone, Debug, PartialEq)]
pub enum FileError {
    /// The file does not exist.
    Missing,
    /// We lack the permission to read it.
    Forbidden,
    /// It is, or is below, a link that leads nowhere here. Below a mounted root not everything of the node
    /// may be mounted.
    LeadsElsewhere,
    /// It is, or is below, a link that leads in a loop.
    Loop,
    /// It is a directory.
    AFolder,
    /// It is a pipe, a socket or a device.
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
        "link-loop",
        "a-folder",
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
            FileError::Loop => "link-loop",
            FileError::AFolder => "a-folder",
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
            io::ErrorKind::NotFound => FileError::Missing,
            // To Go this is another error than that nothing is there.
            io::ErrorKind::NotADirectory => FileError::NotAFolder,
            io::ErrorKind::PermissionDenied => FileError::Forbidden,
            io::ErrorKind::IsADirectory => FileError::AFolder,
            _ if error.raw_os_error() == Some(Errno::LOOP.raw_os_error()) => FileError::Loop,
            _ => FileError::Failed(error.to_string()),
        }
    }
}

impl From<Errno> for FileError {
    fn from(error: Errno) -> Self {
        io::Error::from(error).into()
    }
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
            FileError::Loop,
            FileError::AFolder,
            FileError::NotAFile,
            FileError::NotAFolder,
            FileError::OffLimits,
        ];
        let all = single.into_iter().chain(unfinished);
        let words: Vec<String> = all.map(|error| error.to_string()).collect();
        assert_eq!(words, FileError::WORDS);
    }
}
