//! Runs the steps and reports what happens: plan, context, findings and events.

mod clock;
mod cx;
mod event;
mod event_line;
mod feed;
mod finding;
mod plan;
mod vantage;

pub use clock::{Direction, Skew};
pub(in crate::kit) use cx::Exchange;
pub use cx::{Cx, Listener, Local};
pub use event::{Event, EventKind, StepEnd, VERSION, VerdictLine};
pub use feed::Feed;
pub use finding::{Finding, Findings, NoFact, Severity, StepResult};
pub use plan::{Check, Fact, Inputs, Plan, Problem as RunProblem, Step};
pub use vantage::Vantage;
