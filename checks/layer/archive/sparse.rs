//! The maps of sparse files (Go 1.26, archive/tar/reader.go and common.go).

use super::numbers::{BLOCK, decimal};

/// Which parts of a sparse file the archive holds.
pub(super) struct Map {
    pub(super) size: i64,
    pub(super) regions: Vec<Region>,
}

/// A part of a sparse file.
pub(super) struct Region {
    pub(super) offset: i64,
    pub(super) length: i64,
}

impl Region {
    /// Reads a region from two decimal numbers.
    pub(super) fn of(offset: &[u8], length: &[u8]) -> Option<Self> {
        Some(Self { offset: decimal(offset)?, length: decimal(length)? })
    }
}

impl Map {
    /// Returns whether the regions are in order, and within the file (`validateSparseEntries`).
    pub(super) fn is_valid(&self) -> bool {
        let mut before = 0;
        self.size >= 0
            && self.regions.iter().all(|Region { offset, length }| {
                let end = offset.checked_add(*length);
                let is_next = *length >= 0 && *offset >= before;
                before = end.unwrap_or(i64::MAX);
                is_next && end.is_some_and(|end| end <= self.size)
            })
    }

    /// Returns how many bytes the archive holds of the file.
    pub(super) fn held(&self) -> u64 {
        self.regions.iter().map(|region| region.length.unsigned_abs()).sum()
    }
}

/// A map at the beginning of a file's data, which is read block by block (`readGNUSparseMap1x0`).
pub(super) struct MapReader {
    size: i64,
    text: Vec<u8>,
    lines: usize,
    /// The length of its first line, and how many lines the map has, once that line is known.
    first: Option<(usize, usize)>,
}

impl MapReader {
    /// Returns a reader of the map of a file of that size.
    pub(super) fn of(size: i64) -> Self {
        Self { size, text: vec![], lines: 0, first: None }
    }

    /// Returns the number of bytes that were read.
    pub(super) fn read(&self) -> usize {
        self.text.len()
    }

    /// Reads the next block. Returns the map, once it is complete; an error if it is none.
    pub(super) fn block(&mut self, block: &[u8]) -> Result<Option<Map>, ()> {
        debug_assert_eq!(block.len(), BLOCK, "blocks are whole");
        self.text.extend_from_slice(block);
        self.lines += block.split(|byte| *byte == b'\n').count() - 1;
        if self.lines == 0 {
            return Ok(None);
        }
        let (length, wanted) = match self.first {
            Some(first) => first,
            None => {
                let first = self.text.split(|byte| *byte == b'\n').next().unwrap_or_default();
                (first.len(), count(first).ok_or(())?)
            }
        };
        self.first = Some((length, wanted));
        if self.lines < wanted {
            return Ok(None);
        }
        let lines = self.text[length..].split(|byte| *byte == b'\n').skip(1);
        let lines: Vec<_> = lines.take(wanted - 1).collect();
        let regions = lines.chunks_exact(2).map(|pair| Region::of(pair[0], pair[1]));
        let regions = regions.collect::<Option<_>>().ok_or(())?;
        Ok(Some(Map { size: self.size, regions }))
    }
}

/// Returns the number of lines of a map by its first line, the number of regions.
fn count(first: &[u8]) -> Option<usize> {
    usize::try_from(decimal(first)?).ok()?.checked_mul(2)?.checked_add(1)
}
