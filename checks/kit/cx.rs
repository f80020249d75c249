//! What a check may touch: the target, the world, and a place to tell what it saw.

use std::{cell::RefCell, future::Future, pin::Pin, rc::Rc, time::Duration};

use jiff::{SignedDuration, Timestamp};
use serde::Serialize;
use serde_json::{Map, Value};

use super::{
    Event, EventKind, Finding, Findings, Target, World, event::VERSION, finding::sanitize,
    sanitize_text,
};

/// How far one clock is from another.
#[derive(Clone, Debug, Serialize)]
pub struct Skew {
    /// In days, hours and minutes.
    apart: String,
    /// Which way, as a word.
    direction: &'static str,
}

/// Two clocks nearer to each other than this are not skewed: an ACR token was once recorded
/// ten minutes apart from the Entra token that it was made of.
const ALLOWED_SKEW: SignedDuration = SignedDuration::from_mins(10);

/// A future that need not leave its thread.
pub type Local<T> = Pin<Box<dyn Future<Output = T>>>;

/// Where events go as they happen.
pub type Listener = Rc<dyn Fn(Event)>;

/// A step's hands: everything a check is given besides its inputs.
#[derive(Clone)]
pub struct Cx {
    /// What we were asked about.
    pub target: Rc<Target>,
    /// Where the outside is.
    pub world: Rc<World>,
    pub(super) step: &'static str,
    pub(super) background: Rc<RefCell<Vec<Local<()>>>>,
    pub(super) listener: Listener,
}

impl Cx {
    /// Tells the reader something that does not stop this step.
    pub fn add_finding(&self, problem: impl Findings) {
        self.found(problem.into());
    }

    /// Goes on grading beside the steps that follow: the fact is handed on, this still counts.
    pub fn in_background(&self, rest: impl Future<Output = ()> + 'static) {
        self.background.borrow_mut().push(Box::pin(rest));
    }

    /// Records one question to the outside and what came back. Only `kit::net` calls this.
    pub(super) fn exchanged(&self, exchange: Exchange<'_>) {
        let mut details = Value::Object(exchange.details);
        sanitize(&mut details);
        let Value::Object(details) = details else { unreachable!("it stays an object") };
        self.emit(EventKind::Exchanged {
            step: self.step.into(),
            to: sanitize_text(exchange.to),
            request: sanitize_text(exchange.request),
            response: sanitize_text(exchange.response),
            details,
            took_ms: millis(exchange.took),
        });
    }

    /// The time as this machine has it, in whole seconds: as exact as a server tells its own.
    pub fn now(&self) -> Timestamp {
        Timestamp::from_second(self.instant().as_second()).unwrap_or_default()
    }

    fn instant(&self) -> Timestamp {
        Timestamp::now().saturating_add(self.world.clock_ahead).unwrap_or(Timestamp::MAX)
    }

    /// How far this clock is from that one, when that is too far.
    pub fn skew(&self, there: Timestamp) -> Option<Skew> {
        let ahead = self.now().duration_since(there);
        let minutes = ahead.abs().as_mins();
        let (days, hours) = (minutes / (24 * 60), minutes / 60 % 24);
        let apart = match (days, hours) {
            (0, 0) => format!("{minutes} min"),
            (0, hours) => format!("{hours} h {} min", minutes % 60),
            (days, hours) => format!("{days} d {hours} h"),
        };
        let direction = if ahead.is_negative() { "behind" } else { "ahead" };
        (ahead.abs() > ALLOWED_SKEW).then_some(Skew { apart, direction })
    }

    pub(super) fn found(&self, finding: Finding) {
        self.emit(EventKind::Found { step: self.step.into(), finding });
    }

    pub(super) fn emit(&self, kind: EventKind) {
        (self.listener)(Event { v: VERSION, at: self.instant(), from: "here".into(), kind });
    }
}

/// One question to the outside and what came back, before it is made an event.
pub(super) struct Exchange<'a> {
    pub to: &'a str,
    pub request: &'a str,
    pub response: &'a str,
    pub details: Map<String, Value>,
    pub took: Duration,
}

/// Whole milliseconds, as events carry them.
pub(super) fn millis(took: Duration) -> u64 {
    u64::try_from(took.as_millis()).unwrap_or(u64::MAX)
}
