//! Codes, messages and modes agree, and no code changes unnoticed.
#![allow(clippy::unwrap_used, reason = "a test that panics has failed, and says where")]

use std::collections::BTreeSet;

use checks::{
    kit::{
        engine::Severity,
        messages::{Lang, Text},
    },
    messages,
};

#[test]
fn every_code_has_words_and_every_word_has_a_code() {
    let current = messages().entries.iter().filter(|(_, entry)| entry.retired.is_none());
    let messages: BTreeSet<String> = current.map(|(code, _)| code.to_owned()).collect();
    let codes: BTreeSet<String> = checks::AREAS
        .iter()
        .flat_map(|area| area.problems.iter().map(move |name| format!("{}/{name}", area.name)))
        .collect();
    assert_eq!(messages, codes);
}

#[test]
fn no_code_changes_unnoticed() {
    let codes: Vec<_> = messages().entries.keys().collect();
    insta::with_settings!({ prepend_module_to_snapshot => false, omit_expression => true }, {
        insta::assert_snapshot!("codes", codes.join("\n"));
    });
}

#[test]
fn every_mode_that_a_finding_names_is_in_the_catalogue() {
    let messages = messages();
    assert_eq!(messages.modes.keys().len(), 128);
    for (code, entry) in &messages.entries {
        assert!(entry.modes.len() <= 4, "{code}: an honest group has at most four modes");
        for mode in entry.modes {
            assert!(messages.modes.get(mode).is_some(), "{code} names {mode}");
        }
    }
}

/// The failure modes that the data path alone can diagnose.
const FROM_HERE: &str = include_str!("fixtures/from-here.txt");

/// `tests/scenarios.rs` checks that a scenario produces each finding.
#[test]
fn what_can_be_told_from_here_is_settled() {
    let messages = messages();
    let settled: BTreeSet<&str> =
        messages.entries.values().flat_map(|entry| entry.modes).copied().collect();
    let missing: Vec<_> = FROM_HERE.split_whitespace().filter(|m| !settled.contains(m)).collect();
    assert!(missing.is_empty(), "no finding settles {missing:?}");
}

/// Checks the count in the README. `INSTA_UPDATE=always` rewrites it, as it does snapshots.
#[test]
fn the_readme_counts_right() {
    let messages = messages();
    let settled: BTreeSet<_> = messages.entries.values().flat_map(|entry| entry.modes).collect();
    let count =
        format!("{} of the {} known failure modes", settled.len(), messages.modes.keys().len());
    let file = concat!(env!("CARGO_MANIFEST_DIR"), "/README.md");
    let readme = std::fs::read_to_string(file).unwrap();
    let is_count = |line: &&str| line.contains(" of the ") && line.contains("known failure modes");
    let line = readme.lines().find(is_count).unwrap();
    let (_, rest) = line.split_once("known failure modes").unwrap();
    let counted = readme.replace(line, &format!("{count}{rest}"));
    if std::env::var("INSTA_UPDATE").is_ok_and(|update| update == "always") {
        std::fs::write(file, &counted).unwrap();
    } else {
        assert_eq!(readme, counted);
    }
}

#[test]
fn what_is_explained_is_a_code() {
    let messages = messages();
    for (code, entry) in &messages.entries {
        for explained in entry.explains {
            assert!(messages.entries.get(explained).is_some(), "{code} explains {explained}");
        }
    }
}

#[test]
fn every_step_has_words_and_every_word_a_step() {
    let worded: BTreeSet<&str> = messages().steps.keys().collect();
    let steps: BTreeSet<&str> = checks::steps::names().collect();
    assert_eq!(worded, steps);
}

#[test]
fn both_languages_hold_the_same_values() {
    let names = |text: &str| -> BTreeSet<String> {
        let pieces = text.split('{').skip(1).filter_map(|piece| piece.split_once('}'));
        pieces.map(|(name, _)| name.to_owned()).collect()
    };
    for (code, entry) in &messages().entries {
        let texts = [&entry.title].into_iter().chain(entry.saw).chain(&entry.why);
        for text in texts.chain(entry.fix.iter().map(|fix| &fix.text)) {
            use checks::kit::messages::Lang::{En, Ko};
            assert_eq!(names(text.of(En)), names(text.of(Ko)), "{code}: {}", text.of(En));
        }
    }
}

