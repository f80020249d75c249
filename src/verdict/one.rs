//! Reads one view: its causes, their consequences, and the status of each step.

use checks::{
    kit::{
        engine::{Finding, RunProblem, Severity, StepEnd},
        messages::Messages,
    },
    steps,
};
use serde::Serialize;
use serde_json::Value;

use crate::report::{Report, Step, View};

/// Whether the image can be pulled, as far as the evidence goes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Outcome {
    /// Can pull: bytes of a layer were downloaded.
    Pull,
    /// Sign-in worked; no image was given.
    SignIn,
    /// Definitely cannot pull.
    No,
    /// No pod waits for an image: there is nothing to pull.
    NothingWaits,
    /// Could not tell.
    CouldNotTell,
}

impl Outcome {
    /// Returns the word for it in events and JSON.
    pub fn word(self) -> &'static str {
        match self {
            Outcome::Pull => "pull",
            Outcome::SignIn => "sign-in",
            Outcome::No => "no",
            Outcome::NothingWaits => "nothing-waits",
            Outcome::CouldNotTell => "could-not-tell",
        }
    }
}

/// How a step ended, decided here once for every format.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum StepStatus {
    /// ✓ The step returned its fact.
    Passed,
    /// ✗ The step found an error, or a background check of it did.
    Failed,
    /// – The question did not apply, or `--skip` named the step.
    Skipped,
    /// ↑ An earlier step returned no fact.
    Blocked,
    /// ? The step could not tell.
    CouldNotTell,
    /// The step was not requested, or has not ended yet.
    Unfinished,
}

/// A finding that counts in one view, and its consequences.
#[derive(Clone, Debug)]
pub struct Reason<'a> {
    /// The finding.
    pub finding: &'a Finding,
    /// The step that found it.
    pub step: &'a str,
    /// The codes that it explains and the steps that it blocks.
    pub consequences: Vec<&'a str>,
}

/// The reading of one view.
#[derive(Debug)]
pub struct ViewVerdict<'a> {
    /// The outcome at this vantage.
    pub can: Outcome,
    /// The findings that stop the pull, in plan order.
    pub causes: Vec<Reason<'a>>,
    /// The findings that leave the outcome open.
    pub could_not_tell: Vec<Reason<'a>>,
    /// The findings that do not stop the pull now but will later.
    pub warnings: Vec<Reason<'a>>,
    /// The status of each step, in the order of the view.
    pub statuses: Vec<StepStatus>,
}

/// The findings of other views that matter to this one. A finding explains another one only within
/// a view, from Azure's control plane, or from the files of the same node.
#[derive(Default)]
pub(super) struct Context<'a> {
    /// Findings elsewhere that may explain one here.
    pub causes: Vec<&'a Finding>,
    /// Findings elsewhere that one here may explain.
    pub symptoms: Vec<&'a Finding>,
    /// The only step whose findings explain those symptoms; `None` means every step.
    pub explained_by: Option<&'static str>,
}

