//! Measures how a run from the nodes of a cluster grows with their number:
//! `cargo bench --bench nodes`.
//!
//! The lab's API server has that many nodes, in whose pods the agent runs once; the others report what
//! it did. `check-acr node --all-nodes` asks it from a process of its own. Then a plain client creates
//! the same Jobs at another such server, as many at once. The benchmark fails when a run takes more
//! than three requests a node, more than 1.5 times as long as those creates and a second, or 100 MB.
#![allow(
    clippy::unwrap_used,
    clippy::print_stdout,
    clippy::disallowed_macros,
    clippy::disallowed_methods,
    missing_docs,
    reason = "it is for people to read, and what panics has failed"
)]

use std::{
    fs,
    net::SocketAddr,
    process::{Child, Command, ExitCode, Stdio},
    thread::sleep,
    time::{Duration, Instant},
};

use futures::{StreamExt, stream};
use lab::{Lab, Scenario};
use tokio::runtime::{Builder, Runtime};

const NODES: [usize; 6] = [10, 100, 500, 1_000, 2_000, 5_000];
/// Requests that do not depend on the number of nodes.
const FIXED: usize = 40;
/// How many requests the program has under way at once.
const AT_ONCE: usize = 16;
const MAX_TIMES: f64 = 1.5;
const MAX_MEGABYTES: u64 = 100;
/// What does not depend on the number of nodes: the API is reached and asked what it permits, and the
/// agent runs.
const START: Duration = Duration::from_secs(1);

fn main() -> ExitCode {
    let _ = rustls::crypto::ring::default_provider().install_default();
    let client = Builder::new_current_thread().enable_all().build().unwrap();
    let servers = Builder::new_multi_thread().worker_threads(1).enable_all().build().unwrap();
    let mut is_good = true;
    println!("nodes  wall        requests  a node  plain creates  wall/creates  peak");
    for nodes in NODES {
        let scenario = scenario_of(nodes);
        let lab = servers.block_on(lab::start(&scenario)).unwrap();
        check_acr::run_agents(&lab);
        let seen = look(&scenario, &lab);
        assert_eq!(seen.headline, format!("each of the {nodes} nodes checked can pull"));
        assert_eq!(lab.left_in_cluster().len(), 0, "objects are left");
        let plain = client.block_on(creates(&servers, &scenario, &lab));
        let times = seen.took.as_secs_f64() / plain.as_secs_f64();
        #[expect(clippy::cast_precision_loss, reason = "small numbers")]
        let of_node = seen.requests as f64 / nodes as f64;
        println!(
            "{nodes:5}  {:10.1?}  {:8}  {of_node:.2}    {plain:13.1?}  {times:12.2}  {} MB",
            seen.took, seen.requests, seen.peak
        );
        is_good &= seen.requests <= 3 * nodes + FIXED && seen.peak < MAX_MEGABYTES;
        is_good &= seen.took <= plain.mul_f64(MAX_TIMES) + START;
    }
    if is_good { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}

/// Returns a cluster with so many nodes.
fn scenario_of(nodes: usize) -> Scenario {
    let mut scenario = Scenario::named("cluster-healthy").unwrap().unwrap();
    let mut node = scenario.kubernetes.nodes["aks-blue-1"].clone();
    node.copies = nodes;
    scenario.kubernetes.nodes = [("aks-blue".to_owned(), node)].into();
    scenario
}

/// What a run did.
struct Seen {
    took: Duration,
    headline: String,
    requests: usize,
    /// The most memory that it had, in megabytes.
    peak: u64,
}

/// Runs the program against the lab's API server.
fn look(scenario: &Scenario, lab: &Lab) -> Seen {
    let folder = tempfile::tempdir().unwrap();
    let (name, address, _) = door(scenario, lab);
    let config = folder.path().join("config");
    let here = format!("server: https://{address}\n      tls-server-name: {name}");
    let text = lab.files["~/.kube/config"].replace(&format!("server: https://{name}:443"), &here);
    fs::write(&config, text).unwrap();
    let began = Instant::now();
    let mut command = Command::new(env!("CARGO_BIN_EXE_check-acr"));
    command.args(["node", "--all-nodes", "--kubeconfig"]).arg(config).args(&scenario.ask.args);
    command.arg(&scenario.ask.image).env_clear();
    command.stdout(Stdio::piped()).stderr(Stdio::piped());
    let mut run = command.spawn().unwrap();
    let peak = peak_of(&mut run);
    let took = began.elapsed();
    let output = run.wait_with_output().unwrap();
    let (page, note) = (String::from_utf8(output.stdout), String::from_utf8(output.stderr));
    let (page, note) = (page.unwrap(), note.unwrap());
    let headline = page.lines().find(|line| line.starts_with("each ")).unwrap_or(&page).to_owned();
    let requests = note.trim().rsplit(' ').next().unwrap().parse().unwrap();
    Seen { took, headline, requests, peak }
}

/// Waits for the end of a process, and returns the most memory that it had, in megabytes.
fn peak_of(run: &mut Child) -> u64 {
    let file = format!("/proc/{}/status", run.id());
    let mut peak = 0;
    while run.try_wait().unwrap().is_none() {
        let status = fs::read_to_string(&file).unwrap_or_default();
        let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:"));
        let kilobytes =
            line.and_then(|line| line.trim().trim_end_matches(" kB").parse::<u64>().ok());
        peak = kilobytes.unwrap_or(peak);
        sleep(Duration::from_millis(10));
    }
    peak / 1000
}

/// Returns the name of the API server, its address, and the token of its user.
fn door<'a>(scenario: &Scenario, lab: &'a Lab) -> (&'a str, SocketAddr, &'a str) {
    let config = &lab.files["~/.kube/config"];
    let after = |word: &str| config.split(word).nth(1).unwrap();
    let token = after("token: ").split(' ').next().unwrap();
    let name = after("server: https://").split(':').next().unwrap();
    let address = scenario.dns.records[name][0].rsplit(' ').next().unwrap();
    (name, lab.routes[&format!("{address}:443").parse().unwrap()], token)
}

/// Creates the Jobs that were created in a cluster in a fresh one like it, by a plain client, and returns
/// how long that takes.
async fn creates(servers: &Runtime, scenario: &Scenario, before: &Lab) -> Duration {
    let fresh = scenario.clone();
    let lab = servers.spawn(async move { lab::start(&fresh).await.unwrap() }).await.unwrap();
    // Its pods end as those of the run did: that is work of both servers.
    check_acr::run_agents(&lab);
    let (name, address, token) = door(scenario, &lab);
    let client =
        reqwest::Client::builder().resolve(name, address).tls_danger_accept_invalid_certs(true);
    let client = client.build().unwrap();
    let url = format!("https://{name}:{}/apis/batch/v1/namespaces/shop/jobs", address.port());
    let jobs = before.created_in_cluster();
    let jobs = jobs.into_iter().filter(|object| object.contains("\"kind\":\"Job\""));
    let jobs: Vec<String> = jobs.collect();
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
