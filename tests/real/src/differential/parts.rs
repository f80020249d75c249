//! The parts of an image: tar archives, compressed in several ways, and JSON that is edited as text,
//! so that it can also be what no serializer writes.

use std::io::Write as _;

use flate2::Compression;
use flate2::write::{DeflateEncoder, GzEncoder, ZlibEncoder};
use serde_json::Value;
use sha2::{Digest, Sha256, Sha512};

/// A document of the image.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Doc {
    Index,
    Manifest,
    Config,
}

/// What is done to a document. A path is a JSON pointer; `raw` is put there as it is.
#[derive(Clone, Debug)]
pub enum Edit {
    Set {
        path: String,
        raw: String,
    },
    Remove {
        path: String,
    },
    /// Another name for a field.
    Rename {
        path: String,
        name: String,
    },
    /// The text of the document is changed as a whole.
    Whole(Whole),
}

#[derive(Clone, Copy, Debug)]
pub enum Whole {
    Bom,
    Truncated,
    TrailingText,
    TrailingSpace,
    LeadingSpace,
    InvalidUtf8,
    Comment,
    Empty,
    Null,
    List,
    Html,
    Pretty,
    ControlCharacter,
    LoneSurrogate,
    Deep(usize),
}

/// Returns the text of a document after its edits.
pub fn written(document: &Value, edits: &[Edit]) -> Vec<u8> {
    let mut document = document.clone();
    let mut raws = vec![];
    for edit in edits {
        match edit {
            Edit::Set { path, raw } => {
                let mark = format!("@@{}@@", raws.len());
                if put(&mut document, path, Value::String(mark.clone())) {
                    raws.push((format!("\"{mark}\""), raw.clone()));
                } else {
                    raws.push((String::new(), String::new()));
                }
            }
            Edit::Remove { path } => {
                let (parent, name) = path.rsplit_once('/').unwrap_or_default();
                match document.pointer_mut(parent) {
                    Some(Value::Object(fields)) => drop(fields.remove(name)),
                    Some(Value::Array(items)) => {
                        if let Some(at) = name.parse().ok().filter(|at| *at < items.len()) {
                            items.remove(at);
                        }
                    }
                    _ => {}
                }
            }
            Edit::Rename { path, name } => {
                let (parent, old) = path.rsplit_once('/').unwrap_or_default();
                if let Some(Value::Object(fields)) = document.pointer_mut(parent)
                    && let Some(value) = fields.remove(old)
                {
                    fields.insert(name.clone(), value);
                }
            }
            Edit::Whole(_) => {}
        }
    }
    let is_pretty = edits.iter().any(|edit| matches!(edit, Edit::Whole(Whole::Pretty)));
    let text = if is_pretty {
        serde_json::to_string_pretty(&document)
    } else {
        serde_json::to_string(&document)
    };
    let mut text = text.unwrap_or_default();
    // Backwards: an edit may have put something into what another one has put.
    for (mark, raw) in raws.iter().rev().filter(|(mark, _)| !mark.is_empty()) {
        text = text.replace(mark, raw);
    }
    let mut bytes = text.into_bytes();
    for edit in edits {
        if let Edit::Whole(whole) = edit {
            bytes = whole.of(bytes);
        }
    }
    bytes
}

fn put(document: &mut Value, path: &str, value: Value) -> bool {
    if path.is_empty() {
        *document = value;
        return true;
    }
    let (parent, name) = path.rsplit_once('/').unwrap_or_default();
    match document.pointer_mut(parent) {
        Some(Value::Object(fields)) => drop(fields.insert(name.to_owned(), value)),
        Some(Value::Array(items)) => match name.parse::<usize>() {
            Ok(at) if at < items.len() => items[at] = value,
            _ => items.push(value),
        },
        _ => return false,
    }
    true
}

