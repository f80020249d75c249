//! The live progress display: one line for each step on standard error, cleared before the result.

use std::{
    cell::RefCell,
    collections::HashMap,
    io::{IsTerminal, stderr},
    time::Duration,
};

use checks::kit::{
    engine::{Event, EventKind, StepEnd},
    messages::{Lang, Messages},
};
use indicatif::{MultiProgress, ProgressBar, ProgressDrawTarget, ProgressStyle};

use super::terminal::is_dumb;

/// Shows the running steps on a terminal; draws nothing elsewhere.
pub(crate) struct Progress {
    messages: &'static Messages,
    lang: Lang,
    lines: Option<MultiProgress>,
    /// Whether there are several targets, so that each line must name its own.
    many: bool,
    /// Whether to use colour; `NO_COLOR` is looked at by the library itself.
    color: bool,
    steps: RefCell<HashMap<(String, String), ProgressBar>>,
}

impl Progress {
    pub(crate) fn new(messages: &'static Messages, lang: Lang, many: bool, color: bool) -> Self {
        let lines = (stderr().is_terminal() && !is_dumb())
            .then(|| MultiProgress::with_draw_target(ProgressDrawTarget::stderr()));
        Self { messages, lang, lines, many, color, steps: RefCell::default() }
    }

    /// Updates the display for one event.
    pub(crate) fn take(&self, event: &Event) {
        let Some(lines) = &self.lines else { return };
        match &event.kind {
            EventKind::Planned { step, .. } => {
                let line = lines.add(ProgressBar::new_spinner());
                line.set_style(self.style("    {prefix:.dim}"));
                let prefix =
                    if self.many { format!("{step} {}", event.target) } else { step.clone() };
                line.set_prefix(prefix);
                let key = (event.target.clone(), step.clone());
                self.steps.borrow_mut().insert(key, line);
            }
            EventKind::Started { step } => self.line(event, step, |line| {
                let asks =
                    self.messages.steps.get(step).map(|messages| messages.asks.of(self.lang));
                line.set_style(self.style("  {spinner} {prefix:11} {msg} {elapsed:.dim}"));
                line.set_message(asks.unwrap_or_default().to_owned());
                line.enable_steady_tick(Duration::from_millis(100));
            }),
            EventKind::Exchanged { step, to, request, .. } => self.line(event, step, |line| {
                // A background check of the step may go on after the step has ended; it does not
                // change the line.
                if !line.is_finished() {
                    line.set_message(format!("{to}: {request}"));
                }
            }),
            EventKind::Finished { step, end, .. } => self.line(event, step, |line| {
                let sign = match end {
                    StepEnd::Passed { .. } => "✓",
                    StepEnd::Failed => "✗",
                    StepEnd::Skipped { .. } => "–",
                    StepEnd::Blocked { .. } => "↑",
                    StepEnd::CouldNotTell { .. } => "?",
                };
                line.set_style(self.style("  {msg} {prefix}"));
                line.finish_with_message(sign);
            }),
            EventKind::RunStarted { .. } | EventKind::Found { .. } | EventKind::Verdict { .. } => {}
        }
    }

    fn style(&self, template: &str) -> ProgressStyle {
        let plain = template.replace(":.dim", "");
        let style = ProgressStyle::with_template(if self.color { template } else { &plain });
        style.unwrap_or_else(|_| ProgressStyle::default_spinner())
    }

    fn line(&self, event: &Event, step: &str, change: impl FnOnce(&ProgressBar)) {
        if let Some(line) = self.steps.borrow().get(&(event.target.clone(), step.to_owned())) {
            change(line);
        }
    }
}

impl Drop for Progress {
    fn drop(&mut self) {
        // Leftover lines would separate the reader from the result.
        if let Some(lines) = &self.lines {
            let _ = lines.clear();
        }
    }
}
