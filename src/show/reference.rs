//! The words themselves, to be looked up: a code, all codes, the failure modes.

use std::{collections::BTreeSet, fmt::Write};

use checks::kit::{
    engine::Severity,
    messages::{Entry, Lang, Messages, Mode},
};

use super::{Phrases, text::pad, whole_words};

/// What a code means. Placeholders stand as they are: there is no run whose values they could hold.
pub(crate) fn explain(messages: &Messages, code: &str, entry: &Entry, lang: Lang) -> String {
    let phrases = Phrases::load();
    let say = |name: &str| phrases.say(name, lang, &[]);
    let severity = match entry.severity {
        Severity::Error => "error",
        Severity::Warning => "warning",
        Severity::CouldNotTell => "could-not-tell",
        Severity::Skip => "skip",
        Severity::Hint => "hint",
    };
    let mut page = format!("{}[{code}]: {}\n", say(severity), entry.title.of(lang));
    let labelled = |page: &mut String, label: &str, text: &str| {
        for (number, line) in textwrap::wrap(text, whole_words(88)).iter().enumerate() {
            let label = if number == 0 { say(label) } else { String::new() };
            // Writing to a String cannot fail.
            let _ = writeln!(page, "  {}{line}", pad(&label, 10));
        }
    };
    if let Some(why) = &entry.why {
        labelled(&mut page, "why", why.of(lang));
    }
    for fix in entry.fix {
        labelled(&mut page, "fix", &format!("({}) {}", say(fix.who), fix.text.of(lang)));
        let commands = [
            ("", &fix.run, fix.changes),
            ("verify", &fix.verify, false),
            ("undo", &fix.undo, true),
        ];
        for (label, command, changes) in commands {
            if let Some(command) = command {
                let label = if label.is_empty() { String::new() } else { say(label) };
                let sign = if changes { '!' } else { '$' };
                let _ = writeln!(page, "  {}{sign} {command}", pad(&label, 10));
            }
        }
    }
    for slug in entry.modes {
        let mode = messages.modes.get(slug).map(|mode| match lang {
            Lang::En => mode.en,
            Lang::Ko => mode.ko,
        });
        let _ = writeln!(page, "  {}{slug}: {}", pad(&say("modes"), 10), mode.unwrap_or_default());
    }
    if !entry.explains.is_empty() {
        let _ = writeln!(page, "  {}{}", pad(&say("explains"), 10), entry.explains.join(", "));
    }
    page
}

/// What a failure mode is, and which codes settle it.
pub(crate) fn explain_mode(messages: &Messages, slug: &str, mode: &Mode, lang: Lang) -> String {
    let line = match lang {
        Lang::En => &mode.en,
        Lang::Ko => &mode.ko,
    };
    let settles = messages.entries.iter().filter(|(_, entry)| entry.modes.contains(&slug));
    let settles: Vec<_> = settles.map(|(code, _)| code).collect();
    let phrases = Phrases::load();
    let settles = match settles.as_slice() {
        [] => phrases.say("not-yet-this", lang, &[]),
        codes => codes.join(", "),
    };
    let mut page = format!("{slug}: {line}\n  {} {settles}\n", phrases.say("codes", lang, &[]));
    if !mode.alike.is_empty() {
        let alike = mode.alike.join(", ");
        page += &format!("  {}\n", phrases.say("alike", lang, &[("alike", &alike)]));
    }
    page
}

/// The steps and the codes.
pub(crate) fn codes(messages: &Messages, lang: Lang) -> String {
    let phrases = Phrases::load();
    let mut page = format!("{}\n", phrases.say("steps", lang, &[]));
    for step in checks::steps::names() {
        let asks =
            messages.steps.get(step).map(|messages| messages.asks.of(lang)).unwrap_or_default();
        // Writing to a String cannot fail.
        let _ = writeln!(page, "  {step:11}  {asks}");
    }
    let _ = writeln!(page, "\n{}", phrases.say("codes", lang, &[]));
    for (code, entry) in &messages.entries {
        let _ = writeln!(page, "  {code:40}  {}", entry.title.of(lang));
    }
    page
}

/// The failure modes: which are settled by a finding, and which not yet.
pub(crate) fn modes(messages: &Messages, lang: Lang) -> String {
    let phrases = Phrases::load();
    let settled: BTreeSet<_> = messages.entries.values().flat_map(|entry| entry.modes).collect();
    let mut page = String::new();
    let count = settled.len().to_string();
    let all = messages.modes.keys().len().to_string();
    let open = (messages.modes.keys().len() - settled.len()).to_string();
    let heads = [
        (true, phrases.say("settled", lang, &[("count", &count), ("all", &all)])),
        (false, phrases.say("not-yet", lang, &[("count", &open)])),
    ];
    for (is_settled, head) in heads {
        // Writing to a String cannot fail.
        let _ = writeln!(page, "{head}");
        for (slug, mode) in
            messages.modes.iter().filter(|(slug, _)| settled.contains(slug) == is_settled)
        {
            let line = match lang {
                Lang::En => &mode.en,
                Lang::Ko => &mode.ko,
            };
            let by = messages.entries.iter().filter(|(_, entry)| entry.modes.contains(&slug));
            let by: Vec<_> = by.map(|(code, _)| code).collect();
            let by = if by.is_empty() { String::new() } else { format!("  [{}]", by.join(", ")) };
            let _ = writeln!(page, "  {slug:36}  {line}{by}");
        }
    }
    page
}
