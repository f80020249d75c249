//! No run exceeds its time or memory limit, whatever the servers do.
#![cfg(feature = "lab")]
#![allow(clippy::unwrap_used, reason = "a test that panics has failed, and says where")]

mod journeys;
mod program;

use std::{
    process::Command,
    time::{Duration, Instant},
};

use checks::kit::engine::EventKind;
use futures::stream::{self, StreamExt};
use lab::Scenario;
use program::{
    program,
    server::{self, Script, answer, serve},
};

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

/// 64 MiB of zeros.
const LAYER: (&str, usize) =
    ("sha256:3b6a07d0d404fab4e23b6d34bc6696a6a312dd92821332385e5af7c01c421351", 64 << 20);

#[cfg(target_os = "linux")]
#[test]
fn a_layer_needs_less_memory_than_it_is_long() {
    let script: Script = |line, stream| {
        let config = br#"{"architecture":"amd64","os":"linux","rootfs":{"diff_ids":["sha256:3b6a07d0d404fab4e23b6d34bc6696a6a312dd92821332385e5af7c01c421351"]}}"#;
        let digest = "sha256:a87b1e929bd843ec5e36c5c15140faf98e74bd5421b3b52ff05c2c0092611e6b";
        if line.contains(LAYER.0) {
            return answer(stream, "200 OK", &vec![0; LAYER.1]);
        }
        if line.contains("/blobs/") {
            return answer(stream, "200 OK", config);
        }
        let layer = "application/vnd.oci.image.layer.v1.tar";
        let manifest = format!(
            r#"{{"config":{{"digest":"{digest}","size":{}}},"layers":[{{"mediaType":"{layer}","digest":"{}","size":{}}}]}}"#,
            config.len(),
            LAYER.0,
            LAYER.1,
        );
        server::manifest(stream, line, manifest.as_bytes())
    };
    let asked = format!("{}/team/app:v1", serve(script));
    // 30 MB of data, stacks and heap; the system refuses more.
    let args =
        [&asked, "--plain-http", "--identity", "anonymous", "--platform", "linux/amd64", "--full"];
    let program = program(&args);
    let mut shell = Command::new("sh");
    shell.args(["-c", "ulimit -d 30000; exec \"$@\"", "sh"]).env_clear();
    let output = shell.arg(program.get_program()).args(program.get_args()).output().unwrap();
    let said = String::from_utf8_lossy(&output.stdout);
    assert!(output.status.success() && said.contains("64.0 MiB"), "{said}");
}
