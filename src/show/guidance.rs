//! What to do about a finding: the command that tells what is unclear, the one that fixes it, and
//! where each is run.

use checks::kit::messages::{FilledFix, Lang, Place};
use colored::Colorize;

use super::{paper::Paper, phrases::Phrase, terminal::pad};
use crate::present::Told;

/// Where the texts begin, behind their labels.
const INDENT: usize = 8;

/// Returns the entries that are shown at first: a check that comes before the first fix, and that
/// fix; else the first entry.
fn first_entries(told: &Told) -> Vec<&FilledFix> {
    let Some(fix) = told.fixes.iter().position(|fix| fix.changes) else {
        return told.fixes.iter().take(1).collect();
    };
    let check = told.fixes[..fix].iter().take(1);
    check.chain([&told.fixes[fix]]).collect()
}

/// Writes what to do. `all` adds every further entry, and how to undo each.
pub(super) fn guidance(paper: &mut Paper, told: &Told, lang: Lang, all: bool) {
    let entries = if all { told.fixes.iter().collect() } else { first_entries(told) };
    for fix in &entries {
        entry(paper, fix, lang, all);
    }
    let verify = told.fixes.iter().find_map(|fix| fix.verify.as_ref());
    if let Some(verify) = verify {
        labelled_command(paper, Phrase::Verify, lang, verify);
    }
    more(paper, told, lang, !all && (entries.len() < told.fixes.len() || has_undo(told)));
}

fn has_undo(told: &Told) -> bool {
    told.fixes.iter().any(|fix| fix.undo.is_some())
}

/// Writes the first fix alone, else the first check.
pub(super) fn first_fix(paper: &mut Paper, told: &Told, lang: Lang) {
    if let Some(fix) = first_entries(told).last() {
        entry(paper, fix, lang, false);
    }
}

fn entry(paper: &mut Paper, fix: &FilledFix, lang: Lang, all: bool) {
    let label = if fix.changes { Phrase::Fix } else { Phrase::Check };
    let mut whose =
        Phrase::named(&fix.who).map_or(fix.who.as_str(), |who| who.text(lang)).to_owned();
    if let Some(place) = fix.place {
        whose = format!("{whose}, {}", at(place).text(lang));
    }
    if let Some(takes) = &fix.takes {
        whose += &Phrase::Takes.say(lang, &[("time", takes)]);
    }
    let label = pad(label.text(lang), INDENT).bold().to_string();
    let text = format!("{} ({whose})", fix.text.trim_end_matches('.'));
    hang(paper, &label, &text);
    if let Some(run) = &fix.run {
        paper.command(INDENT, run);
    }
    if let Some(docs) = &fix.docs {
        let label = pad(Phrase::Docs.text(lang), INDENT).bold().to_string();
        paper.line(&format!("{label}{docs}"));
    }
    if let (Some(undo), true) = (&fix.undo, all) {
        labelled_command(paper, Phrase::Undo, lang, undo);
    }
}

/// Hangs a text behind a label that is padded already.
fn hang(paper: &mut Paper, label: &str, text: &str) {
    let room = paper.width.saturating_sub(INDENT);
    let lines = textwrap::wrap(text, super::terminal::whole_words(room));
    for (number, line) in lines.iter().enumerate() {
        let label = if number == 0 { label.to_owned() } else { " ".repeat(INDENT) };
        paper.line(&format!("{label}{line}"));
    }
}

fn labelled_command(paper: &mut Paper, label: Phrase, lang: Lang, command: &str) {
    let mut lines = Paper::new(paper.width);
    lines.command(INDENT, command);
    let lines = lines.into_text();
    let first = lines.get(INDENT..).unwrap_or_default();
    paper.line(&format!("{}{}", pad(label.text(lang), INDENT).bold(), first.trim_end()));
}

fn more(paper: &mut Paper, told: &Told, lang: Lang, has_more: bool) {
    let mut line = Phrase::Explain.say(lang, &[("code", &told.code)]);
    if has_more {
        line += Phrase::OtherFixes.text(lang);
    }
    let label = pad(Phrase::More.text(lang), INDENT).bold().to_string();
    hang(paper, &label, &line);
}

fn at(place: Place) -> Phrase {
    match place {
        Place::Az => Phrase::AtAz,
        Place::Kubectl => Phrase::AtKubectl,
        Place::AzAndKubectl => Phrase::AtAzAndKubectl,
        Place::Node => Phrase::AtNode,
        Place::Here => Phrase::AtHere,
    }
}
