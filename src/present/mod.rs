//! The presentation: report, verdict and messages, resolved once. Every format lays out the same
//! presentation.

mod cluster;
mod credentials;
mod groups;
mod headline;
pub(crate) mod last_sentence;
pub(crate) mod message;
pub(crate) mod reference;
mod resolve;

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::Arc,
};

pub(crate) use credentials::CredentialLine;
pub use groups::{Group, GroupsPage, Running};

use checks::compared::Separator;
use checks::kit::{
    engine::{EventKind, Severity, StepEnd, Vantage},
    messages::{FilledFix, Lang},
};
use checks::steps;
use jiff::Timestamp;
use serde_json::{Map, Value};

use crate::{
    exit::Exit,
    verdict::{Outcome, SideBySide, StepStatus},
};

/// What commands call this program, where nobody calls it otherwise.
pub(crate) const OWN_NAME: &str = "check-acr";

/// Everything that a format shows, in one language.
pub struct Presentation {
    /// What the user types to call this program: `check-acr`, or `kubectl check-acr`.
    pub called: &'static str,
    /// The language of the texts.
    pub lang: Lang,
    /// How the program exits.
    pub exit: Exit,
    /// The version of check-acr that made the run.
    pub tool: String,
    /// When the run began.
    pub started_at: Option<Timestamp>,
    /// The duration of the run in milliseconds.
    pub took_ms: u64,
    /// One page for each target.
    pub targets: Vec<TargetPage>,
    /// The pods that wait, by cause, where the run began from pods.
    pub groups: Option<GroupsPage>,
}

/// What is shown of one target.
pub struct TargetPage {
    /// The target's id in events.
    pub id: String,
    /// The target as parsed.
    pub target: Map<String, Value>,
    /// Whether the image can be pulled.
    pub can: Outcome,
    /// The exit code for this target alone.
    pub exit: Exit,
    /// The headline.
    pub headline: String,
    /// The findings that stop the pull.
    pub causes: Vec<CausePage>,
    /// The findings that leave the result open.
    pub could_not_tell: Vec<CausePage>,
    /// The findings that do not stop the pull now but will later.
    pub warnings: Vec<CausePage>,
    /// One page for each vantage.
    pub views: Vec<ViewPage>,
    /// This machine, a node and a pod on it side by side, where several of these looked.
    pub side_by_side: Option<SideBySide>,
    /// What the pods that manifests describe present, and their nodes.
    pub credentials: Vec<CredentialLine>,
}

/// A finding with its texts.
#[derive(Clone)]
pub struct Told {
    /// The code.
    pub code: String,
    /// The severity here: a finding that explains an error is an error.
    pub severity: Severity,
    /// The failure modes that it settles.
    pub modes: &'static [&'static str],
    /// The title: one plain fact.
    pub title: String,
    /// What was observed.
    pub saw: Option<String>,
    /// What it means.
    pub why: Option<String>,
    /// What to do about it.
    pub fixes: Vec<FilledFix>,
    /// What proves it.
    pub evidence: Map<String, Value>,
}

/// A reported finding and the vantages that saw it.
pub struct CausePage {
    /// The finding, as the first view has it.
    pub told: Told,
    /// The step that found it.
    pub step: String,
    /// The vantages that saw it, each with its evidence.
    pub seen: Vec<(Vantage, Map<String, Value>)>,
    /// The codes that it explains and the steps that it blocks.
    pub consequences: Vec<String>,
    /// What separates the nodes that saw it from those that can pull.
    pub separators: Vec<Separator>,
    /// The workloads of pods that it is about, by their places; all that are on these nodes where it does
    /// not say.
    pub workloads: Option<BTreeSet<usize>>,
}

/// What is shown of one view.
pub struct ViewPage {
    /// The vantage.
    pub from: Vantage,
    /// The host or pod on which the program ran.
    pub host: Option<String>,
    /// The identity that signed in there, if known.
    pub identity: Option<String>,
    /// The labels of the node.
    pub labels: BTreeMap<String, String>,
    /// Whether that vantage can pull.
    pub can: Outcome,
    /// The steps of the view.
    pub steps: Vec<StepPage>,
}

/// What is shown of one step.
pub struct StepPage {
    /// The step's name.
    pub name: String,
    /// The step's question.
    pub asks: Option<String>,
    /// The steps whose facts it uses.
    pub after: Arc<[String]>,
    /// How the step ended, as it was told; thousands of views share what they saw.
    pub end: Option<Arc<StepEnd>>,
    /// How that is judged.
    pub status: StepStatus,
    /// Whether the step began but the recording stops before its end.
    pub is_cut_short: bool,
    /// The step's result line: what it saw, why it was skipped, or what it waits for.
    pub said: String,
    /// Whether its pass is worth a line of its own on the first page.
    pub is_news: bool,
    /// The duration in milliseconds; 0 for a step that did not run.
    pub took_ms: u64,
    /// For a blocked step, the step that returned no fact.
    pub by: Option<String>,
    /// For a skipped or undetermined step, the reason.
    pub reason: Option<Box<Told>>,
    /// The step's findings, the worst first.
    pub findings: Vec<FindingPage>,
    /// The step's requests and responses.
    pub exchanges: Vec<EventKind>,
}

/// A finding of a step.
pub struct FindingPage {
    /// The finding.
    pub told: Told,
    /// The code of the cause that explains it.
    pub because: Option<String>,
}

impl StepPage {
    /// Returns what a step that passed saw.
    pub fn saw(&self) -> Option<&Map<String, Value>> {
        match self.end.as_deref() {
            Some(StepEnd::Passed { saw }) if self.status == StepStatus::Passed => Some(saw),
            _ => None,
        }
    }
}

impl ViewPage {
    /// Counts the steps with this status.
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

    /// Returns whether a registry was named and no image, so that signing in is all that is asked.
    pub fn only_sign_in(&self) -> bool {
        self.text("registry").is_some() && self.text("image").is_none()
    }

    /// Returns whether the target is what was looked at, and not an image.
    pub fn is_scope(&self) -> bool {
        self.target.contains_key("scope")
    }

    /// Returns a number that was seen of the pods: how many `pods` there are, how many are `waiting`.
    fn count_of_pods(&self, name: &str) -> Option<u64> {
        let steps = self.views.iter().flat_map(|view| &view.steps);
        let mut saw = steps.filter(|step| step.name == steps::POD.name);
        saw.find_map(|step| step.saw()?.get(name)?.as_u64())
    }

    /// Returns a text of the target: `registry`, `image`.
    pub fn text(&self, name: &str) -> Option<&str> {
        self.target.get(name).and_then(Value::as_str)
    }
}
