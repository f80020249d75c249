//! What the pods that wait for an image add to what their nodes saw: that the pull works by now, and
//! which of them were not looked from.

mod sign_in;
mod works;

use std::collections::BTreeSet;

use crate::{
    cached::{self, named},
    compared::{Compared, Look},
    kit::{
        engine::{Finding, Severity, StepEnd, Vantage},
        kube::{CredentialState, ImagePods, NotCreated, Refusal, WaitingWorkload},
    },
    pod::{
        Problem, Refused,
        own::{Behind, Standing, malformed},
    },
    steps,
};
pub use sign_in::{Instead, account, instead, is_by_account, is_sign_in, takes_over};
use works::{telling, while_it_works};

/// The reason of a pod whose image the runtime refuses for its signature: one of the CRI, not words.
const UNSIGNED: &str = "SignatureValidationFailed";

/// Returns what is to be said of the pods of an image.
pub fn read(pods: &ImagePods, looks: &[impl Look]) -> Vec<Compared> {
    let place = |node: &str| looks.iter().position(|look| look.vantage().node() == Some(node));
    let cluster = looks.iter().position(|look| *look.vantage() == Vantage::Kubernetes);
    let of_cluster: Vec<usize> = cluster.into_iter().collect();
    if pods.are_planned() {
        let mut found = broken(pods, looks, &of_cluster);
        found.extend(not_all(pods, of_cluster));
        return found;
    }
    if pods.run() {
        return of_running(pods, looks, &of_cluster);
    }
    let mut found = kept_back(pods, looks, &of_cluster);
    let held: BTreeSet<usize> = covered(&found);
    let are_all_known = pods.more == 0 && !pods.workloads.is_empty();
    if are_all_known && held.len() == pods.workloads.len() {
        return found;
    }
    found.extend(broken(pods, looks, &of_cluster));
    let stopped = covered(&found);
    let waits = |node: &str| {
        let there = pods.workloads.iter().enumerate().filter(|(_, it)| it.node == node);
        let open = there.clone().any(|(at, _)| !stopped.contains(&at));
        // Of a target with many workloads not all travel with it.
        open || there.count() == 0
    };
    let (mut passing, mut unseen, mut seen) = (vec![], vec![], vec![]);
    for node in pods.nodes.keys().map(String::as_str).filter(|node| waits(node)) {
        match place(node) {
            Some(at) if looks[at].can() == Some(true) => {
                passing.push(node);
                seen.push(at);
            }
            Some(_) => {}
            None => unseen.push(node),
        }
    }
    let on = |nodes: &[&str]| -> BTreeSet<usize> {
        let there = pods.workloads.iter().enumerate();
        let there = there.filter(|(at, it)| !stopped.contains(at) && nodes.contains(&&*it.node));
        there.map(|(at, _)| at).collect()
    };
    let there = on(&passing);
    if let Some(problem) = while_it_works(pods, looks, &there) {
        found.push(Compared::of_pods(problem, seen, there));
    }
    found.extend(not_looked(pods, &unseen, &on(&unseen), &of_cluster));
    found.extend(rewritten(pods).map(|finding| Compared::of_pod(finding, of_cluster.clone())));
    let present = cached::present(pods, looks);
    found.extend(present.map(|finding| Compared::of_pod(finding, of_cluster.clone())));
    found.extend(not_all(pods, of_cluster));
    found
}

/// Returns that some pods are of workloads that are not known, and unlike those that are.
fn not_all(pods: &ImagePods, of_cluster: Vec<usize>) -> Option<Compared> {
    let problem = Problem::NotAllCompared { count: pods.more };
    // None of those that are known.
    (pods.more > 0).then(|| Compared::of_pods(problem, of_cluster, BTreeSet::new()))
}

/// Returns the workloads that some findings are about.
fn covered(found: &[Compared]) -> BTreeSet<usize> {
    found.iter().filter_map(|one| one.workloads.as_ref()).flatten().copied().collect()
}

/// Returns what keeps images back from pods whatever their nodes can pull: the policy never to pull, and a
/// signature that the runtime misses.
fn kept_back(pods: &ImagePods, looks: &[impl Look], of_cluster: &[usize]) -> Vec<Compared> {
    let all = pods.workloads.iter().enumerate();
    let of = |is: &dyn Fn(&WaitingWorkload) -> bool| -> BTreeSet<usize> {
        all.clone().filter(|(_, it)| is(it)).map(|(at, _)| at).collect()
    };
    let (never, unsigned) =
        (of(&WaitingWorkload::is_never_pulled), of(&|it| it.reason == UNSIGNED));
    let never_pulled = cached::never_pulled(&pods.only(&never), looks).map(|it| (it, never));
    let refused = signature(&pods.only(&unsigned)).map(|it| (it, unsigned));
    let found = [never_pulled, refused].into_iter().flatten();
    found
        .map(|(finding, of)| {
            let nodes = pods.only(&of).nodes;
            let seen = looks.iter().enumerate();
            let seen = seen.filter(|(_, look)| {
                look.vantage().node().is_some_and(|node| nodes.contains_key(node))
            });
            let seen: Vec<usize> = seen.map(|(at, _)| at).collect();
            let is_all = of.len() == pods.workloads.len() || seen.is_empty();
            let seen = if is_all { of_cluster.to_vec() } else { seen };
            Compared::of_pods(finding, seen, of)
        })
        .collect()
}

