//! The cluster in commands: where a run names its kubeconfig or its context, so does every call of
//! kubectl that the report shows. Without them it would ask, or change, whichever cluster is selected.
//! Where kubectl started this program, the commands call it so.

use checks::kit::messages::{FilledFix, word};
use serde_json::{Map, Value};

use super::OWN_NAME;

/// What speaks to the cluster, at the beginning of a command. Each takes these flags.
const CALLS: [&str; 5] = [
    "kubectl",
    "check-acr node",
    "check-acr why",
    "check-acr cleanup",
    "kubelogin convert-kubeconfig",
];

/// The flags of a run that say which cluster it asked; `None` where no command can hold them.
pub(super) struct ClusterFlags(Option<Vec<(String, String)>>);

impl ClusterFlags {
    /// Returns the flags of a target; nothing where it names no cluster.
    pub(super) fn of(target: &Map<String, Value>) -> Self {
        // A look from here at the images of a cluster does not repeat how the cluster was reached.
        let flags = target.get("cluster_flags").or_else(|| target.get("flags"));
        let flags = flags.and_then(Value::as_array).map(Vec::as_slice);
        let words: Vec<&str> = flags.unwrap_or_default().iter().filter_map(Value::as_str).collect();
        // The kubeconfig of `aks` is in no file: what kubectl would ask is another cluster, perhaps.
        if words.first() == Some(&"aks") {
            return Self(None);
        }
        let named = words.windows(2).filter(|pair| matches!(pair[0], "--context" | "--kubeconfig"));
        Self(named.map(|pair| Some((pair[0].to_owned(), word(pair[1])?))).collect())
    }

    /// Adds them to the commands of a fix. A command that cannot name its cluster is left out.
    pub(super) fn add_to(&self, fix: &mut FilledFix) {
        for command in [&mut fix.run, &mut fix.verify, &mut fix.undo] {
            *command = command.take().and_then(|command| self.added(&without_wait(&command)));
        }
    }

    fn added(&self, command: &str) -> Option<String> {
        let (mut text, mut rest) = (String::new(), command);
        while let Some((at, call)) = next_call(rest, text.is_empty(), &CALLS) {
            let end = at + call.len();
            text.push_str(&rest[..end]);
            let flags = self.0.as_ref()?;
            rest = &rest[end..];
            let own = rest.split(['|', '&', ';', '\n']).next().unwrap_or_default();
            for (flag, value) in flags {
                // What repeats the run has them already, or names another file.
                if !own.split(' ').any(|word| word == flag) {
                    text.push_str(&format!(" {flag} {value}"));
                }
            }
        }
        Some(text + rest)
    }
}

/// Returns a command that looks from nodes without the option to look again, which is only for runs
/// from here.
fn without_wait(command: &str) -> String {
    let rest = command.strip_prefix("check-acr --wait ").and_then(|rest| rest.split_once(' '));
    match rest {
        Some((_, rest)) if ["node ", "aks ", "why "].iter().any(|name| rest.starts_with(name)) => {
            format!("check-acr {rest}")
        }
        _ => command.to_owned(),
    }
}

/// Writes the calls of this program in a fix as its user types them.
pub(super) fn call_by(called: &str, fix: &mut FilledFix) {
    if called != OWN_NAME {
        for command in [&mut fix.run, &mut fix.verify, &mut fix.undo].into_iter().flatten() {
            *command = called_by(called, command);
        }
    }
}

fn called_by(called: &str, command: &str) -> String {
    let (mut text, mut rest) = (String::new(), command);
    while let Some((at, call)) = next_call(rest, text.is_empty(), &[OWN_NAME]) {
        text.push_str(&rest[..at]);
        text.push_str(called);
        rest = &rest[at + call.len()..];
    }
    text + rest
}

