//! Blocks, numbers and texts in an archive, as Go reads them (Go 1.26, archive/tar/strconv.go).

/// The size of a header, to a multiple of which files are padded.
pub(super) const BLOCK: usize = 512;

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

/// Reads a decimal number, as Go's `strconv.ParseInt` does: with a sign, and nothing else beside digits.
pub(super) fn decimal(text: &[u8]) -> Option<i64> {
    std::str::from_utf8(text).ok()?.parse().ok()
}