/// Returns that some nodes were not looked from.
fn not_looked(
    pods: &ImagePods,
    nodes: &[&str],
    there: &BTreeSet<usize>,
    of_cluster: &[usize],
) -> Option<Compared> {
    let node = nodes.first()?;
    let first = telling(there.iter().map(|place| &pods.workloads[*place]));
    let suspects = first.map(|it| it.suspects.join(", ")).filter(|said| !said.is_empty());
    let problem = Problem::NotLooked {
        count: nodes.iter().filter_map(|node| pods.nodes.get(*node)).sum(),
        nodes: named(nodes),
        node: (*node).to_owned(),
        said: first.and_then(WaitingWorkload::words).map(str::to_owned),
        suspects,
    };
    Some(Compared::of_pod(problem, of_cluster.to_vec()))
}

/// Returns what is to be said of pods that run: that nobody looked, or what of their own ends a pull.
fn of_running(pods: &ImagePods, looks: &[impl Look], of_cluster: &[usize]) -> Vec<Compared> {
    let looked = |look: &&_| {
        let vantage = Look::vantage(*look);
        *vantage == Vantage::Here || vantage.node().is_some_and(|it| pods.nodes.contains_key(it))
    };
    let Some((node, _)) =
        pods.nodes.first_key_value().filter(|_| !looks.iter().any(|it| looked(&it)))
    else {
        return broken(pods, looks, of_cluster);
    };
    let (count, node) = (pods.count, node.clone());
    let nodes = named(&pods.nodes.keys().map(String::as_str).collect::<Vec<_>>());
    let problem = Problem::RunningNotLooked { count, nodes, node };
    vec![Compared::of_pod(problem, of_cluster.to_vec())]
}

/// Returns that the pods have another image than their template names.
fn rewritten(pods: &ImagePods) -> Option<Finding> {
    let (it, template) = pods.workloads.iter().find_map(|it| Some((it, it.asked.clone()?)))?;
    let problem = Problem::ImageRewritten {
        workload: it.workload.clone(),
        namespace: it.namespace.clone(),
        template,
        image: pods.image.clone(),
    };
    Some(problem.into())
}

/// Returns the secrets that the kubelet cannot decode, which end the pull whatever the node can do; and
/// those that the registry refuses, where the node pulls with nothing but them.
fn broken(pods: &ImagePods, looks: &[impl Look], of_cluster: &[usize]) -> Vec<Compared> {
    let mut found: Vec<Compared> = vec![];
    for (place, it) in pods.workloads.iter().enumerate() {
        let Some((finding, seen)) = broken_for(pods, it, looks, of_cluster) else { continue };
        match found.iter_mut().find(|known| known.finding.code == finding.code) {
            Some(known) => {
                known.seen.extend(seen);
                known.seen.sort_unstable();
                known.seen.dedup();
                known.workloads.get_or_insert_default().insert(place);
            }
            None => found.push(Compared::of_pods(finding, seen, BTreeSet::from([place]))),
        }
    }
    found
}

/// Returns what of a workload's credentials ends its pull or may do so, and the places of those it counts for.
fn broken_for(
    pods: &ImagePods,
    it: &WaitingWorkload,
    looks: &[impl Look],
    of_cluster: &[usize],
) -> Option<(Finding, Vec<usize>)> {
    let is_there = |at: &usize| looks[*at].vantage().node().is_some_and(|node| it.is_on(node));
    let there: Vec<usize> = (0..looks.len()).filter(is_there).collect();
    if let Some(problem) = malformed(pods, it) {
        let seen = if there.is_empty() { of_cluster.to_vec() } else { there };
        return Some((as_certain(pods, problem.into()), seen));
    }
    let mut passing = there.clone();
    passing.retain(|at| looks[*at].can() == Some(true));
    let anonymous = passing.iter().copied().filter(|at| is_anonymous(&looks[*at]));
    let anonymous: Vec<usize> = anonymous.collect();
    let problem = match Standing::of(pods, it, Behind::Node) {
        // What was not read may be a secret that the kubelet cannot decode.
        Standing::Unknown(problem) if anonymous.is_empty() => {
            // Where a node fails it is told there.
            let do_all = !passing.is_empty() && passing.len() == there.len();
            let is_told = it.is_planned() && do_all && is_unread(pods, it);
            let finding = Finding { severity: Severity::Warning, ..problem.into() };
            return is_told.then_some((finding, passing));
        }
        _ if anonymous.is_empty() => return None,
        // The kubelet pulls anonymously only where it has no credentials at all.
        Standing::Wrong(
            problem @ (Problem::AnonymousBlockedByBadCreds { .. }
            | Problem::PullsecretExpired { .. }
            | Problem::PullsecretNotForRepository { .. }
            | Problem::PullsecretRefused { .. }),
        )
        | Standing::Unknown(problem) => problem,
        // Another of its secrets is presented.
        Standing::NotThere(problem) if presents(pods, it) => problem,
        Standing::None
        | Standing::Works { .. }
        | Standing::Wrong(_)
        | Standing::NotThere(_)
        | Standing::ByAccount(_) => return None,
    };
    Some((as_certain(pods, problem.into()), anonymous))
}

