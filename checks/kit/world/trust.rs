//! The trust store of a Go program on the node, read as Go reads it.
//!
//! Without variables, Go takes it from the system's lists of files and of directories. `SSL_CERT_FILE`
//! replaces Go's list of files, and `SSL_CERT_DIR` its list of directories; each by itself. Of the files the first that can be read counts, of the directories every file but links
//! within the directory. Source: `crypto/x509` (`root_unix.go`, `root_linux.go`).

use std::{ffi::CStr, fs::Metadata, io::Read, os::unix::fs::FileTypeExt, path::Path, sync::Arc};

use jiff::Timestamp;
use rustix::fs::readlinkat;
use rustls::{RootCertStore, pki_types::CertificateDer};

use super::{
    BUNDLES, CERTIFICATE_FOLDERS, FileError, World,
    disk::{FakeDisk, changed},
    files::names_of,
    root::Root,
};
use crate::kit::rules::authorities_in;

/// The longest file of certificates that is read, and the most that is read of all.
const MAX_BYTES: u64 = 4 * 1024 * 1024;
const MAX_ALL_BYTES: usize = 16 * 1024 * 1024;
/// Where AKS delivers authorities.
pub const DELIVERED: &str = "/opt/certs";
/// How many directories are read.
const MAX_FOLDERS: usize = 8;

/// The authorities that a program trusts.
#[derive(Clone, Debug)]
pub struct TrustStore {
    /// Those that its files hold now.
    pub now: Arc<RootCertStore>,
    /// Those of them that were there before the program started.
    pub before: Arc<RootCertStore>,
    /// Whether all of its files could be read.
    pub is_complete: bool,
    /// The newest change that the running program may not know of, if there is one: it may still
    /// trust what was taken out.
    pub unknown: Option<TrustChange>,
    /// Those of now, with those that AKS delivered to the node.
    pub delivered: Option<Arc<RootCertStore>>,
    /// Where they are from.
    pub places: TrustPlaces,
}

/// A change of a trust store.
#[derive(Clone, Debug)]
pub struct TrustChange {
    /// The file or directory that was changed last.
    pub file: String,
    /// When it was changed.
    pub changed: Timestamp,
    /// When the program started, if that is known.
    pub started: Option<Timestamp>,
}

/// Where a program looks for authorities.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TrustPlaces {
    files: Vec<String>,
    folders: Vec<String>,
}

/// What was read of such places.
#[derive(Debug, Default)]
pub struct TrustRead {
    /// The files.
    pub files: Vec<TrustFile>,
    /// The directories, and when names in them were added or removed.
    pub folders: Vec<(String, Timestamp)>,
    /// The places that could not be read, although the program itself may be able to: each once.
    pub unread: Vec<(String, FileError)>,
}

/// A file of authorities.
#[derive(Debug)]
pub struct TrustFile {
    /// Its path on the node.
    pub file: String,
    /// When it was changed.
    pub changed: Timestamp,
    /// What is in it.
    pub certificates: Vec<CertificateDer<'static>>,
}

impl TrustPlaces {
    /// The variables that replace Go's lists.
    pub const VARIABLES: [&str; 2] = ["SSL_CERT_FILE", "SSL_CERT_DIR"];

    /// Returns where a program looks that has none of them.
    pub fn system() -> Self {
        let all = |places: &[&str]| places.iter().map(|place| (*place).to_owned()).collect();
        Self { files: all(&BUNDLES), folders: all(&CERTIFICATE_FOLDERS) }
    }

    /// Returns where AKS delivers authorities that are installed from there (Azure/AgentBaker,
    /// `update_certs`).
    pub fn delivered() -> Self {
        Self { files: vec![], folders: vec![DELIVERED.to_owned()] }
    }

    /// Returns where a program with these variables looks; `None` where none of them is set. To Go,
    /// an empty one is not set.
    pub fn of(variable: impl Fn(&str) -> Option<String>) -> Option<Self> {
        let [file, folders] =
            Self::VARIABLES.map(|name| variable(name).filter(|it| !it.is_empty()));
        if file.is_none() && folders.is_none() {
            return None;
        }
        let system = Self::system();
        let list = |list: String| list.split(':').map(str::to_owned).collect();
        Some(Self {
            files: file.map_or(system.files, |file| vec![file]),
            folders: folders.map_or(system.folders, list),
        })
    }

