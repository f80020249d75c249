//! The report as text for people: readable without colour, with each command on its own line.

use checks::kit::{
    engine::{EventKind, Severity, Vantage},
    messages::{FilledFix, Lang, Messages},
};
use colored::{ColoredString, Colorize, control};

use super::{
    phrases::Phrase,
    terminal::{pad, whole_words},
};
use crate::{
    present::{CausePage, Presentation, StepPage, TargetPage, Told, ViewPage},
    verdict::{Outcome, StepStatus},
};

/// How many of the places that saw the same finding are named.
const MAX_NAMED: usize = 5;

/// The options of the text format.
#[derive(Clone, Copy, Debug)]
pub struct TextOptions {
    /// 1 adds every exchange, 2 the recorded details of each response.
    pub verbose: u8,
    /// Whether to use colour.
    pub color: bool,
    /// The width at which prose wraps. Commands and links never wrap, so that they can be pasted.
    pub width: usize,
}

/// Writes the report.
pub fn text(presentation: &Presentation, messages: &Messages, options: TextOptions) -> String {
    control::set_override(options.color);
    let lang = presentation.lang;
    let mut page = Page { messages, lang, options, told: vec![], out: String::new() };
    for (number, target) in presentation.targets.iter().enumerate() {
        if number > 0 {
            page.line("");
        }
        page.told.clear();
        page.target(target);
    }
    page.out
}

struct Page<'a> {
    messages: &'a Messages,
    lang: Lang,
    options: TextOptions,
    /// The codes that were already explained: two steps may report the same one.
    told: Vec<Told>,
    out: String,
}

