//! What a check may touch: the target, the world, and a place to tell what it saw.

use std::{cell::RefCell, future::Future, pin::Pin, rc::Rc, time::Duration};

use jiff::Timestamp;
use serde_json::{Map, Value};

use super::{
    clock::{Skew, skew},
    event::{Event, EventKind, VERSION},
    finding::{Finding, Findings},
    vantage::Vantage,
};
use crate::kit::{
    redact::{sanitize, sanitize_text},
    target::Target,
    world::World,
};

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
    pub(super) target_id: Rc<str>,
    pub(super) vantage: Rc<Vantage>,
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
    pub(in crate::kit) fn exchanged(&self, exchange: Exchange<'_>) {
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
        skew(self.now(), there)
    }

    pub(super) fn found(&self, finding: Finding) {
        self.emit(EventKind::Found { step: self.step.into(), finding });
    }

    pub(super) fn emit(&self, kind: EventKind) {
        (self.listener)(Event {
            v: VERSION,
            at: self.instant(),
            target: self.target_id.to_string(),
            from: Vantage::clone(&self.vantage),
            kind,
        });
    }
}

/// One question to the outside and what came back, before it is made an event.
pub(in crate::kit) struct Exchange<'a> {
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
