//! The pods and workloads that a scenario puts into a cluster, with their events.

use std::collections::BTreeMap;

use jiff::{SignedDuration, Timestamp};
use serde::Deserialize;
use serde_json::{Value, json};

use super::store::Store;

/// A pod, or many that are alike. `healthy.toml` documents each value.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct KubernetesPod {
    /// Its namespace.
    #[serde(default = "shop")]
    pub namespace: String,
    /// What made it: `ReplicaSet/web-7d9c6b5f48`.
    #[serde(default)]
    pub owner: String,
    /// Its node; not scheduled if empty.
    #[serde(default)]
    pub node: String,
    /// The image.
    pub image: String,
    /// Where it names the image.
    #[serde(default)]
    pub place: Place,
    /// Its pull policy.
    #[serde(default = "if_not_present")]
    pub policy: String,
    /// The reason for which the container waits, and the message; it runs without one.
    #[serde(default)]
    pub waits: Option<(String, String)>,
    /// The words of the event `Failed`; there is none if empty.
    #[serde(default)]
    pub said: String,
    /// How many seconds ago the event `Pulling` was; there is none if 0.
    #[serde(default)]
    pub pulling: i64,
    /// More of its spec.
    #[serde(default)]
    pub spec: BTreeMap<String, toml::Value>,
    /// Its labels.
    #[serde(default)]
    pub labels: BTreeMap<String, String>,
    /// How many there are like it: their names end in a number.
    #[serde(default = "one")]
    pub copies: usize,
    /// Over how many namespaces those are spread, whose names end in a number; one if 0.
    #[serde(default)]
    pub namespaces: usize,
}

/// Where a pod names an image.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Place {
    #[default]
    Container,
    InitContainer,
    EphemeralContainer,
    ImageVolume,
}

/// A workload, by its resource and name: `replicasets/web-7d9c6b5f48`.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Workload {
    /// Its namespace.
    #[serde(default = "shop")]
    pub namespace: String,
    /// What made it: `CronJob/nightly`.
    #[serde(default)]
    pub owner: String,
    /// How many pods it wants.
    #[serde(default = "one")]
    pub replicas: usize,
    /// How many it has.
    #[serde(default)]
    pub has: usize,
    /// The labels of its pods.
    #[serde(default)]
    pub selector: BTreeMap<String, String>,
    /// The image of the container `app` in its template; there is no template if empty.
    #[serde(default)]
    pub image: String,
    /// Why the API server creates none of its pods, as an event says it; there is none if empty.
    #[serde(default)]
    pub refused: String,
}

fn shop() -> String {
    "shop".into()
}

fn if_not_present() -> String {
    "IfNotPresent".into()
}

fn one() -> usize {
    1
}

/// Puts pods, workloads and their events into a store.
pub(super) fn fill(
    store: &mut Store,
    pods: &BTreeMap<String, KubernetesPod>,
    workloads: &BTreeMap<String, Workload>,
) {
    for (name, pod) in pods {
        for number in 0..pod.copies {
            let name = if pod.copies > 1 { format!("{name}-{number}") } else { name.clone() };
            let namespace = match pod.namespaces {
                0 => pod.namespace.clone(),
                many => format!("{}-{}", pod.namespace, number % many),
            };
            let object = object(&name, &namespace, pod);
            for event in events(&object, pod) {
                store.put("events", event);
            }
            store.put("pods", object);
        }
    }
    for (of, workload) in workloads {
        let (resource, name) = of.split_once('/').unwrap_or(("deployments", of));
        let kind = match resource {
            "replicasets" => "ReplicaSet",
            "statefulsets" => "StatefulSet",
            "daemonsets" => "DaemonSet",
            "jobs" => "Job",
            "cronjobs" => "CronJob",
            "clonesets" => "CloneSet",
            _ => "Deployment",
        };
        let selector =
            (!workload.selector.is_empty()).then(|| json!({ "matchLabels": workload.selector }));
        let mut object = json!({
            "kind": kind,
            "metadata": {
                "name": name, "namespace": workload.namespace, "uid": uid(of),
                "ownerReferences": owners(&workload.owner),
            },
            "spec": { "replicas": workload.replicas, "selector": selector },
            "status": { "replicas": workload.has },
        });
        if !workload.image.is_empty() {
            let container = json!({ "name": "app", "image": workload.image });
            object["spec"]["template"] = json!({ "spec": { "containers": [container] } });
        }
        let involved = involved(&object, "");
        store.put(resource, object);
        if !workload.refused.is_empty() {
            let message = format!("Error creating: {}", workload.refused);
            store.put("events", event(name, "FailedCreate", &message, 5, &involved));
        }
    }
}

