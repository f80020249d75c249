//! Resolves a run into its presentation: fills every text and decides every status, in one
//! language.

use checks::{
    kit::{
        engine::{Finding, Severity, StepEnd, Vantage},
        kube::ImagePods,
        messages::{Lang, Messages, word},
    },
    steps,
};

use jiff::Timestamp;
use serde_json::{Map, Value};

use super::{
    CausePage, FindingPage, OWN_NAME, Presentation, StepPage, TargetPage, Told, ViewPage,
    cluster::{ClusterFlags, call_by},
    credentials, groups,
    headline::headline,
};
use crate::{
    exit::Exit,
    phrases::Phrase,
    report::{Report, Run, Step, View},
    verdict::{Cause, Reason, Sighting, StepStatus, Verdict, ViewVerdict},
};

impl Presentation {
    /// Resolves a run. A warning counts as a failure if `--fail-on warning` asks for it.
    pub fn of(run: &Run, messages: &Messages, lang: Lang, fail_on_warning: bool) -> Self {
        Self::called(OWN_NAME, run, (messages, lang), fail_on_warning)
    }

    /// Resolves a run for a user who calls this program by that name.
    pub fn called(
        called: &'static str,
        run: &Run,
        (messages, lang): (&Messages, Lang),
        fail_on_warning: bool,
    ) -> Self {
        let started_at = run.time.map(|(first, _)| first);
        let present = |report: &Report| {
            let values = Self::values(&report.target, started_at);
            Presenter { report, called, values, messages, lang }.target(fail_on_warning)
        };
        let targets: Vec<TargetPage> = run.reports.iter().map(present).collect();
        let exit = if run.interrupted {
            Exit::Interrupted
        } else {
            joined(targets.iter().map(|target| target.exit))
        };
        let took = run.time.map_or(0, |(first, last)| last.duration_since(first).as_millis());
        Self {
            called,
            lang,
            exit,
            tool: run.tool.clone(),
            started_at,
            took_ms: u64::try_from(took).unwrap_or_default(),
            groups: groups::of(&targets),
            targets,
        }
    }

    /// Returns what texts and commands may name of a target: what was understood of it, a name that is not
    /// in use yet, for what a fix creates, and where an image that is built again is pushed to.
    pub fn values(
        target: &Map<String, Value>,
        started_at: Option<Timestamp>,
    ) -> Map<String, Value> {
        let mut values = target.clone();
        if target.contains_key("scope") {
            // The flags alone repeat a look at a cluster.
            values.insert("asked".to_owned(), Value::Array(vec![]));
        }
        let fresh = started_at.map(|at| at.strftime("check-acr-%Y%m%d-%H%M%S").to_string());
        let text = |name: &str| target.get(name)?.as_str();
        let mut more = vec![];
        match (text("registry"), text("repository"), text("reference")) {
            // A digest names one image for good: another can only be pushed beside it.
            (Some(registry), Some(repository), Some(digest)) if digest.contains(':') => {
                let pinned = format!("{}…", digest.chars().take(PINNED).collect::<String>());
                let push_to = fresh.as_ref().map(|tag| format!("{registry}/{repository}:{tag}"));
                more.extend([("pinned", Some(pinned)), ("push_to", push_to)]);
            }
            (_, _, Some(_)) => {
                let asked = text("asked").map(str::to_owned);
                more.extend([("push_to", asked.clone()), ("replaced", asked)]);
            }
            _ => {}
        }
        more.push(("fresh", fresh));
        // The command whose permissions a run needs.
        let is_of_pods =
            ["scope", "pods", "looked_at"].iter().any(|name| target.contains_key(*name));
        more.push(("rbac", Some(if is_of_pods { "why" } else { "node" }.to_owned())));
        values.extend(
            more.into_iter().filter_map(|(name, value)| Some((name.into(), value?.into()))),
        );
        values
    }
}

/// Joins the exit codes of several targets: a definite failure outranks *could not tell*.
fn joined(exits: impl Iterator<Item = Exit>) -> Exit {
    let worst = exits.max_by_key(|exit| match exit {
        Exit::Cannot => 2,
        Exit::CouldNotTell => 1,
        _ => 0,
    });
    worst.unwrap_or(Exit::CouldNotTell)
}

