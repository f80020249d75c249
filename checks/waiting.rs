//! What the pods that wait for an image add to what their nodes saw: that the pull works by now, and
//! which of them nobody looked from.

use crate::{
    compared::{Compared, Look},
    kit::{
        Step,
        engine::{Finding, Vantage},
        kube::{ImagePods, NotCreated, Refusal, WaitingWorkload},
    },
    pod::Problem,
    steps,
};

/// How many nodes are named.
const MAX_NAMED: usize = 5;

/// Returns what is to be said of the pods of an image.
pub fn read(pods: &ImagePods, looks: &[impl Look]) -> Vec<Compared> {
    let place = |node: &str| {
        looks.iter().position(|look| look.vantage().node().is_some_and(|name| name == node))
    };
    let cluster = looks.iter().position(|look| *look.vantage() == Vantage::Kubernetes);
    let of_cluster: Vec<usize> = cluster.into_iter().collect();
    let step = steps::POD.name;
    if let Some(finding) = never_pulled(pods) {
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
    let mut found = vec![];
    if let Some(first) = of_nodes(pods, &passing) {
        let problem = Problem::PullsNow {
            nodes: named(&passing),
            count: count(&passing),
            namespace: first.namespace.clone(),
            pod: first.pods.first().filter(|_| !first.workload.starts_with("pod/")).cloned(),
            within: first.retried_in.map(|it| format!("{}m{:02}s", it / 60, it % 60)),
            said: words(first).map(str::to_owned),
        };
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
        found.push(Compared { finding: problem.into(), step, seen: of_cluster });
    }
    found
}

/// The steps whose result depends on who signs in.
const SIGN_IN: [Step; 4] = [steps::KUBELET, steps::IDENTITY, steps::EXCHANGE, steps::TOKEN];

/// Returns why a cause that nodes saw at a step is not certain of their pods: who signs in decides, and
/// all of these pods sign in otherwise first.
pub fn doubt(pods: &ImagePods, step: &str, nodes: &[&str]) -> Option<Finding> {
    let depends = SIGN_IN.iter().any(|one| one.name == step);
    let there = |it: &&WaitingWorkload| nodes.contains(&it.node.as_str());
    let mut of_nodes = pods.workloads.iter().filter(there);
    let first = of_nodes.clone().next().filter(|_| depends)?;
    of_nodes.all(|it| !it.secrets.is_empty()).then(|| {
        Problem::SecretsNotTried {
            workload: first.workload.clone(),
            namespace: first.namespace.clone(),
            secret: first.secrets.first().cloned().unwrap_or_default(),
            secrets: first.secrets.join(", "),
        }
        .into()
    })
}

/// Returns what is wrong where every pod has the policy never to pull, and its node lacks the image:
/// both stand in the pod itself, so no words of the kubelet are believed.
fn never_pulled(pods: &ImagePods) -> Option<Finding> {
    let is_one = |it: &&WaitingWorkload| it.reason == "ErrImageNeverPull" && it.policy == "Never";
    let first = pods.workloads.first()?;
    pods.workloads.iter().all(|it| is_one(&it)).then(|| {
        Problem::NeverPulled {
            count: pods.count,
            image: pods.image.clone(),
            nodes: named(&pods.nodes.keys().map(String::as_str).collect::<Vec<_>>()),
            workload: first.workload.clone(),
            namespace: first.namespace.clone(),
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

fn named(nodes: &[&str]) -> String {
    let more = nodes.len().saturating_sub(MAX_NAMED);
    let named = nodes[..nodes.len() - more].join(", ");
    if more == 0 { named } else { format!("{named}, … +{more}") }
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
    Problem::NotCreated { workload, namespace, by, said }.into()
}
