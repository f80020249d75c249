//! Starts from the pods of a cluster: finds those that wait for an image, and makes a target of each
//! image, with what its pods are.

use std::{
    cell::RefCell,
    collections::{BTreeMap, BTreeSet},
    rc::Rc,
    time::Duration,
};

use checks::{
    kit::{
        Plan, Target, World,
        engine::{Event, EventKind, Finding, RunProblem, Vantage},
        kube::{Api, ImagePods, KubeOptions, PodScope, WaitingPods, WaitingWorkload},
    },
    steps,
};
use serde_json::{Map, Value, json};

use super::{node::manifest::Asked, of_cluster, run_started};
use crate::{run::ends, wait::cut_short};

/// How many workloads of an image travel with its target: a list of evidence has no more.
const MAX_WORKLOADS: usize = 50;

/// What was found in a cluster.
pub(crate) struct Found {
    /// Its API, where that was reached.
    pub(crate) api: Option<Rc<Api>>,
    /// The pods that wait; nothing where they could not be listed.
    pub(crate) waiting: Option<Rc<WaitingPods>>,
    /// What happened meanwhile.
    events: Vec<EventKind>,
    /// The name of what was looked at.
    scope: String,
}

/// What is asked about the images that pods wait for.
#[derive(Default)]
pub(crate) struct Chosen {
    /// A target for each image.
    pub(crate) targets: Vec<Target>,
    /// The nodes that look.
    pub(crate) nodes: Vec<String>,
    /// Which targets each of them is asked for.
    pub(crate) asked: Asked,
    /// The pods of each target.
    pub(crate) pods: Vec<ImagePods>,
}

/// How much is looked at.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Limits {
    /// The most images that are checked.
    pub(crate) images: usize,
    /// The most nodes.
    pub(crate) nodes: usize,
    /// Whether one node is enough for an image.
    pub(crate) once: bool,
}

/// Finds the pods that wait for an image. `cluster` is a target that no registry is asked about.
pub(crate) async fn find(
    cluster: Target,
    world: World,
    kube: KubeOptions,
    scope: PodScope,
    limit: Duration,
    tell: impl Fn(&Event) + 'static,
) -> Found {
    let namespace = kube.namespace.clone();
    let kept = Rc::<RefCell<Vec<Event>>>::default();
    let into = kept.clone();
    let id = cluster.id();
    let listener = Rc::new(move |event: Event| {
        tell(&event);
        into.borrow_mut().push(event);
    });
    let mut plan = Plan::new(cluster, Vantage::Kubernetes, world, BTreeSet::new(), listener);
    let api = checks::cluster_api(&mut plan, kube);
    let waiting = checks::waiting_pods(&mut plan, &api, scope.clone());
    let cut = tokio::select! {
        () = plan.run(|_| true) => None,
        why = cut_short(limit) => Some(Finding::from(why)),
    };
    let is_over = cut.is_none();
    let mut events: Vec<EventKind> = vec![];
    if let Some(why) = cut {
        events.extend(ends(&kept.borrow(), &id, &Vantage::Kubernetes, |_| true, &why));
    }
    events.splice(0..0, kept.take().into_iter().map(|event| event.kind));
    let api = if is_over { api.value().await } else { None };
    let waiting = if is_over { waiting.value().await } else { None };
    let namespace = api.as_ref().map(|api| api.kube.cluster().namespace.clone()).or(namespace);
    Found { api, waiting, events, scope: scope_name(&scope, namespace.as_deref()) }
}

/// Returns what was looked at, as kubectl would name it.
fn scope_name(scope: &PodScope, namespace: Option<&str>) -> String {
    let named: Vec<String> =
        scope.named.iter().map(|(kind, name)| format!("{kind}/{name}")).collect();
    let mut words = vec![if named.is_empty() { "pods".to_owned() } else { named.join(" ") }];
    words.extend(scope.selector.iter().map(|selector| format!("-l {selector}")));
    if scope.everywhere {
        words.push("-A".to_owned());
    } else {
        words.extend(namespace.map(|namespace| format!("-n {namespace}")));
    }
    checks::kit::sanitize_text(&words.join(" "))
}

