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
pub fn skew(here: Timestamp, there: Timestamp) -> Option<Skew> {
    let ahead = here.duration_since(there);
    // The nearest minute: an answer takes a moment, and 120 days less a second are 120 days.
    let minutes = (ahead.abs() + SignedDuration::from_secs(30)).as_mins();
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_moment_more_or_less_is_the_same_difference() {
        let there = Timestamp::UNIX_EPOCH;
        let apart = |seconds| {
            skew(there + SignedDuration::from_secs(seconds), there).map(|skew| skew.apart)
        };
        let days = 120 * 24 * 60 * 60;
        for moment in [-2, 0, 2] {
            assert_eq!(apart(days + moment).as_deref(), Some("120 d"));
            assert_eq!(apart(-days + moment).as_deref(), Some("120 d"));
        }
        assert_eq!(apart(11 * 60).as_deref(), Some("11 min"));
        assert_eq!(apart(10 * 60), None);
    }
}
