//! The report as text, for people: readable without colour, each command on a line of its own.

use std::fmt::Write;

use checks::kit::{
    engine::Severity,
    engine::{EventKind, Finding, StepEnd},
    messages::{FilledFix, Lang, Messages},
};
use colored::{ColoredString, Colorize, control};
use serde_json::Value;

use super::{Phrases, whole_words};
use crate::{
    Outcome, Report, StepStatus, Verdict,
    report::{Step, severity},
};

/// How a text is to look.
#[derive(Clone, Copy, Debug)]
pub struct TextOptions {
    /// The language.
    pub lang: Lang,
    /// 1 adds every exchange, 2 what was kept of each answer.
    pub verbose: u8,
    /// With colour.
    pub color: bool,
    /// Prose is wrapped here; commands and links never are, so that they can be pasted.
    pub width: usize,
}

/// Writes the report.
pub fn text(report: &Report, verdict: &Verdict, messages: &Messages, look: TextOptions) -> String {
    let lang = look.lang;
    control::set_override(look.color);
    let mut page = Page {
        report,
        verdict,
        messages,
        lang,
        look,
        phrases: Phrases::load(),
        told: vec![],
        out: String::new(),
    };
    page.header();
    for step in &report.steps {
        page.step(step);
    }
    page.closing();
    page.out
}

/// The one sentence that is true.
pub(super) fn headline(
    report: &Report,
    verdict: &Verdict,
    messages: &Messages,
    lang: Lang,
) -> String {
    let phrases = Phrases::load();
    let title = |finding: &Finding| messages.title(finding, &report.target, lang);
    let registry = report.target.get("registry").and_then(Value::as_str).unwrap_or_default();
    match verdict.can {
        Outcome::Pull => {
            let proof = report.step("layer").map(|step| passed(step, report, messages, lang));
            phrases.say("can-pull", lang, &[("proof", &proof.unwrap_or_default())])
        }
        Outcome::SignIn => phrases.say("can-sign-in", lang, &[("registry", registry)]),
        Outcome::No => {
            let why = verdict.causes.first().map(|cause| title(&cause.finding)).unwrap_or_default();
            let only_sign_in = !report.has_image() && report.target.contains_key("registry");
            let name = if only_sign_in { "cannot-sign-in" } else { "cannot-pull" };
            phrases.say(name, lang, &[("why", &why)])
        }
        Outcome::CouldNotTell => match verdict.could_not_tell.first() {
            Some(cause) => {
                let why = title(&cause.finding);
                phrases.say("verdict-could-not-tell", lang, &[("why", &why)])
            }
            None => match report.steps.iter().find(|step| step.started && step.end.is_none()) {
                Some(step) => phrases.say("cut-short", lang, &[("step", &step.name)]),
                None if report.steps.iter().any(|step| step.end.is_some()) => {
                    phrases.say("not-all-asked", lang, &[])
                }
                None => phrases.say("nothing-asked", lang, &[]),
            },
        },
    }
}

fn passed(step: &Step, report: &Report, messages: &Messages, lang: Lang) -> String {
    match &step.end {
        Some(StepEnd::Passed { saw }) => messages.passed(&step.name, saw, &report.target, lang),
        _ => String::new(),
    }
}

struct Page<'a> {
    report: &'a Report,
    verdict: &'a Verdict,
    messages: &'a Messages,
    lang: Lang,
    look: TextOptions,
    phrases: Phrases,
    /// What was explained already: two steps may find the same.
    told: Vec<Finding>,
    out: String,
}

