//! The options of the agent: what `check-acr node` runs on a node.

use std::path::PathBuf;

use checks::kit::engine::Vantage;
use clap::Args as ArgGroup;

use super::CheckArgs;

/// What the agent checks, and where it leaves the result.
#[derive(ArgGroup, Clone, Debug)]
pub(crate) struct AgentArgs {
    /// What to check, and how. The events go to standard output, whatever -o says.
    #[command(flatten)]
    pub check: CheckArgs,
    /// The vantage of the events: node/NAME or pod-network/NAME
    #[arg(long, value_name = "VANTAGE", value_parser = vantage)]
    pub vantage: Vantage,
    /// How many seconds a host may take to begin its response [default: as long as containerd waits]
    #[arg(long, value_name = "SECONDS", value_parser = clap::value_parser!(u64).range(1..=30))]
    pub response_wait: Option<u64>,
    /// A label of the node, for the report (repeatable)
    #[arg(long = "label", value_name = "KEY=VALUE", value_parser = label)]
    pub labels: Vec<(String, String)>,
    /// The file of the termination message, in which the kubelet looks for the result
    #[arg(long, value_name = "FILE", default_value = "/dev/termination-log")]
    pub termination: PathBuf,
}

/// Parses the vantage of an agent, which is a node or the network of its pods.
fn vantage(text: &str) -> Result<Vantage, String> {
    let vantage = text.parse::<Vantage>()?;
    if vantage.node().is_some() {
        return Ok(vantage);
    }
    Err("an agent looks from node/NAME or pod-network/NAME".into())
}

fn label(text: &str) -> Result<(String, String), String> {
    let pair = text.split_once('=').filter(|(key, _)| !key.is_empty());
    let (key, value) = pair.ok_or("a label is KEY=VALUE")?;
    Ok((key.to_owned(), value.to_owned()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_agent_looks_from_a_node() {
        assert!(vantage("node/aks-pool-1").is_ok() && vantage("pod-network/aks-pool-1").is_ok());
        for other in ["here", "azure", "node/", ""] {
            assert!(vantage(other).is_err(), "{other}");
        }
    }

    #[test]
    fn a_label_may_hold_another_equals_sign() {
        assert_eq!(label("a=b=c"), Ok(("a".to_owned(), "b=c".to_owned())));
        assert_eq!(label("a="), Ok(("a".to_owned(), String::new())));
        assert!(label("a").is_err() && label("=b").is_err());
    }
}
