//! An image that a node has already: whether its kubelet lets the pods use it, and why one is pulled all
//! the same.
//!
//! Source: kubernetes, `pkg/kubelet/images/pullmanager`, `MustAttemptImagePull`: where it asks for a pull
//! and the pull policy is Never, the kubelet says that the image is not present.

use std::collections::BTreeSet;

use crate::{
    compared::Look,
    kit::{
        engine::{Finding, StepEnd},
        kube::{ImagePods, WaitingWorkload},
    },
    pod::{
        Problem,
        on_node::{HeldImage, PulledWith, asks_who},
    },
    steps,
};

/// The policy of a kubelet that is given none (kubernetes 1.35,
/// `ImagePullCredentialsVerificationPolicy` of its configuration).
const DEFAULT: &str = "NeverVerifyPreloadedImages";
/// How many nodes are named.
const MAX_NAMED: usize = 5;

/// What the kubelet's own files on a node say of who may use the image.
struct OfKubelet {
    /// Its policy.
    policy: String,
    /// Whether every pod may use the image.
    is_for_all: bool,
    /// Whether there is a record of it.
    has_record: bool,
    /// With what it was pulled.
    recorded: Option<String>,
}

impl OfKubelet {
    /// Returns what was seen of them from that node.
    fn on(looks: &[impl Look], node: &str) -> Option<Self> {
        let look = looks.iter().find(|look| look.vantage().node() == Some(node))?;
        let Some(StepEnd::Passed { saw }) = look.end(steps::KUBELET.name) else { return None };
        let text = |name: &str| saw.get(name).and_then(|value| value.as_str()).map(str::to_owned);
        Some(Self {
            policy: text("credential_verification").unwrap_or_else(|| DEFAULT.to_owned()),
            is_for_all: saw.get("pulled_for_all").is_some_and(|value| *value == true),
            has_record: saw.contains_key("pulled_for_all"),
            recorded: text("pulled_with"),
        })
    }

    /// Returns whether it may keep the image from a pod.
    fn may_withhold(&self) -> bool {
        self.policy != "NeverVerify" && !self.is_for_all
    }

    /// Returns whether it keeps the image from the pods of a workload, as far as that is known: by name,
    /// for a secret is also known by its id and its content.
    fn withholds(&self, it: &WaitingWorkload) -> Option<bool> {
        let recorded = self.recorded.as_deref().unwrap_or_default();
        let is_recorded = |one: String| recorded.split(", ").any(|known| known == one);
        let mut secrets = it.secrets.iter().map(|name| format!("secret {}/{name}", it.namespace));
        let account = format!("serviceaccount {}/{}", it.namespace, it.account);
        if !self.may_withhold() || secrets.any(is_recorded) || is_recorded(account) {
            return Some(false);
        }
        match self.policy.as_str() {
            _ if self.has_record => Some(true),
            "AlwaysVerify" => Some(true),
            // What the kubelet did not pull is for everybody.
            DEFAULT => Some(false),
            _ => None,
        }
    }
}

/// Returns that nodes have the image that their pods wait for, and why it is pulled all the same.
pub(crate) fn present(pods: &ImagePods, looks: &[impl Look]) -> Option<Finding> {
    let held = |policy: &str| {
        let there = pods.workloads.iter().filter(|it| it.held_by.is_some());
        there.filter(|it| it.policy == policy).collect::<Vec<_>>()
    };
    let mut checked = held("IfNotPresent");
    checked.retain(|it| it.held_by.as_deref().is_some_and(asks_who));
    // What the kubelet's own files rule out is not said.
    checked.retain(|it| OfKubelet::on(looks, &it.node).is_none_or(|own| own.may_withhold()));
    if let Some(first) = checked.first() {
        let own = OfKubelet::on(looks, &first.node);
        let (policy, recorded) = own.map(|own| (own.policy, own.recorded)).unzip();
        let held = HeldImage {
            count: pods_of(&checked),
            nodes: nodes_of(&checked),
            node: first.node.clone(),
            version: first.held_by.clone().unwrap_or_default(),
            policy,
            recorded: recorded.flatten(),
            with: PulledWith::default(),
            workload: first.workload.clone(),
            namespace: first.namespace.clone(),
        };
        return Some(Problem::CachedImageChecked { held }.into());
    }
    let always = held("Always");
    let first = always.first()?;
    let problem = Problem::PulledThoughPresent {
        count: pods_of(&always),
        nodes: nodes_of(&always),
        workload: first.workload.clone(),
        namespace: first.namespace.clone(),
    };
    Some(problem.into())
}

/// Returns what is wrong where every pod has the policy never to pull, and its node lacks the image:
/// both stand in the pod itself, so no words of the kubelet are believed.
pub(crate) fn never_pulled(pods: &ImagePods, looks: &[impl Look]) -> Option<Finding> {
    let first = pods.workloads.first().filter(|_| pods.are_never_pulled())?;
    let (count, image) = (pods.count, pods.image.clone());
    let nodes = named(&pods.nodes.keys().map(String::as_str).collect::<Vec<_>>());
    let (workload, namespace) = (first.workload.clone(), first.namespace.clone());
    let keeps = |it: &WaitingWorkload| it.held_by.as_deref().is_some_and(asks_who);
    if !pods.workloads.iter().all(keeps) {
        let problem = Problem::NeverPulled { count, image, nodes, workload, namespace };
        return Some(problem.into());
    }
    // Pods of another namespace may have what these lack.
    let may_use = |it: &&WaitingWorkload| {
        OfKubelet::on(looks, &it.node).and_then(|own| own.withholds(it)) == Some(false)
    };
    let kept: Vec<&WaitingWorkload> = pods.workloads.iter().filter(|it| !may_use(it)).collect();
    let (count, nodes) = if kept.is_empty() || kept.len() == pods.workloads.len() {
        (count, nodes)
    } else {
        (pods_of(&kept), nodes_of(&kept))
    };
    let of = *kept.first().unwrap_or(&first);
    let own = OfKubelet::on(looks, &of.node);
    let (policy, recorded) = own.map(|own| (own.policy, own.recorded)).unzip();
    let recorded = recorded.flatten();
    let held = HeldImage {
        count,
        nodes,
        node: of.node.clone(),
        version: of.held_by.clone().unwrap_or_default(),
        policy,
        with: recorded.as_deref().map(|recorded| PulledWith::of(recorded, of)).unwrap_or_default(),
        recorded,
        workload: of.workload.clone(),
        namespace: of.namespace.clone(),
    };
    Some(if kept.is_empty() {
        Problem::NeverPulledUnclear { held }.into()
    } else {
        Problem::CachedImageWithheld { held, image }.into()
    })
}

fn pods_of(list: &[&WaitingWorkload]) -> usize {
    list.iter().map(|it| it.count).sum()
}

fn nodes_of(list: &[&WaitingWorkload]) -> String {
    let nodes: BTreeSet<&str> = list.iter().map(|it| it.node.as_str()).collect();
    named(&nodes.into_iter().collect::<Vec<_>>())
}

/// Names the first of some nodes, and counts the rest.
pub(crate) fn named(nodes: &[&str]) -> String {
    let more = nodes.len().saturating_sub(MAX_NAMED);
    let named = nodes[..nodes.len() - more].join(", ");
    if more == 0 { named } else { format!("{named}, … +{more}") }
}
