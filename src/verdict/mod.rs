//! The verdict on a report: each view is read by itself, then the views of a target are joined.

mod join;
mod one;

pub use join::Verdict;
pub(crate) use join::{Cause, Sighting};
pub use one::{Outcome, StepStatus};
pub(crate) use one::{Reason, ViewVerdict};