/// Returns where the next call of one of these begins, and which it is.
fn next_call<'t>(text: &'t str, is_begin: bool, of: &[&'t str]) -> Option<(usize, &'t str)> {
    let begins = |at: usize| match text[..at].trim_end_matches(' ').chars().last() {
        None => is_begin,
        Some(before) => "(|&;{\n".contains(before),
    };
    let ends = |end: usize| text[end..].starts_with(' ') || end == text.len();
    let calls = of.iter().flat_map(|call| text.match_indices(call));
    let calls = calls.filter(|(at, call)| begins(*at) && ends(at + call.len()));
    calls.min_by_key(|(at, _)| *at)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn flags(words: &[&str]) -> ClusterFlags {
        let target = json!({ "flags": words });
        ClusterFlags::of(target.as_object().unwrap())
    }

    #[test]
    fn every_call_names_the_cluster_of_the_run() {
        let flags = flags(&["node", "--context", "prod", "--kubeconfig", "/a b", "--all-nodes"]);
        for (command, wanted) in [
            ("kubectl get nodes", "kubectl --context prod --kubeconfig '/a b' get nodes"),
            (
                "n=$(kubectl get ns | head) &&\nkubectl delete job x",
                "n=$(kubectl --context prod --kubeconfig '/a b' get ns | head) &&\nkubectl --context prod --kubeconfig '/a b' delete job x",
            ),
            (
                "check-acr rbac | kubectl apply -f -",
                "check-acr rbac | kubectl --context prod --kubeconfig '/a b' apply -f -",
            ),
            (
                "check-acr node --node a b",
                "check-acr node --context prod --kubeconfig '/a b' --node a b",
            ),
            (
                "check-acr node --context prod --kubeconfig '/a b' c",
                "check-acr node --context prod --kubeconfig '/a b' c",
            ),
            (
                "kubectl config view --kubeconfig /c",
                "kubectl --context prod config view --kubeconfig /c",
            ),
            ("check-acr why -n a", "check-acr why --context prod --kubeconfig '/a b' -n a"),
            ("check-acr cleanup", "check-acr cleanup --context prod --kubeconfig '/a b'"),
            ("kubectl config view", "kubectl --context prod --kubeconfig '/a b' config view"),
            (
                "kubelogin convert-kubeconfig -l azurecli",
                "kubelogin convert-kubeconfig --context prod --kubeconfig '/a b' -l azurecli",
            ),
            ("az aks show -n kubectl -g x", "az aks show -n kubectl -g x"),
            ("echo kubectl-debug", "echo kubectl-debug"),
        ] {
            assert_eq!(flags.added(command).unwrap(), wanted);
        }
    }

    #[test]
    fn a_run_without_a_named_cluster_changes_no_command() {
        let flags = flags(&["--platform", "linux/amd64"]);
        assert_eq!(flags.added("kubectl get nodes").unwrap(), "kubectl get nodes");
        assert_eq!(without_wait("check-acr --wait 15m aks -g a -n b"), "check-acr aks -g a -n b");
        assert_eq!(without_wait("check-acr --wait 15m why -n shop"), "check-acr why -n shop");
        assert_eq!(without_wait("check-acr --wait 15m app:v1"), "check-acr --wait 15m app:v1");
    }

    #[test]
    fn a_plugin_is_called_by_its_name() {
        for (command, wanted) in [
            ("check-acr why -n a", "kubectl check-acr why -n a"),
            ("check-acr rbac | kubectl apply -f -", "kubectl check-acr rbac | kubectl apply -f -"),
            (
                "kubectl get secret a -o yaml | check-acr --auth-file /dev/stdin app:v1",
                "kubectl get secret a -o yaml | kubectl check-acr --auth-file /dev/stdin app:v1",
            ),
            ("az acr token delete -n check-acr-1", "az acr token delete -n check-acr-1"),
            ("kubectl delete pod check-acr x", "kubectl delete pod check-acr x"),
        ] {
            assert_eq!(called_by("kubectl check-acr", command), wanted);
        }
    }

    #[test]
    fn a_name_of_a_context_is_no_command() {
        let named = flags(&["--context", "$(reboot)'; x"]);
        assert_eq!(
            named.added("kubectl get").unwrap(),
            r"kubectl --context '$(reboot)'\''; x' get"
        );
        for hostile in ["--all", "a\u{1b}[31m", "a\nb", "a…", "a\\u{1b}"] {
            let named = flags(&["--context", hostile]);
            assert_eq!(named.added("kubectl delete job x"), None, "{hostile:?}");
            assert_eq!(named.added("az acr show").unwrap(), "az acr show");
        }
    }
}
