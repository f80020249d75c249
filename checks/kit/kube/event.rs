//! An event of Kubernetes: what is read of it, and when it last happened.

use jiff::Timestamp;
use serde::Deserialize;

/// Something that happened to an object.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default, rename_all = "camelCase")]
pub struct KubeEvent {
    /// The object.
    pub involved_object: Involved,
    /// Such as `FailedCreate`.
    pub reason: String,
    /// In words.
    pub message: String,
    metadata: EventMeta,
    count: Option<i64>,
    last_timestamp: Option<Timestamp>,
    #[serde(rename = "eventTime")]
    at: Option<Timestamp>,
    series: Option<Series>,
}

#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default, rename_all = "camelCase")]
struct EventMeta {
    creation_timestamp: Option<Timestamp>,
}

#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default, rename_all = "camelCase")]
struct Series {
    count: Option<i64>,
    last_observed_time: Option<Timestamp>,
}

/// The object that an event is about.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default, rename_all = "camelCase")]
pub struct Involved {
    /// Its API group and version; not every event has them.
    pub api_version: String,
    /// Such as `Job`.
    pub kind: String,
    /// Its namespace.
    pub namespace: String,
    /// Its name.
    pub name: String,
    /// Its id.
    pub uid: String,
    /// Such as `spec.containers{app}`; empty where the event is about the whole pod.
    pub field_path: String,
}

impl KubeEvent {
    /// Returns when it last happened.
    pub fn at(&self) -> Option<Timestamp> {
        let of_series = self.series.as_ref().and_then(|series| series.last_observed_time);
        let times = [of_series, self.last_timestamp, self.at];
        times.into_iter().flatten().max().or(self.metadata.creation_timestamp)
    }

    /// Returns how often it happened, as far as it says, and when last. Another value later says that it
    /// goes on.
    pub fn times(&self) -> (i64, Option<Timestamp>) {
        let of_series = self.series.as_ref().and_then(|series| series.count);
        (of_series.or(self.count).unwrap_or(1), self.at())
    }
}

impl Involved {
    /// Returns whether both name the same object.
    pub fn is_the_same(&self, other: &Self) -> bool {
        let Self { api_version, kind, namespace, name, .. } = self;
        (api_version, kind, namespace, name)
            == (&other.api_version, &other.kind, &other.namespace, &other.name)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_last_time_of_an_event_counts() {
        let event = serde_json::json!({
            "metadata": { "creationTimestamp": "2026-11-29T00:00:00Z" },
            "lastTimestamp": null, "eventTime": "2026-11-29T00:00:01.000000Z",
            "series": { "count": 4, "lastObservedTime": "2026-11-29T00:05:00.000000Z" },
        });
        let event: KubeEvent = serde_json::from_value(event).unwrap();
        assert_eq!(event.at().unwrap().to_string(), "2026-11-29T00:05:00Z");
        assert_eq!(event.times().0, 4);
    }
}
