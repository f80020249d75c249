//! What we read of the objects of Kubernetes: a few fields each, so that thousands of nodes fit.

use std::collections::BTreeMap;

use serde::{Deserialize, Deserializer, de::IgnoredAny};
use serde_json::Value;

use crate::kit::rules::Taint;

/// A list of objects.
#[derive(Debug, Deserialize)]
#[serde(try_from = "AnyKind<T>", bound = "T: Deserialize<'de>")]
pub struct List<T> {
    /// Where the list goes on, and its version.
    pub metadata: ListMeta,
    /// The objects.
    pub items: Vec<T>,
}

/// What may be a list. What holds no items, or says that it is something else, is no empty one.
#[derive(Deserialize)]
#[serde(bound = "T: Deserialize<'de>")]
struct AnyKind<T> {
    #[serde(default)]
    kind: String,
    #[serde(default)]
    metadata: ListMeta,
    #[serde(deserialize_with = "or_none")]
    items: Vec<T>,
}

impl<T> TryFrom<AnyKind<T>> for List<T> {
    type Error = &'static str;

    fn try_from(AnyKind { kind, metadata, items }: AnyKind<T>) -> Result<Self, Self::Error> {
        if !kind.is_empty() && !kind.ends_with("List") {
            return Err("not a list");
        }
        Ok(Self { metadata, items })
    }
}

/// What is known of a list.
#[derive(Debug, Default, Deserialize)]
#[serde(default, rename_all = "camelCase")]
pub struct ListMeta {
    /// Where the next page begins.
    pub r#continue: String,
    /// The version that a watch goes on from.
    pub resource_version: String,
}

/// The version of a list, to watch from.
pub type ResourceVersion = String;

/// What every object has.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default, rename_all = "camelCase")]
pub struct Meta {
    /// The name.
    pub name: String,
    /// The namespace.
    pub namespace: String,
    /// The id.
    pub uid: String,
    /// The version, to watch from.
    pub resource_version: String,
    /// The labels.
    pub labels: BTreeMap<String, String>,
    /// The annotations.
    pub annotations: BTreeMap<String, String>,
    /// Those that it belongs to.
    pub owner_references: Vec<Reference>,
}

/// An object of which only the name matters.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default)]
pub struct Object {
    /// Its metadata.
    pub metadata: Meta,
}

/// A ConfigMap, of which only the name matters.
pub type ConfigMap = Object;

/// A node.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default)]
pub struct Node {
    /// Its metadata.
    pub metadata: Meta,
    /// What is asked of it.
    pub spec: NodeSpec,
    /// Its state.
    pub status: NodeStatus,
}

/// What is asked of a node.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default)]
pub struct NodeSpec {
    /// Its taints.
    #[serde(deserialize_with = "or_none")]
    pub taints: Vec<Taint>,
}

/// The state of a node.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default, rename_all = "camelCase")]
pub struct NodeStatus {
    /// Its conditions: `Ready` and others.
    pub conditions: Vec<Condition>,
    /// What runs there.
    pub node_info: NodeInfo,
    /// The images that it has: the 50 largest (kubelet, `--node-status-max-images`).
    pub images: Vec<NodeImage>,
}

/// What runs on a node.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default, rename_all = "camelCase")]
pub struct NodeInfo {
    /// `amd64`, `arm64`.
    pub architecture: String,
    /// `linux`, `windows`.
    pub operating_system: String,
    /// Such as `Ubuntu 24.04.2 LTS`.
    pub os_image: String,
    /// Such as `v1.34.4`.
    pub kubelet_version: String,
    /// Such as `containerd://2.2.4`.
    pub container_runtime_version: String,
}

/// An image that a node has.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default, rename_all = "camelCase")]
pub struct NodeImage {
    /// Its names, by digest and by tag: `null` where a newer image took them.
    #[serde(deserialize_with = "or_none")]
    pub names: Vec<String>,
    /// Its size.
    pub size_bytes: u64,
}

