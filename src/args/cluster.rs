//! The options that name a Kubernetes cluster, as kubectl has them, and its nodes.

use std::{env, ffi::OsString, path::PathBuf, time::Duration};

use checks::kit::{
    kube::{Impersonate, KubeOptions, NodeChoice, NodeRequest},
    messages::Lang,
};
use clap::{Args as ArgGroup, ValueEnum};

use super::{CheckOptions, duration, object_name, output::lang};

/// Which cluster is asked, and as which user.
#[derive(ArgGroup, Clone, Debug, Default)]
pub(crate) struct KubeArgs {
    /// The kubeconfig [default: $KUBECONFIG, else ~/.kube/config]
    #[arg(long, value_name = "FILE", help_heading = "Which cluster")]
    pub kubeconfig: Option<PathBuf>,
    /// The context of the kubeconfig
    #[arg(long, value_name = "NAME", help_heading = "Which cluster")]
    pub context: Option<String>,
    /// The namespace [default: that of the context]
    #[arg(short, long, value_name = "NAME", value_parser = object_name, help_heading = "Which cluster")]
    pub namespace: Option<String>,
    /// Ask as this user, if you may impersonate it
    #[arg(long = "as", value_name = "USER", help_heading = "Which cluster")]
    pub as_user: Option<String>,
    /// Ask as this group (repeatable)
    #[arg(
        long = "as-group",
        value_name = "GROUP",
        requires = "as_user",
        help_heading = "Which cluster"
    )]
    pub as_group: Vec<String>,
    /// How long one request may take [default: 35s]
    #[arg(long, value_name = "TIME", value_parser = duration, help_heading = "Which cluster")]
    pub request_timeout: Option<Duration>,
    /// Whether Azure says how the cluster is reached, and no kubeconfig.
    #[arg(skip)]
    pub in_azure: bool,
}

impl KubeArgs {
    /// Returns which cluster is asked, in this environment.
    pub(crate) fn options(&self, variable: impl Fn(&str) -> Option<OsString>) -> KubeOptions {
        let set = |name: &str| variable(name).filter(|value| !value.is_empty());
        let listed = || Some(env::split_paths(&set("KUBECONFIG")?).collect());
        let usual = || Some(vec![PathBuf::from(set("HOME")?).join(".kube/config")]);
        let named = self.kubeconfig.clone().map(|file| vec![file]);
        let text = |name: &str| set(name)?.into_string().ok();
        let port = text("KUBERNETES_SERVICE_PORT").and_then(|port| port.parse().ok());
        KubeOptions {
            is_named: named.is_some(),
            files: named.or_else(listed).or_else(usual).unwrap_or_default(),
            context: self.context.clone(),
            namespace: self.namespace.clone(),
            impersonate: Impersonate {
                user: self.as_user.clone(),
                groups: self.as_group.clone(),
                ..Impersonate::default()
            },
            request_timeout: self.request_timeout,
            in_azure: self.in_azure,
            in_cluster: text("KUBERNETES_SERVICE_HOST").zip(port),
        }
    }

    /// Returns the arguments that repeat these options.
    pub(crate) fn flags(&self) -> Vec<String> {
        let file = self.kubeconfig.as_ref().map(|file| file.display().to_string());
        let mut flags = vec![];
        for (flag, value) in [
            ("--kubeconfig", file),
            ("--context", self.context.clone()),
            ("--namespace", self.namespace.clone()),
            ("--as", self.as_user.clone()),
        ] {
            flags.extend(value.into_iter().flat_map(|value| [flag.to_owned(), value]));
        }
        for group in &self.as_group {
            flags.extend(["--as-group".to_owned(), group.clone()]);
        }
        flags
    }
}

/// What runs on the nodes.
#[derive(ArgGroup, Clone, Debug, Default)]
pub(crate) struct ProgramArgs {
    /// An image of check-acr that the nodes can pull [default: check-acr is carried to the nodes and
    /// needs no pull]
    #[arg(long, value_name = "IMAGE", help_heading = "How to look")]
    pub image: Option<String>,
    /// A static build of check-acr for nodes with another processor than this machine's, to be
    /// carried there
    #[arg(long, value_name = "FILE", conflicts_with = "image", help_heading = "How to look")]
    pub agent: Option<PathBuf>,
    /// The secret with which the nodes pull --image
    #[arg(long, value_name = "NAME", value_parser = object_name, requires = "image", help_heading = "How to look")]
    pub pull_secret: Option<String>,
    /// Read the environment that containerd and the kubelet run with, and not only what is configured:
    /// the pods get the capability SYS_PTRACE, and no AppArmor profile
    #[arg(long, help_heading = "How to look")]
    pub live: bool,
}

