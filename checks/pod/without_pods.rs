//! The workloads that the API server gives no pod: those that want pods, and have none. An event of an hour
//! ago may be over.

use jiff::Timestamp;
use serde::{Deserialize, de::IgnoredAny};

use crate::kit::{
    Cx,
    kube::{Api, Condition, Involved, KubeEvent, NotCreated, Refusal, WorkloadKind},
    redact::foreign_words,
    sanitize_text,
};

/// After how many seconds at most a controller tries again to create a pod (kubernetes, `pkg/controller`:
/// a thousand seconds for replica sets, ten minutes for Jobs), and a moment.
const REPEATED_WITHIN: i64 = 20 * 60;
/// The most workloads without a pod that are told.
const MAX_NOT_CREATED: usize = 20;

/// Returns the workloads that the API server still gives no pod.
pub(super) async fn still_refused(
    cx: &Cx,
    api: &Api,
    mut refused: Vec<KubeEvent>,
) -> Vec<NotCreated> {
    refused.sort_by_key(|event| std::cmp::Reverse(event.at()));
    let mut newest: Vec<KubeEvent> = vec![];
    for event in refused {
        let is_known =
            |known: &KubeEvent| known.involved_object.is_the_same(&event.involved_object);
        if newest.len() < MAX_NOT_CREATED && !newest.iter().any(is_known) {
            newest.push(event);
        }
    }
    let mut kept = vec![];
    for event in newest {
        let at = event.at();
        let KubeEvent { involved_object: of, message, .. } = event;
        let wants = match kind_of(&of) {
            Some(kind) => is_without_pods(cx, api, kind, &of, at).await,
            // Other kinds may make anything, and fail for any reason.
            None if is_refusal(&message) => None,
            None => Some(false),
        };
        if wants != Some(false) {
            kept.push(NotCreated {
                is_certain: wants == Some(true),
                namespace: sanitize_text(&of.namespace),
                kind: sanitize_text(&of.kind),
                name: sanitize_text(&of.name),
                said: foreign_words(without_head(&message)),
            });
        }
    }
    kept
}

/// Returns whether these are the API server's words on a pod, or those of what it asks.
fn is_refusal(message: &str) -> bool {
    message.contains("pods \"") || Refusal::read(message) != Refusal::Other
}

/// Returns the kind of a workload of Kubernetes' own: others have a Job, too (`batch.volcano.sh`).
fn kind_of(of: &Involved) -> Option<WorkloadKind> {
    let group = of.api_version.split_once('/').map_or("", |(group, _)| group);
    let kind = WorkloadKind::read(&of.kind)?;
    (of.api_version.is_empty() || group == kind.group()).then_some(kind)
}

/// Returns what the API server said, without the words of the controller that repeats it, and of the
/// events that were combined.
fn without_head(said: &str) -> &str {
    said.split_once("Error creating: ").map_or(said, |(_, said)| said)
}

/// How many pods a workload is to have, and has.
#[derive(Default, Deserialize)]
#[serde(default)]
struct Counts {
    spec: Spec,
    status: Status,
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct Spec {
    replicas: Option<u64>,
    parallelism: Option<u64>,
    suspend: Option<bool>,
}

#[derive(Default, Deserialize)]
#[serde(default, rename_all = "camelCase")]
struct Status {
    replicas: u64,
    active: Active,
    succeeded: u64,
    failed: u64,
    current_number_scheduled: u64,
    desired_number_scheduled: Option<u64>,
    conditions: Vec<Condition>,
    last_schedule_time: Option<Timestamp>,
}

/// What a Job counts, a `CronJob` lists: its pods, and its Jobs (batch/v1).
#[derive(Deserialize)]
#[serde(untagged)]
enum Active {
    Count(u64),
    List(Vec<IgnoredAny>),
}

impl Default for Active {
    fn default() -> Self {
        Self::Count(0)
    }
}

impl Active {
    fn count(&self) -> u64 {
        match self {
            Self::Count(count) => *count,
            Self::List(list) => list.len() as u64,
        }
    }
}

/// Returns whether a workload wants a pod and has none; nothing where it cannot be read.
async fn is_without_pods(
    cx: &Cx,
    api: &Api,
    kind: WorkloadKind,
    of: &Involved,
    refused: Option<Timestamp>,
) -> Option<bool> {
    match api.kube.named::<Counts>(cx, &kind.path(&of.namespace), &of.name).await {
        // A CronJob that made a Job since then has no pod between two of its times.
        Ok(counts) if refused.is_some_and(|at| counts.status.last_schedule_time > Some(at)) => {
            Some(false)
        }
        Ok(counts) if !counts.lack_pods(kind) => Some(false),
        // Between two of its pods a Job has none, and a refusal that did not come again may be over.
        Ok(counts) if counts.had_pods() || is_old(refused, cx.now()) => None,
        Ok(_) => Some(true),
        Err(error) if error.status() == Some(404) => Some(false),
        Err(_) => None,
    }
}

impl Counts {
    fn lack_pods(&self, kind: WorkloadKind) -> bool {
        let Counts { spec, status } = self;
        let has = status.replicas + status.active.count() + status.current_number_scheduled;
        let wanted = [spec.replicas, spec.parallelism, status.desired_number_scheduled];
        let is_suspended = spec.suspend.unwrap_or_default();
        let is_over = kind == WorkloadKind::Job && status.conditions.iter().any(ends);
        has == 0 && !wanted.contains(&Some(0)) && !is_suspended && !is_over
    }

