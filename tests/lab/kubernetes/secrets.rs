//! The pull secrets and service accounts that a scenario puts into a cluster.

use std::collections::BTreeMap;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde::Deserialize;
use serde_json::json;

use super::store::Store;

/// A Secret, by `NAMESPACE/NAME`.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct KubernetesSecret {
    /// Its type.
    #[serde(default = "config", rename = "type")]
    pub kind: String,
    /// The key of its data.
    #[serde(default = "key")]
    pub key: String,
    /// The payload; `$` as in files.
    pub payload: String,
}

/// A service account, by `NAMESPACE/NAME`.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct ServiceAccount {
    /// Its annotations.
    pub annotations: BTreeMap<String, String>,
    /// Its pull secrets.
    pub secrets: Vec<String>,
}

fn config() -> String {
    "kubernetes.io/dockerconfigjson".into()
}

fn key() -> String {
    ".dockerconfigjson".into()
}

/// Puts secrets and accounts into a store. `fill` puts credentials in the place of their names.
pub(super) fn fill(
    store: &mut Store,
    secrets: &BTreeMap<String, KubernetesSecret>,
    accounts: &BTreeMap<String, ServiceAccount>,
    fill: impl Fn(&str) -> String,
) {
    for (of, secret) in secrets {
        let (namespace, name) = of.split_once('/').unwrap_or(("shop", of));
        let data = STANDARD.encode(fill(&secret.payload));
        store.put(
            "secrets",
            json!({
                "kind": "Secret", "apiVersion": "v1", "type": secret.kind,
                "metadata": { "name": name, "namespace": namespace },
                "data": { &secret.key: data },
            }),
        );
    }
    for (of, account) in accounts {
        let (namespace, name) = of.split_once('/').unwrap_or(("shop", of));
        let secrets: Vec<_> = account.secrets.iter().map(|name| json!({ "name": name })).collect();
        store.put(
            "serviceaccounts",
            json!({
                "kind": "ServiceAccount", "apiVersion": "v1", "imagePullSecrets": secrets,
                "metadata": {
                    "name": name, "namespace": namespace, "annotations": account.annotations,
                },
            }),
        );
    }
}
