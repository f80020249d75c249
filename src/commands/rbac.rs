//! `check-acr rbac`: the permissions that a run needs, and no others.

use std::collections::BTreeMap;

use checks::kit::kube::{NodeRequest, Right, manifest_rights, pod_rights, rights, secret_rights};
use serde_json::{Value, json};

use crate::{
    Exit,
    args::{RbacArgs, RbacOf},
    show,
};

pub(super) fn run(args: &RbacArgs) -> Result<Exit, String> {
    args.refuse_what_means_nothing()?;
    let documents = manifests(args);
    let texts = documents.iter().map(|document| {
        // Plain data always serializes.
        format!("---\n{}\n", serde_json::to_string_pretty(document).unwrap_or_default())
    });
    show::print(&texts.collect::<String>());
    Ok(Exit::Can)
}

/// The API group of the roles, and its version.
const GROUP: &str = "rbac.authorization.k8s.io";
const VERSION: &str = "rbac.authorization.k8s.io/v1";

/// Returns what a run may ask for.
fn needed(args: &RbacArgs) -> Vec<Right> {
    let image = args.image.then(|| "named".to_owned());
    let mut needed = vec![];
    if args.of == RbacOf::Why {
        needed.extend(pod_rights(args.all_namespaces));
        needed.extend(secret_rights(args.all_namespaces).into_iter().filter(|_| args.secrets));
        needed.extend(manifest_rights(args.all_namespaces).into_iter().filter(|_| args.manifests));
    }
    if args.of == RbacOf::Node || !args.here {
        let of_nodes = rights(&NodeRequest { image, ..NodeRequest::default() });
        // Nodes that are named are read one by one, and those of pods always are.
        let get = Right { verb: "get", ..of_nodes[0] };
        let lists = of_nodes
            .into_iter()
            .filter(|it| args.of == RbacOf::Node || (it.verb, it.resource) != ("list", "nodes"));
        needed.extend(lists.chain([get]));
        // `check-acr cleanup` looks for Jobs that a run left.
        if let Some(jobs) = needed.iter().find(|right| right.resource == "jobs").copied() {
            needed.push(Right { verb: "list", ..jobs });
        }
    }
    needed
}

/// Returns the roles, and their bindings where somebody was named.
fn manifests(args: &RbacArgs) -> Vec<Value> {
    let needed = needed(args);
    let rules = |in_namespace: bool| {
        let mut rules: BTreeMap<(&str, String), Vec<&str>> = BTreeMap::new();
        for right in needed.iter().filter(|right| right.in_namespace == in_namespace) {
            let verbs = rules.entry((right.group, right.named())).or_default();
            if !verbs.contains(&right.verb) {
                verbs.push(right.verb);
            }
        }
        let rules = rules.into_iter().map(|((group, resource), verbs)| {
            json!({ "apiGroups": [group], "resources": [resource], "verbs": verbs })
        });
        rules.collect::<Vec<_>>()
    };
    let namespace = &args.namespace;
    // One is not to replace the other.
    let (role, cluster_role) = match (args.of, args.all_namespaces) {
        // Others may use the same names in other namespaces.
        (RbacOf::Node, _) => ("check-acr", "check-acr-nodes"),
        (RbacOf::Why, false) => ("check-acr-why", "check-acr-why-nodes"),
        (RbacOf::Why, true) => ("check-acr-why", "check-acr-why-everywhere"),
    };
    let roles = [
        ("ClusterRole", cluster_role, json!({ "name": cluster_role }), rules(false)),
        ("Role", role, json!({ "name": role, "namespace": namespace }), rules(true)),
    ];
    let roles = || roles.iter().filter(|(_, _, _, rules)| !rules.is_empty());
    let mut documents: Vec<Value> = roles()
        .map(|(kind, _, metadata, rules)| {
            json!({ "apiVersion": VERSION, "kind": kind, "metadata": metadata, "rules": rules })
        })
        .collect();
    let subjects = subjects(args);
    if subjects.is_empty() {
        return documents;
    }
    documents.extend(roles().map(|(kind, name, metadata, _)| {
        let mut metadata = metadata.clone();
        if *kind == "ClusterRole" {
            metadata["name"] = format!("{name}-{namespace}").into();
        }
        json!({
            "apiVersion": VERSION,
            "kind": format!("{kind}Binding"),
            "metadata": metadata,
            "roleRef": { "apiGroup": GROUP, "kind": kind, "name": name },
            "subjects": subjects,
        })
    }));
    documents
}

/// Returns who gets the permissions.
fn subjects(args: &RbacArgs) -> Vec<Value> {
    let named = |kind: &'static str| move |name: &String| json!({ "apiGroup": GROUP, "kind": kind, "name": name });
    let account = |name: &String| json!({ "kind": "ServiceAccount", "name": name, "namespace": args.namespace });
    let users = args.users.iter().map(named("User"));
    let groups = args.groups.iter().map(named("Group"));
    users.chain(groups).chain(args.accounts.iter().map(account)).collect()
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
            of: RbacOf::Node,
            all_namespaces: false,
            here: false,
            secrets: false,
            manifests: false,
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
        let why = RbacArgs { of: RbacOf::Why, here: true, ..args(&[]) };
        let here = serde_json::to_string(&manifests(&why)).unwrap();
        assert!(!here.contains("create") && here.contains("cronjobs"), "{here}");
        let with_dry_runs = RbacArgs { manifests: true, ..why.clone() };
        let dry_runs = serde_json::to_string(&manifests(&with_dry_runs)).unwrap();
        assert!(dry_runs.contains(r#""resources":["deployments"],"verbs":["get","create"]"#));
        let secrets = RbacArgs { here: true, secrets: true, ..why.clone() };
        let of_secrets =
            json!({ "apiGroups": [""], "resources": ["secrets"], "verbs": ["get", "list"] });
        let documents = manifests(&secrets);
        assert!(documents[0]["rules"].as_array().unwrap().contains(&of_secrets), "{documents:?}");
        let why = RbacArgs { here: false, all_namespaces: true, ..why };
        let all = manifests(&why);
        let of_pods = json!({ "apiGroups": [""], "resources": ["pods"], "verbs": ["list"] });
        assert!(all[0]["rules"].as_array().unwrap().contains(&of_pods), "{all:?}");
        assert!(all[1]["rules"].to_string().contains("watch"), "its Jobs stay in a namespace");
        assert!(!serde_json::to_string(&all).unwrap().contains("secrets"));
        let of_nodes = manifests(&args(&[]));
        let jobs = of_nodes[1]["rules"].as_array().unwrap();
        let jobs = jobs.iter().find(|rule| rule["resources"][0] == "jobs").unwrap();
        assert_eq!(jobs["verbs"], json!(["create", "delete", "list"]));
        let bound = manifests(&args(&["dev@contoso.com"]));
        assert_eq!(bound.len(), 4);
        assert_eq!(bound[3]["subjects"][0]["name"], "dev@contoso.com");
        assert_eq!(bound[3]["metadata"]["namespace"], "shop");
    }
}
