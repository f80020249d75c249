//! No run exceeds its time or memory limit, whatever the servers do.
#![cfg(feature = "lab")]
#![allow(clippy::unwrap_used, reason = "a test that panics has failed, and says where")]

mod journeys;
mod program;
mod shelf;

use std::{
    io::Write,
    process::Command,
    time::{Duration, Instant},
};

use checks::kit::engine::EventKind;
use futures::stream::{self, StreamExt};
use lab::Scenario;
use program::{program, server};
use shelf::Shelf;

/// The value of `--timeout`, and the time that a run may take beyond it.
const TIMEOUT: Duration = Duration::from_secs(1);
const BEYOND: Duration = Duration::from_secs(1);

/// For each hop, a world in which that hop never responds; and some in which bytes trickle in.
const HOLDERS: &[(&str, &str, &str)] = &[
    (
        "dns",
        "mute",
        "dns.servers.\"10.0.0.4\".fault = \"silent\"\ndns.servers.\"10.0.0.5\".fault = \"silent\"",
    ),
    ("tcp", "mute", "hosts.\"10.1.0.5\".fault = \"blackhole\""),
    ("tls", "mute", "hosts.\"10.1.0.5\".fault = \"mute\""),
    ("challenge", "mute", "hosts.\"10.1.0.5\".fault = \"mute-http\""),
    (
        "token",
        "mute",
        "registry.realm = \"https://login.fabrikam.example/token\"\nhosts.\"10.1.0.9\" = { role = \"registry\", \
         fault = \"mute-http\", certificate = \"good\", http = \"2\" }\n\
         dns.records.\"login.fabrikam.example\" = [\"60 A 10.1.0.9\"]",
    ),
    ("layer-tcp", "mute", "hosts.\"10.1.0.4\".fault = \"blackhole\""),
    ("layer-tls", "mute", "hosts.\"10.1.0.4\".fault = \"mute\""),
    ("layer", "mute", "hosts.\"10.1.0.4\".fault = \"mute-http\""),
    ("layer", "stalling", "data.fault = \"stall\""),
    (
        "challenge",
        "a byte a second",
        "hosts.\"10.1.0.5\".fault = \"drip\"\nhosts.\"10.1.0.5\".http = \"1.1\"",
    ),
    ("layer", "a byte a second", "hosts.\"10.1.0.4\".fault = \"drip\""),
    ("layer", "a few bytes now and then", "data.fault = \"slow\"\nask.args = [\"--full\"]"),
];

#[tokio::test]
async fn nobody_holds_a_run_past_its_time() {
    let mut worlds = vec![];
    for (step, how, text) in HOLDERS {
        let scenario = Scenario::parse(text).unwrap();
        worlds.push((step, how, lab::start(&scenario).await.unwrap(), scenario));
    }
    let runs = worlds.iter().map(|(step, how, lab, scenario)| async move {
        let began = Instant::now();
        let run = async {
            let events = journeys::run(scenario, lab, Some(TIMEOUT)).await;
            (events, began.elapsed())
        };
        // Measures what a plain wait takes, because this machine may be loaded.
        let wait = async {
            tokio::time::sleep(TIMEOUT).await;
            began.elapsed()
        };
        let ((events, took), waited) = futures::join!(run, wait);
        assert!(took >= TIMEOUT, "{step}, {how}: nothing held it");
        assert!(took < waited + BEYOND, "{step}, {how}: {took:?}, a wait of its length {waited:?}");
        // The run stopped at the expected step, which could not tell.
        let held = events.iter().find_map(|event| match &event.kind {
            EventKind::Finished {
                step,
                end: checks::kit::engine::StepEnd::CouldNotTell { why },
                ..
            } => Some((step.as_str(), why.code.as_str())),
            _ => None,
        });
        assert_eq!(held, Some((**step, "run/time-up")), "{how}");
    });
    // Limits parallel runs: a loaded machine is slow by itself.
    stream::iter(runs).buffered(3).collect::<Vec<()>>().await;
}

/// The memory for data, stacks and heap; the system refuses more.
const MEMORY: u64 = 30_000;
/// The largest zstd window that is decompressed, in kB.
const WINDOW: u64 = 64 * 1024;

/// A layer of 80 MiB needs no more memory than a small one, however it is compressed; zstd needs its
/// window as well.
#[cfg(target_os = "linux")]
#[test]
fn a_layer_needs_less_memory_than_it_is_long() {
    const LAYER: &str = "application/vnd.oci.image.layer.v1.tar";
    let bytes = vec![0; 80 << 20];
    let diff_id = checks::kit::rules::digest("sha256:", &bytes);
    let mut gzip = flate2::write::GzEncoder::new(vec![], flate2::Compression::fast());
    gzip.write_all(&bytes).unwrap();
    let mut zstd = zstd::Encoder::new(vec![], 1).unwrap();
    zstd.window_log(26).unwrap();
    zstd.write_all(&bytes).unwrap();
    for (ending, packed, memory) in [
        ("", bytes, MEMORY),
        ("+gzip", gzip.finish().unwrap(), MEMORY),
        ("+zstd", zstd.finish().unwrap(), MEMORY + WINDOW),
    ] {
        let shelf = Shelf::with(&[(&format!("{LAYER}{ending}"), &packed, Some(&diff_id))], "");
        let address = server::serve_heads(move |head, stream| shelf.serve(head, stream));
        let asked = format!("{address}/team/app:v1");
        let platform = ["--platform", "linux/amd64", "--full", "-v"];
        let args = [&[&asked, "--plain-http", "--identity", "anonymous"][..], &platform].concat();
        let program = program(&args);
        let mut shell = Command::new("sh");
        shell.args(["-c", &format!("ulimit -d {memory}; exec \"$@\""), "sh"]).env_clear();
        let output = shell.arg(program.get_program()).args(program.get_args()).output().unwrap();
        let said = String::from_utf8_lossy(&output.stdout);
        assert!(output.status.success() && !said.contains("diff-id-unknown"), "{ending}: {said}");
    }
}
