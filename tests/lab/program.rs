//! Programs of a node: real files in a folder of their own, as they may be run.

use std::collections::BTreeMap;
use std::fs;
use std::io::{self, Write as _};
use std::os::unix::fs::{DirBuilderExt as _, PermissionsExt as _};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::atomic::{AtomicUsize, Ordering};

/// The length of an ELF header and of a section's entry.
const ENTRY: usize = 64;
/// How many folders a process makes or passes over.
const MAX_FOLDERS: usize = 1 << 20;
/// The module of Azure's credential provider.
const MODULE: &str = "sigs.k8s.io/cloud-provider-azure";

/// A folder that is removed when it is dropped.
#[derive(Debug)]
pub(crate) struct Folder(PathBuf);

impl Folder {
    /// Makes a folder that only this user may enter.
    pub(crate) fn new() -> io::Result<Self> {
        static MADE: AtomicUsize = AtomicUsize::new(0);
        loop {
            let number = MADE.fetch_add(1, Ordering::Relaxed);
            let name = format!("check-acr-lab-programs-{}-{number}", std::process::id());
            let folder = std::env::temp_dir().join(name);
            match fs::DirBuilder::new().mode(0o700).create(&folder) {
                // A process of the same number has it, in a container or before.
                Err(error)
                    if error.kind() == io::ErrorKind::AlreadyExists && number < MAX_FOLDERS => {}
                made => return made.map(|()| Self(folder)),
            }
        }
    }

    /// Writes a program. A script is written by a process of its own: a file that this one has open for
    /// writing, a process that another thread starts has open too for a moment, and what is open for
    /// writing cannot be run (`ETXTBSY`).
    pub(crate) fn write(
        &self,
        name: &str,
        bytes: &[u8],
        is_executable: bool,
    ) -> io::Result<PathBuf> {
        let file = self.0.join(name);
        if bytes.starts_with(b"#!") {
            let mut shell = Command::new("sh");
            shell.args(["-c", r#"cat >"$0""#]).arg(&file).stdin(Stdio::piped());
            let mut writer = shell.spawn()?;
            writer.stdin.take().map_or(Ok(()), |mut input| input.write_all(bytes))?;
            writer.wait()?;
        } else {
            fs::write(&file, bytes)?;
        }
        let mode = if is_executable { 0o755 } else { 0o644 };
        fs::set_permissions(&file, fs::Permissions::from_mode(mode))?;
        Ok(file)
    }

    /// Returns its path.
    pub(crate) fn path(&self) -> &Path {
        &self.0
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(self.path());
    }
}

/// Writes programs, each with the path where its world has it and whether it may be run, into a folder
/// that is made for the first. Returns where each is.
pub(crate) fn write<'a>(
    folder: &mut Option<Folder>,
    programs: impl IntoIterator<Item = (&'a str, Vec<u8>, bool)>,
) -> io::Result<BTreeMap<String, PathBuf>> {
    let mut written = BTreeMap::new();
    for (path, bytes, is_executable) in programs {
        let folder = match &mut *folder {
            Some(folder) => folder,
            none => none.insert(Folder::new()?),
        };
        let name = path.rsplit('/').next().unwrap_or_default();
        written.insert(path.to_owned(), folder.write(name, &bytes, is_executable)?);
    }
    Ok(written)
}

/// Returns a program for this machine with the build information of that version of Azure's
/// credential provider, as Go's linker and the makefile of the project write it. Without a version, it
/// has no build information.
pub(crate) fn provider(version: &str) -> Vec<u8> {
    let lines = format!(
        "path\t{MODULE}/cmd/acr-credential-provider\nmod\t{MODULE}\t(devel)\t\n\
         dep\tk8s.io/component-base\tv0.34.0\th1:AAAA=\nbuild\t-buildmode=exe\n\
         build\t-ldflags=\"-s -w -X {MODULE}/pkg/version.gitVersion={version} -X k8s.io/client-go/pkg/version.gitVersion={version}\"\n\
         build\tCGO_ENABLED=0\n"
    );
    go_program(Some(lines.as_str()).filter(|_| !version.is_empty()))
}

/// Returns the same of containerd. With only the first number of a version, the build recorded no
/// more, as that of Debian.
pub(crate) fn containerd(version: &str) -> Vec<u8> {
    let module = if version.starts_with('1') { "" } else { "/v2" };
    let module = format!("github.com/containerd/containerd{module}");
    let mut lines = format!("path\t{module}/cmd/containerd\n");
    if version.contains('.') {
        let flags = format!("-X {module}/version.Version=v{version} -s -w");
        lines += &format!("mod\t{module}\t(devel)\t\nbuild\t-ldflags=\"{flags}\"\n");
    }
    go_program(Some(&lines))
}

/// Returns a program for this machine with that build information, if any. It does nothing.
fn go_program(lines: Option<&str>) -> Vec<u8> {
    let machine: u16 = if cfg!(target_arch = "aarch64") { 183 } else { 62 };
    let text = lines.unwrap_or_default();
    let mut info = b"\xff Go buildinf:\x08\x02".to_vec();
    info.resize(32, 0);
    for part in [b"go1.24.6".to_vec(), [&[0x30; 16], text.as_bytes(), &[0xf9; 16]].concat()] {
        info.extend(varint(part.len()));
        info.extend(part);
    }
    let names = if lines.is_none() { &b"\0.text\0"[..] } else { b"\0.go.buildinfo\0" };
    let mut file = b"\x7fELF\x02\x01\x01".to_vec();
    file.resize(ENTRY, 0);
    file[16] = 2;
    file[18..20].copy_from_slice(&machine.to_le_bytes());
    file[20] = 1;
    let word = |number: usize| u16::try_from(number).unwrap_or_default().to_le_bytes();
    let long = |number: usize| u64::try_from(number).unwrap_or_default().to_le_bytes();
    file[0x28..0x30].copy_from_slice(&long(ENTRY));
    file[0x3a..0x3c].copy_from_slice(&word(ENTRY));
    file[0x3c..0x3e].copy_from_slice(&word(3));
    file[0x3e..0x40].copy_from_slice(&word(2));
    let data = 4 * ENTRY;
    let sections = [(0u32, 0, 0), (1, data, info.len()), (0, data + info.len(), names.len())];
    for (name, offset, size) in sections {
        let mut entry = name.to_le_bytes().to_vec();
        entry.resize(0x18, 0);
        entry.extend(long(offset));
        entry.extend(long(size));
        entry.resize(ENTRY, 0);
        file.extend(entry);
    }
    file.extend(info);
    file.extend(names);
    file
}

fn varint(mut number: usize) -> Vec<u8> {
    let mut bytes = vec![];
    while number > 0x7f {
        bytes.push(u8::try_from(number & 0x7f).unwrap_or_default() | 0x80);
        number >>= 7;
    }
    bytes.push(u8::try_from(number).unwrap_or_default());
    bytes
}
