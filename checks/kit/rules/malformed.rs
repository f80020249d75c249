//! Why a file that somebody else wrote cannot be used.

use std::fmt;

use serde::Serialize;
use strum::{Display, VariantNames};

/// What is wrong with the contents of a file, as a word of evidence.
#[derive(Clone, Copy, Debug, Display, PartialEq, Eq, Serialize, VariantNames)]
#[serde(rename_all = "kebab-case")]
#[strum(serialize_all = "kebab-case")]
pub enum Malformed {
    /// The file is not UTF-8.
    NotText,
    /// The file is empty.
    EmptyFile,
    /// The answer is not JSON.
    NotJson,
    /// The file has no certificate.
    NoCertificate,
    /// The file has no private key.
    NoPrivateKey,
    /// The key is that of another certificate.
    KeyOfAnother,
    /// The file is not YAML, and the parser gives no position.
    NotYaml,
    /// The file, or the whole of it, is not an object.
    NotAnObject,
    /// The file is base64 of what it should hold.
    FileIsBase64,
    /// The `data` of a Secret is not base64.
    #[serde(rename = "data-not-base64")]
    #[strum(serialize = "data-not-base64")]
    DataNotBase64,
    /// The file is YAML without fields: a list, or a text.
    NotFields,
    /// An entry is not an object.
    EntryNotAnObject,
    /// A field that must be a string is not.
    EntryNotTexts,
    /// A field that must be a list is not.
    EntryNotAList,
    /// A field that must be a boolean is not.
    EntryNotAFlag,
    /// A field that must be a number is not.
    EntryNotANumber,
    /// An `auth` is not base64.
    #[serde(rename = "auth-not-base64")]
    #[strum(serialize = "auth-not-base64")]
    AuthNotBase64,
    /// An `auth` is base64 of something that is not UTF-8.
    AuthNotText,
    /// An `auth` is base64 of something without a colon.
    AuthWithoutColon,
    /// An `auth` is base64 of base64.
    AuthEncodedTwice,
    /// The file is of another kind or API version.
    WrongKind,
    /// A field is unknown to a reader that is strict.
    UnknownField,
    /// A capability of a host is unknown to containerd.
    UnknownCapability,
    /// A field that must be a duration is not.
    NotADuration,
    /// A required field is missing or invalid.
    FieldMissing,
    /// No entry is named, or two have the same name.
    NamedTwiceOrNotAtAll,
    /// `tokenAttributes` contradict themselves, or name what there is not.
    OddTokenAttributes,
    /// The file names no identity that could sign in.
    NamesNoIdentity,
}

/// Why a file cannot be used. Its text does not quote the file, which may hold a password.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Unusable {
    /// This is wrong with it.
    Malformed(Malformed),
    /// It does not parse, from there on; both count from 1.
    At {
        /// The line.
        line: u64,
        /// The column.
        column: u64,
    },
}

impl fmt::Display for Unusable {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Unusable::Malformed(word) => word.fmt(f),
            Unusable::At { line, column } => write!(f, "line {line}, column {column}"),
        }
    }
}

impl From<Malformed> for Unusable {
    fn from(word: Malformed) -> Self {
        Unusable::Malformed(word)
    }
}

impl From<&serde_json::Error> for Unusable {
    fn from(error: &serde_json::Error) -> Self {
        Unusable::At { line: error.line() as u64, column: error.column() as u64 }
    }
}
