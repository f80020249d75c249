//! The pods that manifests describe, as admission is asked about them.

use serde_json::{Value, json};

use crate::kit::{
    kube::WorkloadKind,
    rules::is_object_name,
    sanitize_text,
    world::{Lined, lined_documents},
};

/// A pod that manifests describe: itself, or the template of a workload.
#[derive(Clone, Debug, PartialEq)]
pub struct PodTemplate {
    /// The object, such as `deployment/web`.
    pub object: String,
    /// Its namespace, where the manifest names one.
    pub namespace: Option<String>,
    /// The pod.
    pub pod: Value,
    /// The workload that makes it, where the API's own kinds have it.
    pub workload: Option<(WorkloadKind, Value)>,
    /// Its containers and their images.
    pub images: Vec<(String, String)>,
    /// Where its images are named, for people.
    pub at: String,
}

/// Returns the pods that the documents of a text describe; none where it does not parse.
pub fn pod_templates(bytes: &[u8]) -> Vec<PodTemplate> {
    objects(bytes).iter().filter_map(template).collect()
}

/// Returns the objects of the documents of a text, and of the lists among them; none where it does not
/// parse.
pub(super) fn objects(bytes: &[u8]) -> Vec<Value> {
    let mut found = vec![];
    let documents = lined_documents(bytes).unwrap_or_default();
    documents.iter().map(Lined::value).for_each(|document| add(document, &mut found));
    found
}

/// Adds an object, or the objects of a list. Those of a typed list need not say what they are.
fn add(mut object: Value, found: &mut Vec<Value>) {
    let is_list = object["kind"].as_str().is_none_or(|kind| kind.ends_with("List"));
    let version = object["apiVersion"].clone();
    let kind = object["kind"].as_str().and_then(|kind| kind.strip_suffix("List"));
    let kind = kind.filter(|kind| !kind.is_empty()).map(str::to_owned);
    match object.get_mut("items").filter(|_| is_list) {
        Some(Value::Array(items)) => {
            for mut item in items.drain(..) {
                if let (Some(kind), Some(fields)) = (&kind, item.as_object_mut()) {
                    fields.entry("kind").or_insert_with(|| kind.as_str().into());
                    fields.entry("apiVersion").or_insert_with(|| version.clone());
                }
                add(item, found);
            }
        }
        _ => found.push(object),
    }
}

/// Returns the pod that an object describes.
fn template(object: &Value) -> Option<PodTemplate> {
    let kind = object["kind"].as_str()?;
    let of = template_of(object)?;
    let name = ["name", "generateName"].iter().find_map(|key| object["metadata"][key].as_str());
    let name = name.unwrap_or_default().trim_end_matches('-');
    let mut metadata =
        json!({ "labels": of["metadata"]["labels"], "annotations": of["metadata"]["annotations"] });
    // The controllers name the pods of a workload so.
    let (key, value) = if kind == "Pod" && object["metadata"]["name"].is_string() {
        ("name", name.to_owned())
    } else {
        ("generateName", format!("{name}-"))
    };
    metadata[key] = value.into();
    let members =
        ["containers", "initContainers"].iter().filter_map(|list| of["spec"][list].as_array());
    let images = members.flatten().filter_map(|one| {
        Some((one["name"].as_str()?.to_owned(), one["image"].as_str()?.to_owned()))
    });
    Some(PodTemplate {
        object: sanitize_text(&format!("{}/{name}", kind.to_lowercase())),
        namespace: object["metadata"]["namespace"]
            .as_str()
            .filter(|it| is_object_name(it))
            .map(str::to_owned),
        images: images.collect(),
        pod: json!({ "apiVersion": "v1", "kind": "Pod", "metadata": metadata, "spec": of["spec"] }),
        workload: WorkloadKind::read(kind)
            .filter(|kind| object["apiVersion"] == format!("{}/v1", kind.group()))
            .map(|kind| (kind, object.clone())),
        at: String::new(),
    })
}

/// Returns what the pods of an object are made after: itself, or its template.
pub(super) fn template_of(object: &Value) -> Option<&Value> {
    match object["kind"].as_str()? {
        "Pod" => Some(object),
        "CronJob" => Some(&object["spec"]["jobTemplate"]["spec"]["template"]),
        "Deployment"
        | "ReplicaSet"
        | "StatefulSet"
        | "DaemonSet"
        | "Job"
        | "ReplicationController" => Some(&object["spec"]["template"]),
        _ => None,
    }
}

/// The most pull secrets of a pod.
const MAX_SECRETS: usize = 100;

/// Returns the pull secrets that the spec of a pod names, or a service account. An entry without a name is
/// passed over.
pub(super) fn secret_names(of: &Value) -> Vec<String> {
    let all = of["imagePullSecrets"].as_array().into_iter().flatten();
    let names = all.filter_map(|it| it["name"].as_str()).filter(|name| is_object_name(name));
    names.take(MAX_SECRETS).map(str::to_owned).collect()
}

/// The fields of a pod's spec that name its service account: the old name counts where the new one is not
/// there (core/v1, `PodSpec`).
pub(super) const ACCOUNT: [&str; 2] = ["serviceAccountName", "serviceAccount"];

/// Returns the service account that the spec of a pod names.
pub(super) fn account_name(spec: &Value) -> Option<&str> {
    ACCOUNT.iter().find_map(|key| spec[key].as_str())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_pod_is_that_of_the_workload() {
        let text = "\
kind: Deployment
metadata: { name: web, namespace: shop }
spec:
  template:
    metadata: { labels: { app: web } }
    spec: { containers: [{ name: app, image: c.io/app:1 }] }
---
kind: Service
metadata: { name: web }
---
kind: CronJob
metadata: { name: nightly, namespace: ../nodes }
spec: { jobTemplate: { spec: { template: { spec: { containers: [{ name: a, image: c.io/a:1 }] } } } } }
";
        let templates = pod_templates(text.as_bytes());
        assert_eq!(templates.len(), 2);
        let [web, nightly] = &templates[..] else { panic!() };
        assert_eq!((&*web.object, web.namespace.as_deref()), ("deployment/web", Some("shop")));
        assert_eq!(web.images, [("app".to_owned(), "c.io/app:1".to_owned())]);
        assert_eq!(web.pod["metadata"]["generateName"], "web-");
        assert_eq!(web.pod["metadata"]["labels"]["app"], "web");
        assert_eq!(web.pod["spec"]["containers"][0]["image"], "c.io/app:1");
        assert_eq!(nightly.namespace, None, "that is no namespace");
        // Of the version that it names the API knows it, or not.
        let versioned = format!("apiVersion: apps/v1\n{text}");
        let kinds = |text: &str| -> Vec<_> {
            let templates = pod_templates(text.as_bytes()).into_iter();
            templates.map(|it| it.workload.map(|(kind, _)| kind)).collect()
        };
        assert_eq!(kinds(&versioned), [Some(WorkloadKind::Deployment), None]);
        assert_eq!(pod_templates(b"a: ["), []);
    }
}
