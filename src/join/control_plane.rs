//! Asks Azure's control plane why the nodes of pods cannot pull, where a sign-in to Azure is at hand.

use std::{cell::RefCell, collections::BTreeSet, rc::Rc, time::Duration};

use checks::kit::{
    Plan, Target, World,
    engine::{Event, Finding, Vantage},
    kube::ImagePods,
    target::ClusterName,
};
use futures::future::join_all;
use jiff::Timestamp;

use super::node::told::Told;
use crate::{report::is_interruption, run::ends, wait::cut_short};

/// The most registries that are asked about.
const MAX_REGISTRIES: usize = 4;

/// What the nodes tell of each image.
pub(crate) struct OfImages {
    images: Vec<(Target, Told)>,
    /// Whether the user ended the run.
    is_interrupted: bool,
}

impl OfImages {
    /// Returns what is told of these images: nothing yet.
    pub(crate) fn new(targets: &[Target]) -> Self {
        let images = targets.iter().map(|target| (target.clone(), Told::new(target))).collect();
        Self { images, is_interrupted: false }
    }

    /// Takes what a node tells.
    pub(crate) fn take(&mut self, event: &Event) {
        self.is_interrupted |= is_interruption(&event.kind);
        self.images.iter_mut().for_each(|(_, told)| told.take(event));
    }

    /// Asks about the first image of each registry that a node failed to pull. `node_group` is the
    /// resource group of the nodes, by which their cluster is found where nobody named it; `pods` are those of each image.
    pub(crate) async fn explain(
        self,
        node_group: Option<&str>,
        pods: &[ImagePods],
        world: &World,
        wait: Duration,
        tell: impl Fn(Event) + 'static,
    ) {
        if self.is_interrupted {
            return;
        }
        let kept = Rc::<RefCell<Vec<Event>>>::default();
        let into = kept.clone();
        let tell = Rc::new(tell);
        let told = tell.clone();
        let listener = Rc::new(move |event: Event| {
            into.borrow_mut().push(event.clone());
            told(event);
        });
        let (mut registries, mut plans, mut ids) = (BTreeSet::new(), vec![], vec![]);
        for (at, (mut target, told)) in self.images.into_iter().enumerate() {
            let Ok(registry) = target.asked.as_ref().map(|it| it.registry.clone()) else {
                continue;
            };
            if registries.len() >= MAX_REGISTRIES || registries.contains(&registry) {
                continue;
            }
            let group = node_group.map(|group| ClusterName::OfNodes { group: group.to_owned() });
            target.control_plane.cluster = target.control_plane.cluster.or(group);
            let (id, skip) = (target.id(), BTreeSet::new());
            let mut plan = Plan::new(target, Vantage::Azure, world.clone(), skip, listener.clone());
            if checks::explain_pods(&mut plan, told.of_pods(pods.get(at))) {
                registries.insert(registry);
                ids.push(id);
                plans.push(plan.run(|_| true));
            }
        }
        let why = tokio::select! {
            _ = join_all(plans) => return,
            why = cut_short(wait) => why,
        };
        let why = Finding::from(why);
        for id in ids {
            for kind in ends(&kept.borrow(), &id, &Vantage::Azure, |_| true, &why) {
                let (at, target, from) = (Timestamp::now(), id.clone(), Vantage::Azure);
                tell(Event { v: checks::kit::engine::VERSION, at, target, from, kind });
            }
        }
    }
}
