//! Measures how a run from the nodes of a cluster grows with their number:
//! `cargo bench --bench nodes`.
//!
//! The lab's API server has that many nodes, in whose pods the agent runs once; the others report what
//! it did. The benchmark fails when a run takes more than three requests a node.
#![allow(
    clippy::unwrap_used,
    clippy::print_stdout,
    clippy::disallowed_macros,
    missing_docs,
    reason = "it is for people to read, and what panics has failed"
)]

use std::{process::ExitCode, time::Instant};

use check_acr::{Presentation, Run, run_scenario};
use checks::kit::{
    engine::{EventKind, Vantage},
    messages::Lang,
};
use lab::Scenario;

const NODES: [usize; 4] = [10, 100, 1_000, 5_000];
/// Requests that do not depend on the number of nodes.
const FIXED: usize = 40;

fn main() -> ExitCode {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    let mut is_good = true;
    println!("nodes  wall        a node    requests  a node");
    for nodes in NODES {
        let mut scenario = Scenario::named("cluster-carried").unwrap().unwrap();
        scenario.ask.args = vec!["--all-nodes".to_owned()];
        let mut node = scenario.kubernetes.nodes["aks-blue-1"].clone();
        node.copies = nodes;
        scenario.kubernetes.nodes = [("aks-blue".to_owned(), node)].into();
        let (events, took) = runtime.block_on(async {
            let lab = lab::start(&scenario).await.unwrap();
            let began = Instant::now();
            let events = run_scenario(&scenario, &lab, |options| options).await.unwrap();
            assert_eq!(lab.left_in_cluster().len(), 0, "objects are left");
            (events, began.elapsed())
        });
        let is_request = |kind: &EventKind| matches!(kind, EventKind::Exchanged { request, .. } if request.contains(" /"));
        let requests = events.iter().filter(|event| event.from == Vantage::Kubernetes);
        let requests = requests.filter(|event| is_request(&event.kind)).count();
        let page = Presentation::of(&Run::of(&events), checks::messages(), Lang::En, false);
        assert_eq!(page.targets[0].headline, format!("all {nodes} nodes can pull"));
        let each = took / u32::try_from(nodes).unwrap();
        #[expect(clippy::cast_precision_loss, reason = "small numbers")]
        let of_node = requests as f64 / nodes as f64;
        println!("{nodes:5}  {took:10.1?}  {each:8.1?}  {requests:8}  {of_node:.2}");
        is_good &= requests <= 3 * nodes + FIXED;
    }
    if is_good { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}
