//! What the area `clock` can find wrong.

use crate::kit::engine::Skew;
use jiff::Timestamp;
use serde::Serialize;

/// What can be wrong with a clock.
#[derive(Serialize, strum::VariantNames)]
#[serde(rename_all = "kebab-case")]
#[strum(serialize_all = "kebab-case")]
pub enum Problem {
    /// This machine's clock is far from the registry's clock.
    Skewed {
        /// The time on this machine's clock.
        here: Timestamp,
        /// The time on the registry's clock.
        there: Timestamp,
        /// How far the two clocks are apart.
        #[serde(flatten)]
        skew: Skew,
    },
    /// The registry sent no `Date` header.
    NoDate {},
}
