//! Reference pages as text, and as JSON.

use std::io::{self, IsTerminal};

use checks::kit::{engine::Severity, messages::Lang};
use colored::{Colorize, control};
use serde::Serialize;

use super::{
    guidance::{Shown, entry},
    paper::Paper,
    print::print,
    terminal::{colored, pad, width},
};
use crate::{
    args::{FixForm, When, called},
    phrases::Phrase,
    present::reference::{CodeLine, CodePage, Listing, ModePage},
};

/// Where the texts begin, behind their labels.
const INDENT: usize = 10;
/// From this width on, long names stand beside what they mean.
const WIDE: usize = 100;

/// Prints a reference page as JSON, or as the text that `text` makes of it.
pub(crate) fn print_page<T: Serialize + ?Sized>(
    page: &T,
    as_json: bool,
    text: impl FnOnce(&T) -> String,
) {
    if as_json {
        // Plain data always serializes.
        let document = serde_json::to_value(page).unwrap_or_default();
        print(&format!("{document:#}\n"));
    } else {
        control::set_override(colored(When::Auto));
        print(&text(page));
    }
}

/// Lays out the page of a code.
pub(crate) fn code(page: &CodePage, lang: Lang) -> String {
    let mut paper = Paper::new(width());
    let mut severity = Phrase::of(page.severity).text(lang).to_owned();
    if page.severity == Severity::Warning && !page.explains.is_empty() {
        severity = Phrase::OrError.say(lang, &[("severity", &severity)]);
    }
    let head = format!("{severity}[{}]: {}", page.code, page.title);
    paper.hang("", 0, &head, |line| line.bold());
    if let Some(why) = page.why {
        paper.hang("", 0, why, |line| line.normal());
    }
    paper.gap();
    if let Some(kubelet) = page.kubelet {
        labelled(&mut paper, Phrase::Kubelet, kubelet, lang);
    }
    if !page.scenarios.is_empty() {
        let all: Vec<String> =
            page.scenarios.iter().map(|name| format!("{} lab {name}", called())).collect();
        labelled(&mut paper, Phrase::Try, &all.join(" · "), lang);
    }
    for mode in &page.modes {
        labelled(&mut paper, Phrase::Mode, &format!("{}: {}", mode.mode, mode.text), lang);
    }
    if !page.explains.is_empty() {
        labelled(&mut paper, Phrase::Explains, &page.explains.join(", "), lang);
    }
    if page.fixes.iter().any(|fix| fix.run.as_ref().is_some_and(|run| run.contains('{'))) {
        paper.gap();
        paper.hang("", 0, Phrase::Braces.text(lang), |line| line.dimmed());
    }
    for fix in &page.fixes {
        paper.gap();
        entry(
            &mut paper,
            INDENT,
            fix,
            lang,
            Shown { form: FixForm::Az, all: true, called: called() },
        );
        if let Some(verify) = &fix.verify {
            paper.command(&bold(Phrase::Verify, lang), INDENT, verify);
        }
    }
    paper.into_text()
}

/// Lays out the page of a failure mode.
pub(crate) fn mode(page: &ModePage, lang: Lang) -> String {
    let mut paper = Paper::new(width());
    let head = format!("{}: {}", page.line.mode, page.line.text);
    paper.hang("", 0, &head, |line| line.bold());
    paper.gap();
    if let Some(kubelet) = page.kubelet {
        labelled(&mut paper, Phrase::Kubelet, kubelet, lang);
    }
    let codes = match page.codes.as_slice() {
        [] => Phrase::NotYetThis.text(lang).to_owned(),
        codes => codes.join(", "),
    };
    labelled(&mut paper, Phrase::Codes, &codes, lang);
    if !page.alike.is_empty() {
        labelled(&mut paper, Phrase::Alike, &page.alike.join(", "), lang);
    }
    paper.into_text()
}

/// Lays out all steps and codes.
pub(crate) fn listing(page: &Listing, lang: Lang) -> String {
    let steps = page.steps.iter().map(|step| (step.name.to_owned(), step.asks.to_owned()));
    let (steps, codes) = (table(steps, 18), codes(&page.codes, lang));
    format!("{}\n{steps}\n{}\n{codes}", Phrase::Steps.text(lang), Phrase::Codes.text(lang))
}

/// Lays out some codes, each with its severity.
pub(crate) fn codes(lines: &[CodeLine], lang: Lang) -> String {
    let row = |CodeLine { code, severity, title }: &CodeLine| {
        let severity = pad(Phrase::of(*severity).text(lang), 15);
        ((*code).to_owned(), format!("{severity} {title}"))
    };
    table(lines.iter().map(row), 45)
}

/// Lays out the failure modes: those that a finding settles, and those that none does yet.
pub(crate) fn modes(pages: &[ModePage], lang: Lang) -> String {
    let (settled, open): (Vec<_>, Vec<_>) = pages.iter().partition(|page| !page.codes.is_empty());
    let (count, all) = (settled.len().to_string(), pages.len().to_string());
    let left = Phrase::NotYet.say(lang, &[("count", &open.len().to_string())]);
    let row = |page: &&ModePage| {
        let by = page.codes.join(", ");
        let by = if by.is_empty() { by } else { format!("  [{by}]") };
        (page.line.mode.to_owned(), format!("{}{by}", page.line.text))
    };
    let (settled, open) = (table(settled.iter().map(row), 38), table(open.iter().map(row), 38));
    let all = Phrase::Settled.say(lang, &[("count", &count), ("all", &all)]);
    format!("{all}\n{settled}{left}\n{open}")
}

/// Lays out names, and beside or below each what it means. Where there is no terminal each has one line, for
/// `grep`.
fn table(rows: impl Iterator<Item = (String, String)>, column: usize) -> String {
    if !io::stdout().is_terminal() {
        let rows = rows.map(|(name, text)| format!("  {name:column$}{text}\n"));
        return rows.collect::<Vec<_>>().concat();
    }
    let mut paper = Paper::new(width());
    for (name, text) in rows {
        if width() < WIDE && column > WIDE / 4 {
            paper.hang("", 2, &name, |line| line.bold());
            paper.hang("", 6, &text, |line| line.normal());
        } else {
            paper.hang(&format!("  {name}"), 2 + column, &text, |line| line.normal());
        }
    }
    paper.into_text()
}

/// Lays out the scenarios of the lab.
#[cfg(feature = "lab")]
pub(crate) fn scenarios(lines: &[crate::present::reference::ScenarioLine]) -> String {
    let mut paper = Paper::new(width());
    let name_column = lines.iter().map(|line| line.name.len() + 2).max().unwrap_or_default();
    let area_column = lines.iter().map(|line| line.area.len() + 2).max().unwrap_or_default();
    for crate::present::reference::ScenarioLine { name, area, story, .. } in lines {
        if width() < WIDE {
            paper.hang("", 0, name, |line| line.bold());
            paper.hang("", 4, story, |line| line.normal());
        } else {
            let label = format!("{name:name_column$}{area}");
            paper.hang(&label, name_column + area_column, story, |line| line.normal());
        }
    }
    paper.into_text()
}

fn labelled(paper: &mut Paper, label: Phrase, text: &str, lang: Lang) {
    paper.hang(&bold(label, lang), INDENT, text, |line| line.normal());
}

fn bold(label: Phrase, lang: Lang) -> String {
    label.text(lang).bold().to_string()
}
