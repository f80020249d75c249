//! Who may use an image that is on this node: the kubelet's records of what it pulled, and with what.
//!
//! From Kubernetes 1.35 on the kubelet keeps a file for each image, which names the pull secrets and
//! service accounts with which it was pulled, or says that every pod of the node may use it (KEP-2535;
//! kubernetes, pkg/kubelet/images/pullmanager; `ImagePulledRecord` of k8s.io/kubelet/config/v1alpha1).

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::{
    image::ImageTarget,
    kit::{Cx, sanitize_text},
};

/// The directory of the records.
const FOLDER: &str = "/var/lib/kubelet/image_manager/pulled";
/// The most records that are read.
pub(super) const MAX_RECORDS: usize = 100;
/// The longest record that is read.
const MAX_BYTES: u64 = 64 * 1024;
/// The most names that are told.
const MAX_NAMES: usize = 5;

/// What the records say of an image.
#[derive(Debug, Default, PartialEq, Serialize)]
pub(super) struct PullRecord {
    /// Whether every pod may use it; nothing where there is no record.
    #[serde(skip_serializing_if = "Option::is_none")]
    pulled_for_all: Option<bool>,
    /// The secrets and accounts with which it was pulled.
    #[serde(skip_serializing_if = "Option::is_none")]
    pulled_with: Option<String>,
}

#[derive(Default, Deserialize)]
#[serde(default, rename_all = "camelCase")]
struct Record {
    credential_mapping: BTreeMap<String, Credentials>,
}

#[derive(Default, Deserialize)]
#[serde(default, rename_all = "camelCase")]
struct Credentials {
    kubernetes_secrets: Vec<Named>,
    kubernetes_service_accounts: Vec<Named>,
    node_pods_accessible: bool,
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct Named {
    namespace: String,
    name: String,
}

/// Reads the records of an image, if there are any. A node without them verifies nothing, or has not
/// pulled the image since it does.
pub(super) async fn read(cx: &Cx, image_target: &ImageTarget) -> PullRecord {
    let Some(image) = &image_target.asked.image else { return PullRecord::default() };
    let wanted = format!("{}/{}", image_target.asked.registry, image.repository);
    let folder = cx.world.of_node(FOLDER);
    let mut record = PullRecord::default();
    for name in cx.world.names_in(&folder).await.unwrap_or_default().iter().take(MAX_RECORDS) {
        if let Ok(bytes) = cx.world.read_up_to(&folder.join(name), MAX_BYTES).await {
            record.take(&bytes, &wanted);
        }
    }
    record
}

impl PullRecord {
    /// Takes a file. What is no record says nothing.
    fn take(&mut self, bytes: &[u8], wanted: &str) {
        let record = serde_json::from_slice::<Record>(bytes).unwrap_or_default();
        let Some(of_image) = record.credential_mapping.get(wanted) else { return };
        let is_for_all = of_image.node_pods_accessible || self.pulled_for_all == Some(true);
        self.pulled_for_all = Some(is_for_all);
        let secrets = of_image.kubernetes_secrets.iter().map(|it| ("secret", it));
        let accounts = of_image.kubernetes_service_accounts.iter().map(|it| ("serviceaccount", it));
        let names = secrets.chain(accounts).take(MAX_NAMES);
        let names = names.map(|(kind, it)| format!("{kind} {}/{}", it.namespace, it.name));
        let mut all: Vec<String> = self.pulled_with.take().into_iter().collect();
        all.extend(names.map(|name| sanitize_text(&name)));
        self.pulled_with = (!all.is_empty()).then(|| all.join(", "));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_record_says_who_may_use_the_image() {
        let of = |mapping: &str| {
            let text = format!(
                r#"{{"kind":"ImagePulledRecord","apiVersion":"kubelet.config.k8s.io/v1alpha1","imageRef":"sha256:1","credentialMapping":{mapping}}}"#
            );
            let mut record = PullRecord::default();
            record.take(text.as_bytes(), "contoso.azurecr.io/team/app");
            record
        };
        let by_secret = of(
            r#"{"contoso.azurecr.io/team/app":{"kubernetesSecrets":[{"uid":"1","namespace":"shop","name":"pull","credentialHash":"canary"}]}}"#,
        );
        assert_eq!(by_secret.pulled_for_all, Some(false));
        assert_eq!(by_secret.pulled_with.as_deref(), Some("secret shop/pull"));
        let for_all = of(r#"{"contoso.azurecr.io/team/app":{"nodePodsAccessible":true}}"#);
        assert_eq!((for_all.pulled_for_all, for_all.pulled_with), (Some(true), None));
        assert_eq!(
            of(r#"{"contoso.azurecr.io/other":{"nodePodsAccessible":true}}"#),
            PullRecord::default()
        );
        let mut none = PullRecord::default();
        none.take(b"[", "x");
        assert_eq!(none, PullRecord::default());
    }
}
