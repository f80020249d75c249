//! Is a pull needed at all? Which of the images that pods wait for their node has already, as its status
//! lists them: then it is the pull policy that asks for a pull, or the kubelet keeps the image from this
//! pod.

use std::collections::{BTreeMap, HashSet};

use futures::{StreamExt, stream};
use serde::Serialize;

use crate::kit::{
    Cloud, Cx, RegistryOrImage,
    kube::{AT_ONCE, Api, ImagePods, Node, WaitingWorkload},
    sanitize_text,
    target::image_of_pod,
};

/// The most nodes that are read.
const MAX_NODES: usize = 10;
/// The most names of a node that are compared: it lists fifty images at most.
const MAX_NAMES: usize = 500;

/// The label by which a node of AKS names the resource group that it is in.
const GROUP: &str = "kubernetes.azure.com/cluster";

/// An image that nodes have, for the pods that wait for it there.
#[derive(Serialize)]
pub struct HeldImage {
    /// How many pods.
    pub count: usize,
    /// The nodes.
    pub nodes: String,
    /// One of them.
    pub node: String,
    /// The version of its kubelet.
    pub version: String,
    /// Its imagePullCredentialsVerificationPolicy, where its files were read.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub policy: Option<String>,
    /// The secrets and accounts with which it pulled the image, by its records.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub recorded: Option<String>,
    /// The first of these secrets, as commands name it.
    #[serde(flatten)]
    pub with: PulledWith,
    /// One of the workloads.
    pub workload: String,
    /// Its namespace.
    pub namespace: String,
}

/// A secret with which an image was pulled, and what lets the pods of a workload present it.
#[derive(Default, Serialize)]
pub struct PulledWith {
    /// Its name, where it is in the namespace of the pods.
    #[serde(skip_serializing_if = "Option::is_none")]
    own_secret: Option<String>,
    /// Its name, where it is in another namespace: no pod of this one can name it.
    #[serde(skip_serializing_if = "Option::is_none")]
    other_secret: Option<String>,
    /// That namespace.
    #[serde(skip_serializing_if = "Option::is_none")]
    other_namespace: Option<String>,
    /// The workload, where a patch of its template lets its pods present one more secret.
    #[serde(skip_serializing_if = "Option::is_none")]
    patched: Option<String>,
    /// The workload, where its manifest has to be edited for that.
    #[serde(skip_serializing_if = "Option::is_none")]
    by_hand: Option<String>,
}

impl PulledWith {
    /// Reads the first secret of what the kubelet recorded: `secret team/pull, serviceaccount a/b`.
    pub fn of(recorded: &str, it: &WaitingWorkload) -> Self {
        let secrets = recorded.split(", ").filter_map(|one| one.strip_prefix("secret "));
        let (own, others): (Vec<_>, Vec<_>) = secrets
            .filter_map(|one| one.split_once('/'))
            .partition(|(namespace, _)| *namespace == it.namespace);
        let other = others.first().filter(|_| own.is_empty());
        let (patched, by_hand) = it.patched(None);
        Self {
            own_secret: own.first().map(|(_, name)| (*name).to_owned()),
            other_secret: other.map(|(_, name)| (*name).to_owned()),
            other_namespace: other.map(|(namespace, _)| (*namespace).to_owned()),
            patched,
            by_hand,
        }
    }
}

/// What a node tells of itself.
struct OnNode {
    /// The version of its kubelet.
    version: String,
    /// The images that it lists.
    images: HashSet<String>,
    /// Its resource group.
    group: Option<String>,
}

/// Notes of each workload whether its node has the image, and returns the resource group of the nodes.
/// What may not be read is not known.
pub(super) async fn examine(cx: &Cx, api: &Api, images: &mut [ImagePods]) -> Option<String> {
    let mut names: Vec<String> = vec![];
    for it in images.iter().flat_map(|of_image| &of_image.workloads) {
        if names.len() < MAX_NODES && !names.contains(&it.node) {
            names.push(it.node.clone());
        }
    }
    let reading = stream::iter(names).map(async |name| (node(cx, api, &name).await, name));
    let nodes: Vec<(Option<OnNode>, String)> = reading.buffered(AT_ONCE).collect().await;
    let nodes: BTreeMap<String, Option<OnNode>> =
        nodes.into_iter().map(|(node, name)| (name, node)).collect();
    for of_image in images {
        let Some(wanted) = normal(&of_image.image) else { continue };
        for it in &mut of_image.workloads {
            let Some(Some(node)) = nodes.get(&it.node) else { continue };
            it.held_by = node.images.contains(&wanted).then(|| node.version.clone());
        }
    }
    nodes.into_values().flatten().find_map(|node| node.group)
}

/// Returns the resource group of the nodes, by the first of them: those of a cluster have one.
pub(super) async fn group(cx: &Cx, api: &Api, images: &[ImagePods]) -> Option<String> {
    let first = images.first()?.nodes.keys().next()?;
    node(cx, api, first).await?.group
}

async fn node(cx: &Cx, api: &Api, name: &str) -> Option<OnNode> {
    let node = api.kube.named::<Node>(cx, "/api/v1/nodes", name).await.ok()?;
    let names = node.status.images.iter().flat_map(|image| &image.names).take(MAX_NAMES);
    Some(OnNode {
        version: sanitize_text(&node.status.node_info.kubelet_version),
        images: names.filter_map(|name| normal(name)).collect(),
        group: node.label(GROUP).map(sanitize_text),
    })
}

/// Returns an image as every other name of it reads.
fn normal(image: &str) -> Option<String> {
    let asked = RegistryOrImage::read(&image_of_pod(image), Cloud::default(), false).ok()?;
    let image = asked.image?;
    Some(format!("{}/{} {}", asked.registry, image.repository, image.reference))
}

/// Returns whether two names are of one image.
pub(super) fn is_same(one: &str, other: &str) -> bool {
    one == other || normal(one).is_some_and(|one| normal(other) == Some(one))
}

/// Returns whether a kubelet of this version asks who may use an image that is there: from 1.35 on
/// (KEP-2535; before, only where a feature gate is on).
pub fn asks_who(version: &str) -> bool {
    let mut parts = version.trim_start_matches('v').split('.').map(str::parse::<u32>);
    match (parts.next(), parts.next()) {
        (Some(Ok(major)), Some(Ok(minor))) => (major, minor) >= (1, 35),
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_image_is_known_by_each_of_its_names() {
        assert_eq!(normal("docker.io/library/nginx:1.27"), normal("nginx:1.27"));
        assert_eq!(normal("docker.io/library/nginx"), normal("docker.io/library/nginx:latest"));
        assert_ne!(normal("c.io/a:1"), normal("c.io/a:2"));
        assert_eq!(normal("c.io"), normal("docker.io/library/c.io"));
    }

    #[test]
    fn kubelets_ask_who_since_1_35() {
        for (version, asks) in [
            ("v1.34.4", false),
            ("v1.35.0", true),
            ("v1.36.1-aks", true),
            ("v2.0.0", true),
            ("", false),
        ] {
            assert_eq!(asks_who(version), asks, "{version}");
        }
    }
}
