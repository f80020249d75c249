//! The credentials that the kubelet has for the pods of a group, in its order: which of them it
//! presents, and what the registry answers.

use checks::{
    kit::{
        engine::Severity,
        kube::{CredentialRow, CredentialState, ImagePods, RegistryAnswer, WaitingWorkload},
    },
    steps,
};
use serde::Serialize;

use super::{StepPage, TargetPage, ViewPage};
use crate::verdict::Outcome;

/// A credential of pods, or that of their node.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct CredentialLine {
    /// The pull secret, with its namespace.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub secret: Option<String>,
    /// The node whose kubelet signs in by itself.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub node: Option<String>,
    /// As whom it does.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub identity: Option<String>,
    /// The key of the secret's entry, or the one that nearly matches.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub key: Option<String>,
    /// What the kubelet makes of it.
    pub state: CredentialState,
    /// What is wrong with the secret.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub said: Option<String>,
    /// What the registry answers.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub answer: Option<RegistryAnswer>,
    /// What was found when the node signed in.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub codes: Vec<String>,
}

/// Returns what these pods present for an image: their pull secrets, then what their nodes have.
pub(super) fn of<'p>(
    target: &TargetPage,
    pods: &'p ImagePods,
    workloads: impl Iterator<Item = &'p WaitingWorkload>,
) -> Vec<CredentialLine> {
    let (mut of_pods, mut of_nodes) = (vec![], vec![]);
    for it in workloads {
        let is_theirs = |set: &&checks::kit::kube::PodCredentials| {
            set.is_of(&it.namespace, &it.account, &it.secrets)
        };
        let rows = pods.credentials.iter().find(is_theirs).map(|set| &set.rows);
        for row in rows.into_iter().flatten() {
            add(&mut of_pods, of_row(&it.namespace, row));
        }
        let view = target.views.iter().find(|view| view.from.node() == Some(it.node.as_str()));
        if let Some(line) = view.and_then(|view| of_node(&it.node, view)) {
            add(&mut of_nodes, line);
        }
    }
    of_pods.into_iter().chain(of_nodes).collect()
}

fn add(lines: &mut Vec<CredentialLine>, line: CredentialLine) {
    if !lines.contains(&line) {
        lines.push(line);
    }
}

fn of_row(namespace: &str, row: &CredentialRow) -> CredentialLine {
    CredentialLine {
        secret: Some(format!("{namespace}/{}", row.secret)),
        node: None,
        identity: None,
        key: row.key.clone(),
        state: row.state,
        said: row.said.clone(),
        answer: row.answer,
        codes: vec![],
    }
}

/// Returns what a node signs in with, where it got so far that this is known.
fn of_node(node: &str, view: &ViewPage) -> Option<CredentialLine> {
    let identity = view.identity.clone()?;
    let signs_in = |step: &&StepPage| {
        [steps::IDENTITY, steps::EXCHANGE, steps::TOKEN].iter().any(|one| one.name == step.name)
    };
    let found = view.steps.iter().filter(signs_in).flat_map(|step| &step.findings);
    let mut codes: Vec<String> = vec![];
    for finding in found.filter(|finding| finding.told.severity == Severity::Error) {
        if !codes.contains(&finding.told.code) {
            codes.push(finding.told.code.clone());
        }
    }
    // A node that fails before it signs in has shown nothing of its credentials.
    let passed = |name: &str| {
        let is_passed = |step: &StepPage| step.status == crate::verdict::StepStatus::Passed;
        view.steps.iter().any(|step| step.name == name && is_passed(step))
    };
    let is_accepted = view.can == Outcome::Pull || passed(steps::MANIFEST.name);
    let answer = match codes.as_slice() {
        _ if is_accepted => Some(RegistryAnswer::Accepted),
        [] => Some(RegistryAnswer::NotTried),
        // What was found says more than one word, and not all of it is a refusal.
        _ => None,
    };
    Some(CredentialLine {
        secret: None,
        node: Some(node.to_owned()),
        identity: Some(identity),
        key: None,
        state: CredentialState::Presented,
        said: None,
        answer,
        codes,
    })
}
