//! How a fact about containerd was seen: a word of evidence.

use serde::Serialize;
use strum::VariantNames;

/// How certain it is that the running containerd has a setting.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, VariantNames)]
#[serde(rename_all = "kebab-case")]
#[strum(serialize_all = "kebab-case")]
pub enum Seen {
    /// The running process has it, or the file is older than the process.
    InEffect,
    /// A file says so: that is what the next start will use.
    Configured,
    /// Nothing says so: it is the default.
    Assumed,
}