/// Returns whether a workload may have a pull secret that was not read.
fn is_unread(pods: &ImagePods, it: &WaitingWorkload) -> bool {
    let Some(set) = pods.credentials_of(it) else { return true };
    // Of an account that is not there admission tells.
    let is_closed = it.account_said.as_ref().is_some_and(|said| !said.ends_with(" not found"));
    is_closed || set.rows.iter().any(|row| row.state == CredentialState::NotRead)
}

/// Returns whether one of a workload's pull secrets holds something for the image.
fn presents(pods: &ImagePods, it: &WaitingWorkload) -> bool {
    let rows = pods.credentials_of(it).into_iter().flat_map(|set| &set.rows);
    rows.into_iter().any(|row| row.state == CredentialState::Presented)
}

/// Returns a finding as certain as it can be: pods that run on other nodes than the rest may not be on those
/// that look for them.
fn as_certain(pods: &ImagePods, mut finding: Finding) -> Finding {
    if pods.are_scattered && finding.severity == Severity::Error {
        finding.severity = Severity::CouldNotTell;
    }
    finding
}

/// Returns whether the kubelet of a node has no credentials of its own for the image, so that those of
/// a pod are the last that it tries.
fn is_anonymous(look: &impl Look) -> bool {
    match look.end(steps::IDENTITY.name) {
        Some(StepEnd::Passed { saw }) => saw.values().any(|value| value == "kubelet-anonymous"),
        _ => false,
    }
}

/// Returns that the runtime refuses the signature of the image.
fn signature(pods: &ImagePods) -> Option<Finding> {
    let first = pods.workloads.first()?;
    let problem = Problem::SignatureRefused {
        nodes: named(&pods.nodes.keys().map(String::as_str).collect::<Vec<_>>()),
        node: first.node.clone(),
        count: pods.count,
        said: first.words().map(str::to_owned),
    };
    Some(problem.into())
}

/// Returns what is found of a workload without a pod.
pub fn not_created(one: &NotCreated, workload: String) -> Finding {
    let by = match Refusal::read(&one.said) {
        Refusal::PodSecurity { level } => Some(level),
        Refusal::Policy { policy } => Some(policy),
        Refusal::Webhook { webhook }
        | Refusal::WebhookSilent { webhook }
        | Refusal::NoDryRun { webhook } => Some(webhook),
        Refusal::Quota { quota } => Some(quota),
        Refusal::NoNamespace | Refusal::NoAccount | Refusal::NotPermitted | Refusal::Other => None,
    };
    let (namespace, said) = (one.namespace.clone(), one.said.clone());
    let refused = Refused { workload, namespace, by, said };
    let is_now = one.is_certain;
    Finding::from(if is_now { Problem::NotCreated(refused) } else { Problem::RefusedOnce(refused) })
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use super::*;

    /// The API of the cluster, which looks at no image.
    struct Cluster(BTreeMap<String, String>);

    impl Look for Cluster {
        fn vantage(&self) -> &Vantage {
            &Vantage::Kubernetes
        }

        fn labels(&self) -> &BTreeMap<String, String> {
            &self.0
        }

        fn can(&self) -> Option<bool> {
            None
        }

        fn end(&self, _: &str) -> Option<&StepEnd> {
            None
        }
    }

    #[test]
    fn pods_of_which_no_more_is_known_are_not_passed_over() {
        let codes = |pods: &ImagePods| -> Vec<String> {
            let found = read(pods, &[Cluster(BTreeMap::new())]);
            found.into_iter().map(|it| it.finding.code).collect()
        };
        let nodes = BTreeMap::from([("a".to_owned(), 2)]);
        let unlisted = ImagePods { count: 2, nodes: nodes.clone(), ..ImagePods::default() };
        assert_eq!(codes(&unlisted), ["pod/not-looked"]);
        let never = WaitingWorkload {
            reason: "ErrImageNeverPull".into(),
            policy: "Never".into(),
            node: "a".into(),
            count: 2,
            ..WaitingWorkload::default()
        };
        let known = ImagePods { workloads: vec![never], ..unlisted };
        assert_eq!(codes(&known), ["pod/never-pulled"]);
        let more = ImagePods { more: 3, ..known };
        assert_eq!(codes(&more), ["pod/never-pulled", "pod/not-all-compared"]);
    }
}
