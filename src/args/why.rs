//! The options of `check-acr why`: which pods, and from where to look.

use std::path::PathBuf;

use checks::kit::{
    kube::{PodScope, WorkloadKind},
    rules::is_object_name,
};
use clap::Args as ArgGroup;

use super::{CheckOptions, KubeArgs, NodeArgs, ProgramArgs, object_name};

/// How many seconds a host may take to begin its response. It is longer than what any other step of a
/// pull waits for a host that takes no connection.
const RESPONSE_SECONDS: u64 = 8;

/// Which pods, and how to look.
#[derive(ArgGroup, Clone, Debug)]
pub(crate) struct WhyArgs {
    /// pod/NAME, deploy/NAME, or a statefulset, daemonset, job, cronjob or replicaset; several are
    /// looked at together [default: every pod of the namespace]
    #[arg(value_name = "TYPE/NAME", conflicts_with_all = ["all_namespaces", "selector", "message"])]
    pub named: Vec<String>,
    /// Look at the pods of every namespace
    #[arg(short = 'A', long, conflicts_with_all = ["namespace", "message"], help_heading = "Which pods")]
    pub all_namespaces: bool,
    /// Look at the pods with these labels
    #[arg(
        short = 'l',
        long,
        value_name = "SELECTOR",
        conflicts_with = "message",
        help_heading = "Which pods"
    )]
    pub selector: Option<String>,
    /// Look at the images of the pods that run, and not at those that pods wait for: which of them
    /// could not be pulled today, where another node needs them. Each is tried from one node that has it
    #[arg(long, conflicts_with_all = ["message", "files"], help_heading = "Which pods")]
    pub all_images: bool,
    /// Check the images behind every key `image` of these manifests, from one node of each pool that their
    /// pods can run on: a file, a folder, or - for standard input, such as of kustomize or helm template
    /// (repeatable)
    #[arg(short = 'f', long = "filename", value_name = "FILE", conflicts_with_all = ["named", "all_namespaces", "selector", "message"], help_heading = "Which pods")]
    pub files: Vec<PathBuf>,
    /// Only read this message of the kubelet, as an event of the pod has it; - reads it from standard
    /// input. No cluster and no registry is asked
    #[arg(long, value_name = "TEXT", help_heading = "Which pods")]
    pub message: Option<String>,
    /// Check the images from this machine, and start nothing in the cluster
    #[arg(long, help_heading = "How to look")]
    pub here: bool,
    /// Look from at most so many nodes
    #[arg(long, value_name = "NUMBER", default_value_t = 10, value_parser = clap::value_parser!(u16).range(1..=1000), help_heading = "How to look")]
    pub max_nodes: u16,
    /// The namespace of the Jobs [default: that of the context, or --namespace]
    #[arg(long, value_name = "NAME", value_parser = object_name, help_heading = "How to look")]
    pub jobs_namespace: Option<String>,
    /// What runs on the nodes.
    #[command(flatten)]
    pub program: ProgramArgs,
    /// Which cluster.
    #[command(flatten)]
    pub kube: KubeArgs,
    /// How.
    #[command(flatten)]
    pub options: CheckOptions,
}

impl WhyArgs {
    /// Returns which pods are looked at.
    pub(crate) fn scope(&self) -> Result<PodScope, String> {
        let (everywhere, running) = (self.all_namespaces, self.all_images);
        let (selector, named) = (self.selector.clone(), named(&self.named)?);
        Ok(PodScope { everywhere, running, selector, named })
    }

    /// Returns how many seconds a host may take to begin its response: where many pods wait, one that
    /// never answers must not keep what is known of the others. Nothing is proven of it, however long
    /// it is waited for; with `--timeout` it gets as long as containerd gives it.
    pub(crate) fn response_wait(&self) -> Option<u64> {
        self.options.timeout.is_none().then_some(RESPONSE_SECONDS)
    }

    /// Returns the arguments of a run from these nodes.
    pub(crate) fn of_nodes(&self, node: Vec<String>) -> NodeArgs {
        NodeArgs {
            asked: vec![],
            node,
            all_nodes: false,
            selector: None,
            pod_network: false,
            program: self.program.clone(),
            dry_run: false,
            keep: false,
            kube: self.kube.clone(),
            jobs_namespace: self.jobs_namespace.clone(),
            options: self.options.clone(),
        }
    }

