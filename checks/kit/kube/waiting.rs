//! The pods that wait for an image, as the cluster tells: what the step that finds them hands on, and
//! what travels with a target.

use std::collections::{BTreeMap, BTreeSet};

use serde::{Deserialize, Serialize};
use strum::{Display, EnumIter, IntoEnumIterator, IntoStaticStr, VariantNames};

use super::credentials::{Attempt, PodCredentials};
use crate::kit::keyring::RegistryAnswer;

/// The reason of a container that runs and does not wait.
pub const RUNNING: &str = "Running";
/// The most workloads that can be named.
pub const MAX_NAMED: usize = 20;

/// Which pods are looked at.
#[derive(Clone, Debug, Default)]
pub struct PodScope {
    /// Whether those of every namespace are.
    pub everywhere: bool,
    /// Whether the images of the pods that run are looked at, and not those that pods wait for.
    pub running: bool,
    /// `-l`: a selector on the labels of pods.
    pub selector: Option<String>,
    /// The pods and workloads that were named; all if there are none.
    pub named: Vec<(WorkloadKind, String)>,
}

/// What has pods, or is one.
#[derive(Clone, Copy, Debug, Display, PartialEq, Eq, EnumIter)]
#[strum(serialize_all = "lowercase")]
pub enum WorkloadKind {
    /// A pod itself.
    Pod,
    /// A Deployment.
    Deployment,
    /// A `ReplicaSet`.
    ReplicaSet,
    /// A `StatefulSet`.
    StatefulSet,
    /// A `DaemonSet`.
    DaemonSet,
    /// A Job.
    Job,
    /// A `CronJob`.
    CronJob,
}

impl WorkloadKind {
    /// Reads the name of a kind as kubectl takes it: `deployment`, `deployments`, `deploy`,
    /// `deployments.apps`.
    pub fn read(text: &str) -> Option<Self> {
        let lower = text.to_ascii_lowercase();
        let name = lower.split('.').next().unwrap_or_default();
        Self::iter().find(|kind| {
            let long = kind.to_string();
            name == long || name.strip_suffix('s') == Some(&long) || name == kind.short()
        })
    }

    const fn short(self) -> &'static str {
        match self {
            WorkloadKind::Pod => "po",
            WorkloadKind::Deployment => "deploy",
            WorkloadKind::ReplicaSet => "rs",
            WorkloadKind::StatefulSet => "sts",
            WorkloadKind::DaemonSet => "ds",
            WorkloadKind::Job => "job",
            WorkloadKind::CronJob => "cj",
        }
    }

    /// Returns its API group.
    pub const fn group(self) -> &'static str {
        match self {
            WorkloadKind::Pod => "",
            WorkloadKind::Job | WorkloadKind::CronJob => "batch",
            _ => "apps",
        }
    }

    /// Returns its resource, as RBAC and the paths of the API name it.
    pub const fn resource(self) -> &'static str {
        match self {
            WorkloadKind::Pod => "pods",
            WorkloadKind::Deployment => "deployments",
            WorkloadKind::ReplicaSet => "replicasets",
            WorkloadKind::StatefulSet => "statefulsets",
            WorkloadKind::DaemonSet => "daemonsets",
            WorkloadKind::Job => "jobs",
            WorkloadKind::CronJob => "cronjobs",
        }
    }

    /// Returns the path of its objects in a namespace.
    pub fn path(self, namespace: &str) -> String {
        let group = match self.group() {
            "" => "/api/v1".to_owned(),
            group => format!("/apis/{group}/v1"),
        };
        format!("{group}/namespaces/{namespace}/{}", self.resource())
    }
}

/// The pods of a cluster that wait for images.
#[derive(Debug, Default, Serialize)]
pub struct WaitingPods {
    /// How many pods were looked at.
    pub pods: usize,
    /// How many of them wait, where those are looked for.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub waiting: Option<usize>,
    /// How many of them run, where those are looked for.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub running: Option<usize>,
    /// The images that they wait for, those of most pods first.
    #[serde(skip)]
    pub images: Vec<ImagePods>,
    /// The workloads that have no pod, because none may be created.
    #[serde(skip)]
    pub not_created: Vec<NotCreated>,
    /// The credentials that the pods present, to be tried.
    #[serde(skip)]
    pub attempts: Vec<Attempt>,
    /// The resource group of the cluster's nodes in Azure, where one of them names it.
    #[serde(skip)]
    pub node_group: Option<String>,
}

