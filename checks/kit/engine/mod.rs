//! Runs the steps and reports what happens: plan, context, findings and events.

mod clock;
mod cx;
mod event;
mod event_line;
mod fact;
mod feed;
mod finding;
mod plan;
mod problem;
mod vantage;

pub use clock::{Direction, Skew, skew};
pub(in crate::kit) use cx::Exchange;
pub use cx::{Cx, Listener, Local};
pub use event::{Event, EventKind, StepEnd, VERSION, VerdictLine};
pub use fact::{Check, Fact, Inputs};
pub use feed::Feed;
pub use finding::{Finding, Findings, NoFact, Severity, StepResult};
pub use plan::{Plan, Step};
pub use problem::Problem as RunProblem;
pub use vantage::Vantage;
