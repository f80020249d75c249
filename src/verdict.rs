//! The verdict: the report, read. Causes, their consequences, and what could not be told.

use checks::kit::{
    engine::Severity,
    engine::{Finding, StepEnd},
    messages::Messages,
};
use serde::Serialize;

use crate::{
    exit::Exit,
    report::{Report, Step, StepStatus, severity},
};

/// What is certain.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Outcome {
    /// Bytes of a layer are in hand.
    Pull,
    /// No image was asked for, and the sign-in worked.
    SignIn,
    /// Certainly not.
    No,
    /// Could not tell.
    CouldNotTell,
}

/// A finding, where it was found, and what follows from it.
#[derive(Clone, Debug)]
pub struct Cause {
    /// The finding.
    pub finding: Finding,
    /// The step that found it.
    pub step: String,
    /// Who saw it.
    pub from: Vec<String>,
    /// Codes that it explains, and steps that it blocks.
    pub consequences: Vec<String>,
}

/// What the report means.
#[derive(Clone, Debug)]
pub struct Verdict {
    /// What is certain.
    pub can: Outcome,
    /// Why not, in the order of the plan.
    pub causes: Vec<Cause>,
    /// What could not be told, and why.
    pub could_not_tell: Vec<Cause>,
    /// What works and will bite.
    pub warnings: Vec<Cause>,
}

impl Verdict {
    /// Reads a report.
    pub fn of(report: &Report, messages: &Messages) -> Self {
        let found: Vec<(&Step, &Finding)> = report
            .steps
            .iter()
            .flat_map(|step| step.findings.iter().map(move |finding| (step, finding)))
            .collect();
        let all_explained = |finding: &Finding| {
            messages.entries.get(&finding.code).map_or(&[][..], |entry| entry.explains)
        };
        // What is said of one host explains nothing of another.
        let host = |finding: &Finding| finding.evidence.get("host").cloned();
        let explains = |cause: &Finding, other: &Finding| {
            let same = host(cause).zip(host(other)).is_none_or(|(one, two)| one == two);
            same && all_explained(cause).contains(&other.code.as_str())
        };
        let is_explained =
            |finding: &Finding| found.iter().any(|(_, other)| explains(other, finding));
        let mut verdict = Verdict {
            can: Outcome::CouldNotTell,
            causes: vec![],
            could_not_tell: vec![],
            warnings: vec![],
        };
        for (step, finding) in &found {
            if is_explained(finding) {
                continue;
            }
            let mut explained: Vec<String> = vec![];
            for (_, other) in found.iter().filter(|(_, other)| explains(finding, other)) {
                if !explained.contains(&other.code) {
                    explained.push(other.code.clone());
                }
            }
            let severity = severity(messages, finding);
            // What explains an error is its cause, however lightly it would weigh alone.
            let is_cause = severity == Severity::Error || !explained.is_empty();
            let list = match severity {
                _ if is_cause => &mut verdict.causes,
                Severity::Hint => continue,
                Severity::CouldNotTell => &mut verdict.could_not_tell,
                _ => &mut verdict.warnings,
            };
            let mut consequences = explained.clone();
            if is_cause {
                let roots = found.iter().filter(|(_, other)| explained.contains(&other.code));
                let roots = roots.map(|(step, _)| step.name.as_str()).chain([step.name.as_str()]);
                consequences.extend(blocked_by(report, &roots.collect::<Vec<_>>()));
            }
            add(list, step, finding, consequences);
        }
        for step in &report.steps {
            if let Some(StepEnd::CouldNotTell { why }) = &step.end
                && !is_explained(why)
            {
                let consequences = blocked_by(report, &[&step.name]);
                add(&mut verdict.could_not_tell, step, why, consequences);
            }
        }
        verdict.can = can(report, messages, &verdict);
        verdict
    }

    /// How the program ends, unless warnings count.
    pub fn exit(&self, fail_on_warning: bool) -> Exit {
        match self.can {
            Outcome::No => Exit::Cannot,
            Outcome::CouldNotTell => Exit::CouldNotTell,
            Outcome::Pull | Outcome::SignIn if fail_on_warning && !self.warnings.is_empty() => {
                Exit::Cannot
            }
            Outcome::Pull | Outcome::SignIn => Exit::Can,
        }
    }
}

/// Green needs a positive observation; no cause is not one.
fn can(report: &Report, messages: &Messages, verdict: &Verdict) -> Outcome {
    let passed =
        |name| report.step(name).is_some_and(|step| step.ended(messages) == StepStatus::Passed);
    match () {
        () if !verdict.causes.is_empty() => Outcome::No,
        () if report.has_image() && passed("layer") => Outcome::Pull,
        () if !report.has_image() && passed("image") && passed("token") => Outcome::SignIn,
        () => Outcome::CouldNotTell,
    }
}

/// The same finding from several places is one cause.
fn add(list: &mut Vec<Cause>, step: &Step, finding: &Finding, consequences: Vec<String>) {
    match list.iter_mut().find(|cause| cause.finding == *finding) {
        Some(cause) => {
            if !cause.from.contains(&step.from) {
                cause.from.push(step.from.clone());
            }
            for consequence in consequences {
                if !cause.consequences.contains(&consequence) {
                    cause.consequences.push(consequence);
                }
            }
        }
        None => list.push(Cause {
            finding: finding.clone(),
            step: step.name.clone(),
            from: vec![step.from.clone()],
            consequences,
        }),
    }
}

/// The steps that were blocked by these, directly or by way of others.
fn blocked_by(report: &Report, roots: &[&str]) -> Vec<String> {
    let mut blocked: Vec<String> = vec![];
    for step in &report.steps {
        if let Some(StepEnd::Blocked { by }) = &step.end
            && (roots.contains(&by.as_str()) || blocked.contains(by))
        {
            blocked.push(step.name.clone());
        }
    }
    blocked
}
