//! Can containerd unpack what it pulls with its snapshotter?
//!
//! Source: containerd, plugins/transfer/plugin.go: since 2.1 the transfer service unpacks images of the CRI
//! for the snapshotters of `unpack_config` alone, which is overlayfs where it is not set.

use toml::Value;

use crate::kit::rules::{ContainerdVersion, is_at_least};

/// The snapshotter by default.
const DEFAULT: &str = "overlayfs";
/// Those that need no other program.
const OWN: [&str; 2] = [DEFAULT, "native"];
/// The processor of this machine, and so of the node, as Go calls it.
const PROCESSOR: &str = if cfg!(target_arch = "aarch64") { "arm64" } else { "amd64" };
/// The differ by default.
const DIFFER: &str = "walking";

/// Returns what cannot be followed: the first of the named snapshotters that needs another program, or
/// that containerd may not unpack for.
pub(super) fn odd(
    named: &[&str],
    transfer: Option<&Value>,
    version: Option<ContainerdVersion>,
) -> Option<String> {
    let used = if named.is_empty() { &[DEFAULT][..] } else { named };
    if let Some(other) = used.iter().find(|name| !OWN.contains(name)) {
        return Some((*other).to_owned());
    }
    if is_at_least(version, (2, 1, 0)) == Some(false) {
        return None;
    }
    let unpacked = match transfer.and_then(|plugin| plugin.get("unpack_config")) {
        None => vec![DEFAULT],
        Some(listed) => {
            let entries = listed.as_array().into_iter().flatten();
            // With one entry that containerd cannot use, the service does not start.
            let read: Option<Vec<&str>> = entries.map(snapshotter).collect();
            read.unwrap_or_default()
        }
    };
    let lacking = used.iter().find(|name| !unpacked.contains(name));
    lacking.map(|name| format!("{name}, unpack_config"))
}

/// Returns the snapshotter of an entry without a differ of its own.
fn snapshotter(entry: &Value) -> Option<&str> {
    let differ = entry.get("differ").map_or(Some(""), Value::as_str)?;
    let is_usual = differ.is_empty() || differ == DIFFER;
    let platform = entry.get("platform")?.as_str()?;
    let is_ours = platform == "linux" || platform.strip_prefix("linux/") == Some(PROCESSOR);
    let snapshotter = entry.get("snapshotter")?.as_str()?;
    (is_usual && is_ours && OWN.contains(&snapshotter)).then_some(snapshotter)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::kit::rules::GoBuild;

    fn version(of: &str) -> Option<ContainerdVersion> {
        let module = "github.com/containerd/containerd/v2";
        let lines = format!("path\t{module}/cmd/containerd\nmod\t{module}\tv{of}\t\n");
        ContainerdVersion::of(&GoBuild::of(&lines))
    }

    fn told(named: &[&str], transfer: &str, of: Option<&str>) -> Option<String> {
        let table: toml::Table = toml::from_str(transfer).unwrap();
        odd(named, Some(&Value::Table(table)), of.and_then(version))
    }

    #[test]
    fn the_transfer_service_unpacks_for_its_list() {
        let list = |name: &str| {
            format!("unpack_config = [{{ platform = 'linux', snapshotter = '{name}' }}]")
        };
        for (named, transfer, is_odd) in [
            (&[][..], String::new(), false),
            (&["overlayfs"], String::new(), false),
            (&["native"], String::new(), true),
            (&["native"], list("native"), false),
            (&[], list("native"), true),
            (&[], "unpack_config = []".into(), true),
            (&[], "unpack_config = 'x'".into(), true),
            (&[], "unpack_config = [{ snapshotter = 'overlayfs' }]".into(), true),
            (&[], format!("unpack_config = [{{ platform = 'linux/{PROCESSOR}', snapshotter = 'overlayfs', differ = 'x' }}]"), true),
            (&[], "unpack_config = [{ platform = 'linux', snapshotter = 'overlayfs' }, { platform = 'linux', snapshotter = 'nydus' }]".into(), true),
            (&[""], String::new(), true),
            (&["nydus"], list("nydus"), true),
            (
                &[],
                format!(
                    "unpack_config = [{{ platform = 'linux/{PROCESSOR}', snapshotter = 'overlayfs' }}]"
                ),
                false,
            ),
            (
                &[],
                "unpack_config = [{ platform = 'linux/s390x', snapshotter = 'overlayfs' }]".into(),
                true,
            ),
        ] {
            for of in [Some("2.1.0"), Some("2.2.9"), None] {
                assert_eq!(told(named, &transfer, of).is_some(), is_odd, "{named:?} {transfer}");
            }
        }
    }

    #[test]
    fn before_it_each_snapshotter_of_its_own_will_do() {
        assert_eq!(told(&["native"], "", Some("2.0.7")), None);
        assert_eq!(told(&[], "unpack_config = []", Some("2.0.7")), None);
        assert_eq!(told(&["nydus"], "", Some("2.0.7")), Some("nydus".into()));
    }
}
