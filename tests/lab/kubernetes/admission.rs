//! What admission does to the pods that are created, or that are described: webhooks, and Kubernetes' own
//! service accounts.

use serde_json::{Value, json};

use super::settings::Kubernetes;
use super::store::Store;

/// Changes an object of that resource in that namespace, or returns why it is refused.
pub(super) fn admit(
    settings: &Kubernetes,
    store: &Store,
    (resource, namespace): (&str, &str),
    object: &mut Value,
) -> Result<(), String> {
    let name = ["name", "generateName"].iter().find_map(|key| object["metadata"][key].as_str());
    let name = name.unwrap_or_default().to_owned();
    let spec = match resource {
        "jobs" | "deployments" => &mut object["spec"]["template"]["spec"],
        "cronjobs" => &mut object["spec"]["jobTemplate"]["spec"]["template"]["spec"],
        _ => &mut object["spec"],
    };
    for container in spec["containers"].as_array_mut().into_iter().flatten() {
        let image = container["image"].as_str().unwrap_or_default();
        if let Some(other) = settings.mirrors.get(image) {
            container["image"] = other.as_str().into();
        }
    }
    rewrite(spec, &settings.rewrites);
    if resource == "pods" {
        let said = give_account(store, namespace, spec);
        said.map_err(|said| format!("pods \"{name}\" is forbidden: {said}"))?;
    }
    Ok(())
}

/// Gives a pod its service account and the pull secrets of that, where it names none (Kubernetes, admission
/// plugin `ServiceAccount`). `default` is there also where a scenario says nothing of it.
fn give_account(store: &Store, namespace: &str, spec: &mut Value) -> Result<(), String> {
    let named = ["serviceAccountName", "serviceAccount"].iter().find_map(|key| spec[key].as_str());
    let name = named.unwrap_or("default").to_owned();
    let account = store.get("serviceaccounts", namespace, &name);
    if account.is_none() && name != "default" {
        return Err(format!(
            "error looking up service account {namespace}/{name}: serviceaccount \"{name}\" not found"
        ));
    }
    spec["serviceAccountName"] = name.into();
    let secrets = account.map(|account| account["imagePullSecrets"].clone()).unwrap_or_default();
    let has_own = spec["imagePullSecrets"].as_array().is_some_and(|own| !own.is_empty());
    if !has_own && secrets.is_array() {
        spec["imagePullSecrets"] = secrets;
    }
    Ok(())
}

/// Changes the spec of a pod as admission does.
pub(super) fn rewrite(spec: &mut Value, how: &str) {
    match how {
        "sidecar" => {
            if let Some(containers) = spec["containers"].as_array_mut() {
                containers.push(json!({ "name": "istio-proxy", "image": "istio/proxyv2" }));
            }
        }
        "network" => spec["hostNetwork"] = false.into(),
        "image" => spec["containers"][0]["image"] = "mirror.contoso.com/check-acr:1".into(),
        _ => {}
    }
}