impl Whole {
    fn of(self, bytes: Vec<u8>) -> Vec<u8> {
        let inside = |raw: &[u8]| {
            let (first, rest) = bytes.split_at(1.min(bytes.len()));
            [first, raw, rest].concat()
        };
        match self {
            Whole::Bom => [b"\xef\xbb\xbf".as_slice(), &bytes].concat(),
            Whole::Truncated => bytes[..bytes.len() * 3 / 4].to_vec(),
            Whole::TrailingText => [&bytes, b"\nend".as_slice()].concat(),
            Whole::TrailingSpace => [&bytes, b"\n \t\r\n".as_slice()].concat(),
            Whole::LeadingSpace => [b" \n\t".as_slice(), &bytes].concat(),
            Whole::InvalidUtf8 => inside(b"\"note\":\"\xff\xfe\","),
            Whole::Comment => [b"/* note */".as_slice(), &bytes].concat(),
            Whole::Empty => vec![],
            Whole::Null => b"null".to_vec(),
            Whole::List => [b"[".as_slice(), &bytes, b"]"].concat(),
            Whole::Html => b"<!doctype html><title>registry</title>".to_vec(),
            Whole::Pretty => bytes,
            Whole::ControlCharacter => inside(b"\"note\":\"a\tb\","),
            Whole::LoneSurrogate => inside(br#""note":"\ud800","#),
            Whole::Deep(levels) => {
                let (open, close) = ("[".repeat(levels), "]".repeat(levels));
                inside(format!("\"note\":{open}{close},").as_bytes())
            }
        }
    }
}

pub fn sha256(bytes: &[u8]) -> String {
    format!("sha256:{}", hex(&Sha256::digest(bytes)))
}

pub fn sha512(bytes: &[u8]) -> String {
    format!("sha512:{}", hex(&Sha512::digest(bytes)))
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

/// One entry of a tar archive.
pub struct Entry<'a> {
    pub path: &'a str,
    pub kind: u8,
    pub link: &'a str,
    pub content: &'a [u8],
}

/// Returns a tar archive.
pub fn tar(entries: &[Entry<'_>]) -> Vec<u8> {
    let mut tar = vec![];
    for entry in entries {
        let mut head = [0u8; 512];
        let mut put = |at: usize, text: &[u8]| head[at..at + text.len()].copy_from_slice(text);
        put(0, &entry.path.as_bytes()[..entry.path.len().min(100)]);
        put(100, if entry.kind == b'5' { b"0000755\0" } else { b"0000644\0" });
        put(108, b"0000000\0");
        put(116, b"0000000\0");
        put(124, format!("{:011o}\0", entry.content.len()).as_bytes());
        put(136, b"14560000000\0");
        put(148, b"        ");
        put(156, &[entry.kind]);
        put(157, &entry.link.as_bytes()[..entry.link.len().min(100)]);
        put(257, b"ustar\x0000");
        let sum: u32 = head.iter().map(|byte| u32::from(*byte)).sum();
        head[148..156].copy_from_slice(format!("{sum:06o}\0 ").as_bytes());
        tar.extend(head);
        tar.extend(entry.content);
        tar.resize(tar.len().next_multiple_of(512), 0);
    }
    tar.resize(tar.len() + 1024, 0);
    tar
}

pub fn file<'a>(path: &'a str, content: &'a [u8]) -> Entry<'a> {
    Entry { path, kind: b'0', link: "", content }
}

pub fn gzip(bytes: &[u8]) -> Vec<u8> {
    let mut to = GzEncoder::new(vec![], Compression::fast());
    to.write_all(bytes).and_then(|()| to.finish()).unwrap_or_default()
}

pub fn deflate(bytes: &[u8]) -> Vec<u8> {
    let mut to = DeflateEncoder::new(vec![], Compression::fast());
    to.write_all(bytes).and_then(|()| to.finish()).unwrap_or_default()
}

pub fn zlib(bytes: &[u8]) -> Vec<u8> {
    let mut to = ZlibEncoder::new(vec![], Compression::fast());
    to.write_all(bytes).and_then(|()| to.finish()).unwrap_or_default()
}

pub fn zstd(bytes: &[u8]) -> Vec<u8> {
    zstd::encode_all(bytes, 1).unwrap_or_default()
}
