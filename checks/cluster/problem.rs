//! What the area `cluster` can find wrong.

use serde::Serialize;

use super::ports::Exhausted;

/// What can be wrong with the cluster that pulls.
#[derive(Serialize, strum::VariantNames)]
#[serde(rename_all = "kebab-case")]
#[strum(serialize_all = "kebab-case")]
pub enum Problem {
    /// No cluster was named, and this is no node.
    NotNamed {},
    /// The caller does not see such a cluster, which does not say that there is none.
    NotSeen {
        /// The name, or the resource group of its nodes.
        name: String,
        /// Who asked.
        who: String,
    },
    /// Azure has no cluster with this id.
    NotFound {
        /// The resource id.
        id: String,
        /// Who asked.
        who: String,
    },
    /// Several clusters fit.
    Several {
        /// The name, or the resource group of its nodes.
        name: String,
        /// Their resource ids.
        ids: Vec<String>,
    },
    /// The cluster has no way out by design.
    NoEgress {
        /// The cluster.
        cluster: String,
        /// The outbound type.
        outbound: String,
    },
    /// The cluster gets Microsoft's images from this registry, which lacks the rule for it.
    BootstrapRuleMissing {
        /// The registry.
        host: String,
        /// The cluster.
        cluster: String,
        /// The registry's subscription.
        subscription: String,
    },
    /// The nodes get images of Microsoft's registry from another one.
    ImagesFromBootstrapRegistry {
        /// The cluster.
        cluster: String,
        /// Its resource id.
        cluster_id: String,
        /// That registry.
        bootstrap: String,
        /// The image there, where the registry can be read.
        #[serde(skip_serializing_if = "Option::is_none")]
        instead: Option<String>,
    },
    /// This run and the nodes reach the registry by different proxies.
    ProxyDiffers {
        /// The registry.
        host: String,
        /// The cluster.
        cluster: String,
        /// The proxy of this run, or `none`.
        here: String,
        /// The proxy of the nodes, or `none`.
        there: String,
    },
    /// The nodes trust certificates that this machine need not have.
    OwnCertificates {
        /// The cluster.
        cluster: String,
        /// How many.
        count: usize,
    },
    /// A public address that the cluster names does not exist, or has no address yet.
    EgressAddressNotFound {
        /// The cluster.
        cluster: String,
        /// The resource id of the public address or prefix.
        id: String,
    },
    /// The cluster is stopped, or every pool is empty.
    NoNodes {
        /// The cluster.
        cluster: String,
    },
    /// Connections of the cluster failed while the pull did, because no port was free.
    OutboundPortsExhausted(Exhausted),
    /// Connections of the cluster failed for that reason in the hour before.
    OutboundPortsExhaustedBefore(Exhausted),
    /// None of AKS's own detectors looks at what failed.
    NoDetectorConcerned {},
    /// AKS's own detectors did not answer, or the caller may not run them.
    DetectorsNotRead {},
}
