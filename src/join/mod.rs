//! Events from elsewhere: the other sources from which a report is folded.

pub(crate) mod control_plane;
pub(crate) mod credentials;
pub(crate) mod gate;
pub(crate) mod node;
pub(crate) mod pods;
pub(crate) mod preview;
pub mod termination;

use std::collections::BTreeMap;

use checks::kit::engine::{Event, EventKind, VERSION, Vantage};
use jiff::Timestamp;
use serde_json::{Map, Value};

/// Returns an event that the cluster's API brought.
fn of_cluster(target: &str, kind: EventKind) -> Event {
    let (at, target) = (Timestamp::now(), target.to_owned());
    Event { v: VERSION, at, target, from: Vantage::Kubernetes, kind }
}

/// Returns that a target is looked at from a place with these labels.
fn run_started(understood: Map<String, Value>, labels: BTreeMap<String, String>) -> EventKind {
    let tool = env!("CARGO_PKG_VERSION").to_owned();
    EventKind::RunStarted { understood, tool, host: None, labels }
}
