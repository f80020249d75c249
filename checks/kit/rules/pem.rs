//! PEM as Go reads it (`encoding/pem` of Go 1.26, `Decode`).

use base64::{
    Engine,
    alphabet::STANDARD,
    engine::{DecodePaddingMode, GeneralPurpose, GeneralPurposeConfig},
};
use rustls::pki_types::CertificateDer;

const BEGIN: &[u8] = b"-----BEGIN ";
const END: &[u8] = b"\n-----END ";
const DASHES: &[u8] = b"-----";

/// A block of a file.
pub struct PemBlock {
    /// What its first line says that it is.
    pub kind: String,
    /// Whether it has headers.
    pub has_headers: bool,
    /// What is in it.
    pub bytes: Vec<u8>,
}

/// Returns the blocks of a file.
pub fn pem_blocks(mut rest: &[u8]) -> Vec<PemBlock> {
    let mut blocks = vec![];
    while let Some((block, after)) = next(rest) {
        blocks.push(block);
        rest = after;
    }
    blocks
}

/// Returns the certificates of a file of authorities (`CertPool.AppendCertsFromPEM`).
pub fn authorities_in(pem: &[u8]) -> impl Iterator<Item = CertificateDer<'static>> {
    let is_one = |block: &PemBlock| block.kind == "CERTIFICATE" && !block.has_headers;
    pem_blocks(pem).into_iter().filter(is_one).map(|block| block.bytes.into())
}

/// Returns the first block that can be read, and what follows it. It is between the first END and the
/// last BEGIN before that; where these do not fit, the search goes on behind that END.
fn next(mut rest: &[u8]) -> Option<(PemBlock, &[u8])> {
    loop {
        let end = find(rest, END)?;
        let (before, after) = (&rest[..end], &rest[end + END.len()..]);
        rest = after;
        let Some(begin) = before.windows(BEGIN.len()).rposition(|it| it == BEGIN) else { continue };
        if begin > 0 && before[begin - 1] != b'\n' {
            continue;
        }
        let (first, mut body) = match find(&before[begin + BEGIN.len()..], b"\n") {
            Some(_) => line(&before[begin + BEGIN.len()..]),
            // The line of END is the next one.
            None => (line(&before[begin + BEGIN.len()..]).0, &before[before.len()..]),
        };
        let Some(kind) = first.strip_suffix(DASHES) else { continue };
        let mut has_headers = false;
        while let (header, next) = line(body)
            && header.contains(&b':')
        {
            (body, has_headers) = (next, true);
        }
        let Some(trailer) = after.strip_prefix(kind).and_then(|it| it.strip_prefix(DASHES)) else {
            continue;
        };
        let (behind, following) = line(trailer);
        if !behind.is_empty() {
            continue;
        }
        let Some(bytes) = decode(body) else { continue };
        let kind = String::from_utf8_lossy(kind).into_owned();
        return Some((PemBlock { kind, has_headers, bytes }, following));
    }
}

/// Returns the first line without its end and the blanks before that, and what follows.
fn line(bytes: &[u8]) -> (&[u8], &[u8]) {
    let end = bytes.iter().position(|it| *it == b'\n');
    let (line, rest) =
        end.map_or((bytes, &bytes[bytes.len()..]), |at| (&bytes[..at], &bytes[at + 1..]));
    let line = match end {
        Some(_) => line.strip_suffix(b"\r").unwrap_or(line),
        None => line,
    };
    let kept = line.iter().rposition(|it| !b" \t".contains(it)).map_or(0, |at| at + 1);
    (&line[..kept], rest)
}

/// Decodes base64 between blanks and ends of lines. Go wants the padding, and does not look at the bits
/// that it leaves over.
fn decode(body: &[u8]) -> Option<Vec<u8>> {
    let config = GeneralPurposeConfig::new()
        .with_decode_padding_mode(DecodePaddingMode::RequireCanonical)
        .with_decode_allow_trailing_bits(true);
    let text: Vec<u8> = body.iter().copied().filter(|it| !b" \t\r\n".contains(it)).collect();
    GeneralPurpose::new(&STANDARD, config).decode(text).ok()
}

fn find(bytes: &[u8], text: &[u8]) -> Option<usize> {
    memchr::memmem::find(bytes, text)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(text: &str) -> Vec<String> {
        let blocks = pem_blocks(text.as_bytes()).into_iter();
        blocks.map(|it| format!("{} {}", it.kind, String::from_utf8_lossy(&it.bytes))).collect()
    }

    #[test]
    fn blocks_as_go_reads_them() {
        let a = "-----BEGIN A-----\nYQ==\n-----END A-----\n";
        for (text, wanted) in [
            (a.to_owned(), vec!["A a"]),
            (format!("text\n{a}more\n{a}"), vec!["A a", "A a"]),
            (a.replace('\n', "\r\n"), vec!["A a"]),
            (a.replace('\n', " \t\n"), vec!["A a"]),
            (a.trim_end().to_owned(), vec!["A a"]),
            ("-----BEGIN A-----\nK: v\n\nYQ==\n-----END A-----".into(), vec!["A a"]),
            ("-----BEGIN A-----\n-----END A-----\n".into(), vec!["A "]),
            // What is glued together is no block, nor is what follows at once.
            (format!("{}{a}", a.trim_end()), vec![]),
            (a.replace("END A-----", "END A-----junk"), vec![]),
            (a.replace("END A", "END B"), vec![]),
            (a.replace("YQ==", "YQ"), vec![]),
            (a.replace("YQ==", "Y\x0bQ=="), vec![]),
            (a.replace('\n', "\r"), vec![]),
            (format!(" {a}"), vec![]),
            // A block that is cut off does not hide the next one.
            (format!("-----BEGIN A-----\nYQ==\n{a}"), vec!["A a"]),
            (format!("{}{a}{a}", a.trim_end()), vec!["A a"]),
            (String::new(), vec![]),
            ("\n-----END ".into(), vec![]),
            ("-----BEGIN \n-----END ".into(), vec![]),
        ] {
            assert_eq!(read(&text), wanted, "{text:?}");
        }
    }
}
