//! Real tar archives and gzip streams, written by hand so that their bytes are the same on every
//! machine.

/// Returns a tar archive of regular files.
pub(crate) fn tar(files: &[(&str, &[u8])]) -> Vec<u8> {
    let mut archive = Vec::new();
    for (name, content) in files {
        let mut header = [0_u8; 512];
        put(&mut header, 0, name.as_bytes());
        put(&mut header, 100, b"0000644\0");
        put(&mut header, 108, b"0000000\0");
        put(&mut header, 116, b"0000000\0");
        put(&mut header, 124, format!("{:011o}\0", content.len()).as_bytes());
        put(&mut header, 136, b"00000000000\0");
        put(&mut header, 148, b"        ");
        header[156] = b'0';
        put(&mut header, 257, b"ustar\x0000");
        let sum: u32 = header.iter().map(|byte| u32::from(*byte)).sum();
        put(&mut header, 148, format!("{sum:06o}\0 ").as_bytes());
        archive.extend_from_slice(&header);
        archive.extend_from_slice(content);
        archive.resize(archive.len().next_multiple_of(512), 0);
    }
    archive.resize(archive.len() + 1024, 0);
    archive
}

fn put(header: &mut [u8; 512], at: usize, bytes: &[u8]) {
    header[at..at + bytes.len()].copy_from_slice(bytes);
}

/// Returns a gzip stream that stores its content uncompressed.
pub(crate) fn gzip_stored(content: &[u8]) -> Vec<u8> {
    let mut out = GZIP.to_vec();
    let mut blocks = content.chunks(0xffff).peekable();
    while let Some(block) = blocks.next() {
        let [low, high] = u16::try_from(block.len()).unwrap_or(u16::MAX).to_le_bytes();
        out.extend_from_slice(&[u8::from(blocks.peek().is_none()), low, high, !low, !high]);
        out.extend_from_slice(block);
    }
    finish(out, content)
}

/// Returns a gzip stream that encodes only runs of one byte: enough for the padding of a small tar.
pub(crate) fn gzip_runs(content: &[u8]) -> Vec<u8> {
    let mut bits = Bits::new(GZIP.to_vec());
    runs(&mut bits, content);
    finish(bits.done(), content)
}

/// Returns a small stream that decompresses to a very large one. It is truncated: a reader that
/// reaches the end has already read too much.
pub(crate) fn gzip_bomb() -> Vec<u8> {
    let mut bits = Bits::new(GZIP.to_vec());
    runs(&mut bits, &vec![b' '; 32 << 20]);
    bits.done()
}

const GZIP: [u8; 10] = [0x1f, 0x8b, 8, 0, 0, 0, 0, 0, 0, 0xff];
const LONGEST: usize = 258;
const SHORT: usize = 10;

/// Writes one last block of fixed Huffman codes (RFC 1951, 3.2.6): literals, and repeats at
/// distance one.
fn runs(bits: &mut Bits, content: &[u8]) {
    bits.low_first(0b011, 3);
    let mut rest = content;
    while let Some(&byte) = rest.first() {
        literal(bits, byte);
        rest = &rest[1..];
        let mut run = rest.iter().take_while(|next| **next == byte).count();
        rest = &rest[run..];
        while run >= LONGEST {
            bits.high_first(0b1100_0101, 8); // length 258
            bits.high_first(0, 5); // distance 1
            run -= LONGEST;
        }
        while run >= SHORT {
            bits.high_first(0b000_1000, 7); // length 10
            bits.high_first(0, 5);
            run -= SHORT;
        }
        for _ in 0..run {
            literal(bits, byte);
        }
    }
    bits.high_first(0, 7);
}

fn literal(bits: &mut Bits, byte: u8) {
    let byte = u16::from(byte);
    if byte < 144 {
        bits.high_first(0x30 + byte, 8);
    } else {
        bits.high_first(0x190 + byte - 144, 9);
    }
}

/// A bit writer that fills each byte from its low end.
struct Bits {
    out: Vec<u8>,
    byte: u8,
    filled: u8,
}

impl Bits {
    fn new(out: Vec<u8>) -> Self {
        Self { out, byte: 0, filled: 0 }
    }

    fn push(&mut self, bit: bool) {
        self.byte |= u8::from(bit) << self.filled;
        self.filled += 1;
        if self.filled == 8 {
            self.out.push(self.byte);
            self.byte = 0;
            self.filled = 0;
        }
    }

    fn low_first(&mut self, value: u16, count: u8) {
        (0..count).for_each(|at| self.push(value >> at & 1 == 1));
    }

    fn high_first(&mut self, value: u16, count: u8) {
        (0..count).rev().for_each(|at| self.push(value >> at & 1 == 1));
    }

    fn done(mut self) -> Vec<u8> {
        if self.filled > 0 {
            self.out.push(self.byte);
        }
        self.out
    }
}

fn finish(mut out: Vec<u8>, content: &[u8]) -> Vec<u8> {
    out.extend_from_slice(&crc32(content).to_le_bytes());
    let size = u32::try_from(content.len() & 0xffff_ffff).unwrap_or(u32::MAX);
    out.extend_from_slice(&size.to_le_bytes());
    out
}

const CRC: [u32; 256] = crc_table();

const fn crc_table() -> [u32; 256] {
    let mut table = [0; 256];
    let mut at = 0;
    while at < 256 {
        #[expect(clippy::cast_possible_truncation, reason = "below 256")]
        let mut value = at as u32;
        let mut bit = 0;
        while bit < 8 {
            value = if value & 1 == 1 { 0xedb8_8320 ^ (value >> 1) } else { value >> 1 };
            bit += 1;
        }
        table[at] = value;
        at += 1;
    }
    table
}

fn crc32(content: &[u8]) -> u32 {
    !content.iter().fold(!0, |crc, byte| {
        let [low, ..] = crc.to_le_bytes();
        CRC[usize::from(low ^ byte)] ^ (crc >> 8)
    })
}
