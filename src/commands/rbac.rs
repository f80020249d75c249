//! `check-acr rbac`: the permissions that a run from the nodes needs, and no others.

use std::collections::BTreeMap;

use checks::kit::kube::{NodeRequest, Right, rights};
use serde_json::{Value, json};

use crate::{Exit, args::RbacArgs, show};

pub(super) fn run(args: &RbacArgs) -> Exit {
    let documents = manifests(args);
    let texts = documents.iter().map(|document| {
        // Plain data always serializes.
        format!("---\n{}\n", serde_json::to_string_pretty(document).unwrap_or_default())
    });
    show::print(&texts.collect::<String>());
    Exit::Can
}

/// Returns the roles, and their bindings where somebody was named.
fn manifests(args: &RbacArgs) -> Vec<Value> {
    let image = args.image.then(|| "named".to_owned());
    let mut needed = rights(&NodeRequest { image, ..NodeRequest::default() });
    // Nodes that are named are read one by one.
    needed.push(Right { verb: "get", ..needed[0] });
    // `check-acr cleanup` looks for Jobs that a run left.
    if let Some(jobs) = needed.iter().find(|right| right.resource == "jobs").copied() {
        needed.push(Right { verb: "list", ..jobs });
    }
    let rules = |in_namespace: bool| {
        let mut rules: BTreeMap<(&str, String), Vec<&str>> = BTreeMap::new();
        for right in needed.iter().filter(|right| right.in_namespace == in_namespace) {
            rules.entry((right.group, right.named())).or_default().push(right.verb);
        }
        let rules = rules.into_iter().map(|((group, resource), verbs)| {
            json!({ "apiGroups": [group], "resources": [resource], "verbs": verbs })
        });
        rules.collect::<Vec<_>>()
    };
    let namespace = &args.namespace;
    let role = "check-acr";
    // Others may use the same names in other namespaces.
    let cluster_role = "check-acr-nodes";
    let mut documents = vec![
        json!({
            "apiVersion": "rbac.authorization.k8s.io/v1",
            "kind": "ClusterRole",
            "metadata": { "name": cluster_role },
            "rules": rules(false),
        }),
        json!({
            "apiVersion": "rbac.authorization.k8s.io/v1",
            "kind": "Role",
            "metadata": { "name": role, "namespace": namespace },
            "rules": rules(true),
        }),
    ];
    let group = "rbac.authorization.k8s.io";
    let users =
        args.users.iter().map(|name| json!({ "apiGroup": group, "kind": "User", "name": name }));
    let groups =
        args.groups.iter().map(|name| json!({ "apiGroup": group, "kind": "Group", "name": name }));
    let accounts = args
        .accounts
        .iter()
        .map(|name| json!({ "kind": "ServiceAccount", "name": name, "namespace": namespace }));
    let subjects: Vec<Value> = users.chain(groups).chain(accounts).collect();
    if !subjects.is_empty() {
        documents.push(json!({
            "apiVersion": "rbac.authorization.k8s.io/v1",
            "kind": "ClusterRoleBinding",
            "metadata": { "name": format!("{cluster_role}-{namespace}") },
            "roleRef": { "apiGroup": group, "kind": "ClusterRole", "name": cluster_role },
            "subjects": subjects,
        }));
        documents.push(json!({
            "apiVersion": "rbac.authorization.k8s.io/v1",
            "kind": "RoleBinding",
            "metadata": { "name": role, "namespace": namespace },
            "roleRef": { "apiGroup": group, "kind": "Role", "name": role },
            "subjects": subjects,
        }));
    }
    documents
}

#[cfg(test)]
mod tests {
    use super::*;

    fn args(users: &[&str]) -> RbacArgs {
        RbacArgs {
            namespace: "shop".into(),
            users: users.iter().map(|user| (*user).to_owned()).collect(),
            groups: vec![],
            accounts: vec![],
            image: false,
        }
    }

    #[test]
    fn no_more_than_is_needed() {
        let documents = manifests(&args(&[]));
        assert_eq!(documents.len(), 2, "nobody is named, nobody gets anything");
        let text = serde_json::to_string(&documents).unwrap();
        assert!(!text.contains('*') && !text.contains("secrets"), "{text}");
        assert_eq!(
            documents[0]["rules"],
            json!([
                { "apiGroups": [""], "resources": ["nodes"], "verbs": ["list", "get"] },
            ])
        );
        let jobs = &documents[1]["rules"].as_array().unwrap();
        let jobs = jobs.iter().find(|rule| rule["resources"][0] == "jobs").unwrap();
        assert_eq!(jobs["verbs"], json!(["create", "delete", "list"]));
        let bound = manifests(&args(&["dev@contoso.com"]));
        assert_eq!(bound.len(), 4);
        assert_eq!(bound[3]["subjects"][0]["name"], "dev@contoso.com");
        assert_eq!(bound[3]["metadata"]["namespace"], "shop");
    }
}
