//! The credentials of an AKS cluster, from Azure Resource Manager in place of a file: as
//! `az aks get-credentials` gets them, and then kubelogin a token, of which neither is needed.

use std::path::Path;

use base64::{Engine, prelude::BASE64_STANDARD};
use serde_json::Value;

use super::{
    credentials::Credentials,
    file::{Entry, Kubeconfig},
    problem::{AksName, Problem},
    select,
};
use crate::{
    arm::ControlPlane,
    cluster::Cluster as AksCluster,
    kit::{
        Cx, NoFact, Secret, StepResult,
        azure::{ArmError, SignInError},
        kube::{Cluster, KubeOptions},
    },
};

/// The version of the API for managed clusters.
const API: &str = "2025-05-01";
/// What only looks: a POST, as it hands out secrets (Azure/azure-rest-api-specs,
/// `ManagedClusters_ListClusterUserCredentials`).
const ACTION: &str = "listClusterUserCredential";
/// The application of every AKS API server with Entra ID (Azure/kubelogin, "AKS AAD server
/// application").
const SERVER_APPLICATION: &str = "6dae42f8-4368-4678-94ff-3960e28e3630";

/// Gets the kubeconfig of the cluster's users, and signs in to it.
pub async fn of_azure(
    cx: &Cx,
    control_plane: &ControlPlane,
    aks: &AksCluster,
    options: &KubeOptions,
) -> StepResult<Cluster> {
    let name = || AksName::of(aks.id());
    if aks.is_stopped() {
        return Err(NoFact::could_not_tell(Problem::ClusterStopped { aks: name() }));
    }
    let path = format!("{}/{ACTION}", aks.id());
    // Without it, old clusters answer with a provider that kubectl no longer has.
    let listed = control_plane.act(cx, &path, API, &[("format", "exec")]).await;
    let listed = listed.map_err(|error| refused(control_plane, aks, &path, error))?;
    let text = kubeconfig(&listed);
    let text =
        text.ok_or_else(|| NoFact::could_not_tell(Problem::NoCredentials { aks: name() }))?;
    let read = async {
        let config = Kubeconfig::of_text(Path::new("/"), text.expose().as_bytes())?;
        let sign_in = async |user: &Entry, cluster: &Value| {
            if !is_entras(user) {
                return super::user::credentials(cx, user, cluster).await;
            }
            let token = control_plane.token_for(cx, SERVER_APPLICATION).await;
            let refused = |error| Problem::EntraTokenRefused { said: words(&error), aks: name() };
            let authorization = Some(token.map_err(refused)?.bearer());
            Ok(Credentials { authorization, certificate: None })
        };
        select(cx, &config, options, sign_in).await
    };
    read.await.map_err(NoFact::could_not_tell)
}

/// Returns whether a user signs in with Entra ID: by kubelogin, or as kubectl itself once did. No
/// program that an answer names is run.
fn is_entras(user: &Entry) -> bool {
    user.fields.get("exec").is_some() || user.fields.get("auth-provider").is_some()
}

/// Returns the kubeconfig in the answer. It holds a key.
fn kubeconfig(listed: &Value) -> Option<Secret> {
    let data = listed.get("kubeconfigs")?.get(0)?.get("value")?.as_str()?;
    let data = Secret::new(data.trim());
    let text = BASE64_STANDARD.decode(data.expose()).ok()?;
    Some(Secret::new(String::from_utf8(text).ok()?))
}

/// Returns why there are no credentials.
fn refused(control_plane: &ControlPlane, aks: &AksCluster, path: &str, error: ArmError) -> NoFact {
    let name = AksName::of(aks.id());
    match error {
        ArmError::NotPermitted { action: Some(action), is_denied: false, .. }
            if action.to_lowercase().contains(&ACTION.to_lowercase()) =>
        {
            let caller = control_plane.principal();
            NoFact::could_not_tell(Problem::ClusterUserRoleMissing {
                who: control_plane.who.clone(),
                caller_id: caller.object_id.clone(),
                caller_type: caller.kind(),
                aks: name,
            })
        }
        // "Getting static credential is not allowed because this cluster is set to disable local
        // accounts." (learn.microsoft.com, "Manage local accounts with AKS-managed Microsoft Entra
        // integration")
        ArmError::Unexpected { status: 400, said, .. }
            if said.to_lowercase().contains("disable local accounts") =>
        {
            NoFact::could_not_tell(Problem::LocalAccountsDisabled { said, aks: name })
        }
        error => control_plane.no_fact(path, error),
    }
}

fn words(error: &SignInError) -> String {
    match error {
        SignInError::Refused { said, .. } | SignInError::Unclear { said, .. } => said.clone(),
        SignInError::Unreachable { host, error, .. } => format!("{host}: {}", error.fault.word()),
        SignInError::FileUnreadable { file, error } => format!("{file}: {error}"),
        SignInError::NoCredential | SignInError::UnsafeAuthority => String::new(),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn the_kubeconfig_in_an_answer() {
        let of =
            |value: &str| json!({ "kubeconfigs": [{ "name": "clusterUser", "value": value }] });
        let text = kubeconfig(&of("YXBpVmVyc2lvbjogdjE=")).unwrap();
        assert_eq!(text.expose(), "apiVersion: v1");
        for odd in [json!(null), json!({}), json!({ "kubeconfigs": [] }), of("%"), of("/w==")] {
            assert!(kubeconfig(&odd).is_none(), "{odd}");
        }
    }
}
