//! Taints of nodes, and the tolerations of pods (k8s.io/api, `Toleration.ToleratesTaint`).

use std::fmt;

use serde::Deserialize;
use serde_json::Value;

/// The beginnings of the keys of taints that a node's condition brings, and that pass with it.
const PASSING: [&str; 2] = ["node.kubernetes.io/", "node.cloudprovider.kubernetes.io/"];

/// A taint of a node.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default)]
pub struct Taint {
    /// Its key.
    pub key: String,
    /// Its value.
    pub value: String,
    /// What it does to pods: `NoSchedule`, `PreferNoSchedule`, `NoExecute`.
    pub effect: String,
}

impl Taint {
    /// Returns whether pods that do not tolerate it never get to the node.
    pub(super) fn keeps_away(&self) -> bool {
        let passes = PASSING.iter().any(|before| self.key.starts_with(before));
        ["NoSchedule", "NoExecute"].contains(&self.effect.as_str()) && !passes
    }
}

/// A toleration of a pod.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Toleration {
    key: String,
    operator: String,
    value: String,
    effect: String,
}

impl Toleration {
    pub(super) fn read(toleration: &Value) -> Self {
        let text = |name: &str| toleration[name].as_str().unwrap_or_default().to_owned();
        let (key, operator) = (text("key"), text("operator"));
        Self { key, operator, value: text("value"), effect: text("effect") }
    }

    /// Returns whether a pod with it may run on a node with that taint.
    pub(super) fn tolerates(&self, taint: &Taint) -> bool {
        let exists = self.operator == "Exists";
        let is_key = if self.key.is_empty() { exists } else { self.key == taint.key };
        let is_equal = ["", "Equal"].contains(&self.operator.as_str()) && self.value == taint.value;
        let is_effect = self.effect.is_empty() || self.effect == taint.effect;
        is_key && is_effect && (exists || is_equal)
    }
}

impl fmt::Display for Toleration {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let key = if self.key.is_empty() { "*" } else { &self.key };
        if self.value.is_empty() { f.write_str(key) } else { write!(f, "{key}={}", self.value) }
    }
}
