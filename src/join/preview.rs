//! Asks a cluster about the pods that manifests describe, before their images are looked at from its nodes:
//! whether admission takes them, and what they sign in with.

use std::{
    cell::RefCell,
    collections::{BTreeMap, BTreeSet},
    rc::Rc,
    time::Duration,
};

use checks::{
    Admitted, Declared, PlannedPods, PodTemplate, TriedAdmission,
    kit::{
        Fact, Plan, Target, World,
        engine::{Event, EventKind, Vantage},
        kube::{Api, Attempt, ImagePods, KubeOptions},
        target::{ManifestPod, image_of_pod},
    },
    steps,
};

use super::{credentials, of_cluster, run_started};

/// What manifests describe.
#[derive(Default)]
pub(crate) struct Described {
    /// The pods.
    pub(crate) pods: Vec<PodTemplate>,
    /// What some of them may sign in with.
    pub(crate) declared: Declared,
}

/// What the cluster says of it.
#[derive(Default)]
pub(crate) struct Preview {
    /// The cluster's API. Where it is not reached nothing is told, as the look from the nodes fails for the
    /// same reason.
    pub(crate) api: Option<Rc<Api>>,
    /// The images that the pods would have: admission may replace those of the manifests.
    pub(crate) targets: Vec<Target>,
    /// What happened, and what was found of each target.
    told: (Vec<EventKind>, Vec<Vec<EventKind>>),
    /// The pods of each target.
    pods: Vec<ImagePods>,
    /// Their credentials, to be tried.
    attempts: Vec<Attempt>,
}

/// Asks about what manifests describe: the dry runs take no longer than `limit`. `read` makes a target of
/// an image.
pub(crate) async fn ask(
    targets: Vec<Target>,
    world: World,
    kube: KubeOptions,
    (described, limit): (Described, Duration),
    read: impl Fn(String) -> Target,
) -> Preview {
    let are_pulled = targets.iter().any(|target| !target.uses.pulling.is_empty());
    let Some(first) = targets.first().filter(|_| are_pulled || !described.pods.is_empty()).cloned()
    else {
        return Preview { targets, ..Preview::default() };
    };
    let kept = Rc::<RefCell<Vec<Event>>>::default();
    let plan = || {
        let into = kept.clone();
        let listener = Rc::new(move |event: Event| into.borrow_mut().push(event));
        Plan::new(first.clone(), Vantage::Kubernetes, world.clone(), BTreeSet::new(), listener)
    };
    let mut asking = plan();
    let api = checks::cluster_api(&mut asking, kube);
    let Described { pods, declared } = described;
    let declared = Rc::new(declared);
    let tried = checks::manifest_admission(&mut asking, &api, (pods, declared.clone()), limit);
    asking.run(|_| true).await;
    let (Some(api), Some(tried)) = (api.value().await, tried.value().await) else {
        return Preview { targets, ..Preview::default() };
    };
    let mut targets = admitted(targets, &tried, &api, read);
    let mut planned = None;
    if are_pulled {
        let pods = targets.iter().map(|(target, _)| signing_in(target, &tried, &api)).collect();
        let mut asking = plan();
        let known = Fact::known(steps::API.name, api.clone());
        let secrets = checks::manifest_secrets(&mut asking, &known, (declared, limit), pods);
        asking.run(|_| true).await;
        planned = secrets.value().await;
    }
    if planned.is_some() {
        // What is known of the secrets stands in the place of that there are some.
        targets.iter_mut().for_each(|(target, _)| target.uses.secrets = None);
    }
    let planned = planned.as_deref().cloned().unwrap_or_default();
    let PlannedPods { images: mut pods, attempts, .. } = planned;
    for (pods, (target, _)) in pods.iter_mut().zip(&targets) {
        pods.are_scattered = target.uses.are_scattered;
    }
    let found = targets.iter().map(|(_, named)| found(&tried, named)).collect();
    let kinds = kept.take().into_iter().map(|event| event.kind).collect();
    let targets = targets.into_iter().map(|(target, _)| target).collect();
    Preview { api: Some(api), targets, told: (kinds, found), pods, attempts }
}

impl Preview {
    /// Tries the credentials of the pods from here, none longer than that.
    pub(crate) async fn try_credentials(&mut self, world: &World, limit: Duration) {
        let world = (world, limit);
        credentials::try_each(&self.attempts, &self.targets, &mut self.pods, world).await;
    }

