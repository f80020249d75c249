//! What to do about a finding: the command that tells what is unclear, the one that fixes it, and
//! where each is run.

use checks::kit::messages::{FilledFix, Lang, Place};
use colored::Colorize;

use super::paper::Paper;
use crate::{
    args::output::FixForm,
    phrases::Phrase,
    present::{OWN_NAME, Told},
};

/// Where the texts begin, behind their labels.
const INDENT: usize = 8;
/// Where the command of an entry begins: below its label, as few lines are then too long.
const COMMAND: usize = 2;

/// Returns the entries that are shown at first: a check that comes before the first fix, and that
/// fix; else the first entry.
fn first_entries(told: &Told) -> Vec<&FilledFix> {
    let Some(fix) = told.fixes.iter().position(|fix| fix.changes) else {
        return told.fixes.iter().take(1).collect();
    };
    let check = told.fixes[..fix].iter().take(1);
    check.chain([&told.fixes[fix]]).collect()
}

/// Writes what to do.
pub(super) fn guidance(paper: &mut Paper, told: &Told, lang: Lang, shown: Shown) {
    let all = shown.all;
    let entries = if all { told.fixes.iter().collect() } else { first_entries(told) };
    // What verifies an entry stands below it; the last one without a command of its own takes what
    // verifies another, unless that asks for what the other makes.
    let mut of_any = told.fixes.iter().filter(|fix| !fix.verifies_only_this);
    let any = of_any.find_map(|fix| fix.verify.as_ref());
    for (place, fix) in entries.iter().enumerate() {
        entry(paper, INDENT, fix, lang, shown);
        let is_last = place + 1 == entries.len();
        let verify = fix.verify.as_ref().filter(|_| all || is_last);
        if let Some(verify) = verify.or(any.filter(|_| is_last)) {
            paper.command(&bold(Phrase::Verify, lang), INDENT, verify);
        }
    }
    let has_others = entries.len() < told.fixes.len();
    let has_undo = told.fixes.iter().any(|fix| fix.undo.is_some());
    let more = match (has_others, has_undo) {
        _ if all => None,
        (true, true) => Some(Phrase::OthersAndUndo),
        (true, false) => Some(Phrase::Others),
        (false, true) => Some(Phrase::OnlyUndo),
        (false, false) => None,
    };
    // A node may name a code that this program does not know.
    if checks::messages().entries.row(&told.code).is_none() {
        return;
    }
    let values = [("called", shown.called), ("code", told.code.as_str())];
    let explain = Phrase::Explain.say(lang, &values);
    let line = explain + more.map(|more| more.text(lang)).unwrap_or_default();
    paper.hang(&bold(Phrase::More, lang), INDENT, &line, |line| line.dimmed());
}

/// Writes the first fix alone, else the first check.
pub(super) fn first_fix(paper: &mut Paper, told: &Told, lang: Lang, form: FixForm) {
    if let Some(fix) = first_entries(told).last() {
        entry(paper, INDENT, fix, lang, Shown { form, all: false, called: OWN_NAME });
    }
}

/// What is shown of an entry.
#[derive(Clone, Copy)]
pub(super) struct Shown {
    /// The form of its command, where the entry has it.
    pub(super) form: FixForm,
    /// Whether to add the further entries, where to read on, and how to undo each.
    pub(super) all: bool,
    /// What the user types to call this program.
    pub(super) called: &'static str,
}

/// Writes one entry, its text in the column `indent`.
pub(super) fn entry(paper: &mut Paper, indent: usize, fix: &FilledFix, lang: Lang, shown: Shown) {
    let Shown { form, all, .. } = shown;
    let terraform = fix.terraform.as_ref().filter(|_| form == FixForm::Terraform);
    let label = match (fix.changes, &fix.run) {
        (true, Some(_)) => Phrase::Fix,
        (true, None) => Phrase::Do,
        (false, _) => Phrase::Check,
    };
    let who = Phrase::named(&fix.who).map_or(fix.who.as_str(), |who| who.text(lang));
    let mut whose = match fix.place {
        Some(Place::Node) => Phrase::AtNode.text(lang).to_owned(),
        Some(place) => format!("{who}, {}", at(place, fix.run.as_deref()).text(lang)),
        None => who.to_owned(),
    };
    if let Some(takes) = &fix.takes {
        whose += &Phrase::Takes.say(lang, &[("time", takes)]);
    }
    let text = format!("{} ({whose})", fix.text.trim_end_matches('.'));
    paper.hang(&bold(label, lang), indent, &text, |line| line.normal());
    if let Some(terraform) = terraform {
        // Its lines are the ones of a file, which are not wrapped.
        paper.column("", COMMAND, terraform.lines().map(Colorize::normal));
    } else if let Some(run) = &fix.run {
        paper.command("", COMMAND, run);
    }
    if let (Some(docs), true) = (&fix.docs, all) {
        // A link that is broken in two leads nowhere.
        paper.column(&bold(Phrase::Docs, lang), indent, [docs.normal()].into_iter());
    }
    if let (Some(undo), None, true) = (&fix.undo, terraform, all) {
        paper.command(&bold(Phrase::Undo, lang), indent, undo);
    }
}

fn bold(label: Phrase, lang: Lang) -> String {
    label.text(lang).bold().to_string()
}

fn at(place: Place, run: Option<&str>) -> Phrase {
    // What names its subscription does not depend on the selected one.
    let names_it = |run: &str| run.contains("/subscriptions/") || run.contains("--subscription ");
    match place {
        Place::Az if run.is_some_and(names_it) => Phrase::AtAnyAz,
        Place::Az => Phrase::AtAz,
        Place::Kubectl => Phrase::AtKubectl,
        Place::AzAndKubectl => Phrase::AtAzAndKubectl,
        Place::Node => Phrase::AtNode,
        Place::Here => Phrase::AtHere,
    }
}
