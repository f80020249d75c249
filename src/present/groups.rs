//! The pods that wait for an image, grouped by cause: what a run that began from pods shows first.

use std::collections::BTreeSet;

use checks::{
    kit::{
        engine::{Severity, Vantage},
        kube::{ImagePods, WaitingWorkload},
    },
    steps,
};
use serde::Serialize;
use serde_json::Value;

use super::{CausePage, CredentialLine, TargetPage, Told, credentials};
use crate::verdict::Outcome;

/// How many images, workloads and nodes of a group are kept.
const MAX_KEPT: usize = 100;
/// Findings of all that was looked at: other pods may wait, too.
const HIDE_PODS: [&str; 2] = ["pod/events-not-read", "pod/others-unheard"];
/// How many pods of a workload are named.
const MAX_PODS: usize = 3;

/// The pods that wait, by cause.
pub struct GroupsPage {
    /// What was looked at, as kubectl would name it.
    pub looked_at: String,
    /// How many pods wait.
    pub waiting: u64,
    /// How many images running pods have, and how many of these can be pulled, where those are looked
    /// at and not what pods wait for.
    pub running: Option<Running>,
    /// The groups: causes first, those of most pods first.
    pub groups: Vec<Group>,
    /// What hides pods from this page, each told once.
    pub hidden: Vec<Told>,
}

/// The images of running pods.
#[derive(Clone, Copy, Debug, Serialize)]
pub struct Running {
    /// How many there are.
    pub images: usize,
    /// How many of them can be pulled today.
    pub can: usize,
}

/// Pods that wait for the same reason.
pub struct Group {
    /// Whether the reason is certain, open, or gone.
    pub severity: Severity,
    /// The finding of the first image that nothing else stops, else of the first.
    pub told: Told,
    /// That image.
    pub told_of: String,
    /// The other groups that stop it as certainly, by their places in the list: then what verifies a fix
    /// may fail for their reason.
    pub besides: Vec<usize>,
    /// The step that found it.
    pub step: String,
    /// How many pods: one that waits for two images counts twice.
    pub pods: usize,
    /// The images.
    pub images: Vec<String>,
    /// What made the pods.
    pub workloads: Vec<WaitingWorkload>,
    /// The nodes that saw it; none where no node looked.
    pub seen_from: Vec<Vantage>,
    /// On how many nodes the pods are.
    pub nodes: usize,
    /// What the kubelet presents for them, in its order, and what the registry answers.
    pub credentials: Vec<CredentialLine>,
    /// What the kubelet says of one of the pods.
    pub said: String,
    /// The failure modes that its words fit: no more than a suspicion.
    pub suspects: Vec<String>,
}

impl GroupsPage {
    /// Returns whether it says something that the targets alone do not.
    pub fn is_shown(&self) -> bool {
        !self.groups.is_empty() || self.running.is_some_and(|running| running.images > 0)
    }
}

/// A group that is being made: what it is known by, and its nodes so far.
struct Open {
    key: (Severity, String, String),
    nodes: BTreeSet<String>,
    group: Group,
    /// Whether nothing else stops the image of its finding.
    is_alone: bool,
}

/// Returns the groups of a run that began from pods; nothing where it began from an image.
pub(super) fn of(targets: &[TargetPage]) -> Option<GroupsPage> {
    let looked_at = targets.iter().find_map(|target| target.text("looked_at"))?.to_owned();
    let waiting = targets.iter().find_map(|target| target.count_of_pods("waiting"));
    let mut open: Vec<Open> = vec![];
    for target in targets.iter().filter(|target| !target.is_scope()) {
        let pods = target.target.get("pods").cloned();
        let pods = pods.and_then(|pods| serde_json::from_value::<ImagePods>(pods).ok());
        add(&mut open, targets, target, &pods.unwrap_or_default());
    }
    let mut groups: Vec<Group> = open.into_iter().map(|open| open.group).collect();
    groups.sort_by_key(|group| std::cmp::Reverse((group.severity, group.pods)));
    for place in 0..groups.len() {
        let stops = |at: &usize| {
            let (group, other) = (&groups[place], &groups[*at]);
            let are_certain = [group, other].iter().all(|it| it.severity == Severity::Error);
            *at != place && are_certain && other.images.contains(&group.told_of)
        };
        groups[place].besides = (0..groups.len()).filter(stops).collect();
    }
    let images = || targets.iter().filter(|target| !target.is_scope());
    let count = targets.iter().find_map(|target| target.count_of_pods("running"));
    let running = count.map(|_| Running {
        images: images().count(),
        can: images().filter(|it| it.can == Outcome::Pull).count(),
    });
    let mut hidden: Vec<Told> = vec![];
    for cause in targets.iter().flat_map(|target| &target.warnings) {
        let is_known = hidden.iter().any(|known| known.code == cause.told.code);
        if HIDE_PODS.contains(&cause.told.code.as_str()) && !is_known {
            hidden.push(cause.told.clone());
        }
    }
    let waiting = waiting.unwrap_or_default();
    Some(GroupsPage { looked_at, waiting, running, groups, hidden })
}

