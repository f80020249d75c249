//! Holds that a control plane that cannot be read changes nothing: what the data path shows stays
//! as it is without one.
#![cfg(feature = "lab")]
#![allow(clippy::unwrap_used, reason = "a test that panics has failed, and says where")]

mod journeys;

use check_acr::{CausePage, Presentation, Run};
use checks::kit::messages::Lang;
use futures::stream::{self, StreamExt};
use lab::{ArmAnswer, Scenario};

/// The options that ask for the control plane; each takes a value.
const ASKS: [&str; 5] = ["-g", "--cluster", "--cluster-id", "--registry-id", "--subscription"];
/// How it cannot be read; with `None`, the caller has no role there.
const FAULTS: [Option<ArmAnswer>; 4] =
    [Some(ArmAnswer::Throttled), Some(ArmAnswer::Outage), Some(ArmAnswer::Html), None];

/// What decides: whether the pull works, and what is at fault.
#[derive(Debug, PartialEq)]
struct Decided {
    can: String,
    causes: Vec<String>,
}

#[tokio::test]
async fn a_control_plane_that_cannot_be_read_leaves_the_data_path_alone() {
    let worlds = lab::scenarios().iter().map(|file| (file.name, file.text));
    let worlds = worlds.map(|(name, text)| (name, Scenario::parse(text).unwrap()));
    // Elsewhere, to name a cluster is another question: whether its nodes can pull. `aks` asks it, and
    // Azure says how the cluster is reached.
    let same = |scenario: &Scenario| {
        scenario.ask.command != "aks" && (scenario.node.on || !names_cluster(&scenario.ask.args))
    };
    let worlds = worlds.filter(|(_, scenario)| scenario.azure.on && same(scenario));
    let worlds: Vec<_> = worlds.collect();
    assert!(worlds.len() > 100, "{}", worlds.len());
    // One fault for each world: all of them everywhere take minutes and tell no more.
    let held =
        worlds.into_iter().zip(FAULTS.iter().cycle()).map(|(world, fault)| hold(world, *fault));
    let wrong: Vec<Option<String>> = stream::iter(held).buffer_unordered(8).collect().await;
    let wrong: Vec<String> = wrong.into_iter().flatten().collect();
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

/// Returns what is different in a world when its control plane cannot be read.
async fn hold(
    (name, mut scenario): (&'static str, Scenario),
    fault: Option<ArmAnswer>,
) -> Option<String> {
    let mut alone = scenario.clone();
    alone.ask.args = without_plane(&scenario.ask.args);
    match fault {
        Some(answer) => scenario.azure.answer = answer,
        None => scenario.azure.assignments.retain(|_, assignment| assignment.who != "operator"),
    }
    let (alone, with) = (decided(&alone).await, decided(&scenario).await);
    let fault = fault.map_or_else(|| "no role".to_owned(), |answer| format!("{answer:?}"));
    (with != alone).then(|| format!("{name}, {fault}: {with:?}, without it {alone:?}"))
}

fn names_cluster(args: &[String]) -> bool {
    args.iter().any(|arg| arg.starts_with("--cluster"))
}

fn without_plane(args: &[String]) -> Vec<String> {
    let mut kept = vec!["--no-azure".to_owned()];
    let mut args = args.iter();
    while let Some(arg) = args.next() {
        if ASKS.contains(&arg.as_str()) {
            args.next();
        } else {
            kept.push(arg.clone());
        }
    }
    kept
}

async fn decided(scenario: &Scenario) -> Decided {
    let lab = lab::start(scenario).await.unwrap();
    let events = journeys::run(scenario, &lab, None).await;
    let page = Presentation::of(&Run::of(&events), checks::messages(), Lang::En, false);
    let target = &page.targets[0];
    let codes = |causes: &[CausePage]| causes.iter().map(|cause| cause.told.code.clone()).collect();
    Decided { can: format!("{:?}", target.can), causes: codes(&target.causes) }
}
