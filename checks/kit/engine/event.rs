//! Events: the one stream that every output is made from. They hold codes and evidence, no prose.

use std::collections::BTreeMap;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use super::{finding::Finding, vantage::Vantage};

/// The version of the event lines that this program writes and reads.
pub const VERSION: u8 = 1;

/// One event: a line of `-o events`, and the only thing that passes between the parts of the
/// program.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Event {
    /// The version of the format.
    pub v: u8,
    /// When it happened.
    pub at: Timestamp,
    /// The target of the run, as the user wrote it.
    pub target: String,
    /// The vantage that saw it.
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
        /// The target, as it was parsed.
        understood: Map<String, Value>,
        /// The version of the program that ran.
        tool: String,
        /// The host or pod on which it ran.
        #[serde(skip_serializing_if = "Option::is_none")]
        host: Option<String>,
        /// What is known of the node besides: its labels, such as its pool or its node image.
        #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
        labels: BTreeMap<String, String>,
    },
    /// A step will run once the steps before it have handed on their facts.
    Planned {
        /// Its name.
        step: String,
        /// The steps whose facts it needs.
        after: Vec<String>,
    },
    /// A step began.
    Started {
        /// Its name.
        step: String,
    },
    /// A step sent a request and got a response, or none.
    Exchanged {
        /// Its name.
        step: String,
        /// The recipient: a name server, an address, a host.
        to: String,
        /// The request, without secrets.
        request: String,
        /// The response in the terms of its protocol, or a fault such as `timed-out`.
        response: String,
        /// The parts of the response that are worth keeping.
        #[serde(default, skip_serializing_if = "Map::is_empty")]
        details: Map<String, Value>,
        /// How long it took, in milliseconds.
        took_ms: u64,
    },
    /// A step found something.
    Found {
        /// Its name.
        step: String,
        /// The finding.
        finding: Finding,
    },
    /// A step handed on its fact, or the reason why there is none.
    ///
    /// A check that continues in the background (another name server, another address) may still
    /// report findings afterwards.
    Finished {
        /// Its name.
        step: String,
        /// How it ended.
        end: StepEnd,
        /// How long it took, in milliseconds.
        took_ms: u64,
    },
    /// The run is over, with its verdict in codes.
    Verdict {
        /// The result that is certain: `pull`, `sign-in`, `no` or `could-not-tell`.
        can: String,
        /// The exit code for this target.
        exit_code: u8,
        /// Why the image cannot be pulled.
        causes: Vec<VerdictLine>,
        /// What could not be determined.
        could_not_tell: Vec<VerdictLine>,
        /// Problems that do not stop this pull but will cause failures later.
        warnings: Vec<VerdictLine>,
    },
}

/// A line of a verdict: a code, the step that found it, and the vantages that saw it.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct VerdictLine {
    /// The code of the finding.
    pub code: String,
    /// The step that found it.
    pub step: String,
    /// The vantages that saw it.
    pub seen_from: Vec<Vantage>,
}

/// How a step ended.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(tag = "is", rename_all = "kebab-case")]
pub enum StepEnd {
    /// The check passed, and rests on this evidence.
    Passed {
        /// The fields of the fact.
        saw: Map<String, Value>,
    },
    /// The check failed; a finding says why.
    Failed,
    /// The step does not apply here.
    Skipped {
        /// Why it was skipped.
        why: Finding,
    },
    /// An earlier step handed on no fact.
    Blocked {
        /// The step that it needed.
        by: String,
    },
    /// The result could not be determined.
    CouldNotTell {
        /// Why it could not be determined.
        why: Finding,
    },
}

impl Event {
    /// Returns whether a line of a recording is an exchange, without parsing all of it: an output
    /// that does not show exchanges can skip these lines. Only the field at the position where this
    /// program writes it counts, because evidence may hold a field of the same name, and no other
    /// line may be skipped.
    pub fn is_exchange(line: &[u8]) -> bool {
        let mut fields = line.split(|byte| *byte == b',').skip(2);
        let mut begins = |with: &[u8]| fields.next().is_some_and(|field| field.starts_with(with));
        begins(br#""target":""#) && begins(br#""from":""#) && begins(br#""event":"exchanged""#)
    }
}

impl EventKind {
    /// Returns the step that the event is about; `None` when it is about the whole run.
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