impl Page<'_> {
    fn line(&mut self, text: &str) {
        self.out.push_str(text.trim_end());
        self.out.push('\n');
    }

    fn say(&self, name: &str) -> String {
        self.phrases.say(name, self.lang, &[])
    }

    fn header(&mut self) {
        let known = |name: &str| self.report.target.get(name).and_then(Value::as_str);
        let mut parts = vec![];
        match known("registry") {
            Some(registry) => parts.push(format!("{} {}", self.say("registry"), registry.bold())),
            None => parts.push(format!(
                "{} {}",
                self.say("asked"),
                known("asked").unwrap_or_default().bold()
            )),
        }
        parts.extend(known("image").map(|image| format!("{} {}", self.say("image"), image.bold())));
        parts.extend(known("image").and(known("platform")).map(str::to_owned));
        let from = self.report.steps.first().map(|step| self.say(&step.from));
        parts.extend(from.map(|from| self.phrases.say("from", self.lang, &[("from", &from)])));
        let who =
            self.report.step("identity").map(|s| passed(s, self.report, self.messages, self.lang));
        let who = who.filter(|who| !who.is_empty());
        parts.extend(who.map(|who| self.phrases.say("as", self.lang, &[("who", &who)])));
        self.line(&parts.join("   "));
    }

    fn step(&mut self, step: &Step) {
        let ended = self.ended(step);
        let took = match (&step.end, step.took_ms) {
            (Some(StepEnd::Passed { .. } | StepEnd::Failed), took) => {
                format!("  {took} ms").dimmed()
            }
            _ => ColoredString::default(),
        };
        let (sign, said) = match (&step.end, ended) {
            (None, _) => return,
            (_, StepStatus::Failed) => ("✗".red().bold(), ColoredString::default()),
            (Some(StepEnd::Skipped { why }), _) => ("–".dimmed(), self.title(why).dimmed()),
            (Some(StepEnd::Blocked { by }), _) => {
                let waits = self.phrases.say("waits", self.lang, &[("by", by)]);
                ("↑".dimmed(), waits.dimmed())
            }
            (Some(StepEnd::CouldNotTell { why }), _) => {
                ("?".yellow(), self.named_as(why, Severity::CouldNotTell))
            }
            _ => ("✓".green(), passed(step, self.report, self.messages, self.lang).normal()),
        };
        let mut findings: Vec<_> = step.findings.iter().filter(|f| self.is_said(f)).collect();
        // The step's own line says the worst of it.
        findings.sort_by_key(|finding| std::cmp::Reverse(severity(self.messages, finding)));
        let mut said = said;
        // A recording may have lost the finding.
        let first =
            (ended == StepStatus::Failed && !findings.is_empty()).then(|| findings.remove(0));
        if let Some(first) = first {
            said = self.named(first);
        }
        self.line(&format!("  {sign} {:11} {said}{took}", step.name));
        if self.look.verbose > 0 {
            self.exchanges(step);
        }
        if let Some(StepEnd::CouldNotTell { why }) = &step.end {
            self.story(why);
        }
        if let Some(first) = first {
            self.story(first);
        }
        for finding in findings {
            let named = self.named(finding);
            self.line(&format!("      {named}"));
            self.story(finding);
        }
    }

    /// A step beside which a cause was found has failed, whatever it handed on.
    fn ended(&self, step: &Step) -> StepStatus {
        match step.ended(self.messages) {
            StepStatus::Passed | StepStatus::Skipped
                if step.findings.iter().any(|f| self.is_cause(f)) =>
            {
                StepStatus::Failed
            }
            ended => ended,
        }
    }

    fn is_cause(&self, finding: &Finding) -> bool {
        self.verdict.causes.iter().any(|cause| cause.finding == *finding)
    }

    /// A hint that explains nothing here is not said.
    fn is_said(&self, finding: &Finding) -> bool {
        severity(self.messages, finding) != Severity::Hint || self.is_cause(finding)
    }

    fn title(&self, finding: &Finding) -> String {
        self.messages.title(finding, &self.report.target, self.lang)
    }

    /// `error[area/variant]: title`
    fn named(&self, finding: &Finding) -> ColoredString {
        // What is a cause is shown as one, however lightly it would weigh alone.
        let is_cause = self.is_cause(finding);
        let severity = if is_cause { Severity::Error } else { severity(self.messages, finding) };
        self.named_as(finding, severity)
    }

    fn named_as(&self, finding: &Finding, severity: Severity) -> ColoredString {
        let (name, title) = (
            match severity {
                Severity::Error => "error",
                Severity::Warning => "warning",
                Severity::CouldNotTell => "could-not-tell",
                Severity::Skip => "skip",
                Severity::Hint => "hint",
            },
            self.title(finding),
        );
        let label = format!("{}[{}]", self.say(name), finding.code);
        let label = match severity {
            Severity::Error => label.red().bold(),
            Severity::Warning | Severity::CouldNotTell => label.yellow().bold(),
            Severity::Skip | Severity::Hint => label.dimmed(),
        };
        format!("{label}: {title}").normal()
    }

    /// What was seen, what it means, what to do.
    fn story(&mut self, finding: &Finding) {
        if self.told.contains(finding) {
            return;
        }
        self.told.push(finding.clone());
        let because = self.verdict.causes.iter().find(|cause| {
            cause.finding.code != finding.code && cause.consequences.contains(&finding.code)
        });
        if let Some(cause) = because {
            let because = self.phrases.say("because", self.lang, &[("code", &cause.finding.code)]);
            self.line(&format!("      {because}"));
            return;
        }
        let target = &self.report.target;
        if let Some(saw) = self.messages.saw(finding, target, self.lang) {
            self.labelled("saw", &saw);
        }
        if let Some(why) = self.messages.why(finding, target, self.lang) {
            self.labelled("why", &why);
        }
        for fix in self.messages.fixes(finding, target, self.lang) {
            self.fix(&fix);
        }
    }

    fn fix(&mut self, fix: &FilledFix) {
        let who = self.say(&fix.who);
        self.labelled("fix", &format!("({who}) {}", fix.text));
        let command = |page: &mut Self, label: &str, text: &Option<String>, changes: bool| {
            let Some(text) = text else { return };
            let sign = if changes { "!" } else { "$" };
            let label = if label.is_empty() { String::new() } else { page.say(label) };
            let line = format!("      {}{sign} {}", pad(&label, 8), text.cyan());
            page.line(&line);
        };
        command(self, "", &fix.run, fix.changes);
        command(self, "verify", &fix.verify, false);
        command(self, "undo", &fix.undo, true);
        for (label, text) in [("takes", &fix.takes), ("docs", &fix.docs)] {
            if let Some(text) = text {
                self.labelled(label, text);
            }
        }
    }

    fn labelled(&mut self, label: &str, text: &str) {
        // A link that is broken in two leads nowhere.
        let width = if label == "docs" { usize::MAX } else { self.look.width.saturating_sub(14) };
        let wrapped = textwrap::wrap(text, whole_words(width));
        for (number, line) in wrapped.iter().enumerate() {
            let label = if number == 0 { self.say(label) } else { String::new() };
            let line = format!("      {}{line}", pad(&label, 8).bold());
            self.line(&line);
        }
    }

    fn exchanges(&mut self, step: &Step) {
        let detailed = self.look.verbose > 1;
        for exchange in &step.exchanges {
            let EventKind::Exchanged { to, request, response, details, took_ms, .. } = exchange
            else {
                continue;
            };
            let response = self.messages.word(response, self.lang);
            let line = format!("        {to}: {request} → {response}  {took_ms} ms");
            self.line(&line.dimmed().to_string());
            for (name, value) in details.iter().filter(|_| detailed) {
                let value = value.as_str().map_or_else(|| value.to_string(), str::to_owned);
                let line = format!("            {} {value}", name.replace('_', "-"));
                self.line(&line.dimmed().to_string());
            }
        }
    }

    fn closing(&mut self) {
        let headline = headline(self.report, self.verdict, self.messages, self.lang);
        let headline = match self.verdict.can {
            Outcome::Pull | Outcome::SignIn => headline.green().bold(),
            Outcome::No => headline.red().bold(),
            Outcome::CouldNotTell => headline.yellow().bold(),
        };
        let count = |ended| {
            self.report.steps.iter().filter(|step| self.ended(step) == ended).count().to_string()
        };
        let (causes, warnings) =
            (self.verdict.causes.len().to_string(), self.verdict.warnings.len().to_string());
        let mut counts = self.phrases.say(
            "counts",
            self.lang,
            &[
                ("causes", &causes),
                ("warnings", &warnings),
                ("passed", &count(StepStatus::Passed)),
                ("failed", &count(StepStatus::Failed)),
                ("blocked", &count(StepStatus::Blocked)),
            ],
        );
        if !self.verdict.could_not_tell.is_empty() {
            let unknown = count(StepStatus::CouldNotTell);
            counts += &self.phrases.say("counts-unknown", self.lang, &[("unknown", &unknown)]);
        }
        self.line(&headline.to_string());
        let mut line = String::new();
        // Writing to a String cannot fail.
        let _ = write!(line, "{counts}");
        let worst = self.verdict.causes.first().or(self.verdict.could_not_tell.first());
        if let Some(cause) = worst.or(self.verdict.warnings.first()) {
            let explain = self.phrases.say("explain", self.lang, &[("code", &cause.finding.code)]);
            let _ = write!(line, "        {explain}");
        }
        self.line(&line.dimmed().to_string());
    }
}

/// Pads by what a terminal shows: a Korean letter is two columns wide.
pub(super) fn pad(text: &str, width: usize) -> String {
    let shown = textwrap::core::display_width(text);
    format!("{text}{}", " ".repeat(width.saturating_sub(shown)))
}
