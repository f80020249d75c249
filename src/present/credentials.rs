//! The credentials that the kubelet has for the pods of a group, in its order: which of them it
//! presents, and what the registry answers.

use checks::{
    kit::{
        engine::Severity,
        keyring::RegistryAnswer,
        kube::{CredentialRow, CredentialState, ImagePods, WaitingWorkload},
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
    /// Whether it is the anonymous client.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub anonymous: bool,
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

/// Returns what these pods present for an image: their pull secrets, then what their nodes
/// have, and the anonymous client.
pub(super) fn of<'p>(
    target: &TargetPage,
    pods: &'p ImagePods,
    workloads: impl Iterator<Item = &'p WaitingWorkload>,
) -> Vec<CredentialLine> {
    let workloads: Vec<&WaitingWorkload> = workloads.collect();
    let (mut of_pods, mut of_nodes, mut views) = (vec![], vec![], vec![]);
    for it in &workloads {
        let rows = pods.credentials_of(it).map(|set| &set.rows);
        for row in rows.into_iter().flatten() {
            add(&mut of_pods, of_row(&it.namespace, row));
        }
    }
    for view in &target.views {
        let is_theirs = |node: &&str| workloads.iter().any(|it| it.is_on(node));
        let node = view.from.node().filter(is_theirs);
        if let Some(line) = node.and_then(|node| of_node(node, view)) {
            of_nodes.push(line);
            views.push(view);
        }
    }
    // In the order of their names, not of their answers.
    of_nodes.sort_unstable_by(|one: &CredentialLine, other| one.node.cmp(&other.node));
    let anonymous = anonymous(pods, &of_pods, &views);
    of_pods.into_iter().chain(of_nodes).chain(anonymous).collect()
}

/// The finding that an anonymous client gets no image.
const REFUSES_ANONYMOUS: &str = "token/anonymous-pull-disabled";

/// Returns what an anonymous client gets, and whether the kubelet is one at last: where it has no
/// credentials for the image (kubernetes, `PullImage` of pkg/kubelet/kuberuntime), or where Azure's
/// provider gives out an empty entry behind its own (cloud-provider-azure). What the nodes saw counts
/// before what was tried from here.
fn anonymous(
    pods: &ImagePods,
    of_pods: &[CredentialLine],
    views: &[&ViewPage],
) -> Option<CredentialLine> {
    let signs_in = |view: &&&ViewPage| !is_anonymous(view);
    let has_others = of_pods.iter().any(|line| line.state == CredentialState::Presented)
        || views.iter().any(|view| signs_in(&view));
    let found = |view: &ViewPage| {
        let mut findings = view.steps.iter().flat_map(|step| &step.findings);
        findings.any(|finding| finding.told.code == REFUSES_ANONYMOUS)
    };
    let gets = |view: &&&ViewPage| is_anonymous(view) && is_accepted(view);
    let (answer, codes) = if views.iter().any(|view| gets(&view)) {
        (RegistryAnswer::Accepted, vec![])
    } else if views.iter().any(|view| found(view)) {
        (RegistryAnswer::Refused, vec![REFUSES_ANONYMOUS.to_owned()])
    } else {
        (pods.anonymous?, vec![])
    };
    let state = if !has_others {
        CredentialState::Presented
    } else if views.iter().any(|view| asks_provider(view)) {
        CredentialState::Last
    } else {
        CredentialState::PassedOver
    };
    Some(CredentialLine {
        secret: None,
        node: None,
        identity: None,
        anonymous: true,
        key: None,
        state,
        said: None,
        answer: Some(answer),
        codes,
    })
}

/// Returns whether the kubelet of a node asks Azure's provider for the image.
fn asks_provider(view: &ViewPage) -> bool {
    let step = view.steps.iter().find(|step| step.name == steps::KUBELET.name);
    step.and_then(StepPage::saw).is_some_and(|saw| saw.contains_key("pattern"))
}

/// Returns whether the kubelet of a node presents nothing of its own.
fn is_anonymous(view: &ViewPage) -> bool {
    const WORDS: [&str; 3] = ["kubelet-anonymous", "kubelet-without-token", "anonymous-as-asked"];
    let step = view.steps.iter().find(|step| step.name == steps::IDENTITY.name);
    let saw = step.and_then(StepPage::saw);
    saw.is_some_and(|saw| saw.values().any(|it| WORDS.iter().any(|word| it == word)))
}

/// Returns whether a node got the image, or at least its manifest.
fn is_accepted(view: &ViewPage) -> bool {
    // A node that fails before it signs in has shown nothing of its credentials.
    let passed = |step: &StepPage| {
        step.name == steps::MANIFEST.name && step.status == crate::verdict::StepStatus::Passed
    };
    view.can == Outcome::Pull || view.steps.iter().any(passed)
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
        anonymous: false,
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
    let answer = match codes.as_slice() {
        _ if is_accepted(view) => Some(RegistryAnswer::Accepted),
        [] => Some(RegistryAnswer::NotTried),
        // What was found says more than one word, and not all of it is a refusal.
        _ => None,
    };
    Some(CredentialLine {
        secret: None,
        node: Some(node.to_owned()),
        identity: Some(identity),
        anonymous: false,
        key: None,
        state: CredentialState::Presented,
        said: None,
        answer,
        codes,
    })
}
