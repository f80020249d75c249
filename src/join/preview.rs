//! Asks a cluster whether admission takes the pods that manifests describe, before their images are
//! looked at from its nodes.

use std::{
    cell::RefCell,
    collections::{BTreeMap, BTreeSet},
    rc::Rc,
    time::Duration,
};

use checks::{
    PodTemplate,
    kit::{
        Plan, Target, World,
        engine::{Event, EventKind, Vantage},
        kube::{Api, KubeOptions},
        target::image_of_pod,
    },
    steps,
};

use super::{of_cluster, run_started};

/// What came of it.
pub(crate) struct TriedOut {
    /// The cluster's API. Where it is not reached nothing is told, as the look from the nodes fails for the
    /// same reason.
    pub(crate) api: Option<Rc<Api>>,
    /// The images that the pods would have: admission may replace those of the manifests.
    pub(crate) targets: Vec<Target>,
}

/// Tries the pods as dry runs within that time, and tells of each image what admission does to the pods that name it. `read`
/// makes a target of an image.
pub(crate) async fn try_out(
    targets: Vec<Target>,
    world: World,
    kube: KubeOptions,
    (templates, limit): (Vec<PodTemplate>, Duration),
    read: impl Fn(String) -> Target,
    tell: impl Fn(Event),
) -> TriedOut {
    let Some(first) = targets.first().filter(|_| !templates.is_empty()).cloned() else {
        return TriedOut { api: None, targets };
    };
    let kept = Rc::<RefCell<Vec<Event>>>::default();
    let into = kept.clone();
    let listener = Rc::new(move |event: Event| into.borrow_mut().push(event));
    let mut plan = Plan::new(first, Vantage::Kubernetes, world, BTreeSet::new(), listener);
    let api = checks::cluster_api(&mut plan, kube);
    let tried = checks::manifest_admission(&mut plan, &api, templates, limit);
    plan.run(|_| true).await;
    let (Some(api), Some(tried)) = (api.value().await, tried.value().await) else {
        return TriedOut { api: None, targets };
    };
    let kinds: Vec<EventKind> = kept.take().into_iter().map(|event| event.kind).collect();
    let targets = admitted(targets, &tried.admitted, read);
    for (target, named) in &targets {
        let id = target.id();
        let started = run_started(target.describe(), BTreeMap::default());
        let is_about =
            |images: &[String]| images.iter().any(|image| named.contains(&image_of_pod(image)));
        let found = tried.found.iter().filter(|(images, _)| is_about(images));
        let found = found.map(|(_, finding)| EventKind::Found {
            step: steps::POLICY.name.to_owned(),
            finding: finding.clone(),
        });
        let kinds = std::iter::once(started).chain(kinds.iter().cloned()).chain(found);
        kinds.for_each(|kind| tell(of_cluster(&id, kind)));
    }
    TriedOut { api: Some(api), targets: targets.into_iter().map(|(target, _)| target).collect() }
}

/// Returns the targets that pods would have, each with the images of the manifests that it stands for.
fn admitted(
    targets: Vec<Target>,
    admitted: &[(String, String)],
    read: impl Fn(String) -> Target,
) -> Vec<(Target, Vec<String>)> {
    let mut all: Vec<(Target, Vec<String>)> = vec![];
    for target in targets {
        let named = target.text.clone();
        let its = admitted.iter().filter(|(image, _)| image_of_pod(image) == named);
        let mut theirs: BTreeSet<String> = its.map(|(_, theirs)| image_of_pod(theirs)).collect();
        if theirs.is_empty() {
            theirs.insert(named.clone());
        }
        for image in theirs {
            let other = Some(&image).filter(|image| **image != named).map(|image| {
                let other = read(image.clone());
                // What is no image may hold a secret, which the nodes are not to see.
                let other = if other.asked.is_err() { read(other.id()) } else { other };
                let at = target.named_at.iter();
                let named_at = at.map(|at| format!("{at}: {} → {}", target.id(), other.id()));
                let (flags, uses) = (target.flags.clone(), target.uses.clone());
                Target { named_at: named_at.collect(), flags, uses, ..other }
            });
            let one = other.unwrap_or_else(|| target.clone());
            match all.iter_mut().find(|(known, _)| known.id() == one.id()) {
                Some((known, images)) => {
                    known.named_at.extend(one.named_at);
                    known.uses.join(one.uses);
                    images.push(named.clone());
                }
                None => all.push((one, vec![named.clone()])),
            }
        }
    }
    all
}