/// Reads one view.
pub(super) fn read<'a>(
    report: &Report,
    view: &'a View,
    context: &Context<'a>,
    messages: &Messages,
) -> ViewVerdict<'a> {
    let found: Vec<(&str, &Finding)> = view
        .steps
        .iter()
        .flat_map(|step| step.findings.iter().map(|finding| (step.name.as_str(), finding)))
        .collect();
    let mut verdict = ViewVerdict {
        can: Outcome::CouldNotTell,
        causes: vec![],
        could_not_tell: vec![],
        warnings: vec![],
        statuses: vec![],
    };
    let elsewhere =
        |finding: &Finding| context.causes.iter().any(|cause| explains(messages, cause, finding));
    let is_explained = |finding: &Finding| {
        found.iter().any(|(_, cause)| explains(messages, cause, finding)) || elsewhere(finding)
    };
    let undetermined = view.steps.iter().filter_map(|step| match step.end.as_deref() {
        Some(StepEnd::CouldNotTell { why }) => Some((step.name.as_str(), why)),
        _ => None,
    });
    let undetermined: Vec<(&str, &Finding)> = undetermined.collect();
    for (step, finding) in &found {
        if is_explained(finding) {
            continue;
        }
        let symptoms = found.iter().chain(&undetermined);
        let symptoms: Vec<&(&str, &Finding)> =
            symptoms.filter(|(_, other)| explains(messages, finding, other)).collect();
        let reaches = context.explained_by.is_none_or(|only| only == *step);
        let beyond =
            context.symptoms.iter().filter(|other| reaches && explains(messages, finding, other));
        let explained: Vec<&Finding> =
            symptoms.iter().map(|(_, other)| *other).chain(beyond.copied()).collect();
        // A finding weighs as much as the worst that it explains.
        let weight = explained.iter().map(|other| other.severity).chain([finding.severity]).max();
        let list = match weight {
            Some(Severity::Error) => &mut verdict.causes,
            Some(Severity::CouldNotTell) => &mut verdict.could_not_tell,
            Some(Severity::Warning) => &mut verdict.warnings,
            Some(Severity::Hint | Severity::Skip) | None => continue,
        };
        let mut consequences: Vec<&str> =
            explained.iter().map(|other| other.code.as_str()).collect();
        let mut roots: Vec<&str> = symptoms.iter().map(|(step, _)| *step).collect();
        if weight == Some(Severity::Error) {
            roots.push(step);
        }
        consequences.extend(blocked_by(view, &roots));
        add(list, Reason { finding, step, consequences });
    }
    for (step, why) in undetermined {
        if !is_explained(why) {
            let consequences = blocked_by(view, &[step]);
            add(&mut verdict.could_not_tell, Reason { finding: why, step, consequences });
        }
    }
    let error_explained =
        |(_, finding): &(&str, &Finding)| finding.severity == Severity::Error && elsewhere(finding);
    let is_explained_elsewhere = found.iter().any(error_explained);
    let is_cause = |finding: &Finding| {
        let is_here = verdict.causes.iter().any(|cause| cause.finding == finding);
        is_here || (is_explained_elsewhere && elsewhere(finding))
    };
    verdict.statuses = view.steps.iter().map(|step| status(step, is_cause)).collect();
    doubt_other_ways(&mut verdict, report, messages);
    let by_way = is_pulled_on_way(view, &verdict);
    if by_way {
        excuse_registry(&mut verdict);
    }
    verdict.can = if is_explained_elsewhere && !is_way_unknown(&verdict) && !by_way {
        Outcome::No
    } else {
        can(report, view, &verdict)
    };
    verdict
}

/// Keeps causes from being certain where it is not known which way containerd goes: what fails on
/// our way may not be on its own. What a digest names is the same on each way.
fn doubt_other_ways(verdict: &mut ViewVerdict<'_>, report: &Report, messages: &Messages) {
    if is_way_unknown(verdict) && verdict.causes.iter().all(|cause| !is_of_runtime(cause)) {
        let causes = std::mem::take(&mut verdict.causes);
        let is_content = |reason: &Reason<'_>| {
            let entry = messages.entries.get(&reason.finding.code);
            report.is_by_digest() && entry.is_some_and(|entry| entry.any_host)
        };
        let (of_content, others): (Vec<_>, Vec<_>) = causes.into_iter().partition(is_content);
        verdict.causes = of_content;
        verdict.could_not_tell.extend(others);
    }
}

/// Returns whether bytes of a layer came from the hosts that containerd on this node asks, mirrors
/// before the registry.
fn is_pulled_on_way(view: &View, verdict: &ViewVerdict<'_>) -> bool {
    let passed = |step| status_of(view, verdict, step) == Some(StepStatus::Passed);
    passed(steps::RUNTIME) && passed(steps::MIRROR_LAYER) && has_bytes(view, steps::MIRROR_LAYER)
}

