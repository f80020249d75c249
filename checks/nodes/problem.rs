//! What the area `nodes` can find wrong.

use serde::Serialize;

/// What only a comparison of nodes shows.
#[derive(Serialize, strum::VariantNames)]
#[serde(rename_all = "kebab-case")]
#[strum(serialize_all = "kebab-case")]
pub enum Problem {
    /// Every node that fails has this node image, and no node that can pull has it.
    NodeImageSkew {
        /// The node images of the nodes that fail.
        images: String,
        /// Those of the nodes that can pull.
        others: String,
    },
    /// The nodes that fail have another proxy than those that can pull, or none.
    ProxyDiffers {
        /// The proxies of the nodes that fail.
        lacking: String,
        /// Those of the nodes that can pull.
        having: String,
    },
    /// Other nodes reach the registry at the very address that these nodes do not.
    ReachedFromOthers {
        /// The registry's name.
        host: String,
        /// The addresses.
        addresses: String,
        /// How many nodes reach it there.
        others: usize,
    },
    /// A node and the pods on it get different answers for the registry's name.
    DnsSplitPodVsNode {
        /// The name.
        host: String,
        /// The node.
        node: String,
        /// The addresses that its pods get.
        in_pods: String,
        /// The addresses that the node itself gets.
        on_node: String,
    },
}