    /// Returns those of the variables that are set, each with its value.
    pub fn written(variable: impl Fn(&str) -> Option<String>) -> Vec<String> {
        let set = |name| {
            let value = variable(name).filter(|value| !value.is_empty())?;
            Some(format!("{name}={value}"))
        };
        Self::VARIABLES.into_iter().filter_map(set).collect()
    }

    /// Returns whether the system's directories are among them, into which authorities are installed.
    pub fn have_system_folders(&self) -> bool {
        self.folders.iter().any(|folder| CERTIFICATE_FOLDERS.contains(&folder.as_str()))
    }

    /// Returns whether each place is named from the root, so that it does not depend on the directory
    /// that the program was started in. To Go, an empty name is nothing.
    pub fn are_absolute(&self) -> bool {
        let mut all = self.files.iter().chain(&self.folders);
        all.all(|place| place.is_empty() || place.starts_with('/'))
    }
}

/// The names in a directory, and the content of a file, each with the time of its change; `None` where
/// it is nothing to the program either.
type Names = Result<Option<(Vec<String>, Timestamp)>, FileError>;
type Content = Result<Option<(Vec<u8>, Timestamp)>, FileError>;

impl World {
    /// Returns the authorities of files, and those that the user named.
    pub fn store_of<'a>(&self, files: impl Iterator<Item = &'a TrustFile>) -> Arc<RootCertStore> {
        let mut store = RootCertStore::empty();
        store.add_parsable_certificates(files.flat_map(|file| file.certificates.iter().cloned()));
        store.add_parsable_certificates(self.roots.given().iter().cloned());
        Arc::new(store)
    }

    /// Reads such places below the node's root.
    pub async fn trust(&self, places: &TrustPlaces) -> TrustRead {
        if let Some(disk) = &self.fake_disk {
            return gather(
                places,
                |folder| Ok(self.fake_names(disk, folder)),
                |file| Ok(self.fake(disk, file)),
            );
        }
        let (node, wanted) = (self.node_root.clone(), places.clone());
        let read = self.with_files(move |root| {
            let at = |path: &str| node.join(path.trim_start_matches('/'));
            Ok(gather(&wanted, |folder| names(root, &at(folder)), |file| content(root, &at(file))))
        });
        read.await.unwrap_or_else(|error| {
            let place = places.files.iter().chain(&places.folders).next();
            let unread = vec![(place.cloned().unwrap_or_default(), error)];
            TrustRead { unread, ..TrustRead::default() }
        })
    }

    fn fake_names(&self, disk: &FakeDisk, folder: &str) -> Option<(Vec<String>, Timestamp)> {
        let of_lab = self.files.keys().filter_map(|file| file.strip_prefix(folder).ok()?.to_str());
        let direct = of_lab.filter(|rest| !rest.is_empty() && !rest.contains('/'));
        let mut names: Vec<String> = direct.map(str::to_owned).collect();
        names.sort_unstable();
        let changed = disk.changed.get(Path::new(folder)).copied();
        let is_there = !names.is_empty() || changed.is_some();
        is_there.then_some((names, changed.unwrap_or(Timestamp::UNIX_EPOCH)))
    }

    fn fake(&self, disk: &FakeDisk, file: &str) -> Option<(Vec<u8>, Timestamp)> {
        let text = self.files.get(Path::new(file))?;
        let changed = disk.changed.get(Path::new(file)).copied().unwrap_or(Timestamp::UNIX_EPOCH);
        Some((text.expose().as_bytes().to_vec(), changed))
    }
}

