//! Does a workload want pods, and have none? An event of an hour ago may be over.

use serde::Deserialize;

use super::find::get;
use crate::kit::{
    Cx,
    kube::{Api, Condition, NotCreated, WorkloadKind},
};

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
    active: u64,
    current_number_scheduled: u64,
    desired_number_scheduled: Option<u64>,
    conditions: Vec<Condition>,
}

/// Returns whether a workload wants a pod and has none.
pub(super) async fn is_without_pods(
    cx: &Cx,
    api: &Api,
    kind: WorkloadKind,
    of: &NotCreated,
) -> bool {
    match get::<Counts>(cx, api, &kind.path(&of.namespace), &of.name).await {
        Ok(counts) => counts.lack_pods(kind),
        Err(error) if error.status() == Some(404) => false,
        // What may not be read is told as the event tells it.
        Err(_) => true,
    }
}

impl Counts {
    fn lack_pods(&self, kind: WorkloadKind) -> bool {
        let Counts { spec, status } = self;
        let has = status.replicas + status.active + status.current_number_scheduled;
        let wanted = [spec.replicas, spec.parallelism, status.desired_number_scheduled];
        let is_suspended = spec.suspend.unwrap_or_default();
        let is_over = kind == WorkloadKind::Job && status.conditions.iter().any(ends);
        has == 0 && !wanted.contains(&Some(0)) && !is_suspended && !is_over
    }
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
        ] {
            assert!(!lacks(kind, workload.clone()), "{workload}");
        }
    }
}
