//! Asks a cluster whether admission takes the pods that manifests describe, before their images are
//! looked at from its nodes.

use std::{cell::RefCell, collections::BTreeSet, rc::Rc};

use checks::{
    PodTemplate,
    kit::{
        Plan, Target, World,
        engine::{Event, EventKind, Vantage},
        kube::{Api, KubeOptions},
    },
    steps,
};

use super::pods::of_cluster;

/// Tries the pods as dry runs, and tells of each image what admission does to the pods that name it.
/// Returns the cluster's API; where that is not reached nothing is told, as the look from the nodes
/// fails for the same reason.
pub(crate) async fn try_out(
    targets: &[Target],
    world: World,
    kube: KubeOptions,
    templates: Vec<PodTemplate>,
    tell: impl Fn(Event),
) -> Option<Rc<Api>> {
    let first = targets.first().filter(|_| !templates.is_empty())?.clone();
    let kept = Rc::<RefCell<Vec<Event>>>::default();
    let into = kept.clone();
    let listener = Rc::new(move |event: Event| into.borrow_mut().push(event));
    let mut plan = Plan::new(first, Vantage::Kubernetes, world, BTreeSet::new(), listener);
    let api = checks::cluster_api(&mut plan, kube);
    let tried = checks::manifest_admission(&mut plan, &api, templates);
    plan.run(|_| true).await;
    let (api, tried) = (api.value().await?, tried.value().await?);
    let kinds: Vec<EventKind> = kept.take().into_iter().map(|event| event.kind).collect();
    for target in targets {
        let id = target.id();
        let started = EventKind::RunStarted {
            understood: target.describe(),
            tool: env!("CARGO_PKG_VERSION").to_owned(),
            host: None,
            labels: std::collections::BTreeMap::default(),
        };
        let is_about = |images: &[String]| {
            images.iter().any(|image| checks::kit::target::image_of_pod(image) == target.text)
        };
        let found = tried.found.iter().filter(|(images, _)| is_about(images));
        let found = found.map(|(_, finding)| EventKind::Found {
            step: steps::POLICY.name.to_owned(),
            finding: finding.clone(),
        });
        let kinds = std::iter::once(started).chain(kinds.iter().cloned()).chain(found);
        kinds.for_each(|kind| tell(of_cluster(&id, kind)));
    }
    Some(api)
}
