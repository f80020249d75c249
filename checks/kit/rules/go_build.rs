//! What Go records of a build in a program: the main module and the settings.
//!
//! Where it is: the section `.go.buildinfo` of the ELF file (Go's `debug/buildinfo`, since Go 1.18).

/// The beginning of the record.
const MAGIC: &[u8] = b"\xff Go buildinf:";
/// The length of its header, which is followed by two texts.
const HEADER: usize = 32;
/// The bit of its flags that says that the texts follow the header.
const INLINE: u8 = 2;
/// The texts of the module information stand between two marks of this length.
const MARK: usize = 16;
/// The name of the section.
const SECTION: &[u8] = b".go.buildinfo";
/// The most sections of a program.
const MAX_SECTIONS: u64 = 512;

/// The record of a build.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct GoBuild {
    /// The path of the main package.
    pub package: String,
    /// The version of the main module; empty, or `(devel)`, where Go did not know it.
    pub version: String,
    /// The settings of the build.
    pub settings: Vec<(String, String)>,
}

impl GoBuild {
    /// Reads a record. `None` for what is none, or one of Go before 1.18.
    pub fn read(bytes: &[u8]) -> Option<Self> {
        let flags = *bytes.strip_prefix(MAGIC)?.get(1)?;
        if flags & INLINE == 0 {
            return None;
        }
        let (_go, rest) = text(bytes.get(HEADER..)?)?;
        let (module, _) = text(rest)?;
        let inside = match module.len().checked_sub(MARK + 1).and_then(|at| module.get(at)) {
            Some(b'\n') if module.len() > 2 * MARK => &module[MARK..module.len() - MARK],
            _ => module,
        };
        let mut build = Self::default();
        for line in String::from_utf8_lossy(inside).lines() {
            let mut fields = line.split('\t');
            match (fields.next(), fields.next(), fields.next()) {
                (Some("path"), Some(package), _) => package.clone_into(&mut build.package),
                (Some("mod"), Some(_), Some(version)) => version.clone_into(&mut build.version),
                (Some("build"), Some(setting), _) => {
                    if let Some((name, value)) = setting.split_once('=') {
                        build.settings.push((unquoted(name), unquoted(value)));
                    }
                }
                _ => {}
            }
        }
        Some(build)
    }

    /// Returns the value that the linker gave to a variable whose name ends so (`-X NAME=VALUE`).
    pub fn linked(&self, name: &str) -> Option<&str> {
        let (_, flags) = self.settings.iter().find(|(setting, _)| setting == "-ldflags")?;
        let mut words = flags.split_whitespace().map(|word| word.trim_matches(['\'', '"']));
        words.find_map(|word| {
            let (variable, value) = word.split_once('=')?;
            let variable = variable.strip_prefix("-X").unwrap_or(variable);
            Some(value).filter(|_| variable.ends_with(name))
        })
    }
}

/// Returns a text with its length before it, and what follows it.
fn text(bytes: &[u8]) -> Option<(&[u8], &[u8])> {
    let (mut length, mut shift) = (0_usize, 0_u32);
    for (place, byte) in bytes.iter().enumerate().take(5) {
        length |= usize::from(byte & 0x7f) << shift;
        shift += 7;
        if byte & 0x80 == 0 {
            return bytes.get(place + 1..)?.split_at_checked(length);
        }
    }
    None
}

/// Returns a value of a setting without Go's quotes. Only what the linker was given matters here, so
/// no escape but that of a quote does.
fn unquoted(written: &str) -> String {
    let inside = written.strip_prefix('"').and_then(|rest| rest.strip_suffix('"'));
    inside.map_or_else(|| written.trim_matches('`').to_owned(), |text| text.replace("\\\"", "\""))
}

/// Where the sections of a 64-bit little-endian ELF program are described.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct ElfSections {
    /// The place of the table.
    pub from: u64,
    /// Its length.
    pub length: u64,
    names: usize,
}

/// The length of the description of a section.
const ENTRY: usize = 64;

