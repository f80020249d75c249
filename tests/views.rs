//! Several targets at several vantages: each event names both, each view is read by itself, and
//! nothing is green unless it is green everywhere.
#![cfg(feature = "lab")]
#![allow(clippy::unwrap_used, reason = "a test that panics has failed, and says where")]

mod journeys;

use std::collections::BTreeMap;

use check_acr::{FixForm, Outcome, Presentation, Run, StepStatus, TextOptions, json, text};
use checks::kit::{
    engine::{Event, EventKind, Finding, Severity, Vantage},
    messages::Lang,
};
use lab::Scenario;

/// Returns the events of a scenario as lines of a recording.
fn lines(scenario: &str) -> Vec<String> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    let events = runtime.block_on(async {
        let scenario = Scenario::named(scenario).unwrap().unwrap();
        let lab = lab::start(&scenario).await.unwrap();
        journeys::run(&scenario, &lab, None).await
    });
    events.iter().map(|event| serde_json::to_string(event).unwrap()).collect()
}

/// Returns the same lines with another target and vantage.
fn told(lines: &[String], target: &str, from: &str) -> String {
    let moved = lines.iter().map(|line| {
        let mut event: serde_json::Value = serde_json::from_str(line).unwrap();
        event["target"] = target.into();
        event["from"] = from.into();
        format!("{event}\n")
    });
    moved.collect()
}

fn fold(recording: &str) -> Run {
    let mut run = Run::new(true);
    check_acr::read_recording("memory", recording.as_bytes(), true, |event| run.take(event))
        .unwrap();
    run
}

fn present(recording: &str) -> Presentation {
    Presentation::of(&fold(recording), checks::messages(), Lang::En, false)
}

fn shown(page: &Presentation) -> String {
    let options =
        TextOptions { verbose: 0, quiet: false, fix_as: FixForm::Az, color: false, width: 100 };
    text(page, checks::messages(), options)
}

#[test]
fn three_targets_at_two_vantages() {
    let (good, missing) = (lines("healthy"), lines("tag-missing"));
    let recording = [
        told(&good, "a", "node/one"),
        told(&good, "a", "node/two"),
        told(&good, "b", "node/one"),
        told(&missing, "b", "node/two"),
        told(&missing, "c", "node/one"),
        told(&missing, "c", "node/two"),
    ];
    // Interleaves the lines, as if two nodes wrote them at the same time.
    let mut parts: Vec<_> = recording.iter().map(|part| part.lines()).collect();
    let mut mixed = String::new();
    while mixed.lines().count() < recording.iter().map(|part| part.lines().count()).sum() {
        let next = parts.iter_mut().filter_map(Iterator::next);
        mixed.extend(next.flat_map(|line| [line, "\n"]));
    }
    let page = present(&mixed);
    let can: Vec<_> = page.targets.iter().map(|target| (target.id.as_str(), target.can)).collect();
    assert_eq!(can, [("a", Outcome::Pull), ("b", Outcome::No), ("c", Outcome::No)]);
    assert_eq!(page.exit as u8, 1);
    let causes: Vec<_> = page.targets.iter().map(|target| target.causes.len()).collect();
    assert_eq!(causes, [0, 1, 1], "equal causes are one");
    let seen: Vec<_> =
        page.targets[2].causes[0].seen.iter().map(|(from, _)| from.clone()).collect();
    assert_eq!(seen, ["one", "two"].map(|name| Vantage::Node(name.to_owned())));
    let text = shown(&page);
    for wanted in [
        "each of the 2 nodes checked can pull",
        "1 of 2 nodes (two) cannot pull",
        "2 of 2 nodes cannot pull",
        "1 of 2 passed: node/one",
        "seen from node/one, node/two",
    ] {
        assert!(text.contains(wanted), "{wanted} in {text}");
    }
    let document = json(&page);
    let schema = serde_json::from_str(include_str!("../docs/report.schema.json")).unwrap();
    jsonschema::validator_for(&schema).unwrap().validate(&document).unwrap();
    assert_eq!(document["exit_code"], 1);
    assert_eq!(document["targets"][1]["verdict"]["causes"][0]["seen"][0]["from"], "node/two");
}

#[test]
fn nothing_is_green_that_could_not_be_told_somewhere() {
    let (good, unknown) = (lines("healthy"), lines("pod-without-credentials"));
    let page = present(&(told(&good, "a", "node/one") + &told(&unknown, "a", "node/two")));
    assert_eq!((page.targets[0].can, page.exit as u8), (Outcome::CouldNotTell, 3));
    // A view that was cut short without a reason is not green either.
    let begun = told(&good[..3], "a", "node/two");
    let page = present(&(told(&good, "a", "node/one") + &begun));
    assert_eq!((page.targets[0].can, page.exit as u8), (Outcome::CouldNotTell, 3));
    assert!(!shown(&page).contains("can pull:"), "{}", shown(&page));
}

