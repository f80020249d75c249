//! Pods of which nothing tells what they wait for: events are over after an hour.

use jiff::Timestamp;

use super::{objects::Pod, said::Events, symptom::BEFORE};
use crate::kit::kube::ContainerStatus;

/// How long the API server keeps events, in seconds (kube-apiserver, `--event-ttl`).
const EVENTS_LIVE: i64 = 60 * 60;

/// Returns whether nothing tells for what a pod waits: none of its containers has started, its status names
/// no reason, and the events that named one are over, if there were any.
pub(super) fn is_unheard(pod: &Pod, events: &Events, now: Timestamp) -> bool {
    let status = &pod.status;
    let mut all =
        [&status.container_statuses, &status.init_container_statuses].into_iter().flatten();
    let is_new = |status: &ContainerStatus| {
        let state = &status.state;
        state.running.is_none()
            && state.terminated.is_none()
            && state.waiting.as_ref().is_some_and(|it| BEFORE.contains(&it.reason.as_str()))
    };
    let taken = status.start_time.parse::<Timestamp>().ok();
    let is_long = taken.is_some_and(|at| now.duration_since(at).as_secs() > EVENTS_LIVE);
    is_long && all.all(is_new) && !events.tell_of(pod)
}
