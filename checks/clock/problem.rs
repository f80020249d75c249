//! What the area `clock` can find wrong.

use crate::kit::engine::Skew;
use jiff::Timestamp;
use serde::Serialize;

/// What can be wrong with a clock.
#[derive(Serialize, strum::VariantNames)]
#[serde(rename_all = "kebab-case")]
#[strum(serialize_all = "kebab-case")]
pub enum Problem {
    /// This machine's clock is far from the registry's clock, and no third one says which is wrong.
    Skewed(Apart),
    /// A third clock agrees with the registry's: this machine's is wrong.
    OwnClockWrong(Apart),
    /// A third clock agrees with this machine's: the registry's is wrong.
    RegistryClockWrong(Apart),
    /// The registry sent no `Date` header.
    NoDate {},
}

/// Two clocks that differ, and a third one.
#[derive(Serialize)]
pub struct Apart {
    /// The time on this machine's clock.
    pub(super) here: Timestamp,
    /// The time on the registry's clock.
    pub(super) there: Timestamp,
    /// How far the two clocks are apart.
    #[serde(flatten)]
    pub(super) skew: Skew,
    /// The host whose clock was asked as well.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) third: Option<String>,
    /// The time on that clock.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) time: Option<Timestamp>,
}
