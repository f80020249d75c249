//! Who signs in for pods: where their own credentials decide, what is known of these stands in the place
//! of what their node found.

use std::collections::BTreeSet;

use crate::{
    data_path::AccountSignIn,
    kit::{
        Step,
        engine::{Finding, Severity},
        kube::{ImagePods, WaitingWorkload},
    },
    pod::{
        OwnSecret, Problem,
        own::{Behind, Standing},
    },
    steps,
};

use super::as_certain;

/// The steps whose result depends on who signs in.
const SIGN_IN: [Step; 4] = [steps::KUBELET, steps::IDENTITY, steps::EXCHANGE, steps::TOKEN];

/// Returns whether the result of a step depends on who signs in.
pub fn is_sign_in(step: &str) -> bool {
    SIGN_IN.iter().any(|one| one.name == step)
}

/// The finding that the kubelet signs in as the service account of the pod.
const BY_ACCOUNT: &str = "kubelet/service-account-decides";

/// What the credentials of some workloads make of a finding of their node.
pub struct Instead {
    /// What decides for them: an error where it is wrong, could-not-tell where it is open or would do.
    /// Nothing where the node's sign-in decides.
    pub finding: Option<Finding>,
    /// The workloads, by their places.
    pub workloads: BTreeSet<usize>,
}

/// Returns what the pods' own credentials make of a finding that nodes have at a step: who signs in
/// decides there, and pods may present something else first. Those for which the same decides stand
/// together; of none the finding is left out.
pub fn instead(
    pods: &ImagePods,
    (step, of_node): (&str, &Finding),
    nodes: &[&str],
) -> Vec<Instead> {
    let mut parts: Vec<Instead> = vec![];
    if !is_sign_in(step) {
        return parts;
    }
    let behind =
        if is_by_account(of_node) { Behind::ServiceAccount(of_node) } else { Behind::Node };
    for (place, it) in pods.workloads.iter().enumerate() {
        if !nodes.iter().any(|node| it.is_on(node)) {
            continue;
        }
        let problem = match Standing::of(pods, it, behind) {
            Standing::None => None,
            Standing::Wrong(problem)
            | Standing::Unknown(problem)
            | Standing::NotThere(problem)
            | Standing::ByAccount(problem) => Some(problem),
            Standing::Works { secret } => Some(accepted(it, secret)),
        };
        let finding = problem.map(|problem| as_certain(pods, problem.into()));
        let code = |of: &Option<Finding>| of.as_ref().map(|it| it.code.clone());
        match parts.iter_mut().find(|known| code(&known.finding) == code(&finding)) {
            Some(known) => drop(known.workloads.insert(place)),
            None => parts.push(Instead { finding, workloads: BTreeSet::from([place]) }),
        }
    }
    parts
}

/// Returns that a pull secret gets the image.
fn accepted(it: &WaitingWorkload, secret: String) -> Problem {
    if it.is_planned() {
        return Problem::ManifestSecretAccepted(OwnSecret::of(it, &secret));
    }
    Problem::SecretAccepted {
        workload: it.workload.clone(),
        namespace: it.namespace.clone(),
        secret,
        pod: it.pods.first().cloned().unwrap_or_default(),
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
    const OPEN: [&str; 2] = ["pod/federation-not-seen", "pod/manifest-secret-accepted"];
    finding.severity == Severity::Error || OPEN.contains(&finding.code.as_str())
}
