//! How far two clocks differ, and when that is too much.

use jiff::{SignedDuration, Timestamp};
use serde::Serialize;
use strum::VariantNames;

/// Whether a clock is ahead or behind.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, VariantNames)]
#[serde(rename_all = "kebab-case")]
#[strum(serialize_all = "kebab-case")]
pub enum Direction {
    /// It is ahead of the other one.
    Ahead,
    /// It is behind the other one.
    Behind,
}

/// The difference between two clocks.
#[derive(Clone, Debug, Serialize)]
pub struct Skew {
    /// The difference in days, hours and minutes.
    apart: String,
    /// Whether this clock is ahead or behind.
    direction: Direction,
}

/// A smaller difference between two clocks is not a skew: the times in an ACR token and in the
/// Entra token that it was exchanged for were once seen ten minutes apart.
const ALLOWED_SKEW: SignedDuration = SignedDuration::from_mins(10);

/// Returns how far this clock is from the other one; `None` when the difference is small.
pub(super) fn skew(here: Timestamp, there: Timestamp) -> Option<Skew> {
    let ahead = here.duration_since(there);
    let minutes = ahead.abs().as_mins();
    let (days, hours) = (minutes / (24 * 60), minutes / 60 % 24);
    let apart = match (days, hours) {
        (0, 0) => format!("{minutes} min"),
        (0, hours) => format!("{hours} h {} min", minutes % 60),
        (1, hours) => format!("1 d {hours} h"),
        (days, _) => format!("{days} d"),
    };
    let direction = if ahead.is_negative() { Direction::Behind } else { Direction::Ahead };
    (ahead.abs() > ALLOWED_SKEW).then_some(Skew { apart, direction })
}
