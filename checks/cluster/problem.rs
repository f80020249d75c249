//! What the area `cluster` can find wrong.

use serde::Serialize;

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
}
