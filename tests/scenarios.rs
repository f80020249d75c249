//! Runs every scenario: one thing in the world is broken, and the run must report it and nothing
//! else.
//!
//! Each scenario runs once; every format, language and verbosity is rendered from that recording.
#![cfg(feature = "lab")]
#![allow(clippy::unwrap_used, reason = "a test that panics has failed, and says where")]

mod journeys;
mod pages;
mod played;
mod terraform;

use std::collections::BTreeSet;

use check_acr::{Exit, Presentation, Run, StepStatus, json};
use checks::kit::{engine::Severity, messages::Lang};
use jiff::Timestamp;
use played::{ELSEWHERE, codes, messages, page as shown_page, played, present};

#[test]
fn each_yields_what_it_expects_and_nothing_else() {
    let mut wrong = vec![];
    for played in played() {
        let expect = &played.scenario.expect;
        let target = played.target();
        let explained = target.causes.iter().flat_map(|cause| &cause.consequences);
        let explained: Vec<String> = explained.filter(|code| code.contains('/')).cloned().collect();
        let got = (
            serde_json::to_value(target.can).unwrap(),
            target.exit as u8,
            codes(&target.causes),
            explained,
            codes(&target.warnings),
            codes(&target.could_not_tell),
            played.steps(StepStatus::Blocked),
            played.steps(StepStatus::Skipped),
        );
        let wanted = (
            serde_json::Value::from(expect.can.clone()),
            expect.exit,
            expect.causes.clone(),
            expect.consequences.clone(),
            expect.warnings.clone(),
            expect.could_not_tell.clone(),
            expect.blocked.clone(),
            expect.skipped.clone(),
        );
        if got != wanted {
            let page = shown_page(&played.pages[0], 1);
            wrong.push(format!("{}:\n   got {got:?}\nwanted {wanted:?}\n{page}", played.name));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n\n"));
}

/// Checks that text, JSON, the counts and the exit code agree.
#[test]
fn every_format_agrees() {
    for played in played() {
        for page in &played.pages {
            let document = json(page);
            let target = &page.targets[0];
            let shown = &document["targets"][0];
            assert_eq!(document["exit_code"], page.exit as u8, "{}", played.name);
            assert_eq!(shown["verdict"]["exit_code"], target.exit as u8, "{}", played.name);
            let text = shown_page(page, 1);
            // Long lines are wrapped.
            let words = |text: &str| text.split_whitespace().collect::<String>();
            let headline = shown["verdict"]["headline"].as_str().unwrap();
            assert!(words(&text).contains(&words(headline)), "{}: {headline}", played.name);
            for (list, causes) in [
                ("causes", &target.causes),
                ("could_not_tell", &target.could_not_tell),
                ("warnings", &target.warnings),
            ] {
                let listed = shown["verdict"][list].as_array().unwrap();
                assert_eq!(listed.len(), causes.len(), "{}: {list}", played.name);
                for cause in causes {
                    assert!(text.contains(&cause.told.code), "{}: {text}", played.name);
                }
            }
            // Where several vantages pull, the text has their findings and not their steps.
            if target.views.iter().filter(|view| view.from.pulls()).count() > 1 {
                continue;
            }
            // The symbol before a step corresponds to its status in JSON.
            let views = shown["views"].as_array().unwrap().iter();
            let steps: Vec<_> = views.flat_map(|it| it["steps"].as_array().unwrap()).collect();
            for step in &steps {
                let sign = match step["end"].as_str().unwrap() {
                    "passed" => '✓',
                    "failed" => '✗',
                    "skipped" => '–',
                    "blocked" => '↑',
                    "could-not-tell" => '?',
                    other => panic!("{}: {other}", played.name),
                };
                let line = format!("  {sign} {:11}", step["name"].as_str().unwrap());
                assert!(text.contains(line.trim_end()), "{}: {line} in {text}", played.name);
            }
            let signs = ['✓', '✗', '–', '↑', '?'].map(|sign| format!("  {sign} "));
            let lines = text.lines().filter(|line| signs.iter().any(|s| line.starts_with(s)));
            assert_eq!(lines.count(), steps.len(), "{}: {text}", played.name);
        }
    }
}

#[test]
fn every_code_is_brought_about() {
    let others = [
        include_str!("blocked_pipes.rs"),
        include_str!("cli.rs"),
        include_str!("hostile_servers.rs"),
        include_str!("identity.rs"),
        include_str!("containerd_versions.rs"),
        include_str!("plan.rs"),
        include_str!("unsupported_keys.rs"),
        include_str!("unusual_images.rs"),
        include_str!("wire.rs"),
        include_str!("wire_http.rs"),
        include_str!("wire_images.rs"),
    ]
    .concat();
    for code in ELSEWHERE {
        assert!(others.contains(code), "no other test speaks of {code}");
    }
    let mut seen: BTreeSet<String> = ELSEWHERE.iter().map(|code| (*code).to_owned()).collect();
    for played in played() {
        seen.extend(played.findings().into_iter().map(|finding| finding.code));
    }
    let current = messages().entries.iter().filter(|(_, entry)| entry.retired.is_none());
    let known: BTreeSet<String> = current.map(|(code, _)| code.to_owned()).collect();
    let never: Vec<_> = known.difference(&seen).collect();
    assert!(never.is_empty(), "no scenario brings about {never:?}");
}

/// A mode is settled where a scenario is that mode, and what it yields says so.
#[test]
fn a_scenario_that_is_a_mode_settles_it() {
    let mut modes = BTreeSet::new();
    for played in played() {
        let Some(mode) = &played.scenario.story.mode else { continue };
        let target = played.target();
        let told = [&target.causes, &target.warnings, &target.could_not_tell].into_iter().flatten();
        let settles = |cause: &check_acr::CausePage| cause.told.modes.contains(&mode.as_str());
        assert!(told.into_iter().any(settles), "{} is {mode}, which nothing names", played.name);
        modes.insert(mode.as_str());
    }
    let entries = messages().entries.values().filter(|entry| entry.retired.is_none());
    let claimed: BTreeSet<&str> = entries.flat_map(|entry| entry.modes).copied().collect();
    let without: Vec<&str> = claimed.difference(&modes).copied().collect();
    assert!(without.is_empty(), "modes that findings name, and no scenario is: {without:?}");
}

#[test]
fn no_secret_is_ever_shown() {
    for played in played() {
        let mut shown = vec![];
        for page in &played.pages {
            shown.extend([0, 1, 2].map(|verbose| shown_page(page, verbose)));
            shown.push(json(page).to_string());
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
        for page in &played.pages {
            let target = &page.targets[0];
            let causes = target.causes.iter().chain(&target.could_not_tell);
            for cause in causes.chain(&target.warnings) {
                let told = &cause.told;
                let entry = messages().entries.get(&told.code).unwrap();
                let name = played.name;
                assert_ne!(told.title, told.code, "{name}: a value of the title is missing");
                assert_eq!(told.why.is_some(), entry.why.is_some(), "{name}: a value of why");
                let is_error = entry.severity == Severity::Error;
                assert!(!is_error || !told.fixes.is_empty(), "{name}: {} has no fix", told.code);
            }
        }
    }
}

#[test]
fn every_fix_is_shown_somewhere() {
    let found: Vec<_> = played()
        .iter()
        .flat_map(|played| {
            let target = played.target();
            let mut values = Presentation::values(&target.target, Some(Timestamp::UNIX_EPOCH));
            let node =
                target.views.iter().find_map(|view| view.from.node().or(view.host.as_deref()));
            values.extend(node.map(|node| ("node".to_owned(), node.into())));
            played.findings().into_iter().map(move |finding| (values.clone(), finding))
        })
        .collect();
    let mut never = vec![];
    for (code, entry) in &messages().entries {
        for fix in entry.fix {
            let shown = found.iter().filter(|(_, finding)| finding.code == *code).any(
                |(target, finding)| {
                    messages().fix(fix, &[&finding.evidence, target], Lang::En).is_some()
                },
            );
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
        let mut read = vec![];
        let lines = lines.collect::<String>();
        check_acr::read_recording("memory", lines.as_bytes(), true, |event| {
            read.push(event);
            Ok(())
        })
        .unwrap();
        assert_eq!(read, played.events, "{}", played.name);
        for (again, page) in present(&read).iter().zip(&played.pages) {
            assert_eq!(shown_page(again, 2), shown_page(page, 2), "{}", played.name);
            assert_eq!(json(again), json(page), "{}", played.name);
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
        let shown = json(&played.pages[1]);
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
    settings.add_filter(r"\b\d+\.\d s\b", "N s");
    settings.add_filter(r"\bcheck-acr-\d{8}-\d{6}\b", "check-acr-DATE-TIME");
    settings.add_filter(r"\bcheck-acr-[0-9a-f]{8}-", "check-acr-RUN-");
    settings.add_filter(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?Z", "TIME");
    settings.add_filter(r"\d+/\d+/\d{4}\s+\d+:\d\d:\d\d [AP]M", "TIME");
    settings.add_filter(r"\b\d+ s apart", "N s apart");
    settings.add_filter(r"\b\dm\d\ds\b", "NmNNs");
    // How long IMDS was waited for.
    settings.add_filter(r"\bno response within \d+ s\b", "no response within N s");
    settings.add_filter(r"\bcomplete response within \d+ s\b", "complete response within N s");
    settings.add_filter(r"\b\d+초 안에", "N초 안에");
    settings.add_filter(r"차이 \d+초", "차이 N초");
    settings.add_filter(r"\d+ d \d+ h\b", "N d N h");
    settings.add_filter(r"\d+ min\b", "N min");
    // Correlation ids are counted, so an additional request shifts the following ids.
    settings.add_filter(r"\b0{8}[0-9a-f]{4}\b", "00000000NNNN");
    // The number of bytes that trickle in before the program gives up.
    settings.add_filter(r"\b(32|40|48)( bytes|바이트)", "N$2");
    settings.add_filter(r"in 2\d s\b", "in 2N s");
    settings.add_filter(r"2\d초 동안", "2N초 동안");
    settings.set_prepend_module_to_snapshot(false);
    settings.set_omit_expression(true);
    settings.bind(|| {
        let areas: BTreeSet<&str> = played().iter().map(|played| played.area).collect();
        for area in areas {
            let mut blocks = String::new();
            for played in played().iter().filter(|played| played.area == area) {
                blocks += &format!("== {}\n", played.name);
                let texts = played.pages.iter().map(|page| finding_blocks(&shown_page(page, 0)));
                texts.for_each(|text| blocks += &text);
            }
            insta::assert_snapshot!(
                format!("findings-{}", if area.is_empty() { "healthy" } else { area }),
                blocks
            );
        }
        for played in played().iter().filter(|played| WHOLE.contains(&played.name)) {
            let pages: Vec<_> = played.pages.iter().map(|page| shown_page(page, 0)).collect();
            insta::assert_snapshot!(format!("page-{}", played.name), pages.join("\n"));
        }
    });
}

/// The scenarios whose whole pages are kept: together they show every way in which a step and a run
/// end.
const WHOLE: [&str; 12] = [
    "healthy",
    "anonymous-pull",
    "sign-in-only",
    "data-endpoint-record-missing",
    "registry-firewall",
    "two-faults",
    "proxy-healthy",
    "platform-missing",
    "node-healthy",
    "node-without-role",
    "node-imds-mute",
    "pod-without-credentials",
];

/// What a page says of findings and under its headline: the header, and the lines of steps that
/// passed, were skipped or were not run, are left out.
fn finding_blocks(page: &str) -> String {
    let (_, body) = page.split_once("\n  ").unwrap();
    let body = format!("  {body}");
    let quiet = |line: &&str| ["  ✓ ", "  – ", "  ↑ "].iter().any(|sign| line.starts_with(sign));
    let kept: Vec<&str> = body.lines().filter(|line| !quiet(line)).collect();
    kept.join("\n") + "\n"
}

#[test]
fn a_warning_counts_when_it_is_told_to() {
    let warned = played().iter().find(|played| played.name == "clock-half-an-hour").unwrap();
    let run = Run::of(&warned.events);
    let exit = |counts| Presentation::of(&run, messages(), Lang::En, counts).exit;
    assert_eq!((exit(false), exit(true)), (Exit::Can, Exit::Cannot));
}

/// Checks that look-alikes are told apart where both can be seen from here: for each there is a
/// world that yields it and not the other. Causes that one run cannot tell apart share a finding,
/// and the finding says so.
#[test]
fn look_alikes_are_told_apart() {
    let from_here: BTreeSet<&str> = include_str!("fixtures/from-here.txt").lines().collect();
    let settles = |code: &str, mode: &str| {
        messages().entries.get(code).is_some_and(|entry| entry.modes.contains(&mode))
    };
    // The first finding of a world is its subject.
    let about: Vec<(&str, String)> = played()
        .iter()
        .filter_map(|played| {
            let target = played.target();
            let first = target.causes.first().or(target.could_not_tell.first());
            Some((played.name, first.or(target.warnings.first())?.told.code.clone()))
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
