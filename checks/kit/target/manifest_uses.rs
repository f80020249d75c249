//! What manifests say of the pods that name an image.

use serde::{Deserialize, Serialize};

use crate::kit::rules::NodeRules;

/// What manifests say of those who name an image. The default says nothing.
#[derive(Clone, Debug, Default, PartialEq, Deserialize, Serialize)]
#[serde(default)]
pub struct ManifestUses {
    /// One that never pulls it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub never: Option<NamedBy>,
    /// Whether none of them pulls it.
    pub all_never: bool,
    /// One of the pods, where all of them present pull secrets of their own, as far as these were not read.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub secrets: Option<NamedBy>,
    /// One of the places, where it may be no image at each of them.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub guessed: Option<NamedBy>,
    /// Values of keys `image` that are none: told once in a run, beside its first image.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub others: Option<NamedBy>,
    /// The arguments that repeat this look at the manifests, where these can be read again.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub again: Vec<String>,
    /// The nodes of those that pull it: of each something else may be asked. None where one of them asks
    /// nothing of its node.
    #[serde(skip)]
    pub nodes: Vec<NodeRules>,
    /// Whether those that pull it ask different things of their nodes.
    #[serde(skip)]
    pub are_scattered: bool,
    /// Those that pull it, and how they sign in.
    #[serde(skip)]
    pub pulling: Vec<ManifestPod>,
}

/// A pod of manifests that pulls an image, and what it names to sign in with.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct ManifestPod {
    /// The object, such as `deployment/web`.
    pub object: String,
    /// The container or the volume.
    pub container: String,
    /// The image, as the manifest names it.
    pub image: String,
    /// The namespace, where the manifest names one.
    pub namespace: Option<String>,
    /// The service account, where it does.
    pub account: Option<String>,
    /// The pull secrets, in their order.
    pub secrets: Vec<String>,
    /// Whether it gets no others: its list has an entry, or they are what admission left it with.
    pub has_all: bool,
}

impl ManifestPod {
    /// Returns whether the other signs in with the same.
    pub fn signs_in_like(&self, other: &Self) -> bool {
        let Self { namespace, account, secrets, .. } = self;
        (namespace, account, secrets) == (&other.namespace, &other.account, &other.secrets)
    }
}

impl ManifestUses {
    /// Adds what is said of others who name the image.
    pub fn join(&mut self, other: Self) {
        self.never = self.never.take().or(other.never);
        self.others = self.others.take().or(other.others);
        self.guessed = self.guessed.take().filter(|_| other.guessed.is_some());
        for pod in other.pulling {
            let is_known =
                |known: &ManifestPod| known.object == pod.object && known.signs_in_like(&pod);
            if !self.pulling.iter().any(is_known) {
                self.pulling.push(pod);
            }
        }
        if self.all_never {
            // Of those that never pull, neither secrets nor nodes matter.
            (self.secrets, self.nodes, self.all_never) =
                (other.secrets, other.nodes, other.all_never);
            return;
        }
        if other.all_never {
            return;
        }
        self.are_scattered |= other.are_scattered || self.nodes != other.nodes;
        self.secrets = self.secrets.take().filter(|_| other.secrets.is_some());
        if self.nodes.is_empty() || other.nodes.is_empty() {
            self.nodes.clear();
            return;
        }
        for rules in other.nodes {
            if !self.nodes.contains(&rules) {
                self.nodes.push(rules);
            }
        }
    }
}

/// Who names an image, and where.
#[derive(Clone, Debug, Default, PartialEq, Deserialize, Serialize)]
#[serde(default)]
pub struct NamedBy {
    /// The file and the line, or several.
    pub at: String,
    /// The object, such as `deployment/web`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub object: Option<String>,
    /// The container or the volume.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub container: Option<String>,
    /// The namespace, where the manifest names one.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub namespace: Option<String>,
    /// The first of its pull secrets.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub secret: Option<String>,
    /// All of them.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub secrets: Option<String>,
}
