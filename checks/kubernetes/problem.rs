//! What the area `kubernetes` can find wrong: the cluster's API cannot be reached, refuses, or has no
//! node to look from. None of it says anything about the registry.

use serde::Serialize;

use crate::{
    kit::{
        kube::Loses,
        net::{Fault, Stage},
    },
    kubeconfig::AksName,
};

/// Why nothing can be looked at from the nodes.
#[derive(Serialize, strum::VariantNames)]
#[serde(rename_all = "kebab-case")]
#[strum(serialize_all = "kebab-case")]
pub enum Problem {
    /// The API server's name has no address here.
    NameNotFound {
        /// The host.
        host: String,
    },
    /// The same, and the name is one of a private cluster.
    PrivateName {
        /// The host.
        host: String,
        /// The same, where it is the name of an AKS cluster.
        #[serde(skip_serializing_if = "Option::is_none")]
        aks_host: Option<String>,
    },
    /// The API server of a private AKS cluster cannot be reached from here.
    PrivateApiServer {
        /// The host.
        host: String,
        /// How far the connection came.
        stage: Stage,
        /// How it failed.
        fault: Fault,
        /// The cluster.
        #[serde(flatten)]
        aks: AksName,
    },
    /// Nothing gets through to the API server of an AKS cluster at its public address.
    AuthorizedRanges {
        /// The host.
        host: String,
        /// How connecting failed.
        fault: Fault,
    },
    /// The API server cannot be reached.
    Unreachable {
        /// The host.
        host: String,
        /// How far the connection came.
        stage: Stage,
        /// How it failed.
        fault: Fault,
    },
    /// Its certificate is not one that the kubeconfig trusts.
    CertificateNotTrusted {
        /// The host.
        host: String,
        /// The same, where it is the name of an AKS cluster.
        #[serde(skip_serializing_if = "Option::is_none")]
        aks_host: Option<String>,
    },
    /// What answers there is no Kubernetes API.
    NotKubernetes {
        /// The host.
        host: String,
        /// What it answered.
        said: String,
    },
    /// It does not know who asks (401).
    Unauthorized {
        /// The host.
        host: String,
        /// The same, where it is the name of an AKS cluster.
        #[serde(skip_serializing_if = "Option::is_none")]
        aks_host: Option<String>,
        /// The user of the kubeconfig.
        user: String,
    },
    /// It knows who asks, who may not (403).
    Forbidden {
        /// The user of the kubeconfig.
        user: String,
        /// What it says.
        said: String,
    },
    /// It does not take the request.
    RequestRefused {
        /// The host.
        host: String,
        /// What it says.
        said: String,
    },
    /// It fails.
    ServerFails {
        /// The host.
        host: String,
        /// What it says.
        said: String,
    },
    /// Permissions are missing without which nothing can be looked at.
    RightsMissing {
        /// The user of the kubeconfig.
        user: String,
        /// The permissions.
        rights: Vec<String>,
        /// The namespace.
        namespace: String,
        /// The command that needs them.
        command: &'static str,
    },
    /// Permissions are missing whose lack can be borne.
    RightsLost {
        /// The user of the kubeconfig.
        user: String,
        /// The permissions.
        rights: Vec<String>,
        /// The namespace.
        namespace: String,
        /// The command that needs them.
        command: &'static str,
        /// What is lost.
        loses: Vec<Loses>,
    },
    /// No node can be looked from.
    NoNodes {
        /// How many there are, of whatever kind.
        count: usize,
        /// The selector that was given.
        #[serde(skip_serializing_if = "Option::is_none")]
        selector: Option<String>,
    },
    /// No node that can be looked from is one that the pods can be scheduled to.
    NoNodeFits {
        /// What the pods ask of their nodes.
        rules: String,
        /// How many nodes can be looked from.
        count: usize,
    },
    /// None of the nodes that some pods are on can be looked from. The others were not counted.
    PodNodesUnfit {
        /// The nodes, the first few.
        nodes: Vec<String>,
        /// Those that are not there.
        #[serde(skip_serializing_if = "Option::is_none")]
        gone: Option<Vec<String>>,
        /// Those that are.
        #[serde(skip_serializing_if = "Option::is_none")]
        unfit: Option<Vec<UnfitNode>>,
    },
    /// There is no such node.
    NodeNotFound {
        /// The node.
        node: String,
    },
    /// A node that was named cannot be looked from.
    NodeUnfit {
        /// The node.
        node: String,
        /// Why.
        unfit: Unfit,
    },
    /// Nodes that are not looked from.
    NotExamined {
        /// How many.
        count: usize,
        /// Their names.
        nodes: Vec<String>,
        /// Why.
        unfit: Unfit,
    },
}

/// A node that cannot be looked from.
#[derive(Serialize)]
pub struct UnfitNode {
    /// Its name.
    pub(super) node: String,
    /// Why.
    pub(super) unfit: Unfit,
}

/// Why a node cannot be looked from.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, strum::VariantNames)]
#[serde(rename_all = "kebab-case")]
#[strum(serialize_all = "kebab-case")]
pub enum Unfit {
    /// It runs Windows.
    Windows,
    /// It is no machine: Azure Container Instances stand behind it.
    Virtual,
    /// Its kubelet does not report.
    NotReady,
    /// check-acr is not built for its processor.
    OtherProcessor,
}
