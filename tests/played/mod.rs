//! All scenarios, played once: what happened in each, and how it is shown in both languages.
#![allow(clippy::unwrap_used, unreachable_pub, reason = "a test that panics has failed")]

use std::sync::OnceLock;

use check_acr::{CausePage, Presentation, Run, StepStatus, TargetPage, TextOptions, text};
use checks::kit::{
    engine::{Event, Finding},
    messages::{Lang, Messages},
};
use futures::stream::{self, StreamExt};
use lab::{Scenario, ScenarioFile};

use super::journeys;

/// A scenario, and what happened in it.
pub struct Played {
    pub name: &'static str,
    pub area: &'static str,
    pub scenario: Scenario,
    pub events: Vec<Event>,
    /// As it is shown in English and in Korean.
    pub pages: [Presentation; 2],
    pub secrets: Vec<String>,
}

/// All scenarios, played side by side, once.
pub fn played() -> &'static [Played] {
    static PLAYED: OnceLock<Vec<Played>> = OnceLock::new();
    PLAYED.get_or_init(|| {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        // Not all at once: on a loaded machine a healthy server must not seem silent.
        let plays = lab::scenarios().iter().map(play);
        let mut played: Vec<Played> =
            runtime.block_on(stream::iter(plays).buffer_unordered(16).collect());
        played.sort_by_key(|played| played.name);
        played
    })
}

async fn play(file: &'static ScenarioFile) -> Played {
    let name = file.name;
    let scenario = Scenario::parse(file.text).unwrap_or_else(|error| panic!("{name}: {error}"));
    let lab = lab::start(&scenario).await.unwrap();
    let events = journeys::run(&scenario, &lab, None).await;
    let pages = present(&events);
    Played { name, area: file.area, scenario, events, pages, secrets: lab.secrets.clone() }
}

const LANGS: [Lang; 2] = [Lang::En, Lang::Ko];

pub fn present(events: &[Event]) -> [Presentation; 2] {
    let run = Run::of(events);
    LANGS.map(|lang| Presentation::of(&run, messages(), lang, false))
}

pub fn messages() -> &'static Messages {
    checks::messages()
}

/// The page as it is printed where there is no terminal.
pub fn page(page: &Presentation, verbose: u8) -> String {
    text(page, messages(), TextOptions { verbose, quiet: false, color: false, width: 100 })
}

impl Played {
    /// What it is about: one target, seen from here.
    pub fn target(&self) -> &TargetPage {
        let [target] = &self.pages[0].targets[..] else { panic!("{}: one target", self.name) };
        target
    }

    /// The names of the steps that ended so.
    pub fn steps(&self, status: StepStatus) -> Vec<String> {
        let steps = self.target().views[0].steps.iter();
        steps.filter(|step| step.status == status).map(|step| step.name.clone()).collect()
    }

    /// All findings, and why steps have no fact: by code and evidence.
    pub fn findings(&self) -> Vec<Finding> {
        self.events.iter().filter_map(|event| event.kind.finding().cloned()).collect()
    }
}

pub fn codes(causes: &[CausePage]) -> Vec<String> {
    causes.iter().map(|cause| cause.told.code.clone()).collect()
}
