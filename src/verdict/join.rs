//! Compares the views of one target: vantages with the same cause share it, and nothing is green
//! unless it is green everywhere.

use std::{borrow::Cow, collections::HashMap};

use checks::{
    kit::{
        engine::{Finding, StepEnd, Vantage},
        messages::Messages,
    },
    steps,
};

use super::cause::{Cause, Sighting};
use super::compare::{SideBySide, compare, side_by_side};
use super::manifests::{self, Joined};
use super::one::{Context, Outcome, Reason, ViewVerdict, explains, is_way_unknown, read};
use super::waiting::{not_of_nodes, not_of_pods, of_pods};
use crate::{
    exit::Exit,
    report::{Report, Step, View},
};

/// The conclusions from the report of one target.
#[derive(Debug)]
pub struct Verdict<'a> {
    /// The outcome over all views.
    pub can: Outcome,
    /// The findings that stop the pull.
    pub causes: Vec<Cause<'a>>,
    /// The findings that leave the outcome open.
    pub could_not_tell: Vec<Cause<'a>>,
    /// The findings that do not stop the pull now but will later.
    pub warnings: Vec<Cause<'a>>,
    /// The reading of each view, in report order.
    pub views: Vec<ViewVerdict<'a>>,
    /// This machine, a node and a pod on it side by side, where several of these looked.
    pub side_by_side: Option<SideBySide>,
    /// The places of the views that have causes which may explain what others see: of thousands hardly any.
    explaining: Vec<usize>,
}

/// Selects one list of findings from a view's reading.
type List = for<'v, 'a> fn(&'v ViewVerdict<'a>) -> &'v [Reason<'a>];

impl<'a> Verdict<'a> {
    /// Joins the views of a report.
    pub fn of(report: &'a Report, messages: &Messages) -> Self {
        let views: Vec<ViewVerdict<'a>> = contexts(report)
            .iter()
            .zip(&report.views)
            .map(|(context, view)| read(report, view, context, messages))
            .collect();
        let lists = |list: List| {
            let mut joined = join(report, &views, list);
            // Which way containerd goes comes first, then what explains the first symptom; a stable
            // sort keeps the plan's order.
            let is_of_way = |cause: &Cause<'_>| steps::is_of_way(cause.step);
            joined.sort_by_key(|cause| (!is_of_way(cause), first_symptom(report, cause)));
            joined
        };
        let can = can(report, &views);
        let (mut causes, mut warnings) = (lists(|view| &view.causes), lists(|view| &view.warnings));
        compare(report, &views, messages, &mut causes, &mut warnings);
        // Bytes in hand outrank what the control plane says: a role that is gone still works from a
        // cache, so what it reports will fail later.
        if matches!(can, Outcome::Pull | Outcome::SignIn) {
            warnings.splice(0..0, causes.drain(..));
        }
        let mut could_not_tell = lists(|view| &view.could_not_tell);
        // Another host than the registry may serve the image, whatever the control plane says.
        if can == Outcome::CouldNotTell && views.iter().any(is_way_unknown) {
            could_not_tell.append(&mut causes);
        }
        let of_pods = of_pods(report, &views);
        let mut is_settled = false;
        if let Some(pods) = report.pods() {
            if pods.are_never_pulled() {
                // Whether a pull would work is nothing to pods that never pull.
                (causes, could_not_tell, warnings) = (vec![], vec![], vec![]);
            }
            could_not_tell.extend(not_of_nodes(&mut causes, messages));
            let had = causes.len();
            not_of_pods(&mut causes, &mut could_not_tell, &pods);
            is_settled = causes.len() > had;
        }
        // What the control plane knows settles what was open from the cluster.
        for cause in &mut causes {
            let is_explained =
                |open: &mut Cause<'_>| explains(messages, cause.finding(), open.finding());
            let explained: Vec<Cause<'a>> = could_not_tell.extract_if(.., is_explained).collect();
            cause.consequences.extend(explained.into_iter().flat_map(|open| open.consequences));
        }
        let mut can = match of_pods.can {
            _ if is_settled => Outcome::No,
            _ if !causes.is_empty() => can,
            None if can == Outcome::No => Outcome::CouldNotTell,
            of_pods => of_pods.unwrap_or(can),
        };
        let is_new = |cause: &Cause<'_>| causes.iter().all(|known| known.code() != cause.code());
        let new: Vec<Cause<'a>> = of_pods.causes.into_iter().filter(is_new).collect();
        causes.extend(new);
        could_not_tell.extend(of_pods.could_not_tell);
        warnings.extend(of_pods.warnings);
        manifests::add(
            report,
            &mut Joined {
                causes: &mut causes,
                could_not_tell: &mut could_not_tell,
                warnings: &mut warnings,
                can: &mut can,
            },
        );
        let side_by_side = side_by_side(report, &views);
        let explaining = report.views.iter().zip(&views).enumerate().filter(|(_, (view, read))| {
            let is_of_azure = view.vantage == Vantage::Azure;
            read.causes.iter().any(|reason| is_of_azure || reason.step == steps::KUBELET.name)
        });
        let explaining = explaining.map(|(place, _)| place).collect();
        Self { can, causes, could_not_tell, warnings, views, side_by_side, explaining }
    }