/// The pods that wait for one image.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct ImagePods {
    /// The image, as the pods name it; a bare word as a runtime reads it.
    pub image: String,
    /// How many pods.
    pub count: usize,
    /// How many on each node.
    pub nodes: BTreeMap<String, usize>,
    /// Their workloads on each node, those with most pods first; not all where a target has many.
    pub workloads: Vec<WaitingWorkload>,
    /// The credentials that they present.
    pub credentials: Vec<PodCredentials>,
    /// How many pods are of workloads that are not among these, and unlike each of them.
    #[serde(skip_serializing_if = "is_none")]
    pub more: usize,
    /// Whether manifests describe the pods, and let some of them run on other nodes than the rest.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub are_scattered: bool,
    /// What the registry answers to an anonymous client, where that was tried.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub anonymous: Option<RegistryAnswer>,
}

impl ImagePods {
    /// Returns whether manifests describe the pods: none is there yet.
    pub fn are_planned(&self) -> bool {
        !self.workloads.is_empty() && self.workloads.iter().all(WaitingWorkload::is_planned)
    }

    /// Returns whether the pods run: none waits for the image.
    pub fn run(&self) -> bool {
        !self.workloads.is_empty() && self.workloads.iter().all(|it| it.reason == RUNNING)
    }

    /// Returns what the pods of a workload present, where that was looked at.
    pub fn credentials_of(&self, it: &WaitingWorkload) -> Option<&PodCredentials> {
        self.credentials.iter().find(|set| set.is_of(&it.namespace, &it.account, &it.secrets))
    }

    /// Returns whether the kubelet pulls for none of the pods.
    pub fn are_never_pulled(&self) -> bool {
        !self.workloads.is_empty() && self.workloads.iter().all(WaitingWorkload::is_never_pulled)
    }

    /// Returns the pods of these workloads alone.
    #[must_use]
    pub fn only(&self, places: &BTreeSet<usize>) -> Self {
        if places.len() == self.workloads.len() {
            return self.clone();
        }
        let mut nodes = BTreeMap::<String, usize>::new();
        let workloads: Vec<WaitingWorkload> =
            places.iter().filter_map(|place| self.workloads.get(*place)).cloned().collect();
        for it in &workloads {
            *nodes.entry(it.node.clone()).or_default() += it.count + it.alike;
        }
        Self { count: self.count_of(places), nodes, workloads, ..self.clone() }
    }

    /// Counts the pods of these workloads. A pod that waits in two containers is in two of them, and
    /// counts once where all of its node are among these.
    pub fn count_of(&self, places: &BTreeSet<usize>) -> usize {
        let of_node = |(node, all): (&String, &usize)| {
            let there = self.workloads.iter().enumerate().filter(|(_, it)| it.node == *node);
            let (ours, others): (Vec<_>, Vec<_>) = there.partition(|(at, _)| places.contains(at));
            let ours: usize = ours.into_iter().map(|(_, it)| it.count + it.alike).sum();
            if others.is_empty() && ours > 0 && self.more == 0 { *all } else { ours.min(*all) }
        };
        self.nodes.iter().map(of_node).sum()
    }
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde hands a reference on")]
const fn is_none(count: &usize) -> bool {
    *count == 0
}

/// The pods of a workload that wait for an image in the same container, on the same node.
#[derive(Clone, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(default)]
pub struct WaitingWorkload {
    /// The namespace.
    pub namespace: String,
    /// The workload, such as `deployment/web`; a pod that none has made is named itself.
    pub workload: String,
    /// The container or the volume.
    pub container: String,
    /// Which it is.
    pub place: ImagePlace,
    /// Why it waits, in the kubelet's word: `ImagePullBackOff`.
    pub reason: String,
    /// Its pull policy.
    pub policy: String,
    /// The service account of its pods.
    pub account: String,
    /// The pull secrets that its pods name, in their order.
    pub secrets: Vec<String>,
    /// The image that the template of the workload names, where the pods have another.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub asked: Option<String>,
    /// The version of the node's kubelet, where the node has the image.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub held_by: Option<String>,
    /// Why it is not known whether the service account adds pull secrets, where no pod is there yet.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub account_said: Option<String>,
    /// How many pods.
    pub count: usize,
    /// How many pods of workloads that do not travel along are like these, on the same node.
    #[serde(skip_serializing_if = "is_none")]
    pub alike: usize,
    /// Whether only one of several images of its pods fails, and nothing tells which.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub one_of_several: bool,
    /// The names of the first of them.
    pub pods: Vec<String>,
    /// The node.
    pub node: String,
    /// What the kubelet says.
    pub said: String,
    /// The failure modes that its words fit, the likeliest first.
    pub suspects: Vec<String>,
    /// In how many seconds at most the kubelet tries again, where an event tells when it last failed.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub retried_in: Option<i64>,
    /// For how many seconds the kubelet has been pulling at most, where it has not ended.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub pulling_for: Option<i64>,
}

impl WaitingWorkload {
    /// Returns what the kubelet says, if it says anything.
    pub fn words(&self) -> Option<&str> {
        Some(self.said.as_str()).filter(|said| !said.is_empty())
    }