/// Returns whether the evidence of a step has bytes of the image: of a layer, or of the config where there
/// is none. What another program reported may say that it passed and no more.
fn has_bytes(view: &View, step: checks::kit::Step) -> bool {
    let end = view.step(step.name).and_then(|step| step.end.as_deref());
    let Some(StepEnd::Passed { saw }) = end else { return false };
    let number = |field: &str| saw.get(field).and_then(Value::as_u64).unwrap_or_default();
    number("bytes") > 0 || (number("layers") == 0 && number("config") > 0)
}

/// Makes warnings of what fails at the registry itself: the image came without it.
fn excuse_registry(verdict: &mut ViewVerdict<'_>) {
    let causes = std::mem::take(&mut verdict.causes);
    let (of_way, others): (Vec<_>, Vec<_>) = causes.into_iter().partition(is_of_runtime);
    verdict.causes = of_way;
    verdict.warnings.splice(0..0, others);
}

/// Returns whether containerd asks mirrors as well, and not every step that follows it has ended.
fn is_way_open(view: &View, verdict: &ViewVerdict<'_>) -> bool {
    let others =
        |end: &StepEnd| matches!(end, StepEnd::Passed { saw } if saw.contains_key("others"));
    let asks_others =
        view.step(steps::RUNTIME.name).and_then(|step| step.end.as_deref()).is_some_and(others);
    let left_out = Finding::from(RunProblem::LeftOut {});
    let is_open = |step: &Step| match step.end.as_deref() {
        Some(StepEnd::Skipped { why }) => *why == left_out,
        Some(StepEnd::Passed { .. } | StepEnd::Failed | StepEnd::CouldNotTell { .. }) => false,
        Some(StepEnd::Blocked { .. }) | None => true,
    };
    let mut following = view.steps.iter().filter(|step| steps::is_of_way(&step.name));
    let is_followed = status_of(view, verdict, steps::MIRROR).is_some();
    asks_others && (!is_followed || following.any(is_open))
}

fn status_of(
    view: &View,
    verdict: &ViewVerdict<'_>,
    wanted: checks::kit::Step,
) -> Option<StepStatus> {
    let place = view.steps.iter().position(|step| step.name == wanted.name)?;
    verdict.statuses.get(place).copied()
}

/// Returns whether it is not known which hosts containerd asks.
pub(super) fn is_way_unknown(verdict: &ViewVerdict<'_>) -> bool {
    verdict.could_not_tell.iter().any(is_of_runtime)
}

/// Returns whether the running containerd may lack what the pull needs. What fails here fails there,
/// too: only a success is in doubt.
fn lacks_maybe(verdict: &ViewVerdict<'_>) -> bool {
    verdict.could_not_tell.iter().any(|reason| reason.step == steps::CONTAINERD.name)
}

/// Returns whether it is not known that the node's resolver gives the addresses that were used here.
fn is_lookup_open(verdict: &ViewVerdict<'_>) -> bool {
    let hosts = [&steps::FRONT, &steps::LAYER_HOST];
    let decides = hosts.map(|of| [of.dns.name, of.tcp.name]).concat();
    verdict.could_not_tell.iter().any(|reason| decides.contains(&reason.step))
}

/// Returns whether it is not known that the node signs in as check-acr did.
fn is_sign_in_open(verdict: &ViewVerdict<'_>) -> bool {
    let decides =
        [steps::KUBELET.name, steps::CHALLENGE.name, steps::IDENTITY.name, steps::EXCHANGE.name];
    verdict.could_not_tell.iter().any(|reason| decides.contains(&reason.step))
}

/// Returns whether it is not known that containerd reads what names the image as check-acr did.
fn is_reading_open(verdict: &ViewVerdict<'_>) -> bool {
    let decides = [steps::MANIFEST.name, steps::PLATFORM.name];
    verdict.could_not_tell.iter().any(|reason| decides.contains(&reason.step))
}

fn is_of_runtime(reason: &Reason<'_>) -> bool {
    steps::is_of_way(reason.step)
}

