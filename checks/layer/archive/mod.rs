//! The archive in a layer, walked as containerd walks it with Go's archive/tar (Go 1.26, archive/tar/reader.go;
//! containerd 2.2, pkg/archive/tar.go).

mod attributes;
mod header;
mod numbers;
mod place;
mod records;
mod sparse;
#[cfg(test)]
mod tests;
mod tree;

use header::{Header, old_regions};
use numbers::{BLOCK, padding, until_nul};
use records::{Records, Sparse};
use sparse::{Map, MapReader};
use tree::Tree;

/// The most bytes of a name, of records or of a map that Go reads (`maxSpecialFileSize`).
const MAX_META: usize = 1 << 20;
/// Go's words on whatever is no header.
const INVALID: &str = "archive/tar: invalid tar header";
const CUT: &str = "unexpected EOF";

/// An archive that is read as its bytes arrive.
pub(super) struct Archive {
    place: Place,
    /// The bytes of a block or of what stands before a file, until they are all there.
    kept: Vec<u8>,
    before: Before,
    tree: Tree,
}

/// Where in the archive the next byte stands.
enum Place {
    Header {
        after_zeros: bool,
    },
    Data {
        left: u64,
        padding: u64,
    },
    Meta {
        kind: u8,
        left: u64,
        padding: u64,
    },
    Map(Entry, MapReader),
    /// An old map, with how many of its blocks were read.
    OldMap(Entry, Map, usize),
    Ended,
    Broken(String),
}

/// What stood before a file and is about it.
#[derive(Default)]
struct Before {
    records: Records,
    long_name: Vec<u8>,
    long_link: Vec<u8>,
    /// Its own name, which stands for nothing but a global header.
    own_name: Vec<u8>,
}

/// A file, before its data.
struct Entry {
    kind: u8,
    name: Vec<u8>,
    link: Vec<u8>,
    /// The bytes that the archive holds of it.
    left: u64,
    padding: u64,
    /// Why Linux refuses its attributes, if it does.
    refused: Option<&'static str>,
}

impl Archive {
    /// Returns a reader of the first layer of an image, or of another one.
    pub(super) fn of(is_first: bool) -> Self {
        let place = Place::Header { after_zeros: false };
        Self { place, kept: vec![], before: Before::default(), tree: Tree::new(is_first) }
    }

    /// Reads the next bytes.
    pub(super) fn write(&mut self, mut bytes: &[u8]) {
        while !bytes.is_empty() {
            bytes = match self.place {
                Place::Ended | Place::Broken(_) => return,
                Place::Header { .. } | Place::Map(..) | Place::OldMap(..) => {
                    let rest = self.keep(bytes, BLOCK);
                    if self.kept.len() == BLOCK {
                        let block = std::mem::take(&mut self.kept);
                        let place = std::mem::replace(&mut self.place, Place::Ended);
                        self.place = self.after(&block, place);
                    }
                    rest
                }
                Place::Data { left, padding } => {
                    let all = left.saturating_add(padding);
                    let taken = bytes.len().min(usize::try_from(all).unwrap_or(usize::MAX));
                    let of_file = left.min(taken as u64);
                    self.place = after_data(left - of_file, padding - (taken as u64 - of_file));
                    &bytes[taken..]
                }
                Place::Meta { kind, left, padding } => {
                    let wanted = usize::try_from(left).unwrap_or(usize::MAX);
                    let rest = self.keep(bytes, wanted);
                    if self.kept.len() == wanted {
                        let meta = std::mem::take(&mut self.kept);
                        self.place = self.take_meta(kind, &meta, padding);
                    }
                    rest
                }
            };
        }
    }

