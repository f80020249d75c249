//! What the comparison of the views adds to the verdict: what separates failing from passing nodes,
//! and causes that no single view shows.

use std::{
    borrow::Cow,
    collections::{BTreeMap, HashMap},
};

use checks::{
    compared::{self, Compared, Look, Separator},
    kit::{
        engine::{Severity, StepEnd, Vantage},
        messages::Messages,
    },
};

use super::{
    cause::{Cause, Sighting},
    one::{Outcome, StepStatus, ViewVerdict},
};
use crate::report::{Report, View};

/// A view and its reading.
pub(super) struct Read<'a> {
    pub(super) view: &'a View,
    pub(super) can: Outcome,
}

impl Look for Read<'_> {
    fn vantage(&self) -> &Vantage {
        &self.view.vantage
    }

    fn labels(&self) -> &BTreeMap<String, String> {
        &self.view.labels
    }

    fn can(&self) -> Option<bool> {
        match self.can {
            Outcome::Pull | Outcome::SignIn => Some(true),
            Outcome::No => Some(false),
            Outcome::CouldNotTell | Outcome::NothingWaits => None,
        }
    }

    fn end(&self, step: &str) -> Option<&StepEnd> {
        self.view.step(step)?.end.as_deref()
    }
}

/// Says what separates the views of each cause from those that pull, and adds the causes and the
/// warnings that only the comparison shows.
pub(super) fn compare<'a>(
    report: &'a Report,
    views: &[ViewVerdict<'a>],
    messages: &Messages,
    causes: &mut Vec<Cause<'a>>,
    warnings: &mut Vec<Cause<'a>>,
) {
    if report.views.len() < 2 {
        return;
    }
    let read = |(view, read): (&'a View, &ViewVerdict<'a>)| Read { view, can: read.can };
    let looks: Vec<Read<'_>> = report.views.iter().zip(views).map(read).collect();
    let places: HashMap<&Vantage, usize> =
        report.views.iter().enumerate().map(|(place, view)| (&view.vantage, place)).collect();
    let of = |cause: &Cause<'a>| -> Vec<usize> {
        cause.seen.iter().filter_map(|seen| places.get(seen.vantage).copied()).collect()
    };
    let seen: Vec<(String, Vec<usize>)> =
        causes.iter().map(|cause| (cause.code().to_owned(), of(cause))).collect();
    for (cause, (_, places)) in causes.iter_mut().zip(&seen) {
        cause.separators = compared::separators(&looks, places);
    }
    let codes: Vec<(&str, Vec<usize>)> =
        seen.iter().map(|(code, places)| (code.as_str(), places.clone())).collect();
    for found in compared::compare(&looks, &codes) {
        add(report, messages, found, &looks, causes, warnings);
    }
}

/// Adds a finding of the comparison: as a cause where it explains some, which then follow from it, and
/// otherwise as the warning that it may be.
fn add<'a>(
    report: &'a Report,
    messages: &Messages,
    found: Compared,
    looks: &[Read<'_>],
    causes: &mut Vec<Cause<'a>>,
    warnings: &mut Vec<Cause<'a>>,
) {
    let Compared { finding, step, seen: places, workloads } = found;
    let entry = messages.entries.get(&finding.code);
    let explained = entry.map(|entry| entry.explains).unwrap_or_default();
    let severity = finding.severity;
    let separators: Vec<Separator> = compared::separators(looks, &places);
    let vantages: Vec<&'a Vantage> =
        places.iter().filter_map(|place| Some(&report.views.get(*place)?.vantage)).collect();
    let seen =
        vantages.iter().map(|vantage| Sighting { vantage, finding: Cow::Owned(finding.clone()) });
    let (seen, consequences) = (seen.collect(), vec![]);
    let mut cause = Cause { step, seen, consequences, separators, workloads };
    let follows = |other: &Cause<'a>| {
        explained.contains(&other.code())
            && other.seen.iter().all(|seen| vantages.contains(&seen.vantage))
    };
    let Some(first) = causes.iter().position(follows) else {
        if severity == Severity::Warning && !cause.seen.is_empty() {
            // The finding itself says what separates them.
            cause.separators.clear();
            warnings.push(cause);
        }
        return;
    };
    let (following, mut others): (Vec<_>, Vec<_>) = causes.drain(..).partition(follows);
    for follower in following {
        if let Some(code) = explained.iter().find(|code| **code == follower.code()) {
            cause.consequences.push(code);
        }
        cause.consequences.extend(follower.consequences);
    }
    others.insert(first.min(others.len()), cause);
    *causes = others;
}

/// The steps of a few views side by side.
#[derive(Debug)]
pub struct SideBySide {
    /// The places of the views.
    pub views: Vec<usize>,
    /// Each step with its status in each of the views; nothing where a view has no such step.
    pub rows: Vec<(String, Vec<Option<StepStatus>>)>,
    /// The first step that passed in one of them and failed in another.
    pub first_difference: Option<String>,
}

/// Lays a view from here, one from a node and one from a pod on that node side by side, as far as
/// there are such views: of the nodes, the first that fails. Nodes alone are not compared so.
pub(super) fn side_by_side(report: &Report, views: &[ViewVerdict<'_>]) -> Option<SideBySide> {
    let of = |wanted: &dyn Fn(&Vantage) -> bool| {
        let places = report.views.iter().zip(views).enumerate();
        let mut places: Vec<(usize, Outcome)> = places
            .filter(|(_, (view, _))| wanted(&view.vantage))
            .map(|(place, (_, read))| (place, read.can))
            .collect();
        places.sort_by_key(|(place, can)| (*can != Outcome::No, *place));
        places.first().map(|(place, _)| *place)
    };
    let here = of(&|vantage| *vantage == Vantage::Here);
    let node = of(&|vantage| matches!(vantage, Vantage::Node(_)));
    let name = node.and_then(|node| report.views[node].vantage.node());
    let pod = of(&|vantage| match vantage {
        Vantage::PodNetwork(pod) => name.is_none_or(|name| name == pod),
        _ => false,
    });
    let places: Vec<usize> = [here, node, pod].into_iter().flatten().collect();
    if places.len() < 2 {
        return None;
    }
    let mut names: Vec<&str> = vec![];
    for place in &places {
        for step in &report.views[*place].steps {
            if !names.contains(&step.name.as_str()) {
                names.push(&step.name);
            }
        }
    }
    let order = |name: &str| checks::steps::names().position(|known| known == name);
    names.sort_by_key(|name| order(name).unwrap_or(usize::MAX));
    let status = |place: usize, name: &str| {
        let at = report.views[place].steps.iter().position(|step| step.name == name)?;
        views[place].statuses.get(at).copied()
    };
    let rows: Vec<(String, Vec<Option<StepStatus>>)> = names
        .iter()
        .map(|name| {
            let of = places.iter().map(|place| status(*place, name));
            ((*name).to_owned(), of.collect())
        })
        .collect();
    let differs = |of: &[Option<StepStatus>]| {
        let bad = [Some(StepStatus::Failed), Some(StepStatus::CouldNotTell)];
        of.contains(&Some(StepStatus::Passed)) && of.iter().any(|status| bad.contains(status))
    };
    let first = rows.iter().find(|(_, of)| differs(of)).map(|(name, _)| name.clone());
    Some(SideBySide { views: places, rows, first_difference: first })
}