impl ProgramArgs {
    /// Returns the arguments that repeat these.
    fn flags(&self) -> Vec<String> {
        let agent = self.agent.as_ref().map(|file| file.display().to_string());
        let given =
            [("--agent", &agent), ("--image", &self.image), ("--pull-secret", &self.pull_secret)];
        let given = given.into_iter().filter_map(|(flag, value)| Some((flag, value.clone()?)));
        let mut flags: Vec<String> =
            given.flat_map(|(flag, value)| [flag.to_owned(), value]).collect();
        flags.extend(self.live.then(|| "--live".to_owned()));
        flags
    }
}

/// What is checked from the nodes, and how.
#[derive(ArgGroup, Clone, Debug)]
pub(crate) struct NodeArgs {
    /// A registry's name, a login server, or an image; several are checked side by side
    #[arg(value_name = "REF")]
    pub asked: Vec<String>,
    /// Look from this node (repeatable) [default: one ready node of each pool]
    #[arg(long, value_name = "NAME", value_parser = object_name, conflicts_with_all = ["all_nodes", "selector"], help_heading = "Which nodes")]
    pub node: Vec<String>,
    /// Look from every ready node
    #[arg(long, help_heading = "Which nodes")]
    pub all_nodes: bool,
    /// Look only from nodes with these labels
    #[arg(short = 'l', long, value_name = "SELECTOR", help_heading = "Which nodes")]
    pub selector: Option<String>,
    /// Look from pods with a network of their own, where the cluster allows nothing else: the files
    /// and the network of the node are not seen
    #[arg(long, conflicts_with = "live", help_heading = "How to look")]
    pub pod_network: bool,
    /// What runs on the nodes.
    #[command(flatten)]
    pub program: ProgramArgs,
    /// Print the manifests, and create nothing
    #[arg(long, help_heading = "How to look")]
    pub dry_run: bool,
    /// Keep the Jobs at the end; they go by themselves some minutes later
    #[arg(long, help_heading = "How to look")]
    pub keep: bool,
    /// Which cluster.
    #[command(flatten)]
    pub kube: KubeArgs,
    /// The namespace of the Jobs, where that is another.
    #[arg(skip)]
    pub jobs_namespace: Option<String>,
    /// How.
    #[command(flatten)]
    pub options: CheckOptions,
}

impl NodeArgs {
    /// Returns which nodes look, and how.
    pub(crate) fn request(&self) -> NodeRequest {
        let choice = match (&self.node[..], self.all_nodes) {
            ([], false) => NodeChoice::EachPool,
            ([], true) => NodeChoice::All,
            (names, _) => NodeChoice::Named(names.to_vec()),
        };
        NodeRequest {
            choice,
            selector: self.selector.clone(),
            pod_network: self.pod_network,
            namespace: self.jobs_namespace.clone(),
            image: self.program.image.clone(),
            live: self.program.live,
            rules: vec![],
        }
    }

    /// Returns the arguments that repeat this run for another image, the command included.
    pub(crate) fn flags(&self) -> Vec<String> {
        if self.kube.in_azure {
            return flags_of_aks(self);
        }
        let mut flags = vec!["node".to_owned()];
        // `node` has one namespace, which is that of its Jobs.
        let of_jobs = self.jobs_namespace.clone().or_else(|| self.kube.namespace.clone());
        flags.extend(KubeArgs { namespace: of_jobs, ..self.kube.clone() }.flags());
        flags.extend(self.program.flags());
        let mut add = |flag: &str, value: &str| flags.extend([flag.to_owned(), value.to_owned()]);
        self.node.iter().for_each(|node| add("--node", node));
        self.selector.iter().for_each(|selector| add("-l", selector));
        let switches = [(self.all_nodes, "--all-nodes"), (self.pod_network, "--pod-network")];
        flags.extend(switches.iter().filter(|(on, _)| *on).map(|(_, flag)| (*flag).to_owned()));
        flags
    }
}

/// Returns the arguments that repeat a run of `check-acr aks` for what follows them.
fn flags_of_aks(args: &NodeArgs) -> Vec<String> {
    let mut flags = vec!["aks".to_owned()];
    let mut add = |flag: &str, value: &str| flags.extend([flag.to_owned(), value.to_owned()]);
    let azure = &args.options.azure;
    azure.resource_group.iter().for_each(|group| add("-g", group));
    azure.cluster.iter().for_each(|name| add("-n", name));
    azure.subscription.iter().for_each(|id| add("--subscription", id));
    args.node.iter().for_each(|node| add("--node-name", node));
    args.kube.namespace.iter().for_each(|namespace| add("--namespace", namespace));
    args.options.cloud.flag().iter().for_each(|cloud| add("--cloud", cloud));
    args.options.platform.iter().for_each(|platform| add("--platform", &platform.to_string()));
    flags.extend(args.program.flags());
    let switches = [
        (args.all_nodes, "--all-nodes"),
        (args.pod_network, "--pod-network"),
        (args.options.full, "--full"),
    ];
    flags.extend(switches.iter().filter(|(on, _)| *on).map(|(_, flag)| (*flag).to_owned()));
    flags.push("--acr".to_owned());
    flags
}

