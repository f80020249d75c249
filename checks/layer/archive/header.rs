//! The header of a file in an archive (Go 1.26, archive/tar/reader.go, `readHeader`).

use super::{
    numbers::{number, octal, until_nul},
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
