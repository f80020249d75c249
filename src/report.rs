//! The report: events, folded into the views of each target.

use std::{
    collections::{BTreeMap, HashMap, HashSet},
    sync::Arc,
};

use checks::kit::{
    engine::{Event, EventKind, Finding, RunProblem, StepEnd, Vantage},
    kube::ImagePods,
    target::ManifestUses,
};
use jiff::Timestamp;
use serde_json::{Map, Value};

/// The limits on steps and findings of one view, many times what a run has. A recording is
/// untrusted input, and each finding is compared with all others of its view.
const MAX_STEPS: usize = 200;
const MAX_FINDINGS: usize = 1000;

/// Everything that one or more runs reported.
#[derive(Debug, Default)]
pub struct Run {
    /// The version of check-acr that made the run.
    pub tool: String,
    /// One report for each target, in the order of the command line.
    pub reports: Vec<Report>,
    /// The times of the first and the last event.
    pub time: Option<(Timestamp, Timestamp)>,
    /// Whether the run was interrupted.
    pub interrupted: bool,
    /// Whether exchanges are kept. With thousands of views they would use most of the memory.
    keeps_exchanges: bool,
    places: HashMap<String, (usize, HashMap<Vantage, usize>)>,
    /// Values that views share: on thousands of nodes, most steps end alike.
    shared: Shared,
}

/// Stores each distinct step end and each distinct list of input steps once.
#[derive(Debug, Default)]
struct Shared {
    ends: HashSet<Arc<StepEnd>>,
    lists: HashSet<Arc<[String]>>,
}

impl Shared {
    fn end(&mut self, end: StepEnd) -> Arc<StepEnd> {
        let end = Arc::new(end);
        if let Some(known) = self.ends.get(&end) {
            return known.clone();
        }
        self.ends.insert(end.clone());
        end
    }

    fn list(&mut self, list: Vec<String>) -> Arc<[String]> {
        let list: Arc<[String]> = list.into();
        if let Some(known) = self.lists.get(&list) {
            return known.clone();
        }
        self.lists.insert(list.clone());
        list
    }
}

/// What was observed for one target.
#[derive(Debug)]
pub struct Report {
    /// The target's id in events: the text that was given.
    pub id: String,
    /// The target as parsed.
    pub target: Map<String, Value>,
    /// One view for each vantage, in the order of their first events.
    pub views: Vec<View>,
}

/// The steps of one target, as one vantage saw them.
#[derive(Debug)]
pub struct View {
    /// The vantage.
    pub vantage: Vantage,
    /// The host or pod on which the program ran.
    pub host: Option<String>,
    /// The labels of the node that it looked from.
    pub labels: BTreeMap<String, String>,
    /// The steps that ran or could have run, in plan order.
    pub steps: Vec<Step>,
    /// The number of findings in all steps.
    findings: usize,
}

/// One step of a view.
#[derive(Debug, Default)]
pub struct Step {
    /// The step's name.
    pub name: String,
    /// The steps whose facts it uses.
    pub after: Arc<[String]>,
    /// Whether the step began.
    pub started: bool,
    /// How the step ended; `None` while it has not.
    pub end: Option<Arc<StepEnd>>,
    /// The duration in milliseconds.
    pub took_ms: u64,
    /// The step's findings.
    pub findings: Vec<Finding>,
    /// The step's requests and responses.
    pub exchanges: Vec<EventKind>,
}

impl Run {
    /// Returns an empty run. `keeps_exchanges` says whether to keep each exchange for display.
    pub fn new(keeps_exchanges: bool) -> Self {
        Self { keeps_exchanges, ..Self::default() }
    }

