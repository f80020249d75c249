//! Folds what many pods wait for: by image, and for each by workload.

use std::collections::BTreeMap;

use jiff::Timestamp;

use super::{
    message::Message,
    objects::Pod,
    said::Events,
    symptom::{self, Symptom},
    template::Templates,
};
use crate::kit::{
    kube::{ImagePlace, ImagePods, KubeEvent, List, WaitingWorkload},
    sanitize_text,
    target::image_of_pod,
};

/// How many pods of a workload are named.
const MAX_NAMED: usize = 3;

/// How many pull secrets of a pod are named.
const MAX_SECRETS: usize = 20;

/// What waits, by image.
#[derive(Debug, Default)]
pub(super) struct Folded {
    images: BTreeMap<String, OfImage>,
    templates: Templates,
}

#[derive(Debug, Default)]
struct OfImage {
    count: usize,
    nodes: BTreeMap<String, usize>,
    /// By what the pods that are told of together have in common: all that can decide why they wait.
    workloads: BTreeMap<WaitingWorkload, WaitingWorkload>,
}

impl Folded {
    /// Returns nothing yet, with the templates of those that made the pods.
    pub(super) fn of(templates: Templates) -> Self {
        Self { templates, ..Self::default() }
    }

    /// Takes what one pod waits for.
    pub(super) fn take(&mut self, pod: &Pod, symptoms: &[Symptom<'_>]) {
        let mut images: Vec<String> = vec![];
        for symptom in symptoms {
            let image = image_of_pod(symptom.image);
            let of_image = self.images.entry(image.clone()).or_default();
            let is_first = !images.contains(&image);
            images.push(image);
            of_image.take(pod, symptom, &self.templates, is_first);
        }
    }

    /// Returns the images, those that most pods wait for first.
    pub(super) fn images(self) -> Vec<ImagePods> {
        let mut images: Vec<ImagePods> =
            self.images.into_iter().map(|(image, folded)| folded.image(image)).collect();
        images.sort_by_key(|image| std::cmp::Reverse(image.count));
        images
    }
}

impl OfImage {
    fn take(&mut self, pod: &Pod, symptom: &Symptom<'_>, templates: &Templates, is_first: bool) {
        let node = sanitize_text(&pod.spec.node_name);
        if is_first {
            self.count += 1;
            *self.nodes.entry(node.clone()).or_default() += 1;
        }
        let alike = WaitingWorkload {
            namespace: sanitize_text(&pod.metadata.namespace),
            workload: workload(pod),
            container: sanitize_text(symptom.container),
            place: symptom.place,
            reason: sanitize_text(symptom.reason),
            policy: sanitize_text(symptom.policy),
            account: account(pod),
            // The runtime pulls the image of a sandbox itself, with what it has.
            secrets: if symptom.place == ImagePlace::Sandbox { vec![] } else { secrets(pod) },
            one_of_several: symptom.one_of_several,
            asked: templates.asked(pod, symptom.place, symptom.container),
            node,
            ..WaitingWorkload::default()
        };
        let entry = self.workloads.entry(alike.clone()).or_insert(alike);
        entry.count += 1;
        entry.retried_in = entry.retried_in.max(symptom.retried_in);
        entry.pulling_for = entry.pulling_for.max(symptom.pulling_for);
        if entry.pods.len() < MAX_NAMED {
            entry.pods.push(sanitize_text(symptom.pod));
        }
        // Words that are known say more than others.
        if !symptom.message.is_empty() && (entry.said.is_empty() || entry.suspects.is_empty()) {
            let Message { quoted, suspects, .. } = Message::read(&symptom.message);
            if entry.said.is_empty() || !suspects.is_empty() {
                entry.said = quoted;
                entry.suspects = suspects.into_iter().map(str::to_owned).collect();
            }
        }
    }

