//! Every scenario: the world is wrong in one way; the run must say so, and no more.
//!
//! Each is run once; every format, language and verbosity is rendered from that recording.
#![cfg(feature = "lab")]
#![allow(clippy::unwrap_used, reason = "a test that panics has failed, and says where")]

mod journeys;

use std::{collections::BTreeSet, sync::OnceLock};

use check_acr::{Exit, Report, TextOptions, Verdict, json, text};
use checks::kit::{engine::Event, engine::Severity, messages::Lang};
use checks::messages;
use futures::stream::{self, StreamExt};
use lab::Scenario;

/// A scenario, and what happened in it.
struct Played {
    name: &'static str,
    scenario: Scenario,
    events: Vec<Event>,
    report: Report,
    verdict: Verdict,
    secrets: Vec<String>,
}

/// All scenarios, played side by side, once.
fn played() -> &'static [Played] {
    static PLAYED: OnceLock<Vec<Played>> = OnceLock::new();
    PLAYED.get_or_init(|| {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        // Not all at once: on a loaded machine a healthy server must not seem silent.
        let plays = lab::scenarios().iter().map(|file| play(file.name, file.text));
        let mut played: Vec<Played> =
            runtime.block_on(stream::iter(plays).buffer_unordered(16).collect());
        played.sort_by_key(|played| played.name);
        played
    })
}

async fn play(name: &'static str, text: &str) -> Played {
    let scenario = Scenario::parse(text).unwrap_or_else(|error| panic!("{name}: {error}"));
    let lab = lab::start(&scenario).await.unwrap();
    let events = journeys::run(&scenario, &lab, None).await;
    let report = Report::of(&events);
    let verdict = Verdict::of(&report, messages());
    Played { name, scenario, events, report, verdict, secrets: lab.secrets.clone() }
}

fn look(lang: Lang, verbose: u8) -> TextOptions {
    TextOptions { lang, verbose, color: false, width: 100 }
}

impl Played {
    fn text(&self, lang: Lang, verbose: u8) -> String {
        text(&self.report, &self.verdict, messages(), look(lang, verbose))
    }

    /// The names of the steps that ended so, in the JSON document's words.
    fn steps(&self, end: &str) -> Vec<String> {
        let document = json(&self.report, &self.verdict, messages(), Lang::En);
        let steps = document["steps"].as_array().unwrap().iter();
        let steps = steps.filter(|step| step["end"] == end);
        steps.map(|step| step["name"].as_str().unwrap().to_owned()).collect()
    }
}

fn codes(causes: &[check_acr::Cause]) -> Vec<String> {
    causes.iter().map(|cause| cause.finding.code.clone()).collect()
}