    /// Returns the causes in other views that explain a finding of this one: causes in the control
    /// plane, and in the files of the node that a pod runs on.
    pub fn causes_beyond(
        &self,
        report: &'a Report,
        view: &View,
    ) -> impl Iterator<Item = &Reason<'a>> {
        let views =
            self.explaining.iter().map(|place| (&report.views[*place], &self.views[*place]));
        let pod_on = match &view.vantage {
            Vantage::PodNetwork(node) => Some(Vantage::Node(node.clone())),
            _ => None,
        };
        let is_azure = view.vantage == Vantage::Azure;
        views.flat_map(move |(other, read)| {
            let of_azure = !is_azure && other.vantage == Vantage::Azure;
            let of_node = pod_on.as_ref() == Some(&other.vantage);
            let counts = move |reason: &&Reason<'a>| {
                of_azure || (of_node && reason.step == steps::KUBELET.name)
            };
            read.causes.iter().filter(counts)
        })
    }

    /// Returns how the program exits for this target; a warning may count as a failure.
    pub fn exit(&self, fail_on_warning: bool) -> Exit {
        match self.can {
            Outcome::No => Exit::Cannot,
            Outcome::CouldNotTell => Exit::CouldNotTell,
            Outcome::Pull | Outcome::SignIn | Outcome::NothingWaits
                if fail_on_warning && !self.warnings.is_empty() =>
            {
                Exit::Cannot
            }
            Outcome::Pull | Outcome::SignIn | Outcome::NothingWaits => Exit::Can,
        }
    }
}

/// Returns the place, in the plan of those who pull, of the first step in which a cause shows itself;
/// what shows itself nowhere comes last.
fn first_symptom(report: &Report, cause: &Cause<'_>) -> usize {
    let pulling = report.views.iter().filter(|view| view.vantage.pulls());
    let shows = |step: &Step| {
        let why = match step.end.as_deref() {
            Some(StepEnd::CouldNotTell { why }) => Some(why),
            _ => None,
        };
        let mut codes = step.findings.iter().chain(why).map(|finding| finding.code.as_str());
        codes.any(|code| code == cause.code() || cause.consequences.contains(&code))
    };
    let places = pulling.filter_map(|view| view.steps.iter().position(shows));
    places.min().unwrap_or(usize::MAX)
}

