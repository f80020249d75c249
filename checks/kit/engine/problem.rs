//! What can go wrong with running a step at all.

use serde::Serialize;

/// Problems with running a step at all.
#[derive(Serialize, strum::VariantNames)]
#[serde(rename_all = "kebab-case")]
#[strum(serialize_all = "kebab-case")]
pub enum Problem {
    /// `--skip` named it.
    LeftOut {},
    /// The check panicked: a bug in this program.
    Panicked {
        /// The panic message.
        said: String,
    },
    /// The check exceeded its own budget: a bug in this program.
    Overran {
        /// The budget in seconds.
        seconds: u64,
    },
    /// The run exceeded `--timeout`.
    TimeUp {
        /// The value of `--timeout` in seconds.
        seconds: u64,
    },
    /// Ctrl-C was pressed.
    Interrupted {},
}
