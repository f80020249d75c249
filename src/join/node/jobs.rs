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
        ChosenNode, JobProblem, Kube, KubeError, KubeRequest, ListParams, Pod, PodStage, Watch,
        WatchEvent, WatchParams, WorkloadKind,
    },
    net::Fault,
};
use futures::{
    channel::mpsc::{Receiver, Sender, channel},
    future::join,
};
use jiff::Timestamp;
use serde_json::Value;
use tokio::{
    sync::Notify,
    time::{Instant, sleep, sleep_until, timeout},
};

use super::{
    carried::Packages,
    graft::Grafter,
    manifest::{JobSettings, Start},
    reading::Ended,
};

/// How long a server may keep a watch open; kube allows less than five minutes.
const WATCH_SECONDS: u32 = 280;
/// The pause before a watch that broke is begun again.
const WATCH_PAUSE: Duration = Duration::from_millis(500);
/// How long a watch may say nothing before the pods are listed beside it.
const WATCH_SILENCE: Duration = Duration::from_secs(10);
/// The pause between lists of the pods, where they cannot be watched.
const LIST_PAUSE: Duration = Duration::from_secs(2);
/// How often in a row the API may refuse to tell of the pods.
const MAX_REFUSED: usize = 3;
/// How many pods a page of them has.
const PAGE: u32 = 500;
/// How long a list of the pods may take.
const LIST_WAIT: Duration = Duration::from_secs(20);
/// How long the last look at the pods may take, and reading their results.
const READ_WAIT: Duration = Duration::from_secs(60);
/// How many pods may have ended whose results are not read yet, before the next one waits.
const MAX_UNREAD: usize = 64;
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
    /// The fields of a pod of which it was said that the cluster changes them.
    pub(super) rewritten: RefCell<Vec<String>>,
    /// What is known of each node's Job.
    pub(super) slots: RefCell<Vec<Slot>>,
    /// Whether the Job that owns the others was asked to be created, and may exist.
    pub(super) may_own: Cell<bool>,
    /// How many Jobs exist.
    pub(super) created: Cell<usize>,
    /// Where pods that ended go.
    pub(super) ended: Sender<Unread>,
    open: Cell<usize>,
    reported: Cell<usize>,
    changed: Notify,
    progressed: Cell<Instant>,
}

/// A pod that ended, whose result is to be read.
pub(super) struct Unread {
    /// The number of its node.
    pub(super) number: usize,
    /// Its name.
    pub(super) pod: String,
    /// What it left.
    pub(super) ended: Ended,
}

