//! The Jobs of a run: follows their pods, and takes their results.

use std::{
    cell::{Cell, RefCell},
    collections::BTreeMap,
    rc::Rc,
    time::Duration,
};

use checks::kit::{
    Cx,
    engine::Event,
    kube::{
        ChosenNode, JobProblem, Kube, KubeError, KubeRequest, LogParams, Pod, WatchEvent,
        WatchParams,
    },
    net::Fault,
    sanitize_text,
};
use futures::future::join3;
use tokio::{
    sync::Notify,
    time::{Instant, sleep, sleep_until, timeout},
};

use super::{
    carried::Packages,
    graft::Grafter,
    manifest::{JobSettings, NUMBER},
    reading::{Progress, read_pod},
};
use crate::join::termination::{NoEvents, decode, events_of_log};

/// How long a server may keep a watch open; kube allows less than five minutes.
const WATCH_SECONDS: u32 = 280;
/// The pause before a watch that broke is begun again.
const WATCH_PAUSE: Duration = Duration::from_millis(500);
/// How long a log may take.
const LOG_WAIT: Duration = Duration::from_secs(30);
/// Whom each result is told.
pub(super) type Tell = Rc<dyn Fn(Event)>;

/// The Jobs of a run.
pub(super) struct Jobs<'a> {
    pub(super) cx: &'a Cx,
    pub(super) kube: &'a Kube,
    pub(super) settings: &'a JobSettings,
    pub(super) nodes: &'a [ChosenNode],
    pub(super) grafter: &'a Grafter,
    pub(super) tell: Tell,
    pub(super) packages: &'a Packages,
    pub(super) states: Vec<Cell<State>>,
    /// The Jobs that own what carries the agent, as far as they may exist.
    pub(super) carriers: RefCell<Vec<String>>,
    /// The ids of the Jobs that exist.
    pub(super) ids: RefCell<Vec<Option<String>>>,
    /// The pods that were seen before the creation of their Jobs was answered.
    pub(super) early: RefCell<BTreeMap<usize, Pod>>,
    /// Whether pods have started.
    pub(super) has_run: Vec<Cell<bool>>,
    /// What Kubernetes last said of a pod that has not started.
    pub(super) said: RefCell<Vec<Option<(String, String)>>>,
    open: Cell<usize>,
    reported: Cell<usize>,
    pub(super) deleted: Cell<usize>,
    /// Those that are not needed any more, and what waits for them.
    pub(super) done_with: RefCell<Vec<usize>>,
    pub(super) is_done_with: Notify,
    changed: Notify,
    pub(super) began: Instant,
    progressed: Cell<Instant>,
}

/// How far a Job is.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) enum State {
    /// It is not created.
    Planned,
    /// It was asked to be created, and may exist.
    Begun,
    /// It exists.
    Created,
    /// Its node reported, or will not.
    Settled(Left),
}

/// What there is of a Job whose node has reported, or will not.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) enum Left {
    /// It was not created.
    Nothing,
    /// Its creation was not answered yet.
    Begun,
    /// It exists.
    Created,
    /// It was deleted.
    Deleted,
}

impl State {
    /// Returns whether the Job was, as far as is known, or may have been, created.
    fn was_begun(self) -> bool {
        !matches!(self, Self::Planned | Self::Settled(Left::Nothing))
    }
}

/// What became of the Jobs.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Outcome {
    pub(super) created: usize,
    pub(super) reported: usize,
    pub(super) deleted: usize,
}

impl<'a> Jobs<'a> {
    pub(super) fn new(
        (cx, kube): (&'a Cx, &'a Kube),
        settings: &'a JobSettings,
        nodes: &'a [ChosenNode],
        grafter: &'a Grafter,
        packages: &'a Packages,
        tell: Tell,
    ) -> Self {
        Self {
            cx,
            kube,
            settings,
            nodes,
            grafter,
            packages,
            tell,
            states: nodes.iter().map(|_| Cell::new(State::Planned)).collect(),
            carriers: RefCell::default(),
            ids: RefCell::new(vec![None; nodes.len()]),
            early: RefCell::default(),
            has_run: vec![Cell::new(false); nodes.len()],
            said: RefCell::new(vec![None; nodes.len()]),
            open: Cell::new(nodes.len()),
            reported: Cell::default(),
            deleted: Cell::default(),
            done_with: RefCell::default(),
            is_done_with: Notify::new(),
            changed: Notify::new(),
            began: Instant::now(),
            progressed: Cell::new(Instant::now()),
        }
    }

