//! Which cluster is asked, and which of its nodes: the flags of kubectl, and ours.

use std::{path::PathBuf, time::Duration};

use crate::kit::rules::NodeRules;

/// Which cluster is asked, and as which user.
#[derive(Clone, Debug, Default)]
pub struct KubeOptions {
    /// The kubeconfig files, in the order in which kubectl merges them.
    pub files: Vec<PathBuf>,
    /// Whether the first of them was named on the command line: then it must be there.
    pub is_named: bool,
    /// `--context`.
    pub context: Option<String>,
    /// `--namespace`.
    pub namespace: Option<String>,
    /// `--as`, `--as-group`.
    pub impersonate: Impersonate,
    /// `--request-timeout`.
    pub request_timeout: Option<Duration>,
    /// Whether Azure's control plane says how the cluster is reached, and no kubeconfig.
    pub in_azure: bool,
    /// The API server that Kubernetes tells the pods of a cluster (`KUBERNETES_SERVICE_HOST` and
    /// `_PORT`).
    pub in_cluster: Option<(String, u16)>,
}

/// Who the requests are made as, if not as the one who signs in.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Impersonate {
    /// `--as`.
    pub user: Option<String>,
    /// `--as-group`.
    pub groups: Vec<String>,
    /// The id of that user, which only a kubeconfig gives.
    pub uid: Option<String>,
    /// What else is said of that user, which only a kubeconfig gives.
    pub extra: Vec<(String, String)>,
}

impl Impersonate {
    /// Returns what the options say, and for the rest what the kubeconfig says of its user. No user is
    /// impersonated without a name (client-go, `tools/clientcmd/client_config.go`).
    #[must_use]
    pub fn or(&self, of_user: Self) -> Self {
        let Some(user) = self.user.clone().or(of_user.user) else { return self.clone() };
        let groups = if self.groups.is_empty() { of_user.groups } else { self.groups.clone() };
        Self { user: Some(user), groups, ..of_user }
    }
}

/// Which nodes look, and how.
#[derive(Clone, Debug, Default)]
pub struct NodeRequest {
    /// Which nodes.
    pub choice: NodeChoice,
    /// `-l`: a selector on the labels of nodes.
    pub selector: Option<String>,
    /// Whether the pod keeps a network of its own, and sees no files of the node.
    pub pod_network: bool,
    /// The namespace of the Jobs, if it is not that of the cluster.
    pub namespace: Option<String>,
    /// The image that holds check-acr; without one it is carried to the nodes.
    pub image: Option<String>,
    /// Whether the pod may read the environment of the node's processes.
    pub live: bool,
    /// What the pods of each target ask of their nodes: one of these must fit, where there are any. Nothing
    /// where no target asks anything.
    pub rules: Vec<Vec<NodeRules>>,
}

/// Which nodes look.
#[derive(Clone, Debug, Default, PartialEq)]
pub enum NodeChoice {
    /// One ready node of each pool.
    #[default]
    EachPool,
    /// Every ready node.
    All,
    /// These nodes.
    Named(Vec<String>),
    /// These nodes, as far as they can be looked from: pods run there.
    OfPods(Vec<String>),
}