fn object(name: &str, namespace: &str, pod: &KubernetesPod) -> Value {
    let waiting = pod.waits.as_ref().map(|(reason, message)| {
        json!({ "reason": reason, "message": message.replace("IMAGE", &pod.image) })
    });
    let state = match waiting {
        Some(waiting) => json!({ "waiting": waiting }),
        None => json!({ "running": { "startedAt": "2026-11-01T00:00:00Z" } }),
    };
    let container = json!({
        "name": "app", "image": pod.image, "imagePullPolicy": pod.policy,
        "resources": {}, "terminationMessagePath": "/dev/termination-log",
    });
    let other = json!({
        "name": "app", "image": "contoso.azurecr.io/team/app:v1", "imagePullPolicy": "IfNotPresent",
    });
    let status = |place: Place, field: &str| {
        let own = json!([{ "name": "app", "image": pod.image, "state": state, "restartCount": 0 }]);
        (pod.place == place).then(|| (field.to_owned(), own))
    };
    let mut spec = json!({ "nodeName": pod.node, "containers": [container], "volumes": [] });
    match pod.place {
        Place::Container => {}
        Place::InitContainer => {
            spec["initContainers"] = json!([container]);
            spec["containers"] = json!([other]);
        }
        Place::EphemeralContainer => {
            spec["ephemeralContainers"] = json!([container]);
            spec["containers"] = json!([other]);
        }
        Place::ImageVolume => {
            spec["containers"] = json!([other]);
            spec["volumes"] = json!([
                { "name": "files", "image": { "reference": pod.image, "pullPolicy": pod.policy } },
            ]);
        }
    }
    for (key, value) in &pod.spec {
        spec[key] = serde_json::to_value(value).unwrap_or_default();
    }
    let phase = if pod.waits.is_some() { "Pending" } else { "Running" };
    let mut statuses = json!({ "phase": phase, "startTime": "2026-11-01T00:00:00Z" });
    for (field, own) in [
        status(Place::Container, "containerStatuses"),
        status(Place::ImageVolume, "containerStatuses"),
        status(Place::InitContainer, "initContainerStatuses"),
        status(Place::EphemeralContainer, "ephemeralContainerStatuses"),
    ]
    .into_iter()
    .flatten()
    {
        statuses[field] = own;
    }
    let mut labels = pod.labels.clone();
    if let Some((_, hash)) =
        pod.owner.strip_prefix("ReplicaSet/").and_then(|it| it.rsplit_once('-'))
    {
        labels.insert("pod-template-hash".into(), hash.into());
    }
    json!({
        "kind": "Pod", "apiVersion": "v1",
        "metadata": {
            "name": name, "namespace": namespace, "uid": uid(&format!("pods/{namespace}/{name}")),
            "labels": labels, "ownerReferences": owners(&pod.owner),
            "creationTimestamp": "2026-11-01T00:00:00Z",
        },
        "spec": spec, "status": statuses,
    })
}

/// Returns the references to what made an object: `CronJob/nightly`.
fn owners(owner: &str) -> Value {
    let Some((kind, name)) = owner.split_once('/') else { return json!([]) };
    json!([{
        "apiVersion": "apps/v1", "kind": kind, "name": name, "controller": true,
        "uid": uid(&format!("{}s/{name}", kind.to_lowercase())),
    }])
}

fn events(object: &Value, pod: &KubernetesPod) -> Vec<Value> {
    let path = match pod.place {
        Place::Container => "spec.containers{app}",
        Place::InitContainer => "spec.initContainers{app}",
        Place::EphemeralContainer => "spec.ephemeralContainers{app}",
        Place::ImageVolume => "",
    };
    let name = object["metadata"]["name"].as_str().unwrap_or_default();
    let involved = involved(object, path);
    let mut events = vec![];
    if pod.pulling > 0 {
        let message = format!("Pulling image \"{}\"", pod.image);
        events.push(event(name, "Pulling", &message, pod.pulling, &involved));
    }
    if !pod.said.is_empty() {
        let message = pod.said.replace("IMAGE", &pod.image);
        events.push(event(name, "Failed", &message, 60, &involved));
        let repeated = event(name, "BackOff", "Back-off pulling image", 10, &involved);
        events.push(repeated);
    }
    events
}

fn involved(object: &Value, path: &str) -> Value {
    let meta = &object["metadata"];
    json!({
        "kind": object["kind"], "name": meta["name"], "namespace": meta["namespace"],
        "uid": meta["uid"], "fieldPath": path,
    })
}

fn event(name: &str, reason: &str, message: &str, ago: i64, involved: &Value) -> Value {
    let at = Timestamp::now().checked_sub(SignedDuration::from_secs(ago)).unwrap_or_default();
    let at = at.strftime("%Y-%m-%dT%H:%M:%SZ").to_string();
    json!({
        "apiVersion": "v1", "kind": "Event",
        "type": if ["Pulling", "BackOff"].contains(&reason) { "Normal" } else { "Warning" },
        "metadata": {
            "name": format!("{name}.{reason}"), "namespace": involved["namespace"],
            "creationTimestamp": at,
        },
        "involvedObject": involved, "reason": reason, "message": message,
        "firstTimestamp": at, "lastTimestamp": at, "eventTime": null, "count": 1,
    })
}

/// Returns an id that the same object always has.
fn uid(of: &str) -> String {
    use std::hash::{DefaultHasher, Hash, Hasher};
    let mut hasher = DefaultHasher::new();
    of.hash(&mut hasher);
    format!("00000000-0000-4000-9000-{:012x}", hasher.finish() & 0xffff_ffff_ffff)
}