/// The commands that need permissions.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum)]
pub(crate) enum RbacOf {
    /// `check-acr node`
    #[default]
    Node,
    /// `check-acr why`
    Why,
}

/// Whom the permissions are for, and which.
#[derive(ArgGroup, Clone, Debug)]
pub(crate) struct RbacArgs {
    /// The command that needs them
    #[arg(value_name = "COMMAND", default_value = "node")]
    pub of: RbacOf,
    /// What `why -A` needs to see the pods of every namespace; its Jobs stay in one
    #[arg(short = 'A', long)]
    pub all_namespaces: bool,
    /// What `why --here` needs, which starts no Jobs
    #[arg(long, conflicts_with = "image")]
    pub here: bool,
    /// The namespace of the pods and of the Jobs
    #[arg(short, long, value_name = "NAME", value_parser = object_name, default_value = "default")]
    pub namespace: String,
    /// The user that gets them (repeatable)
    #[arg(long = "for", value_name = "USER", value_parser = somebody)]
    pub users: Vec<String>,
    /// The group that gets them (repeatable)
    #[arg(long = "for-group", value_name = "GROUP", value_parser = somebody)]
    pub groups: Vec<String>,
    /// The service account of that namespace that gets them (repeatable)
    #[arg(long = "for-service-account", value_name = "NAME", value_parser = object_name)]
    pub accounts: Vec<String>,
    /// What a run with --image needs, which carries nothing
    #[arg(long)]
    pub image: bool,
    /// With the right to read the pull secrets and service accounts of pods, which `why` tries
    #[arg(long)]
    pub secrets: bool,
    /// With the right to create pods and workloads, which the dry runs of `why -f` ask for
    #[arg(long)]
    pub manifests: bool,
}

impl RbacArgs {
    /// Refuses the options that mean nothing for the command that was named.
    ///
    /// # Errors
    /// Returns a sentence that names the first of them.
    pub(crate) fn refuse_what_means_nothing(&self) -> Result<(), String> {
        let of_why = [
            (self.all_namespaces, "-A"),
            (self.here, "--here"),
            (self.secrets, "--secrets"),
            (self.manifests, "--manifests"),
        ];
        match of_why.iter().find(|(is_given, _)| *is_given && self.of == RbacOf::Node) {
            Some((_, option)) => Err(format!(
                "{option} is for what `why` needs: check-acr rbac why {option}; `node` looks at no pods"
            )),
            None => Ok(()),
        }
    }
}

/// Parses the name of a user or a group, as the cluster knows it.
fn somebody(text: &str) -> Result<String, String> {
    if text.trim().is_empty() || text.contains(char::is_control) {
        return Err("it needs a name, as `kubectl auth whoami` shows it".into());
    }
    Ok(text.to_owned())
}

/// Where to remove what runs left.
#[derive(ArgGroup, Clone, Debug)]
pub(crate) struct CleanupArgs {
    /// In every namespace
    #[arg(short = 'A', long, conflicts_with = "namespace")]
    pub all_namespaces: bool,
    /// Only say what would be removed
    #[arg(long)]
    pub dry_run: bool,
    /// The language: en or ko [default: that of the locale]
    #[arg(long, value_parser = lang)]
    pub lang: Option<Lang>,
    /// Which cluster.
    #[command(flatten)]
    pub kube: KubeArgs,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_files_of_kubectl() {
        let of = |args: &KubeArgs, set: &[(&str, &str)]| {
            let options = args.options(|name| {
                set.iter().find(|(known, _)| *known == name).map(|(_, value)| value.into())
            });
            (options.files, options.is_named)
        };
        let home = ("HOME", "/home/me");
        let usual = vec![PathBuf::from("/home/me/.kube/config")];
        assert_eq!(of(&KubeArgs::default(), &[home]), (usual.clone(), false));
        assert_eq!(of(&KubeArgs::default(), &[home, ("KUBECONFIG", "")]), (usual, false));
        let two = vec![PathBuf::from("/a"), PathBuf::from("/b")];
        assert_eq!(of(&KubeArgs::default(), &[home, ("KUBECONFIG", "/a:/b")]), (two, false));
        let named = KubeArgs { kubeconfig: Some("/c".into()), ..KubeArgs::default() };
        let one = vec![PathBuf::from("/c")];
        assert_eq!(of(&named, &[home, ("KUBECONFIG", "/a")]), (one, true));
        assert_eq!(of(&KubeArgs::default(), &[]), (vec![], false));
    }
}
