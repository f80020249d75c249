//! The command line.

pub(crate) mod agent;
pub(crate) mod aks;
pub(crate) mod azure;
mod called;
pub(crate) mod cluster;
pub(crate) mod output;
pub(crate) mod why;

use std::{collections::BTreeMap, path::PathBuf, time::Duration};

use checks::kit::{
    Cloud,
    engine::Vantage,
    rules::{ContainerdVersion, Platform, is_object_name},
    target::Who,
};
use clap::{Args as ArgGroup, Parser, Subcommand};

use crate::run::Wanted;
pub(crate) use agent::AgentArgs;
pub(crate) use aks::AksArgs;
use azure::AzureArgs;
pub(crate) use called::{name as called, read};
pub(crate) use cluster::{CleanupArgs, KubeArgs, NodeArgs, ProgramArgs, RbacArgs, RbacOf};
pub(crate) use output::{FailOn, FixForm, Format, Output, ReferenceArgs, ShowArgs, When};
pub(crate) use why::WhyArgs;

/// What stands below the options.
const AFTER_HELP: &str = "\
Examples:
  check-acr contoso.azurecr.io/team/app:v1             can this machine pull it?
  check-acr --auth-file secret.yaml IMAGE              with a pull secret, as the kubelet reads it
  check-acr -g shop --cluster shop-aks IMAGE           and why may this cluster not pull it?
  check-acr node --all-nodes IMAGE                     which nodes of this cluster can pull it?
  check-acr why -n shop                                why do pods there wait for their images?
  check-acr aks -g shop -n shop-aks --acr IMAGE        the same of an AKS cluster, by its name
  check-acr -q -o text -o json=report.json IMAGE       in CI: the verdict, and a report in a file
  kubectl get pods -A -o jsonpath='{..image}' | tr ' ' '\\n' | sort -u | check-acr -
  check-acr lab data-endpoint-record-missing           try it: no registry and no network needed

Exit codes: 0 can pull (can sign in, if REF names no image) · 1 cannot · 2 wrong usage · 3 could not
tell · 130 interrupted";

/// Can this host pull this image from this registry? If not: the cause, the proof and the fix.
///
/// REF is an Azure registry's name (contoso), a login server (contoso.azurecr.io), or an image in
/// any OCI registry (contoso.azurecr.io/team/app:v1).
#[derive(Parser, Debug)]
#[command(
    name = "check-acr",
    version = env!("CHECK_ACR_VERSION"),
    args_conflicts_with_subcommands = true,
    args_override_self = true,
    after_help = AFTER_HELP
)]
pub(crate) struct Args {
    /// What to do, other than to check.
    #[command(subcommand)]
    pub command: Option<Command>,
    /// What to check.
    #[command(flatten)]
    pub check: CheckArgs,
}

/// What to do.
#[derive(Subcommand, Debug)]
pub(crate) enum Command {
    /// Check REF, even if a command has the same name
    Check(Box<CheckArgs>),
    /// Explain a code: what it means, how it is fixed, which failure modes it settles
    Explain {
        /// A code such as dns/data-endpoint-record-missing, an area such as dns, or a failure mode
        code: String,
        /// How to show it.
        #[command(flatten)]
        show: ReferenceArgs,
    },
    /// List the steps and the codes
    List {
        /// List the known failure modes instead: which are settled, and which not yet
        #[arg(long)]
        modes: bool,
        /// How to show it.
        #[command(flatten)]
        show: ReferenceArgs,
    },
    /// Print the completions for a shell
    Completions {
        /// The shell
        shell: clap_complete::Shell,
    },
    /// Print the man page
    Man,
    /// Show a recording that was made with -o events=FILE
    Show {
        /// The file, or - for standard input
        file: PathBuf,
        /// How to show it.
        #[command(flatten)]
        show: ShowArgs,
    },
    /// Explain why pods wait for their images: which, by cause, as their nodes see it
    Why(Box<WhyArgs>),
    /// Check REF from the nodes of a Kubernetes cluster, which pull with their own network, files
    /// and identity: a Job on each
    #[command(mut_args(|arg| of_nodes(arg)))]
    Node(Box<NodeArgs>),
    /// Check an Azure registry from the nodes of an AKS cluster, with the flags of `az aks check-acr`:
    /// neither kubectl nor a kubeconfig is needed, only a sign-in to Azure
    Aks(Box<AksArgs>),
    /// Print the Kubernetes permissions that `check-acr node` and `why` need, as manifests
    Rbac(RbacArgs),
    /// Remove what runs of `check-acr node` and `why` left in a cluster
    Cleanup(CleanupArgs),
    /// Check from this node, for a run elsewhere: what `check-acr node` starts in its Jobs
    #[command(hide = true)]
    Agent(Box<AgentArgs>),
    /// Check in an embedded world of name servers, a registry and its data host
    #[cfg(feature = "lab")]
    Lab {
        /// The scenario: what is wrong in that world
        #[arg(default_value = "healthy")]
        scenario: String,
        /// List the scenarios
        #[arg(long)]
        list: bool,
        /// Keep the world up, and say how to point docker, skopeo or containerd at it
        #[arg(long, conflicts_with = "list")]
        serve: bool,
        /// How to check.
        #[command(flatten)]
        options: Box<CheckOptions>,
    },
}

