//! What the pods that wait for an image add to what their nodes saw: that the pull works by now, and
//! which of them were not looked from.

use std::collections::BTreeSet;

use crate::{
    cached::{self, named},
    compared::{Compared, Look},
    data_path::AccountSignIn,
    kit::{
        Step,
        engine::{Finding, Severity, StepEnd, Vantage},
        kube::{ImagePods, NotCreated, Refusal, WaitingWorkload},
        rules::is_object_name,
    },
    pod::{
        Measured, Problem, Refused,
        own::{Behind, Standing, malformed},
        spelled,
    },
    steps,
};

/// The most pods that a command deletes.
const MAX_REPLACED: usize = 10;

/// Returns what is to be said of the pods of an image.
pub fn read(pods: &ImagePods, looks: &[impl Look]) -> Vec<Compared> {
    let place = |node: &str| {
        looks.iter().position(|look| look.vantage().node().is_some_and(|name| name == node))
    };
    let cluster = looks.iter().position(|look| *look.vantage() == Vantage::Kubernetes);
    let of_cluster: Vec<usize> = cluster.into_iter().collect();
    let step = steps::POD.name;
    if pods.run() {
        return of_running(pods, looks, &of_cluster);
    }
    if let Some(finding) = cached::never_pulled(pods, looks).or_else(|| signature(pods)) {
        return vec![Compared { finding, step, seen: of_cluster }];
    }
    let (mut passing, mut unseen, mut seen) = (vec![], vec![], vec![]);
    for node in pods.nodes.keys() {
        match place(node) {
            Some(at) if looks[at].can() == Some(true) => {
                passing.push(node.as_str());
                seen.push(at);
            }
            Some(_) => {}
            None => unseen.push(node.as_str()),
        }
    }
    let count = |nodes: &[&str]| nodes.iter().filter_map(|node| pods.nodes.get(*node)).sum();
    let mut found = broken(pods, looks, &of_cluster);
    let rewritten =
        rewritten(pods).map(|finding| Compared { finding, step, seen: of_cluster.clone() });
    let is_broken = |at: &usize| found.iter().any(|known| known.seen.contains(at));
    passing.retain(|node| place(node).is_none_or(|at| !is_broken(&at)));
    seen.retain(|at| !is_broken(at));
    if let Some(problem) = while_it_works((pods, looks), &passing, count(&passing)) {
        found.push(Compared { finding: problem.into(), step, seen });
    }
    if let Some(node) = unseen.first() {
        let first = of_nodes(pods, &unseen);
        let suspects = first.map(|it| it.suspects.join(", ")).filter(|said| !said.is_empty());
        let problem = Problem::NotLooked {
            count: count(&unseen),
            nodes: named(&unseen),
            node: (*node).to_owned(),
            said: first.and_then(words).map(str::to_owned),
            suspects,
        };
        found.push(Compared { finding: problem.into(), step, seen: of_cluster.clone() });
    }
    found.extend(rewritten);
    found.extend(cached::present(pods, looks).map(|finding| Compared {
        finding,
        step,
        seen: of_cluster,
    }));
    found
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
    let finding = Problem::RunningNotLooked { count, nodes, node }.into();
    vec![Compared { finding, step: steps::POD.name, seen: of_cluster.to_vec() }]
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

/// The steps whose result depends on who signs in.
const SIGN_IN: [Step; 4] = [steps::KUBELET, steps::IDENTITY, steps::EXCHANGE, steps::TOKEN];

/// Returns whether the result of a step depends on who signs in.
pub fn is_sign_in(step: &str) -> bool {
    SIGN_IN.iter().any(|one| one.name == step)
}

/// The mode of a pull that its runtime ends because no bytes come.
const STALLED: &str = "pull-progress-timeout";

/// The finding that the kubelet signs in as the service account of the pod.
const BY_ACCOUNT: &str = "kubelet/service-account-decides";

/// Returns what the pods' own credentials make of a finding that nodes have at a step: who signs in
/// decides there, and all of these pods present something else first. It is an error where that is
/// wrong, and could-not-tell where it is open or would do. Nothing where the node's sign-in decides.
pub fn instead(
    pods: &ImagePods,
    (step, of_node): (&str, &Finding),
    nodes: &[&str],
) -> Option<Finding> {
    if !is_sign_in(step) {
        return None;
    }
    let behind =
        if is_by_account(of_node) { Behind::ServiceAccount(of_node) } else { Behind::Node };
    let (mut open, mut wrong) = (None, None);
    for it in pods.workloads.iter().filter(|it| nodes.contains(&it.node.as_str())) {
        let (workload, namespace) = (it.workload.clone(), it.namespace.clone());
        match Standing::of(pods, it, behind) {
            Standing::None => return None,
            Standing::Wrong(problem) => wrong = wrong.or(Some(problem)),
            Standing::ByAccount(problem) => match problem {
                Problem::FederationNotSeen { .. } => open = open.or(Some(problem)),
                _ => wrong = wrong.or(Some(problem)),
            },
            Standing::Works { secret } => {
                let pod = it.pods.first().cloned().unwrap_or_default();
                open = open.or(Some(Problem::SecretAccepted { workload, namespace, secret, pod }));
            }
            Standing::Unknown { said } => open = open.or(Some(not_tried(it, said))),
        }
    }
    wrong.or(open).map(Finding::from)
}

/// Returns that the pull secrets of pods were not tried.
fn not_tried(it: &WaitingWorkload, said: Option<String>) -> Problem {
    Problem::SecretsNotTried {
        workload: it.workload.clone(),
        namespace: it.namespace.clone(),
        secret: it.secrets.first().cloned().unwrap_or_default(),
        secrets: it.secrets.join(", "),
        said,
    }
}

/// Returns whether a node says that its pods' service accounts sign in.
pub fn is_by_account(of_node: &Finding) -> bool {
    of_node.code == BY_ACCOUNT
}

/// Returns the service account that signs in for a pod of that node, which leaves that to its pods:
/// `of_node` is what it says of it.
pub fn account(pods: &ImagePods, of_node: &Finding, node: &str) -> Option<AccountSignIn> {
    pods.workloads.iter().filter(|it| it.node == node).find_map(|it| {
        match Standing::of(pods, it, Behind::ServiceAccount(of_node)) {
            Standing::ByAccount(Problem::FederationNotSeen {
                client_id: Some(client_id),
                audience: Some(audience),
                subject,
                namespace,
                ..
            }) => Some(AccountSignIn { client_id, subject, audience, namespace }),
            _ => None,
        }
    })
}

/// Returns whether a finding of pods says all that one of their nodes says, and more.
pub fn takes_over(finding: &Finding) -> bool {
    finding.severity == Severity::Error || finding.code == "pod/federation-not-seen"
}

/// Returns the secrets that the kubelet cannot decode, which end the pull whatever the node can do; and
/// those that the registry refuses, where the node pulls with nothing but them.
fn broken(pods: &ImagePods, looks: &[impl Look], of_cluster: &[usize]) -> Vec<Compared> {
    let mut found: Vec<Compared> = vec![];
    for it in &pods.workloads {
        let look = looks.iter().position(|look| look.vantage().node() == Some(it.node.as_str()));
        let pulls_anonymously =
            look.is_some_and(|at| looks[at].can() == Some(true) && is_anonymous(&looks[at]));
        let problem = malformed(pods, it).or_else(|| match Standing::of(pods, it, Behind::Node) {
            Standing::Wrong(
                problem @ (Problem::AnonymousBlockedByBadCreds { .. }
                | Problem::PullsecretExpired { .. }
                | Problem::PullsecretRefused { .. }),
            ) if pulls_anonymously => Some(problem),
            // The kubelet pulls as nobody only where it has no credentials at all.
            Standing::Unknown { said } if pulls_anonymously => Some(not_tried(it, said)),
            _ => None,
        });
        let Some(problem) = problem else { continue };
        let finding = Finding::from(problem);
        let seen = look.map_or(of_cluster.to_vec(), |at| vec![at]);
        match found.iter_mut().find(|known| known.finding.code == finding.code) {
            Some(known) => {
                known.seen.extend(seen);
                known.seen.sort_unstable();
                known.seen.dedup();
            }
            None => found.push(Compared { finding, step: steps::POD.name, seen }),
        }
    }
    found
}

/// Returns whether the kubelet of a node has no credentials of its own for the image, so that those of
/// a pod are the last that it tries.
fn is_anonymous(look: &impl Look) -> bool {
    match look.end(steps::IDENTITY.name) {
        Some(StepEnd::Passed { saw }) => saw.values().any(|value| value == "kubelet-anonymous"),
        _ => false,
    }
}

/// Returns what is said of nodes that can pull while their pods wait: what the kubelet itself says of a
/// limit of its own, where it does.
fn while_it_works(
    (pods, looks): (&ImagePods, &[impl Look]),
    nodes: &[&str],
    count: usize,
) -> Option<Problem> {
    let first = of_nodes(pods, nodes)?;
    let there = || pods.workloads.iter().filter(|it| nodes.contains(&it.node.as_str()));
    let (named, node) = (named(nodes), first.node.clone());
    let look = looks.iter().find(|look| look.vantage().node() == Some(node.as_str()));
    let measured = look.and_then(|look| measured(look, first.pulling_for));
    let stalls = |it: &WaitingWorkload| it.suspects.first().is_some_and(|mode| mode == STALLED);
    let is_pulling = there().all(|it| it.reason == "Pulling");
    if is_pulling || there().all(stalls) {
        let slow = measured.as_ref().and_then(Measured::slow);
        if let Some((pace, shortest)) = slow {
            let said = words(first).map(str::to_owned);
            return Some(Problem::PullSlow { nodes: named, node, count, pace, shortest, said });
        }
    }
    if is_pulling {
        let pace = measured.and_then(|measured| measured.overdue());
        return Some(Problem::PullHangs { nodes: named, node, count, pace });
    }
    if there().all(|it| it.suspects.first().is_some_and(|mode| mode == "kubelet-pull-qps")) {
        return Some(Problem::KubeletPullQps { nodes: named, node, count });
    }
    let pods = replaced(there(), &first.namespace);
    Some(Problem::PullsNow {
        nodes: named,
        count,
        namespace: first.namespace.clone(),
        others: pods.as_ref().map(|pods| count.saturating_sub(pods.len())).filter(|it| *it > 0),
        pods,
        within: first.retried_in.and_then(|it| u64::try_from(it).ok()).map(spelled),
        said: words(first).map(str::to_owned),
    })
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
    let there = of.filter(|it| it.namespace == namespace).filter(of_controllers);
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

/// Returns that the runtime refuses the signature of the image: a reason of the CRI, not words.
fn signature(pods: &ImagePods) -> Option<Finding> {
    const REASON: &str = "SignatureValidationFailed";
    let first = pods.workloads.first()?;
    pods.workloads.iter().all(|it| it.reason == REASON).then(|| {
        Problem::SignatureRefused {
            nodes: named(&pods.nodes.keys().map(String::as_str).collect::<Vec<_>>()),
            node: first.node.clone(),
            count: pods.count,
            said: words(first).map(str::to_owned),
        }
        .into()
    })
}

/// Returns the first workload on one of these nodes, preferably one of which the kubelet says more.
fn of_nodes<'p>(pods: &'p ImagePods, nodes: &[&str]) -> Option<&'p WaitingWorkload> {
    let there = pods.workloads.iter().filter(|it| nodes.contains(&it.node.as_str()));
    there.max_by_key(|it| (!it.suspects.is_empty(), !it.said.is_empty()))
}

fn words(of: &WaitingWorkload) -> Option<&str> {
    Some(of.said.as_str()).filter(|said| !said.is_empty())
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
        Refusal::NoNamespace | Refusal::NotPermitted | Refusal::Other => None,
    };
    let (namespace, said) = (one.namespace.clone(), one.said.clone());
    let refused = Refused { workload, namespace, by, said };
    let is_now = one.is_certain;
    Finding::from(if is_now { Problem::NotCreated(refused) } else { Problem::RefusedOnce(refused) })
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
