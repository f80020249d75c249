//! Events from elsewhere: the other sources from which a report is folded.

pub(crate) mod node;
pub mod termination;
