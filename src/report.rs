//! The report: events, folded into the views of each target.

use std::{
    collections::{HashMap, HashSet},
    rc::Rc,
};

use checks::kit::engine::{Event, EventKind, Finding, RunProblem, StepEnd, Vantage};
use jiff::Timestamp;
use serde_json::{Map, Value};

/// The most steps and the most findings of one view: many times as many as a run has. A recording is
/// foreign, and each finding is compared with all others of its view.
const MAX_STEPS: usize = 200;
const MAX_FINDINGS: usize = 1000;

/// Everything that one or more runs told.
#[derive(Debug, Default)]
pub struct Run {
    /// The version of the program that looked.
    pub tool: String,
    /// A report for each target, in the order in which they were asked for.
    pub reports: Vec<Report>,
    /// When the first event happened, and the last.
    pub time: Option<(Timestamp, Timestamp)>,
    /// Whether somebody interrupted it.
    pub interrupted: bool,
    /// Whether exchanges are kept: of thousands of views they are most of the memory.
    keeps_exchanges: bool,
    places: HashMap<String, (usize, HashMap<Vantage, usize>)>,
    /// What views share: thousands of nodes end their steps alike.
    shared: Shared,
}

/// Each step's end, and each list of steps before one, once.
#[derive(Debug, Default)]
struct Shared {
    ends: HashSet<Rc<StepEnd>>,
    lists: HashSet<Rc<[String]>>,
}

impl Shared {
    fn end(&mut self, end: StepEnd) -> Rc<StepEnd> {
        let end = Rc::new(end);
        if let Some(known) = self.ends.get(&end) {
            return known.clone();
        }
        self.ends.insert(end.clone());
        end
    }

    fn list(&mut self, list: Vec<String>) -> Rc<[String]> {
        let list: Rc<[String]> = list.into();
        if let Some(known) = self.lists.get(&list) {
            return known.clone();
        }
        self.lists.insert(list.clone());
        list
    }
}

/// What was seen of one target.
#[derive(Debug)]
pub struct Report {
    /// What events call the target: the text that was given.
    pub id: String,
    /// The target, as it was understood.
    pub target: Map<String, Value>,
    /// One for each vantage, in the order in which they told.
    pub views: Vec<View>,
}

/// The steps of one target, as one vantage saw them.
#[derive(Debug)]
pub struct View {
    /// Who looked.
    pub vantage: Vantage,
    /// The host or pod on which the program ran.
    pub host: Option<String>,
    /// The steps that were run or could have been, in the order of the plan.
    pub steps: Vec<Step>,
    /// How many findings its steps have.
    findings: usize,
}

/// One step of a view.
#[derive(Debug, Default)]
pub struct Step {
    /// Its name.
    pub name: String,
    /// The steps whose facts it takes.
    pub after: Rc<[String]>,
    /// Whether it began.
    pub started: bool,
    /// How it ended; `None` while it has not.
    pub end: Option<Rc<StepEnd>>,
    /// How long it took, in milliseconds.
    pub took_ms: u64,
    /// What it found.
    pub findings: Vec<Finding>,
    /// What it asked, and what came back.
    pub exchanges: Vec<EventKind>,
}

impl Run {
    /// Returns an empty run; `keeps_exchanges` says whether each exchange will be shown.
    pub fn new(keeps_exchanges: bool) -> Self {
        Self { keeps_exchanges, ..Self::default() }
    }

    /// Folds the events of a run, exchanges included.
    pub fn of<'a>(events: impl IntoIterator<Item = &'a Event>) -> Self {
        let mut run = Self::new(true);
        // A run of ours is never refused.
        events.into_iter().for_each(|event| run.take(event.clone()).unwrap_or_default());
        run
    }

    /// Takes one more event.
    ///
    /// # Errors
    /// When a view has more steps or findings than any run has: what it has too many of. The event is taken
    /// all the same, so that a run of ours loses nothing.
    pub fn take(&mut self, event: Event) -> Result<(), String> {
        let Event { at, target, from, kind, .. } = event;
        self.interrupted |= is_interruption(&kind);
        self.time = Some(match self.time {
            None => (at, at),
            Some((first, last)) => (first.min(at), last.max(at)),
        });
        // What a verdict says follows from the rest; it is read again, never trusted.
        if matches!(kind, EventKind::Verdict { .. }) {
            return Ok(());
        }
        if let EventKind::RunStarted { tool, .. } = &kind {
            self.tool.clone_from(tool);
        }
        let keeps_exchanges = self.keeps_exchanges;
        let mut shared = std::mem::take(&mut self.shared);
        let (report, view) = self.place(&target, from);
        let taken = match kind {
            EventKind::RunStarted { understood, host, .. } => {
                report.target = understood;
                report.views[view].host = host;
                Ok(())
            }
            kind => report.views[view].take(kind, keeps_exchanges, &mut shared),
        };
        self.shared = shared;
        taken
    }

    /// Finds the view of a target and a vantage, or begins it.
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
                report.views.push(View {
                    vantage: from.clone(),
                    host: None,
                    steps: vec![],
                    findings: 0,
                });
                views.insert(from, report.views.len() - 1);
                report.views.len() - 1
            }
        };
        (report, view)
    }
}

impl Report {
    /// Whether an image was asked for, not only a login server.
    pub fn has_image(&self) -> bool {
        self.target.contains_key("image")
    }
}

impl View {
    /// Returns a step by its name.
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
        match () {
            () if self.steps.len() > MAX_STEPS => Err(format!("more than {MAX_STEPS} steps")),
            () if self.findings > MAX_FINDINGS => Err(format!("more than {MAX_FINDINGS} findings")),
            () => Ok(()),
        }
    }
}

/// Whether it says that somebody interrupted the run.
fn is_interruption(kind: &EventKind) -> bool {
    kind.finding().is_some_and(|found| *found == Finding::from(RunProblem::Interrupted {}))
}
