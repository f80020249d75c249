//! What several of the problems of pods name.

use serde::Serialize;

/// A pull secret of pods.
#[derive(Serialize)]
pub struct OwnSecret {
    /// One of their workloads.
    pub workload: String,
    /// Its namespace.
    pub namespace: String,
    /// The secret.
    pub secret: String,
    /// The workload again, where a patch of its template lets its pods present one more secret and
    /// changes nothing else.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub patched: Option<String>,
    /// The workload again, where its manifest has to be edited for that.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub by_hand: Option<String>,
}

/// A service account of pods, and what the API server says of it.
#[derive(Serialize)]
pub struct OfAccount {
    /// One of their workloads.
    pub workload: String,
    /// Its namespace.
    pub namespace: String,
    /// The account.
    pub account: String,
    /// What it says.
    pub said: String,
}

/// Pull secrets of pods that were not tried.
#[derive(Serialize)]
pub struct NotTried {
    /// One of their workloads.
    pub workload: String,
    /// Its namespace.
    pub namespace: String,
    /// The first of its secrets.
    pub secret: String,
    /// All of them.
    pub secrets: String,
    /// Why they were not read, where the API server says it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub said: Option<String>,
}

/// A workload whose pod the API server refused.
#[derive(Serialize)]
pub struct Refused {
    /// Its kind and name.
    pub workload: String,
    /// The namespace.
    pub namespace: String,
    /// The policy, webhook or quota that refuses, as far as it is named.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub by: Option<String>,
    /// What the API server said.
    pub said: String,
}

/// An image that admission puts into a pod in the place of another.
#[derive(Serialize)]
pub struct Rewritten {
    /// The kind and name of the object that describes the pod.
    pub object: String,
    /// The namespace.
    pub namespace: String,
    /// Where the manifests name its images.
    pub at: String,
    /// The image of the manifest.
    pub image: String,
    /// The image that the pod would have.
    pub admitted: String,
}

/// A dry run that did not say whether admission takes an object.
#[derive(Serialize)]
pub struct DryRun {
    /// The kind and name of the workload.
    pub object: String,
    /// Which of the two.
    pub tried: Tried,
    /// Its resource, as RBAC names it.
    pub resource: String,
    /// The namespace.
    pub namespace: String,
    /// The caller, if it was asked.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub user: Option<String>,
    /// Where the manifests name its images.
    pub at: String,
    /// What the API server said.
    pub said: String,
}

/// What a dry run tries to create.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, strum::VariantNames)]
#[serde(rename_all = "kebab-case")]
#[strum(serialize_all = "kebab-case")]
pub enum Tried {
    /// A pod of the workload.
    ItsPod,
    /// The workload itself.
    TheWorkload,
}
