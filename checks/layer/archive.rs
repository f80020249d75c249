//! The archive in a layer, walked as containerd walks it with Go's archive/tar (Go 1.26, archive/tar/reader.go;
//! containerd 2.2, pkg/archive/tar.go). Whether its files fit together and into a file system is not looked at.

use std::collections::BTreeMap;

/// The size of a header, to a multiple of which files are padded.
const BLOCK: usize = 512;
/// The most bytes of a name or of records that Go reads (`maxSpecialFileSize`).
const MAX_META: u64 = 1 << 20;
/// Go's words on whatever is no header.
const INVALID: &str = "archive/tar: invalid tar header";
const CUT: &str = "unexpected EOF";

/// An archive that is read as its bytes arrive.
pub(super) struct Archive {
    place: Place,
    /// The bytes of a block or of what stands before a file, until they are all there.
    kept: Vec<u8>,
    before: Before,
}

/// Where in the archive the next byte stands.
enum Place {
    Header { after_zeros: bool },
    Data { left: u64, padding: u64 },
    Meta { kind: u8, left: u64, padding: u64 },
    Ended,
    Broken(String),
}

/// What stood before a file and is about it.
#[derive(Default)]
struct Before {
    records: BTreeMap<Vec<u8>, Vec<u8>>,
    long_name: Vec<u8>,
}

impl Archive {
    pub(super) fn new() -> Self {
        let place = Place::Header { after_zeros: false };
        Self { place, kept: vec![], before: Before::default() }
    }

