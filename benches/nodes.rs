//! Measures how a run from the nodes of a cluster grows with their number:
//! `cargo bench --bench nodes`.
//!
//! The lab's API server, on a thread of its own, has that many nodes, in whose pods the agent runs
//! once; the others report what it did. Then a plain client creates the same Jobs at another such
//! server, as many at once. The benchmark fails when a run takes more than three requests a node, more
//! than 1.5 times as long as those creates, or more than 100 MB with the server in it.
#![allow(
    clippy::unwrap_used,
    clippy::print_stdout,
    clippy::disallowed_macros,
    missing_docs,
    reason = "it is for people to read, and what panics has failed"
)]

use std::{
    process::ExitCode,
    time::{Duration, Instant},
};

use check_acr::{Presentation, Run, run_scenario};
use checks::kit::{
    engine::{Event, EventKind, Vantage},
    messages::Lang,
};
use futures::{StreamExt, stream};
use lab::{Agent, AgentEnd, Lab, Scenario};
use tokio::runtime::{Builder, Runtime};

const NODES: [usize; 5] = [10, 100, 500, 1_000, 5_000];
/// Requests that do not depend on the number of nodes.
const FIXED: usize = 40;
/// How many requests the program has under way at once.
const AT_ONCE: usize = 16;
const MAX_TIMES: f64 = 1.5;
const MAX_MEGABYTES: u64 = 100;
/// What does not depend on the number of nodes: the API is reached and asked what it permits, the agent
/// is packed, and it runs.
const START: Duration = Duration::from_secs(2);

fn main() -> ExitCode {
    let _ = rustls::crypto::ring::default_provider().install_default();
    let client = Builder::new_current_thread().enable_all().build().unwrap();
    let servers = Builder::new_multi_thread().worker_threads(1).enable_all().build().unwrap();
    let mut is_good = true;
    println!("nodes  wall        requests  a node  plain creates  wall/creates  peak of both");
    for nodes in NODES {
        let scenario = scenario_of(nodes);
        let lab = servers.block_on(lab::start(&scenario)).unwrap();
        let began = Instant::now();
        let events = client.block_on(run_scenario(&scenario, &lab, |options| options)).unwrap();
        let took = began.elapsed();
        assert_eq!(lab.left_in_cluster().len(), 0, "objects are left");
        let requests = requests(&events);
        let page = Presentation::of(&Run::of(&events), checks::messages(), Lang::En, false);
        assert_eq!(page.targets[0].headline, format!("all {nodes} nodes can pull"));
        drop((events, page));
        let peak = peak();
        let plain = client.block_on(creates(&servers, &scenario, &lab));
        let times = took.as_secs_f64() / plain.as_secs_f64();
        #[expect(clippy::cast_precision_loss, reason = "small numbers")]
        let of_node = requests as f64 / nodes as f64;
        println!(
            "{nodes:5}  {took:10.1?}  {requests:8}  {of_node:.2}    {plain:13.1?}  {times:12.2}  {peak} MB"
        );
        is_good &= requests <= 3 * nodes + FIXED && peak < MAX_MEGABYTES;
        is_good &= took <= plain.mul_f64(MAX_TIMES) + START;
    }
    if is_good { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}

/// Returns a cluster with so many nodes, all of which look.
fn scenario_of(nodes: usize) -> Scenario {
    let mut scenario = Scenario::named("cluster-carried").unwrap().unwrap();
    scenario.ask.args = vec!["--all-nodes".to_owned()];
    let mut node = scenario.kubernetes.nodes["aks-blue-1"].clone();
    node.copies = nodes;
    scenario.kubernetes.nodes = [("aks-blue".to_owned(), node)].into();
    scenario
}

/// Returns how many requests the API got.
fn requests(events: &[Event]) -> usize {
    let is_request = |event: &&Event| {
        event.from == Vantage::Kubernetes
            && matches!(&event.kind, EventKind::Exchanged { request, .. } if request.contains(" /"))
    };
    events.iter().filter(is_request).count()
}

/// Creates the Jobs that were created in a cluster in a fresh one like it, by a plain client, and returns
/// how long that takes.
async fn creates(servers: &Runtime, scenario: &Scenario, before: &Lab) -> Duration {
    let lab = servers.spawn({
        let scenario = scenario.clone();
        async move { lab::start(&scenario).await.unwrap() }
    });
    let lab = lab.await.unwrap();
    lab.set_agent(Agent::new(|_| AgentEnd::default()));
    let config = &lab.files["~/.kube/config"];
    let token = config.split("token: ").nth(1).and_then(|rest| rest.split(' ').next()).unwrap();
    let server = config.split("server: ").nth(1).and_then(|rest| rest.lines().next()).unwrap();
    let name = server.trim_start_matches("https://").trim_end_matches(":443");
    let address = scenario.dns.records[name][0].rsplit(' ').next().unwrap();
    let address = lab.routes[&format!("{address}:443").parse().unwrap()];
    let client =
        reqwest::Client::builder().resolve(name, address).tls_danger_accept_invalid_certs(true);
    let client = client.build().unwrap();
    let url = format!("https://{name}:{}/apis/batch/v1/namespaces/shop/jobs", address.port());
    let jobs: Vec<String> = before
        .created_in_cluster()
        .into_iter()
        .filter(|object| {
            object.contains("\"kind\":\"Job\"") && !object.contains("\"parallelism\":0")
        })
        .collect();
    let began = Instant::now();
    let create = async |job: String| {
        let response = client.post(&url).bearer_auth(token).body(job).send().await.unwrap();
        assert_eq!(response.status(), 201);
        response.bytes().await.unwrap();
    };
    let creating = stream::iter(jobs).map(create).buffer_unordered(AT_ONCE);
    creating.for_each(|()| std::future::ready(())).await;
    began.elapsed()
}

/// Returns the most memory that this process had, with the lab in it, in megabytes.
fn peak() -> u64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap();
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:")).unwrap();
    line.trim().trim_end_matches(" kB").parse::<u64>().unwrap() / 1000
}
