//! What the events of pods say of their images.

use std::collections::HashMap;

use jiff::Timestamp;

use super::objects::Pod;
use crate::kit::kube::KubeEvent;

/// How long a pull may take before it is looked at, in seconds.
const HANGS: i64 = 120;
/// How long the kubelet waits between two pulls at most, in seconds (kubernetes, pkg/kubelet:
/// `imageBackOffPeriod` doubles up to `MaxImageBackOff`).
const MAX_BACK_OFF: i64 = 300;
/// What containerd says where it has no image for the sandbox of a pod.
const SANDBOX: &str = "failed to get sandbox image \"";

/// The last that was said of each image of a pod.
#[derive(Debug, Default)]
pub(super) struct Said {
    /// Whether it is the image of the pod's sandbox.
    is_of_sandbox: bool,
    /// The last failure.
    pub(super) failed: Option<(Option<Timestamp>, String)>,
    /// When a pull last began, and when one last ended.
    began: Option<Timestamp>,
    ended: Option<Timestamp>,
}

/// What events say, by the id of the pod and the image. Of a pod without any nothing is there.
#[derive(Debug, Default)]
pub(super) struct Events(HashMap<String, HashMap<String, Said>>);

impl Events {
    /// Takes an event of a pod.
    pub(super) fn take(&mut self, event: &KubeEvent) {
        let of_pod = self.0.entry(event.involved_object.uid.clone()).or_default();
        let Some(image) = quoted(&event.message) else { return };
        let at = event.at();
        let said = of_pod.entry(image.to_owned()).or_default();
        match event.reason.as_str() {
            "Pulling" => said.began = said.began.max(at),
            "Pulled" => said.ended = said.ended.max(at),
            // containerd's words: internal/cri/server/podsandbox/sandbox_run.go.
            "FailedCreatePodSandBox" if event.message.contains(SANDBOX) => {
                said.is_of_sandbox = true;
                said.failed = said.failed.take().max(Some((at, event.message.clone())));
            }
            "Failed" if event.message.starts_with("Failed to pull image") => {
                said.ended = said.ended.max(at);
                if said.failed.as_ref().is_none_or(|(known, _)| *known <= at) {
                    said.failed = Some((at, event.message.clone()));
                }
            }
            _ => {}
        }
    }

    /// Returns the image that the runtime has not for a pod's sandbox: none of its containers has come so far.
    pub(super) fn of_sandbox(&self, pod: &Pod) -> Option<(&str, &Said)> {
        let of_pod = self.0.get(&pod.metadata.uid)?;
        let (image, said) = of_pod.iter().find(|(_, said)| said.is_of_sandbox)?;
        let (failed, _) = said.failed.as_ref()?;
        (!of_pod.values().any(|other| other.began > *failed)).then_some((image, said))
    }

    /// Returns whether there is any event of a pod.
    pub(super) fn tell_of(&self, pod: &Pod) -> bool {
        self.0.contains_key(&pod.metadata.uid)
    }

    pub(super) fn of(&self, pod: &Pod, image: &str) -> Option<&Said> {
        self.0.get(&pod.metadata.uid)?.get(image)
    }
}

impl Said {
    /// Returns in how many seconds at most the kubelet tries again.
    pub(super) fn retried_in(&self, now: Timestamp) -> Option<i64> {
        let (failed, _) = self.failed.as_ref()?;
        let rest = (*failed)?.as_second() + MAX_BACK_OFF - now.as_second();
        (1..=MAX_BACK_OFF).contains(&rest).then_some(rest)
    }

    /// Returns for how many seconds a pull hangs that began long ago and has not ended.
    pub(super) fn hangs(&self, now: Timestamp) -> Option<i64> {
        let began = self.began.filter(|began| self.ended.is_none_or(|ended| ended < *began))?;
        Some(now.as_second() - began.as_second()).filter(|it| *it >= HANGS)
    }
}

/// Returns the image that a message quotes.
pub(super) fn quoted(message: &str) -> Option<&str> {
    let (_, rest) = message.split_once("image \"")?;
    rest.split('"').next().filter(|image| !image.is_empty())
}
