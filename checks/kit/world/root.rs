//! The one way to the files of a disk. A link leads where it leads on the system whose files they are,
//! nothing waits for a pipe, and nothing among the volumes of a node's pods is opened.

use std::{
    cell::RefCell,
    collections::HashSet,
    fs::{self, File, Metadata},
    os::{
        fd::{AsRawFd, OwnedFd},
        unix::fs::MetadataExt,
    },
    path::{Path, PathBuf},
    time::Duration,
};

use rustix::{
    fs::{CWD, Mode, OFlags, ResolveFlags, openat, openat2, readlinkat},
    io::Errno,
};
use tokio::{task::spawn_blocking, time::timeout};

use super::{FileError, World};

/// How long reading a file may take: its file system may hang.
pub const FILE_WAIT: Duration = Duration::from_secs(3);
/// How often a path is looked up that other work on the machine interferes with.
const MAX_TRIES: usize = 16;
/// The directory of the volumes of a node's pods: their secrets and tokens are below it.
const POD_VOLUMES: &str = "var/lib/kubelet/pods";

/// What the kernel knows a file or directory by, whichever path leads to it.
type Identity = (u64, u64);

/// The root of the node's files. Paths that are not below it are those of our own system.
pub(super) struct Root {
    path: PathBuf,
    /// It, opened; `None` where it is our own.
    opened: Option<Result<OwnedFd, Errno>>,
    /// The directory of the volumes of pods, if there is one.
    pods: Result<Option<Identity>, Errno>,
    /// The directories that are known not to be below it.
    outside_pods: RefCell<HashSet<PathBuf>>,
}

impl Root {
    fn open(path: PathBuf) -> Self {
        let is_ours = path == Path::new("/");
        let how = OFlags::PATH | OFlags::CLOEXEC;
        let opened = (!is_ours).then(|| openat(CWD, &path, how, Mode::empty()));
        let mut root = Self { path, opened, pods: Ok(None), outside_pods: RefCell::default() };
        root.pods = match root.at(&root.path.join(POD_VOLUMES), OFlags::PATH) {
            Ok(pods) => Ok(File::from(pods).metadata().ok().as_ref().map(identity)),
            // Without permission to look there, nothing there can be opened either.
            Err(Errno::NOENT | Errno::NOTDIR | Errno::ACCESS | Errno::LOOP) => Ok(None),
            Err(error) => Err(error),
        };
        root
    }

    /// Returns what is at a path, without opening it.
    pub(super) fn about(&self, path: &Path) -> Result<Metadata, FileError> {
        Ok(self.find(path)?.1)
    }

    /// Returns what is at a path, even if it is a link.
    pub(super) fn link(&self, path: &Path) -> Result<Metadata, FileError> {
        let found = self.at(path, OFlags::PATH | OFlags::NOFOLLOW)?;
        Ok(File::from(found).metadata()?)
    }

    /// Opens a plain file.
    pub(super) fn file(&self, path: &Path) -> Result<(File, Metadata), FileError> {
        self.open_if(path, OFlags::empty(), |about| {
            if about.is_dir() {
                Err(FileError::AFolder)
            } else if about.is_file() {
                Ok(())
            } else {
                Err(FileError::NotAFile)
            }
        })
    }

    /// Opens a directory.
    pub(super) fn folder(&self, path: &Path) -> Result<(File, Metadata), FileError> {
        self.open_if(path, OFlags::DIRECTORY, |about| {
            if about.is_dir() { Ok(()) } else { Err(FileError::NotAFolder) }
        })
    }

    /// Returns the path of our own system that is no link and leads to the same.
    pub(super) fn real(&self, path: &Path) -> Result<PathBuf, FileError> {
        Ok(fs::read_link(by_number(&self.find(path)?.0))?)
    }

    /// Opens what is at a path if it may be opened. It is looked at first: opening a device or a pipe
    /// may do something.
    fn open_if(
        &self,
        path: &Path,
        kind: OFlags,
        may: impl Fn(&Metadata) -> Result<(), FileError>,
    ) -> Result<(File, Metadata), FileError> {
        may(&self.about(path)?)?;
        let flags = kind | OFlags::RDONLY | OFlags::NONBLOCK | OFlags::NOCTTY;
        let (opened, about) = self.checked(self.at(path, flags)?)?;
        // It may have been replaced in between.
        may(&about)?;
        Ok((opened, about))
    }