    /// Returns whether the kubelet never pulls for it: it lacks an image that the pods may use, and their
    /// policy is Never.
    pub fn is_never_pulled(&self) -> bool {
        self.reason == "ErrImageNeverPull" && self.policy == "Never"
    }

    /// Returns whether a manifest describes it: its pods are on no node yet.
    pub const fn is_planned(&self) -> bool {
        self.node.is_empty()
    }

    /// Returns whether its pods are on that node, or may come there.
    pub fn is_on(&self, node: &str) -> bool {
        self.is_planned() || self.node == node
    }

    /// Returns whether what decides for this one decides for the other, too, whatever their nodes are.
    pub fn is_like(&self, other: &Self) -> bool {
        let Self { namespace, place, reason, policy, account, secrets, .. } = self;
        (namespace, reason, policy, account)
            == (&other.namespace, &other.reason, &other.policy, &other.account)
            && (*place, secrets) == (other.place, &other.secrets)
    }

    /// Returns its name where a patch of its template lets its pods present one more secret and changes
    /// nothing else, and where its manifest has to be edited for that.
    ///
    /// A template that names a secret no longer gets those of the service account. The command must name
    /// every secret of the pods, and it knows only this one. Pods of other kinds are not replaced: those of
    /// a `StatefulSet` wait for one another, and a Job cannot be changed.
    pub fn patched(&self, known: Option<&str>) -> (Option<String>, Option<String>) {
        let is_of_kind = |kind: &&str| self.workload.starts_with(*kind);
        let can_be = !self.is_planned()
            && ["deployment/", "daemonset/"].iter().any(is_of_kind)
            && self.secrets.iter().all(|one| Some(one.as_str()) == known);
        let name = Some(self.workload.clone());
        if can_be { (name, None) } else { (None, name) }
    }
}

/// Where a pod names an image.
#[derive(
    Clone,
    Copy,
    Debug,
    Default,
    PartialEq,
    Eq,
    PartialOrd,
    Ord,
    Serialize,
    Deserialize,
    IntoStaticStr,
    VariantNames,
)]
#[serde(rename_all = "kebab-case")]
#[strum(serialize_all = "kebab-case")]
pub enum ImagePlace {
    /// In a container.
    #[default]
    Container,
    /// In an init container.
    InitContainer,
    /// In an ephemeral container, as `kubectl debug` adds them.
    EphemeralContainer,
    /// In a volume.
    ImageVolume,
    /// Nowhere: the runtime takes it for the pod itself, before its containers.
    Sandbox,
}

/// A workload that has no pod.
#[derive(Clone, Debug, PartialEq)]
pub struct NotCreated {
    /// The namespace.
    pub namespace: String,
    /// Its kind, such as `ReplicaSet`.
    pub kind: String,
    /// Its name.
    pub name: String,
    /// What the API server said, as an event repeats it.
    pub said: String,
    /// Whether it is known to want a pod and to have none; the event may be an hour old.
    pub is_certain: bool,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn kinds_are_read_as_kubectl_reads_them() {
        for (text, kind) in [
            ("deploy", WorkloadKind::Deployment),
            ("deployments.apps", WorkloadKind::Deployment),
            ("Deployment", WorkloadKind::Deployment),
            ("po", WorkloadKind::Pod),
            ("pods", WorkloadKind::Pod),
            ("sts", WorkloadKind::StatefulSet),
            ("job", WorkloadKind::Job),
            ("jobs.batch", WorkloadKind::Job),
            ("cronjob", WorkloadKind::CronJob),
        ] {
            assert_eq!(WorkloadKind::read(text), Some(kind), "{text}");
        }
        for text in ["", "s", "node", "svc"] {
            assert_eq!(WorkloadKind::read(text), None, "{text}");
        }
        let path = WorkloadKind::CronJob.path("shop");
        assert_eq!(path, "/apis/batch/v1/namespaces/shop/cronjobs");
    }
}
