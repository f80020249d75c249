//! What the manifests that name the image add to the verdict: where no pod pulls, a pull decides nothing, and
//! neither does a refusal of other credentials than those of the pods.

use std::borrow::Cow;

use checks::{
    kit::{engine::Finding, target::ManifestUses},
    manifested, steps, waiting,
};

use super::{
    cause::{Cause, Sighting},
    one::Outcome,
};
use crate::report::{Report, View};

/// What counts over all views, as it is joined.
pub(super) struct Joined<'v, 'a> {
    pub(super) causes: &'v mut Vec<Cause<'a>>,
    pub(super) could_not_tell: &'v mut Vec<Cause<'a>>,
    pub(super) warnings: &'v mut Vec<Cause<'a>>,
    pub(super) can: &'v mut Outcome,
}

/// Adds what manifests say of those who name the image.
pub(super) fn add<'a>(report: &'a Report, joined: &mut Joined<'_, 'a>) {
    let Some(uses) = report.uses() else { return };
    of_uncertain(report, &uses, joined);
    of_secrets(report, &uses, joined);
    of_never(report, &uses, joined);
    joined.warnings.extend(manifested::not_checked(&uses).and_then(|it| cause(report, &it)));
}

/// Doubts what fails where it may be no image.
fn of_uncertain<'a>(report: &'a Report, uses: &ManifestUses, joined: &mut Joined<'_, 'a>) {
    let Some(finding) = manifested::is_uncertain(uses) else { return };
    let open: Vec<Cause<'a>> = std::mem::take(joined.causes);
    if !open.is_empty() {
        doubt(report, &finding, joined, open);
    }
}

/// Doubts what depends on who signs in, where the pods sign in first with secrets of their own; a pull that
/// works without these is told with them.
fn of_secrets<'a>(report: &'a Report, uses: &ManifestUses, joined: &mut Joined<'_, 'a>) {
    let Some(finding) = manifested::secrets_not_tried(uses) else { return };
    let is_open = |cause: &Cause<'a>| waiting::is_sign_in(cause.step);
    let open: Vec<Cause<'a>> = joined.causes.extract_if(.., |cause| is_open(cause)).collect();
    let pulls = *joined.can == Outcome::Pull;
    if !open.is_empty() || (!pulls && joined.could_not_tell.iter().any(is_open)) {
        doubt(report, &finding, joined, open);
    } else if pulls {
        joined.warnings.extend(cause(report, &finding));
    }
}

/// Tells that a pull decides nothing for those that never pull. Where others do, it decides for them; that
/// admission refuses a pod, or that no runtime accepts the name, counts for all.
fn of_never<'a>(report: &'a Report, uses: &ManifestUses, joined: &mut Joined<'_, 'a>) {
    let Some(finding) = manifested::never_pulls(uses) else { return };
    if uses.all_never {
        let counts =
            |cause: &Cause<'a>| [steps::POLICY.name, steps::IMAGE.name].contains(&cause.step);
        joined.causes.retain(counts);
        joined.could_not_tell.retain(counts);
        joined.warnings.retain(counts);
    }
    joined.could_not_tell.splice(0..0, cause(report, &finding));
    settle(joined);
}

/// Makes could-not-tell of what is open because of a finding, which comes before it.
fn doubt<'a>(
    report: &'a Report,
    finding: &Finding,
    joined: &mut Joined<'_, 'a>,
    open: Vec<Cause<'a>>,
) {
    joined.could_not_tell.splice(0..0, cause(report, finding).into_iter().chain(open));
    settle(joined);
}

/// Decides the outcome anew, where something was found open.
fn settle(joined: &mut Joined<'_, '_>) {
    *joined.can = if joined.causes.is_empty() { Outcome::CouldNotTell } else { Outcome::No };
}

/// Returns a finding of the manifests, which counts wherever somebody pulls.
fn cause<'r>(report: &'r Report, finding: &Finding) -> Option<Cause<'r>> {
    let mut views: Vec<&'r View> =
        report.views.iter().filter(|view| view.vantage.pulls()).collect();
    if views.is_empty() {
        views.extend(report.views.first());
    }
    let sighting =
        |view: &'r View| Sighting { vantage: &view.vantage, finding: Cow::Owned(finding.clone()) };
    let seen: Vec<Sighting<'_>> = views.into_iter().map(sighting).collect();
    let (step, consequences, separators) = (steps::POD.name, vec![], vec![]);
    let cause = Cause { step, seen, consequences, separators, workloads: None };
    (!cause.seen.is_empty()).then_some(cause)
}
