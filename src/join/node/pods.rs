//! What the pods of the Jobs are and say: each of them is compared with what was asked for, and how far it
//! is is noted.

use checks::kit::{
    kube::{JobProblem, Pod, PodStage},
    redact::foreign_words,
};
use futures::SinkExt;
use tokio::time::Instant;

use super::{
    jobs::{Jobs, Slot, Unread},
    manifest::NUMBER,
    reading::{Progress, read_pod},
    rewritten::changes,
};

/// The most pods that are kept of a Job whose creation is not answered yet: others may have our labels.
const MAX_EARLY: usize = 8;

impl Jobs<'_> {
    /// Returns the number of the Job that made this pod. Anybody may give a pod our labels.
    fn number(&self, pod: &Pod) -> Option<usize> {
        let number = numbered(pod)?;
        let slots = self.slots.borrow();
        let id = slots.get(number)?.id.as_ref()?;
        let mut owners = pod.metadata.owner_references.iter();
        owners.any(|owner| owner.controller && owner.uid == *id).then_some(number)
    }

    /// Takes the state of a pod.
    pub(super) async fn take(&self, pod: &Pod) {
        if let Some(number) = self.admit(pod) {
            self.take_state(number, pod).await;
        }
    }

    /// Returns the number of a pod whose state matters: it is what was asked for, and its node has not reported.
    pub(super) fn admit(&self, pod: &Pod) -> Option<usize> {
        let Some(number) = self.number(pod) else {
            self.keep_early(pod);
            return None;
        };
        let is_known = |slot: &Slot| slot.is_settled || slot.has_ended;
        if is_known(&self.slots.borrow()[number]) {
            return None;
        }
        if let Err(why) = self.compare(number, pod) {
            self.settle(number, Err(why));
            return None;
        }
        Some(number)
    }

    pub(super) async fn take_state(&self, number: usize, pod: &Pod) {
        match read_pod(pod, self.settings.request.image.is_some()) {
            Progress::Waits => self.slots.borrow_mut()[number].stage = PodStage::PodPending,
            Progress::Runs => {
                let slot = &mut self.slots.borrow_mut()[number];
                (slot.stage, slot.said) = (PodStage::PodRunning, None);
            }
            Progress::Fails(why) => self.settle(number, Err(why)),
            Progress::Ended(ended) => {
                self.slots.borrow_mut()[number].has_ended = true;
                let pod = pod.metadata.name.clone();
                // Its other end lives as long as the run.
                let _ = self.ended.clone().send(Unread { number, pod, ended }).await;
            }
        }
    }

    /// Compares a pod with the one that was asked for, once: webhooks for pods do not see the Job, and may
    /// take no dry runs.
    fn compare(&self, number: usize, pod: &Pod) -> Result<(), JobProblem> {
        let start = {
            let slot = &mut self.slots.borrow_mut()[number];
            if slot.compared.as_ref() == Some(&pod.metadata.uid) {
                return Ok(());
            }
            let Some(start) = slot.start.clone() else { return Ok(()) };
            slot.compared = Some(pod.metadata.uid.clone());
            start
        };
        let ours = self.settings.pod_spec(&self.nodes[number], &start);
        let mut others = changes(&ours, &pod.spec)?;
        let mut known = self.rewritten.borrow_mut();
        others.retain(|field| !known.contains(field));
        if !others.is_empty() {
            known.extend(others.iter().cloned());
            self.cx.add_finding(JobProblem::Rewritten { fields: others });
        }
        Ok(())
    }

    /// Notes that a Job exists. Its pod may have been seen before.
    pub(super) async fn job_created(&self, number: usize, id: String) {
        self.note_progress();
        let early = {
            let slot = &mut self.slots.borrow_mut()[number];
            slot.id = Some(id);
            slot.created = Some(Instant::now());
            std::mem::take(&mut slot.early)
        };
        for pod in &early {
            self.take(pod).await;
        }
    }

    /// Keeps a pod that says that it is of a Job whose creation is not answered yet.
    fn keep_early(&self, pod: &Pod) {
        let Some(number) = numbered(pod) else { return };
        let mut slots = self.slots.borrow_mut();
        let Some(slot) = slots.get_mut(number).filter(|slot| slot.id.is_none()) else { return };
        // The newest state of a pod counts.
        slot.early.retain(|known| known.metadata.uid != pod.metadata.uid);
        if !slot.is_settled && slot.early.len() < MAX_EARLY {
            slot.early.push(pod.clone());
        }
    }

    /// Notes what an event of Kubernetes says of a pod that has not started.
    pub(super) fn note_said(&self, number: usize, reason: String, said: String) {
        self.slots.borrow_mut()[number].said = Some((reason, said));
    }

    /// Returns how far the pod of a Job was seen to be.
    pub(super) fn stage(&self, number: usize) -> PodStage {
        self.slots.borrow()[number].stage
    }

    /// Notes that a pod was deleted. It may have reported before.
    pub(super) async fn pod_deleted(&self, pod: &Pod) {
        self.take(pod).await;
        let Some(number) = self.number(pod) else { return };
        if self.slots.borrow()[number].has_ended {
            return;
        }
        let (reason, said) = ("Deleted".to_owned(), foreign_words(&pod.status.message));
        let why = if self.stage(number) == PodStage::PodRunning {
            JobProblem::EndedEarly { reason, exit_code: None }
        } else {
            JobProblem::NotStarted { reason, said }
        };
        self.settle(number, Err(why));
    }
}

/// Returns the number that a pod's labels name.
fn numbered(pod: &Pod) -> Option<usize> {
    pod.metadata.labels.get(NUMBER)?.parse().ok()
}
