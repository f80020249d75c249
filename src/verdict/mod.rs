//! The verdict on a report: each view is read by itself, then the views of a target are joined.

mod cause;
mod compare;
mod join;
mod manifests;
mod one;
mod waiting;

pub(crate) use cause::{Cause, Sighting};
pub(crate) use compare::SideBySide;
pub use join::Verdict;
pub use one::{Outcome, StepStatus};
pub(crate) use one::{Reason, ViewVerdict};