/// Reads what Go reads.
fn gather(
    places: &TrustPlaces,
    names: impl Fn(&str) -> Names,
    content: impl Fn(&str) -> Content,
) -> TrustRead {
    let (mut read, mut left) = (TrustRead::default(), MAX_ALL_BYTES);
    let mut add = |read: &mut TrustRead, place: &str, file: String| match content(&file) {
        Ok(None) => false,
        Ok(Some((bytes, changed))) => {
            left = left.saturating_sub(bytes.len());
            if left == 0 {
                read.miss(place, FileError::Unfinished("too-long"));
                return true;
            }
            let certificates = authorities_in(&bytes).collect();
            read.files.push(TrustFile { file, changed, certificates });
            true
        }
        // Links to what was removed stay in such directories.
        Err(FileError::LeadsElsewhere) if place != file => false,
        Err(error) => {
            read.miss(place, error);
            true
        }
    };
    let first = places.files.iter().find(|file| add(&mut read, file, (*file).clone()));
    for (count, folder) in places.folders.iter().enumerate().filter(|(_, it)| !it.is_empty()) {
        if count >= MAX_FOLDERS {
            read.miss(folder, FileError::Unfinished("too-long"));
            break;
        }
        match names(folder) {
            Ok(None) => {}
            Ok(Some((names, changed))) => {
                read.folders.push((folder.clone(), changed));
                let paths = names.iter().map(|name| join(folder, name));
                // The file of before is often in the first directory.
                for path in paths.filter(|path| first != Some(path)) {
                    add(&mut read, folder, path);
                }
            }
            Err(error) => {
                // One line for a directory and what is in it.
                let within = join(folder, "");
                read.unread.retain(|(known, _)| !known.starts_with(&within));
                read.miss(folder, error);
            }
        }
    }
    read
}

fn join(folder: &str, name: &str) -> String {
    format!("{}/{name}", folder.trim_end_matches('/'))
}

impl TrustRead {
    /// Returns whether there is any of these places.
    pub fn is_there(&self) -> bool {
        !(self.files.is_empty() && self.unread.is_empty())
    }

    /// Returns the newest change of a file or directory. A removed file changes its directory only.
    pub fn newest(&self) -> Option<(&str, Timestamp)> {
        let files = self.files.iter().map(|file| (file.file.as_str(), file.changed));
        let folders = self.folders.iter().map(|(folder, changed)| (folder.as_str(), *changed));
        // Of equal times, that of a file says more.
        folders.chain(files).max_by_key(|(_, changed)| *changed)
    }

    fn miss(&mut self, place: &str, error: FileError) {
        if self.unread.iter().all(|(known, _)| known != place) {
            self.unread.push((place.to_owned(), error));
        }
    }
}

/// Returns an error of ours; `None` for one that the program itself gets too.
fn ours(error: FileError) -> Option<FileError> {
    match error {
        FileError::Missing | FileError::AFolder | FileError::NotAFolder | FileError::Loop => None,
        error => Some(error),
    }
}

fn content(root: &Root, path: &Path) -> Content {
    let (file, about) = match root.file(path) {
        Ok(opened) => opened,
        // Go waits for a pipe, perhaps for ever; it passes over sockets.
        Err(FileError::NotAFile) if root.about(path)?.file_type().is_socket() => return Ok(None),
        Err(error) => return ours(error).map_or(Ok(None), Err),
    };
    let mut bytes = vec![];
    file.take(MAX_BYTES + 1).read_to_end(&mut bytes)?;
    if bytes.len() as u64 > MAX_BYTES {
        return Err(FileError::Unfinished("too-long"));
    }
    // A link may have come later than what it leads to.
    let link = root.link(path).ok();
    let link = link.filter(Metadata::is_symlink).map_or(Timestamp::MIN, |it| changed(&it));
    Ok(Some((bytes, changed(&about).max(link))))
}

fn names(root: &Root, folder: &Path) -> Names {
    let (opened, about) = match root.folder(folder) {
        Ok(opened) => opened,
        Err(error) => return ours(error).map_or(Ok(None), Err),
    };
    let within = |name: &CStr| {
        let leads = readlinkat(&opened, name, vec![]).ok();
        leads.is_some_and(|target| !target.to_bytes().contains(&b'/'))
    };
    let mut names = names_of(&opened, |name| !within(name))?;
    names.sort_unstable();
    Ok(Some((names, changed(&about))))
}