/// Returns what says more of a cause, and whose it is: the finding of another image that explains this
/// code, of the same host at the same addresses. One fault, seen by two images, is one group.
fn better<'a>(
    targets: &'a [TargetPage],
    target: &'a TargetPage,
    cause: &'a CausePage,
) -> (&'a Told, &'a TargetPage) {
    let place = |told: &Told| {
        let addresses = match told.evidence.get("addresses") {
            Some(Value::Array(list)) => {
                list.iter().filter_map(Value::as_str).collect::<Vec<_>>().join(", ")
            }
            other => other.and_then(Value::as_str).unwrap_or_default().to_owned(),
        };
        (told.evidence.get("host").cloned(), addresses)
    };
    let of_all = targets.iter().flat_map(|it| it.causes.iter().map(move |cause| (it, cause)));
    let more: Vec<_> = of_all
        .filter(|(_, other)| {
            other.consequences.contains(&cause.told.code)
                && place(&other.told) == place(&cause.told)
        })
        .collect();
    let alone = more.iter().find(|(it, _)| it.causes.len() == 1);
    alone.or(more.first()).map_or((&cause.told, target), |(it, other)| (&other.told, it))
}

/// Adds what is known of one image to the groups.
fn add(open: &mut Vec<Open>, targets: &[TargetPage], target: &TargetPage, pods: &ImagePods) {
    let mut settled = Covered::default();
    for cause in &target.causes {
        let covered = covered(target, cause, pods);
        settled.add(&covered, pods);
        let told = better(targets, target, cause);
        take(open, (Severity::Error, cause, told), &covered, (target, pods));
    }
    // Why nobody looked says more than that nobody did.
    let is_of_pods = |cause: &&CausePage| cause.step == steps::POD.name;
    let is_late = |cause: &&CausePage| {
        is_of_pods(cause) && cause.seen.iter().all(|(from, _)| *from == Vantage::Kubernetes)
    };
    let (of_pods, others): (Vec<&CausePage>, Vec<&CausePage>) =
        target.could_not_tell.iter().partition(is_late);
    for cause in others.into_iter().chain(of_pods) {
        let covered = covered(target, cause, pods).without(&settled);
        settled.add(&covered, pods);
        if !covered.nodes.is_empty() || pods.nodes.is_empty() {
            let told = (&cause.told, target);
            take(open, (Severity::CouldNotTell, cause, told), &covered, (target, pods));
        }
    }
    // What only the cluster tells of pods is no reason to say that their cause is gone.
    for cause in target.warnings.iter().filter(|it| is_of_pods(it) && !is_late(it)) {
        let covered = covered(target, cause, pods);
        if !covered.nodes.is_empty() {
            let told = (&cause.told, target);
            take(open, (Severity::Warning, cause, told), &covered, (target, pods));
        }
    }
}

/// The pods that a finding is about: the nodes that they are on, and their workloads by their places.
#[derive(Default)]
struct Covered<'p> {
    nodes: BTreeSet<&'p String>,
    places: BTreeSet<usize>,
}

impl<'p> Covered<'p> {
    /// Adds others; a node is among these when all of its workloads are.
    fn add(&mut self, other: &Covered<'p>, pods: &ImagePods) {
        self.places.extend(&other.places);
        let places = &self.places;
        let is_whole = |node: &&&String| {
            let mut there = pods.workloads.iter().enumerate().filter(|(_, it)| it.node == ***node);
            there.all(|(place, _)| places.contains(&place))
        };
        self.nodes.extend(other.nodes.iter().filter(is_whole));
    }

    fn without(mut self, other: &Covered<'p>) -> Self {
        self.nodes.retain(|node| !other.nodes.contains(node));
        self.places.retain(|place| !other.places.contains(place));
        self
    }
}

/// Returns which pods a finding is about.
fn covered<'p>(target: &TargetPage, cause: &CausePage, pods: &'p ImagePods) -> Covered<'p> {
    let all = || pods.workloads.iter().enumerate();
    if let Some(places) = &cause.workloads {
        let ours = all().filter(|(place, _)| places.contains(place));
        let named: BTreeSet<&str> = ours.map(|(_, it)| it.node.as_str()).collect();
        // Those of none of the workloads that are known may be on any node.
        let is_its = |node: &&String| places.is_empty() || named.contains(node.as_str());
        let nodes = pods.nodes.keys().filter(is_its).collect();
        return Covered { nodes, places: places.clone() };
    }
    let nodes: BTreeSet<&String> = nodes_of(target, cause, pods).into_iter().collect();
    let there = all().filter(|(_, it)| nodes.contains(&it.node));
    Covered { places: there.map(|(place, _)| place).collect(), nodes }
}

