//! Runs from the nodes of the lab's cluster: what they create, ask for and leave behind.
#![cfg(feature = "lab")]
#![allow(clippy::unwrap_used, reason = "a test that panics has failed, and says where")]

mod journeys;
mod program;

use checks::kit::engine::{Event, EventKind, StepEnd, Vantage};
use journeys::run_changed as run;
use serde_json::{Value, json};

/// Returns the requests to the cluster's API that name such a path.
fn requests(events: &[Event], path: &str) -> usize {
    let is_one = |event: &&Event| match &event.kind {
        EventKind::Exchanged { request, .. } => request.contains(path),
        _ => false,
    };
    events.iter().filter(|event| event.from == Vantage::Kubernetes).filter(is_one).count()
}

#[test]
fn nothing_is_left_and_nothing_secret_is_created() {
    for name in ["cluster-healthy", "cluster-carried", "aks-healthy", "aks-entra"] {
        let (_, lab) = run(name, |_| {});
        assert_eq!(lab.left_in_cluster(), Vec::<String>::new(), "{name}");
        let created = lab.created_in_cluster();
        assert!(created.iter().any(|object| object.contains("\"Job\"")), "{name}");
        for secret in &lab.secrets {
            let leaks = created.iter().find(|object| object.contains(secret.as_str()));
            assert!(leaks.is_none(), "{name}: a secret in {leaks:?}");
        }
    }
}

/// The lab removes nothing by itself, so the manifests tell, in the order in which they were created:
/// whenever this program is killed, all that is there is a Job that ends and goes, and what it owns.
#[test]
fn all_that_is_created_has_a_job_that_ends_and_takes_it_along() {
    let (_, lab) = run("cluster-carried", |_| {});
    let objects: Vec<Value> =
        lab.created_in_cluster().iter().map(|text| serde_json::from_str(text).unwrap()).collect();
    let jobs = objects.iter().filter(|object| object["kind"] == "Job");
    let jobs: Vec<&Value> = jobs.collect();
    assert!(!jobs.is_empty());
    // The owner is there before anything that it owns.
    let is_of_node = |object: &&Value| object["metadata"]["ownerReferences"].is_array();
    assert!(objects[0]["kind"] == "Job" && !is_of_node(&&objects[0]), "{}", objects[0]);
    for job in &jobs {
        assert!(job["spec"]["activeDeadlineSeconds"].is_u64(), "{job}");
        assert!(job["spec"]["ttlSecondsAfterFinished"].is_u64(), "{job}");
    }
    // One Job owns everything that we create: deleting it is deleting all, whatever is under way.
    let is_owned = |object: &&&Value| !object["metadata"]["ownerReferences"].is_null();
    let (owned, owners): (Vec<&Value>, Vec<&Value>) = objects
        .iter()
        .filter(|object| object["kind"] == "Job" || object["kind"] == "ConfigMap")
        .partition(|object| is_owned(&object));
    assert_eq!(owners.len(), 1, "{owners:?}");
    assert_eq!(owners[0]["spec"]["parallelism"], 0);
    for object in owned {
        let of_object = object["metadata"]["ownerReferences"].as_array().unwrap();
        assert_eq!(of_object.len(), 1);
        assert_eq!(of_object[0]["uid"], owners[0]["metadata"]["uid"]);
    }
    // Everything else belongs to the Jobs' pods.
    let kinds = ["Job", "ConfigMap", "Pod", "Event"];
    for object in &objects {
        assert!(kinds.iter().any(|kind| object["kind"] == *kind), "{object}");
    }
}

/// A namespace full of warnings of others hides none about a Job of ours.
#[test]
fn the_last_page_of_events_is_read() {
    let (events, _) = run("job-pod-security-late", |scenario| {
        for number in 0..1100 {
            let other = json!({ "namespace": "shop", "refused": "exceeded quota: pods" });
            let other = serde_json::from_value(other).unwrap();
            let name = format!("replicasets/another-{number}");
            scenario.kubernetes.workloads.insert(name, other);
        }
    });
    let is_refused = |event: &Event| match &event.kind {
        EventKind::Finished { end: StepEnd::CouldNotTell { why }, .. } => {
            why.code == "job/pod-security"
        }
        _ => false,
    };
    assert!(events.iter().any(is_refused));
}

#[test]
fn a_node_costs_at_most_three_requests() {
    let nodes = 40;
    let (events, _) = run("cluster-carried", |scenario| {
        scenario.ask.args = vec!["--all-nodes".to_owned()];
        let mut node = scenario.kubernetes.nodes["aks-blue-1"].clone();
        node.copies = nodes;
        scenario.kubernetes.nodes = [("aks-blue".to_owned(), node)].into();
    });
    // A dry run comes before, and the Job that owns the others; what it owns goes with it.
    assert_eq!(requests(&events, "POST /apis/batch/"), nodes + 2);
    assert_eq!(requests(&events, "DELETE /apis/batch/"), 1);
    assert_eq!(requests(&events, "/log"), 0);
    let all = requests(&events, " /");
    assert!(all <= 3 * nodes + 40, "{all} requests");
}

#[test]
fn what_is_to_be_kept_is_kept() {
    let (_, lab) = run("cluster-healthy", |scenario| scenario.ask.args.push("--keep".into()));
    let left = lab.left_in_cluster();
    assert_eq!(left.iter().filter(|name| name.starts_with("jobs/")).count(), 3, "{left:?}");
}

/// Whatever a node says, it is told as its own.
#[test]
fn a_node_speaks_for_itself_alone() {
    let (events, _) = run("cluster-one-node-cut-off", |_| {});
    let mut nodes: Vec<String> =
        events.iter().filter_map(|event| event.from.node().map(str::to_owned)).collect();
    nodes.sort();
    nodes.dedup();
    assert_eq!(nodes, ["aks-blue-1", "aks-blue-2", "aks-green-1"]);
    let labelled = events.iter().find_map(|event| match &event.kind {
        EventKind::RunStarted { labels, .. } if event.from.node() == Some("aks-green-1") => {
            Some(labels.clone())
        }
        _ => None,
    });
    assert_eq!(labelled.unwrap()["pool"], "green");
}

#[test]
fn a_dry_run_names_the_namespace_of_the_run() {
    let folder = tempfile::tempdir().unwrap();
    let text = "current-context: c\ncontexts: [{name: c, context: {namespace: shop}}]";
    let path = program::file(folder.path(), "config", text.as_bytes());
    let run_in = |more: &[&str]| {
        let plain = ["node", "contoso.azurecr.io/a:1", "--image", "mcr.microsoft.com/x:1"];
        program::run(&[&plain[..], &["--dry-run", "--kubeconfig", &path], more].concat())
    };
    assert!(run_in(&[]).out.contains(r#""namespace": "shop""#));
    let named = run_in(&["--namespace", "other"]).out;
    assert!(named.contains(r#""namespace": "other""#) && !named.contains("shop"), "{named}");
}
