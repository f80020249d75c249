//! Codes, words and modes agree, and no code changes unnoticed.
#![allow(clippy::unwrap_used, reason = "a test that panics has failed, and says where")]

use std::collections::{BTreeMap, BTreeSet};

use checks::kit::{Severity, Words};

fn words() -> Words {
    checks::words().unwrap()
}

#[test]
fn every_code_has_words_and_every_word_has_a_code() {
    let words: BTreeSet<String> =
        words().entries.into_iter().filter(|(_, e)| e.retired.is_none()).map(|(c, _)| c).collect();
    let codes: BTreeSet<String> = checks::AREAS
        .iter()
        .flat_map(|area| area.troubles.iter().map(move |name| format!("{}/{name}", area.name)))
        .collect();
    assert_eq!(words, codes);
}

#[test]
fn no_code_changes_unnoticed() {
    let codes: Vec<String> = words().entries.keys().cloned().collect();
    insta::with_settings!({ prepend_module_to_snapshot => false, omit_expression => true }, {
        insta::assert_snapshot!("codes", codes.join("\n"));
    });
}

#[test]
fn every_mode_that_a_finding_names_is_in_the_catalogue() {
    let words = words();
    assert_eq!(words.modes.len(), 128);
    for (code, entry) in &words.entries {
        assert!(entry.modes.len() <= 4, "{code}: an honest group has at most four modes");
        for mode in &entry.modes {
            assert!(words.modes.contains_key(mode), "{code} names {mode}");
        }
    }
}

#[test]
fn the_readme_counts_right() {
    let words = words();
    let settled: BTreeSet<_> = words.entries.values().flat_map(|entry| &entry.modes).collect();
    let count = format!("{} of the {} known failure modes", settled.len(), words.modes.len());
    assert!(include_str!("../README.md").contains(&count), "the README should say: {count}");
}

#[test]
fn what_is_explained_is_a_code() {
    let words = words();
    for (code, entry) in &words.entries {
        for explained in &entry.explains {
            assert!(words.entries.contains_key(explained), "{code} explains {explained}");
        }
    }
}

#[test]
fn every_step_has_words_and_every_word_a_step() {
    let worded: BTreeSet<String> = words().steps.into_keys().collect();
    let steps: BTreeSet<String> = checks::step_names().map(str::to_owned).collect();
    assert_eq!(worded, steps);
}

#[test]
fn both_languages_hold_the_same_values() {
    let names = |text: &str| -> BTreeSet<String> {
        let pieces = text.split('{').skip(1).filter_map(|piece| piece.split_once('}'));
        pieces.map(|(name, _)| name.to_owned()).collect()
    };
    for (code, entry) in words().entries {
        let texts = [&entry.title].into_iter().chain(&entry.saw).chain(&entry.why);
        for text in texts.chain(entry.fix.iter().map(|fix| &fix.text)) {
            use checks::kit::Lang::{En, Ko};
            assert_eq!(names(text.of(En)), names(text.of(Ko)), "{code}: {}", text.of(En));
        }
    }
}

#[test]
fn no_korean_particle_is_put_on_a_value() {
    const PARTICLES: [&str; 12] =
        ["은", "는", "이", "가", "을", "를", "과", "와", "로", "으로", "에", "의"];
    let words = words();
    let mut texts: BTreeMap<String, String> = BTreeMap::new();
    for (code, entry) in &words.entries {
        let all = [&entry.title].into_iter().chain(&entry.saw).chain(&entry.why);
        for text in all.chain(entry.fix.iter().map(|fix| &fix.text)) {
            texts.insert(
                format!("{code} {}", texts.len()),
                text.of(checks::kit::Lang::Ko).to_owned(),
            );
        }
    }
    for (place, text) in texts {
        for (_, after) in text.split('{').skip(1).filter_map(|piece| piece.split_once('}')) {
            let joined = PARTICLES.iter().any(|particle| after.starts_with(particle));
            assert!(!joined, "{place}: a particle on a value in {text}");
        }
    }
}

#[test]
fn a_finding_says_why_and_a_failure_says_what_to_do() {
    for (code, entry) in words().entries {
        if entry.severity == Severity::Error {
            assert!(!entry.fix.is_empty(), "{code} has no fix");
        }
        for fix in &entry.fix {
            let who = [
                "node",
                "network",
                "cluster-admin",
                "registry-owner",
                "identity-admin",
                "developer",
            ];
            assert!(who.contains(&fix.who.as_str()), "{code}: who is {}?", fix.who);
            let command = fix.run.as_deref().unwrap_or_default();
            assert!(
                !command.contains('<') || command.contains("</dev/null"),
                "{code}: a blank to fill in {command}"
            );
        }
    }
}
