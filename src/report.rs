//! The report: events, folded.

use checks::kit::{
    engine::Severity,
    engine::{Event, EventKind, Finding, StepEnd},
    messages::Messages,
};
use serde_json::{Map, Value};

/// What a run was about, and each of its steps.
#[derive(Clone, Debug, Default)]
pub struct Report {
    /// What was asked, as understood.
    pub target: Map<String, Value>,
    /// The version of the program that looked.
    pub tool: String,
    /// The steps that were run or could have been, in the order of the plan.
    pub steps: Vec<Step>,
}

/// One step of a run.
#[derive(Clone, Debug)]
pub struct Step {
    /// Its name.
    pub name: String,
    /// The steps whose facts it takes.
    pub after: Vec<String>,
    /// Who looked.
    pub from: String,
    /// Whether it began.
    pub started: bool,
    /// How it ended; `None` while it has not.
    pub end: Option<StepEnd>,
    /// How long it took.
    pub took_ms: u64,
    /// What it found.
    pub findings: Vec<Finding>,
    /// What it asked, and what it heard.
    pub exchanges: Vec<EventKind>,
}

/// How a step ended, as people see it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum StepStatus {
    /// ✓
    Passed,
    /// ✗
    Failed,
    /// –
    Skipped,
    /// ↑
    Blocked,
    /// ?
    CouldNotTell,
    /// It was not wanted, or has not ended yet.
    Not,
}

impl Report {
    /// Folds the events of a run.
    pub fn of(events: &[Event]) -> Self {
        let mut report = Report::default();
        events.iter().for_each(|event| report.take(event));
        report
    }

    /// Takes one more event.
    pub fn take(&mut self, event: &Event) {
        if let EventKind::RunStarted { target, tool } = &event.kind {
            self.target.clone_from(target);
            self.tool.clone_from(tool);
        }
        let Some(name) = event.step() else { return };
        let known = self.steps.iter_mut().position(|s| s.name == name && s.from == event.from);
        let place = known.unwrap_or_else(|| {
            self.steps.push(Step {
                name: name.to_owned(),
                after: vec![],
                from: event.from.clone(),
                started: false,
                end: None,
                took_ms: 0,
                findings: vec![],
                exchanges: vec![],
            });
            self.steps.len() - 1
        });
        let step = &mut self.steps[place];
        match &event.kind {
            EventKind::Planned { after, .. } => step.after.clone_from(after),
            EventKind::Exchanged { .. } => step.exchanges.push(event.kind.clone()),
            EventKind::Found { finding, .. } => step.findings.push(finding.clone()),
            EventKind::Finished { end, took_ms, .. } => {
                step.end = Some(end.clone());
                step.took_ms = *took_ms;
            }
            EventKind::Started { .. } => step.started = true,
            EventKind::RunStarted { .. } => {}
        }
    }

    /// Whether an image was asked for, not just a login server.
    pub fn has_image(&self) -> bool {
        self.target.contains_key("image")
    }

    /// A step by name.
    pub fn step(&self, name: &str) -> Option<&Step> {
        self.steps.iter().find(|step| step.name == name)
    }
}

impl Step {
    /// How it ended. What is graded beside a step may turn up an error after it handed on its fact.
    pub fn ended(&self, messages: &Messages) -> StepStatus {
        match &self.end {
            None => StepStatus::Not,
            Some(StepEnd::Passed { .. }) if self.findings.iter().any(|f| is_error(messages, f)) => {
                StepStatus::Failed
            }
            Some(StepEnd::Passed { .. }) => StepStatus::Passed,
            Some(StepEnd::Failed) => StepStatus::Failed,
            Some(StepEnd::Skipped { .. }) => StepStatus::Skipped,
            Some(StepEnd::Blocked { .. }) => StepStatus::Blocked,
            Some(StepEnd::CouldNotTell { .. }) => StepStatus::CouldNotTell,
        }
    }
}

fn is_error(messages: &Messages, finding: &Finding) -> bool {
    severity(messages, finding) == Severity::Error
}

/// How much a finding matters. One that these words do not know was made by another version; it is
/// not taken lightly.
pub(crate) fn severity(messages: &Messages, finding: &Finding) -> Severity {
    messages.entries.get(&finding.code).map_or(Severity::Error, |entry| entry.severity)
}
