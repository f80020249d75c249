//! What the pods that wait for the image add to the verdict.

use std::borrow::Cow;

use checks::{
    compared::Compared,
    kit::{
        engine::{Finding, Severity, Vantage},
        kube::ImagePods,
        messages::Messages,
    },
    steps,
    waiting::{self, Instead},
};

use super::{
    cause::{Cause, Sighting},
    compare::Read,
    one::{Outcome, ViewVerdict},
};
use crate::report::Report;

/// What they add.
#[derive(Default)]
pub(super) struct OfPods<'a> {
    pub(super) causes: Vec<Cause<'a>>,
    pub(super) could_not_tell: Vec<Cause<'a>>,
    pub(super) warnings: Vec<Cause<'a>>,
    /// The outcome, where it is another one because of them.
    pub(super) can: Option<Outcome>,
}

/// Takes away the causes that only this machine saw, where the pods are on nodes: these have another
/// network and sign in as somebody else. What is wrong with the image itself is so everywhere.
pub(super) fn not_of_nodes<'a>(causes: &mut Vec<Cause<'a>>, messages: &Messages) -> Vec<Cause<'a>> {
    let is_content = |code: &str| messages.entries.get(code).is_some_and(|entry| entry.any_host);
    let is_of_node = |cause: &Cause<'_>| {
        cause.step == steps::IMAGE.name
            || is_content(cause.code())
            || cause.seen.iter().any(|seen| *seen.vantage != Vantage::Here)
    };
    let (kept, open) = std::mem::take(causes).into_iter().partition(is_of_node);
    *causes = kept;
    open
}

/// Puts what is known of the pods' own credentials in the place of what depends on who signs in, where
/// the pods sign in otherwise than their node: a credential that is wrong is the cause, and where one is
/// not known or would do, nothing is certain.
pub(super) fn not_of_pods<'a>(
    causes: &mut Vec<Cause<'a>>,
    could_not_tell: &mut Vec<Cause<'a>>,
    pods: &ImagePods,
) {
    let mut sorted = Sorted::default();
    let known = std::mem::take(causes).into_iter().map(|cause| (true, cause));
    let known = known.chain(std::mem::take(could_not_tell).into_iter().map(|one| (false, one)));
    for (is_certain, cause) in known.collect::<Vec<_>>() {
        let nodes: Vec<&str> = cause.seen.iter().filter_map(|seen| seen.vantage.node()).collect();
        let parts = waiting::instead(pods, (cause.step, &cause.seen[0].finding), &nodes);
        if parts.is_empty() {
            sorted.keep(is_certain, cause);
            continue;
        }
        let is_whole = parts.len() == 1;
        for Instead { finding, workloads } in parts {
            let workloads = Some(workloads).filter(|_| !is_whole);
            let of_these = Cause { workloads, ..cause.clone() };
            // Of pods that are not there yet, what is open is told beside what their nodes lack.
            let is_told = |it: &Finding| {
                let is_open = it.severity == Severity::CouldNotTell;
                is_certain || if pods.are_planned() { is_open } else { waiting::takes_over(it) }
            };
            match finding.filter(is_told) {
                Some(finding) => sorted.replace(of_these, &finding),
                None => sorted.keep(is_certain, of_these),
            }
        }
    }
    (*causes, *could_not_tell) = (sorted.certain, sorted.open);
}

/// The causes, and what is open.
#[derive(Default)]
struct Sorted<'a> {
    certain: Vec<Cause<'a>>,
    open: Vec<Cause<'a>>,
}

impl<'a> Sorted<'a> {
    fn keep(&mut self, is_certain: bool, cause: Cause<'a>) {
        let list = if is_certain { &mut self.certain } else { &mut self.open };
        // Of the parts of one cause those that keep it stay one.
        let is_same =
            |known: &&mut Cause<'a>| known.code() == cause.code() && known.step == cause.step;
        let known = list.iter_mut().find(is_same).and_then(|known| known.workloads.as_mut());
        if let (Some(known), Some(more)) = (known, &cause.workloads) {
            known.extend(more);
        } else {
            list.push(cause);
        }
    }

    /// Puts what is found of the pods into the place of what their nodes saw.
    fn replace(&mut self, cause: Cause<'a>, finding: &Finding) {
        let is_wrong = finding.severity == Severity::Error;
        let takes_over = waiting::takes_over(finding);
        let code = match &cause.seen[0].finding {
            Cow::Borrowed(finding) => Some(finding.code.as_str()),
            Cow::Owned(_) => None,
        };
        let mut consequences = cause.consequences.clone();
        consequences.splice(0..0, code.filter(|_| takes_over));
        let into = if is_wrong { &mut self.certain } else { &mut self.open };
        match into.iter_mut().find(|known| known.code() == finding.code) {
            Some(known) => {
                known.consequences.extend(consequences);
                match (&mut known.workloads, &cause.workloads) {
                    (Some(known), Some(more)) => known.extend(more),
                    (known, _) => *known = None,
                }
            }
            None => {
                let sighting = |seen: &Sighting<'a>| Sighting {
                    vantage: seen.vantage,
                    finding: Cow::Owned(finding.clone()),
                };
                let (step, seen) = (steps::POD.name, cause.seen.iter().map(sighting).collect());
                let workloads = cause.workloads.clone();
                into.push(Cause { step, seen, consequences, separators: vec![], workloads });
            }
        }
        if !takes_over {
            self.open.push(cause);
        }
    }
}

/// Reads the pods of a report.
pub(super) fn of_pods<'a>(report: &'a Report, views: &[ViewVerdict<'a>]) -> OfPods<'a> {
    let mut added = OfPods::default();
    // No node need look at a name that no runtime accepts.
    let is_image = report.has_image();
    let Some(pods) = report.pods().filter(|_| is_image) else { return added };
    let looks: Vec<Read<'_>> = report
        .views
        .iter()
        .zip(views)
        .map(|(view, verdict)| Read { view, can: verdict.can })
        .collect();
    for Compared { finding, step, seen, workloads } in waiting::read(&pods, &looks) {
        let vantages = seen.iter().filter_map(|place| Some(&report.views.get(*place)?.vantage));
        let severity = finding.severity;
        let seen: Vec<Sighting<'a>> = vantages
            .map(|vantage| Sighting { vantage, finding: Cow::Owned(finding.clone()) })
            .collect();
        if seen.is_empty() {
            continue;
        }
        let cause = Cause { step, seen, consequences: vec![], separators: vec![], workloads };
        match severity {
            Severity::Error => {
                added.can = Some(Outcome::No);
                added.causes.push(cause);
            }
            Severity::CouldNotTell => {
                // What is certain of some nodes stays so.
                let fails = views.iter().any(|view| view.can == Outcome::No);
                added.can = added.can.or((!fails).then_some(Outcome::CouldNotTell));
                added.could_not_tell.push(cause);
            }
            Severity::Warning => added.warnings.push(cause),
            Severity::Hint | Severity::Skip => {}
        }
    }
    added
}