/// What to check, and how.
#[derive(ArgGroup, Clone, Debug)]
pub(crate) struct CheckArgs {
    /// A registry's name, a login server, or an image; several are checked side by side. - reads
    /// them from standard input, one a line
    #[arg(value_name = "REF")]
    pub asked: Vec<String>,
    /// How.
    #[command(flatten)]
    pub options: CheckOptions,
}

/// How to check.
#[derive(ArgGroup, Clone, Debug)]
pub struct CheckOptions {
    /// Run these steps only, and those that they need (repeatable; see `check-acr list`)
    #[arg(long, value_name = "STEP", value_parser = step, help_heading = "How far")]
    pub only: Vec<String>,
    /// Leave these steps out (repeatable)
    #[arg(long, value_name = "STEP", value_parser = step, help_heading = "How far")]
    pub skip: Vec<String>,
    /// How long the checks may take [default: 60s; a day with --full]. To reach a cluster has the same limit;
    /// its pods get 60s more to start
    #[arg(long, value_name = "TIME", value_parser = duration, help_heading = "How far")]
    pub timeout: Option<Duration>,
    /// Look again until the pull works, at most this long; ends at once where waiting cannot help
    #[arg(long, value_name = "TIME", value_parser = duration, help_heading = "How far")]
    pub wait: Option<Duration>,
    /// Read and verify every layer to its end
    #[arg(long, overrides_with = "full", help_heading = "What is asked")]
    pub full: bool,
    /// The platform that the image must have [default: linux and this machine's processor]
    #[arg(long, value_name = "OS/ARCH", help_heading = "What is asked")]
    pub platform: Option<Platform>,
    /// Which containerd pulls, as `kubectl get nodes -o wide` shows it. Versions read some registries
    /// differently; where that matters and it is not known, the result is could-not-tell. On a node
    /// it is read from its files
    #[arg(long, value_name = "VERSION", help_heading = "What is asked")]
    pub containerd: Option<ContainerdVersion>,
    /// Who signs in: node (as this node's kubelet does), managed-identity[=ID] (of this machine; by
    /// client id or resource id), workload (this pod's identity), az (who is signed in to the Azure
    /// CLI), docker (the docker config), anonymous, or auto: --username, else --auth-file, else on
    /// a node its kubelet, else workload, else the docker config where it has this registry, else
    /// in a pod managed-identity, else anonymous
    #[arg(long = "identity", value_name = "WHO", default_value = "auto", value_parser = who, help_heading = "Who signs in")]
    pub identity: Who,
    /// Sign in with this user name; the password comes on standard input
    #[arg(long, value_name = "NAME", requires = "password_stdin", help_heading = "Who signs in")]
    pub username: Option<String>,
    /// Read the password from standard input
    #[arg(long, requires = "username", help_heading = "Who signs in")]
    pub password_stdin: bool,
    /// Take the credentials from the file of a pull secret, as the kubelet does; with --identity
    /// docker, from a docker config.json
    #[arg(long, value_name = "FILE", help_heading = "Who signs in")]
    pub auth_file: Option<PathBuf>,
    /// Take the files of a node, and the authorities that it trusts, from below this folder, in
    /// which its root file system is mounted
    #[arg(long, value_name = "DIR", help_heading = "Who signs in")]
    pub node_root: Option<PathBuf>,
    /// Also run this node's credential provider, as its kubelet does, and compare its answer; only
    /// on a node that you trust, as its program is started
    #[arg(long, overrides_with = "run_provider", help_heading = "Who signs in")]
    pub run_provider: bool,
    /// Trust the certificate authorities in this PEM file too
    #[arg(long, value_name = "FILE", help_heading = "What is asked")]
    pub ca_file: Option<PathBuf>,
    /// The cloud of a bare registry name: public, china, us-government
    #[arg(long, value_name = "NAME", default_value = "public", value_parser = cloud, help_heading = "What is asked")]
    pub cloud: Cloud,
    /// Speak HTTP without TLS
    #[arg(long, help_heading = "What is asked")]
    pub plain_http: bool,
    /// What of the control plane is examined.
    #[command(flatten)]
    pub azure: AzureArgs,
    /// How to show it.
    #[command(flatten)]
    pub show: ShowArgs,
}

/// Limits how long a run, and each wait for something that may never arrive, may take.
pub(crate) const DEFAULT_TIMEOUT: Duration = Duration::from_secs(60);

impl CheckOptions {
    /// Limits how long opening and reading the named files may take, and reaching a cluster.
    pub fn file_timeout(&self) -> Duration {
        self.timeout.unwrap_or(DEFAULT_TIMEOUT)
    }

