//! Reference pages: one code, all codes, and the failure modes.

use std::{collections::BTreeSet, fmt::Write};

use checks::kit::messages::{Entry, Lang, Messages, Mode};

use super::{
    terminal::{pad, whole_words},
    text::severity_phrase,
};
use crate::phrases::Phrase;

/// Explains a code. Placeholders stay unfilled, because there is no run to take values from.
pub(crate) fn explain(messages: &Messages, code: &str, entry: &Entry, lang: Lang) -> String {
    let say = |phrase: Phrase| phrase.text(lang);
    let severity = severity_phrase(entry.severity);
    let mut page = format!("{}[{code}]: {}\n", say(severity), entry.title.of(lang));
    let labelled = |page: &mut String, label: Phrase, text: &str| {
        for (number, line) in textwrap::wrap(text, whole_words(88)).iter().enumerate() {
            let label = if number == 0 { say(label) } else { "" };
            // Writing to a String cannot fail.
            let _ = writeln!(page, "  {}{line}", pad(label, 10));
        }
    };
    if let Some(why) = &entry.why {
        labelled(&mut page, Phrase::Why, why.of(lang));
    }
    for fix in entry.fix {
        labelled(
            &mut page,
            if fix.changes { Phrase::Fix } else { Phrase::Check },
            &format!("({}) {}", Phrase::named(fix.who).map_or(fix.who, say), fix.text.of(lang)),
        );
        let commands = [
            (None, &fix.run),
            (Some(Phrase::Verify), &fix.verify),
            (Some(Phrase::Undo), &fix.undo),
        ];
        for (label, command) in commands {
            if let Some(command) = command {
                let label = label.map(say).unwrap_or_default();
                let _ = writeln!(page, "  {}{command}", pad(label, 10));
            }
        }
    }
    for slug in entry.modes {
        let mode = messages.modes.get(slug).map(|mode| match lang {
            Lang::En => mode.en,
            Lang::Ko => mode.ko,
        });
        let _ =
            writeln!(page, "  {}{slug}: {}", pad(say(Phrase::Modes), 10), mode.unwrap_or_default());
    }
    if !entry.explains.is_empty() {
        let _ = writeln!(page, "  {}{}", pad(say(Phrase::Explains), 10), entry.explains.join(", "));
    }
    page
}

/// Explains a failure mode and lists the codes that settle it.
pub(crate) fn explain_mode(messages: &Messages, slug: &str, mode: &Mode, lang: Lang) -> String {
    let line = match lang {
        Lang::En => &mode.en,
        Lang::Ko => &mode.ko,
    };
    let settles = messages.entries.iter().filter(|(_, entry)| entry.modes.contains(&slug));
    let settles: Vec<_> = settles.map(|(code, _)| code).collect();
    let settles = match settles.as_slice() {
        [] => Phrase::NotYetThis.text(lang).to_owned(),
        codes => codes.join(", "),
    };
    let mut page = format!("{slug}: {line}\n  {} {settles}\n", Phrase::Codes.text(lang));
    if !mode.alike.is_empty() {
        let alike = mode.alike.join(", ");
        page += &format!("  {}\n", Phrase::Alike.say(lang, &[("alike", &alike)]));
    }
    page
}

/// Lists the steps and the codes.
pub(crate) fn codes(messages: &Messages, lang: Lang) -> String {
    let mut page = format!("{}\n", Phrase::Steps.text(lang));
    for step in checks::steps::names() {
        let asks =
            messages.steps.get(step).map(|messages| messages.asks.of(lang)).unwrap_or_default();
        // Writing to a String cannot fail.
        let _ = writeln!(page, "  {step:11}  {asks}");
    }
    let _ = writeln!(page, "\n{}", Phrase::Codes.text(lang));
    page + &titles(messages, &messages.entries.keys().collect::<Vec<_>>(), lang)
}

/// Returns the titles of some codes, each with its severity.
pub(crate) fn titles(messages: &Messages, codes: &[&str], lang: Lang) -> String {
    let mut page = String::new();
    for code in codes {
        let Some(entry) = messages.entries.get(code) else { continue };
        let severity = pad(severity_phrase(entry.severity).text(lang), 15);
        // Writing to a String cannot fail.
        let _ = writeln!(page, "  {code:44} {severity} {}", entry.title.of(lang));
    }
    page
}

/// Lists the failure modes: those that a finding settles, and those that none does yet.
pub(crate) fn modes(messages: &Messages, lang: Lang) -> String {
    let settled: BTreeSet<_> = messages.entries.values().flat_map(|entry| entry.modes).collect();
    let mut page = String::new();
    let count = settled.len().to_string();
    let all = messages.modes.keys().len().to_string();
    let open = (messages.modes.keys().len() - settled.len()).to_string();
    let heads = [
        (true, Phrase::Settled.say(lang, &[("count", &count), ("all", &all)])),
        (false, Phrase::NotYet.say(lang, &[("count", &open)])),
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