/// How much of a digest a text shows: its algorithm, and as much as `docker images` shows.
const PINNED: usize = "sha256:".len() + 12;

/// Resolves one report.
struct Presenter<'a> {
    report: &'a Report,
    called: &'static str,
    /// What texts and commands may name.
    values: Map<String, Value>,
    messages: &'a Messages,
    lang: Lang,
}

impl Presenter<'_> {
    fn target(&self, fail_on_warning: bool) -> TargetPage {
        let mut verdict = Verdict::of(self.report, self.messages);
        let side_by_side = verdict.side_by_side.take();
        let views = self.report.views.iter().zip(&verdict.views);
        let pages = |causes: &[Cause<'_>], severity| {
            causes.iter().map(|cause| self.cause(cause, severity)).collect::<Vec<_>>()
        };
        let mut page = TargetPage {
            id: self.report.id.clone(),
            target: self.report.target.clone(),
            can: verdict.can,
            exit: verdict.exit(fail_on_warning),
            headline: String::new(),
            causes: pages(&verdict.causes, Severity::Error),
            could_not_tell: pages(&verdict.could_not_tell, Severity::CouldNotTell),
            warnings: pages(&verdict.warnings, Severity::Warning),
            views: views.map(|(view, read)| self.view(view, read, &verdict)).collect(),
            side_by_side,
            credentials: vec![],
        };
        if let Some(pods) = self.report.pods().filter(ImagePods::are_planned) {
            page.credentials = credentials::of(&page, &pods, pods.workloads.iter());
        }
        page.headline = headline(&page, self.lang);
        page
    }

    /// Returns what is told of a finding that was made on a node of that name, if on any.
    fn told(&self, finding: &Finding, severity: Severity, node: Option<&str>) -> Told {
        let mut target = self.values.clone();
        target.extend(node.map(|node| ("node".to_owned(), node.into())));
        let target = &target;
        let entry = self.messages.entries.get(&finding.code);
        let mut fixes = self.messages.fixes(finding, target, self.lang);
        let cluster = ClusterFlags::of(target);
        for fix in &mut fixes {
            if finding.code.starts_with("pod/")
                && let Some(verify) = fix.verify.as_mut()
                && let Some(again) = self.manifests_again()
            {
                *verify = again;
            }
            cluster.add_to(fix);
            call_by(self.called, fix);
        }
        Told {
            code: finding.code.clone(),
            severity,
            modes: entry.map(|entry| entry.modes).unwrap_or_default(),
            title: self.messages.title(finding, target, self.lang),
            saw: self.messages.saw(finding, target, self.lang),
            why: self.messages.why(finding, target, self.lang),
            fixes,
            evidence: finding.evidence.clone(),
        }
    }

    /// Returns the command that looks at the manifests again, where the run began from some that can be read
    /// again: their pods are in no cluster.
    fn manifests_again(&self) -> Option<String> {
        let again = self.report.uses()?.again;
        // An option of this program is no value, which must not look like one.
        let is_option = |one: &str| {
            one.starts_with('-') && one.chars().all(|c| c.is_ascii_lowercase() || "-A".contains(c))
        };
        let shown = |one: &String| if is_option(one) { Some(one.clone()) } else { word(one) };
        let words: Option<Vec<String>> = again.iter().map(shown).collect();
        words
            .filter(|words| !words.is_empty())
            .map(|words| format!("{OWN_NAME} {}", words.join(" ")))
    }

    fn cause(&self, cause: &Cause<'_>, severity: Severity) -> CausePage {
        let seen = |seen: &Sighting<'_>| (seen.vantage.clone(), seen.finding.evidence.clone());
        CausePage {
            told: self.told(cause.finding(), severity, self.node_of(cause)),
            step: cause.step.to_owned(),
            seen: cause.seen.iter().map(seen).collect(),
            consequences: cause.consequences.iter().map(|&name| name.to_owned()).collect(),
            separators: cause.separators.clone(),
            workloads: cause.workloads.clone(),
        }
    }

    /// Returns the name of the first node that has a cause.
    fn node_of(&self, cause: &Cause<'_>) -> Option<&str> {
        let mut views = self.report.views.iter();
        let first = cause.seen.first()?;
        views.find(|view| view.vantage == *first.vantage).and_then(node)
    }

    fn view(&self, view: &View, read: &ViewVerdict<'_>, verdict: &Verdict<'_>) -> ViewPage {
        let causes: Vec<&Reason<'_>> =
            read.causes.iter().chain(verdict.causes_beyond(self.report, view)).collect();
        let steps = view.steps.iter().zip(&read.statuses);
        let signs_in = if view.vantage == Vantage::Azure { steps::ARM } else { steps::IDENTITY };
        let identity = view.step(signs_in.name).map(|step| self.head(step));
        ViewPage {
            from: view.vantage.clone(),
            host: view.host.clone(),
            labels: view.labels.clone(),
            identity: identity.filter(|identity| !identity.is_empty()),
            can: read.can,
            steps: steps
                .map(|(step, status)| self.step(step, *status, &causes, node(view)))
                .collect(),
        }
    }

    fn step(
        &self,
        step: &Step,
        status: StepStatus,
        causes: &[&Reason<'_>],
        node: Option<&str>,
    ) -> StepPage {
        let (mut reason, mut by, mut said) = (None, None, String::new());
        match step.end.as_deref() {
            Some(StepEnd::Passed { .. }) if status == StepStatus::Passed => {
                said = self.passed(step);
            }
            Some(StepEnd::Blocked { by: step }) => {
                said = Phrase::Waits.say(self.lang, &[("by", step)]);
                by = Some(step.clone());
            }
            Some(StepEnd::Skipped { why }) => {
                reason = Some(Box::new(self.told(why, Severity::Skip, node)));
            }
            Some(StepEnd::CouldNotTell { why }) => {
                reason = Some(Box::new(self.told(why, Severity::CouldNotTell, node)));
            }
            Some(StepEnd::Passed { .. } | StepEnd::Failed) | None => {}
        }
        if let Some(reason) = &reason {
            said.clone_from(&reason.title);
        }
        let mut findings: Vec<FindingPage> =
            step.findings.iter().map(|finding| self.finding(finding, causes, node)).collect();
        // The step's own line already shows its worst finding.
        findings.sort_by_key(|finding| std::cmp::Reverse(finding.told.severity));
        let asks = self.messages.steps.get(&step.name);
        let mut page = StepPage {
            name: step.name.clone(),
            asks: asks.map(|step| step.asks.of(self.lang).to_owned()),
            after: step.after.clone(),
            end: step.end.clone(),
            status,
            is_cut_short: step.started && step.end.is_none(),
            said,
            is_news: false,
            took_ms: step.took_ms,
            by,
            reason,
            findings,
            exchanges: step.exchanges.clone(),
        };
        let news = asks.and_then(|asks| asks.shown).zip(page.saw());
        page.is_news = news.is_some_and(|(name, saw)| saw.contains_key(name));
        page
    }

    fn finding(
        &self,
        finding: &Finding,
        causes: &[&Reason<'_>],
        node: Option<&str>,
    ) -> FindingPage {
        let is_cause = causes.iter().any(|cause| cause.finding == finding);
        let severity = if is_cause { Severity::Error } else { finding.severity };
        let explains = |cause: &&&Reason<'_>| {
            cause.finding.code != finding.code
                && cause.consequences.contains(&finding.code.as_str())
        };
        // One of two findings with the same code may be about another host: then it is a cause itself.
        let because = causes.iter().filter(|_| !is_cause).find(explains);
        FindingPage {
            told: self.told(finding, severity, node),
            because: because.map(|cause| cause.finding.code.clone()),
        }
    }

    fn head(&self, step: &Step) -> String {
        let say = |saw| self.messages.head(&step.name, &[saw, &self.values], self.lang);
        proof(step).map(say).unwrap_or_default()
    }

    fn passed(&self, step: &Step) -> String {
        let say = |saw| self.messages.passed(&step.name, &[saw, &self.values], self.lang);
        proof(step).map(say).unwrap_or_default()
    }
}

/// Returns the name of the node that a view is from: the name of its host, where a check runs on one.
fn node(view: &View) -> Option<&str> {
    view.vantage.node().or(view.host.as_deref())
}

/// Returns what a step that passed saw.
fn proof(step: &Step) -> Option<&Map<String, Value>> {
    match step.end.as_deref() {
        Some(StepEnd::Passed { saw }) => Some(saw),
        _ => None,
    }
}
