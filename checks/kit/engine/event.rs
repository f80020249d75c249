//! The one stream everything downstream is made of: what happened, without prose.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use super::finding::Finding;
use crate::kit::redact::sanitize;

/// The version of the event lines that this program writes and reads.
pub const VERSION: u8 = 1;

/// One thing that happened: a line of `-o events`, and all that travels between parts.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Event {
    /// The version of the format.
    pub v: u8,
    /// When.
    pub at: Timestamp,
    /// Who looked: `here`, later a node.
    pub from: String,
    /// What happened.
    #[serde(flatten)]
    pub kind: EventKind,
}

/// What happened.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(tag = "event", rename_all = "kebab-case")]
pub enum EventKind {
    /// A run began.
    RunStarted {
        /// What it was asked about, as understood.
        target: Map<String, Value>,
        /// The version of the program that looked.
        tool: String,
    },
    /// A step will be run, once those before it have given their facts.
    Planned {
        /// Its name.
        step: String,
        /// The steps whose facts it takes.
        after: Vec<String>,
    },
    /// A step began.
    Started {
        /// Its name.
        step: String,
    },
    /// A step asked somebody something and heard something, or nothing.
    Exchanged {
        /// Its name.
        step: String,
        /// Who was asked: a name server, an address, a host.
        to: String,
        /// What was asked, without secrets.
        request: String,
        /// What was heard: words of a protocol, or a fault such as `timed-out`.
        response: String,
        /// What of the answer is worth keeping.
        #[serde(default, skip_serializing_if = "Map::is_empty")]
        details: Map<String, Value>,
        /// How long it took, in milliseconds.
        took_ms: u64,
    },
    /// A step found something.
    Found {
        /// Its name.
        step: String,
        /// What.
        finding: Finding,
    },
    /// A step handed on its fact, or the reason why there is none.
    ///
    /// What is graded beside it (another name server, another address) may still be found after.
    Finished {
        /// Its name.
        step: String,
        /// How it ended.
        end: StepEnd,
        /// How long it took, in milliseconds.
        took_ms: u64,
    },
}

/// How a step ended.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(tag = "is", rename_all = "kebab-case")]
pub enum StepEnd {
    /// Yes, and this was seen.
    Passed {
        /// The fact's own fields.
        saw: Map<String, Value>,
    },
    /// No: the finding says why.
    Failed,
    /// Not asked here.
    Skipped {
        /// Why not.
        why: Finding,
    },
    /// An earlier step gave no fact.
    Blocked {
        /// Which.
        by: String,
    },
    /// Could not tell.
    CouldNotTell {
        /// Why not.
        why: Finding,
    },
}

impl Event {
    /// Reads a line of a recording. It is foreign text: what it holds is made fit to print.
    pub fn read(line: &[u8]) -> Result<Self, String> {
        let mut value: Value = serde_json::from_slice(line).map_err(|error| error.to_string())?;
        match value.get("v").and_then(Value::as_u64) {
            Some(v) if v == u64::from(VERSION) => {}
            Some(v) => return Err(format!("its version is {v}, and this program reads {VERSION}")),
            None => return Err("it has no version".to_owned()),
        }
        sanitize(&mut value);
        serde_json::from_value(value).map_err(|error| error.to_string())
    }

    /// The step it is about, if it is about one.
    pub fn step(&self) -> Option<&str> {
        match &self.kind {
            EventKind::RunStarted { .. } => None,
            EventKind::Planned { step, .. }
            | EventKind::Started { step }
            | EventKind::Exchanged { step, .. }
            | EventKind::Found { step, .. }
            | EventKind::Finished { step, .. } => Some(step),
        }
    }

    /// What was found, or why a step has no fact.
    pub fn finding(&self) -> Option<&Finding> {
        match &self.kind {
            EventKind::Found { finding, .. } => Some(finding),
            EventKind::Finished {
                end: StepEnd::Skipped { why } | StepEnd::CouldNotTell { why },
                ..
            } => Some(why),
            _ => None,
        }
    }
}
