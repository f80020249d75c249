//! The presentation: report, verdict and messages, resolved once. Every format lays out the same one.

mod headline;
mod resolve;

use checks::kit::{
    engine::{EventKind, Severity, Vantage},
    messages::{FilledFix, Lang},
};
use jiff::Timestamp;
use serde_json::{Map, Value};

use crate::{
    exit::Exit,
    verdict::{Outcome, StepStatus},
};

/// Everything that a format shows, in one language.
pub struct Presentation {
    /// The language of its texts.
    pub lang: Lang,
    /// How the program ends.
    pub exit: Exit,
    /// The version of the program that looked.
    pub tool: String,
    /// When the run began.
    pub started_at: Option<Timestamp>,
    /// How long it took, in milliseconds.
    pub took_ms: u64,
    /// One for each target.
    pub targets: Vec<TargetPage>,
}

/// What is shown of one target.
pub struct TargetPage {
    /// What events call it.
    pub id: String,
    /// The target, as it was understood.
    pub target: Map<String, Value>,
    /// What is certain.
    pub can: Outcome,
    /// The exit code for this target alone.
    pub exit: Exit,
    /// The one sentence that is true.
    pub headline: String,
    /// Why not.
    pub causes: Vec<CausePage>,
    /// What could not be told.
    pub could_not_tell: Vec<CausePage>,
    /// What works and will fail later.
    pub warnings: Vec<CausePage>,
    /// One for each vantage.
    pub views: Vec<ViewPage>,
}

/// A finding with its texts.
#[derive(Clone)]
pub struct Told {
    /// The code.
    pub code: String,
    /// How much it matters here: what explains an error is one.
    pub severity: Severity,
    /// The failure modes that it settles.
    pub modes: &'static [&'static str],
    /// One plain fact.
    pub title: String,
    /// What was seen.
    pub saw: Option<String>,
    /// What it means.
    pub why: Option<String>,
    /// What to do.
    pub fixes: Vec<FilledFix>,
    /// What proves it.
    pub evidence: Map<String, Value>,
}

/// A finding that counts, and who saw it.
pub struct CausePage {
    /// The finding, as the first view has it.
    pub told: Told,
    /// The step that found it.
    pub step: String,
    /// Who saw it, and with which evidence.
    pub seen: Vec<(Vantage, Map<String, Value>)>,
    /// Codes that it explains, and steps that it blocks.
    pub consequences: Vec<String>,
}

/// What is shown of one view.
pub struct ViewPage {
    /// Who looked.
    pub from: Vantage,
    /// The host or pod on which the program ran.
    pub host: Option<String>,
    /// Who signed in there, where that is known.
    pub identity: Option<String>,
    /// What is certain from there.
    pub can: Outcome,
    /// Its steps.
    pub steps: Vec<StepPage>,
}

/// What is shown of one step.
pub struct StepPage {
    /// Its name.
    pub name: String,
    /// Its question.
    pub asks: Option<String>,
    /// The steps whose facts it takes.
    pub after: Vec<String>,
    /// How it ended.
    pub status: StepStatus,
    /// Whether it began and the recording ends before it did.
    pub is_cut_short: bool,
    /// What it says of its end: what was seen, why it was skipped, what it waits for.
    pub said: String,
    /// How long it took, in milliseconds; nothing where it was not run.
    pub took_ms: u64,
    /// Of a step that passed: what that rests on.
    pub saw: Option<Map<String, Value>>,
    /// Of a blocked step: the step that gave no fact.
    pub by: Option<String>,
    /// Of a step that was skipped or could not tell: why.
    pub reason: Option<Told>,
    /// What it found, the worst first.
    pub findings: Vec<FindingPage>,
    /// What it asked, and what came back.
    pub exchanges: Vec<EventKind>,
}

/// A finding of a step.
pub struct FindingPage {
    /// The finding.
    pub told: Told,
    /// The code of the cause that explains it.
    pub because: Option<String>,
}

impl ViewPage {
    /// Counts the steps that ended so.
    pub fn count(&self, status: StepStatus) -> usize {
        self.steps.iter().filter(|step| step.status == status).count()
    }
}

impl TargetPage {
    /// Returns what was asked for: the image at its registry, the registry alone, else what was
    /// typed.
    pub fn asked(&self) -> String {
        match (self.text("registry"), self.text("image")) {
            (Some(registry), Some(image)) => format!("{registry}/{image}"),
            (Some(registry), None) => registry.to_owned(),
            _ => self.id.clone(),
        }
    }

    /// Returns a text of the target: `registry`, `image`.
    pub fn text(&self, name: &str) -> Option<&str> {
        self.target.get(name).and_then(Value::as_str)
    }
}
