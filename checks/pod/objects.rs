//! What is read of pods and their events: a few fields each, so that thousands of pods fit.

use jiff::Timestamp;
use serde::Deserialize;

use crate::kit::kube::{ContainerStatus, Reference};

/// A pod.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(super) struct Pod {
    pub(super) metadata: Meta,
    pub(super) spec: PodSpec,
    pub(super) status: PodStatus,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default, rename_all = "camelCase")]
pub(super) struct Meta {
    pub(super) name: String,
    pub(super) namespace: String,
    pub(super) uid: String,
    pub(super) labels: Labels,
    pub(super) owner_references: Vec<Reference>,
    /// Set while the pod is being deleted.
    pub(super) deletion_timestamp: Option<String>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(super) struct Labels {
    /// What a Deployment adds to the names of its replica sets.
    #[serde(rename = "pod-template-hash")]
    pub(super) template_hash: Option<String>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default, rename_all = "camelCase")]
pub(super) struct PodSpec {
    pub(super) node_name: String,
    pub(super) containers: Vec<Container>,
    pub(super) init_containers: Vec<Container>,
    pub(super) ephemeral_containers: Vec<Container>,
    pub(super) volumes: Vec<Volume>,
    /// Its own, or those of its service account, which admission copies into it.
    pub(super) image_pull_secrets: Vec<Named>,
    pub(super) service_account_name: String,
}

#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default)]
pub(super) struct Named {
    pub(super) name: String,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default, rename_all = "camelCase")]
pub(super) struct Container {
    pub(super) name: String,
    pub(super) image: String,
    pub(super) image_pull_policy: String,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(super) struct Volume {
    pub(super) name: String,
    pub(super) image: Option<ImageSource>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default, rename_all = "camelCase")]
pub(super) struct ImageSource {
    pub(super) reference: String,
    pub(super) pull_policy: String,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default, rename_all = "camelCase")]
pub(super) struct PodStatus {
    pub(super) phase: String,
    pub(super) container_statuses: Vec<ContainerStatus>,
    pub(super) init_container_statuses: Vec<ContainerStatus>,
    pub(super) ephemeral_container_statuses: Vec<ContainerStatus>,
}

/// Something that happened to a pod or to a workload.
#[derive(Debug, Default, Deserialize)]
#[serde(default, rename_all = "camelCase")]
pub(super) struct Event {
    pub(super) involved_object: Involved,
    pub(super) reason: String,
    pub(super) message: String,
    metadata: EventMeta,
    last_timestamp: Option<Timestamp>,
    #[serde(rename = "eventTime")]
    at: Option<Timestamp>,
    series: Option<Series>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default, rename_all = "camelCase")]
struct EventMeta {
    creation_timestamp: Option<Timestamp>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default, rename_all = "camelCase")]
struct Series {
    last_observed_time: Option<Timestamp>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default, rename_all = "camelCase")]
pub(super) struct Involved {
    /// Its API group and version; not every event has them.
    pub(super) api_version: String,
    pub(super) kind: String,
    pub(super) namespace: String,
    pub(super) name: String,
    pub(super) uid: String,
    /// Such as `spec.containers{app}`; empty where the event is about the whole pod.
    pub(super) field_path: String,
}

impl Involved {
    /// Returns whether both name the same object.
    pub(super) fn is_the_same(&self, other: &Self) -> bool {
        let Self { api_version, kind, namespace, name, .. } = self;
        (api_version, kind, namespace, name)
            == (&other.api_version, &other.kind, &other.namespace, &other.name)
    }
}

/// A workload, as far as it says which pods are its own.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(super) struct Workload {
    pub(super) metadata: Meta,
    pub(super) spec: WorkloadSpec,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(super) struct WorkloadSpec {
    pub(super) selector: Option<Selector>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default, rename_all = "camelCase")]
pub(super) struct Selector {
    pub(super) match_labels: std::collections::BTreeMap<String, String>,
    pub(super) match_expressions: Vec<Expression>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(super) struct Expression {
    pub(super) key: String,
    pub(super) operator: String,
    pub(super) values: Vec<String>,
}

impl Event {
    /// Returns when it last happened.
    pub(super) fn at(&self) -> Option<Timestamp> {
        let of_series = self.series.as_ref().and_then(|series| series.last_observed_time);
        let times = [of_series, self.last_timestamp, self.at];
        times.into_iter().flatten().max().or(self.metadata.creation_timestamp)
    }
}

impl Meta {
    /// Returns what made the object.
    pub(super) fn owner(&self) -> Option<&Reference> {
        self.owner_references.iter().find(|owner| owner.controller)
    }
}

impl Selector {
    /// Returns the selector as a list takes it.
    pub(super) fn text(&self) -> String {
        let labels = self.match_labels.iter().map(|(key, value)| format!("{key}={value}"));
        let expressions = self.match_expressions.iter().filter_map(|one| {
            let (key, values) = (&one.key, one.values.join(","));
            Some(match one.operator.as_str() {
                "In" => format!("{key} in ({values})"),
                "NotIn" => format!("{key} notin ({values})"),
                "Exists" => key.clone(),
                "DoesNotExist" => format!("!{key}"),
                _ => return None,
            })
        });
        labels.chain(expressions).collect::<Vec<_>>().join(",")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_selector_is_written_as_a_list_takes_it() {
        let selector = serde_json::json!({
            "matchLabels": { "app": "web", "tier": "front" },
            "matchExpressions": [
                { "key": "track", "operator": "In", "values": ["a", "b"] },
                { "key": "old", "operator": "DoesNotExist" },
            ],
        });
        let selector: Selector = serde_json::from_value(selector).unwrap();
        assert_eq!(selector.text(), "app=web,tier=front,track in (a,b),!old");
    }

    #[test]
    fn the_last_time_of_an_event_counts() {
        let event = serde_json::json!({
            "metadata": { "creationTimestamp": "2026-11-29T00:00:00Z" },
            "lastTimestamp": null, "eventTime": "2026-11-29T00:00:01.000000Z",
            "series": { "lastObservedTime": "2026-11-29T00:05:00.000000Z" },
        });
        let event: Event = serde_json::from_value(event).unwrap();
        assert_eq!(event.at().unwrap().to_string(), "2026-11-29T00:05:00Z");
    }
}
