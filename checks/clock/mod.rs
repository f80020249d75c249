//! Is this clock near the registry's?
//!
//! The registry dates every answer, so the challenge that we already have is all we need.

mod problem;

use serde::Serialize;

use crate::{
    kit::{Cx, NoFact, StepResult},
    registry::RegistryChallenge,
};
pub use problem::Problem;

/// How far apart the two clocks are.
#[derive(Debug, Serialize)]
pub struct Apart {
    seconds: i64,
}

/// Compares this clock with the registry's.
pub async fn compare(cx: &Cx, challenge: &RegistryChallenge) -> StepResult<Apart> {
    let there = challenge.dated.ok_or_else(|| NoFact::skipped(Problem::NoDate {}))?;
    let here = cx.now();
    if let Some(skew) = cx.skew(there) {
        cx.add_finding(Problem::Skewed { here, there, skew });
    }
    Ok(Apart { seconds: here.duration_since(there).as_secs().abs() })
}
