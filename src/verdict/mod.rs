//! The verdict: a report, read. First each view by itself, then the views of a target together.

mod join;
mod one;

pub use join::Verdict;
pub(crate) use join::{Cause, Sighting};
pub use one::{Outcome, StepStatus};
pub(crate) use one::{Reason, ViewVerdict};
