//! What no single node can show: the same question, asked from several.

mod problem;

pub use problem::Problem;
