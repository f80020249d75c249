//! Events from elsewhere: the other sources from which a report is folded.

pub(crate) mod control_plane;
pub(crate) mod credentials;
pub(crate) mod node;
pub(crate) mod pods;
pub(crate) mod preview;
pub mod termination;
