//! The build information that Go writes into a program: which version of which module it is.
//!
//! Source: Go's debug/buildinfo. Read are 64-bit little-endian ELF files, which all Linux nodes of
//! AKS have, with the strings of Go 1.18 and later.

use std::io::{Read, Seek, SeekFrom};

/// The section of an ELF file that has it.
const SECTION: &[u8] = b".go.buildinfo";
/// How it begins.
const MAGIC: &[u8] = b"\xff Go buildinf:";
/// The flag for strings that follow the header.
const INLINE: u8 = 2;
/// How long the header is.
const HEADER: usize = 32;
/// The length of a section's entry, and the most entries that are read.
const ENTRY: usize = 64;
const MAX_SECTIONS: usize = 512;
/// The most bytes of names of sections, and of build information, that are read.
const MAX_NAMES: u64 = 64 * 1024;
const MAX_INFO: u64 = 1024 * 1024;
/// What stands around the list of modules, on either side.
const SENTINEL: usize = 16;

/// The build information of a Go program.
#[derive(Debug, Default, PartialEq)]
pub struct GoBuild {
    /// The version of Go.
    pub go: String,
    /// One line each: the modules, and the settings of the build.
    lines: String,
}

impl GoBuild {
    /// Reads a program's build information; `None` where it is no such program.
    pub fn read(file: &mut (impl Read + Seek)) -> Option<Self> {
        let header = bytes_at(file, 0, ENTRY as u64)?;
        if !header.starts_with(b"\x7fELF\x02\x01") {
            return None;
        }
        let count = usize::from(u16::from_le_bytes(array(&header, 0x3c)?));
        let names = usize::from(u16::from_le_bytes(array(&header, 0x3e)?));
        if u16::from_le_bytes(array(&header, 0x3a)?) as usize != ENTRY || count > MAX_SECTIONS {
            return None;
        }
        let entries = u64::from_le_bytes(array(&header, 0x28)?);
        let entries = bytes_at(file, entries, (count * ENTRY) as u64)?;
        let place = |entry: &[u8]| {
            let number = |at| array(entry, at).map(u64::from_le_bytes);
            Some((number(0x18)?, number(0x20)?))
        };
        let (offset, size) = place(entries.chunks_exact(ENTRY).nth(names)?)?;
        let names = bytes_at(file, offset, size.min(MAX_NAMES))?;
        let is_named = |entry: &&[u8]| {
            let at = array(entry, 0).map(u32::from_le_bytes).unwrap_or_default() as usize;
            let name = names.get(at..).unwrap_or_default();
            name.strip_prefix(SECTION).is_some_and(|rest| rest.first() == Some(&0))
        };
        let (offset, size) = place(entries.chunks_exact(ENTRY).find(is_named)?)?;
        Self::of_section(&bytes_at(file, offset, size.min(MAX_INFO))?)
    }

    /// Reads the section.
    fn of_section(section: &[u8]) -> Option<Self> {
        if !section.starts_with(MAGIC) || section.get(15)? & INLINE == 0 {
            return None;
        }
        let (go, rest) = text(section.get(HEADER..)?)?;
        let (lines, _) = text(rest)?;
        // The list stands between two marks that are no text.
        let inner = lines.len().checked_sub(SENTINEL).and_then(|end| lines.get(SENTINEL..end));
        let inner = inner.filter(|inner| inner.last() == Some(&b'\n')).unwrap_or_default();
        let plain = |bytes| String::from_utf8_lossy(bytes).into_owned();
        Some(Self { go: plain(go), lines: plain(inner) })
    }

    /// Returns build information with those lines.
    #[cfg(test)]
    pub(crate) fn of(lines: &str) -> Self {
        Self { go: String::new(), lines: lines.to_owned() }
    }

    /// Returns the path of the main package.
    pub fn package(&self) -> Option<&str> {
        self.lines.lines().find_map(|line| line.strip_prefix("path\t"))
    }

    /// Returns the version of a module: the program's own or one that is built in.
    pub fn version_of(&self, module: &str) -> Option<&str> {
        self.lines.lines().find_map(|line| {
            let mut words = line.split('\t');
            let is_module = matches!(words.next(), Some("mod" | "dep"));
            (is_module && words.next() == Some(module)).then(|| words.next()).flatten()
        })
    }

    /// Returns the value that the linker gave to a variable (`-ldflags "-X NAME=VALUE"`).
    pub fn linked(&self, variable: &str) -> Option<&str> {
        let flags = self.lines.lines().find_map(|line| line.strip_prefix("build\t-ldflags="))?;
        let wanted = format!("{variable}=");
        let mut words = flags.split(|c: char| c.is_whitespace() || "\"'\\".contains(c));
        words.find_map(|word| word.strip_prefix(&wanted)).filter(|value| !value.is_empty())
    }
}

