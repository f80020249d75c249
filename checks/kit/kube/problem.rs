//! What can go wrong with a Job that looks from a node.

use serde::Serialize;

use super::{error::KubeError, refusal::Refusal};

/// Problems with the Jobs that look from the nodes. None of them says anything about the registry.
#[derive(Clone, Debug, Serialize, strum::VariantNames)]
#[serde(rename_all = "kebab-case")]
#[strum(serialize_all = "kebab-case")]
pub enum JobProblem {
    /// Pod Security refuses the pod.
    PodSecurity {
        /// The namespace.
        namespace: String,
        /// The level that it enforces.
        level: String,
        /// What the API server says.
        said: String,
    },
    /// Admission changed what the pod would see, or what it is asked.
    ViewRewritten {
        /// The fields.
        fields: Vec<String>,
    },
    /// A policy refuses it.
    PolicyRefused {
        /// Its name.
        policy: String,
        /// What it says.
        said: String,
    },
    /// A webhook refuses it.
    WebhookRefused {
        /// Its name.
        webhook: String,
        /// What it says.
        said: String,
    },
    /// A webhook that must agree does not answer.
    WebhookSilent {
        /// Its name.
        webhook: String,
        /// What the API server says.
        said: String,
    },
    /// A quota is used up.
    QuotaExceeded {
        /// Its name.
        quota: String,
        /// The namespace.
        namespace: String,
        /// What the API server says.
        said: String,
    },
    /// There is no such namespace, or it is being deleted.
    NamespaceMissing {
        /// The namespace.
        namespace: String,
    },
    /// RBAC refuses.
    NotPermitted {
        /// The namespace.
        namespace: String,
        /// What the API server says.
        said: String,
    },
    /// The API server refuses for another reason, or does not answer.
    Refused {
        /// What it says.
        said: String,
    },
    /// Admission changed the Job.
    Rewritten {
        /// The fields that it changed.
        fields: Vec<String>,
    },
    /// check-acr cannot be carried to nodes of that architecture.
    NotCarried {
        /// The architecture.
        architecture: String,
        /// Why.
        why: CarryFault,
        /// What the system says.
        #[serde(skip_serializing_if = "Option::is_none")]
        said: Option<String>,
    },
    /// The node names no image that the agent could start in.
    NoImage {},
    /// The image is not on the node, and must not be pulled.
    ImageNotThere {
        /// The image.
        image: String,
    },
    /// The node cannot pull the image of check-acr itself.
    AgentImageNotPulled {
        /// The image.
        image: String,
        /// What the kubelet says.
        said: String,
    },
    /// The pod does not start.
    NotStarted {
        /// The reason that Kubernetes gives.
        reason: String,
        /// The same in words.
        said: String,
    },
    /// The agent ended without a result.
    EndedEarly {
        /// The reason that Kubernetes gives.
        reason: String,
        /// The exit code, where there is one.
        #[serde(skip_serializing_if = "Option::is_none")]
        exit_code: Option<i32>,
    },
    /// The node did not report in time.
    Stalled {
        /// How far its pod was seen to be.
        stage: PodStage,
        /// Why the pods could not be seen.
        #[serde(skip_serializing_if = "Option::is_none")]
        said: Option<String>,
    },
    /// The result cannot be read.
    NoResult {
        /// Why.
        said: String,
    },
    /// A Job could not be deleted.
    LeftBehind {
        /// How many.
        count: usize,
        /// Where.
        namespace: String,
        /// What the API server says.
        said: String,
    },
    /// Pods looked, and not nodes.
    PodsOnly {},
}

/// How far the pod of a Job was seen to be.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, strum::VariantNames)]
#[serde(rename_all = "kebab-case")]
#[strum(serialize_all = "kebab-case")]
pub enum PodStage {
    /// It was not seen.
    #[default]
    PodNotSeen,
    /// It has not started.
    PodPending,
    /// It runs.
    PodRunning,
}

/// Why check-acr cannot be carried to a node.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, strum::VariantNames)]
#[serde(rename_all = "kebab-case")]
#[strum(serialize_all = "kebab-case")]
pub enum CarryFault {
    /// There is no loader for that architecture.
    NoLoader,
    /// The program cannot be read.
    Unreadable,
    /// It is no program for Linux.
    NotForLinux,
    /// It is built for another processor.
    OtherArchitecture,
    /// It needs libraries that the node's image may lack.
    NotStatic,
    /// It is too large.
    TooLarge,
}

impl JobProblem {
    /// Returns what a failed request to create a Job or a pod means.
    pub fn refused(error: &KubeError, namespace: &str) -> Self {
        let said = error.said();
        match Refusal::of(error) {
            Some(refusal) => Self::of(refusal, said, namespace),
            None => JobProblem::Refused { said },
        }
    }

    /// Returns what a refusal means, in the words of an event.
    pub fn of(refusal: Refusal, said: String, namespace: &str) -> Self {
        let namespace = namespace.to_owned();
        match refusal {
            Refusal::PodSecurity { level } => JobProblem::PodSecurity { namespace, level, said },
            Refusal::Policy { policy } => JobProblem::PolicyRefused { policy, said },
            Refusal::Webhook { webhook } => JobProblem::WebhookRefused { webhook, said },
            Refusal::WebhookSilent { webhook } => JobProblem::WebhookSilent { webhook, said },
            Refusal::Quota { quota } => JobProblem::QuotaExceeded { quota, namespace, said },
            Refusal::NoNamespace => JobProblem::NamespaceMissing { namespace },
            Refusal::NotPermitted => JobProblem::NotPermitted { namespace, said },
            Refusal::NoAccount | Refusal::NoDryRun { .. } | Refusal::Other => {
                JobProblem::Refused { said }
            }
        }
    }
}