impl ElfSections {
    /// Reads the header of a program: its first 64 bytes.
    pub fn of(header: &[u8]) -> Option<Self> {
        if !header.starts_with(b"\x7fELF\x02\x01") {
            return None;
        }
        let (entry, count) = (number(header, 58, 2)?, number(header, 60, 2)?);
        let is_usual = entry == ENTRY as u64 && (1..=MAX_SECTIONS).contains(&count);
        let names = usize::try_from(number(header, 62, 2)?).ok()?;
        let from = number(header, 40, 8)?;
        is_usual.then_some(Self { from, length: count * entry, names })
    }

    /// Returns where the names of the sections are, and their length, by the table.
    pub fn names(&self, table: &[u8]) -> Option<(u64, u64)> {
        place(table.chunks_exact(ENTRY).nth(self.names)?)
    }

    /// Returns where the record of the build is, and its length, by the table and the names.
    pub fn build_info(table: &[u8], names: &[u8]) -> Option<(u64, u64)> {
        let is_it = |entry: &&[u8]| {
            let name = number(entry, 0, 4).and_then(|at| names.get(usize::try_from(at).ok()?..));
            name.and_then(|name| name.split(|byte| *byte == 0).next()) == Some(SECTION)
        };
        place(table.chunks_exact(ENTRY).find(is_it)?)
    }
}

/// Returns the place in the file and the length of a section.
fn place(entry: &[u8]) -> Option<(u64, u64)> {
    Some((number(entry, 24, 8)?, number(entry, 32, 8)?))
}

/// Returns a little-endian number of that many bytes.
fn number(bytes: &[u8], at: usize, length: usize) -> Option<u64> {
    let bytes = bytes.get(at..at + length)?;
    Some(bytes.iter().rev().fold(0, |number, byte| number << 8 | u64::from(*byte)))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn record(module: &str) -> Vec<u8> {
        let mut bytes = MAGIC.to_vec();
        bytes.extend([8, INLINE]);
        bytes.resize(HEADER, 0);
        let module = [b"0123456789abcdef", module.as_bytes(), b"fedcba9876543210"].concat();
        for text in [b"go1.24.1".to_vec(), module] {
            bytes.extend([(text.len() & 0x7f) as u8 | 0x80, (text.len() >> 7) as u8]);
            bytes.extend(text);
        }
        bytes
    }

    #[test]
    fn a_record_of_containerd() {
        let build = GoBuild::read(&record(
            "path\tgithub.com/containerd/containerd/v2/cmd/containerd\n\
             mod\tgithub.com/containerd/containerd/v2\t(devel)\t\n\
             dep\tgithub.com/x/y\tv1.0.0\th1:abc\n\
             build\t-ldflags=\"-X github.com/containerd/containerd/v2/version.Version=v2.2.4 \
             -X github.com/containerd/containerd/v2/version.Package=x -s -w \"\n\
             build\tCGO_ENABLED=1\n",
        ))
        .unwrap();
        assert_eq!(build.package, "github.com/containerd/containerd/v2/cmd/containerd");
        assert_eq!(build.version, "(devel)");
        assert_eq!(build.linked("/version.Version"), Some("v2.2.4"));
        assert_eq!(build.linked("/version.Revision"), None);
        assert!(build.settings.contains(&("CGO_ENABLED".into(), "1".into())));
    }

    #[test]
    fn what_is_cut_is_no_record() {
        let whole = record("path\tx\nmod\tx\tv1.0.0\t\n");
        for length in 0..whole.len() {
            assert_eq!(GoBuild::read(&whole[..length]), None, "{length}");
        }
        assert_eq!(GoBuild::read(b"\xff Go buildinf:\x08\x00"), None);
        assert_eq!(ElfSections::of(b"\x7fELF\x02\x01"), None);
        assert_eq!(ElfSections::of(&[0xff; 64]), None);
        assert_eq!(ElfSections::build_info(&[0xff; 640], b"x"), None);
    }
}
