//! A line of a recording, in a flat structure that parses hundreds of thousands of lines a second.

use std::collections::BTreeMap;

use jiff::Timestamp;
use serde::Deserialize;
use serde_json::{Map, Value};

use super::{
    event::{Event, EventKind, StepEnd, VERSION, VerdictLine},
    finding::Finding,
    vantage::Vantage,
};
use crate::kit::redact::{sanitize, sanitize_owned, sanitize_text};

/// The fields of events of every kind.
#[derive(Deserialize)]
struct Line {
    v: Option<u64>,
    at: Option<Timestamp>,
    target: Option<String>,
    from: Option<Vantage>,
    event: Option<String>,
    step: Option<String>,
    understood: Option<Map<String, Value>>,
    tool: Option<String>,
    host: Option<String>,
    #[serde(default)]
    labels: BTreeMap<String, String>,
    after: Option<Vec<String>>,
    to: Option<String>,
    request: Option<String>,
    response: Option<String>,
    #[serde(default)]
    details: Map<String, Value>,
    took_ms: Option<u64>,
    finding: Option<Finding>,
    end: Option<StepEnd>,
    can: Option<String>,
    exit_code: Option<u8>,
    #[serde(default)]
    causes: Vec<VerdictLine>,
    #[serde(default)]
    could_not_tell: Vec<VerdictLine>,
    #[serde(default)]
    warnings: Vec<VerdictLine>,
}

impl Event {
    /// Reads a line of a recording. The line is untrusted: its texts are made safe to print.
    ///
    /// # Errors
    ///
    /// Returns a short reason when the line is not an event of this version.
    pub fn read(line: &[u8]) -> Result<Self, String> {
        let read = serde_json::from_slice::<Line>(line)
            .map_err(|error| sanitize_text(&error.to_string()))?;
        match read.v {
            Some(v) if v == u64::from(VERSION) => {}
            Some(v) => return Err(format!("its version is {v}, and this program reads {VERSION}")),
            None => return Err("it has no version".to_owned()),
        }
        read.into_event()
    }
}

impl Line {
    /// Returns the event, with every text made safe to print.
    fn into_event(self) -> Result<Event, String> {
        let kind = match self.event.as_deref() {
            Some("run-started") => EventKind::RunStarted {
                understood: sanitized(due(self.understood, "understood")?),
                tool: text(self.tool, "tool")?,
                host: self.host.map(sanitize_owned),
                labels: labels(self.labels),
            },
            Some("planned") => EventKind::Planned {
                step: text(self.step, "step")?,
                after: due(self.after, "after")?.into_iter().map(sanitize_owned).collect(),
            },
            Some("started") => EventKind::Started { step: text(self.step, "step")? },
            Some("exchanged") => EventKind::Exchanged {
                step: text(self.step, "step")?,
                to: text(self.to, "to")?,
                request: text(self.request, "request")?,
                response: text(self.response, "response")?,
                details: sanitized(self.details),
                took_ms: due(self.took_ms, "took_ms")?,
            },
            Some("found") => EventKind::Found {
                step: text(self.step, "step")?,
                finding: finding(due(self.finding, "finding")?),
            },
            Some("finished") => EventKind::Finished {
                step: text(self.step, "step")?,
                end: end(due(self.end, "end")?),
                took_ms: due(self.took_ms, "took_ms")?,
            },
            Some("verdict") => EventKind::Verdict {
                can: text(self.can, "can")?,
                exit_code: due(self.exit_code, "exit_code")?,
                causes: lines(self.causes),
                could_not_tell: lines(self.could_not_tell),
                warnings: lines(self.warnings),
            },
            Some(other) => {
                return Err(format!("this version knows no event {}", sanitize_text(other)));
            }
            None => return Err("the field event is missing".to_owned()),
        };
        Ok(Event {
            v: VERSION,
            at: due(self.at, "at")?,
            target: text(self.target, "target")?,
            from: due(self.from, "from")?,
            kind,
        })
    }
}

fn due<T>(field: Option<T>, name: &str) -> Result<T, String> {
    field.ok_or_else(|| format!("the field {name} is missing"))
}

fn text(field: Option<String>, name: &str) -> Result<String, String> {
    due(field, name).map(sanitize_owned)
}

fn labels(labels: BTreeMap<String, String>) -> BTreeMap<String, String> {
    let label = |(key, value): (String, String)| (sanitize_owned(key), sanitize_owned(value));
    labels.into_iter().map(label).collect()
}

fn sanitized(map: Map<String, Value>) -> Map<String, Value> {
    let mut value = Value::Object(map);
    sanitize(&mut value);
    match value {
        Value::Object(map) => map,
        _ => Map::new(),
    }
}

fn finding(finding: Finding) -> Finding {
    let Finding { code, severity, evidence } = finding;
    Finding { code: sanitize_owned(code), severity, evidence: sanitized(evidence) }
}

fn end(end: StepEnd) -> StepEnd {
    match end {
        StepEnd::Passed { saw } => StepEnd::Passed { saw: sanitized(saw) },
        StepEnd::Failed => StepEnd::Failed,
        StepEnd::Skipped { why } => StepEnd::Skipped { why: finding(why) },
        StepEnd::Blocked { by } => StepEnd::Blocked { by: sanitize_owned(by) },
        StepEnd::CouldNotTell { why } => StepEnd::CouldNotTell { why: finding(why) },
    }
}

fn lines(lines: Vec<VerdictLine>) -> Vec<VerdictLine> {
    let line = |line: VerdictLine| VerdictLine {
        code: sanitize_owned(line.code),
        step: sanitize_owned(line.step),
        seen_from: line.seen_from,
    };
    lines.into_iter().map(line).collect()
}