    /// Returns whether a Job had pods that are over: some may have been created since.
    const fn had_pods(&self) -> bool {
        self.status.succeeded + self.status.failed > 0
    }
}

/// Returns whether a refusal would have been repeated by now, if it went on.
fn is_old(refused: Option<Timestamp>, now: Timestamp) -> bool {
    refused.is_some_and(|at| now.duration_since(at).as_secs() > REPEATED_WITHIN)
}

/// Returns whether a Job with this condition makes no more pods (batch/v1, `JobConditionType`).
fn ends(condition: &Condition) -> bool {
    const ENDS: [&str; 4] = ["Complete", "Failed", "SuccessCriteriaMet", "FailureTarget"];
    ENDS.contains(&condition.r#type.as_str()) && condition.status == "True"
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;

    #[test]
    fn only_the_words_of_the_api_server_are_told() {
        let said = "(combined from similar events): Error creating: pods \"a\" is forbidden: no";
        assert_eq!(without_head(said), "pods \"a\" is forbidden: no");
        assert_eq!(without_head("Error creating: no"), "no");
        assert_eq!(without_head("no"), "no");
    }

    #[test]
    fn a_job_may_be_of_others() {
        let kind = |kind: &str, api_version: &str| {
            let of = json!({ "kind": kind, "apiVersion": api_version });
            kind_of(&serde_json::from_value(of).unwrap())
        };
        assert_eq!(kind("Job", "batch/v1"), Some(WorkloadKind::Job));
        assert_eq!(kind("ReplicaSet", ""), Some(WorkloadKind::ReplicaSet));
        assert_eq!(kind("Job", "batch.volcano.sh/v1alpha1"), None);
        assert_eq!(kind("CloneSet", "apps.kruise.io/v1alpha1"), None);
    }

    #[test]
    fn a_refusal_that_did_not_come_again_may_be_over() {
        let at = |text: &str| text.parse::<Timestamp>().unwrap();
        let now = at("2026-11-29T01:00:00Z");
        assert!(is_old(Some(at("2026-11-29T00:05:00Z")), now));
        assert!(!is_old(Some(at("2026-11-29T00:45:00Z")), now) && !is_old(None, now));
        let job = json!({ "status": { "succeeded": 7, "failed": 1 } });
        assert!(serde_json::from_value::<Counts>(job).unwrap().had_pods());
    }

    #[test]
    fn what_is_over_lacks_no_pods() {
        let lacks = |kind, workload: Value| {
            serde_json::from_value::<Counts>(workload).unwrap().lack_pods(kind)
        };
        let ends =
            |end: &str| json!({ "status": { "conditions": [{ "type": end, "status": "True" }] } });
        let (job, set) = (WorkloadKind::Job, WorkloadKind::ReplicaSet);
        assert!(lacks(job, json!({ "spec": { "parallelism": 2 }, "status": {} })));
        assert!(lacks(set, json!({ "spec": { "replicas": 2 }, "status": { "replicas": 0 } })));
        assert!(lacks(set, ends("Failed")), "another kind's condition says something else");
        let scheduled = json!({ "status": { "desiredNumberScheduled": 2 } });
        assert!(lacks(WorkloadKind::DaemonSet, scheduled));
        for (kind, workload) in [
            (job, ends("Failed")),
            (job, ends("Complete")),
            (job, json!({ "spec": { "suspend": true } })),
            (job, json!({ "spec": { "parallelism": 0 } })),
            (job, json!({ "status": { "active": 1 } })),
            (set, json!({ "spec": { "replicas": 0 } })),
            (set, json!({ "spec": { "replicas": 2 }, "status": { "replicas": 1 } })),
            (WorkloadKind::DaemonSet, json!({ "status": { "desiredNumberScheduled": 0 } })),
            (WorkloadKind::CronJob, json!({ "spec": { "suspend": true } })),
            (WorkloadKind::CronJob, json!({ "status": { "active": [{ "name": "nightly-1" }] } })),
        ] {
            assert!(!lacks(kind, workload.clone()), "{workload}");
        }
    }
}
