//! The page of a message: what it says, the suspects, and how to find out.

use checks::kit::messages::Lang;
use colored::Colorize;

use super::{paper::Paper, terminal::width};
use crate::{phrases::Phrase, present::message::MessagePage};

/// Where the texts begin, behind their labels.
const INDENT: usize = 12;

/// Lays out a message.
pub(crate) fn text(page: &MessagePage, lang: Lang) -> String {
    let mut paper = Paper::new(width());
    let said = &page.message.parts;
    let address = said.address.map(|address| address.to_string());
    let host = said.host.as_ref().map(|host| match &address {
        Some(address) => format!("{host} ({address})"),
        None => host.clone(),
    });
    let status = said.status.map(|status| status.to_string());
    for (label, text) in [
        (Phrase::Says, Some(page.message.quoted.as_str())),
        (Phrase::Image, said.image.as_deref()),
        (Phrase::HowFar, Some(page.phase)),
        (Phrase::Host, host.as_deref().or(address.as_deref())),
        (Phrase::Status, status.as_deref()),
        (Phrase::SignedInWith, page.presented),
    ] {
        let Some(text) = text.filter(|text| !text.is_empty()) else { continue };
        paper.hang(&bold(label, lang), INDENT, text, |line| line.normal());
    }
    if let Some((words, writer)) = page.cites {
        let from = Phrase::WordsOf.say(lang, &[("words", words.trim()), ("writer", writer)]);
        paper.hang(&bold(Phrase::Words, lang), INDENT, &from, |line| line.normal());
    }
    paper.gap();
    let verdict = match page.modes.as_slice() {
        [] if page.message.is_bare() => Phrase::EarlierEvent,
        [] if page.message.is_of_a_start() => Phrase::NoPull,
        [] => Phrase::NoSuspect,
        [_] => Phrase::OneSuspect,
        _ => Phrase::Suspects,
    };
    paper.hang("", 0, verdict.text(lang), |line| line.yellow().bold());
    for line in &page.modes {
        paper.hang(&format!("  {}", line.mode.bold()), 2 + WIDEST, line.text, |line| line.normal());
    }
    if page.message.is_of_a_start() {
        return paper.into_text();
    }
    paper.gap();
    let called = [("called", page.called)];
    let where_it_runs = Phrase::WhereThePodRuns.say(lang, &called);
    paper.hang(&bold(Phrase::Settle, lang), INDENT, &where_it_runs, |line| line.normal());
    if let Some(settle) = &page.settle {
        paper.command("", 2, settle);
    }
    if let Some(first) = page.modes.first() {
        let explain = Phrase::Explain.say(lang, &[("called", page.called), ("code", first.mode)]);
        paper.hang(&bold(Phrase::More, lang), INDENT, &explain, |line| line.dimmed());
    }
    paper.into_text()
}

/// The room for the name of a mode.
const WIDEST: usize = 34;

fn bold(label: Phrase, lang: Lang) -> String {
    label.text(lang).bold().to_string()
}
