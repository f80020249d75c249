//! Runs steps and tells what happens: the plan, the hands of a step, findings and events.

mod clock;
mod cx;
mod event;
mod feed;
mod finding;
mod plan;

pub use clock::Skew;
pub(in crate::kit) use cx::Exchange;
pub use cx::{Cx, Listener, Local};
pub use event::{Event, EventKind, StepEnd, VERSION};
pub use feed::Feed;
pub use finding::{Finding, Findings, NoFact, Severity, StepResult};
pub use plan::{Check, Fact, Inputs, Plan, Problem as RunProblem, Step};