    /// Limits how long the whole run may take. With `--full` that depends on the image's size; each
    /// single wait has its own limit.
    pub fn timeout(&self) -> Duration {
        self.timeout.unwrap_or(if self.full { 24 * 60 * DEFAULT_TIMEOUT } else { DEFAULT_TIMEOUT })
    }

    /// Returns these options where they are given, and those of `base` where not.
    #[cfg(feature = "lab")]
    pub(crate) fn or(self, base: Self) -> Self {
        let either = |ours: Vec<String>, theirs| if ours.is_empty() { theirs } else { ours };
        Self {
            only: either(self.only, base.only),
            skip: either(self.skip, base.skip),
            timeout: self.timeout.or(base.timeout),
            wait: self.wait.or(base.wait),
            full: self.full || base.full,
            platform: self.platform.or(base.platform),
            containerd: self.containerd.or(base.containerd),
            identity: if self.identity == Who::default() { base.identity } else { self.identity },
            username: self.username.or(base.username),
            password_stdin: self.password_stdin || base.password_stdin,
            auth_file: self.auth_file.or(base.auth_file),
            node_root: self.node_root.or(base.node_root),
            run_provider: self.run_provider || base.run_provider,
            ca_file: self.ca_file.or(base.ca_file),
            cloud: if self.cloud == Cloud::default() { base.cloud } else { self.cloud },
            plain_http: self.plain_http || base.plain_http,
            azure: self.azure.or(base.azure),
            show: self.show,
        }
    }

    /// Returns the steps to run and the time limit for all of them.
    pub fn wanted(&self) -> Wanted {
        Wanted {
            only: self.only.iter().cloned().collect(),
            skip: self.skip.iter().cloned().collect(),
            timeout: self.timeout(),
            vantage: Vantage::Here,
            labels: BTreeMap::new(),
        }
    }
}

/// Hides what nodes cannot use: they look with their own files and credentials.
fn of_nodes(arg: clap::Arg) -> clap::Arg {
    const OF_HERE: [&str; 6] =
        ["username", "password_stdin", "auth_file", "node_root", "ca_file", "wait"];
    let is_of_here = OF_HERE.contains(&arg.get_id().as_str());
    if is_of_here { arg.hide(true) } else { arg }
}

fn who(text: &str) -> Result<Who, String> {
    if text == "kubelet" {
        return Err("did you mean node: this node's kubelet?".into());
    }
    Who::read(text).ok_or_else(|| {
        "it is auto, node, managed-identity, managed-identity=ID, workload, az, docker or anonymous".into()
    })
}

fn cloud(text: &str) -> Result<Cloud, String> {
    Cloud::named(text).ok_or_else(|| "a cloud is public, china or us-government".into())
}

fn step(text: &str) -> Result<String, String> {
    if checks::steps::names().any(|name| name == text) {
        return Ok(text.to_owned());
    }
    Err(format!("the steps are {}", checks::steps::names().collect::<Vec<_>>().join(" ")))
}

/// Parses a number of seconds, or a duration with units: 30, 30s, 1m30s.
fn duration(text: &str) -> Result<Duration, String> {
    let seconds = text.parse().ok().map(Duration::from_secs);
    let spelled = || text.parse::<jiff::SignedDuration>().ok()?.try_into().ok();
    let duration = seconds.or_else(spelled).filter(|time| !time.is_zero());
    let duration = duration.ok_or("a time is such as 30s or 2m")?;
    // A run of more than a day is a mistake, and some clocks overflow.
    let (least, most) = (Duration::from_secs(1), Duration::from_secs(24 * 60 * 60));
    if (least..=most).contains(&duration) {
        return Ok(duration);
    }
    Err("a run takes at least 1s and at most a day".into())
}

/// Parses the name of an object of Kubernetes. Another would change the path of a request.
fn object_name(text: &str) -> Result<String, String> {
    if is_object_name(text) {
        return Ok(text.to_owned());
    }
    Err("names in Kubernetes consist of lower-case letters, digits, - and .".into())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_command_line_is_sound() {
        use clap::CommandFactory;
        Args::command().debug_assert();
    }

    #[test]
    fn times_with_and_without_units() {
        assert_eq!(duration("30"), Ok(Duration::from_secs(30)));
        assert_eq!(duration("1m30s"), Ok(Duration::from_secs(90)));
        for bad in ["", "0", "-5s", "soon", "99999999999999999999", "48h"] {
            assert!(duration(bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn a_command_is_not_a_registry_unless_check_says_so() {
        let parse = |words: &[&str]| Args::try_parse_from(words).unwrap();
        assert_eq!(parse(&["check-acr", "contoso"]).check.asked, ["contoso"]);
        let check = parse(&["check-acr", "check", "list"]).command;
        assert!(matches!(check, Some(Command::Check(check)) if check.asked == ["list"]));
        let list = parse(&["check-acr", "list"]).command;
        assert!(matches!(list, Some(Command::List { modes: false, .. })));
    }
}