/// Returns the nodes whose pods a finding is about: those that saw it; where no node saw it, those
/// that nobody looked from, or all.
fn nodes_of<'p>(target: &TargetPage, cause: &CausePage, pods: &'p ImagePods) -> Vec<&'p String> {
    let seen: Vec<&str> = cause.seen.iter().filter_map(|(from, _)| from.node()).collect();
    let looked: Vec<&str> = target.views.iter().filter_map(|view| view.from.node()).collect();
    let is_one = |node: &&String| {
        // One node is asked for all of them.
        if pods.run() {
            return true;
        }
        if !seen.is_empty() {
            return seen.contains(&node.as_str());
        }
        cause.told.severity == Severity::Error || !looked.contains(&node.as_str())
    };
    pods.nodes.keys().filter(is_one).collect()
}

fn take(
    open: &mut Vec<Open>,
    (severity, cause, (told, owner)): (Severity, &CausePage, (&Told, &TargetPage)),
    Covered { nodes, places }: &Covered<'_>,
    (target, pods): (&TargetPage, &ImagePods),
) {
    // What is said of pods alone is the same for each image.
    let title = if cause.step == steps::POD.name && severity != Severity::Error {
        String::new()
    } else {
        told.title.clone()
    };
    let key = (severity, told.code.clone(), title);
    let place = open.iter().position(|known| known.key == key).unwrap_or_else(|| {
        let group = Group {
            severity,
            told: told.clone(),
            told_of: owner.asked(),
            besides: vec![],
            step: cause.step.clone(),
            pods: 0,
            images: vec![],
            workloads: vec![],
            seen_from: vec![],
            nodes: 0,
            credentials: vec![],
            said: String::new(),
            suspects: vec![],
        };
        open.push(Open { key, nodes: BTreeSet::new(), group, is_alone: false });
        open.len() - 1
    });
    let Open { nodes: known, group, is_alone, .. } = &mut open[place];
    if severity == Severity::Error && !*is_alone {
        *is_alone = verified_by_itself(group, (told, owner), (&cause.told, target));
    }
    known.extend(nodes.iter().map(|node| (*node).clone()));
    group.nodes = known.len();
    // Of a node with many workloads not all are listed.
    let unlisted = nodes.iter().filter(|node| pods.workloads.iter().all(|it| it.node != ***node));
    group.pods += unlisted.filter_map(|node| pods.nodes.get(*node)).sum::<usize>();
    group.pods += if places.is_empty() { pods.more } else { pods.count_of(places) };
    if target.text("image").is_some() || !pods.image.is_empty() {
        push(&mut group.images, target.asked());
    }
    let there = || places.iter().filter_map(|place| pods.workloads.get(*place));
    for line in credentials::of(target, pods, there()) {
        push(&mut group.credentials, line);
    }
    for workload in there() {
        if group.suspects.is_empty() && !workload.said.is_empty() {
            group.said.clone_from(&workload.said);
            group.suspects.clone_from(&workload.suspects);
        }
        take_workload(&mut group.workloads, workload);
    }
    let seen = cause.seen.iter().map(|(from, _)| from).filter(|from| **from != Vantage::Kubernetes);
    for from in seen {
        push(&mut group.seen_from, from.clone());
    }
}

/// Lets a fix of the group be verified with an image that nothing else stops, where this is one: the
/// owner of what is told of the group, or the image that has `own` for the same fault. Returns whether
/// it is.
fn verified_by_itself(
    group: &mut Group,
    (told, owner): (&Told, &TargetPage),
    (own, target): (&Told, &TargetPage),
) -> bool {
    if owner.causes.len() == 1 {
        (group.told, group.told_of) = (told.clone(), owner.asked());
        return true;
    }
    let image = target.asked();
    let mut verifying = own.fixes.iter().filter_map(|fix| fix.verify.as_ref());
    let verifying = verifying.find(|verify| verify.ends_with(&format!(" {image}")));
    let Some(verifying) = verifying.filter(|_| target.causes.len() == 1) else { return false };
    let of_other = format!(" {}", group.told_of);
    for verify in group.told.fixes.iter_mut().filter_map(|fix| fix.verify.as_mut()) {
        if verify.ends_with(&of_other) {
            verify.clone_from(verifying);
        }
    }
    group.told_of = image;
    true
}

/// Adds the pods of a workload; those on several nodes are counted together.
fn take_workload(list: &mut Vec<WaitingWorkload>, of: &WaitingWorkload) {
    let key = |it: &WaitingWorkload| {
        (
            it.namespace.clone(),
            it.workload.clone(),
            it.container.clone(),
            it.place,
            it.reason.clone(),
        )
    };
    if let Some(known) = list.iter_mut().find(|known| key(known) == key(of)) {
        known.count += of.count;
        known.pods.extend(of.pods.iter().cloned());
        known.pods.truncate(MAX_PODS);
    } else if list.len() < MAX_KEPT {
        list.push(of.clone());
    }
}

/// Adds what is not there yet, up to a bound.
fn push<T: PartialEq>(list: &mut Vec<T>, one: T) {
    if list.len() < MAX_KEPT && !list.contains(&one) {
        list.push(one);
    }
}