impl Page<'_> {
    fn line(&mut self, text: &str) {
        self.out.push_str(text.trim_end());
        self.out.push('\n');
    }

    fn say(&self, phrase: Phrase) -> &'static str {
        phrase.text(self.lang)
    }

    fn target(&mut self, target: &TargetPage) {
        self.header(target);
        match &target.views[..] {
            [view] => view.steps.iter().for_each(|step| self.step(step)),
            _ => self.views(target),
        }
        self.closing(target);
    }

    fn header(&mut self, target: &TargetPage) {
        let mut parts = vec![];
        match target.text("registry") {
            Some(registry) => {
                parts.push(format!("{} {}", self.say(Phrase::Registry), registry.bold()));
            }
            None => parts.push(format!("{} {}", self.say(Phrase::Asked), target.id.bold())),
        }
        if let Some(image) = target.text("image") {
            parts.push(format!("{} {}", self.say(Phrase::Image), image.bold()));
            parts.extend(target.text("platform").map(str::to_owned));
        }
        if let [view] = &target.views[..] {
            let from = self.place(&view.from);
            parts.push(Phrase::From.say(self.lang, &[("from", &from)]));
            let who = view.identity.iter();
            parts.extend(who.map(|who| Phrase::As.say(self.lang, &[("who", who)])));
        }
        self.line(&parts.join("   "));
    }

    fn place(&self, vantage: &Vantage) -> String {
        match vantage {
            Vantage::Here => self.say(Phrase::Here).to_owned(),
            other => other.to_string(),
        }
    }

    /// Names the first of the places and counts the rest.
    fn places<'v>(&self, vantages: impl Iterator<Item = &'v Vantage>) -> String {
        let all: Vec<&Vantage> = vantages.collect();
        let named: Vec<String> = all.iter().take(MAX_NAMED).map(|v| self.place(v)).collect();
        let named = named.join(", ");
        match all.len().saturating_sub(MAX_NAMED) {
            0 => named,
            more => {
                Phrase::AndMore.say(self.lang, &[("list", &named), ("count", &more.to_string())])
            }
        }
    }

    /// Writes several views: each finding once, with the vantages that saw it.
    fn views(&mut self, target: &TargetPage) {
        let good = |view: &&ViewPage| matches!(view.can, Outcome::Pull | Outcome::SignIn);
        let passed: Vec<&ViewPage> = target.views.iter().filter(good).collect();
        if !passed.is_empty() {
            let from = self.places(passed.iter().map(|view| &view.from));
            let (count, all) = (passed.len().to_string(), target.views.len().to_string());
            let values = [("count", count.as_str()), ("all", &all), ("from", &from)];
            let line = Phrase::ViewsPass.say(self.lang, &values);
            self.line(&format!("  {} {line}", "✓".green()));
        }
        for (sign, causes) in [
            ("✗".red().bold(), &target.causes),
            ("?".yellow(), &target.could_not_tell),
            ("!".yellow(), &target.warnings),
        ] {
            causes.iter().for_each(|cause| self.cause(&sign, cause));
        }
    }

    fn cause(&mut self, sign: &ColoredString, cause: &CausePage) {
        let named = self.named(&cause.told);
        self.line(&format!("  {sign} {:11} {named}", cause.step));
        let from = self.places(cause.seen.iter().map(|(vantage, _)| vantage));
        self.line(&format!("      {}", Phrase::SeenFrom.say(self.lang, &[("from", &from)])));
        self.story(&cause.told, None);
    }

    fn step(&mut self, step: &StepPage) {
        let took = match step.status {
            StepStatus::Passed | StepStatus::Failed if step.reason.is_none() => {
                format!("  {} ms", step.took_ms).dimmed()
            }
            _ => ColoredString::default(),
        };
        let (sign, said) = match step.status {
            StepStatus::Unfinished => return,
            StepStatus::Failed => ("✗".red().bold(), ColoredString::default()),
            StepStatus::Skipped => ("–".dimmed(), step.said.dimmed()),
            StepStatus::Blocked => ("↑".dimmed(), step.said.dimmed()),
            StepStatus::CouldNotTell => {
                ("?".yellow(), step.reason.as_ref().map(|why| self.named(why)).unwrap_or_default())
            }
            StepStatus::Passed => ("✓".green(), step.said.normal()),
        };
        // A hint that explains nothing here is left out.
        let findings = step.findings.iter().filter(|found| found.told.severity != Severity::Hint);
        let mut findings: Vec<_> = findings.collect();
        // A truncated recording may lack the finding.
        let failed = step.status == StepStatus::Failed && !findings.is_empty();
        let first = failed.then(|| findings.remove(0));
        let said = first.map_or(said, |first| self.named(&first.told));
        self.line(&format!("  {sign} {:11} {said}{took}", step.name));
        if self.options.verbose > 0 {
            self.exchanges(step);
        }
        if let (StepStatus::CouldNotTell, Some(why)) = (step.status, &step.reason) {
            self.story(why, None);
        }
        if let Some(first) = first {
            self.story(&first.told, first.because.as_deref());
        }
        for finding in findings {
            let named = self.named(&finding.told);
            self.line(&format!("      {named}"));
            self.story(&finding.told, finding.because.as_deref());
        }
    }

    /// `error[area/variant]: title`
    fn named(&self, told: &Told) -> ColoredString {
        let label = format!("{}[{}]", self.say(severity_phrase(told.severity)), told.code);
        let label = match told.severity {
            Severity::Error => label.red().bold(),
            Severity::Warning | Severity::CouldNotTell => label.yellow().bold(),
            Severity::Skip | Severity::Hint => label.dimmed(),
        };
        format!("{label}: {}", told.title).normal()
    }

    /// Writes what was seen, what it means and what to do.
    fn story(&mut self, told: &Told, because: Option<&str>) {
        let same = |known: &Told| known.code == told.code && known.evidence == told.evidence;
        if self.told.iter().any(same) {
            return;
        }
        self.told.push(told.clone());
        if let Some(code) = because {
            let because = Phrase::Because.say(self.lang, &[("code", code)]);
            self.line(&format!("      {because}"));
            return;
        }
        if let Some(saw) = &told.saw {
            self.labelled(Phrase::Saw, saw);
        }
        if let Some(why) = &told.why {
            self.labelled(Phrase::Why, why);
        }
        told.fixes.iter().for_each(|fix| self.fix(fix));
    }

    fn fix(&mut self, fix: &FilledFix) {
        let who = Phrase::named(&fix.who).map_or(fix.who.as_str(), |who| self.say(who));
        self.labelled(Phrase::Fix, &format!("({who}) {}", fix.text));
        for (label, command, changes) in [
            (None, &fix.run, fix.changes),
            (Some(Phrase::Verify), &fix.verify, false),
            (Some(Phrase::Undo), &fix.undo, true),
        ] {
            if let Some(command) = command {
                let sign = if changes { "!" } else { "$" };
                let label = label.map(|label| self.say(label)).unwrap_or_default();
                let line = format!("      {}{sign} {}", pad(label, 8), command.cyan());
                self.line(&line);
            }
        }
        for (label, text) in [(Phrase::Takes, &fix.takes), (Phrase::Docs, &fix.docs)] {
            if let Some(text) = text {
                self.labelled(label, text);
            }
        }
    }

    fn labelled(&mut self, label: Phrase, text: &str) {
        // A link that is broken in two does not work.
        let width = match label {
            Phrase::Docs => usize::MAX,
            _ => self.options.width.saturating_sub(14),
        };
        let wrapped = textwrap::wrap(text, whole_words(width));
        for (number, line) in wrapped.iter().enumerate() {
            let label = if number == 0 { self.say(label) } else { "" };
            let line = format!("      {}{line}", pad(label, 8).bold());
            self.line(&line);
        }
    }

    fn exchanges(&mut self, step: &StepPage) {
        let detailed = self.options.verbose > 1;
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

    fn closing(&mut self, target: &TargetPage) {
        let headline = match target.can {
            Outcome::Pull | Outcome::SignIn => target.headline.green().bold(),
            Outcome::No => target.headline.red().bold(),
            Outcome::CouldNotTell => target.headline.yellow().bold(),
        };
        self.line(&headline.to_string());
        let count =
            |status| target.views.iter().map(|view| view.count(status)).sum::<usize>().to_string();
        let values = [
            ("causes", target.causes.len().to_string()),
            ("warnings", target.warnings.len().to_string()),
            ("passed", count(StepStatus::Passed)),
            ("failed", count(StepStatus::Failed)),
            ("blocked", count(StepStatus::Blocked)),
            ("unknown", count(StepStatus::CouldNotTell)),
        ];
        let values: Vec<(&str, &str)> = values.iter().map(|(n, v)| (*n, v.as_str())).collect();
        let mut line = Phrase::Counts.say(self.lang, &values);
        if !target.could_not_tell.is_empty() {
            line += &Phrase::CountsUnknown.say(self.lang, &values);
        }
        let worst = target.causes.first().or(target.could_not_tell.first());
        if let Some(cause) = worst.or(target.warnings.first()) {
            line += "        ";
            line += &Phrase::Explain.say(self.lang, &[("code", &cause.told.code)]);
        }
        self.line(&line.dimmed().to_string());
    }
}

/// Returns the label of a severity.
pub(super) fn severity_phrase(severity: Severity) -> Phrase {
    match severity {
        Severity::Error => Phrase::Error,
        Severity::Warning => Phrase::Warning,
        Severity::CouldNotTell => Phrase::CouldNotTell,
        Severity::Skip => Phrase::Skip,
        Severity::Hint => Phrase::Hint,
    }
}
