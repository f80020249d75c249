//! What the Jobs of `check-acr node` have in common, from its arguments.

use checks::kit::{
    Target,
    kube::{KubeOptions, NodeRequest},
    rules::NodeRules,
};

use crate::{
    args::{CheckOptions, NodeArgs},
    join::node::manifest::{Asked, JobSettings},
};

/// Returns what the Jobs of a run have in common.
pub(super) fn settings(targets: &[Target], kube: &KubeOptions, args: &NodeArgs) -> JobSettings {
    let timeout = args.options.timeout().as_secs();
    JobSettings {
        run: run_name(),
        namespace: kube.namespace.clone().unwrap_or_else(|| "default".to_owned()),
        request: NodeRequest { rules: rules(targets), ..args.request() },
        pull_secret: args.program.pull_secret.clone(),
        arguments: arguments(&args.options),
        // Whoever may read Jobs reads these.
        targets: targets.iter().map(Target::id).collect(),
        asked: Asked::default(),
        // The pod starts before the agent does.
        deadline: timeout + 60,
    }
}

/// Returns what the pods of each target ask of their nodes; nothing where none asks anything.
fn rules(targets: &[Target]) -> Vec<Vec<NodeRules>> {
    let rules: Vec<Vec<NodeRules>> = targets.iter().map(|it| it.uses.nodes.clone()).collect();
    if rules.iter().all(Vec::is_empty) { vec![] } else { rules }
}

/// Returns what the agent is asked: no secrets, and no files of this machine.
fn arguments(options: &CheckOptions) -> Vec<String> {
    let mut arguments: Vec<String> = vec![];
    let mut add = |flag: &str, value: Option<String>| {
        if let Some(value) = value {
            arguments.extend([flag.to_owned(), value]);
        }
    };
    add("--timeout", Some(options.timeout().as_secs().to_string()));
    add("--cloud", options.cloud.flag().map(str::to_owned));
    add("--platform", options.platform.as_ref().map(ToString::to_string));
    add("--containerd", options.containerd.as_ref().map(ToString::to_string));
    add("--identity", options.identity.flag());
    options.only.iter().for_each(|step| add("--only", Some(step.clone())));
    options.skip.iter().for_each(|step| add("--skip", Some(step.clone())));
    let switches = [
        (options.run_provider, "--run-provider"),
        (options.plain_http, "--plain-http"),
        (options.full, "--full"),
    ];
    arguments.extend(switches.iter().filter(|(on, _)| *on).map(|(_, flag)| (*flag).to_owned()));
    arguments
}

/// Returns a random name for a run.
fn run_name() -> String {
    use std::hash::{BuildHasher, RandomState};
    // The standard library seeds it anew for each state.
    let hash = RandomState::new().hash_one(std::process::id());
    format!("{:08x}", hash & 0xffff_ffff)
}
