//! The report as text, for people: what passed in a line, what failed with its evidence, the
//! verdict, and under it what to do.

use checks::kit::{
    engine::{EventKind, Severity, Vantage},
    messages::{Lang, Messages},
};
use colored::{ColoredString, Colorize, control};
use serde_json::Value;

use super::{
    guidance::{Shown, first_fix, guidance},
    paper::{Paper, time, unbroken},
};
use crate::{
    args::output::FixForm,
    phrases::Phrase,
    present::{CausePage, FindingPage, Presentation, StepPage, TargetPage, Told, ViewPage},
    verdict::{Outcome, StepStatus},
};

/// Where the text of a row begins: behind its sign and the name of its step.
pub(super) const ROW: usize = 16;
/// Where the evidence of a row stands at the first glance: most of it then takes one line.
const BELOW: usize = 4;

/// The options of the text format.
#[derive(Clone, Copy, Debug)]
pub struct TextOptions {
    /// 1 adds every step, exchange and fix, 2 what was kept of each answer.
    pub verbose: u8,
    /// The verdict and the first fix alone.
    pub quiet: bool,
    /// The form of the fixes.
    pub fix_as: FixForm,
    /// With colour.
    pub color: bool,
    /// Text is wrapped here. Commands are broken where a shell allows it; links never are.
    pub width: usize,
}

/// Writes the report.
pub fn text(presentation: &Presentation, messages: &Messages, options: TextOptions) -> String {
    control::set_override(options.color);
    let lang = presentation.lang;
    let paper = Paper::new(options.width);
    let called = presentation.called;
    let mut page = Page { messages, lang, called, options, told: vec![], paper };
    if let Some(groups) = presentation.groups.as_ref().filter(|page| page.is_shown()) {
        page.groups(groups);
        // What each node saw of each image comes behind.
        if options.verbose == 0 {
            return page.paper.into_text();
        }
    }
    for target in &presentation.targets {
        page.paper.gap();
        page.told.clear();
        page.target(target);
    }
    page.paper.into_text()
}

pub(super) struct Page<'a> {
    pub(super) messages: &'a Messages,
    pub(super) lang: Lang,
    /// What the user types to call this program.
    pub(super) called: &'static str,
    pub(super) options: TextOptions,
    /// What was shown already: two steps may find the same.
    told: Vec<Told>,
    pub(super) paper: Paper,
}

