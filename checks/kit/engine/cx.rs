//! What a check is given: the target, the world, and a place to report findings.

use std::{cell::RefCell, future::Future, pin::Pin, rc::Rc, time::Duration};

use jiff::Timestamp;
use serde_json::{Map, Value};
use tokio::time::Instant;

use super::{
    clock::{Skew, skew},
    event::{Event, EventKind, VERSION},
    finding::{Finding, NoFact},
    vantage::Vantage,
};
use crate::kit::{
    redact::{sanitize, sanitize_text},
    rules::Puller,
    target::Target,
    world::World,
};

/// A future that stays on its thread.
pub type Local<T> = Pin<Box<dyn Future<Output = T>>>;

/// Receives each event as it happens.
pub type Listener = Rc<dyn Fn(Event)>;

/// The context of a step: everything a check is given besides its inputs.
#[derive(Clone)]
pub struct Cx {
    /// What this run examines.
    pub target: Rc<Target>,
    /// The machine and the network, real or fake.
    pub world: Rc<World>,
    pub(super) target_id: Rc<str>,
    pub(super) vantage: Rc<Vantage>,
    pub(super) step: &'static str,
    pub(super) background: Rc<RefCell<Vec<Local<()>>>>,
    pub(super) listener: Listener,
    /// When waiting has no use any more: shortly before the run is cut short, so that who is waited for
    /// is still named.
    pub(super) until: Instant,
}

/// The time that is left of a run when a wait ends; a short run leaves less.
const RESERVE: Duration = Duration::from_secs(2);

impl Cx {
    /// Reports a finding that does not stop this step.
    pub fn add_finding(&self, problem: impl Into<Finding>) {
        self.found(problem.into());
    }

    /// Returns the containerd that pulls: the node's, else the one that was given.
    pub fn containerd(&self) -> Puller {
        let version = self.world.containerd.get().copied().or(self.target.containerd);
        Puller { version, is_of_node: self.world.on_node }
    }

    /// Reports why something could not be read, and goes on: this step's end does not depend on it
    /// alone.
    pub fn add_not_read(&self, no_fact: NoFact) {
        if let NoFact::CouldNotTell(why) = self.unless_unasked(no_fact) {
            self.found(why);
        }
    }

    /// Continues checking while the next steps run. The fact is handed on at once; findings still
    /// count.
    pub fn in_background(&self, rest: impl Future<Output = ()> + 'static) {
        self.background.borrow_mut().push(Box::pin(rest));
    }

    /// Records one request to the outside and its response. Only the clients in `kit::net` and `kit::azure`
    /// call this.
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

    /// Returns how long something may be waited for within this run. It is never nothing: the run's
    /// own end comes then.
    pub fn left(&self) -> Duration {
        self.until.saturating_duration_since(Instant::now()).max(RESERVE)
    }

    /// Returns when a run with this limit waits no more.
    pub(super) fn until(limit: Duration) -> Instant {
        Instant::now() + limit.saturating_sub(RESERVE.min(limit / 20))
    }

    /// Returns this machine's time in whole seconds: as exact as the `Date` header of a server.
    pub fn now(&self) -> Timestamp {
        Timestamp::from_second(self.instant().as_second()).unwrap_or_default()
    }

    fn instant(&self) -> Timestamp {
        Timestamp::now().saturating_add(self.world.clock_ahead).unwrap_or(Timestamp::MAX)
    }

    /// Returns how far this clock is from the other one; `None` when the difference is small.
    pub fn skew(&self, there: Timestamp) -> Option<Skew> {
        skew(self.now(), there)
    }

    /// Returns that a step of the control plane could not tell as one that does not apply, unless the
    /// user asked for the control plane: what was not asked for is not missed.
    pub(super) fn unless_unasked(&self, no_fact: NoFact) -> NoFact {
        match no_fact {
            NoFact::CouldNotTell(why)
                if *self.vantage == Vantage::Azure && !self.target.control_plane.is_asked() =>
            {
                NoFact::Skipped(why)
            }
            other => other,
        }
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

/// One request to the outside and its response, before it becomes an event.
pub(in crate::kit) struct Exchange<'a> {
    pub to: &'a str,
    pub request: &'a str,
    pub response: &'a str,
    pub details: Map<String, Value>,
    pub took: Duration,
}

/// Returns whole milliseconds, as events hold them.
pub(super) fn millis(took: Duration) -> u64 {
    u64::try_from(took.as_millis()).unwrap_or(u64::MAX)
}
