//! A thin client for the Kubernetes API: requests as the crate `kube` builds them, over connections
//! that resolve, use proxies and trust as the world says.

mod client;
mod credentials;
mod error;
mod event;
mod facts;
mod objects;
mod options;
mod problem;
mod read;
mod refusal;
mod rights;
mod waiting;
mod watch;

pub use client::{Cluster, KUBE_WAIT, Kube, Server};
pub use credentials::{
    Attempt, CLIENT_ANNOTATION, CredentialRow, CredentialState, PodCredentials, PresentedRow,
};
pub use error::KubeError;
pub use event::{Involved, KubeEvent};
pub use facts::{Access, Api, ChosenNode, Nodes};
pub use kube::core::{
    Status, WatchEvent,
    params::{DeleteParams, GetParams, ListParams, PostParams, WatchParams},
    request::Request as KubeRequest,
    subresource::LogParams,
};
pub use objects::{
    Condition, ConfigMap, ContainerState, ContainerStatus, Job, List, Meta, Node, NodeImage,
    Object, Pod, Reference, ResourceVersion, Waiting,
};
pub use options::{Impersonate, KubeOptions, NodeChoice, NodeRequest};
pub use problem::{CarryFault, JobProblem, PodStage};
pub use read::AT_ONCE;
pub use refusal::Refusal;
pub use rights::{Loses, Right, manifest_rights, pod_rights, rights, secret_rights};
pub use waiting::{
    ImagePlace, ImagePods, MAX_NAMED, NotCreated, PodScope, RUNNING, WaitingPods, WaitingWorkload,
    WorkloadKind,
};
pub use watch::Watch;
