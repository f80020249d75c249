//! What check-acr asks of the Kubernetes API, verb by verb, and what is lost without each.

use serde::Serialize;
use strum::{IntoEnumIterator, VariantNames};

use super::{
    options::{NodeChoice, NodeRequest},
    waiting::WorkloadKind,
};

/// One permission.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Right {
    /// The API group; empty for the core.
    pub group: &'static str,
    /// The resource.
    pub resource: &'static str,
    /// The part of it, such as `log`; empty for the resource itself.
    pub part: &'static str,
    /// The verb.
    pub verb: &'static str,
    /// Whether it is needed in the namespace of the Jobs, and not in the whole cluster.
    pub in_namespace: bool,
    /// What is lost without it.
    pub loses: Loses,
}

/// What is lost without a permission.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, VariantNames)]
#[serde(rename_all = "kebab-case")]
#[strum(serialize_all = "kebab-case")]
pub enum Loses {
    /// Nothing can be looked at from the nodes.
    Everything,
    /// The reasons why a pod does not start.
    PendingReasons,
    /// The results that do not fit a termination message.
    LongResults,
    /// The refusals by Pod Security, until the Job says them.
    EarlyRefusals,
    /// The removal of the Jobs at the end: they go when their time to live is over.
    Removal,
}

impl Right {
    /// Returns the resource as RBAC names it: `pods/log`.
    pub fn named(&self) -> String {
        if self.part.is_empty() {
            self.resource.to_owned()
        } else {
            format!("{}/{}", self.resource, self.part)
        }
    }

    /// Returns verb and resource: `create jobs.batch`.
    pub fn shown(&self) -> String {
        let group = if self.group.is_empty() { String::new() } else { format!(".{}", self.group) };
        format!("{} {}{group}", self.verb, self.named())
    }
}

const fn right(verb: &'static str, resource: &'static str, loses: Loses) -> Right {
    Right { group: "", resource, part: "", verb, in_namespace: true, loses }
}

const fn of_nodes(verb: &'static str) -> Right {
    Right { in_namespace: false, ..right(verb, "nodes", Loses::Everything) }
}

const fn of_jobs(verb: &'static str, loses: Loses) -> Right {
    Right { group: "batch", ..right(verb, "jobs", loses) }
}

/// Returns the permissions that a run needs.
pub fn rights(request: &NodeRequest) -> Vec<Right> {
    let nodes = match request.choice {
        NodeChoice::Named(_) | NodeChoice::OfPods(_) => of_nodes("get"),
        NodeChoice::EachPool | NodeChoice::All => of_nodes("list"),
    };
    let mut rights = vec![
        nodes,
        of_jobs("create", Loses::Everything),
        right("list", "pods", Loses::Everything),
        right("watch", "pods", Loses::Everything),
    ];
    if request.image.is_none() {
        rights.push(right("create", "configmaps", Loses::Everything));
    }
    rights.extend([
        right("create", "pods", Loses::EarlyRefusals),
        right("list", "events", Loses::PendingReasons),
        Right { part: "log", ..right("get", "pods", Loses::LongResults) },
        of_jobs("delete", Loses::Removal),
    ]);
    rights
}

/// Returns the permissions that finding the pods that wait for an image needs, besides those of looking
/// from nodes.
pub fn pod_rights(everywhere: bool) -> Vec<Right> {
    let in_namespace = !everywhere;
    let own =
        [right("list", "pods", Loses::Everything), right("list", "events", Loses::PendingReasons)];
    let of_workloads = WorkloadKind::iter().filter(|kind| *kind != WorkloadKind::Pod).map(|kind| {
        let get = right("get", kind.resource(), Loses::PendingReasons);
        Right { group: kind.group(), ..get }
    });
    own.into_iter().chain(of_workloads).map(|right| Right { in_namespace, ..right }).collect()
}

/// Returns the permissions that the dry runs of manifests need: to create what they describe, though
/// nothing is created.
pub fn manifest_rights(everywhere: bool) -> Vec<Right> {
    let create = |kind: WorkloadKind| Right {
        group: kind.group(),
        in_namespace: !everywhere,
        ..right("create", kind.resource(), Loses::EarlyRefusals)
    };
    WorkloadKind::iter().map(create).collect()
}

/// Returns the permissions that reading the pull secrets of pods needs. Without them it is not told
/// what the pods present.
pub fn secret_rights(everywhere: bool) -> [Right; 3] {
    let rights = [
        right("get", "secrets", Loses::PendingReasons),
        right("list", "secrets", Loses::PendingReasons),
        right("get", "serviceaccounts", Loses::PendingReasons),
    ];
    rights.map(|right| Right { in_namespace: !everywhere, ..right })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_not_needed_is_not_asked_for() {
        let shown = |request: &NodeRequest| -> Vec<String> {
            rights(request).iter().map(Right::shown).collect()
        };
        let carried = shown(&NodeRequest::default());
        assert!(carried.contains(&"create configmaps".to_owned()));
        assert!(carried.contains(&"list nodes".to_owned()));
        let named = NodeRequest {
            choice: NodeChoice::Named(vec!["a".into()]),
            image: Some("contoso.azurecr.io/check-acr:1".into()),
            ..NodeRequest::default()
        };
        let named = shown(&named);
        assert!(!named.contains(&"create configmaps".to_owned()));
        assert_eq!(named[0], "get nodes");
        assert!(named.contains(&"create jobs.batch".to_owned()));
        assert!(named.contains(&"get pods/log".to_owned()));
    }
}
