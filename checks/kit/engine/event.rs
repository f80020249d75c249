//! The one stream everything downstream is made of: what happened, without prose.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use super::{finding::Finding, vantage::Vantage};

/// The version of the event lines that this program writes and reads.
pub const VERSION: u8 = 1;

/// One thing that happened: a line of `-o events`, and all that travels between parts.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Event {
    /// The version of the format.
    pub v: u8,
    /// When.
    pub at: Timestamp,
    /// What the run is about: the text that was given.
    pub target: String,
    /// Who looked.
    pub from: Vantage,
    /// What happened.
    #[serde(flatten)]
    pub kind: EventKind,
}

/// What happened.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[serde(tag = "event", rename_all = "kebab-case")]
pub enum EventKind {
    /// A run began.
    RunStarted {
        /// The target, as it was understood.
        understood: Map<String, Value>,
        /// The version of the program that looked.
        tool: String,
        /// The host or pod on which it ran.
        #[serde(skip_serializing_if = "Option::is_none")]
        host: Option<String>,
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
    /// The run is over: what it means, in codes.
    Verdict {
        /// What is certain: `pull`, `sign-in`, `no` or `could-not-tell`.
        can: String,
        /// The exit code for this target.
        exit_code: u8,
        /// Why not.
        causes: Vec<VerdictLine>,
        /// What could not be told.
        could_not_tell: Vec<VerdictLine>,
        /// What works and will fail later.
        warnings: Vec<VerdictLine>,
    },
}

/// A line of a verdict: a code, the step that found it, and every vantage that saw it.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct VerdictLine {
    /// The code of the finding.
    pub code: String,
    /// The step.
    pub step: String,
    /// Who saw it.
    pub seen_from: Vec<Vantage>,
}

/// How a step ended.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
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
    /// Whether a line of a recording is an exchange, told without reading it all: where exchanges are not
    /// shown, many lines need not be read. Only the place where this program writes it counts: evidence
    /// may hold a field of that name, and no other line may be passed over.
    pub fn is_exchange(line: &[u8]) -> bool {
        let mut fields = line.split(|byte| *byte == b',').skip(2);
        let mut begins = |with: &[u8]| fields.next().is_some_and(|field| field.starts_with(with));
        begins(br#""target":""#) && begins(br#""from":""#) && begins(br#""event":"exchanged""#)
    }
}

impl EventKind {
    /// Returns the step that it is about, if it is about one.
    pub fn step(&self) -> Option<&str> {
        match self {
            EventKind::RunStarted { .. } | EventKind::Verdict { .. } => None,
            EventKind::Planned { step, .. }
            | EventKind::Started { step }
            | EventKind::Exchanged { step, .. }
            | EventKind::Found { step, .. }
            | EventKind::Finished { step, .. } => Some(step),
        }
    }

    /// Returns what was found, or why a step has no fact.
    pub fn finding(&self) -> Option<&Finding> {
        match self {
            EventKind::Found { finding, .. } => Some(finding),
            EventKind::Finished {
                end: StepEnd::Skipped { why } | StepEnd::CouldNotTell { why },
                ..
            } => Some(why),
            _ => None,
        }
    }
}
