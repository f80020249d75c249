//! What the area `pod` can find wrong.

use serde::Serialize;

/// What pods that wait for an image show, and why it cannot be seen.
#[derive(Serialize, strum::VariantNames)]
#[serde(rename_all = "kebab-case")]
#[strum(serialize_all = "kebab-case")]
pub enum Problem {
    /// The caller may not list pods.
    MayNotList {
        /// The caller.
        user: String,
        /// The resource.
        what: String,
        /// The namespace; nothing where all were asked for.
        #[serde(skip_serializing_if = "Option::is_none")]
        namespace: Option<String>,
    },
    /// The API server did not give a list.
    NotListed {
        /// What was asked for.
        what: String,
        /// What it said.
        said: String,
    },
    /// There is no such workload.
    NotThere {
        /// Its kind and name.
        workload: String,
        /// The namespace.
        namespace: String,
    },
    /// Events could not be read.
    EventsNotRead {
        /// What the API server said.
        said: String,
    },
    /// The API server gives a workload no pod.
    NotCreated {
        /// Its kind and name.
        workload: String,
        /// The namespace.
        namespace: String,
        /// The policy, webhook or quota that refuses, as far as it is named.
        #[serde(skip_serializing_if = "Option::is_none")]
        by: Option<String>,
        /// What the API server said.
        said: String,
    },
    /// The pods must never pull, and their nodes do not have the image.
    NeverPulled {
        /// How many pods.
        count: usize,
        /// The image.
        image: String,
        /// The nodes, the first few.
        nodes: String,
        /// One of their workloads.
        workload: String,
        /// Its namespace.
        namespace: String,
    },
    /// The node can pull the image now, and pods there still wait for it.
    PullsNow {
        /// The nodes.
        nodes: String,
        /// How many pods wait there.
        count: usize,
        /// The namespace of one of them.
        namespace: String,
        /// Its name, where something makes a new one in its place.
        #[serde(skip_serializing_if = "Option::is_none")]
        pod: Option<String>,
        /// How long the kubelet waits at most until it tries again.
        #[serde(skip_serializing_if = "Option::is_none")]
        within: Option<String>,
        /// What the kubelet last said of it.
        #[serde(skip_serializing_if = "Option::is_none")]
        said: Option<String>,
    },
    /// The pods present pull secrets of their own, which the node did not.
    SecretsNotTried {
        /// One of their workloads.
        workload: String,
        /// Its namespace.
        namespace: String,
        /// The first of its secrets.
        secret: String,
        /// All of them.
        secrets: String,
    },
    /// Pods wait on nodes that were not looked from.
    NotLooked {
        /// How many pods.
        count: usize,
        /// The nodes, the first few.
        nodes: String,
        /// One of them.
        node: String,
        /// What the kubelet says, which is no more than a suspicion.
        #[serde(skip_serializing_if = "Option::is_none")]
        said: Option<String>,
        /// What its words fit.
        #[serde(skip_serializing_if = "Option::is_none")]
        suspects: Option<String>,
    },
}