    /// Folds the events of a run, exchanges included.
    pub fn of<'a>(events: impl IntoIterator<Item = &'a Event>) -> Self {
        let mut run = Self::new(true);
        // A run of this process never exceeds the limits.
        events.into_iter().for_each(|event| run.take(event.clone()).unwrap_or_default());
        run
    }

    /// Adds one event.
    ///
    /// # Errors
    /// Returns the name of the exceeded limit when a view has more steps or findings than any real
    /// run. The event is added anyway, so that a live run loses nothing.
    pub fn take(&mut self, event: Event) -> Result<(), String> {
        let Event { at, target, from, kind, .. } = event;
        self.interrupted |= is_interruption(&kind);
        // The verdict follows from the other events, so it is computed again and never trusted.
        if matches!(kind, EventKind::Verdict { .. }) {
            return Ok(());
        }
        self.time = Some(match self.time {
            None => (at, at),
            Some((first, last)) => (first.min(at), last.max(at)),
        });
        if let EventKind::RunStarted { tool, .. } = &kind {
            self.tool.clone_from(tool);
        }
        let keeps_exchanges = self.keeps_exchanges;
        let mut shared = std::mem::take(&mut self.shared);
        let (report, view) = self.place(&target, from);
        let taken = match kind {
            // Where a recording holds two runs from one vantage, the later one counts.
            EventKind::RunStarted { understood, host, labels, .. } => {
                // Nodes may differ in their platform: the first view's is shown.
                if view == 0 || report.target.is_empty() {
                    report.target = understood;
                }
                let vantage = report.views[view].vantage.clone();
                report.views[view] = View { host, labels, ..View::new(vantage) };
                Ok(())
            }
            kind => report.views[view].take(kind, keeps_exchanges, &mut shared),
        };
        self.shared = shared;
        taken
    }

    /// Finds the view of a target and a vantage, or creates it.
    fn place(&mut self, target: &str, from: Vantage) -> (&mut Report, usize) {
        if !self.places.contains_key(target) {
            self.places.insert(target.to_owned(), (self.reports.len(), HashMap::new()));
            self.reports.push(Report { id: target.to_owned(), target: Map::new(), views: vec![] });
        }
        let Some((place, views)) = self.places.get_mut(target) else {
            unreachable!("it was put there")
        };
        let report = &mut self.reports[*place];
        let view = match views.get(&from) {
            Some(view) => *view,
            None => {
                report.views.push(View::new(from.clone()));
                views.insert(from, report.views.len() - 1);
                report.views.len() - 1
            }
        };
        (report, view)
    }
}

impl Report {
    /// Returns whether the target is an image, not only a login server.
    pub fn has_image(&self) -> bool {
        self.target.contains_key("image")
    }

    /// Returns the pods that wait for the image, where the run began from pods.
    pub fn pods(&self) -> Option<ImagePods> {
        serde_json::from_value(self.target.get("pods")?.clone()).ok()
    }

    /// Returns what manifests say of those who name the image, where the run began from manifests.
    pub fn uses(&self) -> Option<ManifestUses> {
        serde_json::from_value(self.target.get("uses")?.clone()).ok()
    }

    /// Returns whether the target is what was looked at and not an image: no pod waits for one, or
    /// that could not be seen.
    pub fn is_scope(&self) -> bool {
        self.target.contains_key("scope")
    }

    /// Returns whether the target is an image that a digest names: the same at each host.
    pub fn is_by_digest(&self) -> bool {
        let image = self.target.get("image").and_then(|image| image.as_str());
        image.is_some_and(|image| image.contains('@'))
    }
}

impl View {
    fn new(vantage: Vantage) -> Self {
        Self { vantage, host: None, labels: BTreeMap::new(), steps: vec![], findings: 0 }
    }

    /// Returns the step with this name.
    pub fn step(&self, name: &str) -> Option<&Step> {
        self.steps.iter().find(|step| step.name == name)
    }

    fn take(
        &mut self,
        kind: EventKind,
        keeps_exchanges: bool,
        shared: &mut Shared,
    ) -> Result<(), String> {
        let Some(name) = kind.step() else { return Ok(()) };
        let place = match self.steps.iter().position(|step| step.name == name) {
            Some(place) => place,
            None => {
                self.steps.push(Step { name: name.to_owned(), ..Step::default() });
                self.steps.len() - 1
            }
        };
        let step = &mut self.steps[place];
        match kind {
            EventKind::Planned { after, .. } => step.after = shared.list(after),
            EventKind::Started { .. } => step.started = true,
            EventKind::Exchanged { .. } if keeps_exchanges => step.exchanges.push(kind),
            EventKind::Found { finding, .. } => {
                step.findings.push(finding);
                self.findings += 1;
            }
            EventKind::Finished { end, took_ms, .. } => {
                step.end = Some(shared.end(end));
                step.took_ms = took_ms;
            }
            _ => {}
        }
        if self.steps.len() > MAX_STEPS {
            return Err(format!("more than {MAX_STEPS} steps"));
        }
        if self.findings > MAX_FINDINGS {
            return Err(format!("more than {MAX_FINDINGS} findings"));
        }
        Ok(())
    }
}

/// Returns whether the event says that the run was interrupted.
pub(crate) fn is_interruption(kind: &EventKind) -> bool {
    kind.finding().is_some_and(|found| *found == Finding::from(RunProblem::Interrupted {}))
}