    fn image(self, image: String) -> ImagePods {
        let mut workloads: Vec<WaitingWorkload> = self.workloads.into_values().collect();
        // A stable sort, which leaves the rest to the order of the map.
        workloads.sort_by(|one, other| {
            other.count.cmp(&one.count).then_with(|| texts(one).cmp(&texts(other)))
        });
        let (count, nodes) = (self.count, self.nodes);
        ImagePods { image, count, nodes, workloads, ..ImagePods::default() }
    }
}

/// Returns the texts by which workloads are ordered.
fn texts(it: &WaitingWorkload) -> [&str; 5] {
    [&it.namespace, &it.workload, &it.node, &it.container, &it.reason]
}

/// Returns the service account of a pod.
fn account(pod: &Pod) -> String {
    let name = sanitize_text(&pod.spec.service_account_name);
    if name.is_empty() { "default".to_owned() } else { name }
}

/// Returns the pull secrets that a pod names.
fn secrets(pod: &Pod) -> Vec<String> {
    let names = pod.spec.image_pull_secrets.iter().map(|secret| sanitize_text(&secret.name));
    names.filter(|name| !name.is_empty()).take(MAX_SECRETS).collect()
}

/// Returns what made a pod, as people know it: the Deployment behind its `ReplicaSet`.
fn workload(pod: &Pod) -> String {
    let meta = &pod.metadata;
    let Some(owner) = meta.owner() else { return format!("pod/{}", sanitize_text(&meta.name)) };
    let hash = meta.labels.template_hash.as_deref().filter(|_| owner.kind == "ReplicaSet");
    let of_deployment = hash.and_then(|hash| owner.name.strip_suffix(hash)?.strip_suffix('-'));
    match of_deployment {
        Some(name) => format!("deployment/{}", sanitize_text(name)),
        None => {
            format!("{}/{}", sanitize_text(&owner.kind).to_lowercase(), sanitize_text(&owner.name))
        }
    }
}

/// Returns the images that the pods of a list wait for, by the events of another, both as the API
/// sends them; nothing where they are no lists.
pub fn images_of(pods: &[u8], events: &[u8], now: Timestamp) -> Option<Vec<ImagePods>> {
    let pods: List<Pod> = serde_json::from_slice(pods).ok()?;
    let listed: List<KubeEvent> = serde_json::from_slice(events).ok()?;
    let (mut events, mut folded) = (Events::default(), Folded::default());
    listed.items.iter().for_each(|event| events.take(event));
    for pod in pods.items.iter().filter(|pod| symptom::waits(pod)) {
        folded.take(pod, &symptom::of(pod, &events, now));
    }
    Some(folded.images())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_bare_word_and_its_long_name_are_one_image() {
        let pod = |name: &str, image: &str| {
            serde_json::json!({
                "metadata": { "name": name, "namespace": "shop", "uid": name },
                "spec": { "nodeName": "n1", "containers": [{ "name": "app", "image": image }] },
                "status": { "containerStatuses": [
                    { "name": "app", "state": { "waiting": { "reason": "ErrImagePull" } } },
                ] },
            })
        };
        let pods = [pod("a", "nginx"), pod("b", "docker.io/library/nginx"), pod("c", "nginx:1")];
        let list = serde_json::json!({ "items": pods }).to_string();
        let images = images_of(list.as_bytes(), br#"{"items":[]}"#, Timestamp::UNIX_EPOCH).unwrap();
        let counts: Vec<(&str, usize)> =
            images.iter().map(|image| (&*image.image, image.count)).collect();
        assert_eq!(counts, [("docker.io/library/nginx", 2), ("nginx:1", 1)]);
    }

    /// In the middle of a rollout a Deployment has pods of two templates.
    #[test]
    fn pods_of_a_workload_that_differ_in_what_decides_are_not_one() {
        let pod = |name: &str, changes: serde_json::Value| {
            let mut container = serde_json::json!({ "name": "app", "image": "c.io/a:1" });
            let mut spec = serde_json::json!({ "nodeName": "n1" });
            for (key, value) in changes.as_object().unwrap() {
                let is_of_container = key == "imagePullPolicy";
                let place = if is_of_container { &mut container } else { &mut spec };
                place[key] = value.clone();
            }
            spec["containers"] = serde_json::json!([container]);
            let owner =
                serde_json::json!({ "kind": "ReplicaSet", "name": "web-1", "controller": true });
            serde_json::json!({
                "metadata": { "name": name, "namespace": "shop", "uid": name,
                    "ownerReferences": [owner], "labels": { "pod-template-hash": "1" } },
                "spec": spec,
                "status": { "containerStatuses": [
                    { "name": "app", "state": { "waiting": { "reason": "ErrImagePull" } } },
                ] },
            })
        };
        for changes in [
            serde_json::json!({ "imagePullSecrets": [{ "name": "pull" }] }),
            serde_json::json!({ "serviceAccountName": "web" }),
            serde_json::json!({ "imagePullPolicy": "Always" }),
        ] {
            let same = serde_json::json!({});
            let pods = [pod("a", same.clone()), pod("b", changes.clone()), pod("c", same)];
            let list = serde_json::json!({ "items": pods }).to_string();
            let images =
                images_of(list.as_bytes(), br#"{"items":[]}"#, Timestamp::UNIX_EPOCH).unwrap();
            let counts: Vec<usize> = images[0].workloads.iter().map(|it| it.count).collect();
            assert_eq!(counts, [2, 1], "{changes}");
        }
    }
}
