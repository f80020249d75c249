//! `check-acr node --dry-run`: the manifests that a run would create.

use std::env;

use checks::kit::{Target, engine::Finding, kube::ChosenNode, messages::Lang};

use super::job_settings::settings;
use crate::{
    Exit,
    args::NodeArgs,
    carry,
    join::node::{Programs, manifest::JobSettings, manifests_of},
    show, world,
};

/// Prints the objects as YAML, which JSON is.
pub(super) async fn print(args: &NodeArgs, targets: &[Target]) -> Result<Exit, String> {
    let kube = args.kube.options(|name| env::var_os(name));
    let world = world::real(world::roots(vec![], None), None);
    let said = |finding: Finding| {
        let (messages, nothing) = (checks::messages(), serde_json::Map::new());
        messages.title(&finding, &nothing, Lang::En)
    };
    let namespace = checks::cluster_namespace(&world, &kube).await;
    let namespace = namespace.map_err(|problem| said(problem.into()))?;
    let settings = JobSettings { namespace, ..settings(targets, &kube, args) };
    let names = if args.node.is_empty() { vec!["NODE".to_owned()] } else { args.node.clone() };
    let node = |name| ChosenNode {
        name,
        architecture: if cfg!(target_arch = "aarch64") { "arm64" } else { "amd64" }.to_owned(),
        attributes: vec![],
        image: Some("IMAGE-OF-THE-NODE".to_owned()),
        pool: String::new(),
        targets: vec![],
    };
    let nodes: Vec<ChosenNode> = names.into_iter().map(node).collect();
    let programs = Programs { own: |_| carry::this_program(), other: args.program.agent.clone() };
    let objects = manifests_of(&settings, &nodes, programs, world).await.map_err(|why| {
        let ways = "name a static build with --agent FILE, or an image of check-acr with --image";
        format!("{}; {ways}", said(why))
    })?;
    let texts = objects.iter().map(|object| {
        // Plain data always serializes.
        format!("---\n{}\n", serde_json::to_string_pretty(object).unwrap_or_default())
    });
    show::print(&texts.collect::<String>());
    Ok(Exit::Can)
}