impl Found {
    /// Chooses which images are checked, from which nodes: those that most pods wait for, so that
    /// each image is looked at from at least one node before another is looked at from a second.
    pub(crate) fn choose(
        &self,
        limits: Limits,
        target: impl Fn(&str, &ImagePods) -> Target,
    ) -> Chosen {
        let mut chosen = Chosen::default();
        for pods in self.waiting.iter().flat_map(|waiting| &waiting.images) {
            let target = target(&pods.image, pods);
            if chosen.targets.iter().all(|known| known.id() != target.id()) {
                chosen.targets.push(target);
                chosen.pods.push(pods.clone());
            }
        }
        let asks_nodes =
            |target: &Target, pods: &ImagePods| target.asked.is_ok() && is_worth_a_look(pods);
        // Of the rest it is only told that no node looked.
        let open: Vec<usize> = (0..chosen.targets.len())
            .filter(|place| asks_nodes(&chosen.targets[*place], &chosen.pods[*place]))
            .take(limits.images)
            .collect();
        // A node that many images wait on is worth more than one with a single image.
        let uses = |node: &String| {
            open.iter().filter(|at| chosen.pods[**at].nodes.contains_key(node)).count()
        };
        let mut nodes: Vec<String> = vec![];
        let mut ranked: Vec<Vec<&String>> = vec![];
        for place in &open {
            let mut of_image: Vec<&String> = chosen.pods[*place].nodes.keys().collect();
            of_image.sort_unstable_by_key(|node| (std::cmp::Reverse(uses(node)), *node));
            ranked.push(of_image);
        }
        let deepest = ranked.iter().map(Vec::len).max().unwrap_or_default();
        for turn in 0..deepest {
            for of_image in &ranked {
                let Some(node) = of_image.get(turn) else { continue };
                if nodes.len() < limits.nodes && !nodes.contains(node) {
                    nodes.push((*node).clone());
                }
            }
        }
        let mut done = BTreeSet::new();
        for node in &nodes {
            let is_there = |at: &&usize| chosen.pods[**at].nodes.contains_key(node);
            let places = open.iter().filter(is_there).copied();
            let places: Vec<usize> = places.filter(|at| done.insert(*at) || !limits.once).collect();
            if !places.is_empty() {
                chosen.asked.insert(node.clone(), places);
            }
        }
        nodes.retain(|node| chosen.asked.contains_key(node));
        chosen.nodes = nodes;
        chosen
    }

    /// Tells of each target what the cluster said: of each image, of each workload without a pod, and
    /// of what was looked at where there is none of these.
    pub(crate) fn announce(&self, chosen: &Chosen, flags: &[String], tell: impl Fn(Event)) {
        for (target, pods) in chosen.targets.iter().zip(&chosen.pods) {
            let mut understood = target.describe();
            let mut pods = pods.clone();
            // The nodes that look come first: what they see is about these pods.
            pods.workloads.sort_by_key(|it| !chosen.asked.contains_key(&it.node));
            keep_some(&mut pods);
            // Plain data always serializes.
            let value = serde_json::to_value(&pods).unwrap_or_default();
            understood.insert("pods".into(), value);
            self.of_target(&target.id(), understood, flags, &tell);
        }
        let not_created =
            self.waiting.iter().flat_map(|waiting| &waiting.not_created).collect::<Vec<_>>();
        for one in &not_created {
            let workload = format!("{}/{}", one.kind.to_lowercase(), one.name);
            let id = format!("{workload} -n {}", one.namespace);
            self.of_target(&id, described(&id, flags), flags, &tell);
            let step = steps::POD.name.to_owned();
            let finding = checks::waiting::not_created(one, workload);
            tell(of_cluster(&id, EventKind::Found { step, finding }));
        }
        if chosen.targets.is_empty() && not_created.is_empty() {
            let mut understood = described(&self.scope, flags);
            understood.insert("scope".into(), true.into());
            self.of_target(&self.scope, understood, flags, &tell);
        }
    }

    fn of_target(
        &self,
        id: &str,
        mut understood: Map<String, Value>,
        flags: &[String],
        tell: &impl Fn(Event),
    ) {
        understood.insert("cluster_flags".into(), flags.into());
        understood.insert("looked_at".into(), self.scope.as_str().into());
        let kind = run_started(understood, BTreeMap::default());
        let kinds = [kind].into_iter().chain(self.events.iter().cloned());
        kinds.for_each(|kind| tell(of_cluster(id, kind)));
    }
}

impl Chosen {
    /// Returns the targets whose names no runtime accepts: no node need be asked.
    pub(crate) fn unreadable(&self) -> Vec<Target> {
        self.targets.iter().filter(|target| target.asked.is_err()).cloned().collect()
    }
}

/// Returns whether a node can tell more: the kubelet would pull the image, or it has one and keeps it
/// from the pods, by its own files.
fn is_worth_a_look(pods: &ImagePods) -> bool {
    let can_tell = |it: &WaitingWorkload| it.reason != "ErrImageNeverPull" || it.held_by.is_some();
    pods.workloads.iter().any(can_tell)
}