    /// Returns whether all its files were laid out, now that it is complete. An error is why containerd does
    /// not extract it.
    pub(super) fn finish(self) -> Result<bool, String> {
        let is_cut = match self.place {
            Place::Broken(why) => return Err(why),
            Place::Header { .. } => !self.kept.is_empty(),
            // Go takes a last file without its padding.
            Place::Data { left, .. } | Place::Meta { left, .. } => left > 0,
            Place::Map(..) | Place::OldMap(..) => true,
            Place::Ended => false,
        };
        if is_cut { Err(CUT.to_owned()) } else { self.tree.finish() }
    }

    /// Keeps bytes until there are that many, and returns the rest.
    fn keep<'a>(&mut self, bytes: &'a [u8], wanted: usize) -> &'a [u8] {
        let (taken, rest) = bytes.split_at(bytes.len().min(wanted - self.kept.len()));
        self.kept.extend_from_slice(taken);
        rest
    }

    /// Returns what stands behind a block.
    fn after(&mut self, block: &[u8], place: Place) -> Place {
        match place {
            Place::Header { after_zeros } => self.after_header(block, after_zeros),
            Place::Map(entry, reader) => self.map_goes_on(entry, reader, block),
            Place::OldMap(entry, mut map, read) => {
                match old_regions(&block[..505], &mut map.regions) {
                    Some(goes_on) => self.old_map(entry, map, goes_on, read + 1),
                    None => invalid(),
                }
            }
            other => other,
        }
    }

    /// Returns what stands behind a block where a header is expected.
    fn after_header(&mut self, block: &[u8], after_zeros: bool) -> Place {
        let is_empty = block.iter().all(|byte| *byte == 0);
        match (is_empty, after_zeros) {
            (true, false) => return Place::Header { after_zeros: true },
            (true, true) => return Place::Ended,
            (false, true) => return invalid(),
            (false, false) => {}
        }
        let Some(header) = Header::read(block) else { return invalid() };
        if !matches!(header.kind, b'x' | b'g' | b'L' | b'K') {
            return self.file(header, block);
        }
        let Ok(left) = u64::try_from(header.size) else { return invalid() };
        if left > MAX_META as u64 {
            return broken("archive/tar: header field too long");
        }
        self.before.own_name = header.name;
        let padding = padding(left);
        if left > 0 {
            return Place::Meta { kind: header.kind, left, padding };
        }
        self.take_meta(header.kind, &[], 0)
    }

    /// Takes what stands before a file: its name, or records.
    fn take_meta(&mut self, kind: u8, meta: &[u8], padding: u64) -> Place {
        match kind {
            b'L' => self.before.long_name = until_nul(meta).to_vec(),
            b'K' => self.before.long_link = until_nul(meta).to_vec(),
            _ => match records::read(meta) {
                Some(records) if kind == b'x' => self.before.records = records,
                // It is an entry of its own for containerd, which removes what its name says.
                Some(records) => {
                    let own_name = std::mem::take(&mut self.before).own_name;
                    let named = records.get(&b"path"[..]).filter(|name| !name.is_empty());
                    if let Err(why) = self.tree.add(kind, named.unwrap_or(&own_name), b"") {
                        return Place::Broken(why);
                    }
                }
                None => return invalid(),
            },
        }
        after_data(0, padding)
    }

    /// Takes the header of a file.
    fn file(&mut self, mut header: Header, block: &[u8]) -> Place {
        let Before { records, long_name, long_link, .. } = std::mem::take(&mut self.before);
        let Some(size) = records::size_in(&records) else { return invalid() };
        if header.size < 0 && !has_no_data(header.kind) {
            return invalid();
        }
        header.size = size.unwrap_or(header.size);
        let text = |key: &[u8]| records.get(key).filter(|text| !text.is_empty());
        for (field, key, long) in [
            (&mut header.name, &b"path"[..], long_name),
            (&mut header.link, b"linkpath", long_link),
        ] {
            if let Some(text) = text(key) {
                field.clone_from(text);
            }
            if !long.is_empty() {
                *field = long;
            }
        }
        if header.kind == 0 {
            header.kind = if header.name.ends_with(b"/") { b'5' } else { b'0' };
        }
        let held = if has_no_data(header.kind) { 0 } else { header.size };
        let Ok(left) = u64::try_from(held) else { return invalid() };
        let old = (header.kind == b'S').then(|| header.old_map(block));
        let Header { kind, size, name, link, .. } = header;
        let refused = attributes::refused(kind, &records);
        let mut entry = Entry { kind, name, link, left, padding: padding(left), refused };
        match old {
            Some(Some((map, goes_on))) => return self.old_map(entry, map, goes_on, 0),
            Some(None) => return invalid(),
            None => {}
        }
        let sparse = records::sparse(&records, size);
        if let (Some(Sparse::Known(_) | Sparse::InData(_)), Some(name)) =
            (&sparse, text(b"GNU.sparse.name"))
        {
            entry.name.clone_from(name);
        }
        match sparse {
            Some(Sparse::No) => self.data(entry, None),
            Some(Sparse::Known(map)) => self.data(entry, Some(&map)),
            Some(Sparse::InData(size)) => map_in(entry, MapReader::of(size)),
            None => invalid(),
        }
    }

    /// Returns where a file goes on behind what Go reads of it before its data.
    fn data(&mut self, entry: Entry, map: Option<&Map>) -> Place {
        let Entry { kind, name, link, left, padding, refused: of_attributes } = entry;
        if map.is_some_and(|map| has_no_data(kind) || !map.is_valid()) {
            return invalid();
        }
        match self.tree.add(kind, &name, &link) {
            // Go skips what containerd does not read.
            Ok(false) => return after_data(left, padding),
            Ok(true) => {}
            Err(why) => return Place::Broken(why),
        }
        let refused = match kind {
            b'0' => map.and_then(|map| match map.held() {
                held if held > left => {
                    Some("archive/tar: sparse file references non-existent data")
                }
                held if held < left => Some("archive/tar: sparse file contains unreferenced data"),
                _ => None,
            }),
            b'2' => place::refused_link(&link),
            b'1' | b'3'..=b'6' => None,
            _ => return Place::Broken(format!("unhandled tar header type {kind}")),
        };
        refused.or(of_attributes).map_or_else(|| after_data(left, padding), broken)
    }

    /// Returns where a file goes on behind a block of its map.
    fn map_goes_on(&mut self, mut entry: Entry, mut reader: MapReader, block: &[u8]) -> Place {
        entry.left -= BLOCK as u64;
        match reader.block(block) {
            Ok(Some(map)) => self.data(entry, Some(&map)),
            Ok(None) => map_in(entry, reader),
            Err(()) => invalid(),
        }
    }

    /// Returns where an old sparse file goes on behind a block of its map.
    fn old_map(&mut self, entry: Entry, map: Map, goes_on: bool, read: usize) -> Place {
        if read >= MAX_META / BLOCK {
            return broken("archive/tar: sparse map too long");
        }
        if goes_on { Place::OldMap(entry, map, read) } else { self.data(entry, Some(&map)) }
    }
}

/// Returns where a file goes on whose map is read, or begins with it.
fn map_in(entry: Entry, reader: MapReader) -> Place {
    if reader.read() + BLOCK > MAX_META {
        return broken("archive/tar: sparse map too long");
    }
    if entry.left < BLOCK as u64 {
        return broken(CUT);
    }
    Place::Map(entry, reader)
}

fn invalid() -> Place {
    broken(INVALID)
}

fn broken(why: &str) -> Place {
    Place::Broken(why.to_owned())
}

fn after_data(left: u64, padding: u64) -> Place {
    if left > 0 || padding > 0 {
        Place::Data { left, padding }
    } else {
        Place::Header { after_zeros: false }
    }
}

/// Returns whether a kind of file has no data, whatever its header says (`isHeaderOnlyType`).
fn has_no_data(kind: u8) -> bool {
    (b'1'..=b'6').contains(&kind)
}