    /// Tells of each image what the cluster says of the pods that name it.
    pub(crate) fn announce(&self, tell: impl Fn(Event)) {
        let (kinds, found) = &self.told;
        for (place, (target, found)) in self.targets.iter().zip(found).enumerate() {
            let mut understood = target.describe();
            if let Some(pods) = self.pods.get(place).filter(|pods| !pods.workloads.is_empty()) {
                // Plain data always serializes.
                understood.insert("pods".into(), serde_json::to_value(pods).unwrap_or_default());
            }
            let started = run_started(understood, BTreeMap::default());
            let kinds = std::iter::once(&started).chain(kinds).chain(found);
            kinds.for_each(|kind| tell(of_cluster(&target.id(), kind.clone())));
        }
    }
}

/// Returns what was found of the pods with one of these images.
fn found(tried: &TriedAdmission, named: &[String]) -> Vec<EventKind> {
    let is_about =
        |images: &[String]| images.iter().any(|image| named.contains(&image_of_pod(image)));
    let found = tried.found.iter().filter(|(images, _)| is_about(images));
    let step = || steps::POLICY.name.to_owned();
    found.map(|(_, found)| EventKind::Found { step: step(), finding: found.clone() }).collect()
}

/// Returns an image, and those that pull it, as admission leaves them: one for each way to sign in.
fn signing_in(target: &Target, tried: &TriedAdmission, api: &Api) -> (String, Vec<ManifestPod>) {
    let mut ways: Vec<ManifestPod> = vec![];
    for pod in &target.uses.pulling {
        let admitted = admitted_as(pod, tried, api);
        let has = |it: &&&Admitted| it.images.iter().any(|(_, image)| is_image(target, image));
        let named = |it: &&Admitted| it.images.iter().any(|(image, _)| is_image(target, image));
        let with_it: Vec<&&Admitted> = admitted.iter().filter(has).collect();
        let container = pod.container.clone();
        let left = |it: &Admitted| ManifestPod { container: container.clone(), ..it.pod.clone() };
        if admitted.is_empty() {
            // Another image was named there, where admission put this one into the pods of others.
            ways.extend(Some(pod.clone()).filter(|pod| is_image(target, &pod.image)));
        } else if !with_it.is_empty() {
            ways.extend(with_it.into_iter().map(|it| left(it)));
        } else if !admitted.iter().any(named) {
            // The image of a volume is not among those of the containers.
            ways.extend(admitted.into_iter().map(left));
        }
    }
    let mut different: Vec<ManifestPod> = vec![];
    for way in ways {
        if !different.iter().any(|known| known.signs_in_like(&way)) {
            different.push(way);
        }
    }
    (target.text.clone(), different)
}

fn is_image(target: &Target, image: &str) -> bool {
    image_of_pod(image) == target.text
}

/// Returns what admission left of a pod; nothing where it was not tried or not admitted, several where
/// manifests describe one object twice.
fn admitted_as<'t>(pod: &ManifestPod, tried: &'t TriedAdmission, api: &Api) -> Vec<&'t Admitted> {
    let namespace = pod.namespace.as_ref().unwrap_or(&api.kube.cluster().namespace);
    let is_same = |it: &&Admitted| {
        it.pod.object == pod.object && it.pod.namespace.as_ref() == Some(namespace)
    };
    tried.signs_in.iter().filter(is_same).collect()
}

/// Returns the targets that pods would have, each with the images of the manifests that it stands for.
fn admitted(
    targets: Vec<Target>,
    tried: &TriedAdmission,
    api: &Api,
    read: impl Fn(String) -> Target,
) -> Vec<(Target, Vec<String>)> {
    let mut all: Vec<(Target, Vec<String>)> = vec![];
    for target in targets {
        let named = target.text.clone();
        let its = tried.admitted.iter().filter(|(image, _)| image_of_pod(image) == named);
        let mut theirs: BTreeSet<String> = its.map(|(_, theirs)| image_of_pod(theirs)).collect();
        // What was not tried may pull what it names.
        let mut pulling = target.uses.pulling.iter();
        if theirs.is_empty() || pulling.any(|pod| admitted_as(pod, tried, api).is_empty()) {
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
