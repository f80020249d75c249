//! How far two clocks are apart, and when that is too far.

use jiff::{SignedDuration, Timestamp};
use serde::Serialize;

/// How far one clock is from another.
#[derive(Clone, Debug, Serialize)]
pub struct Skew {
    /// In days, hours and minutes.
    apart: String,
    /// Which way.
    direction: Direction,
}

/// Whether this clock is before or behind the other one.
#[derive(
    Clone, Copy, Debug, PartialEq, Eq, Serialize, strum::VariantNames, strum::IntoStaticStr,
)]
#[serde(rename_all = "kebab-case")]
#[strum(serialize_all = "kebab-case")]
pub enum Direction {
    /// This clock shows a later time.
    Ahead,
    /// This clock shows an earlier time.
    Behind,
}

/// Two clocks nearer to each other than this are not skewed: an ACR token was once recorded
/// ten minutes apart from the Entra token that it was made of.
const ALLOWED_SKEW: SignedDuration = SignedDuration::from_mins(10);

/// How far this clock is from that one, when that is too far.
pub(super) fn skew(here: Timestamp, there: Timestamp) -> Option<Skew> {
    let ahead = here.duration_since(there);
    let minutes = ahead.abs().as_mins();
    let (days, hours) = (minutes / (24 * 60), minutes / 60 % 24);
    let apart = match (days, hours) {
        (0, 0) => format!("{minutes} min"),
        (0, hours) => format!("{hours} h {} min", minutes % 60),
        (days, hours) => format!("{days} d {hours} h"),
    };
    let direction = if ahead.is_negative() { Direction::Behind } else { Direction::Ahead };
    (ahead.abs() > ALLOWED_SKEW).then_some(Skew { apart, direction })
}
