//! The termination message: how an agent on a node hands its events to the run that started it.
//!
//! The kubelet puts the file of a container's termination message, at most 4,096 bytes of it, into
//! the pod's status (kubernetes.io, "Determine the Reason for Pod Failure"), so that no log has to
//! be read. The message is event lines, zstd-compressed and in base64. What the verdict does not
//! need is left out: exchanges, and the beginnings of steps that ended.

use std::{collections::BTreeSet, io};

use base64::{Engine, prelude::BASE64_STANDARD};
use checks::kit::engine::{Event, EventKind};
use zstd::bulk::Decompressor;

/// The longest message: what the kubelet keeps of it.
const MAX_MESSAGE_BYTES: usize = 4096;
/// The longest list of events that a message may unpack to. A message holds some 3,000 compressed
/// bytes, and our events shrink to a sixth.
const MAX_EVENTS_BYTES: usize = 256 * 1024;
/// How hard the events are compressed: each byte counts, and there are few.
const LEVEL: i32 = 19;
/// The beginning of each message: the format and its version.
const EVENTS: &str = "check-acr/1:";
/// The message when the events do not fit: they are in the container's log.
const IN_LOG: &str = "check-acr/log";
/// The longest line of a log that may be an event.
const MAX_LINE_BYTES: usize = 256 * 1024;

/// Why a message holds no events.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum NoEvents {
    /// The events did not fit: the log has them.
    InLog,
    /// The container wrote no message of ours.
    NotOurs,
    /// It is a message of ours, but a broken one, or one of another version.
    Damaged(String),
}

/// Writes the events as a message of at most 4,096 bytes, or one that says to read the log.
pub fn encode(events: &[Event]) -> String {
    let ended: BTreeSet<(&str, String, &str)> = events
        .iter()
        .filter_map(|event| match &event.kind {
            EventKind::Finished { step, .. } => {
                Some((event.target.as_str(), event.from.to_string(), step.as_str()))
            }
            _ => None,
        })
        .collect();
    let is_needed = |event: &&Event| match &event.kind {
        EventKind::Exchanged { .. } | EventKind::Verdict { .. } => false,
        EventKind::Started { step } => {
            !ended.contains(&(event.target.as_str(), event.from.to_string(), step.as_str()))
        }
        _ => true,
    };
    let mut lines = vec![];
    for event in events.iter().filter(is_needed) {
        // Plain data always serializes.
        lines.extend(serde_json::to_vec(event).unwrap_or_default());
        lines.push(b'\n');
    }
    // What would be refused when it is read is not written.
    let fits = lines.len() <= MAX_EVENTS_BYTES;
    let packed = zstd::bulk::compress(&lines, LEVEL).ok().filter(|_| fits);
    let message = packed.map(|packed| format!("{EVENTS}{}", BASE64_STANDARD.encode(packed)));
    message
        .filter(|message| message.len() <= MAX_MESSAGE_BYTES)
        .unwrap_or_else(|| IN_LOG.to_owned())
}

/// Reads the events of messages, one after the other, with the same memory.
pub struct Messages {
    decompressor: io::Result<Decompressor<'static>>,
    lines: Vec<u8>,
}

impl Default for Messages {
    fn default() -> Self {
        Self { decompressor: Decompressor::new(), lines: Vec::with_capacity(MAX_EVENTS_BYTES) }
    }
}

impl Messages {
    /// Reads the events of a message. It is untrusted, and so is the vantage that its events name.
    ///
    /// # Errors
    /// Returns why there are none.
    pub fn decode(&mut self, message: &str) -> Result<Vec<Event>, NoEvents> {
        let damaged =
            |why: &dyn ToString| NoEvents::Damaged(checks::kit::sanitize_text(&why.to_string()));
        let message = message.trim();
        if message == IN_LOG {
            return Err(NoEvents::InLog);
        }
        let Some(packed) = message.strip_prefix(EVENTS) else {
            return Err(NoEvents::NotOurs);
        };
        if message.len() > MAX_MESSAGE_BYTES {
            return Err(damaged(&"it is too long"));
        }
        let packed = BASE64_STANDARD.decode(packed).map_err(|error| damaged(&error))?;
        let decompressor = self.decompressor.as_mut().map_err(|error| damaged(error))?;
        // No more than fits: the memory does not grow.
        let unpacked = decompressor.decompress_to_buffer(&packed, &mut self.lines);
        unpacked.map_err(|error| damaged(&error))?;
        let lines = self.lines.split(|byte| *byte == b'\n').filter(|line| !line.is_empty());
        lines.map(|line| Event::read(line).map_err(|error| damaged(&error))).collect()
    }
}

/// Returns the events in a container's log, in which other lines may stand as well.
pub fn events_of_log(log: &[u8]) -> Vec<Event> {
    let lines = log.split(|byte| *byte == b'\n');
    let lines = lines.filter(|line| line.starts_with(b"{") && line.len() <= MAX_LINE_BYTES);
    lines.filter_map(|line| Event::read(line).ok()).collect()
}
