//! The places from which a run looks: this process, a node, a pod on a node, Azure's control plane,
//! or the Kubernetes API.

use std::{fmt, str::FromStr};

use serde::{Deserialize, Serialize};

use crate::kit::redact::sanitize_text;

/// The place that an event was seen from. Serialized as `here`, `node/NAME`, `pod-network/NAME`,
/// `azure` or `kubernetes`.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(into = "String", try_from = "String")]
pub enum Vantage {
    /// This process.
    #[default]
    Here,
    /// A node, with its files and its network.
    Node(String),
    /// The network of a pod on that node.
    PodNetwork(String),
    /// Azure's control plane.
    Azure,
    /// The API of the Kubernetes cluster.
    Kubernetes,
}

impl Vantage {
    /// Returns the node, if the vantage names one.
    pub fn node(&self) -> Option<&str> {
        match self {
            Vantage::Node(name) | Vantage::PodNetwork(name) => Some(name),
            Vantage::Here | Vantage::Azure | Vantage::Kubernetes => None,
        }
    }

    /// Returns whether images are pulled from there. The others only say why a pull fails, or why
    /// nothing was pulled.
    pub fn pulls(&self) -> bool {
        !matches!(self, Vantage::Azure | Vantage::Kubernetes)
    }
}

impl fmt::Display for Vantage {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Vantage::Here => f.write_str("here"),
            Vantage::Node(name) => write!(f, "node/{name}"),
            Vantage::PodNetwork(name) => write!(f, "pod-network/{name}"),
            Vantage::Azure => f.write_str("azure"),
            Vantage::Kubernetes => f.write_str("kubernetes"),
        }
    }
}

impl FromStr for Vantage {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let named = |name: &str| (!name.is_empty()).then(|| sanitize_text(name));
        match text.split_once('/') {
            None if text == "here" => Some(Vantage::Here),
            None if text == "azure" => Some(Vantage::Azure),
            None if text == "kubernetes" => Some(Vantage::Kubernetes),
            Some(("node", name)) => named(name).map(Vantage::Node),
            Some(("pod-network", name)) => named(name).map(Vantage::PodNetwork),
            _ => None,
        }
        .ok_or_else(|| format!("{} is not a vantage", sanitize_text(text)))
    }
}

impl From<Vantage> for String {
    fn from(vantage: Vantage) -> Self {
        vantage.to_string()
    }
}

impl TryFrom<String> for Vantage {
    type Error = String;

    fn try_from(text: String) -> Result<Self, String> {
        text.parse()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_vantage_is_read_as_it_is_written() {
        for text in ["here", "azure", "kubernetes", "node/aks-pool-1", "pod-network/aks-pool-1"] {
            assert_eq!(text.parse::<Vantage>().unwrap().to_string(), text);
        }
        for bad in ["", "node", "node/", "there", "pod/x", "here/x"] {
            assert!(bad.parse::<Vantage>().is_err(), "{bad}");
        }
    }
}
