//! The options of `check-acr aks`: those of `az aks check-acr`, and how to look.

use std::time::Duration;

use checks::kit::{
    Cloud,
    rules::Platform,
    target::{ResourceId, Who},
};
use clap::{Args as ArgGroup, builder::NonEmptyStringValueParser};

use super::{
    CheckOptions, ShowArgs,
    azure::{AzureArgs, registry},
    cloud,
    cluster::{KubeArgs, NodeArgs, ProgramArgs},
    duration, object_name,
};

/// Which cluster pulls from which registry, and how to look.
#[derive(ArgGroup, Clone, Debug)]
pub(crate) struct AksArgs {
    /// The resource group of the cluster
    #[arg(short = 'g', long, value_name = "GROUP", help_heading = "Which cluster")]
    pub resource_group: String,
    /// The cluster
    #[arg(short = 'n', long, value_name = "NAME", help_heading = "Which cluster")]
    pub name: String,
    /// The subscription of the cluster, by its id or its name [default: all that the caller can read]
    #[arg(long, value_name = "ID|NAME", value_parser = NonEmptyStringValueParser::new(), help_heading = "Which cluster")]
    pub subscription: Option<String>,
    /// The registry: its name, its login server or its resource id. Or an image in it: only then is
    /// anything pulled
    #[arg(long, value_name = "REF", help_heading = "What is asked")]
    pub acr: String,
    /// Look from this node [default: one ready node of each pool]
    #[arg(long, value_name = "NAME", value_parser = object_name, conflicts_with = "all_nodes", help_heading = "Which nodes")]
    pub node_name: Option<String>,
    /// Look from every ready node
    #[arg(long, help_heading = "Which nodes")]
    pub all_nodes: bool,
    /// The namespace of the Jobs [default: default]
    #[arg(long, value_name = "NAMESPACE", value_parser = object_name, help_heading = "How to look")]
    pub namespace: Option<String>,
    /// Look from pods with a network of their own, where the cluster allows nothing else: the files
    /// and the network of the node are not seen
    #[arg(long, conflicts_with = "live", help_heading = "How to look")]
    pub pod_network: bool,
    /// What runs on the nodes.
    #[command(flatten)]
    pub program: ProgramArgs,
    /// Keep the Jobs at the end; they go by themselves some minutes later
    #[arg(long, help_heading = "How to look")]
    pub keep: bool,
    /// How long the agents may take [default: 60s; a day with --full]
    #[arg(long, value_name = "TIME", value_parser = duration, help_heading = "How far")]
    pub timeout: Option<Duration>,
    /// Read and verify every layer to its end
    #[arg(long, help_heading = "How far")]
    pub full: bool,
    /// The platform that the image must have [default: linux and the node's processor]
    #[arg(long, value_name = "OS/ARCH", help_heading = "What is asked")]
    pub platform: Option<Platform>,
    /// The cloud of a bare registry name: public, china, us-government
    #[arg(long, value_name = "CLOUD", default_value = "public", value_parser = cloud, help_heading = "What is asked")]
    pub cloud: Cloud,
    /// How to show it.
    #[command(flatten)]
    pub show: ShowArgs,
}

impl AksArgs {
    /// Returns the arguments of a run from the nodes that does the same.
    ///
    /// # Errors
    /// Returns a sentence when `--acr` is the id of something else.
    pub(crate) fn into_node(self) -> Result<NodeArgs, String> {
        let id: Option<ResourceId> = if self.acr.starts_with('/') {
            Some(registry(&self.acr).map_err(|sentence| format!("--acr: {sentence}"))?)
        } else {
            None
        };
        let asked = id.as_ref().map_or(self.acr, |id| id.name().to_owned());
        let azure = AzureArgs {
            cluster_id: None,
            resource_group: Some(self.resource_group),
            cluster: Some(self.name),
            registry_id: id,
            subscription: self.subscription,
            no_azure: false,
        };
        let options = CheckOptions {
            only: vec![],
            skip: vec![],
            timeout: self.timeout,
            wait: None,
            full: self.full,
            platform: self.platform,
            containerd: None,
            identity: Who::default(),
            username: None,
            password_stdin: false,
            auth_file: None,
            node_root: None,
            run_provider: false,
            ca_file: None,
            cloud: self.cloud,
            plain_http: false,
            azure,
            show: self.show,
        };
        Ok(NodeArgs {
            asked: vec![asked],
            node: self.node_name.into_iter().collect(),
            all_nodes: self.all_nodes,
            selector: None,
            pod_network: self.pod_network,
            program: self.program,
            dry_run: false,
            keep: self.keep,
            kube: KubeArgs { namespace: self.namespace, in_azure: true, ..KubeArgs::default() },
            jobs_namespace: None,
            options,
        })
    }
}

#[cfg(test)]
mod tests {
    use clap::Parser;

    use super::*;
    use crate::args::{Args, Command};

    fn parse(words: &str) -> AksArgs {
        let args = Args::try_parse_from(words.split(' ')).unwrap();
        let Some(Command::Aks(args)) = args.command else { panic!("{words}") };
        *args
    }

    #[test]
    fn the_flags_of_az() {
        let args = parse("check-acr aks -g shop -n blue --acr contoso --node-name n-1");
        let node = args.into_node().unwrap();
        assert_eq!((node.asked.join(" "), node.node.join(" ")), ("contoso".into(), "n-1".into()));
        let repeated = node.flags().join(" ");
        assert_eq!(repeated, "aks -g shop -n blue --node-name n-1 --acr");
        let again = parse(&format!("check-acr {repeated} contoso")).into_node().unwrap();
        assert_eq!(again.flags(), node.flags());
    }

    #[test]
    fn a_registry_by_its_resource_id() {
        let id = "/subscriptions/s/resourceGroups/g/providers/Microsoft.ContainerRegistry/registries/contoso";
        let node = parse(&format!("check-acr aks -g shop -n blue --acr {id}")).into_node().unwrap();
        assert_eq!(node.asked, ["contoso"]);
        assert_eq!(node.options.azure.registry_id.unwrap().to_string(), id);
        let other = id.replace("ContainerRegistry/registries", "Storage/storageAccounts");
        assert!(parse(&format!("check-acr aks -g a -n b --acr {other}")).into_node().is_err());
    }
}
