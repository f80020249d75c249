//! Reference pages, without a run: a code, a failure mode, all of them, the scenarios of the lab.

use checks::kit::{
    engine::Severity,
    messages::{Entry, FilledFix, Fix, Lang, Messages, Mode, every_part},
};
use serde::Serialize;

use super::cluster::call_by;

/// A code: what it means, how it shows, how it is fixed. Placeholders stay unfilled.
#[derive(Serialize)]
pub(crate) struct CodePage {
    pub code: &'static str,
    /// Its own severity: where it explains something worse, it weighs as much as that.
    pub severity: Severity,
    pub title: &'static str,
    pub why: Option<&'static str>,
    /// An example of the kubelet's event.
    pub kubelet: Option<&'static str>,
    pub fixes: Vec<FilledFix>,
    /// The failure modes that it settles, the likeliest first.
    pub modes: Vec<ModeLine>,
    /// The codes of symptoms that it causes.
    pub explains: &'static [&'static str],
    /// The scenarios of the lab that bring it about.
    pub scenarios: Vec<&'static str>,
}

/// A failure mode in a line.
#[derive(Serialize)]
pub(crate) struct ModeLine {
    pub mode: &'static str,
    pub text: &'static str,
}

/// A failure mode and what settles it.
#[derive(Serialize)]
pub(crate) struct ModePage {
    #[serde(flatten)]
    pub line: ModeLine,
    pub kubelet: Option<&'static str>,
    /// The codes that settle it; empty when none does yet.
    pub codes: Vec<&'static str>,
    /// The modes that it is most often taken for.
    pub alike: &'static [&'static str],
}

/// Every step and every code.
#[derive(Serialize)]
pub(crate) struct Listing {
    pub steps: Vec<StepLine>,
    pub codes: Vec<CodeLine>,
}

/// A step in a line.
#[derive(Serialize)]
pub(crate) struct StepLine {
    pub name: &'static str,
    pub asks: &'static str,
}

/// A code in a line.
#[derive(Serialize)]
pub(crate) struct CodeLine {
    pub code: &'static str,
    pub severity: Severity,
    pub title: &'static str,
}

/// A scenario of the lab in a line.
#[cfg(feature = "lab")]
#[derive(Serialize)]
pub(crate) struct ScenarioLine {
    pub name: &'static str,
    /// The area that it is about; empty for the healthy one.
    pub area: &'static str,
    pub story: String,
    /// The outcome: `pull`, `sign-in`, `no`, `could-not-tell`.
    pub can: String,
    pub exit_code: u8,
    /// The codes that it brings about.
    pub codes: Vec<String>,
}

/// Makes the reference pages in one language.
pub(crate) struct Reference {
    pub messages: &'static Messages,
    pub lang: Lang,
    /// What the user types to call this program.
    pub called: &'static str,
}

impl Reference {
    /// Returns the page of a code.
    pub(crate) fn code(
        &self,
        code: &'static str,
        entry: &'static Entry,
        scenarios: Vec<&'static str>,
    ) -> CodePage {
        let modes = || entry.modes.iter().filter_map(|slug| self.messages.modes.get(slug));
        let line = |slug: &&'static str| Some(self.mode_line(slug, self.messages.modes.get(slug)?));
        let fix = |fix: &'static Fix| {
            let mut fix = self.messages.unfilled(fix, self.lang);
            for command in [&mut fix.run, &mut fix.verify, &mut fix.undo].into_iter().flatten() {
                *command = every_part(command);
            }
            call_by(self.called, &mut fix);
            fix
        };
        CodePage {
            code,
            severity: entry.severity,
            title: entry.title.of(self.lang),
            why: entry.why.map(|why| why.of(self.lang)),
            kubelet: modes().find_map(|mode| mode.kubelet),
            fixes: entry.fix.iter().map(fix).collect(),
            modes: entry.modes.iter().filter_map(line).collect(),
            explains: entry.explains,
            scenarios,
        }
    }

    /// Returns the page of a failure mode.
    pub(crate) fn mode(&self, slug: &'static str, mode: &'static Mode) -> ModePage {
        let settles = |entry: &Entry| entry.modes.contains(&slug);
        let settling = self.messages.entries.iter().filter(|(_, entry)| settles(entry));
        ModePage {
            line: self.mode_line(slug, mode),
            kubelet: mode.kubelet,
            codes: settling.map(|(code, _)| code).collect(),
            alike: mode.alike,
        }
    }

    fn mode_line(&self, mode: &'static str, of: &'static Mode) -> ModeLine {
        ModeLine { mode, text: of.text.of(self.lang) }
    }

    /// Returns the pages of all failure modes.
    pub(crate) fn modes(&self) -> Vec<ModePage> {
        self.messages.modes.iter().map(|(slug, mode)| self.mode(slug, mode)).collect()
    }

    /// Returns every step and every code.
    pub(crate) fn listing(&self) -> Listing {
        let steps = checks::steps::names().map(|name| StepLine {
            name,
            asks: self.messages.steps.get(name).map_or("", |step| step.asks.of(self.lang)),
        });
        Listing { steps: steps.collect(), codes: self.codes(|_| true) }
    }

    /// Returns the codes whose texts, or whose example of the kubelet's event, hold these words.
    pub(crate) fn that_speak_of(&self, words: &str) -> Vec<CodeLine> {
        let words = words.trim().to_lowercase();
        let speaks = |text: Option<&str>| text.is_some_and(|t| t.to_lowercase().contains(&words));
        let kubelet = |slug: &&str| self.messages.modes.get(slug)?.kubelet;
        self.codes(|code| {
            let Some(entry) = self.messages.entries.get(code) else { return false };
            let texts = [Some(entry.title), entry.why].map(|text| text.map(|t| t.of(self.lang)));
            words.len() > 2
                && (texts.into_iter().any(speaks)
                    || entry.modes.first().and_then(kubelet).is_some_and(|k| speaks(Some(k))))
        })
    }

    /// Returns those of the codes in a line each.
    pub(crate) fn codes(&self, which: impl Fn(&str) -> bool) -> Vec<CodeLine> {
        let entries = self.messages.entries.iter().filter(|(code, _)| which(code));
        let line = |(code, entry): (&'static str, &Entry)| CodeLine {
            code,
            severity: entry.severity,
            title: entry.title.of(self.lang),
        };
        entries.map(line).collect()
    }
}
