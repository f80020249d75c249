//! `check-acr node --dry-run`: the manifests that a run would create.

use std::env;

use checks::kit::{Target, kube::ChosenNode};

use super::node::settings;
use crate::{Exit, args::NodeArgs, join::node::manifest_of, show};

/// Prints the Job of one node as YAML, which JSON is.
pub(super) async fn print(args: &NodeArgs, targets: &[Target]) -> Result<Exit, String> {
    let kube = args.kube.options(|name| env::var_os(name));
    let settings = settings(targets, &kube, args);
    let names = if args.node.is_empty() { vec!["NODE".to_owned()] } else { args.node.clone() };
    let mut documents = vec![];
    for (number, name) in names.into_iter().enumerate() {
        let node = ChosenNode {
            name,
            architecture: String::new(),
            attributes: vec![],
            image: None,
            pool: String::new(),
        };
        let job = manifest_of(&settings, number, &node)?;
        // Plain data always serializes.
        documents
            .push(format!("---\n{}\n", serde_json::to_string_pretty(&job).unwrap_or_default()));
    }
    show::print(&format!("{}", documents.concat()));
    Ok(Exit::Can)
}
