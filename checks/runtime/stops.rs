//! Settings with which containerd pulls no image at all.
//!
//! Source: containerd, `internal/cri/config/config.go`: `ValidateImageConfig`, `ValidateRuntimeConfig`;
//! `internal/cri/server/images/image_pull.go`: `PullImage`.

use serde::Serialize;
use toml::{Table, Value};

use crate::kit::rules::{ContainerdVersion, go_duration, is_at_least};

/// The runtime that is always configured, and the default.
const RUNC: &str = "runc";

/// A setting with which the part of containerd that pulls images does not start, or ends each pull: a
/// word of evidence.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, strum::Display, strum::VariantNames)]
#[serde(rename_all = "kebab-case")]
#[strum(serialize_all = "kebab-case")]
pub enum StopsBy {
    /// Mirrors are set beside the directory of hosts.
    MirrorsBesideConfigPath,
    /// The time without progress after which a pull ends is no duration.
    ProgressTimeout,
    /// The default runtime is none of the configured ones.
    DefaultRuntime,
}

impl StopsBy {
    /// Looks at the settings of the plugin that pulls.
    pub(super) fn of_images(plugin: &Table) -> Option<Self> {
        let timeout = plugin.get("image_pull_progress_timeout")?.as_str()?;
        go_duration(timeout).is_none().then_some(StopsBy::ProgressTimeout)
    }

    /// Looks at the settings of the plugin that runs containers, without which the other does not serve.
    pub(super) fn of_runtimes(plugin: &Table) -> Option<Self> {
        let settings = plugin.get("containerd")?.as_table()?;
        let default = settings.get("default_runtime_name")?.as_str()?;
        let configured = settings.get("runtimes").and_then(Value::as_table);
        let is_known = default == RUNC || configured.is_some_and(|all| all.contains_key(default));
        (!is_known).then_some(StopsBy::DefaultRuntime)
    }
}

/// After how many seconds without a byte containerd ends a pull, by the settings of the plugin that
/// pulls: 0 for never. `None` where that is not known.
///
/// Source: containerd, `image_pull.go`, `pullProgressReporter`: each byte of any layer begins the time
/// anew, so that a slow pull is not ended. Versions before 1.7 have no such limit; it is a minute by
/// default up to 1.7.9 (`config_unix.go`), and five from then on.
pub(super) fn stall_limit(
    plugin: Option<&Table>,
    version: Option<ContainerdVersion>,
) -> Option<u64> {
    if !is_at_least(version, (1, 7, 0))? {
        return Some(0);
    }
    match plugin.and_then(|plugin| plugin.get("image_pull_progress_timeout")) {
        Some(set) => Some(go_duration(set.as_str()?)?.unsigned_abs() / 1_000_000_000),
        None if is_at_least(version, (1, 7, 10))? => Some(300),
        None => Some(60),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn table(text: &str) -> Table {
        toml::from_str(text).unwrap()
    }

    #[test]
    fn a_time_without_a_unit() {
        let stops = |value: &str| {
            StopsBy::of_images(&table(&format!("image_pull_progress_timeout = {value}")))
        };
        for bad in ["'5'", "''", "'5 m'", "'5min'"] {
            assert_eq!(stops(bad), Some(StopsBy::ProgressTimeout), "{bad}");
        }
        for good in ["'5m'", "'0'", "'1h30m'"] {
            assert_eq!(stops(good), None, "{good}");
        }
    }

    #[test]
    fn the_version_decides_how_long_no_byte_may_come() {
        let of = |version: &str, text: &str| {
            stall_limit(Some(&table(text)), Some(version.parse::<ContainerdVersion>().unwrap()))
        };
        let set = "image_pull_progress_timeout = '10m0s'";
        for (version, text, wanted) in [
            ("1.6.33", "", Some(0)),
            ("1.6.33", set, Some(0)),
            ("1.7.9", "", Some(60)),
            ("1.7.10", "", Some(300)),
            ("2.2.4", "", Some(300)),
            ("2.2.4", set, Some(600)),
            ("2.2.4", "image_pull_progress_timeout = '0s'", Some(0)),
            ("2.2.4", "image_pull_progress_timeout = '5'", None),
        ] {
            assert_eq!(of(version, text), wanted, "{version} {text}");
        }
        assert_eq!(stall_limit(None, None), None);
    }

    #[test]
    fn a_default_that_is_no_runtime() {
        let stops = |text: &str| StopsBy::of_runtimes(&table(text));
        let named = "[containerd]\ndefault_runtime_name = 'nvidia'";
        assert_eq!(stops(named), Some(StopsBy::DefaultRuntime));
        assert_eq!(stops(&format!("{named}\n[containerd.runtimes.nvidia]")), None);
        assert_eq!(
            stops(&format!("{named}\n[containerd.runtimes.runc]")),
            Some(StopsBy::DefaultRuntime)
        );
        assert_eq!(stops("[containerd]\ndefault_runtime_name = ''"), Some(StopsBy::DefaultRuntime));
        assert_eq!(stops("[containerd]\ndefault_runtime_name = 'runc'"), None);
        assert_eq!(stops(""), None);
    }
}
