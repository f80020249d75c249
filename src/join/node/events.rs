//! What the events of Kubernetes say of pods that do not start.

use std::time::Duration;

use checks::kit::{
    kube::{JobProblem, KubeEvent, ListParams, PodStage, Refusal},
    redact::foreign_words,
    sanitize_text,
};
use tokio::time::sleep;

use super::jobs::Jobs;

/// The pauses before events are looked at, while pods do not start.
const EVENT_PAUSES: [u64; 6] = [2, 3, 5, 10, 15, 25];
/// How long a pod may fail to start, where it may yet.
const START_WAIT: Duration = Duration::from_secs(25);
/// The reasons of events for which a pod does not start, where they go on: kubernetes,
/// pkg/kubelet/events/event.go. Others warn of something else.
const KEEPS_FROM_STARTING: [&str; 5] = [
    "FailedMount",
    "FailedAttachVolume",
    "FailedCreatePodSandBox",
    "FailedCreatePodContainer",
    "NetworkNotReady",
];
/// How many events a page has.
const PAGE: u32 = 500;

impl Jobs<'_> {
    /// Looks at the events of Kubernetes now and then, while pods do not start: a Job whose pods are
    /// refused says so nowhere else.
    pub(super) async fn look_at_events(&self) {
        for pause in EVENT_PAUSES {
            tokio::select! {
                () = sleep(Duration::from_secs(pause)) => {}
                () = self.all_settled() => return,
            }
            let path = format!("/api/v1/namespaces/{}/events", self.settings.namespace);
            let params = ListParams::default().fields("type=Warning").limit(PAGE);
            let take = |event: KubeEvent| self.take_event(&event);
            if self.kube.each(self.cx, &path, params, take).await.is_err() {
                break;
            }
        }
        self.all_settled().await;
    }

    fn take_event(&self, event: &KubeEvent) {
        let prefix = format!("check-acr-{}-", self.settings.run);
        let Some(rest) = event.involved_object.name.strip_prefix(&prefix) else { return };
        let number = rest.split('-').next().and_then(|number| number.parse::<usize>().ok());
        let Some(number) = number.filter(|number| *number < self.nodes.len()) else { return };
        let said = foreign_words(&event.message);
        let stage = self.stage(number);
        if event.involved_object.kind == "Job" && event.reason == "FailedCreate" {
            // The Job tries again, and a pod that is there counts.
            if stage != PodStage::PodNotSeen {
                return;
            }
            let refusal = Refusal::read(&event.message);
            let why = JobProblem::of(refusal, said, &self.settings.namespace);
            return self.settle(number, Err(why));
        }
        if stage == PodStage::PodRunning {
            return;
        }
        let reason = sanitize_text(&event.reason);
        if self.began.elapsed() > START_WAIT && KEEPS_FROM_STARTING.contains(&reason.as_str()) {
            return self.settle(number, Err(JobProblem::NotStarted { reason, said }));
        }
        self.note_said(number, reason, said);
    }
}
