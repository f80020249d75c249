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
    engine::{Event, EventKind, Vantage},
    messages::Lang,
};
use lab::Scenario;

const NODES: [usize; 5] = [10, 100, 500, 1_000, 5_000];
/// Requests that do not depend on the number of nodes.
const FIXED: usize = 40;

fn main() -> ExitCode {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    let mut is_good = true;
    println!(
        "nodes  wall        a node    requests  a node  creates     wall/creates  peak of both"
    );
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
        let creates = creating(&events);
        let ratio = took.as_secs_f64() / creates;
        println!(
            "{nodes:5}  {took:10.1?}  {each:8.1?}  {requests:8}  {of_node:.2}    {creates:8.2} s  {ratio:12.2}  {} MB",
            peak()
        );
        is_good &= requests <= 3 * nodes + FIXED;
    }
    if is_good { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}

/// Returns how long the API server took for all Jobs, in seconds: from the first request that creates
/// one to the last response.
fn creating(events: &[Event]) -> f64 {
    let spans = events.iter().filter_map(|event| match &event.kind {
        EventKind::Exchanged { request, took_ms, .. }
            if request.contains("POST /apis/batch/") && !request.contains("dryRun") =>
        {
            let end = event.at.as_millisecond();
            Some((end - i64::try_from(*took_ms).unwrap(), end))
        }
        _ => None,
    });
    let spans: Vec<(i64, i64)> = spans.collect();
    let begin = spans.iter().map(|(begin, _)| *begin).min().unwrap();
    let end = spans.iter().map(|(_, end)| *end).max().unwrap();
    #[expect(clippy::cast_precision_loss, reason = "small numbers")]
    let seconds = (end - begin).max(1) as f64 / 1000.0;
    seconds
}

/// Returns the most memory that this process had, with the lab in it, in megabytes.
fn peak() -> u64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap();
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:")).unwrap();
    line.trim().trim_end_matches(" kB").parse::<u64>().unwrap() / 1000
}
