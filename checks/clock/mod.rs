//! Is this machine's clock close to the registry's clock?
//!
//! The registry dates every response, so the response that carried the challenge is all that is
//! needed.

mod problem;

use serde::Serialize;

use crate::{
    kit::{Cx, NoFact, StepResult},
    registry::RegistryChallenge,
};
pub use problem::Problem;

/// The difference between the two clocks.
#[derive(Debug, Serialize)]
pub struct Apart {
    seconds: i64,
}

/// Compares this machine's clock with the registry's clock.
pub async fn compare(cx: &Cx, challenge: &RegistryChallenge) -> StepResult<Apart> {
    let there = challenge.dated.ok_or_else(|| NoFact::skipped(Problem::NoDate {}))?;
    let here = cx.now();
    if let Some(skew) = cx.skew(there) {
        cx.add_finding(Problem::Skewed { here, there, skew });
    }
    Ok(Apart { seconds: here.duration_since(there).as_secs().abs() })
}