#[test]
fn no_korean_particle_is_put_on_a_value() {
    let messages = messages();
    let mut texts: Vec<(String, Text)> = vec![];
    for (code, entry) in &messages.entries {
        let all = [&entry.title].into_iter().chain(entry.saw).chain(&entry.why);
        let all = all.chain(entry.fix.iter().map(|fix| &fix.text));
        texts.extend(all.map(|text| (code.to_owned(), *text)));
    }
    for (step, said) in &messages.steps {
        texts.extend(said.passed.iter().map(|text| (format!("step {step}"), *text)));
    }
    let texts = texts.iter().map(|(place, text)| (place.as_str(), text.of(Lang::Ko)));
    let phrases = check_acr::phrases(Lang::Ko).into_iter().map(|text| ("phrase", text));
    for (place, text) in texts.chain(phrases) {
        assert_eq!(particle_on_a_value(text), None, "{place}: a particle on a value in {text}");
    }
}

#[test]
fn a_particle_on_a_value_is_seen() {
    for bad in ["{a}의 b", "{a} 를 b", "b {a} 에서, c", "{b} {a} 로", "({a} 이)"] {
        assert!(particle_on_a_value(bad).is_some(), "{bad}");
    }
    for good in ["{a}초 안에", "b({a})에서", "{a} 이후", "{a}: 에", "{a}", "{a} 만료"] {
        assert_eq!(particle_on_a_value(good), None, "{good}");
    }
}

/// Finds a Korean particle that is joined to a placeholder, or stands alone after one and a space.
fn particle_on_a_value(text: &str) -> Option<&'static str> {
    const PARTICLES: &str = "은 는 이 가 을 를 과 와 로 으로 에 의 에서 에는 에서는 에게 으로는 \
        인 도 만 나 이나 까지 부터 보다 처럼 라는 이라는";
    let afters = text.split('{').skip(1).filter_map(|piece| piece.split_once('}'));
    afters.map(|(_, after)| after).find_map(|after| {
        PARTICLES.split_whitespace().find(|particle| {
            let alone = after.strip_prefix(' ').and_then(|rest| rest.strip_prefix(particle));
            after.starts_with(particle)
                || alone.is_some_and(|rest| !rest.starts_with(char::is_alphanumeric))
        })
    })
}

#[test]
fn a_finding_says_why_and_a_failure_says_what_to_do() {
    for (code, entry) in &messages().entries {
        if entry.severity == Severity::Error {
            assert!(!entry.fix.is_empty(), "{code} has no fix");
        }
        for fix in entry.fix {
            let who = [
                "node",
                "network",
                "cluster-admin",
                "registry-owner",
                "identity-admin",
                "developer",
            ];
            assert!(who.contains(&fix.who), "{code}: who is {}?", fix.who);
            let command = fix.run.unwrap_or_default();
            // A shell expands text between backticks, even in double quotes.
            assert!(!command.contains('`'), "{code}: backticks in {command}");
            assert!(
                !command.contains('<') || command.contains("</dev/null"),
                "{code}: a blank to fill in {command}"
            );
        }
    }
}

/// Evidence words that never occur: a key with a hash is a finding of its own.
const NEVER_SHOWN: [&str; 1] = ["hash-in-key"];

#[test]
fn every_word_of_evidence_has_a_text() {
    let words = checks::evidence::WORDS.iter().copied().flatten();
    for word in words.filter(|word| !NEVER_SHOWN.contains(word)) {
        // Symbols and names that are the same in every language need no text.
        let same = ["proxy", "schema1", "index", "manifest"];
        let has_text = messages().evidence.get(word).is_some();
        assert!(has_text || same.contains(word), "{word} has no text in evidence.toml");
    }
}
