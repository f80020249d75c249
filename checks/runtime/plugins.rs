//! containerd's plugins that take part in a pull, and which of their names counts by its version.

use crate::kit::rules::{ContainerdVersion, is_at_least};

/// The names of the plugin that pulls images, from containerd 1 with configuration 1 to
/// containerd 2. AKS writes `version = 2` for containerd 2 as well, so it does not tell old from new.
pub(super) const PULLING: [&str; 3] =
    ["io.containerd.cri.v1.images", "io.containerd.grpc.v1.cri", SHORT];
/// The short name.
const SHORT: &str = "cri";
/// The name since containerd 2.
const IMAGES: &str = PULLING[0];
/// The plugins without which containerd 2.1 and later cannot pull. containerd 1 does not have them, or does
/// not need them.
const NEEDED: [&str; 3] = [IMAGES, RUNNING[0], TRANSFER];
/// The names of the plugin that runs containers.
pub(super) const RUNNING: [&str; 3] = ["io.containerd.cri.v1.runtime", PULLING[1], PULLING[2]];
/// The plugin that unpacks what is pulled, since containerd 2.1.
pub(super) const TRANSFER: &str = "io.containerd.transfer.v1.local";
/// Plugins that no pull needs, by the ends of their names.
const NOT_NEEDED: [&str; 11] = [
    "v1.images",
    "v1.aufs",
    "v1.btrfs",
    "v1.zfs",
    "v1.devmapper",
    "v1.blockfile",
    "v1.native",
    "v1.erofs",
    "v1.otlp",
    "v1.tracing",
    "v1.opt",
];

/// Returns whether the settings under a name of the plugin count, in a file of that format; `None`
/// where the version decides. containerd 2 moves those of older formats to the new name, and those of
/// format 3 since 2.4 (containerd, plugins/cri/images/plugin.go: `configMigration`).
pub(super) fn counts(name: &str, format: i64, version: Option<ContainerdVersion>) -> Option<bool> {
    if name == SHORT && format > 1 {
        return Some(false);
    }
    // containerd 2.2 takes a file of format 1 for one of format 3 whose short names are old ones
    // (cmd/containerd/server/config/config.go: `LoadConfig`, `v1Migrate`).
    if format < 2 && name != IMAGES && name != RUNNING[0] {
        let is_first = version.is_some_and(ContainerdVersion::is_first) && name == SHORT;
        let is_moved = is_at_least(version, (2, 2, 0)) == Some(true);
        return if is_moved { Some(false) } else { is_first.then_some(true) };
    }
    match (name == IMAGES || name == RUNNING[0], version) {
        (true, version) => version.map(|version| !version.is_first()),
        (false, _) if format < 3 => Some(true),
        (false, Some(version)) if version.is_first() => Some(true),
        (false, version) => is_at_least(version, (2, 4, 0)),
    }
}

/// Returns whether pulls need a plugin; `None` where that is not known.
pub(super) fn needs(name: &str, version: Option<ContainerdVersion>) -> Option<bool> {
    if NEEDED.contains(&name) {
        let is_first = version.is_some_and(ContainerdVersion::is_first);
        return if is_first {
            Some(false)
        } else {
            is_at_least(version, (2, 1, 0)).filter(|is| *is)
        };
    }
    if PULLING.contains(&name) {
        return Some(true);
    }
    NOT_NEEDED.iter().any(|end| name.ends_with(end)).then_some(false)
}

/// Returns whether a key differs from one that counts in upper and lower case only. go-toml v2
/// takes such a key, older versions do not.
pub(super) fn is_misspelled(key: &str) -> bool {
    let known = [
        "auths",
        "config_path",
        "configs",
        "containerd",
        "discard_unpacked_layers",
        "image_pull_progress_timeout",
        "mirrors",
        "registry",
        "snapshotter",
    ];
    known.iter().any(|known| key != *known && key.eq_ignore_ascii_case(known))
}
