//! The lab's nodes: the agent in each of their pods runs in a world of its own.

use std::{
    collections::HashMap,
    sync::{Mutex, PoisonError},
};

use checks::kit::World;
use clap::Parser;
use lab::{Agent, AgentCall, AgentEnd, Ask, Lab, Scenario};

use super::{
    agent, check,
    node::{self, Cluster},
};
use crate::{
    args::{AgentArgs, Args, CheckArgs, Command, KubeArgs, NodeArgs, WhyArgs},
    carry::{Architecture, NotCarried},
    join::termination,
    run::{Wanted, run as run_plans},
    world,
};

/// The kubeconfig of the lab's client.
const KUBECONFIG: &str = "~/.kube/config";

/// Returns whether a scenario looks from the nodes of its cluster.
pub(super) fn is_from_nodes(scenario: &Scenario) -> bool {
    ["node", "aks"].contains(&scenario.ask.command.as_str())
}

/// Returns the arguments of a scenario that looks from the nodes.
pub(super) fn arguments(scenario: &Scenario) -> Result<NodeArgs, String> {
    let Ask { image, command, args, .. } = &scenario.ask;
    let asked = if command == "aks" { vec!["--acr", image] } else { vec![image.as_str()] };
    let words = ["check-acr", command].into_iter().chain(asked).map(str::to_owned);
    let args = Args::try_parse_from(words.chain(args.clone()));
    match args.map_err(|error| format!("the scenario's arguments: {error}"))?.command {
        Some(Command::Node(args)) => Ok(*args),
        Some(Command::Aks(args)) => args.into_node(),
        _ => Err("the scenario's arguments are not those of `node` or `aks`".into()),
    }
}

/// Returns the arguments of a scenario that starts from pods.
pub(super) fn why_arguments(scenario: &Scenario) -> Result<WhyArgs, String> {
    let words = ["check-acr", "why"].map(str::to_owned).into_iter();
    let args = Args::try_parse_from(words.chain(scenario.ask.args.clone()));
    match args.map_err(|error| format!("the scenario's arguments: {error}"))?.command {
        Some(Command::Why(args)) => Ok(*args),
        _ => Err("the scenario's arguments are not those of `why`".into()),
    }
}

/// Returns the manifests that a scenario names, from its files.
pub(super) fn manifests(scenario: &Scenario, args: &WhyArgs) -> Vec<(String, String)> {
    let names = args.files.iter().map(|file| file.display().to_string());
    names
        .filter_map(|name| scenario.ask.files.get(&name).cloned().map(|text| (name, text)))
        .collect()
}

/// Lets the agent run in the pods of the lab's cluster.
pub fn run_agents(lab: &Lab) {
    // Nodes with the same world see the same; each reports for itself all the same.
    let known = Mutex::<HashMap<(String, Vec<String>), AgentEnd>>::default();
    lab.set_agent(Agent::new(move |call| {
        let key = (call.world.clone(), not_of_one_node(&call.arguments));
        let mut known = known.lock().unwrap_or_else(PoisonError::into_inner);
        known.entry(key).or_insert_with(|| run_agent(&call)).clone()
    }));
}

/// Returns the world of the client, and its cluster, in whose pods the agent runs.
pub(super) fn world_of(
    scenario: &Scenario,
    lab: &Lab,
    args: &KubeArgs,
) -> Result<(World, Cluster), String> {
    run_agents(lab);
    let home = |name: &str| (name == "HOME").then(|| "~".into());
    let mut kube = args.options(home);
    if !kube.is_named {
        kube.files = vec![KUBECONFIG.into()];
    }
    Ok((world::of_lab(lab, &scenario.ask)?, (kube, program)))
}

/// Returns what is carried in the lab: the header of a static program. Nothing loads it there.
#[expect(clippy::unnecessary_wraps, reason = "the real one may fail")]
fn program(architecture: Architecture) -> Result<Vec<u8>, NotCarried> {
    let machine = if architecture == Architecture::Arm64 { 183 } else { 62 };
    let mut header = b"\x7fELF\x02\x01\x01".to_vec();
    header.resize(64, 0);
    (header[16], header[18]) = (2, machine);
    Ok(header)
}

/// Returns the targets of a scenario that looks from the nodes.
pub(super) fn targets(args: &NodeArgs) -> Result<Vec<checks::kit::Target>, String> {
    node::targets(&args.asked, args)
}

/// Returns the arguments of an agent that do not say which node it looks from.
fn not_of_one_node(arguments: &[String]) -> Vec<String> {
    let (mut kept, mut arguments) = (vec![], arguments.iter());
    while let Some(argument) = arguments.next() {
        match argument.as_str() {
            "--vantage" | "--label" => drop(arguments.next()),
            _ => kept.push(argument.clone()),
        }
    }
    kept
}

/// Runs the agent in the world of a node, on a thread without a runtime.
fn run_agent(call: &AgentCall) -> AgentEnd {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
    let ran = runtime
        .map_err(|error| error.to_string())
        .and_then(|runtime| runtime.block_on(agent(call)));
    ran.unwrap_or_else(|log| AgentEnd { exit_code: 2, message: String::new(), log })
}

async fn agent(call: &AgentCall) -> Result<AgentEnd, String> {
    let words = std::iter::once("check-acr").chain(call.arguments.iter().map(String::as_str));
    let args = Args::try_parse_from(words).map_err(|error| error.to_string())?;
    let Some(Command::Agent(args)) = args.command else { return Err("not an agent".into()) };
    let AgentArgs { check, vantage, labels, response_wait, .. } = *args;
    let CheckArgs { asked, mut options } = check;
    options.azure.no_azure = true;
    let scenario = Scenario::named(&call.world).ok_or("the node has no world")?;
    let scenario = scenario.map_err(|error| error.to_string())?;
    let lab = lab::start(&scenario).await.map_err(|error| error.to_string())?;
    let mut targets = check::targets(&asked, &options, None)?;
    agent::answer_within(&mut targets, response_wait);
    let labels = labels.into_iter().collect();
    agent::pulled_by(&mut targets, &labels);
    let world = world::of_lab(&lab, &scenario.ask)?;
    let wanted = Wanted { vantage, labels, ..options.wanted() };
    let events = run_plans(targets, world, &wanted, |_| {}).await;
    // Plain data always serializes.
    let lines = events.iter().map(|event| serde_json::to_string(event).unwrap_or_default() + "\n");
    Ok(AgentEnd { exit_code: 0, message: termination::encode(&events), log: lines.collect() })
}