/// What is known of the Job of a node.
#[derive(Debug, Default)]
pub(super) struct Slot {
    /// Its id, once it exists.
    pub(super) id: Option<String>,
    /// What starts the agent in its pod.
    pub(super) start: Option<Rc<Start>>,
    /// The pods that were seen before its creation was answered.
    pub(super) early: Vec<Pod>,
    /// The id of its pod that was compared with what was asked for.
    pub(super) compared: Option<String>,
    /// How far its pod is.
    pub(super) stage: PodStage,
    /// When its creation was answered.
    pub(super) created: Option<Instant>,
    /// How often events of a kind that may pass had happened, and when last.
    pub(super) happened: BTreeMap<String, (i64, Option<Timestamp>)>,
    /// What Kubernetes last said of its pod, which has not started.
    pub(super) said: Option<(String, String)>,
    /// Whether its pod ended, and what it left is being read.
    pub(super) has_ended: bool,
    /// Whether its node reported, or will not.
    pub(super) is_settled: bool,
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
        rewritten: &[String],
        tell: Tell,
    ) -> (Self, Receiver<Unread>) {
        let (ended, unread) = channel(MAX_UNREAD);
        let jobs = Self {
            cx,
            kube,
            settings,
            nodes,
            grafter,
            packages,
            rewritten: RefCell::new(rewritten.to_vec()),
            tell,
            slots: RefCell::new(nodes.iter().map(|_| Slot::default()).collect()),
            may_own: Cell::default(),
            created: Cell::default(),
            ended,
            open: Cell::new(nodes.len()),
            reported: Cell::default(),
            changed: Notify::new(),
            progressed: Cell::new(Instant::now()),
        };
        (jobs, unread)
    }

    /// Runs the Jobs until every node has reported or will not, until nothing has happened for that
    /// long, or until `stop` is notified; then deletes them. `unread` is what `new` gave.
    pub(super) async fn run(
        &self,
        unread: Receiver<Unread>,
        wait: Duration,
        stop: &Notify,
        keep: bool,
    ) -> Outcome {
        let looking = async {
            tokio::select! {
                // It ends when all nodes are settled.
                () = self.look_at_events() => return,
                _ = join(self.create_all(), self.follow()) => {}
                () = self.stalled(wait) => {}
            }
            self.give_up().await;
        };
        tokio::select! {
            () = looking => {}
            () = self.read_results(unread) => {}
            () = stop.notified() => {}
        }
        let deleted = if keep { 0 } else { self.delete_all().await };
        Outcome { created: self.created.get(), reported: self.reported.get(), deleted }
    }

    pub(super) fn jobs(&self) -> KubeRequest {
        KubeRequest::new(WorkloadKind::Job.path(&self.settings.namespace))
    }

    pub(super) fn pods(&self) -> KubeRequest {
        KubeRequest::new(WorkloadKind::Pod.path(&self.settings.namespace))
    }

    /// Notes what came of a node, once.
    pub(super) fn settle(&self, number: usize, result: Result<Vec<Event>, JobProblem>) {
        let was_settled = {
            let slot = &mut self.slots.borrow_mut()[number];
            std::mem::replace(&mut slot.is_settled, true)
        };
        if was_settled {
            return;
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
        self.changed.notify_waiters();
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

    /// Waits until every result is read of the pods that were seen to end.
    async fn all_read(&self) {
        let is_open = |slot: &Slot| slot.has_ended && !slot.is_settled;
        while self.slots.borrow().iter().any(is_open) {
            self.changed.notified().await;
        }
    }

    /// Follows the pods until all nodes have reported, or the API refuses to tell of them.
    async fn follow(&self) {
        let (mut version, mut refused) = ("0".to_owned(), 0);
        while self.open.get() > 0 && refused < MAX_REFUSED {
            let params =
                WatchParams::default().labels(&self.settings.selector()).timeout(WATCH_SECONDS);
            let Ok(request) = self.pods().watch(&params, &version) else { return };
            let told = match self.kube.watch::<Pod>(self.cx, request).await {
                Ok(watch) => self.take_changes(watch, &mut version).await,
                Err(error) => {
                    // The version is too old: begin with what there is now.
                    if error.status() == Some(410) {
                        "0".clone_into(&mut version);
                    }
                    false
                }
            };
            if told {
                self.pause(WATCH_PAUSE).await;
                continue;
            }
            // Some servers between tell no changes, but answer.
            let is_refused = self.look_once().await.is_err_and(|error| is_refusal(&error));
            refused = if is_refused { refused + 1 } else { 0 };
            self.pause(LIST_PAUSE).await;
        }
    }

    /// Waits that long, or until all nodes have reported.
    async fn pause(&self, pause: Duration) {
        let _ = timeout(pause, self.all_settled()).await;
    }

    /// Takes the changes of a watch until it ends, or until all nodes have reported. Returns whether it
    /// told any.
    async fn take_changes(&self, mut watch: Watch<Pod>, version: &mut String) -> bool {
        let mut told = false;
        loop {
            let change = tokio::select! {
                change = watch.next() => change,
                () = self.all_settled() => return told,
                () = sleep(WATCH_SILENCE) => {
                    // A connection that died tells nothing, and a proxy may hold changes back.
                    let _ = self.look_once().await;
                    continue;
                }
            };
            match change {
                Ok(Some(WatchEvent::Added(pod) | WatchEvent::Modified(pod))) => {
                    version.clone_from(&pod.metadata.resource_version);
                    self.take(&pod).await;
                }
                Ok(Some(WatchEvent::Deleted(pod))) => {
                    version.clone_from(&pod.metadata.resource_version);
                    self.pod_deleted(&pod).await;
                }
                Ok(Some(WatchEvent::Bookmark(mark))) => {
                    *version = mark.metadata.resource_version;
                }
                // The version is too old: begin with what there is now.
                Ok(Some(WatchEvent::Error(_))) => {
                    "0".clone_into(version);
                    return false;
                }
                Ok(None) | Err(_) => return told,
            }
            told = true;
        }
    }

    /// Lists the pods, and takes the state of each. Their specs are not held: there may be thousands.
    async fn look_once(&self) -> Result<(), KubeError> {
        let path = WorkloadKind::Pod.path(&self.settings.namespace);
        let params = ListParams::default().labels(&self.settings.selector()).limit(PAGE);
        let mut seen = vec![];
        let listing = self.kube.each(self.cx, &path, params, |mut pod: Pod| {
            if let Some(number) = self.admit(&pod) {
                pod.spec = Value::Null;
                seen.push((number, pod));
            }
        });
        let listed = timeout(LIST_WAIT, listing).await;
        listed.unwrap_or(Err(KubeError::Broken(Fault::TimedOut)))?;
        for (number, pod) in &seen {
            self.take_state(*number, pod).await;
        }
        Ok(())
    }

    /// Lists the pods once more, as a watch may have fallen silent; then says of each node that has not
    /// reported how far its pod was seen to be.
    async fn give_up(&self) {
        if self.open.get() == 0 {
            return;
        }
        let reading = async {
            let unseen = self.look_once().await.err().map(|error| error.said());
            self.all_read().await;
            unseen
        };
        let unseen = timeout(READ_WAIT, reading).await.ok().flatten();
        for number in 0..self.nodes.len() {
            let (said, stage) = {
                let slot = &mut self.slots.borrow_mut()[number];
                (slot.said.take(), slot.stage)
            };
            let why = match said {
                Some((reason, said)) => JobProblem::NotStarted { reason, said },
                None => JobProblem::Stalled { stage, said: unseen.clone() },
            };
            self.settle(number, Err(why));
        }
    }
}

/// Returns whether the API refuses, and will again.
fn is_refusal(error: &KubeError) -> bool {
    error.status().is_some_and(|status| (400..500).contains(&status) && status != 429)
}
