//! What the area `clock` can find wrong.

use crate::kit::engine::Skew;
use jiff::Timestamp;
use serde::Serialize;

/// What can be wrong with a clock.
#[derive(Serialize, strum::VariantNames)]
#[serde(rename_all = "kebab-case")]
#[strum(serialize_all = "kebab-case")]
pub enum Problem {
    /// Far from the registry's.
    Skewed {
        /// This clock.
        here: Timestamp,
        /// The registry's.
        there: Timestamp,
        /// How far they are apart.
        #[serde(flatten)]
        skew: Skew,
    },
    /// The registry did not say what time it is.
    NoDate {},
}
