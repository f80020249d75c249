//! What the pods left at their end: each result is read beside the others, so that a slow log holds nobody up.

use std::time::Duration;

use checks::kit::{
    engine::Event,
    kube::{JobProblem, KubeError, LogParams},
    net::Fault,
    sanitize_text,
};
use futures::{StreamExt, channel::mpsc::Receiver};
use tokio::{
    task::{JoinError, spawn_blocking},
    time::timeout,
};

use super::{
    jobs::{Jobs, Unread},
    reading::Ended,
};
use crate::join::termination::{NoEvents, decode, events_of_log};

/// How many results are read at once.
const AT_ONCE: usize = 8;
/// How long a log may take.
const LOG_WAIT: Duration = Duration::from_secs(30);

impl Jobs<'_> {
    /// Reads the results of pods as they end.
    pub(super) async fn read_results(&self, unread: Receiver<Unread>) {
        let read = async |unread: Unread| {
            let number = unread.number;
            let result = self.result(unread).await;
            self.settle(number, result);
        };
        unread.for_each_concurrent(AT_ONCE, read).await;
    }

    async fn result(&self, unread: Unread) -> Result<Vec<Event>, JobProblem> {
        let Unread { number, pod, ended: Ended { message, reason, exit_code } } = unread;
        // Thousands of messages take seconds to read, while this thread creates the next Jobs.
        let decoded = spawn_blocking(move || decode(&message)).await;
        let broken = |error: JoinError| NoEvents::Damaged(sanitize_text(&error.to_string()));
        let decoded = decoded.unwrap_or_else(|error| Err(broken(error)));
        let events = match decoded {
            Ok(events) => events,
            Err(NoEvents::InLog) => self.log_of(&pod).await?,
            Err(NoEvents::NotOurs) => vec![],
            Err(NoEvents::Damaged(said)) => return Err(JobProblem::NoResult { said }),
        };
        let node = &self.nodes[number];
        if self.grafter.is_whole(node, &events) {
            return Ok(events);
        }
        Err(JobProblem::EndedEarly { reason, exit_code: Some(exit_code) })
    }

    /// Reads the events in the log of a pod.
    async fn log_of(&self, pod: &str) -> Result<Vec<Event>, JobProblem> {
        let failed = |error: KubeError| JobProblem::NoResult { said: error.said() };
        let request = self.pods().logs(pod, &LogParams::default());
        let request = request.map_err(|error| failed(error.into()))?;
        let log = timeout(LOG_WAIT, self.kube.text(self.cx, request)).await;
        let log = log.unwrap_or(Err(KubeError::Broken(Fault::TimedOut))).map_err(failed)?;
        Ok(events_of_log(log.as_bytes()))
    }
}