    fn find(&self, path: &Path) -> Result<(File, Metadata), FileError> {
        match self.at(path, OFlags::PATH) {
            Ok(found) => self.checked(found),
            Err(Errno::NOENT) if self.is_behind_a_link(path) => Err(FileError::LeadsElsewhere),
            Err(error) => Err(error.into()),
        }
    }

    /// Returns whether a path below a mounted root that is not there is a link, or below one.
    fn is_behind_a_link(&self, path: &Path) -> bool {
        let is_mounted = self.opened.is_some() && path.starts_with(&self.path);
        let mut above = path.ancestors().take_while(|above| *above != self.path);
        let first = above.find_map(|above| self.link(above).ok());
        is_mounted && first.is_some_and(|it| it.is_symlink())
    }

    /// Returns whether a path is a link to the file of each system that is always empty: so a drop-in of a
    /// unit is masked.
    pub(super) fn is_masked(&self, path: &Path) -> bool {
        let link = self.at(path, OFlags::PATH | OFlags::NOFOLLOW).ok();
        let target = link.and_then(|link| readlinkat(link, "", vec![]).ok());
        target.is_some_and(|target| target.to_bytes() == b"/dev/null")
    }

    fn checked(&self, found: OwnedFd) -> Result<(File, Metadata), FileError> {
        let found = File::from(found);
        let about = found.metadata()?;
        self.refuse_pods(&found, &about)?;
        Ok((found, about))
    }

    /// Opens what is at a path. Below the node's root an absolute link is below it, too.
    fn at(&self, path: &Path, flags: OFlags) -> Result<OwnedFd, Errno> {
        let flags = flags | OFlags::CLOEXEC;
        let within = ResolveFlags::IN_ROOT | ResolveFlags::NO_MAGICLINKS;
        match (&self.opened, path.strip_prefix(&self.path)) {
            (Some(Ok(root)), Ok(below)) => {
                let below = if below.as_os_str().is_empty() { Path::new(".") } else { below };
                let open = || openat2(root, below, flags, Mode::empty(), within);
                // A way back while anything is mounted or renamed on this machine: openat2(2).
                let mut tries = (0..MAX_TRIES).map(|_| open());
                tries.find(|got| !matches!(got, Err(Errno::AGAIN))).unwrap_or(Err(Errno::AGAIN))
            }
            (Some(Err(error)), Ok(_)) => Err(*error),
            _ => openat(CWD, path, flags, Mode::empty()),
        }
    }

    /// Refuses what is among the volumes of pods, whichever file of the node names it, and whatever
    /// links lead there, or mounts of that directory or of one above it.
    fn refuse_pods(&self, found: &File, about: &Metadata) -> Result<(), FileError> {
        let Some(pods) = self.pods? else { return Ok(()) };
        let real = fs::read_link(by_number(found))?;
        let folder = if about.is_dir() { Some(real.as_path()) } else { real.parent() };
        let Some(folder) = folder.filter(|folder| !self.outside_pods.borrow().contains(*folder))
        else {
            return Ok(());
        };
        for above in folder.ancestors() {
            if fs::metadata(above).is_ok_and(|about| identity(&about) == pods) {
                return Err(FileError::OffLimits);
            }
        }
        self.outside_pods.borrow_mut().insert(folder.to_owned());
        Ok(())
    }
}

fn identity(about: &Metadata) -> Identity {
    (about.dev(), about.ino())
}

/// Returns the link by which the kernel tells the path of an open file.
fn by_number(file: &File) -> PathBuf {
    PathBuf::from(format!("/proc/self/fd/{}", file.as_raw_fd()))
}