#[test]
fn each_yields_what_it_expects_and_nothing_else() {
    let mut wrong = vec![];
    for played in played() {
        let expect = &played.scenario.expect;
        let verdict = &played.verdict;
        let explained: Vec<String> = verdict
            .causes
            .iter()
            .flat_map(|c| &c.consequences)
            .filter(|c| c.contains('/'))
            .cloned()
            .collect();
        let can = serde_json::to_value(verdict.can).unwrap();
        let got = (
            can.as_str().unwrap().to_owned(),
            verdict.exit(false) as u8,
            codes(&verdict.causes),
            explained,
            codes(&verdict.warnings),
            codes(&verdict.could_not_tell),
            played.steps("blocked"),
            played.steps("skipped"),
        );
        let wanted = (
            expect.can.clone(),
            expect.exit,
            expect.causes.clone(),
            expect.consequences.clone(),
            expect.warnings.clone(),
            expect.could_not_tell.clone(),
            expect.blocked.clone(),
            expect.skipped.clone(),
        );
        if got != wanted {
            wrong.push(format!(
                "{}:\n   got {got:?}\nwanted {wanted:?}\n{}",
                played.name,
                played.text(Lang::En, 1)
            ));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n\n"));
}

/// Codes that no world can bring about, and the tests that do.
const ELSEWHERE: [&str; 18] = [
    "identity/auth-file-unreadable", // tests/cli.rs
    "identity/helper-failed",
    "identity/az-failed", // tests/identity.rs
    "kubelet/files-not-readable",
    "manifest/foreign-layers", // tests/unusual_images.rs, tests/hostile_servers.rs
    "manifest/index-in-index",
    "registry/data-host-no-answer",
    "registry/sign-in-elsewhere",
    "tls/incompatible",
    "token/credentials-do-not-fit",
    "run/interrupted", // tests/cli.rs
    "run/left-out",
    "run/time-up",
    "run/overran", // tests/plan.rs
    "run/panicked",
    "tls/plain-http", // tests/hostile_servers.rs
    "tls/plain-http-here",
    "tls/trust-store-unreadable", // tests/blocked_pipes.rs
];

#[test]
fn every_code_is_brought_about() {
    let others = [
        include_str!("cli.rs"),
        include_str!("blocked_pipes.rs"),
        include_str!("hostile_servers.rs"),
        include_str!("identity.rs"),
        include_str!("plan.rs"),
        include_str!("unusual_images.rs"),
    ]
    .concat();
    for code in ELSEWHERE {
        assert!(others.contains(code), "no other test speaks of {code}");
    }
    let mut seen: BTreeSet<String> = ELSEWHERE.iter().map(|code| (*code).to_owned()).collect();
    for played in played() {
        let document = json(&played.report, &played.verdict, messages(), Lang::En).to_string();
        seen.extend(
            messages()
                .entries
                .keys()
                .filter(|code| document.contains(&format!("\"{code}\"")))
                .map(str::to_owned),
        );
    }
    let known: BTreeSet<String> = messages().entries.keys().map(str::to_owned).collect();
    let never: Vec<_> = known.difference(&seen).collect();
    assert!(never.is_empty(), "no scenario brings about {never:?}");
}

#[test]
fn no_secret_is_ever_shown() {
    for played in played() {
        let mut shown = vec![];
        for lang in [Lang::En, Lang::Ko] {
            shown.extend([0, 1, 2].map(|verbose| played.text(lang, verbose)));
            shown.push(json(&played.report, &played.verdict, messages(), lang).to_string());
        }
        shown.extend(played.events.iter().map(|event| serde_json::to_string(event).unwrap()));
        for secret in &played.secrets {
            assert!(
                secret.len() > 7,
                "{}: {secret} is too short to be told from chance",
                played.name
            );
            for text in &shown {
                assert!(!text.contains(secret.as_str()), "{}: a secret in {text}", played.name);
            }
        }
    }
}

#[test]
fn every_text_is_filled() {
    for played in played() {
        let (report, verdict) = (&played.report, &played.verdict);
        for cause in verdict.causes.iter().chain(&verdict.could_not_tell).chain(&verdict.warnings) {
            for lang in [Lang::En, Lang::Ko] {
                let (finding, target) = (&cause.finding, &report.target);
                let entry = messages().entries.get(&finding.code).unwrap();
                let title = messages().title(finding, target, lang);
                assert_ne!(title, finding.code, "{}: a value of the title is missing", played.name);
                let why = messages().why(finding, target, lang);
                assert_eq!(why.is_some(), entry.why.is_some(), "{}: a value of why", played.name);
                if entry.severity == Severity::Error {
                    let fixes = messages().fixes(finding, target, lang);
                    assert!(!fixes.is_empty(), "{}: {} has no fix", played.name, finding.code);
                }
            }
        }
    }
}

#[test]
fn every_fix_is_shown_somewhere() {
    let mut never = vec![];
    for (code, entry) in &messages().entries {
        let found: Vec<_> = played()
            .iter()
            .flat_map(|played| {
                let found = played.report.steps.iter().flat_map(|step| &step.findings);
                let unknown = played.verdict.could_not_tell.iter().map(|cause| &cause.finding);
                found.chain(unknown).map(move |finding| (played, finding))
            })
            .filter(|(_, finding)| finding.code == code)
            .collect();
        for fix in entry.fix {
            let shown = found.iter().any(|(played, finding)| {
                messages().fix(fix, &[&finding.evidence, &played.report.target], Lang::En).is_some()
            });
            if !shown && !ELSEWHERE.contains(&code) {
                never.push(format!("{code}: {}", fix.text.of(Lang::En)));
            }
        }
    }
    assert!(never.is_empty(), "no scenario shows {never:#?}");
}

#[test]
fn a_recording_is_read_back_as_it_was() {
    for played in played() {
        let lines = played.events.iter().map(|event| serde_json::to_string(event).unwrap() + "\n");
        let read =
            check_acr::read_recording("memory", lines.collect::<String>().as_bytes()).unwrap();
        let report = Report::of(&read);
        let verdict = Verdict::of(&report, messages());
        for lang in [Lang::En, Lang::Ko] {
            let again = text(&report, &verdict, messages(), look(lang, 2));
            assert_eq!(again, played.text(lang, 2), "{}", played.name);
            assert_eq!(
                json(&report, &verdict, messages(), lang),
                json(&played.report, &played.verdict, messages(), lang)
            );
        }
    }
}

#[test]
fn every_document_is_of_its_schema() {
    let schema =
        |text: &str| jsonschema::validator_for(&serde_json::from_str(text).unwrap()).unwrap();
    let document = schema(include_str!("../docs/report.schema.json"));
    let line = schema(include_str!("../docs/event.schema.json"));
    for played in played() {
        let shown = json(&played.report, &played.verdict, messages(), Lang::Ko);
        if let Err(error) = document.validate(&shown) {
            panic!("{}: {error} at {}", played.name, error.instance_path());
        }
        for event in &played.events {
            if let Err(error) = line.validate(&serde_json::to_value(event).unwrap()) {
                panic!("{}: {error} in {event:?}", played.name);
            }
        }
    }
}

#[test]
fn what_people_read() {
    let mut settings = insta::Settings::clone_current();
    settings.add_filter(r"\d+ ms\b", "N ms");
    settings.add_filter(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?Z", "TIME");
    settings.add_filter(r"\b\d+ s apart", "N s apart");
    settings.add_filter(r"차이 \d+초", "차이 N초");
    settings.add_filter(r"\d+ d \d+ h\b", "N d N h");
    settings.add_filter(r"\d+ min\b", "N min");
    // Correlation ids are counted, and what asks again counts on.
    settings.add_filter(r"\b0{8}[0-9a-f]{4}\b", "00000000NNNN");
    // How much trickles in before we give up waiting for more.
    settings.add_filter(r"\b(32|40|48)( bytes|바이트)", "N$2");
    settings.add_filter(r"in 2\d s\b", "in 2N s");
    settings.add_filter(r"2\d초 동안", "2N초 동안");
    settings.set_prepend_module_to_snapshot(false);
    settings.set_omit_expression(true);
    settings.bind(|| {
        for played in played() {
            for (lang, name) in [(Lang::En, "en"), (Lang::Ko, "ko")] {
                insta::assert_snapshot!(format!("{}.{name}", played.name), played.text(lang, 0));
            }
        }
    });
}

#[test]
fn a_warning_counts_when_it_is_told_to() {
    let warned = played().iter().find(|played| played.name == "clock-half-an-hour").unwrap();
    assert_eq!(warned.verdict.exit(false), Exit::Can);
    assert_eq!(warned.verdict.exit(true), Exit::Cannot);
}

/// What is most often taken for something else is told from it, where both are seen from here: each has a world in
/// which it is found and the other is not. Those that one look cannot tell apart share a finding, and say so.
#[test]
fn look_alikes_are_told_apart() {
    let from_here: BTreeSet<&str> = include_str!("fixtures/from-here.txt").lines().collect();
    let settles = |code: &str, mode: &str| {
        messages().entries.get(code).is_some_and(|entry| entry.modes.contains(&mode))
    };
    // In what is said first about a world is what it is about.
    let about: Vec<(&str, String)> = played()
        .iter()
        .filter_map(|played| {
            let verdict = &played.verdict;
            let first = verdict
                .causes
                .first()
                .or(verdict.could_not_tell.first())
                .or(verdict.warnings.first())?;
            Some((played.name, first.finding.code.clone()))
        })
        .collect();
    let mut alike = vec![];
    for (one, mode) in messages().modes.iter().filter(|(one, _)| from_here.contains(one)) {
        for other in mode.alike.iter().filter(|other| from_here.contains(*other)) {
            let shared = messages().entries.keys().any(|c| settles(c, one) && settles(c, other));
            let apart = |this: &str, that: &str| {
                about.iter().any(|(_, code)| settles(code, this) && !settles(code, that))
            };
            let told = shared || (apart(one, other) && apart(other, one));
            if !told {
                alike.push(format!("{one} and {other}"));
            }
            let unsaid = about.iter().find(|(_, code)| {
                (settles(code, one) || settles(code, other))
                    && messages().entries.get(code).is_some_and(|entry| entry.why.is_none())
            });
            assert_eq!(unsaid, None, "it does not say what told it apart");
        }
    }
    assert!(alike.is_empty(), "no two worlds tell apart {alike:#?}");
}