/// Returns the first entry of the catalogue that explains another code, and that code.
fn explaining() -> (String, String) {
    let messages = checks::messages();
    let is_error = |code: &&&str| messages.entries.get(code).unwrap().severity == Severity::Error;
    let pair = messages.entries.iter().find_map(|(code, entry)| {
        Some((code.to_owned(), (*entry.explains.iter().find(is_error)?).to_owned()))
    });
    pair.unwrap()
}

fn line(from: &str, kind: EventKind) -> String {
    let event = Event {
        v: 1,
        at: jiff::Timestamp::UNIX_EPOCH,
        target: "a".into(),
        from: from.parse().unwrap(),
        kind,
    };
    serde_json::to_string(&event).unwrap() + "\n"
}

fn found(from: &str, step: &str, code: &str, severity: Severity) -> String {
    let finding = Finding { code: code.into(), severity, evidence: serde_json::Map::new() };
    line(from, EventKind::Found { step: step.into(), finding })
}

fn started(from: &str) -> String {
    let understood = serde_json::json!({ "asked": "a", "registry": "a", "image": "b:c" });
    let understood = understood.as_object().unwrap().clone();
    line(
        from,
        EventKind::RunStarted { understood, tool: "0".into(), host: None, labels: BTreeMap::new() },
    )
}

#[test]
fn a_finding_explains_within_its_view_or_from_the_control_plane() {
    let (cause, symptom) = explaining();
    let causes = |recording: String| -> Vec<String> {
        let target = &present(&recording).targets[0];
        target.causes.iter().map(|cause| cause.told.code.clone()).collect()
    };
    let start = started("node/one") + &started("node/two");
    let of_one = found("node/one", "tls", &cause, Severity::Error);
    let at_two = found("node/two", "layer", &symptom, Severity::Error);
    assert_eq!(causes(start.clone() + &of_one + &at_two), [cause.clone(), symptom.clone()]);
    let at_one = found("node/one", "layer", &symptom, Severity::Error);
    assert_eq!(causes(start.clone() + &of_one + &at_one), std::slice::from_ref(&cause));
    let of_azure = found("azure", "acr", &cause, Severity::Error);
    let recording = start + &started("azure") + &at_two + &of_azure;
    assert_eq!(causes(recording.clone()), std::slice::from_ref(&cause));
    let target = &present(&recording).targets[0];
    assert_eq!(target.can, Outcome::No);
    let step = &target.views[1].steps[0];
    assert_eq!(step.findings[0].because.as_deref(), Some(cause.as_str()));
}

#[test]
fn bytes_in_hand_outrank_the_control_plane() {
    let good = lines("healthy");
    let start = started("azure");
    let of_azure = start + &found("azure", "role", "role/missing", Severity::Error);
    let nodes = told(&good, "a", "node/one") + &told(&good, "a", "node/two");
    let page = present(&(nodes + &of_azure));
    let target = &page.targets[0];
    assert_eq!((target.can, target.causes.len(), target.warnings.len()), (Outcome::Pull, 0, 1));
    assert_eq!(page.exit as u8, 0);
    // Where a node could not tell, the control plane decides, and the headline counts nobody.
    let open = started("node/two") + &found("node/two", "token", "token/x", Severity::CouldNotTell);
    let page = present(&(told(&good, "a", "node/one") + &open + &of_azure));
    assert_eq!(page.targets[0].can, Outcome::No);
    assert!(
        page.targets[0].headline.starts_with("cannot pull contoso.azurecr.io/team/app:v1"),
        "{}",
        page.targets[0].headline
    );
}

#[test]
fn what_could_not_be_told_beside_a_pull_has_its_title() {
    let beside = |step, code| {
        let doubt = found("here", step, code, Severity::CouldNotTell);
        present(&(told(&lines("healthy"), "a", "here") + &doubt))
    };
    let page = beside("tls", "tls/trust-store-unreadable");
    assert_eq!(page.targets[0].can, Outcome::Pull);
    assert!(shown(&page).contains("could not tell: "), "{}", shown(&page));
    // How the node signs in, and what its containerd has, decide.
    for (step, code) in [
        ("kubelet", "kubelet/provider-not-replayed"),
        ("exchange", "token/provider-audience-unknown"),
        ("containerd", "runtime/disk-tight"),
    ] {
        let page = beside(step, code);
        assert_eq!(page.targets[0].can, Outcome::CouldNotTell, "{step}");
        assert!(shown(&page).contains("could not tell"), "{}", shown(&page));
    }
}