/// Joins the outcomes. The control plane pulls nothing, so it can only say why a pull fails; but where
/// admission refuses the pods of an image, no node is ever asked to pull it for them.
fn can(report: &Report, views: &[ViewVerdict<'_>]) -> Outcome {
    let pulls = |view: &View| view.vantage.pulls();
    let outcomes = || report.views.iter().zip(views).map(|(view, read)| (pulls(view), read.can));
    let mut pulling = outcomes().filter_map(|(pulls, can)| pulls.then_some(can));
    let first = pulling.next();
    let is_doubted = views.iter().any(is_way_unknown);
    // Refused, or given another image than the one that was looked at.
    let is_of_policy = |reason: &Reason<'_>| reason.step == steps::POLICY.name;
    let is_refused =
        views.iter().any(|view| view.causes.iter().chain(&view.could_not_tell).any(is_of_policy));
    let are_alike = pulling.all(|can| Some(can) == first);
    match first {
        Some(green @ (Outcome::Pull | Outcome::SignIn)) if are_alike && !is_refused => green,
        _ if outcomes().any(|(pulls, can)| can == Outcome::No && (pulls || !is_doubted)) => {
            Outcome::No
        }
        None if outcomes().any(|(_, can)| can == Outcome::NothingWaits) => Outcome::NothingWaits,
        _ => Outcome::CouldNotTell,
    }
}

/// Joins findings with equal code and step. A view may report a code twice with different evidence:
/// its first joins the first of the other views, its second the second.
fn join<'a>(report: &'a Report, views: &[ViewVerdict<'a>], list: List) -> Vec<Cause<'a>> {
    let mut joined: Vec<Cause<'a>> = vec![];
    let mut places: HashMap<(&str, &str, usize), usize> = HashMap::new();
    for (view, verdict) in report.views.iter().zip(views) {
        let mut counts: HashMap<(&str, &str), usize> = HashMap::new();
        for reason in list(verdict) {
            let code = reason.finding.code.as_str();
            let count = counts.entry((code, reason.step)).or_default();
            let key = (code, reason.step, *count);
            *count += 1;
            let sighting =
                Sighting { vantage: &view.vantage, finding: Cow::Borrowed(reason.finding) };
            if let Some(place) = places.get(&key) {
                let cause = &mut joined[*place];
                cause.seen.push(sighting);
                for consequence in &reason.consequences {
                    if !cause.consequences.contains(consequence) {
                        cause.consequences.push(consequence);
                    }
                }
            } else {
                places.insert(key, joined.len());
                let consequences = reason.consequences.clone();
                let (step, seen) = (reason.step, vec![sighting]);
                joined.push(Cause {
                    step,
                    seen,
                    consequences,
                    separators: vec![],
                    workloads: None,
                });
            }
        }
    }
    joined
}

/// Returns for each view the findings of other views that matter to it.
fn contexts<'a>(report: &'a Report) -> Vec<Context<'a>> {
    let findings = |view: &'a View| {
        view.steps.iter().flat_map(|step| &step.findings).collect::<Vec<&Finding>>()
    };
    let undetermined = |view: &'a View| {
        view.steps.iter().filter_map(|step| match step.end.as_deref() {
            Some(StepEnd::CouldNotTell { why }) => Some(why),
            _ => None,
        })
    };
    if report.views.len() == 1 {
        return vec![Context::default()];
    }
    let azure = report.views.iter().filter(|view| view.vantage == Vantage::Azure);
    let azure: Vec<&Finding> = azure.flat_map(findings).collect();
    // A finding in a node's own files explains the symptoms of a pod on it.
    let mut of_files: HashMap<&str, Vec<&Finding>> = HashMap::new();
    let mut of_pods: HashMap<&str, Vec<&Finding>> = HashMap::new();
    for view in &report.views {
        match &view.vantage {
            Vantage::Node(node) => {
                let kubelet = view.step(steps::KUBELET.name);
                of_files.entry(node).or_default().extend(kubelet.iter().flat_map(|s| &s.findings));
            }
            Vantage::PodNetwork(node) => of_pods.entry(node).or_default().extend(findings(view)),
            Vantage::Here | Vantage::Azure | Vantage::Kubernetes => {}
        }
    }
    let of = |map: &HashMap<&str, Vec<&'a Finding>>, node: &str| {
        map.get(node).cloned().unwrap_or_default()
    };
    let context = |view: &'a View| match &view.vantage {
        Vantage::Azure => {
            let others = || report.views.iter().filter(|view| view.vantage.pulls());
            let symptoms = others().flat_map(findings).chain(others().flat_map(undetermined));
            let symptoms = symptoms.collect();
            Context { causes: vec![], symptoms, explained_by: None }
        }
        Vantage::Here => Context { causes: azure.clone(), ..Context::default() },
        Vantage::Kubernetes => Context::default(),
        Vantage::Node(node) => Context {
            causes: azure.clone(),
            symptoms: of(&of_pods, node),
            explained_by: Some(steps::KUBELET.name),
        },
        Vantage::PodNetwork(node) => {
            let causes = [of(&of_files, node), azure.clone()].concat();
            Context { causes, ..Context::default() }
        }
    };
    report.views.iter().map(context).collect()
}
