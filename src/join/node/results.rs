//! What the pods left at their end: each result is read beside the others, so that a slow log delays no other.

use std::{
    panic::{AssertUnwindSafe, catch_unwind},
    time::Duration,
};

use checks::kit::{
    engine::Event,
    kube::{JobProblem, KubeError, LogParams},
    net::Fault,
};
use futures::{StreamExt, channel::mpsc::Receiver, stream};
use tokio::{task::spawn_blocking, time::timeout};

use super::{
    jobs::{Jobs, Unread},
    manifest::CONTAINER,
    reading::Ended,
};
use crate::join::termination::{Messages, NoEvents, events_of_log};

/// How many results are read at once.
const AT_ONCE: usize = 8;
/// How many messages are decoded together, if so many have arrived.
const TOGETHER: usize = 16;
/// How much of a log is asked for. The events of a long run are some hundred kilobytes.
const MAX_LOG_BYTES: i64 = 4 * 1024 * 1024;
/// How long a log may take.
const LOG_WAIT: Duration = Duration::from_secs(30);

/// The events of a message.
type Decoded = Result<Vec<Event>, NoEvents>;

impl Jobs<'_> {
    /// Reads the results of pods as they end.
    pub(super) async fn read_results(&self, unread: Receiver<Unread>) {
        let settle = async |(unread, events): (Unread, Decoded)| {
            let number = unread.number;
            let result = self.result(unread, events).await;
            self.settle(number, result);
        };
        let decoding = unread.ready_chunks(TOGETHER).map(decode_all).buffered(2);
        decoding.flat_map(stream::iter).for_each_concurrent(AT_ONCE, settle).await;
    }

    async fn result(&self, unread: Unread, events: Decoded) -> Result<Vec<Event>, JobProblem> {
        let Unread { number, pod, ended: Ended { reason, exit_code, .. } } = unread;
        let events = match events {
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
        // Others may have put containers of theirs into the pod.
        let params = LogParams {
            container: Some(CONTAINER.to_owned()),
            limit_bytes: Some(MAX_LOG_BYTES),
            ..LogParams::default()
        };
        let request = self.pods().logs(pod, &params);
        let request = request.map_err(|error| failed(error.into()))?;
        let log = timeout(LOG_WAIT, self.kube.text(self.cx, request)).await;
        let log = log.unwrap_or(Err(KubeError::Broken(Fault::TimedOut))).map_err(failed)?;
        Ok(events_of_log(log.as_bytes()))
    }
}

/// Decodes messages on another thread: thousands take seconds, while this one creates the next Jobs.
async fn decode_all(unread: Vec<Unread>) -> Vec<(Unread, Decoded)> {
    let all = move || {
        let mut messages = Messages::default();
        let decode = |unread: Unread| {
            // A message that breaks the program costs its own result alone.
            let decode = AssertUnwindSafe(|| messages.decode(&unread.ended.message));
            let broken = || NoEvents::Damaged("it cannot be read".to_owned());
            let events = catch_unwind(decode).unwrap_or_else(|_| Err(broken()));
            (unread, events)
        };
        unread.into_iter().map(decode).collect()
    };
    spawn_blocking(all).await.unwrap_or_default()
}
