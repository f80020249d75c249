//! Makes events of what a node reported, or of why it did not.

use std::{cell::RefCell, collections::BTreeMap};

use checks::{
    kit::{
        Target,
        engine::{Event, EventKind, StepEnd, VERSION, Vantage},
        kube::{ChosenNode, JobProblem, Nodes},
    },
    steps,
};
use jiff::Timestamp;
use serde_json::{Map, Value};

use super::manifest::Asked;
use crate::join::{of_cluster, run_started};

/// The label that the agent gives by itself.
const RESOLVER: &str = "resolver";

/// What is known of a run before its nodes report.
pub(super) struct Grafter {
    /// The targets by their ids, as they were understood here.
    pub(super) targets: Vec<(String, Map<String, Value>)>,
    /// Which of them each node is asked for; all where a node is not named.
    asked: RefCell<Asked>,
    /// Whether pods look and not nodes.
    pub(super) on_pod_network: bool,
}

impl Grafter {
    pub(super) fn new(targets: &[Target], asked: Asked, on_pod_network: bool) -> Self {
        let understood = |target: &Target| (target.id(), target.describe());
        let asked = RefCell::new(asked);
        Self { targets: targets.iter().map(understood).collect(), asked, on_pod_network }
    }

    /// Notes which targets each node is asked for, where that is known only when the nodes are, and tells of
    /// the targets that no node is asked for.
    pub(super) fn ask_as_chosen(&self, nodes: &Nodes, asked: &mut Asked, tell: &dyn Fn(Event)) {
        if nodes.asked.is_empty() {
            return;
        }
        asked.clone_from(&nodes.asked);
        self.asked.replace(nodes.asked.clone());
        for (place, why) in &nodes.unplaced {
            let Some((id, _)) = self.targets.get(*place) else { continue };
            let (step, finding) = (steps::NODES.name.to_owned(), why.clone());
            tell(of_cluster(id, EventKind::Found { step, finding }));
        }
    }

    /// Returns the targets that a node is asked for.
    fn targets_of(&self, node: &ChosenNode) -> Vec<&(String, Map<String, Value>)> {
        match self.asked.borrow().get(&node.name) {
            Some(places) => places.iter().filter_map(|place| self.targets.get(*place)).collect(),
            None => self.targets.iter().collect(),
        }
    }

    fn vantage(&self, node: &ChosenNode) -> Vantage {
        let name = node.name.clone();
        if self.on_pod_network { Vantage::PodNetwork(name) } else { Vantage::Node(name) }
    }

    /// Returns the events of a node as they belong to this run. A node can speak only for itself,
    /// and only of what was asked.
    pub(super) fn graft(&self, node: &ChosenNode, events: Vec<Event>) -> Vec<Event> {
        let from = self.vantage(node);
        let targets = self.targets_of(node);
        let grafted = events.into_iter().filter_map(|mut event| {
            let (_, ours) = targets.iter().find(|(id, _)| *id == event.target)?;
            event.from = from.clone();
            if let EventKind::RunStarted { understood, labels, .. } = &mut event.kind {
                // What the cluster says of the node counts; its name servers the node alone knows.
                let resolver = labels.remove(RESOLVER);
                *labels = labels_of(node);
                labels.extend(resolver.map(|servers| (RESOLVER.to_owned(), servers)));
                // The node knows its own processor.
                understood.remove("assumed_platform");
                // A command that repeats the run is one for here, not for the node.
                for name in ["flags", "other_flags", "here_flags"] {
                    match ours.get(name) {
                        Some(value) => drop(understood.insert(name.to_owned(), value.clone())),
                        None => drop(understood.remove(name)),
                    }
                }
            }
            Some(event)
        });
        grafted.collect()
    }

    /// Returns whether these events of a node tell of every target that it was asked for.
    pub(super) fn is_whole(&self, node: &ChosenNode, events: &[Event]) -> bool {
        self.targets_of(node).into_iter().all(|(id, _)| {
            let started = |event: &Event| matches!(event.kind, EventKind::RunStarted { .. });
            events.iter().any(|event| event.target == *id && started(event))
        })
    }

    /// Returns the events that say that a node told nothing, and why.
    pub(super) fn silent(&self, node: &ChosenNode, why: &JobProblem) -> Vec<Event> {
        let from = self.vantage(node);
        let labels = labels_of(node);
        let step = steps::AGENT.name.to_owned();
        let mut events = vec![];
        for (target, understood) in self.targets_of(node) {
            let kinds = [
                run_started(understood.clone(), labels.clone()),
                EventKind::Planned { step: step.clone(), after: vec![] },
                EventKind::Finished {
                    step: step.clone(),
                    end: StepEnd::CouldNotTell { why: why.clone().into() },
                    took_ms: 0,
                },
            ];
            events.extend(kinds.map(|kind| Event {
                v: VERSION,
                at: Timestamp::now(),
                target: target.clone(),
                from: from.clone(),
                kind,
            }));
        }
        events
    }
}

fn labels_of(node: &ChosenNode) -> BTreeMap<String, String> {
    let attributes = node.attributes.iter();
    attributes.map(|(name, value)| ((*name).to_owned(), value.clone())).collect()
}
