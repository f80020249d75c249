//! Several views of one target: each finding once, with the vantages that saw it and what separates
//! them from the others.

use checks::{compared::Separator, kit::engine::Vantage};
use colored::Colorize;

use super::text::{Page, ROW};
use crate::{
    phrases::Phrase,
    present::{CausePage, TargetPage, ViewPage},
    verdict::{Outcome, StepStatus},
};

/// How many of the places that saw the same finding are named.
const MAX_NAMED: usize = 5;

impl Page<'_> {
    /// Names the first of the places and counts the rest.
    pub(super) fn places<'v>(&self, vantages: impl Iterator<Item = &'v Vantage>) -> String {
        let mut all: Vec<&Vantage> = vantages.collect();
        all.sort_by_cached_key(|vantage| in_order(&vantage.to_string()));
        let named: Vec<String> = all.iter().take(MAX_NAMED).map(|v| self.place(v)).collect();
        let named = named.join(", ");
        match all.len().saturating_sub(MAX_NAMED) {
            0 => named,
            more => {
                Phrase::AndMore.say(self.lang, &[("list", &named), ("count", &more.to_string())])
            }
        }
    }

    /// Writes several views: each finding once, with the vantages that saw it.
    pub(super) fn views(&mut self, target: &TargetPage) {
        let good = |view: &&&ViewPage| matches!(view.can, Outcome::Pull | Outcome::SignIn);
        let pulling = target.views.iter().filter(|view| view.from.pulls());
        let pulling: Vec<&ViewPage> = pulling.collect();
        let passed: Vec<&ViewPage> = pulling.iter().filter(good).copied().collect();
        if !passed.is_empty() {
            let from = self.places(passed.iter().map(|view| &view.from));
            let (count, all) = (passed.len().to_string(), pulling.len().to_string());
            let values = [("count", count.as_str()), ("all", &all), ("from", &from)];
            let line = Phrase::ViewsPass.say(self.lang, &values);
            self.paper.hang(&format!("  {}", "✓".green()), 4, &line, |line| line.normal());
        }
        for (sign, causes) in [
            ("✗".red().bold(), &target.causes),
            ("?".yellow(), &target.could_not_tell),
            ("!".yellow(), &target.warnings),
        ] {
            for cause in causes {
                let from = self.places(cause.seen.iter().map(|(vantage, _)| vantage));
                let seen = Phrase::SeenFrom.say(self.lang, &[("from", &from)]);
                self.row(&sign, &cause.step, &cause.told.code);
                self.below(&seen);
                self.separators(cause);
                self.evidence(&cause.told);
            }
        }
        self.side_by_side(target);
    }

    /// Writes what separates the nodes that saw a cause from those that can pull.
    fn separators(&mut self, cause: &CausePage) {
        for Separator { attribute, failing, passing } in &cause.separators {
            let attribute = self.messages.word(attribute.name(), self.lang);
            let word = |value: &String| self.messages.word(value, self.lang).to_owned();
            let list = |values: &[String]| values.iter().map(word).collect::<Vec<_>>().join(", ");
            let (failing, passing) = (list(failing), list(passing));
            let values = [("attribute", attribute), ("failing", &*failing), ("passing", &*passing)];
            let line = Phrase::Separates.say(self.lang, &values);
            self.below(&line);
        }
    }

    /// Writes the steps that end differently on this machine, on a node and in a pod, and marks the
    /// first that passes in one place and fails in another.
    fn side_by_side(&mut self, target: &TargetPage) {
        let Some(side_by_side) = &target.side_by_side else { return };
        let places = side_by_side.views.iter().filter_map(|place| target.views.get(*place));
        let places: Vec<String> = places.map(|view| self.place(&view.from)).collect();
        let line = Phrase::SideBySide.say(self.lang, &[("places", &places.join(" · "))]);
        self.paper.gap();
        self.paper.hang("", 2, &line, |line| line.normal());
        for (name, statuses) in &side_by_side.rows {
            let differs = statuses.iter().any(|status| *status != statuses[0]);
            if !differs {
                continue;
            }
            let signs: Vec<&str> = statuses.iter().map(|status| sign(*status)).collect();
            let mut row = signs.join(" · ");
            if side_by_side.first_difference.as_ref() == Some(name) {
                row += "  ";
                row += self.say(Phrase::FirstDifference);
            }
            self.paper.hang(&format!("    {name}"), ROW, &row, |line| line.normal());
        }
    }
}

/// Returns a name as people sort it: its numbers by their values.
fn in_order(name: &str) -> Vec<(String, u64)> {
    let is_digit = |c: char| c.is_ascii_digit();
    let (mut parts, mut rest) = (vec![], name);
    while !rest.is_empty() {
        let text = rest.find(is_digit).unwrap_or(rest.len());
        let (text, behind) = rest.split_at(text);
        let end = behind.find(|c| !is_digit(c)).unwrap_or(behind.len());
        parts.push((text.to_owned(), behind[..end].parse().unwrap_or(u64::MAX)));
        rest = &behind[end..];
    }
    parts
}

/// Returns the sign of how a step ended.
fn sign(status: Option<StepStatus>) -> &'static str {
    match status {
        Some(StepStatus::Passed) => "✓",
        Some(StepStatus::Failed) => "✗",
        Some(StepStatus::CouldNotTell) => "?",
        Some(StepStatus::Blocked) => "↑",
        Some(StepStatus::Skipped | StepStatus::Unfinished) | None => "–",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_by_their_numbers() {
        let mut names = ["node/blue-10", "node/blue-2", "node/azure", "node/blue-1", ""];
        names.sort_by_cached_key(|name| in_order(name));
        assert_eq!(names, ["", "node/azure", "node/blue-1", "node/blue-2", "node/blue-10"]);
    }
}
