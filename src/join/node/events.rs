//! What the events of Kubernetes say of pods that do not start.

use std::{iter::repeat, time::Duration};

use checks::kit::{
    kube::{JobProblem, KubeEvent, ListParams, PodStage, Refusal},
    redact::foreign_words,
    sanitize_text,
};
use tokio::time::{Instant, sleep};

use super::jobs::{Jobs, Slot};

/// The pauses before events are looked at, while pods do not start; the last one repeats.
const EVENT_PAUSES: [u64; 6] = [2, 3, 5, 10, 15, 25];
/// How long a Job may fail to start its pod, where it may yet.
const EVENT_GRACE: Duration = Duration::from_secs(25);
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
        let last = EVENT_PAUSES[EVENT_PAUSES.len() - 1];
        for pause in EVENT_PAUSES.into_iter().chain(repeat(last)) {
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
            let goes_on =
                !matches!(refusal, Refusal::WebhookSilent { .. }) || self.goes_on(number, event);
            let why = JobProblem::of(refusal, said.clone(), &self.settings.namespace);
            return if goes_on {
                self.settle(number, Err(why));
            } else {
                self.note_said(number, sanitize_text(&event.reason), said);
            };
        }
        if stage == PodStage::PodRunning {
            return;
        }
        let reason = sanitize_text(&event.reason);
        if KEEPS_FROM_STARTING.contains(&reason.as_str()) && self.goes_on(number, event) {
            return self.settle(number, Err(JobProblem::NotStarted { reason, said }));
        }
        self.note_said(number, reason, said);
    }

    fn goes_on(&self, number: usize, event: &KubeEvent) -> bool {
        self.slots.borrow_mut()[number].goes_on(event, Instant::now())
    }
}

impl Slot {
    /// Returns whether an event that may pass goes on: the Job has had its time, and the event happened again
    /// since an earlier look. A kubelet that cannot mount a volume yet says so once, and then mounts it.
    fn goes_on(&mut self, event: &KubeEvent, now: Instant) -> bool {
        let times = event.times();
        let known = self.happened.insert(event.reason.clone(), times);
        let had_its_time = self.created.is_some_and(|created| now - created > EVENT_GRACE);
        had_its_time && known.is_some_and(|known| known != times)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_happened_once_may_pass() {
        let event = |count: i64| -> KubeEvent {
            let event = serde_json::json!({ "reason": "FailedMount", "count": count });
            serde_json::from_value(event).unwrap()
        };
        let created = Instant::now();
        let after = |seconds| created + Duration::from_secs(seconds);
        let mut slot = Slot { created: Some(created), ..Slot::default() };
        assert!(!slot.goes_on(&event(1), after(3)));
        assert!(!slot.goes_on(&event(3), after(20)), "it has had no time yet");
        assert!(!slot.goes_on(&event(3), after(35)), "it did not happen again");
        assert!(slot.goes_on(&event(4), after(60)));
        let mut late = Slot::default();
        assert!(!late.goes_on(&event(1), after(35)) && !late.goes_on(&event(2), after(60)));
    }
}