/// Reads that many bytes, or those that there are.
fn bytes_at(file: &mut (impl Read + Seek), offset: u64, length: u64) -> Option<Vec<u8>> {
    file.seek(SeekFrom::Start(offset)).ok()?;
    let mut bytes = vec![];
    file.take(length).read_to_end(&mut bytes).ok()?;
    Some(bytes)
}

fn array<const N: usize>(bytes: &[u8], at: usize) -> Option<[u8; N]> {
    bytes.get(at..at.checked_add(N)?)?.try_into().ok()
}

/// Splits off a text behind its length (a varint of `encoding/binary`).
fn text(bytes: &[u8]) -> Option<(&[u8], &[u8])> {
    let (mut length, mut shift) = (0usize, 0);
    for (at, byte) in bytes.iter().enumerate().take(5) {
        length |= usize::from(byte & 0x7f) << shift;
        shift += 7;
        if byte & 0x80 == 0 {
            return bytes.get(at + 1..)?.split_at_checked(length);
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use std::io::Cursor;

    use super::*;

    const LINES: &str = "path\tsigs.k8s.io/p/cmd/x\nmod\tsigs.k8s.io/p\t(devel)\t\n\
        dep\texample.com/q\tv1.2.3\th1:x=\n\
        build\t-ldflags=\"-s -w -X sigs.k8s.io/p/pkg/version.gitVersion=v1.30.9 -X a.b=\"\n";

    fn byte(number: usize) -> u8 {
        u8::try_from(number).unwrap()
    }

    fn varint(mut length: usize) -> Vec<u8> {
        let mut bytes = vec![];
        while length > 0x7f {
            bytes.push(byte(length & 0x7f) | 0x80);
            length >>= 7;
        }
        bytes.push(byte(length));
        bytes
    }

    fn section(lines: &str) -> Vec<u8> {
        let mut section = MAGIC.to_vec();
        section.extend([8, INLINE]);
        section.resize(HEADER, 0);
        for part in [b"go1.24.1".to_vec(), [&[1; 16], lines.as_bytes(), &[2; 16]].concat()] {
            section.extend(varint(part.len()));
            section.extend(part);
        }
        section
    }

    fn program(section: &[u8]) -> Vec<u8> {
        let names = b"\0.go.buildinfo\0";
        let mut file = b"\x7fELF\x02\x01".to_vec();
        file.resize(ENTRY, 0);
        file[0x28] = byte(ENTRY);
        file[0x3a] = byte(ENTRY);
        file[0x3c] = 2;
        let (data, strings) = (3 * ENTRY as u64, 3 * ENTRY as u64 + section.len() as u64);
        for (name, at, size) in
            [(0u32, strings, names.len() as u64), (1, data, section.len() as u64)]
        {
            let mut entry = name.to_le_bytes().to_vec();
            entry.resize(0x18, 0);
            entry.extend(at.to_le_bytes());
            entry.extend(size.to_le_bytes());
            entry.resize(ENTRY, 0);
            file.extend(entry);
        }
        [&file[..], section, names].concat()
    }

    #[test]
    fn what_go_writes() {
        let build = GoBuild::read(&mut Cursor::new(program(&section(LINES)))).unwrap();
        assert_eq!(build.go, "go1.24.1");
        assert_eq!(build.package(), Some("sigs.k8s.io/p/cmd/x"));
        assert_eq!(build.version_of("sigs.k8s.io/p"), Some("(devel)"));
        assert_eq!(build.version_of("example.com/q"), Some("v1.2.3"));
        assert_eq!(build.version_of("example.com/r"), None);
        assert_eq!(build.linked("sigs.k8s.io/p/pkg/version.gitVersion"), Some("v1.30.9"));
        assert_eq!(build.linked("gitVersion"), None);
        assert_eq!(build.linked("a.b"), None);
    }

    #[test]
    fn what_is_no_go_program() {
        let whole = program(&section(LINES));
        for cut in 0..whole.len() {
            let _ = GoBuild::read(&mut Cursor::new(&whole[..cut]));
        }
        for odd in [&b""[..], b"#!/bin/sh\n", b"\x7fELF", &[0xff; 300]] {
            assert_eq!(GoBuild::read(&mut Cursor::new(odd)), None);
        }
        let mut many = whole.clone();
        many[0x3c..0x3e].copy_from_slice(&[0xff; 2]);
        assert_eq!(GoBuild::read(&mut Cursor::new(many)), None);
        let mut far = whole;
        far[0x28..0x30].copy_from_slice(&[0xff; 8]);
        assert_eq!(GoBuild::read(&mut Cursor::new(far)), None);
        assert_eq!(GoBuild::of_section(&section("")[..40]), None);
        assert_eq!(text(&[0xff; 9]), None);
    }
}