/// Returns whether one finding is the cause of another. A finding about one host explains nothing
/// about another host, and one about an identity nothing about another identity; areas store them in
/// the evidence `host` and `object_id`.
pub(super) fn explains(messages: &Messages, cause: &Finding, other: &Finding) -> bool {
    let same = |name: &str| {
        let of = |finding: &Finding| finding.evidence.get(name).cloned();
        of(cause).zip(of(other)).is_none_or(|(one, two)| one == two)
    };
    let explained = messages.entries.get(&cause.code).map_or(&[][..], |entry| entry.explains);
    explained.contains(&other.code.as_str()) && same("host") && same("object_id")
}

/// Adds a reason; the same finding of two steps counts once.
fn add<'a>(list: &mut Vec<Reason<'a>>, new: Reason<'a>) {
    let mut new = new;
    if let Some(known) = list.iter_mut().find(|known| known.finding == new.finding) {
        known.consequences.append(&mut new.consequences);
        dedup(&mut known.consequences);
    } else {
        dedup(&mut new.consequences);
        list.push(new);
    }
}

/// Removes repeated entries and keeps the first of each.
fn dedup(names: &mut Vec<&str>) {
    let mut seen = std::collections::BTreeSet::new();
    names.retain(|name| seen.insert(*name));
}

/// Decides how a step ended. A background check may find an error after the step returned its fact;
/// then the step has failed, whatever fact it returned.
fn status(step: &Step, is_cause: impl Fn(&Finding) -> bool) -> StepStatus {
    let fails = |finding: &Finding| finding.severity == Severity::Error || is_cause(finding);
    match step.end.as_deref() {
        None => StepStatus::Unfinished,
        Some(StepEnd::Failed) => StepStatus::Failed,
        Some(StepEnd::Passed { .. }) if step.findings.iter().any(fails) => StepStatus::Failed,
        Some(StepEnd::Skipped { .. }) if step.findings.iter().any(&is_cause) => StepStatus::Failed,
        Some(StepEnd::Passed { .. }) => StepStatus::Passed,
        Some(StepEnd::Skipped { .. }) => StepStatus::Skipped,
        Some(StepEnd::Blocked { .. }) => StepStatus::Blocked,
        Some(StepEnd::CouldNotTell { .. }) => StepStatus::CouldNotTell,
    }
}

/// Decides the outcome. Green needs a positive observation; the absence of causes is not enough.
fn can(report: &Report, view: &View, verdict: &ViewVerdict<'_>) -> Outcome {
    let passed = |wanted| status_of(view, verdict, wanted) == Some(StepStatus::Passed);
    if !verdict.causes.is_empty() {
        Outcome::No
    } else if report.is_scope() && passed(steps::POD) {
        Outcome::NothingWaits
    } else if !report.target.is_empty()
        && !is_way_unknown(verdict)
        && is_pulled_on_way(view, verdict)
    {
        Outcome::Pull
    } else if report.target.is_empty() || verdict.statuses.contains(&StepStatus::Failed) {
        // A recording may have lost its target, which may have been an image, or the finding with
        // which a step failed.
        Outcome::CouldNotTell
    } else if is_way_unknown(verdict)
        || is_sign_in_open(verdict)
        || is_lookup_open(verdict)
        || is_reading_open(verdict)
        || lacks_maybe(verdict)
    {
        Outcome::CouldNotTell
    } else if report.has_image() {
        if passed(steps::LAYER) && has_bytes(view, steps::LAYER) && !is_way_open(view, verdict) {
            Outcome::Pull
        } else {
            Outcome::CouldNotTell
        }
    } else if passed(steps::IMAGE) && passed(steps::TOKEN) {
        Outcome::SignIn
    } else {
        Outcome::CouldNotTell
    }
}

/// Returns the steps that these steps block, directly or through others.
fn blocked_by<'a>(view: &'a View, roots: &[&str]) -> Vec<&'a str> {
    let mut blocked: Vec<&str> = vec![];
    for step in &view.steps {
        if let Some(StepEnd::Blocked { by }) = step.end.as_deref()
            && (roots.contains(&by.as_str()) || blocked.contains(&by.as_str()))
        {
            blocked.push(&step.name);
        }
    }
    blocked
}
