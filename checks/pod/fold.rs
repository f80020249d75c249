//! Folds what many pods wait for: by image, and for each by workload.

use std::collections::{BTreeMap, HashMap};

use super::{message::Message, objects::Pod, symptom::Symptom};
use crate::kit::{
    kube::{ImagePods, WaitingWorkload},
    sanitize_text,
};

/// How many workloads of an image are named.
const MAX_WORKLOADS: usize = 50;
/// How many pods and nodes of a workload are named.
const MAX_NAMED: usize = 3;
/// How many nodes of an image are counted one by one.
const MAX_NODES: usize = 5000;

/// What waits, by image.
#[derive(Debug, Default)]
pub(super) struct Folded(BTreeMap<String, OfImage>);

#[derive(Debug, Default)]
struct OfImage {
    count: usize,
    nodes: BTreeMap<String, usize>,
    workloads: HashMap<[String; 5], WaitingWorkload>,
    /// The words, and of how many pods they are.
    said: BTreeMap<String, (usize, Message)>,
}

impl Folded {
    /// Takes what one pod waits for.
    pub(super) fn take(&mut self, pod: &Pod, symptoms: &[Symptom<'_>]) {
        let mut images: Vec<&str> = vec![];
        for symptom in symptoms {
            let of_image = self.0.entry(symptom.image.to_owned()).or_default();
            let is_first = !images.contains(&symptom.image);
            images.push(symptom.image);
            of_image.take(pod, symptom, is_first);
        }
    }

    /// Returns the images, those that most pods wait for first.
    pub(super) fn images(self) -> Vec<ImagePods> {
        let mut images: Vec<ImagePods> =
            self.0.into_iter().map(|(image, folded)| folded.images(&image)).collect();
        images.sort_by_key(|image| std::cmp::Reverse(image.count));
        images
    }
}

impl OfImage {
    fn take(&mut self, pod: &Pod, symptom: &Symptom<'_>, is_first: bool) {
        let node = sanitize_text(&pod.spec.node_name);
        if is_first {
            self.count += 1;
            if self.nodes.len() < MAX_NODES || self.nodes.contains_key(&node) {
                *self.nodes.entry(node.clone()).or_default() += 1;
            }
        }
        let workload = workload(pod);
        let namespace = sanitize_text(&pod.metadata.namespace);
        let place = <&str>::from(symptom.place).to_owned();
        let container = sanitize_text(symptom.container);
        let reason = sanitize_text(symptom.reason);
        let key = [namespace.clone(), workload.clone(), container.clone(), place, reason.clone()];
        let entry = self.workloads.entry(key).or_insert_with(|| WaitingWorkload {
            namespace,
            workload,
            container,
            place: symptom.place,
            reason,
            policy: sanitize_text(symptom.policy),
            ..WaitingWorkload::default()
        });
        entry.count += 1;
        if entry.pods.len() < MAX_NAMED {
            entry.pods.push(sanitize_text(symptom.pod));
        }
        if entry.nodes.len() < MAX_NAMED && !entry.nodes.contains(&node) {
            entry.nodes.push(node);
        }
        if !symptom.message.is_empty() {
            let message = Message::read(&symptom.message);
            let known = self.said.entry(message.quoted.clone());
            known.or_insert((0, message)).0 += 1;
        }
    }

    fn images(self, image: &str) -> ImagePods {
        let mut workloads: Vec<WaitingWorkload> = self.workloads.into_values().collect();
        workloads.sort_by(|one, other| {
            let key = |it: &WaitingWorkload| (it.namespace.clone(), it.workload.clone());
            other.count.cmp(&one.count).then_with(|| key(one).cmp(&key(other)))
        });
        workloads.truncate(MAX_WORKLOADS);
        // Words that are known say more than those that only repeat that it failed.
        let most = self.said.into_values().max_by_key(|(count, message)| {
            (!message.suspects.is_empty(), *count)
        });
        let (said, suspects) = most.map(|(_, said)| (said.quoted, said.suspects)).unwrap_or_default();
        ImagePods {
            image: image.to_owned(),
            count: self.count,
            nodes: self.nodes,
            workloads,
            said,
            suspects: suspects.into_iter().map(str::to_owned).collect(),
        }
    }
}

/// Returns what made a pod, as people know it: the Deployment behind its ReplicaSet.
fn workload(pod: &Pod) -> String {
    let meta = &pod.metadata;
    let Some(owner) = meta.owner() else { return format!("pod/{}", sanitize_text(&meta.name)) };
    let hash = meta.labels.template_hash.as_deref().filter(|_| owner.kind == "ReplicaSet");
    let of_deployment = hash.and_then(|hash| owner.name.strip_suffix(hash)?.strip_suffix('-'));
    match of_deployment {
        Some(name) => format!("deployment/{}", sanitize_text(name)),
        None => format!("{}/{}", sanitize_text(&owner.kind).to_lowercase(), sanitize_text(&owner.name)),
    }
}
