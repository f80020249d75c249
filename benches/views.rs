//! Measures how long it takes to read, fold and join thousands of views, and how much memory:
//! `cargo bench --bench views`.
//!
//! The event lines of a real healthy run and of a real failing one, exchanges included, are
//! repeated for 5,000 nodes, nine of ten healthy: first as a recording, then as the termination
//! messages of 5,000 agents, each with the labels of its node. The benchmark fails when reading,
//! folding and joining either takes more than a second or more than 100 MB.
#![allow(
    clippy::unwrap_used,
    clippy::print_stdout,
    clippy::disallowed_macros,
    missing_docs,
    reason = "it is for people to read, and what panics has failed"
)]

#[path = "../tests/journeys/mod.rs"]
mod journeys;

use std::{
    collections::BTreeMap,
    fs::File,
    io::{self, BufWriter, Write},
    path::Path,
    process::ExitCode,
    time::{Duration, Instant},
};

use check_acr::{
    Run, Verdict,
    termination::{Messages, encode},
};
use checks::kit::engine::{Event, EventKind, Vantage};
use lab::Scenario;

const NODES: usize = 5_000;
const MOST: Duration = Duration::from_secs(1);
const MOST_KB: u64 = 100_000;

fn main() -> ExitCode {
    let runs = ["node-healthy", "node-without-role"].map(events);
    let messages = runs.clone().map(|events| encode(&events));
    let kinds = runs.map(lines);
    let folder = tempfile::tempdir().unwrap();
    let recording = folder.path().join("nodes.jsonl");
    write(&recording, &kinds).unwrap();
    // A new thread knows no secrets of the two runs, like a process that shows a recording.
    std::thread::spawn(move || {
        let recorded = measure("recording", |run| {
            let file = File::open(&recording).unwrap();
            check_acr::read_recording("nodes", file, false, |event| run.take(event)).unwrap();
        });
        let told = measure("messages", |run| {
            (0..NODES).for_each(|node| of_message(run, &messages[kind(node)], node));
        });
        if recorded && told { ExitCode::SUCCESS } else { ExitCode::FAILURE }
    })
    .join()
    .unwrap()
}

/// Returns which of the two runs a node has.
fn kind(node: usize) -> usize {
    usize::from(node % 10 == 9)
}

/// Folds the events of an agent's termination message.
fn of_message(run: &mut Run, message: &str, node: usize) {
    for mut event in Messages::default().decode(message).unwrap() {
        event.from = Vantage::Node(format!("aks-pool-{node:05}"));
        if let EventKind::RunStarted { labels, .. } = &mut event.kind {
            *labels = labels_of(node);
        }
        run.take(event).unwrap();
    }
}

/// Returns the labels that a node of AKS has, as far as an agent is told them.
fn labels_of(node: usize) -> BTreeMap<String, String> {
    let labels = [
        ("pool", format!("pool{}", kind(node))),
        ("architecture", "amd64".to_owned()),
        ("os", "Ubuntu 24.04.3 LTS".to_owned()),
        ("node-image", format!("AKSUbuntu-2404gen2containerd-20261{}.16.0", kind(node))),
        ("zone", format!("eastus-{}", node % 3 + 1)),
        ("subnet", "aks-subnet".to_owned()),
        ("instance-type", "Standard_D4ds_v5".to_owned()),
        ("kubelet", "v1.34.4".to_owned()),
        ("runtime", "containerd://2.2.4".to_owned()),
        ("resolver", "169.254.10.10".to_owned()),
    ];
    labels.into_iter().map(|(name, value)| (name.to_owned(), value)).collect()
}

/// Writes the recording of all nodes, one after the other.
fn write(recording: &Path, kinds: &[Vec<[String; 2]>; 2]) -> io::Result<()> {
    let mut file = BufWriter::new(File::create(recording)?);
    for node in 0..NODES {
        for [before, after] in &kinds[kind(node)] {
            write!(file, "{before}aks-pool-{node:05}{after}")?;
        }
    }
    file.flush()
}

/// Measures one way to get the views; returns whether that was fast and small enough.
fn measure(what: &str, fold: impl FnOnce(&mut Run)) -> bool {
    let before = peak_kb();
    let began = Instant::now();
    let mut run = Run::new(false);
    fold(&mut run);
    let folded = began.elapsed();
    let verdict = Verdict::of(&run.reports[0], checks::messages());
    let all = began.elapsed();
    let peak = peak_kb();
    println!(
        "{what}: {NODES} nodes, {} steps each, {} cause(s)",
        steps(&run),
        verdict.causes.len()
    );
    println!("read and folded in {folded:?}, joined in {:?}: {all:?}", all.saturating_sub(folded));
    println!("{peak} KB at most, {before} before");
    let seen = verdict.causes.first().map_or(0, |cause| cause.seen.len());
    assert_eq!(seen, NODES / 10, "every failing node is a sighting");
    all <= MOST && peak <= MOST_KB
}

fn steps(run: &Run) -> usize {
    run.reports[0].views[0].steps.len()
}

/// Returns the events of a scenario's run.
fn events(scenario: &str) -> Vec<Event> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    runtime.block_on(async {
        let scenario = Scenario::named(scenario).unwrap().unwrap();
        let lab = lab::start(&scenario).await.unwrap();
        journeys::run(&scenario, &lab, None).await
    })
}

/// Returns events as lines, with a placeholder for the node in each.
fn lines(events: Vec<Event>) -> Vec<[String; 2]> {
    let split = |mut event: Event| {
        event.from = Vantage::Node("NODE".into());
        let line = serde_json::to_string(&event).unwrap() + "\n";
        let (before, after) = line.split_once("NODE").unwrap();
        [before.to_owned(), after.to_owned()]
    };
    events.into_iter().map(split).collect()
}

/// Returns the peak memory of this process.
fn peak_kb() -> u64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap();
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:")).unwrap();
    line.trim().trim_end_matches(" kB").parse().unwrap()
}
