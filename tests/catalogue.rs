//! Codes, messages and modes agree, and no code changes unnoticed.
#![allow(clippy::unwrap_used, reason = "a test that panics has failed, and says where")]

use std::{collections::BTreeSet, fs, path::PathBuf};

use checks::{
    kit::{
        engine::Severity,
        messages::{Lang, Text, variables},
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
    let lacking: Vec<_> = codes.difference(&messages).collect();
    assert!(lacking.is_empty(), "these codes have no entry in findings.toml: {lacking:?}");
    let unused: Vec<_> = messages.difference(&codes).collect();
    assert!(unused.is_empty(), "these entries of findings.toml have no problem: {unused:?}");
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

/// Variables that are there where a command runs.
const FROM_THE_SHELL: [&str; 3] = ["NO_PROXY", "SSL_CERT_FILE", "SSL_CERT_DIR"];

/// What changes something runs on look-ups that have a guard, or on values that are known.
#[test]
fn no_command_changes_anything_on_an_unsure_value() {
    let messages = messages();
    let is_unsafe = |code: &str, command: &str, changes: bool| {
        let mut said = vec![];
        let unsure: &[&str] = if changes {
            &["$(", "[0]", "head -", "xargs", "tail -"]
        } else {
            &["$(az", "$(kubectl"]
        };
        said.extend(
            unsure
                .iter()
                .filter(|part| command.contains(**part))
                .map(|part| format!("{code}: {part} has no guard in {command}")),
        );
        let known =
            |name: &str| messages.lookups.get(name).is_some() || FROM_THE_SHELL.contains(&name);
        let unknown = variables(command).filter(|name| !known(name));
        said.extend(unknown.map(|name| format!("{code}: nothing sets ${name}")));
        said
    };
    let mut said = vec![];
    for (code, entry) in &messages.entries {
        for fix in entry.fix {
            for (command, changes) in
                [(fix.run, fix.changes), (fix.undo, true), (fix.verify, false)]
            {
                said.extend(command.into_iter().flat_map(|c| is_unsafe(code, c, changes)));
            }
        }
    }
    assert!(said.is_empty(), "{said:#?}");
}

/// One that makes something waits for the guards of the others.
#[test]
fn a_look_up_says_whether_it_changes_something() {
    const LOOKS: [&str; 5] = [" show ", " list ", " rest ", "kubectl get ", "printf "];
    for (name, lookup) in messages().lookups.iter() {
        let looks = LOOKS.iter().any(|word| lookup.run.contains(word));
        assert!(looks != lookup.changes, "{name}: {}", lookup.run);
    }
}

#[test]
fn every_look_up_is_used() {
    let messages = messages();
    let fixes = messages.entries.values().flat_map(|entry| entry.fix);
    let commands = fixes.flat_map(|fix| [fix.run, fix.undo]).flatten();
    let commands = commands.chain(messages.lookups.values().map(|lookup| lookup.run));
    let used: BTreeSet<&str> = commands.flat_map(variables).collect();
    let unused: Vec<_> = messages.lookups.keys().filter(|name| !used.contains(name)).collect();
    assert!(unused.is_empty(), "{unused:?}");
}

#[test]
fn an_error_has_a_fix_that_changes_something_or_says_that_no_command_does() {
    let messages = messages();
    let only_looks = messages.entries.iter().filter(|(_, entry)| {
        let matters = entry.severity == Severity::Error || !entry.explains.is_empty();
        matters && entry.retired.is_none() && !entry.fix.iter().any(|fix| fix.changes)
    });
    let only_looks: Vec<&str> = only_looks.map(|(code, _)| code).collect();
    assert!(only_looks.is_empty(), "{only_looks:#?}");
}

#[test]
fn a_title_is_short() {
    let titles = messages().entries.iter().map(|(code, entry)| (code, entry.title.of(Lang::En)));
    let long: Vec<_> =
        titles.filter(|(_, title)| title.chars().count() > 110 || title.ends_with('.')).collect();
    assert!(long.is_empty(), "{long:#?}");
}

/// A word that no evidence holds: a key with a hash is a finding of its own.
const NEVER_SHOWN: &str = "hash-in-key";

/// Words that are the same in every language.
const THE_SAME: [&str; 3] = ["proxy", "schema1", "none"];

#[test]
fn every_word_of_evidence_has_a_text() {
    let words = checks::evidence::WORDS.iter().copied().flatten().copied();
    let without = words.filter(|word| messages().evidence.get(word).is_none());
    let without: Vec<_> =
        without.filter(|word| *word != NEVER_SHOWN && !THE_SAME.contains(word)).collect();
    assert!(without.is_empty(), "no text in evidence.toml: {without:?}");
}

/// Texts for the names of findings, which stand in the evidence of another one.
#[test]
fn every_text_of_evidence_is_a_word() {
    let words: BTreeSet<&str> =
        checks::evidence::WORDS.iter().copied().flatten().copied().collect();
    let names: BTreeSet<&str> =
        checks::AREAS.iter().flat_map(|area| area.problems).copied().collect();
    let texts = messages().evidence.keys();
    let unused: Vec<_> =
        texts.filter(|text| !words.contains(text) && !names.contains(text)).collect();
    assert!(unused.is_empty(), "no evidence holds {unused:?}");
}

/// A set of words is an enum that serialises and lists its variants.
#[test]
fn every_set_of_words_is_listed() {
    let evidence = fs::read_to_string("checks/evidence.rs").unwrap();
    let mut files = vec![PathBuf::from("checks")];
    while let Some(file) = files.pop() {
        if file.is_dir() {
            files.extend(fs::read_dir(&file).unwrap().map(|entry| entry.unwrap().path()));
            continue;
        }
        if file.extension().is_none_or(|extension| extension != "rs") {
            continue;
        }
        let parsed = syn::parse_file(&fs::read_to_string(&file).unwrap()).unwrap();
        for item in parsed.items {
            let syn::Item::Enum(item) = item else { continue };
            let is_unit = item.variants.iter().all(|variant| variant.fields.is_empty());
            let derives = item.attrs.iter().filter_map(|attr| attr.meta.require_list().ok());
            let derives: String = derives.map(|list| list.tokens.to_string()).collect();
            if is_unit && derives.contains("Serialize") && derives.contains("VariantNames") {
                let listed = format!("    {}::VARIANTS,", item.ident);
                assert!(evidence.contains(&listed), "{} of {}", item.ident, file.display());
            }
        }
    }
}
