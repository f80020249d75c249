//! A view at the first glance: what passed in a line, what went wrong, and what was not run in a line.

use std::collections::BTreeSet;

use checks::kit::engine::Severity;
use colored::{ColoredString, Colorize};

use super::{
    terminal::cut_at_word,
    text::{Page, ROW},
};
use crate::{
    phrases::Phrase,
    present::{StepPage, ViewPage},
    verdict::StepStatus,
};

impl Page<'_> {
    /// One view at the first glance: what passed and what was not run in a line each, and in between
    /// what went wrong. What does not apply here is no news.
    pub(super) fn folded(&mut self, view: &ViewPage) {
        self.fold(view, StepStatus::Passed, &"✓".green(), Phrase::Passed);
        self.follow(view);
        for step in view.steps.iter().filter(|step| followed(step).is_none()) {
            let is_quiet = matches!(
                step.status,
                StepStatus::Skipped | StepStatus::Blocked | StepStatus::Unfinished
            );
            let is_passed = step.status == StepStatus::Passed && !step.is_news;
            if is_passed || is_quiet {
                self.findings(step, step.findings.iter());
            } else {
                self.step(step, &followers(view, step));
            }
        }
        self.fold(view, StepStatus::Blocked, &"↑".dimmed(), Phrase::NotRun);
    }

    fn fold(&mut self, view: &ViewPage, status: StepStatus, sign: &ColoredString, phrase: Phrase) {
        let names = view.steps.iter().filter(|step| step.status == status);
        let names: Vec<&str> = names.map(|step| step.name.as_str()).collect();
        if !names.is_empty() {
            let count = phrase.say(self.lang, &[("count", &names.len().to_string())]);
            let room = self.options.width.saturating_sub(ROW);
            self.row(sign, &count, &cut_at_word(&names.join(" "), room));
        }
    }

    /// Writes the steps that failed only because of one and the same cause in another view.
    fn follow(&mut self, view: &ViewPage) {
        let here = |cause: &str| view.steps.iter().any(|step| shown_code(step) == Some(cause));
        let following = view.steps.iter().filter_map(|step| Some((step, followed(step)?)));
        let following: Vec<(&StepPage, &str)> = following.filter(|(_, of)| !here(of)).collect();
        for cause in following.iter().map(|(_, cause)| cause).collect::<BTreeSet<_>>() {
            let names = following.iter().filter(|(_, of)| of == cause);
            let names: Vec<&str> = names.map(|(step, _)| step.name.as_str()).collect();
            let count = names.len().to_string();
            let count = Phrase::Failed.say(self.lang, &[("count", &count)]);
            let because = Phrase::Because.say(self.lang, &[("code", cause)]);
            self.row(&"✗".red().bold(), &count, &format!("{} ({because})", names.join(" ")));
        }
    }
}

/// Returns the code in the row of a failed step that is a cause.
fn shown_code(step: &StepPage) -> Option<&str> {
    let failed = step.status == StepStatus::Failed;
    let findings = step.findings.iter().filter(|found| found.told.severity != Severity::Hint);
    let first = findings.take(1).find(|found| failed && found.because.is_none());
    first.map(|found| found.told.code.as_str())
}

/// Returns the steps that failed only because of what this step found.
fn followers<'v>(view: &'v ViewPage, step: &StepPage) -> Vec<&'v str> {
    let Some(cause) = shown_code(step) else { return vec![] };
    let following = view.steps.iter().filter(|step| followed(step) == Some(cause));
    following.map(|step| step.name.as_str()).collect()
}

/// Returns the cause elsewhere from which all findings of a failed step follow.
fn followed(step: &StepPage) -> Option<&str> {
    let failed = step.status == StepStatus::Failed;
    let mut causes = step.findings.iter().map(|found| found.because.as_deref());
    let first = causes.next().filter(|_| failed)??;
    causes.all(|cause| cause == Some(first)).then_some(first)
}