/// Tells of each image that the user ended the run.
pub(crate) fn stopped(chosen: &Chosen, tell: impl Fn(Event)) {
    for target in &chosen.targets {
        let (step, finding) = (steps::POD.name.to_owned(), RunProblem::Interrupted {}.into());
        tell(of_cluster(&target.id(), EventKind::Found { step, finding }));
    }
}

/// Keeps as many workloads as travel with a target: those that differ in what decides for them first.
fn keep_some(pods: &mut ImagePods) {
    if pods.workloads.len() <= MAX_WORKLOADS {
        return;
    }
    let (mut first, mut like): (Vec<WaitingWorkload>, Vec<WaitingWorkload>) = (vec![], vec![]);
    for it in std::mem::take(&mut pods.workloads) {
        let is_known = first.iter().any(|known| known.is_like(&it));
        if is_known { &mut like } else { &mut first }.push(it);
    }
    pods.more = first.iter().skip(MAX_WORKLOADS).map(|it| it.count).sum();
    first.extend(like);
    let others = first.split_off(MAX_WORKLOADS.min(first.len()));
    pods.workloads = first;
    for it in others {
        let of_node = |known: &&mut WaitingWorkload| known.node == it.node && known.is_like(&it);
        if let Some(known) = pods.workloads.iter_mut().find(of_node) {
            known.alike += it.count;
        }
    }
}

fn described(id: &str, flags: &[String]) -> Map<String, Value> {
    let value = json!({ "asked": id, "platform": "linux", "flags": flags, "other_flags": flags });
    value.as_object().cloned().unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn pods(image: &str, nodes: &[(&str, usize)]) -> ImagePods {
        let nodes: BTreeMap<String, usize> =
            nodes.iter().map(|(node, count)| ((*node).to_owned(), *count)).collect();
        ImagePods {
            image: image.into(),
            count: nodes.values().sum(),
            nodes,
            ..ImagePods::default()
        }
    }

    fn found(images: Vec<ImagePods>) -> Found {
        let mut images = images;
        for image in &mut images {
            image.workloads.push(checks::kit::kube::WaitingWorkload::default());
        }
        let waiting = WaitingPods { images, ..WaitingPods::default() };
        Found { api: None, waiting: Some(Rc::new(waiting)), events: vec![], scope: String::new() }
    }

    fn target(text: &str) -> Target {
        use checks::kit::{Cloud, RegistryOrImage, rules::Platform};
        Target {
            asked: RegistryOrImage::read(text, Cloud::default(), false),
            text: text.to_owned(),
            platform: Platform::here(),
            is_platform_assumed: true,
            containerd: None,
            full: false,
            response_wait: None,
            flags: vec![],
            own_flags: vec![],
            named_at: vec![],
            uses: checks::kit::target::ManifestUses::default(),
            sign_in: checks::kit::target::SignIn::default(),
            control_plane: checks::kit::target::ControlPlane::default(),
        }
    }

    #[test]
    fn each_image_is_looked_at_before_one_is_looked_at_twice() {
        let found = found(vec![
            pods("c.io/a:1", &[("n1", 5), ("n2", 5), ("n3", 5)]),
            pods("c.io/b:1", &[("n4", 1)]),
            pods("c.io/c:1", &[("n2", 1)]),
        ]);
        let chosen =
            found.choose(Limits { images: 9, nodes: 2, once: false }, |text, _| target(text));
        assert_eq!(chosen.nodes, ["n2", "n4"]);
        assert_eq!(chosen.asked["n2"], [0, 2]);
        assert_eq!(chosen.asked["n4"], [1]);
        // Where one node is enough for an image, no other is asked for it.
        let chosen =
            found.choose(Limits { images: 9, nodes: 9, once: true }, |text, _| target(text));
        let asked: Vec<(&str, &[usize])> =
            chosen.asked.iter().map(|(node, places)| (&**node, &**places)).collect();
        assert_eq!(asked, [("n2", &[0, 2][..]), ("n4", &[1])]);
        assert_eq!(chosen.nodes, ["n2", "n4"]);
        // Of those that are too many it is told that no node looked.
        let chosen =
            found.choose(Limits { images: 1, nodes: 9, once: false }, |text, _| target(text));
        assert_eq!((chosen.targets.len(), chosen.nodes.len()), (3, 3));
        assert!(chosen.asked.values().all(|places| places == &[0]));
    }

    #[test]
    fn an_image_that_no_runtime_accepts_needs_no_node() {
        let found = found(vec![
            pods("c.io/A:1", &[("n1", 1)]),
            pods("docker.io/library/--help", &[("n1", 1)]),
        ]);
        let chosen =
            found.choose(Limits { images: 9, nodes: 9, once: false }, |text, _| target(text));
        assert_eq!(chosen.nodes, [""; 0]);
        assert_eq!(chosen.unreadable().len(), 2);
    }
}
