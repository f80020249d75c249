//! Nodes that can pull while their pods wait: what the kubelet itself says of a limit of its own, or that
//! the cause is gone.

use std::collections::BTreeSet;

use crate::{
    cached::named,
    compared::Look,
    kit::{
        Step,
        engine::StepEnd,
        kube::{ImagePods, WaitingWorkload},
        rules::is_object_name,
    },
    pod::{Measured, Problem, SlowPull, spelled},
    steps,
};

/// The most pods that a command deletes.
const MAX_REPLACED: usize = 10;
/// The mode of a pull that its runtime ends because no bytes come.
const STALLED: &str = "pull-progress-timeout";

/// Returns what is said of pods whose nodes can pull while they wait. `there` are their workloads.
pub(super) fn while_it_works(
    pods: &ImagePods,
    looks: &[impl Look],
    there: &BTreeSet<usize>,
) -> Option<Problem> {
    let all = || there.iter().map(|place| &pods.workloads[*place]);
    let first = telling(all())?;
    let nodes: BTreeSet<&str> = all().map(|it| it.node.as_str()).collect();
    let (nodes, node) = (named(&nodes.into_iter().collect::<Vec<_>>()), first.node.clone());
    let count = pods.count_of(there);
    let look = looks.iter().find(|look| look.vantage().node() == Some(node.as_str()));
    let measured = look.and_then(|look| measured(look, first.pulling_for));
    let stalls = |it: &WaitingWorkload| it.suspects.first().is_some_and(|mode| mode == STALLED);
    let is_pulling = all().all(|it| it.reason == "Pulling");
    if is_pulling || all().all(stalls) {
        let slow = measured.as_ref().and_then(Measured::slow);
        if let Some((pace, shortest)) = slow {
            let said = first.words().map(str::to_owned);
            let slow = SlowPull { nodes, node, count, pace, shortest, said };
            let problem = if is_pulling { Problem::PullSlow } else { Problem::PullCutOff };
            return Some(problem(slow));
        }
    }
    if is_pulling {
        let pace = measured.and_then(|measured| measured.overdue());
        return Some(Problem::PullHangs { nodes, node, count, pace });
    }
    if all().all(|it| it.suspects.first().is_some_and(|mode| mode == "kubelet-pull-qps")) {
        return Some(Problem::KubeletPullQps { nodes, node, count });
    }
    let replaced = replaced(all(), &first.namespace);
    Some(Problem::PullsNow {
        nodes,
        count,
        namespace: first.namespace.clone(),
        others: replaced.as_ref().map(|it| count.saturating_sub(it.len())).filter(|it| *it > 0),
        pods: replaced,
        within: first.retried_in.and_then(|it| u64::try_from(it).ok()).map(spelled),
        said: first.words().map(str::to_owned),
    })
}

/// Returns the first of some workloads, preferably one of which the kubelet says more.
pub(super) fn telling<'p>(
    all: impl Iterator<Item = &'p WaitingWorkload>,
) -> Option<&'p WaitingWorkload> {
    all.max_by_key(|it| (!it.suspects.is_empty(), !it.said.is_empty()))
}

/// Returns the names of pods in a namespace that something makes anew once they are deleted, and counts
/// nothing of it: the pod of a Job counts as one that failed, that of a static pod stays what it is.
fn replaced<'p>(
    of: impl Iterator<Item = &'p WaitingWorkload>,
    namespace: &str,
) -> Option<Vec<String>> {
    const CONTROLLERS: [&str; 5] =
        ["deployment/", "replicaset/", "replicationcontroller/", "statefulset/", "daemonset/"];
    let of_controllers =
        |it: &&WaitingWorkload| CONTROLLERS.iter().any(|kind| it.workload.starts_with(kind));
    // One that another image keeps from starting would come back as stuck as it is.
    let there = of.filter(|it| it.namespace == namespace && !it.one_of_several);
    let there = there.filter(of_controllers);
    // One that waits for two images is named once.
    let names: BTreeSet<&String> = there.flat_map(|it| &it.pods).collect();
    let names = names.into_iter().filter(|name| is_object_name(name));
    let names: Vec<String> = names.take(MAX_REPLACED).cloned().collect();
    (!names.is_empty()).then_some(names)
}

/// Returns what a look from a node measured, where it read bytes and knows which are missing.
fn measured(look: &impl Look, pulling_for: Option<i64>) -> Option<Measured> {
    let saw = |step: Step, name: &str| match look.end(step.name)? {
        StepEnd::Passed { saw } => saw.get(name),
        _ => None,
    };
    let number = |step, name| saw(step, name).and_then(serde_json::Value::as_u64);
    let version = saw(steps::RUNTIME, "version").and_then(serde_json::Value::as_str);
    Some(Measured {
        missing: number(steps::CONTAINERD, "bytes").filter(|bytes| *bytes > 0)?,
        sample: number(steps::LAYER, "bytes").filter(|bytes| *bytes > 0)?,
        took: number(steps::LAYER, "took_ms")?.max(1),
        pulling_for: pulling_for.and_then(|it| u64::try_from(it).ok()),
        limit: number(steps::RUNTIME, "stall_limit"),
        version: version.map(str::to_owned),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_pods_that_are_replaced_are_deleted() {
        let named = |workload: &str| {
            let (namespace, pods) = ("shop".to_owned(), vec!["web-1".to_owned()]);
            let it = WaitingWorkload {
                namespace,
                workload: workload.into(),
                pods,
                ..Default::default()
            };
            replaced([&it].into_iter(), "shop")
        };
        for workload in ["deployment/web", "statefulset/web", "daemonset/web", "replicaset/web"] {
            assert_eq!(named(workload), Some(vec!["web-1".to_owned()]), "{workload}");
        }
        // A Job counts it as a failure; a static pod is of its node; of others it is not known.
        for workload in ["job/web", "node/aks-blue-1", "pod/web-1", "workflow/web"] {
            assert_eq!(named(workload), None, "{workload}");
        }
    }
}
