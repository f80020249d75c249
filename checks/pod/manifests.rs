//! The images that manifests name, and where: the line, and the object.

use serde_json::{Value, json};

use crate::kit::{
    kube::WorkloadKind,
    rules::{Unusable, is_object_name},
    sanitize_text,
    world::yaml_documents,
};

/// How deep a manifest is read.
const MAX_DEPTH: usize = 40;
/// How many places of an image are kept.
const MAX_PLACES: usize = 50;
/// The lists whose members name images.
const CONTAINERS: [&str; 3] = ["containers", "initContainers", "ephemeralContainers"];

/// An image that manifests name.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NamedImage {
    /// The image.
    pub image: String,
    /// The lines that name it, from 1; none where that cannot be told.
    pub lines: Vec<usize>,
    /// The objects, such as `deployment/web`.
    pub objects: Vec<String>,
}

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
    let documents = yaml_documents(bytes).unwrap_or_default();
    documents.iter().flat_map(objects).filter_map(template).collect()
}

/// Returns the objects of a document: those of a list, else itself.
fn objects(document: &Value) -> &[Value] {
    let list = document.get("items").and_then(Value::as_array).map(Vec::as_slice);
    list.unwrap_or(std::slice::from_ref(document))
}

/// Returns the pod that an object describes.
fn template(object: &Value) -> Option<PodTemplate> {
    let kind = object["kind"].as_str()?;
    let of = template_of(object)?;
    let name = object["metadata"]["name"].as_str().unwrap_or_default();
    let mut metadata =
        json!({ "labels": of["metadata"]["labels"], "annotations": of["metadata"]["annotations"] });
    // The controllers name the pods of a workload so.
    let (key, value) = if kind == "Pod" {
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

/// Returns the images of all documents of a text.
///
/// # Errors
/// Returns where the text does not parse, without quoting it.
pub fn named_images(bytes: &[u8]) -> Result<Vec<NamedImage>, Unusable> {
    let mut found: Vec<NamedImage> = vec![];
    for document in yaml_documents(bytes)? {
        for object in objects(&document) {
            let Some(kind) = object["kind"].as_str() else { continue };
            let name = object["metadata"]["name"].as_str().unwrap_or_default();
            let object_name = sanitize_text(&format!("{}/{name}", kind.to_lowercase()));
            walk(object, MAX_DEPTH, &mut |image: &str| {
                let place = found.iter().position(|known| known.image == image);
                let place = place.unwrap_or_else(|| {
                    let (image, lines, objects) = (image.to_owned(), vec![], vec![]);
                    found.push(NamedImage { image, lines, objects });
                    found.len() - 1
                });
                let objects = &mut found[place].objects;
                if objects.len() < MAX_PLACES && !objects.contains(&object_name) {
                    objects.push(object_name.clone());
                }
            });
        }
    }
    // Parsed, so it is text.
    let text = String::from_utf8_lossy(bytes);
    for (number, line) in text.lines().enumerate() {
        for one in found.iter_mut().filter(|one| names(line, &one.image)) {
            if one.lines.len() < MAX_PLACES {
                one.lines.push(number + 1);
            }
        }
    }
    Ok(found)
}

/// Calls back with each image below a value.
fn walk(value: &Value, depth: usize, found: &mut impl FnMut(&str)) {
    let Some(rest) = depth.checked_sub(1) else { return };
    match value {
        Value::Array(items) => items.iter().for_each(|item| walk(item, rest, found)),
        Value::Object(fields) => {
            for (key, value) in fields {
                let members = value.as_array().map(Vec::as_slice).unwrap_or_default();
                let images = members.iter().filter_map(|member| {
                    if CONTAINERS.contains(&key.as_str()) {
                        member["image"].as_str()
                    } else if key == "volumes" {
                        member["image"]["reference"].as_str()
                    } else {
                        None
                    }
                });
                images.filter(|image| !image.trim().is_empty()).for_each(&mut *found);
                walk(value, rest, found);
            }
        }
        _ => {}
    }
}

/// Returns whether a line of YAML or JSON gives an image that name.
fn names(line: &str, image: &str) -> bool {
    let is_key = |before: &str| {
        let before = before.trim_end().trim_end_matches(['"', '\'']).trim_end();
        let Some(before) = before.strip_suffix(':') else { return false };
        let before = before.trim_end().trim_end_matches('"');
        ["image", "reference"].iter().any(|key| before.ends_with(key))
    };
    let ends = |behind: &str| behind.chars().next().is_none_or(|c| "\"' ,}\t#".contains(c));
    !line.trim_start().starts_with('#')
        && line
            .match_indices(image)
            .any(|(at, _)| is_key(&line[..at]) && ends(&line[at + image.len()..]))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_image_is_found_with_its_line() {
        let text = "\
# image: c.io/comment:1
apiVersion: apps/v1
kind: Deployment
metadata: { name: web }
spec:
  template:
    spec:
      initContainers:
        - name: init
          image: 'c.io/init:1'
      containers:
        - image: c.io/app:1  # the app
          name: app
        - { name: log, image: \"c.io/app:10\" }
      volumes:
        - name: model
          image:
            reference: c.io/model:2
---
kind: List
items:
  - kind: CronJob
    metadata: { name: nightly }
    spec: { jobTemplate: { spec: { template: { spec: { containers: [{ image: c.io/app:1 }] } } } } }
---
image: c.io/values:1
";
        let found = named_images(text.as_bytes()).unwrap();
        let mut shown: Vec<(&str, &[usize], String)> =
            found.iter().map(|it| (&*it.image, &*it.lines, it.objects.join(" "))).collect();
        shown.sort_unstable();
        let both = "deployment/web cronjob/nightly".to_owned();
        let web = || "deployment/web".to_owned();
        let wanted: [(&str, &[usize], String); 4] = [
            ("c.io/app:1", &[12, 24], both),
            ("c.io/app:10", &[14], web()),
            ("c.io/init:1", &[10], web()),
            ("c.io/model:2", &[18], web()),
        ];
        assert_eq!(shown, wanted);
        let json = r#"{"kind":"Pod","metadata":{"name":"a"},"spec":{"containers":[{"image":"c.io/a:1"}]}}"#;
        assert_eq!(named_images(json.as_bytes()).unwrap()[0].lines, [1]);
    }

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

    #[test]
    fn what_is_no_manifest_is_bounded() {
        assert!(named_images(b"a: [").is_err());
        assert_eq!(named_images(b"").unwrap(), []);
        let deep = |levels: usize| {
            let pod = "{containers: [{name: a, image: c.io/a:1}]}";
            let text = format!("kind: X\na: {}{pod}{}", "{b: ".repeat(levels), "}".repeat(levels));
            named_images(text.as_bytes()).map(|images| images.len())
        };
        assert_eq!((deep(10), deep(60)), (Ok(1), Ok(0)));
    }
}
