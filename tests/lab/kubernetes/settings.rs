//! The settings of a cluster. `healthy.toml` documents each value.

use std::collections::BTreeMap;

use serde::Deserialize;
use serde_json::{Value, json};

use super::pods::{KubernetesPod, Workload};
use super::secrets::{KubernetesSecret, ServiceAccount};

/// A cluster.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Kubernetes {
    /// The text of `~/.kube/config`; empty for none.
    pub kubeconfig: String,
    /// How the API server responds to every request.
    pub answer: ApiAnswer,
    /// What RBAC refuses: `create jobs.batch`, `get pods/log`.
    pub denied: Vec<String>,
    /// What the API server fails to do, in the same words, and with which status.
    pub fails: BTreeMap<String, u16>,
    /// The namespaces.
    pub namespaces: Vec<String>,
    /// How admission refuses an object, by its kind: `jobs`, `pods`.
    pub refuses: BTreeMap<String, Refused>,
    /// Whether a webhook refuses every dry run.
    pub no_dry_runs: bool,
    /// What admission changes in a pod: `sidecar`, `image`; nothing if empty.
    pub rewrites: String,
    /// What a webhook for pods that takes no dry runs changes in those that Jobs create.
    pub rewrites_late: String,
    /// Whether somebody makes a pod with the labels of each of ours, which reports before it that all is
    /// well.
    pub forges: bool,
    /// The images that admission replaces in pods.
    pub mirrors: BTreeMap<String, String>,
    /// Whether Jobs are deleted when they are asked to be.
    pub deletes: bool,
    /// The pods by their names.
    pub pods: BTreeMap<String, KubernetesPod>,
    /// The workloads by their resource and name.
    pub workloads: BTreeMap<String, Workload>,
    /// The pull secrets by namespace and name.
    pub secrets: BTreeMap<String, KubernetesSecret>,
    /// The service accounts by namespace and name.
    pub accounts: BTreeMap<String, ServiceAccount>,
    /// The nodes by their names.
    pub nodes: BTreeMap<String, KubernetesNode>,
}

/// How an API server responds.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "kebab-case")]
#[expect(missing_docs, reason = "healthy.toml says what they are")]
pub enum ApiAnswer {
    #[default]
    Normal,
    Forbidden,
    Outage,
    Html,
}

/// How admission refuses an object.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Refused {
    /// The HTTP status.
    pub status: u16,
    /// The message; `NAME` stands for that of the object.
    pub message: String,
    /// Whether only the Job's own attempts to create its pods are refused, and no dry run.
    #[serde(default)]
    pub late: bool,
    /// The image that is refused; every one if empty.
    #[serde(default)]
    pub image: String,
}

/// A node.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct KubernetesNode {
    /// The scenario that is its world, for the agent in its pods.
    #[serde(default)]
    pub world: String,
    /// Its operating system.
    #[serde(default = "linux")]
    pub os: String,
    /// Its processor.
    #[serde(default = "amd64")]
    pub architecture: String,
    /// The version of its kubelet.
    #[serde(default = "version")]
    pub version: String,
    /// Whether its kubelet reports.
    #[serde(default = "yes")]
    pub ready: bool,
    /// More labels.
    #[serde(default)]
    pub labels: BTreeMap<String, String>,
    /// The keys of taints, which let no pod be scheduled there.
    #[serde(default)]
    pub taints: Vec<String>,
    /// The images that it has.
    #[serde(default = "images")]
    pub images: Vec<String>,
    /// Whether its images are gone since it listed them.
    #[serde(default)]
    pub gone: bool,
    /// The reason for which the container waits without end, and the message.
    #[serde(default)]
    pub waits: Option<(String, String)>,
    /// The reason for which the kubelet takes no pod, and the message.
    #[serde(default)]
    pub rejects: Option<(String, String)>,
    /// The reason and the exit code with which the container ends, without a message.
    #[serde(default)]
    pub ends: Option<(String, i32)>,
    /// The termination message in place of the agent's.
    #[serde(default)]
    pub message: Option<String>,
    /// How many nodes there are like this one: their names end in a number.
    #[serde(default = "one")]
    pub copies: usize,
}

impl KubernetesNode {
    /// Returns what is asked of it.
    pub(super) fn spec(&self) -> Value {
        let taints = self.taints.iter().map(|key| json!({ "key": key, "effect": "NoSchedule" }));
        json!({ "taints": taints.collect::<Vec<_>>() })
    }
}

fn linux() -> String {
    "linux".into()
}

fn version() -> String {
    "v1.34.4".into()
}

fn amd64() -> String {
    "amd64".into()
}

fn yes() -> bool {
    true
}

fn one() -> usize {
    1
}

fn images() -> Vec<String> {
    ["mcr.microsoft.com/oss/v2/kubernetes/pause:3.10.1", "mcr.microsoft.com/aks/ip-masq-agent:v1"]
        .map(str::to_owned)
        .into()
}
