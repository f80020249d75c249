//! Files of this machine, or of the lab's: read up to a bound, in bounded time.

use std::{fmt, io, path::Path, time::Duration};

use serde_json::Value;
use tokio::{fs::File, io::AsyncReadExt, time::timeout};

use super::World;

/// How long a file may take: it may be a pipe, or on a file system that is gone.
pub const FILE_WAIT: Duration = Duration::from_secs(3);

/// The longest file that is read.
const MAX_FILE_BYTES: u64 = 1024 * 1024;

/// Why a file was not read.
#[derive(Clone, Debug, PartialEq)]
pub enum FileError {
    /// There is none of that name.
    Missing,
    /// We may not.
    Forbidden,
    /// It is longer than we read, or takes longer than we wait.
    Unfinished(&'static str),
    /// The system's words.
    Failed(String),
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
    /// Whether there is such a file.
    pub async fn has_file(&self, file: &Path) -> bool {
        // A file system that hangs must not hold up the only thread.
        let looking = timeout(FILE_WAIT, tokio::fs::try_exists(file));
        self.files.contains_key(file) || matches!(looking.await, Ok(Ok(true)))
    }

    /// Whether there is such a folder.
    pub async fn has_folder(&self, folder: &Path) -> bool {
        let looking = timeout(FILE_WAIT, tokio::fs::metadata(folder));
        self.files.keys().any(|file| file.parent() == Some(folder))
            || matches!(looking.await, Ok(Ok(found)) if found.is_dir())
    }

    /// All of a file.
    pub async fn read(&self, file: &Path) -> Result<Vec<u8>, FileError> {
        let bytes = self.read_up_to(file, MAX_FILE_BYTES + 1).await?;
        if bytes.len() as u64 > MAX_FILE_BYTES {
            return Err(FileError::Unfinished("too-long"));
        }
        Ok(bytes)
    }

    /// The beginning of a file.
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

/// What a YAML file says (and so a JSON file); else where it does not parse, without quoting it.
pub fn yaml(bytes: &[u8]) -> Result<Value, String> {
    let text = std::str::from_utf8(bytes).map_err(|_| "not-text")?;
    serde_saphyr::from_str(text).map_err(|error| place(&error))
}

/// Where a text does not parse: what stands there may be a password.
fn place(error: &serde_saphyr::Error) -> String {
    match error.location() {
        Some(place) => format!("line {}, column {}", place.line(), place.column()),
        None => "not-yaml".to_owned(),
    }
}

/// The same as Azure's programs read it: of a key that stands twice the last counts, and of several documents the
/// first.
pub fn yaml_loosely(bytes: &[u8]) -> Result<Value, String> {
    let text = std::str::from_utf8(bytes).map_err(|_| "not-text")?;
    let options = serde_saphyr::options! {
        duplicate_keys: serde_saphyr::options::DuplicateKeyPolicy::LastWins,
    };
    let first = serde_saphyr::from_multiple_with_options::<Value>(text, options);
    first
        .map(|documents| documents.into_iter().next().unwrap_or_default())
        .map_err(|error| place(&error))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn yaml_and_json_alike() {
        let wanted = json!({ "a": [1, "x"], "b": { "c": true, "d": null } });
        assert_eq!(yaml(b"a: [1, x]\nb:\n  c: true\n  d:\n").as_ref(), Ok(&wanted));
        assert_eq!(yaml(wanted.to_string().as_bytes()), Ok(wanted));
        assert_eq!(yaml(b""), Ok(Value::Null));
    }

    #[test]
    fn loosely_the_last_of_two_and_the_first_document_count() {
        assert_eq!(yaml_loosely(b"a: 1\na: 2\n---\nb: 3\n"), Ok(json!({ "a": 2 })));
        assert_eq!(yaml_loosely(b"{\"a\": 1, \"a\": 2}"), Ok(json!({ "a": 2 })));
        assert_eq!(yaml_loosely(b""), Ok(Value::Null));
        assert!(yaml(b"a: 1\na: 2\n").is_err());
    }

    #[test]
    fn yaml_that_grows_without_end_is_refused() {
        let line = |i: usize| format!("a{}: &a{} [*a{i}, *a{i}, *a{i}]\n", i + 1, i + 1);
        let laughs = (0..30).map(line).collect::<Vec<_>>().concat();
        assert!(yaml(format!("a0: &a0 ha\n{laughs}").as_bytes()).is_err());
        assert!(yaml("[".repeat(100_000).as_bytes()).is_err());
        assert!(yaml("{a: ".repeat(100_000).as_bytes()).is_err());
    }

    #[test]
    fn what_does_not_parse_is_not_quoted() {
        for bad in ["{\"a\": \"hunter2", "a: hunter2: b", "a: &x [*x, *x]\nb: *y", "a: [1"] {
            let said = yaml(bad.as_bytes()).expect_err(bad);
            assert!(said.starts_with("line ") || said == "not-yaml", "{said}");
        }
        assert_eq!(yaml(b"\xff\xfe").unwrap_err(), "not-text");
    }
}