    /// Runs the Jobs until every node has reported or will not, until nothing has happened for that
    /// long, or until `stop` is notified; then deletes them.
    pub(super) async fn run(&self, wait: Duration, stop: &Notify, keep: bool) -> Outcome {
        let working = join3(self.create_all(), self.follow(), self.look_at_events());
        let is_stopped = tokio::select! {
            _ = working => false,
            () = self.delete_each(), if !keep => false,
            () = self.stalled(wait) => false,
            () = stop.notified() => true,
        };
        if !is_stopped {
            for number in 0..self.nodes.len() {
                let why = self.said.borrow()[number].clone();
                let why = why.map_or_else(
                    || JobProblem::NoResult { said: "timed-out".to_owned() },
                    |(reason, said)| JobProblem::NotStarted { reason, said },
                );
                self.settle(number, Err(why));
            }
        }
        if !keep {
            self.delete_rest().await;
        }
        let created = self.states.iter().filter(|state| state.get().was_begun()).count();
        let created = created + self.carriers.borrow().len();
        Outcome { created, reported: self.reported.get(), deleted: self.deleted.get() }
    }

    pub(super) fn jobs(&self) -> KubeRequest {
        KubeRequest::new(format!("/apis/batch/v1/namespaces/{}/jobs", self.settings.namespace))
    }

    fn pods(&self) -> KubeRequest {
        KubeRequest::new(format!("/api/v1/namespaces/{}/pods", self.settings.namespace))
    }

    /// Notes what came of a node, once.
    pub(super) fn settle(&self, number: usize, result: Result<Vec<Event>, JobProblem>) {
        let left = match self.states[number].get() {
            State::Settled(_) => return,
            State::Planned => Left::Nothing,
            State::Begun => Left::Begun,
            State::Created => Left::Created,
        };
        self.states[number].set(State::Settled(left));
        if left == Left::Created {
            self.be_done_with(number);
        }
        self.note_progress();
        let node = &self.nodes[number];
        let events = match result {
            Ok(events) => {
                self.reported.set(self.reported.get() + 1);
                self.grafter.graft(node, events)
            }
            Err(why) => self.grafter.silent(node, &why),
        };
        events.into_iter().for_each(|event| (self.tell)(event));
        self.open.set(self.open.get() - 1);
        if self.open.get() == 0 {
            self.changed.notify_waiters();
        }
    }

    /// Notes that something happened: a Job was created, or a node reported. Thousands of nodes take
    /// long, and as long as they report nobody need give up.
    pub(super) fn note_progress(&self) {
        self.progressed.set(Instant::now());
    }

    async fn stalled(&self, wait: Duration) {
        loop {
            let until = self.progressed.get() + wait;
            sleep_until(until).await;
            if self.progressed.get() + wait <= until {
                return;
            }
        }
    }

    pub(super) async fn all_settled(&self) {
        while self.open.get() > 0 {
            self.changed.notified().await;
        }
    }

    /// Follows the pods until all nodes have reported.
    async fn follow(&self) {
        let mut version = "0".to_owned();
        while self.open.get() > 0 {
            let params =
                WatchParams::default().labels(&self.settings.selector()).timeout(WATCH_SECONDS);
            let Ok(request) = self.pods().watch(&params, &version) else { return };
            let Ok(mut watch) = self.kube.watch::<Pod>(self.cx, request).await else {
                sleep(WATCH_PAUSE).await;
                continue;
            };
            loop {
                let change = tokio::select! {
                    change = watch.next() => change,
                    () = self.all_settled() => return,
                };
                match change {
                    Ok(Some(WatchEvent::Added(pod) | WatchEvent::Modified(pod))) => {
                        version.clone_from(&pod.metadata.resource_version);
                        self.take(&pod).await;
                    }
                    Ok(Some(WatchEvent::Deleted(pod))) => {
                        version.clone_from(&pod.metadata.resource_version);
                        self.is_gone(&pod);
                    }
                    Ok(Some(WatchEvent::Bookmark(mark))) => {
                        version = mark.metadata.resource_version;
                    }
                    // The version is too old: begin with what there is now.
                    Ok(Some(WatchEvent::Error(_))) => {
                        "0".clone_into(&mut version);
                        break;
                    }
                    Ok(None) | Err(_) => break,
                }
            }
            sleep(WATCH_PAUSE).await;
        }
    }

