//! The report as one JSON document. `docs/report.schema.json` describes it.

use checks::kit::{
    engine::Severity,
    engine::{Finding, StepEnd},
    messages::{Lang, Messages},
};
use serde_json::{Value, json as value};

use super::text::headline;
use crate::{Report, StepStatus, Verdict, report::Step, verdict::Cause};

/// The version of the document.
const VERSION: u8 = 1;

/// The document.
pub fn json(report: &Report, verdict: &Verdict, messages: &Messages, lang: Lang) -> Value {
    let page = Page { report, messages, lang };
    let causes = |causes: &[Cause], severity| {
        causes.iter().map(|one| page.cause(one, severity)).collect::<Vec<_>>()
    };
    value!({
        "v": VERSION,
        "target": report.target,
        "verdict": {
            "can": verdict.can,
            "headline": headline(report, verdict, messages, lang),
            "causes": causes(&verdict.causes, Severity::Error),
            "could_not_tell": causes(&verdict.could_not_tell, Severity::CouldNotTell),
            "warnings": causes(&verdict.warnings, Severity::Warning),
        },
        "steps": report.steps.iter().filter(|step| step.end.is_some()).map(|step| page.step(step)).collect::<Vec<_>>(),
        "tool": { "version": report.tool },
    })
}

struct Page<'a> {
    report: &'a Report,
    messages: &'a Messages,
    lang: Lang,
}

impl Page<'_> {
    /// As it weighs here: what explains an error is one, and what stopped a step that could not tell is not.
    fn cause(&self, cause: &Cause, severity: Severity) -> Value {
        let entry = self.messages.entries.get(&cause.finding.code);
        value!({
            "code": cause.finding.code,
            "severity": severity,
            "modes": entry.map(|entry| entry.modes).unwrap_or_default(),
            "title": self.messages.title(&cause.finding, &self.report.target, self.lang),
            "why": self.messages.why(&cause.finding, &self.report.target, self.lang),
            "evidence": cause.finding.evidence,
            "step": cause.step,
            "from": cause.from,
            "fixes": self.messages.fixes(&cause.finding, &self.report.target, self.lang),
            "consequences": cause.consequences,
        })
    }

    fn step(&self, step: &Step) -> Value {
        let asks = self.messages.steps.get(&step.name).map(|messages| messages.asks.of(self.lang));
        let failed = step.ended(self.messages) == StepStatus::Failed;
        let (end, more) = match &step.end {
            _ if failed => ("failed", None),
            Some(StepEnd::Passed { saw }) => ("passed", Some(("saw", value!(saw)))),
            Some(StepEnd::Failed) => ("failed", None),
            Some(StepEnd::Skipped { why }) => ("skipped", Some(("why", self.reason(why)))),
            Some(StepEnd::Blocked { by }) => ("blocked", Some(("by", value!(by)))),
            Some(StepEnd::CouldNotTell { why }) => {
                ("could-not-tell", Some(("why", self.reason(why))))
            }
            None => ("unfinished", None),
        };
        let mut shown = value!({
            "name": step.name,
            "asks": asks,
            "after": step.after,
            "from": step.from,
            "end": end,
            "took_ms": step.took_ms,
            "findings": step.findings,
        });
        if let Some((name, more)) = more {
            shown[name] = more;
        }
        shown
    }

    fn reason(&self, why: &Finding) -> Value {
        value!({
            "code": why.code,
            "title": self.messages.title(why, &self.report.target, self.lang),
            "evidence": why.evidence,
        })
    }
}
