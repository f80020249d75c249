//! PAX records, which stand before a file and are about it (Go 1.26, archive/tar/reader.go).

use std::collections::BTreeMap;

use super::{
    numbers::decimal,
    sparse::{Map, Region},
};

/// The records before a file.
pub(super) type Records = BTreeMap<Vec<u8>, Vec<u8>>;

/// The list of the regions in a sparse file.
const SPARSE_MAP: &[u8] = b"GNU.sparse.map";

/// Reads PAX records, as Go's `parsePAX` does.
pub(super) fn read(mut text: &[u8]) -> Option<Records> {
    const OF_TEXT: [&[u8]; 4] = [b"path", b"linkpath", b"uname", b"gname"];
    let (mut records, mut map): (_, Vec<&[u8]>) = (BTreeMap::new(), vec![]);
    while !text.is_empty() {
        let space = text.iter().position(|byte| *byte == b' ')?;
        let length = usize::try_from(decimal(&text[..space])?).ok()?;
        if length < 5 || length > text.len() || length <= space + 1 {
            return None;
        }
        let record = text[space + 1..length].strip_suffix(b"\n")?;
        let equals = record.iter().position(|byte| *byte == b'=')?;
        let (key, value) = (&record[..equals], &record[equals + 1..]);
        let checked = if OF_TEXT.contains(&key) { value } else { key };
        if key.is_empty() || checked.contains(&0) {
            return None;
        }
        text = &text[length..];
        // The regions of a sparse file are one list, or records in turn.
        let is_offset = key == b"GNU.sparse.offset";
        if is_offset || key == b"GNU.sparse.numbytes" {
            if is_offset != (map.len() % 2 == 0) || value.contains(&b',') {
                return None;
            }
            map.push(value);
        } else {
            records.insert(key.to_vec(), value.to_vec());
        }
    }
    if !map.is_empty() {
        records.insert(SPARSE_MAP.to_vec(), map.join(&b','));
    }
    Some(records)
}

/// Returns the size that the records give a file, if they do; `None` where a number in them is none
/// (`mergePAX`).
#[expect(clippy::option_option, reason = "no size is one thing, records that are refused another")]
pub(super) fn size_in(records: &Records) -> Option<Option<i64>> {
    let mut size = None;
    for (key, value) in records.iter().filter(|(_, value)| !value.is_empty()) {
        match &key[..] {
            b"size" => size = Some(decimal(value)?),
            b"uid" | b"gid" => drop(decimal(value)?),
            b"atime" | b"mtime" | b"ctime" => {
                let mut parts = value.splitn(2, |byte| *byte == b'.');
                decimal(parts.next()?)?;
                if !parts.next().unwrap_or_default().iter().all(u8::is_ascii_digit) {
                    return None;
                }
            }
            _ => {}
        }
    }
    Some(size)
}

/// What the records say of a sparse file.
pub(super) enum Sparse {
    /// It is none.
    No,
    /// Its map.
    Known(Map),
    /// Its size; the map begins its data.
    InData(i64),
}

/// Returns what the records say of a sparse file of that size; `None` where they are refused
/// (`readGNUSparsePAXHeaders`).
pub(super) fn sparse(records: &Records, size: i64) -> Option<Sparse> {
    let text = |key: &str| records.get(key.as_bytes()).map_or(&b""[..], |value| value);
    let is_in_data = match (text("GNU.sparse.major"), text("GNU.sparse.minor")) {
        (b"0", b"0" | b"1") => false,
        (b"1", b"0") => true,
        (b"", b"") if !text("GNU.sparse.map").is_empty() => false,
        _ => return Some(Sparse::No),
    };
    let sizes = [text("GNU.sparse.size"), text("GNU.sparse.realsize")];
    let size = match sizes.into_iter().find(|size| !size.is_empty()) {
        Some(size) => decimal(size)?,
        None => size,
    };
    if is_in_data {
        return Some(Sparse::InData(size));
    }
    let count = usize::try_from(decimal(text("GNU.sparse.numblocks"))?).ok()?;
    let list = Some(text("GNU.sparse.map")).filter(|list| !list.is_empty());
    let list: Vec<_> = list.into_iter().flat_map(|list| list.split(|byte| *byte == b',')).collect();
    if count.checked_mul(2)? != list.len() {
        return None;
    }
    let region = |pair: &[&[u8]]| Region::of(pair[0], pair[1]);
    let regions = list.chunks_exact(2).map(region).collect::<Option<_>>()?;
    Some(Sparse::Known(Map { size, regions }))
}