impl World {
    /// Runs work on files, which may hang: it must not block the only thread.
    pub(super) async fn with_files<T: Send + 'static>(
        &self,
        work: impl FnOnce(&Root) -> Result<T, FileError> + Send + 'static,
    ) -> Result<T, FileError> {
        let root = self.node_root.clone();
        match timeout(FILE_WAIT, spawn_blocking(move || work(&Root::open(root)))).await {
            Ok(Ok(done)) => done,
            Ok(Err(stopped)) => Err(FileError::Failed(stopped.to_string())),
            Err(_) => Err(FileError::Unfinished("timed-out")),
        }
    }
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::symlink;

    use super::*;

    /// A root with links of each kind.
    fn laid() -> tempfile::TempDir {
        let folder = tempfile::tempdir().unwrap();
        let of = |name: &str| folder.path().join(name);
        fs::create_dir_all(of("usr/bin")).unwrap();
        fs::create_dir_all(of("etc")).unwrap();
        fs::create_dir_all(of(POD_VOLUMES)).unwrap();
        fs::write(of("usr/bin/program"), "x").unwrap();
        fs::write(of(POD_VOLUMES).join("secret"), "x").unwrap();
        for (link, target) in [
            ("etc/absolute", "/usr/bin/program"),
            ("etc/relative", "../usr/bin/program"),
            ("etc/above-the-root", "../../../usr/bin/program"),
            ("etc/twice", "absolute"),
            ("etc/loop", "loop"),
            ("etc/nowhere", "/usr/bin/none"),
            ("etc/unmounted", "/mnt/none"),
            ("etc/masked", "/dev/null"),
            ("etc/pods", "/var/lib/kubelet/pods"),
            ("etc/secret", "/var/lib/kubelet/pods/secret"),
            ("etc/ours", "/proc/self/exe"),
        ] {
            symlink(target, of(link)).unwrap();
        }
        folder
    }

    #[test]
    fn a_link_leads_where_it_leads_on_the_node() {
        let folder = laid();
        let root = Root::open(folder.path().to_owned());
        let at = |name: &str| root.file(&folder.path().join(name)).map(|_| ()).err();
        for good in ["usr/bin/program", "etc/absolute", "etc/relative", "etc/twice"] {
            assert_eq!(at(good), None, "{good}");
        }
        assert_eq!(at("etc/above-the-root"), None);
        assert_eq!(at("etc/../../../usr/bin/program"), None);
        for (bad, error) in [
            ("etc/loop", FileError::Loop),
            ("etc/nowhere", FileError::LeadsElsewhere),
            ("etc/unmounted/file", FileError::LeadsElsewhere),
            ("etc/unmounted/deeper/file", FileError::LeadsElsewhere),
            ("etc/ours", FileError::LeadsElsewhere),
            ("etc/pods", FileError::OffLimits),
            ("etc/secret", FileError::OffLimits),
            ("var/lib/kubelet/pods/secret", FileError::OffLimits),
            ("etc/../var/lib/kubelet/pods/secret", FileError::OffLimits),
            ("usr/bin/program/below", FileError::NotAFolder),
            ("etc", FileError::AFolder),
            ("etc/none", FileError::Missing),
        ] {
            assert_eq!(at(bad), Some(error), "{bad}");
        }
        assert!(root.is_masked(&folder.path().join("etc/masked")));
        assert!(!root.is_masked(&folder.path().join("etc/nowhere")));
        let ours = Root::open("/".into());
        let nowhere = ours.file(&folder.path().join("etc/nowhere"));
        assert_eq!(nowhere.map(|_| ()), Err(FileError::Missing));
        let real = root.real(&folder.path().join("etc/twice")).unwrap();
        assert_eq!(real, folder.path().canonicalize().unwrap().join("usr/bin/program"));
    }

    #[test]
    fn a_pipe_is_not_waited_for() {
        let folder = tempfile::tempdir().unwrap();
        let pipe = folder.path().join("pipe");
        rustix::fs::mkfifoat(CWD, &pipe, Mode::RWXU).unwrap();
        for root in [folder.path(), Path::new("/")] {
            let root = Root::open(root.to_owned());
            assert_eq!(root.file(&pipe).map(|_| ()), Err(FileError::NotAFile));
            assert_eq!(root.folder(&pipe).map(|_| ()), Err(FileError::NotAFolder));
        }
    }
}
