//! The pods of manifests, as pods that are on no node yet: what the kubelet would sign in with for them.

use std::time::Duration;

use serde::Serialize;
use tokio::time::Instant;

use super::credentials::{self, Declared, Known};
use crate::kit::{
    Cx,
    kube::{Api, Attempt, CredentialState, ImagePods, WaitingWorkload},
    target::ManifestPod,
};

/// The most ways to sign in that are told of an image: a list of evidence has no more.
const MAX_WAYS: usize = 50;

/// What the pods of manifests present.
#[derive(Clone, Debug, Default, Serialize)]
pub struct PlannedPods {
    /// How many credentials their pull secrets hold for their images.
    pub presented: usize,
    /// The pods of each image, one for each way to sign in; none of an image that is never pulled.
    #[serde(skip)]
    pub images: Vec<ImagePods>,
    /// The credentials, to be tried.
    #[serde(skip)]
    pub attempts: Vec<Attempt>,
}

/// Finds out within that time what the pods that pull each of these images present.
pub async fn plan(
    cx: &Cx,
    api: &Api,
    (declared, limit): (&Declared, Duration),
    images: &[(String, Vec<ManifestPod>)],
) -> PlannedPods {
    let workload = |pod: &ManifestPod| WaitingWorkload {
        namespace: pod.namespace.clone().unwrap_or_else(|| api.kube.cluster().namespace.clone()),
        workload: pod.object.clone(),
        container: pod.container.clone(),
        account: pod.account.clone().unwrap_or_else(|| "default".to_owned()),
        secrets: pod.secrets.clone(),
        count: 1,
        ..WaitingWorkload::default()
    };
    let of_image = |(image, pods): &(String, Vec<ManifestPod>)| ImagePods {
        image: image.clone(),
        count: pods.len(),
        workloads: pods.iter().take(MAX_WAYS).map(workload).collect(),
        more: pods.len().saturating_sub(MAX_WAYS),
        ..ImagePods::default()
    };
    let mut planned: Vec<ImagePods> = images.iter().map(of_image).collect();
    let mut known = Known::new(cx, api, declared, Instant::now() + limit);
    let all = planned.iter().flat_map(|of| &of.workloads);
    let accounts: Vec<_> = all.map(|it| (it.namespace.clone(), it.account.clone())).collect();
    known.read_accounts(accounts).await;
    for (of_image, (_, pods)) in planned.iter_mut().zip(images) {
        for (it, _) in of_image.workloads.iter_mut().zip(pods).filter(|(_, pod)| !pod.has_all) {
            // It gets those of its service account when it is created (admission plugin `ServiceAccount`).
            match known.account(&it.namespace, &it.account) {
                Ok(account) => {
                    it.secrets.clone_from(&account.secrets);
                    let others = account.others.join(", ");
                    let said = format!("the cluster has it with others, which may stay: {others}");
                    it.account_said = Some(said).filter(|_| !account.others.is_empty());
                }
                Err(said) => it.account_said = Some(said),
            }
        }
    }
    let attempts = credentials::examine(&mut known, &mut planned).await;
    let rows = planned.iter().flat_map(|of| &of.credentials).flat_map(|set| &set.rows);
    let presented = rows.filter(|row| row.state == CredentialState::Presented).count();
    PlannedPods { presented, images: planned, attempts }
}
