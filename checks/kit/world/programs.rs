//! A program of the node, as far as its file tells: what it is built for, and from which version.

use std::{
    io::{Cursor, Read, Seek},
    os::unix::fs::PermissionsExt,
    path::{Path, PathBuf},
};

use memchr::memmem;

use super::{FileError, World};
use crate::kit::rules::GoBuild;

/// The most bytes of a program that are searched, and how many at a time.
const MAX_SEARCHED: usize = 256 * 1024 * 1024;
const CHUNK: usize = 256 * 1024;

/// What the file of a program tells.
#[derive(Debug)]
pub struct Program {
    /// Whether its permissions let anybody run it.
    pub is_executable: bool,
    /// The machine that an ELF file is built for (`e_machine`).
    pub machine: Option<u16>,
    /// The build information of a Go program.
    pub build: Option<GoBuild>,
    /// Of the texts that were looked for, those that are in it; `None` where it was not searched to
    /// its end.
    pub has: Option<Vec<&'static str>>,
}

impl World {
    /// Returns where a file really is.
    pub fn on_disk(&self, file: &Path) -> PathBuf {
        self.paths.get(file).cloned().unwrap_or_else(|| file.to_owned())
    }

    /// Reads what a program's file tells. The texts are looked for only where `unless` cannot tell
    /// from the build information alone: that reads the whole file.
    pub async fn program(
        &self,
        file: &Path,
        texts: &'static [&'static str],
        unless: fn(&GoBuild) -> bool,
    ) -> Result<Program, FileError> {
        if let Some(text) = self.files.get(file) {
            let mut bytes = Cursor::new(text.expose().as_bytes().to_vec());
            return Ok(examine(&mut bytes, true, texts, unless));
        }
        let file = self.on_disk(file);
        self.with_files(move |root| {
            let (mut file, about) = root.file(&file)?;
            let is_executable = about.permissions().mode() & 0o111 != 0;
            Ok(examine(&mut file, is_executable, texts, unless))
        })
        .await
    }
}

fn examine(
    file: &mut (impl Read + Seek),
    is_executable: bool,
    texts: &'static [&'static str],
    unless: fn(&GoBuild) -> bool,
) -> Program {
    let mut header = vec![];
    let _ = file.by_ref().take(20).read_to_end(&mut header);
    let build = GoBuild::read(file);
    let is_told = build.as_ref().is_some_and(unless);
    // A script may say anything.
    let is_searched = !is_told && !texts.is_empty() && machine(&header).is_some();
    let has = if is_searched { search(file, texts) } else { None };
    Program { is_executable, machine: machine(&header), build, has }
}

/// Returns the machine that an ELF file is built for, in the file's own byte order.
fn machine(header: &[u8]) -> Option<u16> {
    let bytes = [*header.get(18)?, *header.get(19)?];
    match (header.starts_with(b"\x7fELF"), header.get(5)?) {
        (true, 1) => Some(u16::from_le_bytes(bytes)),
        (true, 2) => Some(u16::from_be_bytes(bytes)),
        _ => None,
    }
}

/// Returns which of the texts a file has; `None` if it was not read to its end.
fn search(
    file: &mut (impl Read + Seek),
    texts: &'static [&'static str],
) -> Option<Vec<&'static str>> {
    file.rewind().ok()?;
    let overlap = texts.iter().map(|text| text.len()).max().unwrap_or_default();
    let (mut found, mut bytes, mut total) = (vec![], vec![], 0);
    loop {
        let kept = bytes.len().min(overlap);
        bytes.drain(..bytes.len() - kept);
        let read = file.by_ref().take(CHUNK as u64).read_to_end(&mut bytes).ok()?;
        total += read;
        let missing = texts.iter().filter(|text| !found.contains(*text));
        let here: Vec<&'static str> = missing
            .filter(|text| memmem::find(&bytes, text.as_bytes()).is_some())
            .copied()
            .collect();
        found.extend(here);
        if read == 0 {
            return Some(found);
        }
        if total > MAX_SEARCHED {
            return None;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_machine_in_a_header() {
        let header = |order: u8, machine: [u8; 2]| {
            let mut header = b"\x7fELF\x02".to_vec();
            header.push(order);
            header.resize(18, 0);
            header.extend(machine);
            header
        };
        assert_eq!(machine(&header(1, [62, 0])), Some(62));
        assert_eq!(machine(&header(2, [0, 62])), Some(62));
        assert_eq!(machine(b"#!/bin/sh\necho hello, world\n"), None);
        assert_eq!(machine(b"\x7fELF"), None);
    }

    #[test]
    fn texts_are_found_across_chunks() {
        let mut bytes = vec![b'.'; CHUNK - 3];
        bytes.extend(b"registry-mirror and the rest");
        bytes.resize(3 * CHUNK, b'.');
        let found = search(&mut Cursor::new(bytes), &["registry-mirror", "audience", "rest"]);
        assert_eq!(found, Some(vec!["registry-mirror", "rest"]));
        assert_eq!(search(&mut Cursor::new(vec![]), &["a"]), Some(vec![]));
    }
}