    /// Returns the number of the Job that made this pod. Anybody may give a pod our labels.
    fn number(&self, pod: &Pod) -> Option<usize> {
        let number = pod.metadata.labels.get(NUMBER)?.parse().ok()?;
        let ids = self.ids.borrow();
        let id = ids.get::<usize>(number)?.as_ref()?;
        pod.metadata.owner_references.iter().any(|owner| owner.uid == *id).then_some(number)
    }

    /// Takes the state of a pod.
    pub(super) async fn take(&self, pod: &Pod) {
        let Some(number) = self.number(pod) else { return self.keep_early(pod) };
        if matches!(self.states[number].get(), State::Settled(_)) {
            return;
        }
        let (node, placed) = (&self.nodes[number].name, &pod.spec.node_name);
        if !placed.is_empty() && placed != node {
            let fields = vec!["nodeName".to_owned()];
            return self.settle(number, Err(JobProblem::ViewRewritten { fields }));
        }
        match read_pod(pod, self.settings.request.image.is_some()) {
            Progress::Waits => {}
            Progress::Runs => {
                self.has_run[number].set(true);
                self.said.borrow_mut()[number] = None;
            }
            Progress::Fails(why) => self.settle(number, Err(why)),
            Progress::Ended { message, reason, exit_code } => {
                let result = self.result(pod, &message, reason, exit_code).await;
                self.settle(number, result);
            }
        }
    }

    async fn result(
        &self,
        pod: &Pod,
        message: &str,
        reason: String,
        exit_code: i32,
    ) -> Result<Vec<Event>, JobProblem> {
        let events = match decode(message) {
            Ok(events) => events,
            Err(NoEvents::InLog) => {
                let failed = |error: KubeError| JobProblem::NoResult { said: error.said() };
                let request = self.pods().logs(&pod.metadata.name, &LogParams::default());
                let request = request.map_err(|error| failed(error.into()))?;
                // The other nodes' pods wait meanwhile.
                let log = timeout(LOG_WAIT, self.kube.text(self.cx, request)).await;
                let log = log.unwrap_or(Err(KubeError::Broken(Fault::TimedOut))).map_err(failed)?;
                events_of_log(log.as_bytes())
            }
            Err(NoEvents::NotOurs(_)) => return Err(JobProblem::EndedEarly { reason, exit_code }),
            Err(NoEvents::Damaged(said)) => return Err(JobProblem::NoResult { said }),
        };
        let node = self.number(pod).and_then(|number| self.nodes.get(number));
        if node.is_some_and(|node| self.grafter.is_whole(node, &events)) {
            return Ok(events);
        }
        Err(JobProblem::EndedEarly { reason, exit_code })
    }

    /// Keeps a pod that says that it is of a Job whose creation is not answered yet.
    fn keep_early(&self, pod: &Pod) {
        let number = pod.metadata.labels.get(NUMBER).and_then(|number| number.parse().ok());
        let is_begun = |number: &usize| {
            self.states.get(*number).is_some_and(|state| state.get() == State::Begun)
        };
        if let Some(number) = number.filter(is_begun) {
            self.early.borrow_mut().insert(number, pod.clone());
        }
    }

    /// Notes that a pod was deleted before it reported.
    fn is_gone(&self, pod: &Pod) {
        let Some(number) = self.number(pod) else { return };
        let (reason, said) = ("Deleted".to_owned(), sanitize_text(&pod.status.message));
        let why = if self.has_run[number].get() {
            JobProblem::EndedEarly { reason, exit_code: 137 }
        } else {
            JobProblem::NotStarted { reason, said }
        };
        self.settle(number, Err(why));
    }
}