impl Page<'_> {
    pub(super) fn say(&self, phrase: Phrase) -> &'static str {
        phrase.text(self.lang)
    }

    /// Returns what is shown of each entry of a fix.
    pub(super) fn shown(&self) -> Shown {
        let (form, all) = (self.options.fix_as, self.options.verbose > 0);
        Shown { form, all, called: self.called }
    }

    fn target(&mut self, target: &TargetPage) {
        if self.options.quiet {
            self.verdict(target);
            let worst = target.causes.first().or(target.could_not_tell.first());
            if let Some(cause) = worst.or(target.warnings.first()) {
                first_fix(&mut self.paper, &cause.told, self.lang, self.options.fix_as);
            }
            return;
        }
        self.header(target);
        let is_azure = |view: &&ViewPage| !view.from.pulls();
        match target.views.iter().filter(|view| !is_azure(view)).collect::<Vec<_>>()[..] {
            [view] => {
                self.view(view);
                target.views.iter().filter(is_azure).for_each(|view| self.azure(view));
            }
            // Nobody pulled: the cluster or Azure says why.
            [] if !target.views.is_empty() => {
                self.view(&target.views[0]);
                target.views.iter().skip(1).for_each(|view| self.azure(view));
            }
            _ => self.views(target),
        }
        self.credentials(&target.credentials, 2);
        self.paper.gap();
        self.verdict(target);
        self.closing(target);
    }

    fn header(&mut self, target: &TargetPage) {
        let asked = target.asked();
        let platform = target.text("platform").filter(|_| target.text("image").is_some());
        // A node's platform is its own, whatever this machine's is.
        let is_here = |view: &ViewPage| view.from == Vantage::Here;
        let assumed = target.text("assumed_platform").filter(|_| target.views.iter().any(is_here));
        let head = match (platform, assumed) {
            (Some(_), Some(platform)) => {
                let assumed = Phrase::Assumed.say(self.lang, &[("platform", platform)]);
                format!("{asked}   {assumed}")
            }
            (Some(platform), None) => format!("{asked}   {platform}"),
            (None, _) => asked,
        };
        self.paper.hang("", 0, &head, |line| line.bold());
        if let Some(tag) = target.text("assumed_tag") {
            let line = Phrase::AssumedTag.say(self.lang, &[("tag", tag)]);
            self.paper.hang("", 0, &line, |line| line.normal());
        }
        let places = target.target.get("named_at").and_then(Value::as_array);
        let places: Vec<&str> = places.into_iter().flatten().filter_map(Value::as_str).collect();
        if !places.is_empty() {
            let line = Phrase::NamedAt.say(self.lang, &[("places", &places.join("; "))]);
            self.paper.hang("", 0, &line, |line| line.normal());
        }
        let mut pulling = target.views.iter().filter(|view| view.from.pulls());
        if let (Some(view), None) = (pulling.next(), pulling.next()) {
            self.from(view);
        }
    }

    fn from(&mut self, view: &ViewPage) {
        let from = self.place(&view.from);
        let mut line = Phrase::From.say(self.lang, &[("from", &from)]);
        if let Some(who) = &view.identity {
            line += ", ";
            line += &Phrase::As.say(self.lang, &[("who", who)]);
        }
        self.paper.hang("", 0, &line, |line| line.normal());
    }

    /// Writes the steps of one view.
    fn view(&mut self, view: &ViewPage) {
        if self.options.verbose > 0 {
            view.steps.iter().for_each(|step| self.step(step, &[]));
        } else {
            self.folded(view);
        }
    }

    /// Writes what the control plane told, if it was asked.
    fn azure(&mut self, view: &ViewPage) {
        // That the cluster was asked, and let us in, is no news.
        let is_cluster = view.from == Vantage::Kubernetes;
        let idle = |step: &StepPage| {
            matches!(step.status, StepStatus::Skipped | StepStatus::Unfinished)
                || (is_cluster && step.status == StepStatus::Passed && step.findings.is_empty())
        };
        if self.options.verbose == 0 && view.steps.iter().all(idle) {
            return;
        }
        let line = match &view.identity {
            Some(who) => Phrase::ControlPlaneAs.say(self.lang, &[("who", who)]),
            None => self.place(&view.from),
        };
        self.paper.hang("", 0, &line, |line| line.normal());
        self.view(view);
    }

    pub(super) fn place(&self, vantage: &Vantage) -> String {
        match vantage {
            Vantage::Here => self.say(Phrase::Here).to_owned(),
            Vantage::Azure => self.say(Phrase::ControlPlane).to_owned(),
            Vantage::Kubernetes => self.say(Phrase::ClusterApi).to_owned(),
            other => other.to_string(),
        }
    }

    pub(super) fn row(&mut self, sign: &ColoredString, name: &str, text: &str) {
        self.paper.hang(&format!("  {sign} {name}"), ROW, text, |line| line.normal());
    }

    pub(super) fn below(&mut self, text: &str) {
        let indent = if self.options.verbose > 0 { ROW } else { BELOW };
        self.paper.hang("", indent, text, |line| line.normal());
    }

    /// Writes a step, and behind its code the steps that fail only because of it.
    pub(super) fn step(&mut self, step: &StepPage, followers: &[&str]) {
        let (sign, said) = match step.status {
            StepStatus::Unfinished => return,
            StepStatus::Failed => ("✗".red().bold(), String::new()),
            StepStatus::Skipped => ("–".dimmed(), step.said.clone()),
            StepStatus::Blocked => ("↑".dimmed(), step.said.clone()),
            StepStatus::CouldNotTell => {
                let code = step.reason.as_ref().map(|why| why.code.clone());
                ("?".yellow(), code.unwrap_or_default())
            }
            StepStatus::Passed => {
                let took =
                    if step.took_ms == 0 { String::new() } else { unbroken(&time(step.took_ms)) };
                ("✓".green(), format!("{}  {took}", step.said))
            }
        };
        // A hint that explains nothing here is left out.
        let findings = step.findings.iter().filter(|found| found.told.severity != Severity::Hint);
        let mut findings: Vec<_> = findings.collect();
        // A truncated recording may lack the finding.
        let failed = step.status == StepStatus::Failed && !findings.is_empty();
        let first = failed.then(|| findings.remove(0));
        let mut said = first.map_or(said, |first| self.code_of(first));
        if !followers.is_empty() {
            let steps = followers.join(" ");
            said = Phrase::SoFails.say(self.lang, &[("code", &said), ("steps", &steps)]);
        }
        self.row(&sign, &step.name, said.trim_end());
        if self.options.verbose > 0 {
            self.exchanges(step);
        }
        if let (StepStatus::CouldNotTell, Some(why)) = (step.status, &step.reason) {
            self.evidence(why);
        }
        if let Some(first) = first.filter(|first| first.because.is_none()) {
            self.evidence(&first.told);
        }
        self.findings(step, findings.into_iter());
    }

    /// What a step found besides the reason of its end.
    pub(super) fn findings<'f>(
        &mut self,
        step: &StepPage,
        findings: impl Iterator<Item = &'f FindingPage>,
    ) {
        for finding in findings.filter(|found| found.told.severity != Severity::Hint) {
            self.row(&"!".yellow(), &step.name, &self.code_of(finding));
            if finding.because.is_none() {
                self.evidence(&finding.told);
            }
        }
    }

    /// The code, or the cause from which the finding follows.
    fn code_of(&self, finding: &FindingPage) -> String {
        let code = &finding.told.code;
        match &finding.because {
            Some(cause) => Phrase::Because.say(self.lang, &[("code", cause)]),
            None => code.clone(),
        }
    }

    /// What was seen, once; of what has no part in the verdict also the plain fact.
    pub(super) fn evidence(&mut self, told: &Told) {
        let same = |known: &Told| known.code == told.code && known.evidence == told.evidence;
        if self.told.iter().any(same) {
            return;
        }
        self.told.push(told.clone());
        if self.options.verbose > 0 {
            self.below(&told.title);
        }
        if let Some(saw) = &told.saw {
            self.below(saw);
        }
        // Only for a support request.
        let id = told.evidence.get("correlation").and_then(Value::as_str);
        let is_new = |id: &&str| !told.saw.as_ref().is_some_and(|saw| saw.contains(id));
        if let Some(id) = id.filter(is_new).filter(|_| self.options.verbose > 0) {
            self.below(&Phrase::Correlation.say(self.lang, &[("id", id)]));
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
            let line = format!("{to}: {request} → {response}  {}", unbroken(&time(*took_ms)));
            self.paper.hang("", ROW, &line, |line| line.dimmed());
            for (name, value) in details.iter().filter(|_| detailed) {
                let value = value.as_str().map_or_else(|| value.to_string(), str::to_owned);
                let line = format!("{} {value}", name.replace('_', "-"));
                self.paper.hang("", ROW + 2, &line, |line| line.dimmed());
            }
        }
    }

    fn verdict(&mut self, target: &TargetPage) {
        let paint = |line: &str| match target.can {
            Outcome::Pull | Outcome::SignIn | Outcome::NothingWaits => line.green().bold(),
            Outcome::No => line.red().bold(),
            Outcome::CouldNotTell => line.yellow().bold(),
        };
        self.paper.hang("", 0, &target.headline, paint);
    }

    /// Writes what each cause, and then each warning, means and what to do about it.
    fn closing(&mut self, target: &TargetPage) {
        // The headline has the title of the first of those that decide.
        let first = match target.can {
            Outcome::No => target.causes.first(),
            Outcome::CouldNotTell => target.could_not_tell.first(),
            Outcome::Pull | Outcome::SignIn | Outcome::NothingWaits => None,
        };
        for cause in
            [&target.causes, &target.could_not_tell, &target.warnings].into_iter().flatten()
        {
            let is_first = first.is_some_and(|first| std::ptr::eq(first, cause));
            self.cause(cause, is_first);
        }
    }

    fn cause(&mut self, cause: &CausePage, is_first: bool) {
        let told = &cause.told;
        if !is_first {
            let label = self.say(Phrase::of(told.severity));
            let values = [("label", label), ("title", told.title.as_str())];
            let line = Phrase::Labelled.say(self.lang, &values);
            self.paper.gap();
            self.paper.hang("", 0, &line, |line| line.yellow().bold());
        }
        if let Some(why) = &told.why {
            self.paper.hang("", 0, why, |line| line.normal());
        }
        if !told.fixes.is_empty() && (told.why.is_some() || !is_first) {
            self.paper.gap();
        }
        let shown = self.shown();
        guidance(&mut self.paper, told, self.lang, shown);
    }
}