fn or_none<'de, T: Deserialize<'de>, D: Deserializer<'de>>(from: D) -> Result<Vec<T>, D::Error> {
    Ok(Option::deserialize(from)?.unwrap_or_default())
}

/// A condition of a node, a Job or a pod.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default)]
pub struct Condition {
    /// Which: `Ready`, `Failed`.
    pub r#type: String,
    /// `True`, `False`, `Unknown`.
    pub status: String,
    /// Why.
    pub reason: String,
    /// Why, in words.
    pub message: String,
}

/// A Job.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default)]
pub struct Job {
    /// Its metadata.
    pub metadata: Meta,
    /// Its state.
    pub status: JobStatus,
}

/// The state of a Job.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default)]
pub struct JobStatus {
    /// `Complete`, `Failed`.
    pub conditions: Vec<Condition>,
}

/// A pod.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default)]
pub struct Pod {
    /// Its metadata.
    pub metadata: Meta,
    /// What it is to be, whole: admission may have changed any part of what was asked for.
    pub spec: Value,
    /// Its state.
    pub status: PodStatus,
}

/// The state of a pod.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default, rename_all = "camelCase")]
pub struct PodStatus {
    /// `Pending`, `Running`, `Succeeded`, `Failed`.
    pub phase: String,
    /// Why, where the kubelet refused it.
    pub reason: String,
    /// Why, in words.
    pub message: String,
    /// Its containers.
    pub container_statuses: Vec<ContainerStatus>,
}

/// The state of a container.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default)]
pub struct ContainerStatus {
    /// The container.
    pub name: String,
    /// How it is now.
    pub state: ContainerState,
}

/// How a container is.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default)]
pub struct ContainerState {
    /// It waits to start.
    pub waiting: Option<Waiting>,
    /// It runs.
    pub running: Option<IgnoredAny>,
    /// It has ended.
    pub terminated: Option<Terminated>,
}

/// Why a container waits.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default)]
pub struct Waiting {
    /// Such as `ErrImageNeverPull`.
    pub reason: String,
    /// In words.
    pub message: String,
}

/// How a container ended.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default, rename_all = "camelCase")]
pub struct Terminated {
    /// Its exit code.
    pub exit_code: i32,
    /// Such as `Completed`, `Error`, `OOMKilled`.
    pub reason: String,
    /// What it wrote as its termination message.
    pub message: String,
}

/// Names an object.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default)]
pub struct Reference {
    /// Such as `Job`.
    pub kind: String,
    /// Its name.
    pub name: String,
    /// Its id.
    pub uid: String,
    /// Of an owner: whether it made the object.
    pub controller: bool,
}

impl Node {
    /// Returns whether the kubelet says that pods can run there.
    pub fn is_ready(&self) -> bool {
        let mut conditions = self.status.conditions.iter();
        conditions.any(|condition| condition.r#type == "Ready" && condition.status == "True")
    }

    /// Returns a label.
    pub fn label(&self, name: &str) -> Option<&str> {
        self.metadata.labels.get(name).map(String::as_str)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_no_list_is_no_empty_one() {
        let read =
            |text: &str| serde_json::from_str::<List<Object>>(text).map(|list| list.items.len());
        assert_eq!(read(r#"{"kind":"PodList","items":[{"metadata":{"name":"a"}}]}"#).unwrap(), 1);
        assert_eq!(read(r#"{"items":[]}"#).unwrap(), 0);
        // Go writes an empty list so.
        assert_eq!(read(r#"{"kind":"PodList","items":null}"#).unwrap(), 0);
        for bad in ["{}", r#"{"kind":"Status","code":500}"#, r#"{"kind":"Pod","items":[]}"#, "[]"] {
            assert!(read(bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn an_image_without_names() {
        let read = |text: &str| serde_json::from_str::<NodeImage>(text).unwrap().names;
        assert!(read(r#"{"names":null,"sizeBytes":5120350}"#).is_empty());
        assert!(read(r#"{"sizeBytes":1}"#).is_empty());
        assert_eq!(read(r#"{"names":["a"]}"#), ["a"]);
    }
}
