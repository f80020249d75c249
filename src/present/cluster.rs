//! The cluster in commands: where a run names its kubeconfig or its context, so does every call of
//! kubectl that the report shows. Without them it would ask, or change, whichever cluster is selected.

use checks::kit::messages::FilledFix;
use serde_json::{Map, Value};

/// What speaks to the cluster, at the beginning of a command.
const CALLS: [&str; 2] = ["kubectl", "check-acr cleanup"];

/// The flags of a run that say which cluster it asked.
pub(super) struct ClusterFlags(Vec<String>);

impl ClusterFlags {
    /// Returns the flags of a target; none where it names no cluster.
    pub(super) fn of(target: &Map<String, Value>) -> Self {
        let flags = target.get("flags").and_then(Value::as_array).map(Vec::as_slice);
        let words: Vec<&str> = flags.unwrap_or_default().iter().filter_map(Value::as_str).collect();
        // What a terminal would not show, or kubectl would take for a flag, is not put into a command.
        let is_safe = |word: &str| {
            !word.starts_with('-') && !word.contains(char::is_control) && !word.contains("\\u{")
        };
        let named = words.windows(2).filter(|pair| matches!(pair[0], "--context" | "--kubeconfig"));
        let named = named.filter(|pair| is_safe(pair[1]));
        Self(named.map(|pair| format!("{} {}", pair[0], quoted(pair[1]))).collect())
    }

    /// Adds them to the commands of a fix.
    pub(super) fn add_to(&self, fix: &mut FilledFix) {
        if self.0.is_empty() {
            return;
        }
        for command in [&mut fix.run, &mut fix.verify, &mut fix.undo].into_iter().flatten() {
            *command = self.added(command);
        }
    }

    fn added(&self, command: &str) -> String {
        let (mut text, mut rest) = (String::new(), command);
        while let Some((at, call)) = next_call(rest, text.is_empty()) {
            let end = at + call.len();
            text.push_str(&rest[..end]);
            rest = &rest[end..];
            // What reads the kubeconfig itself names its own.
            if !rest.starts_with(" config ") {
                self.0.iter().for_each(|flag| text.extend([" ", flag.as_str()]));
            }
        }
        text + rest
    }
}

/// Returns where the next call begins, and which it is.
fn next_call(text: &str, is_begin: bool) -> Option<(usize, &str)> {
    let begins = |at: usize| match text[..at].trim_end_matches(' ').chars().last() {
        None => is_begin,
        Some(before) => "(|&;{\n".contains(before),
    };
    let ends = |end: usize| text[end..].starts_with(' ') || end == text.len();
    let calls = CALLS.iter().flat_map(|call| text.match_indices(call));
    let calls = calls.filter(|(at, call)| begins(*at) && ends(at + call.len()));
    calls.min_by_key(|(at, _)| *at)
}

/// Returns a word as a shell takes it.
fn quoted(word: &str) -> String {
    let is_plain = |c: char| c.is_ascii_alphanumeric() || "._-/:@".contains(c);
    if !word.is_empty() && word.chars().all(is_plain) {
        return word.to_owned();
    }
    format!("'{}'", word.replace('\'', r"'\''"))
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
            ("check-acr cleanup", "check-acr cleanup --context prod --kubeconfig '/a b'"),
            ("kubectl config view", "kubectl config view"),
            ("az aks show -n kubectl -g x", "az aks show -n kubectl -g x"),
            ("echo kubectl-debug", "echo kubectl-debug"),
        ] {
            assert_eq!(flags.added(command), wanted);
        }
    }

    #[test]
    fn a_run_without_a_named_cluster_changes_no_command() {
        assert_eq!(
            flags(&["--platform", "linux/amd64"]).added("kubectl get nodes"),
            "kubectl get nodes"
        );
    }

    #[test]
    fn a_name_of_a_context_is_no_command() {
        let flags = flags(&["--context", "$(reboot)'; x"]);
        assert_eq!(flags.added("kubectl get"), r"kubectl --context '$(reboot)'\''; x' get");
    }
}
