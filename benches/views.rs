//! Measures how long it takes to read, fold and join thousands of views, and how much memory:
//! `cargo bench --bench views`.
//!
//! The event lines of a real healthy run and of a real failing one, exchanges included, are
//! repeated for 5,000 nodes, nine of ten healthy. The benchmark fails when reading, folding and
//! joining them takes more than a second or more than 100 MB.
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
    fs::File,
    io::{self, BufWriter, Write},
    path::Path,
    process::ExitCode,
    time::{Duration, Instant},
};

use check_acr::{Run, Verdict};
use checks::kit::engine::Vantage;
use lab::Scenario;

const NODES: usize = 5_000;
const MOST: Duration = Duration::from_secs(1);
const MOST_KB: u64 = 100_000;

fn main() -> ExitCode {
    let kinds = [lines("node-healthy"), lines("node-without-role")];
    let folder = tempfile::tempdir().unwrap();
    let recording = folder.path().join("nodes.jsonl");
    write(&recording, &kinds).unwrap();
    // A new thread knows no secrets of the two runs, like a process that shows a recording.
    std::thread::spawn(move || measure(&recording)).join().unwrap()
}

/// Writes the recording of all nodes, one after the other.
fn write(recording: &Path, kinds: &[Vec<[String; 2]>; 2]) -> io::Result<()> {
    let mut file = BufWriter::new(File::create(recording)?);
    for node in 0..NODES {
        for [before, after] in &kinds[usize::from(node % 10 == 9)] {
            write!(file, "{before}aks-pool-{node:05}{after}")?;
        }
    }
    file.flush()
}

fn measure(recording: &Path) -> ExitCode {
    let messages = checks::messages();
    let before = peak_kb();
    let began = Instant::now();
    let mut run = Run::new(false);
    let file = File::open(recording).unwrap();
    check_acr::read_recording("nodes", file, false, |event| run.take(event)).unwrap();
    let folded = began.elapsed();
    let verdict = Verdict::of(&run.reports[0], messages);
    let all = began.elapsed();
    let peak = peak_kb();
    println!("{NODES} nodes, {} steps each, {} cause(s)", steps(&run), verdict.causes.len());
    println!("read and folded in {folded:?}, joined in {:?}: {all:?}", all.saturating_sub(folded));
    println!("{peak} KB at most, {before} before");
    let seen = verdict.causes.first().map_or(0, |cause| cause.seen.len());
    assert_eq!(seen, NODES / 10, "every failing node is a sighting");
    let good = all <= MOST && peak <= MOST_KB;
    if good { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}

fn steps(run: &Run) -> usize {
    run.reports[0].views[0].steps.len()
}

/// Returns the event lines of a scenario's run, with a placeholder for the node in each.
fn lines(scenario: &str) -> Vec<[String; 2]> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    let events = runtime.block_on(async {
        let scenario = Scenario::named(scenario).unwrap().unwrap();
        let lab = lab::start(&scenario).await.unwrap();
        journeys::run(&scenario, &lab, None).await
    });
    let split = |mut event: checks::kit::engine::Event| {
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