    /// Reads the next bytes.
    pub(super) fn write(&mut self, mut bytes: &[u8]) {
        while !bytes.is_empty() {
            bytes = match self.place {
                Place::Ended | Place::Broken(_) => return,
                Place::Header { after_zeros } => {
                    let rest = self.keep(bytes, BLOCK);
                    if self.kept.len() == BLOCK {
                        let block = std::mem::take(&mut self.kept);
                        self.place = self.after(&block, after_zeros);
                    }
                    rest
                }
                Place::Data { left, padding } => {
                    let taken =
                        bytes.len().min(usize::try_from(left + padding).unwrap_or(usize::MAX));
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

    /// Returns why containerd does not extract the archive, now that it is complete.
    pub(super) fn finish(self) -> Option<String> {
        match self.place {
            Place::Broken(why) => Some(why),
            Place::Header { .. } => (!self.kept.is_empty()).then(|| CUT.to_owned()),
            // Go takes a last file without its padding.
            Place::Data { left, .. } | Place::Meta { left, .. } => {
                (left > 0).then(|| CUT.to_owned())
            }
            Place::Ended => None,
        }
    }

    /// Keeps bytes until there are that many, and returns the rest.
    fn keep<'a>(&mut self, bytes: &'a [u8], wanted: usize) -> &'a [u8] {
        let (taken, rest) = bytes.split_at(bytes.len().min(wanted - self.kept.len()));
        self.kept.extend_from_slice(taken);
        rest
    }

    /// Returns what stands behind a block where a header is expected.
    fn after(&mut self, block: &[u8], after_zeros: bool) -> Place {
        let is_empty = block.iter().all(|byte| *byte == 0);
        match (is_empty, after_zeros) {
            (true, false) => return Place::Header { after_zeros: true },
            (true, true) => return Place::Ended,
            (false, true) => return invalid(),
            (false, false) => {}
        }
        let Some(header) = Header::read(block) else { return invalid() };
        match header.kind {
            b'x' | b'g' | b'L' | b'K' => {
                let Ok(left) = u64::try_from(header.size) else { return invalid() };
                if left > MAX_META {
                    return Place::Broken("archive/tar: header field too long".to_owned());
                }
                let padding = padding(left);
                if left > 0 {
                    return Place::Meta { kind: header.kind, left, padding };
                }
                self.take_meta(header.kind, &[], 0)
            }
            _ => self.file(header),
        }
    }

    /// Takes what stands before a file: its name, or records.
    fn take_meta(&mut self, kind: u8, meta: &[u8], padding: u64) -> Place {
        match kind {
            b'L' => self.before.long_name = until_nul(meta).to_vec(),
            b'K' => {}
            _ => match records(meta) {
                Some(records) if kind == b'x' => self.before.records = records,
                // It is an entry of its own, which containerd passes over.
                Some(_) => self.before = Before::default(),
                None => return invalid(),
            },
        }
        after_data(0, padding)
    }

    /// Takes the header of a file.
    fn file(&mut self, mut header: Header) -> Place {
        let Before { records, long_name } = std::mem::take(&mut self.before);
        let Some(size) = size_in(&records) else { return invalid() };
        if header.size < 0 && !has_no_data(header.kind) {
            return invalid();
        }
        header.size = size.unwrap_or(header.size);
        if let Some(path) = records.get(&b"path"[..]).filter(|path| !path.is_empty()) {
            header.name.clone_from(path);
        }
        if !long_name.is_empty() {
            header.name = long_name;
        }
        if header.kind == 0 {
            header.kind = if header.name.ends_with(b"/") { b'5' } else { b'0' };
        }
        // Sparse files are rare, and are not followed.
        if records.keys().any(|key| key.starts_with(b"GNU.sparse.")) {
            return Place::Ended;
        }
        if !(b'0'..=b'6').contains(&header.kind) {
            // Go itself refuses old sparse files of most formats, whatever their name.
            return match header.is_written() || header.kind == b'S' {
                true => Place::Broken(format!("unhandled tar header type {}", header.kind)),
                false => Place::Ended,
            };
        }
        if has_no_data(header.kind) {
            return after_data(0, 0);
        }
        match u64::try_from(header.size) {
            Ok(left) => after_data(left, padding(left)),
            Err(_) => invalid(),
        }
    }
}

/// What a header says.
struct Header {
    kind: u8,
    size: i64,
    name: Vec<u8>,
}

impl Header {
    /// Reads a block, as Go's `readHeader` does.
    fn read(block: &[u8]) -> Option<Self> {
        let sum = octal(&block[148..156])?;
        let others = || block[..148].iter().chain(&[b' '; 8]).chain(&block[156..]);
        let unsigned: i64 = others().map(|byte| i64::from(*byte)).sum();
        let signed: i64 = others().map(|byte| i64::from(byte.cast_signed())).sum();
        if sum != unsigned && sum != signed {
            return None;
        }
        let is_star = &block[257..263] == b"ustar\0" && &block[508..] == b"tar\0";
        let is_gnu = &block[257..265] == b"ustar  \0";
        let mut numbers = vec![100..108, 108..116, 116..124, 136..148];
        if &block[257..263] == b"ustar\0" || is_gnu {
            numbers.extend([329..337, 337..345]);
        }
        if is_star {
            numbers.extend([476..488, 488..500]);
        }
        if numbers.into_iter().any(|field| number(&block[field]).is_none()) {
            return None;
        }
        let name = until_nul(&block[..100]).to_vec();
        Some(Self { kind: block[156], size: number(&block[124..136])?, name })
    }

    /// Returns whether containerd writes it: not where its name is that of the root, or of what is to be
    /// removed.
    fn is_written(&self) -> bool {
        let last = self.name.split(|byte| *byte == b'/').rfind(|part| !part.is_empty());
        last.is_some_and(|last| ![&b"."[..], b".."].contains(&last) && !last.starts_with(b".wh."))
    }
}

fn invalid() -> Place {
    Place::Broken(INVALID.to_owned())
}

fn after_data(left: u64, padding: u64) -> Place {
    if left + padding > 0 {
        Place::Data { left, padding }
    } else {
        Place::Header { after_zeros: false }
    }
}

fn padding(size: u64) -> u64 {
    size.wrapping_neg() % BLOCK as u64
}

/// Returns whether a kind of file has no data, whatever its header says (`isHeaderOnlyType`).
fn has_no_data(kind: u8) -> bool {
    (b'1'..=b'6').contains(&kind)
}

fn until_nul(bytes: &[u8]) -> &[u8] {
    bytes.split(|byte| *byte == 0).next().unwrap_or_default()
}

/// Reads a number, as Go's `parseNumeric` does: octal digits, or two's complement.
fn number(field: &[u8]) -> Option<i64> {
    let first = *field.first()?;
    if first & 0x80 == 0 {
        return octal(field);
    }
    let inverted = if first & 0x40 == 0 { 0 } else { 0xff };
    let mut value = 0_u64;
    for (place, byte) in field.iter().enumerate() {
        let byte = (byte ^ inverted) & if place == 0 { 0x7f } else { 0xff };
        if value >> 56 > 0 {
            return None;
        }
        value = value << 8 | u64::from(byte);
    }
    let value = i64::try_from(value).ok()?;
    Some(if inverted == 0 { value } else { !value })
}

/// Reads octal digits, as Go's `parseOctal` does.
fn octal(field: &[u8]) -> Option<i64> {
    let is_filler = |byte: &u8| [b' ', 0].contains(byte);
    let Some(first) = field.iter().position(|byte| !is_filler(byte)) else { return Some(0) };
    let last = field.iter().rposition(|byte| !is_filler(byte))?;
    let digits = std::str::from_utf8(until_nul(&field[first..=last])).ok()?;
    // Rust would take a sign, which Go does not.
    let value = u64::from_str_radix(digits, 8).ok().filter(|_| !digits.starts_with('+'))?;
    Some(value.cast_signed())
}

/// Reads PAX records, as Go's `parsePAX` does.
fn records(mut text: &[u8]) -> Option<BTreeMap<Vec<u8>, Vec<u8>>> {
    const OF_TEXT: [&[u8]; 4] = [b"path", b"linkpath", b"uname", b"gname"];
    let mut records = BTreeMap::new();
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
        records.insert(key.to_vec(), value.to_vec());
        text = &text[length..];
    }
    Some(records)
}

/// Returns the size that the records give a file, if they do; `None` where a number in them is none
/// (`mergePAX`).
#[expect(clippy::option_option, reason = "no size is one thing, records that are refused another")]
fn size_in(records: &BTreeMap<Vec<u8>, Vec<u8>>) -> Option<Option<i64>> {
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

/// Reads a decimal number, as Go's `strconv.ParseInt` does: with a sign, and nothing else beside digits.
fn decimal(text: &[u8]) -> Option<i64> {
    std::str::from_utf8(text).ok()?.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Returns the header of a file, and its data and padding.
    fn file(kind: u8, name: &str, data: &[u8]) -> Vec<u8> {
        let mut block = vec![0; BLOCK];
        block[..name.len()].copy_from_slice(name.as_bytes());
        block[100..108].copy_from_slice(b"0000644\0");
        block[124..136].copy_from_slice(format!("{:011o}\0", data.len()).as_bytes());
        block[156] = kind;
        block[257..265].copy_from_slice(b"ustar\x0000");
        signed(&mut block);
        block.extend_from_slice(data);
        block.resize(BLOCK + data.len().next_multiple_of(BLOCK), 0);
        block
    }

    /// Writes the sum of a header.
    fn signed(block: &mut [u8]) {
        block[148..156].fill(b' ');
        let sum: u32 = block[..BLOCK].iter().map(|byte| u32::from(*byte)).sum();
        block[148..156].copy_from_slice(format!("{sum:06o}\0 ").as_bytes());
    }

    fn record(key: &str, value: &str) -> Vec<u8> {
        let rest = key.len() + value.len() + 3;
        let length =
            (rest + 1..).find(|length| length.to_string().len() + rest == *length).unwrap();
        format!("{length} {key}={value}\n").into_bytes()
    }

    fn read(bytes: &[u8], piece: usize) -> Option<String> {
        let mut archive = Archive::new();
        bytes.chunks(piece).for_each(|part| archive.write(part));
        archive.finish()
    }

    fn said(parts: &[&[u8]]) -> Option<String> {
        let bytes = parts.concat();
        let said = read(&bytes, 4096);
        assert_eq!(read(&bytes, 7), said);
        said
    }

    #[test]
    fn what_go_takes_and_what_it_refuses() {
        let (zeros, one) = ([0; 2 * BLOCK], file(b'0', "a", b"hello"));
        let end = &zeros[..];
        for whole in [
            &[][..],
            &[end],
            &[&one, end, b"whatever"],
            // Without the blocks of zeros, with one of them, and without padding.
            &[&one],
            &[&one, &end[..BLOCK]],
            &[&one[..BLOCK + 5]],
            &[&file(b'x', "x", &record("size", "2")), &one[..BLOCK], b"hi"],
            &[&file(b'x', "x", &record("mtime", "1.5"))],
            &[&file(b'g', "g", &record("size", "x")), &one],
            &[&file(b'L', "L", b"directory/\0"), &file(0, "a", b"")],
            &[&file(b'5', "d", b"")],
            // What is not written is not looked at.
            &[&file(b'9', ".wh.a", b"")],
            &[&file(b'9', "./", b"")],
        ] {
            assert_eq!(said(whole), None, "{:?}", whole.concat());
        }
        let mut unsigned = one.clone();
        unsigned[0] = b'b';
        let mut negative = one.clone();
        negative[124..136].fill(0xff);
        signed(&mut negative);
        for (broken, why) in [
            (&[&b"hello"[..]][..], CUT),
            (&[&[b'a'; BLOCK]], INVALID),
            (&[&unsigned], INVALID),
            (&[&negative], INVALID),
            (&[&end[..BLOCK], &one], INVALID),
            (&[&one[..BLOCK + 4]], CUT),
            (&[&one, b"tail"], CUT),
            (&[&file(b'x', "x", b"5 a=b"), &one], INVALID),
            (&[&file(b'x', "x", &record("size", "x")), &one], INVALID),
            (&[&file(b'x', "x", &record("a\0", "x")), &one], INVALID),
            (&[&file(b'L', "L", &vec![b'a'; 1 << 20 | 1])], "archive/tar: header field too long"),
            (&[&file(b'S', "sparse", b"")], "unhandled tar header type 83"),
            (&[&file(b'7', "a", b"")], "unhandled tar header type 55"),
        ] {
            assert_eq!(said(broken).as_deref(), Some(why), "{:?}", &broken.concat()[..5]);
        }
    }

    #[test]
    fn numbers_are_octal_or_binary() {
        assert_eq!(octal(b" 0017\0 "), Some(15));
        assert_eq!(octal(b"\0\0"), Some(0));
        for not in [&b"8"[..], b"+7", b"-7", b"1 2", b"\x08"] {
            assert_eq!(octal(not), None, "{not:?}");
        }
        assert_eq!(number(&[0x80, 0, 1, 0]), Some(256));
        assert_eq!(number(&[0xff; 12]), Some(-1));
        assert_eq!(number(&[0x80, 1, 0, 0, 0, 0, 0, 0, 0, 0]), None);
    }
}
