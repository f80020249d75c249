//! Deletes the Jobs: each as soon as its node has reported, the rest at the end.

use std::{
    cell::{Cell, RefCell},
    time::Duration,
};

use checks::kit::{
    kube::{DeleteParams, JobProblem, KubeError},
    net::Fault,
};
use futures::{
    StreamExt,
    stream::{self, FuturesUnordered},
};
use serde_json::Value;
use tokio::time::{sleep, timeout};

use super::{
    create::AT_ONCE,
    jobs::{Jobs, Left, State},
};

/// How long deleting may take at the end, and how much longer with each Job.
const DELETE_WAIT: Duration = Duration::from_secs(20);
const EACH_DELETE_WAIT: Duration = Duration::from_millis(100);
/// How often a Job is looked for whose creation was not answered, and the pause between.
const LOOKS_FOR_OPEN: u32 = 6;
const LOOK_PAUSE: Duration = Duration::from_secs(1);

impl Jobs<'_> {
    /// Notes that a Job, which exists, is not needed any more. One whose creation is not answered yet
    /// waits for that: a creation that is repeated would make it anew.
    pub(super) fn be_done_with(&self, number: usize) {
        self.done_with.borrow_mut().push(number);
        self.is_done_with.notify_one();
    }

    /// Deletes each Job that is not needed any more, while others still run. It never ends by itself.
    pub(super) async fn delete_each(&self) {
        let mut deleting = FuturesUnordered::new();
        loop {
            while deleting.len() < AT_ONCE
                && let Some(number) = self.done_with.borrow_mut().pop()
            {
                // One that fails is tried once more at the end, which says so.
                deleting.push(self.delete_job(number));
            }
            tokio::select! {
                Some(_) = deleting.next() => {}
                () = self.is_done_with.notified(), if deleting.len() < AT_ONCE => {}
            }
        }
    }

    /// Deletes the Jobs that are left, and what carried the agent.
    pub(super) async fn delete_rest(&self) {
        let is_left = |number: &usize| match self.states[*number].get() {
            State::Begun | State::Created | State::Settled(Left::Begun | Left::Created) => true,
            State::Planned | State::Settled(Left::Nothing | Left::Deleted) => false,
        };
        let left: Vec<usize> = (0..self.nodes.len()).filter(is_left).collect();
        let carriers = self.carriers.borrow().clone();
        let (ended, failed) = (Cell::new(0), RefCell::new(vec![]));
        let note = |done: Result<(), KubeError>| {
            ended.set(ended.get() + 1);
            if let Err(error) = done {
                failed.borrow_mut().push(error.said());
            }
            std::future::ready(())
        };
        let deleting = async {
            let jobs = stream::iter(&left).map(|number| self.delete_job(*number));
            jobs.buffer_unordered(AT_ONCE).for_each(note).await;
            let carriers =
                stream::iter(&carriers).map(async |name| self.delete(name).await.map(drop));
            carriers.buffer_unordered(AT_ONCE).for_each(note).await;
        };
        let count = u32::try_from(left.len()).unwrap_or(u32::MAX);
        let _ = timeout(DELETE_WAIT + EACH_DELETE_WAIT.saturating_mul(count), deleting).await;
        let unanswered = left.len() + carriers.len() - ended.get();
        if unanswered > 0 {
            failed.borrow_mut().extend(vec![Fault::TimedOut.word().to_owned(); unanswered]);
        }
        if let Some(said) = failed.borrow().first() {
            let (count, said) = (failed.borrow().len(), said.clone());
            let namespace = self.settings.namespace.clone();
            self.cx.add_finding(JobProblem::LeftBehind { count, namespace, said });
        }
    }

    async fn delete_job(&self, number: usize) -> Result<(), KubeError> {
        let name = self.settings.name(number);
        // A creation that was not answered may still be done.
        let is_open =
            matches!(self.states[number].get(), State::Begun | State::Settled(Left::Begun));
        let looks = if is_open { LOOKS_FOR_OPEN } else { 1 };
        for look in 0..looks {
            if look > 0 {
                sleep(LOOK_PAUSE).await;
            }
            if self.delete(&name).await? {
                self.states[number].set(State::Settled(Left::Deleted));
                return Ok(());
            }
        }
        // One that existed was deleted by a request whose answer was not waited for.
        let left = if is_open { Left::Nothing } else { Left::Deleted };
        self.deleted.set(self.deleted.get() + usize::from(!is_open));
        self.states[number].set(State::Settled(left));
        Ok(())
    }

    /// Deletes a Job, and its pods with it. Returns whether it was there.
    async fn delete(&self, name: &str) -> Result<bool, KubeError> {
        // Without this, Jobs leave their pods behind (batch/v1 orphans by default).
        let request = self.jobs().delete(name, &DeleteParams::background())?;
        match self.kube.ask::<Value>(self.cx, request).await {
            Err(error) if error.status() == Some(404) => Ok(false),
            Err(error) => Err(error),
            Ok(_) => {
                self.deleted.set(self.deleted.get() + 1);
                Ok(true)
            }
        }
    }
}