    /// Returns the arguments that repeat this run, the command included.
    pub(crate) fn flags(&self) -> Vec<String> {
        let mut flags = vec!["why".to_owned()];
        flags.extend(self.kube.flags());
        if self.all_namespaces {
            flags.push("-A".to_owned());
        }
        if self.all_images {
            flags.push("--all-images".to_owned());
        }
        for (flag, value) in [("-l", &self.selector), ("--jobs-namespace", &self.jobs_namespace)] {
            flags.extend(value.iter().flat_map(|value| [flag.to_owned(), value.clone()]));
        }
        if self.here {
            flags.push("--here".to_owned());
        }
        for file in &self.files {
            flags.extend(["-f".to_owned(), file.display().to_string()]);
        }
        flags.extend(self.named.iter().cloned());
        flags
    }
}

/// Reads the names of pods and workloads: `TYPE/NAME`, or a type and names behind it.
fn named(words: &[String]) -> Result<Vec<(WorkloadKind, String)>, String> {
    const LIKE: &str = "give pod/NAME, deploy/NAME or another workload";
    let kind = |text: &str| {
        let unknown = || {
            let text = checks::kit::sanitize_text(text);
            format!("“{text}” is no kind of pods or workloads; {LIKE}")
        };
        WorkloadKind::read(text).ok_or_else(unknown)
    };
    if let Some(text) = words.iter().find(|word| word.contains([' ', '"'])) {
        let text = checks::kit::sanitize_text(text);
        return Err(format!(
            "a message of the kubelet stands behind --message: --message '{text}'"
        ));
    }
    if let [image] = words
        && image.split_once('/').is_some_and(|(host, _)| host.contains(['.', ':']))
    {
        let image = checks::kit::sanitize_text(image);
        return Err(format!("{image} is an image; did you mean `check-acr node {image}`?"));
    }
    let pairs: Vec<(&str, &str)> = match words {
        [] => return Ok(vec![]),
        words if words.iter().all(|word| word.contains('/')) => {
            words.iter().filter_map(|word| word.split_once('/')).collect()
        }
        [of, names @ ..] if !of.contains('/') && !names.is_empty() => {
            names.iter().map(|name| (of.as_str(), name.as_str())).collect()
        }
        [of] if WorkloadKind::read(of).is_some() => {
            return Err(format!("{of} needs a name behind it: {of}/NAME"));
        }
        [name] => {
            let name = checks::kit::sanitize_text(name);
            return Err(format!("did you mean pod/{name}? {LIKE}"));
        }
        _ => return Err(LIKE.to_owned()),
    };
    if pairs.len() > checks::kit::kube::MAX_NAMED {
        return Err(format!("at most {} can be named", checks::kit::kube::MAX_NAMED));
    }
    pairs
        .into_iter()
        .map(|(of, name)| {
            if is_object_name(name) {
                Ok((kind(of)?, name.to_owned()))
            } else {
                Err(format!("“{}” is no name; {LIKE}", checks::kit::sanitize_text(name)))
            }
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn commands_for_nodes_name_the_namespace_of_the_jobs() {
        use clap::Parser;
        let flags = |words: &[&str]| {
            let words = ["check-acr", "why"].iter().chain(words);
            match crate::args::Args::try_parse_from(words).unwrap().command {
                Some(crate::args::Command::Why(args)) => args.of_nodes(vec!["n1".into()]).flags(),
                _ => vec![],
            }
        };
        let of_jobs = flags(&["-n", "shop", "--jobs-namespace", "tools"]);
        assert_eq!(of_jobs, ["node", "--namespace", "tools", "--node", "n1"]);
        assert_eq!(flags(&["-n", "shop"]), ["node", "--namespace", "shop", "--node", "n1"]);
        assert_eq!(flags(&["-A"]), ["node", "--node", "n1"]);
    }

    #[test]
    fn what_is_named_is_read_as_kubectl_reads_it() {
        let read = |words: &[&str]| {
            let words: Vec<String> = words.iter().map(|word| (*word).to_owned()).collect();
            named(&words)
        };
        let (pod, deploy) = (WorkloadKind::Pod, WorkloadKind::Deployment);
        assert_eq!(read(&["pod/a"]).unwrap(), [(pod, "a".to_owned())]);
        assert_eq!(
            read(&["po", "a", "b"]).unwrap(),
            [(pod, "a".to_owned()), (pod, "b".to_owned())]
        );
        let two = [(deploy, "a".to_owned()), (pod, "b".to_owned())];
        assert_eq!(read(&["deploy/a", "pods/b"]).unwrap(), two);
        for bad in
            [&["web"][..], &["svc/a"], &["pod/"], &["pod/a?x=y"], &["pod/a/b"], &["a", "b/c"]]
        {
            assert!(read(bad).is_err(), "{bad:?}");
        }
    }
}
