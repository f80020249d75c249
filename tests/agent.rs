//! What an agent on a node hands to the run that started it: events on standard output, and a
//! termination message that holds what the verdict needs.
#![cfg(feature = "lab")]
#![allow(clippy::unwrap_used, reason = "a test that panics has failed, and says where")]

mod journeys;
mod program;

use check_acr::{
    Run, Verdict,
    termination::{Messages, NoEvents, encode, events_of_log},
};
use checks::kit::engine::{Event, EventKind, Vantage};
use lab::Scenario;
use program::{program, server};
use proptest::prelude::*;

/// Returns the events of a scenario's run.
fn events(scenario: &str) -> Vec<Event> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    runtime.block_on(async {
        let scenario = Scenario::named(scenario).unwrap().unwrap();
        let lab = lab::start(&scenario).await.unwrap();
        journeys::run(&scenario, &lab, None).await
    })
}

/// Returns what the verdict on these events says.
fn verdict(events: &[Event]) -> String {
    let run = Run::of(events);
    let verdict = Verdict::of(&run.reports[0], checks::messages());
    let codes = |causes: &[_]| format!("{causes:?}");
    let statuses: Vec<_> = verdict.views.iter().map(|view| view.statuses.clone()).collect();
    format!(
        "{:?} {} {} {} {statuses:?}",
        verdict.can,
        codes(&verdict.causes),
        codes(&verdict.could_not_tell),
        codes(&verdict.warnings)
    )
}

#[test]
fn a_message_holds_what_the_verdict_needs() {
    for name in ["node-healthy", "node-without-role", "tag-missing", "node-regional-old-image"] {
        let all = events(name);
        let message = encode(&all);
        assert!(message.len() <= 4096, "{name}: {}", message.len());
        let kept = Messages::default().decode(&message).unwrap();
        assert_eq!(verdict(&kept), verdict(&all), "{name}");
        let is_exchange = |event: &Event| matches!(event.kind, EventKind::Exchanged { .. });
        assert!(all.iter().any(is_exchange) && !kept.iter().any(is_exchange), "{name}");
    }
}

#[test]
fn events_that_do_not_fit_are_in_the_log() {
    let one = events("node-without-role");
    let mut many = vec![];
    for number in 0..20 {
        let renamed = one.iter().cloned().map(|mut event| {
            event.target = format!("registry-{number}.example/team/app-{}:v1", number * 7919);
            // Evidence that differs from image to image.
            if let EventKind::Found { finding, .. } = &mut event.kind {
                let said: String = (0..40).fold(String::new(), |said, at| {
                    said + &format!("{:x}", (at + 1) * number * 104_729)
                });
                finding.evidence.insert("said".into(), said.into());
            }
            event
        });
        many.extend(renamed);
    }
    let message = encode(&many);
    assert_eq!(Messages::default().decode(&message), Err(NoEvents::InLog));
    let mut log = b"check-acr: a note\n{\"v\":99}\nnonsense\n".to_vec();
    for event in &many {
        log.extend(serde_json::to_vec(event).unwrap());
        log.push(b'\n');
    }
    assert_eq!(events_of_log(&log), many);
}

#[test]
fn a_step_that_was_cut_short_is_told() {
    let begun: Vec<Event> = events("node-healthy");
    let place = begun.iter().position(|event| matches!(&event.kind, EventKind::Finished { .. }));
    let begun = &begun[..place.unwrap()];
    let kept = Messages::default().decode(&encode(begun)).unwrap();
    let has_started = |events: &[Event]| {
        events.iter().filter(|event| matches!(event.kind, EventKind::Started { .. })).count()
    };
    assert_eq!(has_started(&kept), has_started(begun));
    assert!(has_started(&kept) > 0);
}

#[test]
fn another_message_is_not_ours() {
    for other in ["", "OCI runtime exec failed: no such file"] {
        assert!(matches!(Messages::default().decode(other), Err(NoEvents::NotOurs)), "{other}");
    }
    for broken in ["check-acr/1:", "check-acr/1:!!!", "check-acr/1:AAAA"] {
        let said = Messages::default().decode(broken);
        assert!(!matches!(said, Ok(events) if !events.is_empty()), "{broken}");
    }
    let whole = encode(&events("node-healthy"));
    assert!(matches!(
        Messages::default().decode(&whole[..whole.len() / 2]),
        Err(NoEvents::Damaged(_))
    ));
}

#[test]
fn a_message_does_not_unpack_without_end() {
    use base64::{Engine, prelude::BASE64_STANDARD};
    // 64 MiB of line ends, in a few kilobytes.
    let packed = zstd::bulk::compress(&vec![b'\n'; 64 << 20], 19).unwrap();
    let message = format!("check-acr/1:{}", BASE64_STANDARD.encode(&packed));
    assert!(matches!(Messages::default().decode(&message), Err(NoEvents::Damaged(_))));
}

proptest! {
    #[test]
    fn any_message_is_read_or_refused(text in "\\PC{0,200}", packed in "[A-Za-z0-9+/=]{0,200}") {
        let _ = Messages::default().decode(&text);
        let _ = Messages::default().decode(&format!("check-acr/1:{packed}"));
    }

    #[test]
    fn any_bytes_are_unpacked_or_refused(
        bytes in prop::collection::vec(any::<u8>(), 0..300),
        lines in "\\PC{0,300}",
        cut in 0usize..300,
    ) {
        use base64::{Engine, prelude::BASE64_STANDARD};
        let mut packed = zstd::bulk::compress(lines.as_bytes(), 3).unwrap();
        packed.truncate(cut);
        packed.extend(bytes);
        let _ = Messages::default().decode(&format!("check-acr/1:{}", BASE64_STANDARD.encode(&packed)));
    }
}

#[test]
fn the_agent_leaves_its_events_in_both_places() {
    let registry = server::serve(|_, stream| server::answer(stream, "401 Unauthorized", b""));
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("termination");
    std::fs::write(&file, "what stood there before, and is longer than nothing").unwrap();
    let asked = format!("{registry}/team/app:v1");
    let file_name = file.display().to_string();
    let args = [
        "agent",
        &asked,
        "--plain-http",
        "--identity",
        "anonymous",
        "--vantage",
        "node/one",
        "--label",
        "agentpool=blue",
        "--termination",
        &file_name,
        "-o",
        "json",
    ];
    let output = program(&args).output().unwrap();
    assert!(output.status.success(), "{output:?}");
    let log = events_of_log(&output.stdout);
    let kept = Messages::default().decode(&std::fs::read_to_string(&file).unwrap()).unwrap();
    assert!(!log.is_empty() && kept.len() < log.len());
    assert_eq!(verdict(&kept), verdict(&log));
    for event in &kept {
        assert_eq!(event.from, Vantage::Node("one".into()), "the control plane is not its part");
    }
    let run = Run::of(&kept);
    let labels = &run.reports[0].views[0].labels;
    assert_eq!(labels["agentpool"], "blue");
    assert!(!labels["resolver"].is_empty(), "{labels:?}");
}