#[test]
fn what_failed_without_a_finding_or_passed_without_bytes_is_never_green() {
    let failed = EventKind::Finished {
        step: "token".into(),
        end: checks::kit::engine::StepEnd::Failed,
        took_ms: 0,
    };
    let page = present(&(told(&lines("healthy"), "a", "here") + &line("here", failed)));
    assert_eq!((page.targets[0].can, page.exit as u8), (Outcome::CouldNotTell, 3));
    let without = lines("healthy").join("\n").replace(r#""bytes":"#, r#""of":"#);
    assert_eq!(present(&without).targets[0].can, Outcome::CouldNotTell);
}

#[test]
fn of_two_runs_from_one_vantage_the_later_counts() {
    let (missing, good) =
        (told(&lines("tag-missing"), "a", "here"), told(&lines("healthy"), "a", "here"));
    let page = present(&(missing.clone() + &good));
    assert_eq!((page.targets[0].can, page.targets[0].causes.len()), (Outcome::Pull, 0));
    assert_eq!(present(&(good + &missing)).targets[0].can, Outcome::No);
}

#[test]
fn a_line_that_is_no_event_is_said_without_its_control_sequences() {
    let line = "{\"v\": \"\u{1b}[31m\"}\n{\"\u{1b}[31m\": 1}";
    let error = check_acr::read_recording("memory", line.as_bytes(), true, |_| Ok(())).unwrap_err();
    assert!(error.contains("line 1") && !error.contains('\u{1b}'), "{error}");
}

#[test]
fn the_nodes_own_files_explain_what_a_pod_on_it_meets() {
    let (cause, symptom) = explaining();
    let causes = |step: &str, node: &str| {
        let recording = started("node/one")
            + &started("pod-network/one")
            + &found(node, step, &cause, Severity::Error)
            + &found("pod-network/one", "token", &symptom, Severity::Error);
        present(&recording).targets[0].causes.len()
    };
    assert_eq!(causes("kubelet", "node/one"), 1);
    assert_eq!(causes("tls", "node/one"), 2, "only its files");
    assert_eq!(causes("kubelet", "node/two"), 2, "only the same node");
}

#[test]
fn an_unknown_code_keeps_the_weight_that_it_came_with() {
    let with = |severity: Severity| {
        let recording = started("here") + &found("here", "dns", "plugin/strange", severity);
        let page = present(&recording);
        let target = &page.targets[0];
        (target.can, target.causes.len(), target.warnings.len(), target.could_not_tell.len())
    };
    assert_eq!(with(Severity::Error), (Outcome::No, 1, 0, 0));
    assert_eq!(with(Severity::Warning), (Outcome::CouldNotTell, 0, 1, 0));
    assert_eq!(with(Severity::Hint), (Outcome::CouldNotTell, 0, 0, 0));
    // A severity that this version does not know, or none at all.
    for severity in [r#","severity":"dire""#, ""] {
        let known = found("here", "dns", "plugin/strange", Severity::Error);
        let strange = known.replace(r#","severity":"error""#, severity);
        let page = present(&(started("here") + &strange));
        let target = &page.targets[0];
        assert_eq!((target.causes.len(), target.could_not_tell.len()), (0, 1), "{strange}");
    }
}

#[test]
fn a_step_ends_once_for_every_format() {
    let page = present(&lines("node-without-role").join("\n"));
    let exchange = page.targets[0].views[0].steps.iter().find(|step| step.name == "exchange");
    assert_eq!(exchange.unwrap().status, StepStatus::Failed);
    let document = json(&page);
    let steps = document["targets"][0]["views"][0]["steps"].as_array().unwrap();
    assert_eq!(steps.iter().find(|step| step["name"] == "exchange").unwrap()["end"], "failed");
    assert!(shown(&page).contains("✗ exchange"), "{}", shown(&page));
}

#[test]
fn the_verdict_of_a_recording_is_read_again() {
    let lines = lines("tag-missing").join("\n");
    let lie = line(
        "here",
        EventKind::Verdict {
            can: "pull".into(),
            exit_code: 0,
            causes: vec![],
            could_not_tell: vec![],
            warnings: vec![],
        },
    );
    assert_eq!(present(&(lines + "\n" + &lie)).exit as u8, 1);
}

#[test]
fn a_target_that_nothing_is_known_of_is_never_green() {
    let known = lines("sign-in-only");
    let lost = known.iter().filter(|line| !line.contains("run-started")).cloned();
    let recording = told(&known, "a", "here") + &told(&lost.collect::<Vec<_>>(), "b", "here");
    let page = present(&recording);
    let can: Vec<_> = page.targets.iter().map(|target| target.can).collect();
    assert_eq!(can, [Outcome::SignIn, Outcome::CouldNotTell]);
    assert_eq!(page.exit as u8, 3);
}

#[test]
fn only_exchanges_are_skipped_unread() {
    let mut evidence = serde_json::Map::new();
    evidence.insert("a".into(), 1.into());
    evidence.insert("event".into(), "exchanged".into());
    evidence.insert("b".into(), 2.into());
    let finding = Finding { code: "dns/x".into(), severity: Severity::Error, evidence };
    let found = line("here", EventKind::Found { step: "dns".into(), finding });
    assert!(!Event::is_exchange(found.as_bytes()), "{found}");
    let lines = lines("healthy");
    for line in &lines {
        let event = Event::read(line.as_bytes()).unwrap();
        let is_exchange = matches!(event.kind, EventKind::Exchanged { .. });
        assert_eq!(Event::is_exchange(line.as_bytes()), is_exchange, "{line}");
    }
}

/// Returns a recording of a healthy or failing node with these labels.
fn labelled(lines: &[String], from: &str, labels: &serde_json::Value) -> String {
    let moved = told(lines, "a", from);
    let with = |line: &str| {
        let mut event: serde_json::Value = serde_json::from_str(line).unwrap();
        if event["event"] == "run-started" {
            event["labels"] = labels.clone();
        }
        format!("{event}\n")
    };
    moved.lines().map(with).collect()
}

#[test]
fn what_separates_failing_from_passing_nodes_is_named() {
    let (good, bad) = (lines("node-healthy"), lines("node-localdns-down"));
    let old = serde_json::json!({ "pool": "blue", "node-image": "old", "zone": "1" });
    let new = serde_json::json!({ "pool": "green", "node-image": "new", "zone": "1" });
    let recording = labelled(&bad, "node/a", &old)
        + &labelled(&bad, "node/b", &old)
        + &labelled(&good, "node/c", &new)
        + &labelled(&good, "node/d", &new);
    let page = present(&recording);
    let separators = &page.targets[0].causes[0].separators;
    let named: Vec<_> = separators.iter().map(|one| one.attribute.name()).collect();
    assert_eq!(named, ["node-image", "pool"], "never the zone, which all share");
    assert_eq!(
        (&*separators[0].failing, &*separators[0].passing),
        (&["old".to_owned()][..], &["new".to_owned()][..])
    );
    let document = json(&page);
    let schema = serde_json::from_str(include_str!("../docs/report.schema.json")).unwrap();
    jsonschema::validator_for(&schema).unwrap().validate(&document).unwrap();
    // A node that passes with the same value, or whose value is not known: it separates nothing.
    for other in [&old, &serde_json::json!({})] {
        let page = present(&(recording.clone() + &labelled(&good, "node/e", other)));
        let separators = &page.targets[0].causes[0].separators;
        assert!(separators.is_empty(), "{separators:?}");
        assert!(page.targets[0].warnings.is_empty());
    }
    // Where every node fails there is nothing to compare with.
    let page = present(&(labelled(&bad, "node/a", &old) + &labelled(&bad, "node/c", &new)));
    assert!(page.targets[0].causes[0].separators.is_empty());
}

#[test]
fn this_machine_a_node_and_its_pods_are_laid_side_by_side() {
    let (good, bad) = (lines("healthy"), lines("node-localdns-down"));
    let recording = told(&good, "a", "here")
        + &told(&good, "a", "node/one")
        + &told(&bad, "a", "node/two")
        + &told(&good, "a", "pod-network/two");
    let page = present(&recording);
    let target = &page.targets[0];
    let side_by_side = target.side_by_side.as_ref().unwrap();
    let places: Vec<String> =
        side_by_side.views.iter().map(|at| target.views[*at].from.to_string()).collect();
    assert_eq!(places, ["here", "node/two", "pod-network/two"], "the node that fails");
    assert_eq!(side_by_side.first_difference.as_deref(), Some("dns"));
    assert_eq!(json(&page)["targets"][0]["first_difference"], "dns");
    let text = shown(&page);
    let marked: Vec<&str> = text.lines().filter(|line| line.contains("first difference")).collect();
    assert!(matches!(marked[..], [line] if line.contains("dns")), "{text}");
    // Nodes alone are compared by what separates them.
    let page = present(&(told(&good, "a", "node/one") + &told(&bad, "a", "node/two")));
    assert!(page.targets[0].side_by_side.is_none());
}
