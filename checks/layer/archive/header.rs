//! The header of a file in an archive (Go 1.26, archive/tar/reader.go, `readHeader`).

use super::{
    BLOCK,
    sparse::{Map, Region},
};

/// What a header says.
pub(super) struct Header {
    pub(super) kind: u8,
    pub(super) size: i64,
    pub(super) name: Vec<u8>,
    /// The target of a link.
    pub(super) link: Vec<u8>,
    is_gnu: bool,
}

impl Header {
    /// Reads a block.
    pub(super) fn read(block: &[u8]) -> Option<Self> {
        let sum = octal(&block[148..156])?;
        let others = || block[..148].iter().chain(&[b' '; 8]).chain(&block[156..]);
        let unsigned: i64 = others().map(|byte| i64::from(*byte)).sum();
        let signed: i64 = others().map(|byte| i64::from(byte.cast_signed())).sum();
        if sum != unsigned && sum != signed {
            return None;
        }
        let is_ustar = &block[257..263] == b"ustar\0";
        let is_star = is_ustar && &block[508..] == b"tar\0";
        let is_gnu = &block[257..265] == b"ustar  \0";
        let mut numbers = vec![100..108, 108..116, 116..124, 136..148];
        if is_ustar || is_gnu {
            numbers.extend([329..337, 337..345]);
        }
        if is_star {
            numbers.extend([476..488, 488..500]);
        }
        if numbers.into_iter().any(|field| number(&block[field]).is_none()) {
            return None;
        }
        let prefix = match (is_star, is_ustar, is_gnu) {
            (true, ..) => &block[345..476],
            (_, true, _) => &block[345..500],
            (.., true) => old_prefix(block),
            _ => &[],
        };
        let prefix = until_nul(prefix);
        let mut name = until_nul(&block[..100]).to_vec();
        if !prefix.is_empty() {
            name = [prefix, b"/", &name].concat();
        }
        let (link, size) = (until_nul(&block[157..257]).to_vec(), number(&block[124..136])?);
        Some(Self { kind: block[156], size, name, link, is_gnu })
    }

    /// Reads the map of an old sparse file, and whether more of it follows; `None` if it is none
    /// (`readOldGNUSparseMap`).
    pub(super) fn old_map(&self, block: &[u8]) -> Option<(Map, bool)> {
        let size = number(&block[483..495]).filter(|_| self.is_gnu)?;
        let mut regions = vec![];
        let goes_on = old_regions(&block[386..483], &mut regions)?;
        Some((Map { size, regions }, goes_on))
    }
}

/// Reads the regions in a part of an old map, and returns whether another part follows.
pub(super) fn old_regions(part: &[u8], regions: &mut Vec<Region>) -> Option<bool> {
    let entries = part.chunks_exact(24);
    let goes_on = part[entries.len() * 24] > 0;
    for entry in entries.take_while(|entry| entry[0] != 0) {
        regions.push(Region { offset: number(&entry[..12])?, length: number(&entry[12..])? });
    }
    Some(goes_on)
}

/// Returns the prefix that Go before 1.8 wrote in the place of two times of a GNU header.
fn old_prefix(block: &[u8]) -> &[u8] {
    let is_time = |field: &[u8]| field[0] == 0 || number(field).is_some();
    let prefix = until_nul(&block[345..500]);
    let is_prefix = !(is_time(&block[345..357]) && is_time(&block[357..369]));
    if is_prefix && prefix.is_ascii() { prefix } else { &[] }
}

/// Reads a number, as Go's `parseNumeric` does: octal digits, or two's complement.
pub(super) fn number(field: &[u8]) -> Option<i64> {
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
pub(super) fn octal(field: &[u8]) -> Option<i64> {
    let is_filler = |byte: &u8| [b' ', 0].contains(byte);
    let Some(first) = field.iter().position(|byte| !is_filler(byte)) else { return Some(0) };
    let last = field.iter().rposition(|byte| !is_filler(byte))?;
    let digits = std::str::from_utf8(until_nul(&field[first..=last])).ok()?;
    // Rust would take a sign, which Go does not.
    let value = u64::from_str_radix(digits, 8).ok().filter(|_| !digits.starts_with('+'))?;
    Some(value.cast_signed())
}

/// Returns a text up to its first zero (`parseString`).
pub(super) fn until_nul(bytes: &[u8]) -> &[u8] {
    bytes.split(|byte| *byte == 0).next().unwrap_or_default()
}

/// Returns the number of bytes that follow data to the end of its last block.
pub(super) fn padding(size: u64) -> u64 {
    size.wrapping_neg() % BLOCK as u64
}
