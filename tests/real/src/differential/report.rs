//! The counts of a run, by kind.

use std::collections::BTreeMap;
use std::path::Path;
use std::time::Duration;

use super::judge::{Agreement, Verdict};
use super::kinds::KINDS;
use super::runtime::Pulled;
use crate::Fallible;

/// From so many worlds on, each kind must have enough of either outcome.
const MANY: usize = 2_000;
const EITHER: usize = 20;

pub struct Report {
    seed: u64,
    /// Whether check-acr knows the version. Where it does not, versions that differ leave more open.
    is_told: bool,
    kinds: BTreeMap<String, Counts>,
}

#[derive(Clone, Copy, Default)]
struct Counts {
    worlds: usize,
    can: usize,
    cannot: usize,
    could_not_tell: usize,
    false_green: usize,
    false_alarm: usize,
    undecided: usize,
    broken: usize,
}

impl Counts {
    fn plus(self, other: Counts) -> Counts {
        Counts {
            worlds: self.worlds + other.worlds,
            can: self.can + other.can,
            cannot: self.cannot + other.cannot,
            could_not_tell: self.could_not_tell + other.could_not_tell,
            false_green: self.false_green + other.false_green,
            false_alarm: self.false_alarm + other.false_alarm,
            undecided: self.undecided + other.undecided,
            broken: self.broken + other.broken,
        }
    }

    fn row(&self) -> [usize; 8] {
        let Counts {
            worlds,
            can,
            cannot,
            could_not_tell,
            false_green,
            false_alarm,
            undecided,
            broken,
        } = *self;
        [worlds, can, cannot, could_not_tell, false_green, false_alarm, undecided, broken]
    }
}

const HEAD: [&str; 8] = [
    "worlds",
    "can",
    "cannot",
    "could not tell",
    "false green",
    "false alarm",
    "undecided",
    "broken",
];

impl Report {
    pub fn new(seed: u64, is_told: bool) -> Report {
        Report { seed, is_told, kinds: BTreeMap::new() }
    }

    pub fn add(&mut self, verdict: &Verdict) {
        let counts = self.kinds.entry(verdict.world.kind.clone()).or_default();
        counts.worlds += 1;
        match verdict.pulled {
            Pulled::Yes => counts.can += 1,
            Pulled::No(_) => counts.cannot += 1,
            Pulled::Undecided => counts.undecided += 1,
        }
        match verdict.agreement {
            Agreement::CouldNotTell => counts.could_not_tell += 1,
            Agreement::FalseGreen => counts.false_green += 1,
            Agreement::FalseAlarm => counts.false_alarm += 1,
            Agreement::Broken => counts.broken += 1,
            Agreement::Can | Agreement::Cannot | Agreement::Undecided => {}
        }
    }

    fn total(&self) -> Counts {
        self.kinds.values().fold(Counts::default(), |sum, counts| sum.plus(*counts))
    }

    /// Every way in which the run is not good enough.
    fn complaints(&self) -> Vec<String> {
        let total = self.total();
        let mut wrong = vec![];
        for (number, what) in [
            (total.false_green, "false green"),
            (total.false_alarm, "false alarm"),
            (total.broken, "broken"),
        ] {
            if number > 0 {
                wrong.push(format!("{number} {what}"));
            }
        }
        if total.worlds == 0 {
            wrong.push("no worlds".to_owned());
        }
        if total.worlds < 100 {
            return wrong;
        }
        if self.is_told && total.could_not_tell * 50 >= total.worlds {
            wrong.push(format!("could not tell in {} of {}", total.could_not_tell, total.worlds));
        }
        if total.undecided * 50 >= total.worlds {
            wrong.push(format!("undecided in {} of {}", total.undecided, total.worlds));
        }
        if self.kinds.len() == KINDS.len() && total.cannot * 10 < total.worlds * 3 {
            wrong.push(format!("only {} of {} cannot be pulled", total.cannot, total.worlds));
        }
        if total.worlds >= MANY {
            for (kind, counts) in
                self.kinds.iter().filter(|(_, c)| c.can < EITHER || c.cannot < EITHER)
            {
                wrong.push(format!(
                    "{kind}: {} can and {} cannot be pulled: too few",
                    counts.can, counts.cannot
                ));
            }
        }
        wrong
    }

    pub fn is_right(&self) -> bool {
        self.complaints().is_empty()
    }

    pub fn print(&self, took: Duration) {
        println!("\n{:<12} {}", "kind", HEAD.map(|h| format!("{h:>14}")).join(" "));
        for (kind, counts) in
            self.kinds.iter().map(|(k, c)| (k.as_str(), *c)).chain([("all", self.total())])
        {
            println!("{kind:<12} {}", counts.row().map(|n| format!("{n:>14}")).join(" "));
        }
        println!("\nseed {}, {took:.0?}", self.seed);
        let complaints = self.complaints();
        println!(
            "{}",
            if complaints.is_empty() { "they agree".to_owned() } else { complaints.join("; ") }
        );
    }

    /// Puts the table between the marks of a page.
    pub fn write(&self, page: &Path, judge: &str, took: Duration) -> Fallible<()> {
        let text = std::fs::read_to_string(page)?;
        let (start, end) = ("<!-- table -->\n", "<!-- end -->");
        let (before, rest) = text.split_once(start).ok_or("the page has no <!-- table -->")?;
        let (_, behind) = rest.split_once(end).ok_or("the page has no <!-- end -->")?;
        let mut table = format!(
            "{judge}, seed {}, {} s:\n\n| kind | {} |\n|---|{}\n",
            self.seed,
            took.as_secs(),
            HEAD.join(" | "),
            "---:|".repeat(HEAD.len())
        );
        for (kind, counts) in
            self.kinds.iter().map(|(k, c)| (k.as_str(), *c)).chain([("all", self.total())])
        {
            table += &format!("| {kind} | {} |\n", counts.row().map(|n| n.to_string()).join(" | "));
        }
        Ok(std::fs::write(page, format!("{before}{start}{table}{end}{behind}"))?)
    }
}
