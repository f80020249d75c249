//! Runs all scenarios once, and keeps their events and how they are shown in both languages.
#![allow(clippy::unwrap_used, unreachable_pub, reason = "a test that panics has failed")]

mod elsewhere;

use std::sync::OnceLock;

use check_acr::{CausePage, FixForm, Presentation, Run, StepStatus, TargetPage, TextOptions, text};
use checks::kit::{
    engine::{Event, Finding},
    messages::{Lang, Messages},
};
use futures::stream::{self, StreamExt};
use lab::{Scenario, ScenarioFile};

use super::journeys;
#[allow(unused_imports, reason = "each user takes its own part")]
pub use elsewhere::ELSEWHERE;

/// A scenario and the events of its run.
pub struct Played {
    pub name: &'static str,
    pub area: &'static str,
    pub scenario: Scenario,
    pub events: Vec<Event>,
    /// The presentations in English and in Korean.
    pub pages: [Presentation; 2],
    pub secrets: Vec<String>,
}

/// Runs all scenarios in parallel, once.
pub fn played() -> &'static [Played] {
    static PLAYED: OnceLock<Vec<Played>> = OnceLock::new();
    PLAYED.get_or_init(|| {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        // Limits parallel runs: on a loaded machine a healthy server must not appear to time out.
        let plays = lab::scenarios().iter().map(play);
        let mut played: Vec<Played> =
            runtime.block_on(stream::iter(plays).buffer_unordered(16).collect());
        // Those with several images are judged in tests/pods.rs.
        played.retain(|played| played.pages[0].targets.len() == 1);
        played.sort_by_key(|played| played.name);
        played
    })
}

async fn play(file: &'static ScenarioFile) -> Played {
    let name = file.name;
    let scenario = Scenario::parse(file.text).unwrap_or_else(|error| panic!("{name}: {error}"));
    let lab = lab::start(&scenario).await.unwrap();
    let events = if scenario.views.is_empty() {
        journeys::run(&scenario, &lab, None).await
    } else {
        journeys::run_views(&scenario).await
    };
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

/// Returns the page as it is printed without a terminal.
pub fn page(page: &Presentation, verbose: u8) -> String {
    text(
        page,
        messages(),
        TextOptions { verbose, quiet: false, fix_as: FixForm::Az, color: false, width: 100 },
    )
}

impl Played {
    /// Returns the only target, seen from here.
    pub fn target(&self) -> &TargetPage {
        let [target] = &self.pages[0].targets[..] else { panic!("{}: one target", self.name) };
        target
    }

    /// Returns the names of the steps with this status.
    pub fn steps(&self, status: StepStatus) -> Vec<String> {
        let steps = self.target().views[0].steps.iter();
        steps.filter(|step| step.status == status).map(|step| step.name.clone()).collect()
    }

    /// Returns all findings and the reasons of steps without a fact, by code and evidence; then what
    /// only a comparison of views shows.
    pub fn findings(&self) -> Vec<Finding> {
        let mut all: Vec<Finding> =
            self.events.iter().filter_map(|event| event.kind.finding().cloned()).collect();
        let target = self.target();
        for cause in
            [&target.causes, &target.warnings, &target.could_not_tell].into_iter().flatten()
        {
            let told = &cause.told;
            if all.iter().all(|known| known.code != told.code) {
                let (code, evidence) = (told.code.clone(), told.evidence.clone());
                all.push(Finding { code, severity: told.severity, evidence });
            }
        }
        all
    }
}

pub fn codes(causes: &[CausePage]) -> Vec<String> {
    causes.iter().map(|cause| cause.told.code.clone()).collect()
}
