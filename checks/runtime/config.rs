//! containerd's main configuration: which directories it reads for a registry, and what else in it
//! decides the way of a pull.

use toml::{Table, Value};

use super::{
    plugins::{PULLING, RUNNING, TRANSFER, counts, is_misspelled, needs},
    problem::NotFollowed,
    snapshotter,
    stops::{StopsBy, stall_limit},
};
use crate::kit::{
    rules::{ContainerdVersion, Malformed, is_at_least},
    world::Toml,
};

/// The directories of containerd 2.2 and later where none is configured. Older ones read none.
const DEFAULT_FOLDERS: [&str; 2] = ["/etc/containerd/certs.d", "/etc/docker/certs.d"];
/// Where containerd keeps what it pulls, unless the configuration says another place.
const ROOT: &str = "/var/lib/containerd";
/// The snapshotter of artifact streaming (Azure/AgentBaker).
const STREAMING: &str = "overlaybd";
/// The plugin that asks programs whether an image may be pulled, and where these are unless it is said.
const VERIFIER: &str = "io.containerd.image-verifier.v1.bindir";
const VERIFIERS: &str = "/opt/containerd/image-verifier/bin";

/// The part of a configuration that matters to a registry.
#[derive(Debug, PartialEq)]
pub struct Config {
    /// The directories that hold the directory of a registry.
    pub folders: Vec<String>,
    /// Whether the version of containerd decides that these are read.
    pub are_default: bool,
    /// What cannot be replayed, and how it is written.
    pub not_replayed: Vec<(NotFollowed, String)>,
    /// Whether layers are streamed when they are needed instead of downloaded.
    pub streams: bool,
    /// Whether a layer is removed once it is unpacked.
    pub discards_layers: bool,
    /// After how many seconds without a byte a pull ends: 0 for never, `None` if that is not known.
    pub stall_limit: Option<u64>,
    /// With what of it nothing can be pulled.
    pub stops: Option<StopsBy>,
    /// The plugin that pulls need and that is disabled.
    pub disables: Option<String>,
    /// The directory of programs that decide which images may be pulled.
    pub verifiers: String,
    /// The directory in which containerd keeps what it pulls.
    pub root: String,
    /// Its socket, if that is set.
    pub address: Option<String>,
}

impl Default for Config {
    fn default() -> Self {
        Self {
            folders: DEFAULT_FOLDERS.map(str::to_owned).to_vec(),
            are_default: true,
            not_replayed: vec![],
            streams: false,
            discards_layers: false,
            stall_limit: None,
            stops: None,
            disables: None,
            verifiers: VERIFIERS.to_owned(),
            root: ROOT.to_owned(),
            address: None,
        }
    }
}

impl Config {
    /// Returns the configuration of that version of containerd where there is no file.
    pub fn without_file(version: Option<ContainerdVersion>) -> Self {
        let mut config = Self { stall_limit: stall_limit(None, version), ..Self::default() };
        if is_at_least(version, (2, 2, 0)) == Some(false) {
            (config.folders, config.are_default) = (vec![], false);
        }
        config
    }

    /// Returns whether all of it is known that may decide whether containerd starts.
    pub(super) fn is_sure(&self) -> bool {
        let unsure = [NotFollowed::Imports, NotFollowed::VersionDecides, NotFollowed::TomlForm];
        self.not_replayed.iter().all(|(what, _)| !unsure.contains(what))
    }

    /// Reads the configuration of that version of containerd for a registry, as an image names it.
    pub fn read(
        file: &Toml,
        version: Option<ContainerdVersion>,
        registry: &str,
    ) -> Result<Self, Malformed> {
        let mut config = Self::without_file(version);
        if !file.is_plain {
            config.not_replayed.push((NotFollowed::TomlForm, "TOML 1.1".into()));
        }
        if let Some(root) =
            file.table.get("root").and_then(Value::as_str).filter(|it| !it.is_empty())
        {
            root.clone_into(&mut config.root);
        }
        let address = file.table.get("grpc").and_then(|grpc| grpc.get("address")?.as_str());
        config.address = address.filter(|it| !it.is_empty()).map(str::to_owned);
        let disabled = file.table.get("disabled_plugins").and_then(Value::as_array);
        for name in disabled.into_iter().flatten().filter_map(Value::as_str) {
            match needs(name, version) {
                Some(true) => _ = config.disables.get_or_insert_with(|| name.to_owned()),
                Some(false) => {}
                None => config.not_replayed.push((NotFollowed::DisabledPlugins, name.to_owned())),
            }
        }
        let format = file.table.get("version").and_then(Value::as_integer).unwrap_or(1);
        let plugins = file.table.get("plugins").and_then(Value::as_table);
        let verifier = plugins.and_then(|plugins| plugins.get(VERIFIER)?.get("bin_dir")?.as_str());
        if let Some(folder) = verifier.filter(|folder| !folder.is_empty()) {
            folder.clone_into(&mut config.verifiers);
        }
        let counting = |names: [&'static str; 3]| {
            let tables = names.into_iter().filter_map(|name| {
                let plugin = plugins.and_then(|plugins| plugins.get(name)?.as_table())?;
                Some((name, plugin, counts(name, format, version)))
            });
            tables.filter(|(.., counts)| *counts != Some(false)).collect::<Vec<_>>()
        };
        let running = counting(RUNNING);
        for (name, plugin, counts) in &running {
            // Of two tables containerd makes one.
            let counts = counts.filter(|_| running.len() == 1);
            config.stop(counts, name, StopsBy::of_runtimes(plugin));
        }
        let pulling = counting(PULLING);
        if let Some((name, ..)) = pulling.iter().find(|(.., counts)| format < 2 && counts.is_none())
        {
            config.not_replayed.push((NotFollowed::VersionDecides, (*name).to_owned()));
        }
        let registries = pulling.iter().filter(|(_, plugin, _)| plugin.contains_key("registry"));
        if registries.count() > 1 {
            config.not_replayed.push((NotFollowed::VersionDecides, "registry".into()));
        }
        if !(0..=3).contains(&format) {
            config.not_replayed.push((NotFollowed::VersionDecides, format!("version = {format}")));
        }
        let (mut paths, mut snapshotters): (Vec<&str>, Vec<&str>) = (vec![], vec![]);
        for name in PULLING {
            let Some(plugin) = plugins.and_then(|plugins| plugins.get(name)) else { continue };
            let counts = counts(name, format, version);
            if counts == Some(false) {
                continue;
            }
            let plugin = plugin.as_table().ok_or(Malformed::NotAnObject)?;
            if let Some(odd) = plugin.keys().find(|key| is_misspelled(key)) {
                config.not_replayed.push((NotFollowed::TomlForm, odd.clone()));
            }
            config.stop(counts, name, StopsBy::of_images(plugin));
            config.stall_limit = counts.and_then(|_| stall_limit(Some(plugin), version));
            let both = [Some(plugin), table(plugin, "containerd")?];
            let set = |name| both.iter().flatten().filter_map(move |at| at.get(name));
            config.streams |= set("snapshotter").any(|name| name.as_str() == Some(STREAMING));
            let named = set("snapshotter").filter_map(Value::as_str);
            snapshotters.extend(named.filter(|name| *name != STREAMING));
            let mut discards = set("discard_unpacked_layers");
            config.discards_layers |= discards.any(|is| is.as_bool() == Some(true));
            let Some(settings) = table(plugin, "registry")? else { continue };
            if let Some(odd) = settings.keys().find(|key| is_misspelled(key)) {
                config.not_replayed.push((NotFollowed::TomlForm, odd.clone()));
            }
            match settings.get("config_path").map(Value::as_str) {
                Some(None) => return Err(Malformed::EntryNotTexts),
                Some(Some("")) | None => {}
                Some(Some(path)) => paths.push(path),
            }
            config.inline(settings, counts.is_some(), registry)?;
        }
        let transfer = plugins.and_then(|plugins| plugins.get(TRANSFER));
        let odd = snapshotter::odd(&snapshotters, transfer, version);
        config.not_replayed.extend(odd.map(|odd| (NotFollowed::Snapshotter, odd)));
        paths.dedup();
        match paths[..] {
            [] => {}
            [path] => {
                config.folders = path.split(':').map(str::to_owned).collect();
                config.are_default = false;
                // The transfer service of 2.1 and later takes the list as one directory
                // (containerd#12415).
                let is_one = is_at_least(version, (2, 1, 0)) != Some(false);
                if config.folders.len() > 1 && is_one {
                    config.not_replayed.push((NotFollowed::SeveralFolders, path.to_owned()));
                }
            }
            _ => config.not_replayed.push((NotFollowed::SeveralFolders, paths.join(" "))),
        }
        Ok(config)
    }

    /// Takes a setting with which nothing can be pulled, under a name of the plugin that counts; `None`
    /// where the version decides that.
    fn stop(&mut self, counts: Option<bool>, name: &str, stops: Option<StopsBy>) {
        match (stops, counts) {
            (None, _) | (_, Some(false)) => {}
            (Some(_), Some(true)) => self.stops = self.stops.or(stops),
            (Some(_), None) => {
                self.not_replayed.push((NotFollowed::VersionDecides, name.to_owned()));
            }
        }
    }

    /// Reads the settings of a registry that are written in the configuration itself: deprecated,
    /// and removed in later versions of containerd.
    fn inline(&mut self, settings: &Table, counts: bool, registry: &str) -> Result<(), Malformed> {
        let mirrors = table(settings, "mirrors")?.filter(|mirrors| !mirrors.is_empty());
        let names = |table: &Table| {
            [registry, "*"].into_iter().find(|name| table.contains_key(*name)).map(str::to_owned)
        };
        // Together with a directory they keep the plugin from starting.
        let with_path = settings
            .get("config_path")
            .and_then(Value::as_str)
            .is_some_and(|path| !path.is_empty());
        if with_path && mirrors.is_some() && counts {
            self.stops = Some(StopsBy::MirrorsBesideConfigPath);
        } else if let Some(mirrors) = mirrors
            && let Some(name) =
                names(mirrors).or_else(|| with_path.then(|| "config_path".to_owned()))
        {
            self.not_replayed.push((NotFollowed::InlineMirrors, name));
        }
        for of in ["configs", "auths"] {
            let of = table(settings, of)?;
            if let Some(name) = of.and_then(|of| of.keys().find(|key| key.contains(registry))) {
                self.not_replayed.push((NotFollowed::InlineConfig, name.clone()));
            }
        }
        Ok(())
    }
}

/// Returns a table in a table.
fn table<'a>(of: &'a Table, name: &str) -> Result<Option<&'a Table>, Malformed> {
    of.get(name).map(|value| value.as_table().ok_or(Malformed::NotAnObject)).transpose()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::kit::{rules::GoBuild, world::toml};

    fn read(text: &str) -> Config {
        read_by(None, text)
    }

    fn read_by(version: Option<&str>, text: &str) -> Config {
        let version = version.and_then(|version| {
            let module = if version.starts_with('1') { "" } else { "/v2" };
            let module = format!("github.com/containerd/containerd{module}");
            let lines = format!("path\t{module}/cmd/containerd\nmod\t{module}\tv{version}\t\n");
            ContainerdVersion::of(&GoBuild::of(&lines))
        });
        let text = if text.contains("version = ") {
            text.to_owned()
        } else {
            format!("version = 2\n{text}")
        };
        Config::read(&toml(text.as_bytes()).unwrap(), version, "contoso.azurecr.io").unwrap()
    }

    #[test]
    fn the_folder_is_found_under_each_name_of_the_plugin() {
        for name in PULLING {
            let (format, of) = if name == "cri" { (1, Some("1.7.30")) } else { (2, None) };
            let text =
                format!("version = {format}\n[plugins.'{name}'.registry]\nconfig_path = '/x'");
            let config = read_by(of, &text);
            assert_eq!((config.folders, config.are_default), (vec!["/x".to_owned()], false));
            assert_eq!(config.not_replayed, []);
        }
        let dotted = read("plugins.'io.containerd.cri.v1.images'.registry.config_path = \"/y\"");
        assert_eq!(dotted.folders, ["/y"]);
        assert_eq!(read("version = 3"), Config::default());
    }

    #[test]
    fn a_file_without_a_version_has_other_names() {
        let read = |name: &str, of| {
            let text = format!("version = 1\n[plugins.'{name}'.registry]\nconfig_path = '/x'");
            let config = read_by(of, &text);
            (config.folders == ["/x"], config.not_replayed.is_empty())
        };
        let [new, old, short] = PULLING;
        for (name, of, wanted) in [
            (new, Some("2.2.9"), (true, true)),
            (old, Some("2.2.9"), (false, true)),
            (short, Some("2.2.9"), (false, true)),
            (new, Some("1.7.30"), (false, true)),
            (short, Some("1.7.30"), (true, true)),
        ] {
            assert_eq!(read(name, of), wanted, "{name} {of:?}");
        }
        for (name, of) in [(old, Some("1.7.30")), (short, Some("2.0.1")), (old, None), (new, None)]
        {
            assert!(!read(name, of).1, "{name} {of:?}");
        }
        let short = "version = 2\n[plugins.cri.registry]\nconfig_path = '/x'";
        assert!(read_by(Some("2.2.9"), short).are_default);
    }

    #[test]
    fn of_two_tables_one_is_made() {
        let text = "[plugins.'io.containerd.grpc.v1.cri'.containerd]\ndefault_runtime_name = 'nv'\n\
            [plugins.'io.containerd.cri.v1.runtime'.containerd.runtimes.nv]";
        let config = read_by(Some("2.2.9"), text);
        assert_eq!((config.stops, config.is_sure()), (None, false));
        let text = "[plugins.'io.containerd.cri.v1.images'.registry]\nconfig_path = '/x'\n\
            [plugins.'io.containerd.grpc.v1.cri'.registry.headers]\nX-A = ['b']";
        assert!(!read_by(Some("2.2.9"), text).is_sure());
        let misspelled = "[plugins.'io.containerd.cri.v1.images']\nSnapshotter = 'x'";
        assert!(!read(misspelled).is_sure());
        assert!(!read_by(Some("2.2.9"), "version = 4").is_sure());
    }

    #[test]
    fn what_is_not_replayed_is_named() {
        let what = |text: &str| {
            read(text).not_replayed.into_iter().map(|(what, _)| what).collect::<Vec<_>>()
        };
        let cri = "[plugins.'io.containerd.grpc.v1.cri'.registry";
        assert_eq!(what(&format!("{cri}]\nconfig_path = '/a:/b'")), [NotFollowed::SeveralFolders]);
        assert_eq!(what(&format!("{cri}.mirrors.'docker.io']\nendpoint = []")), []);
        assert_eq!(
            what(&format!("{cri}.mirrors.'*']\nendpoint = []")),
            [NotFollowed::InlineMirrors]
        );
        let both = format!("{cri}]\nconfig_path = '/a'\n{cri}.mirrors.'docker.io']\nendpoint = []");
        assert_eq!(what(&both), []);
        assert!(read(&both).stops.is_some());
        let both = both.replace("grpc.v1.cri", "cri.v1.images");
        assert_eq!(what(&both), [NotFollowed::InlineMirrors]);
        assert!(read(&both).stops.is_none() && read_by(Some("2.0.0"), &both).stops.is_some());
        let auth = format!("{cri}.configs.'contoso.azurecr.io'.auth]\nusername = 'x'");
        assert_eq!(what(&auth), [NotFollowed::InlineConfig]);
        assert_eq!(what(&format!("{cri}]\nConfig_Path = '/a'")), [NotFollowed::TomlForm]);
    }

    #[test]
    fn the_version_decides_what_stops() {
        let text = "version = 3\n[plugins.'io.containerd.cri.v1.images']\n\
            image_pull_progress_timeout = '5'";
        assert_eq!(read_by(Some("2.2.0"), text).stops, Some(StopsBy::ProgressTimeout));
        assert_eq!(read_by(Some("1.7.30"), text).stops, None);
        let unknown = read(text);
        assert_eq!((unknown.stops, unknown.not_replayed.len()), (None, 1));
    }

    #[test]
    fn the_version_decides() {
        let (old, new) = ("io.containerd.grpc.v1.cri", "io.containerd.cri.v1.images");
        let folders = |version: &str, name: &str, format: &str| {
            let text =
                format!("version = {format}\n[plugins.'{name}'.registry]\nconfig_path = '/x'");
            read_by(Some(version), &text).folders
        };
        assert_eq!(folders("1.7.34", old, "2"), ["/x"]);
        assert_eq!(folders("1.7.34", new, "2"), [""; 0]);
        assert_eq!(folders("2.0.0", old, "2"), ["/x"]);
        assert_eq!(folders("2.0.0", old, "3"), [""; 0]);
        assert_eq!(folders("2.4.2", old, "3"), ["/x"]);
        assert_eq!(read_by(Some("2.1.6"), "version = 3").folders, [""; 0]);
        assert!(read_by(Some("2.2.4"), "version = 3").are_default);
        let list = format!("[plugins.'{old}'.registry]\nconfig_path = '/a:/b'");
        assert_eq!(read_by(Some("2.0.7"), &list).not_replayed, []);
        assert_eq!(read_by(Some("2.1.0"), &list).not_replayed.len(), 1);
        assert_eq!(read("root = '/data'").root, "/data");
    }

    #[test]
    fn discarded_layers_are_seen_in_both_places() {
        let discards = |at: &str| {
            let text = format!("[plugins.'{at}]\ndiscard_unpacked_layers = ");
            let of = |value| read(&format!("{text}{value}")).discards_layers;
            (of("true"), of("false"))
        };
        assert_eq!(discards("io.containerd.grpc.v1.cri'.containerd"), (true, false));
        assert_eq!(discards("io.containerd.cri.v1.images'"), (true, false));
    }

    #[test]
    fn streaming_is_seen_in_both_places() {
        assert!(
            read("[plugins.'io.containerd.grpc.v1.cri'.containerd]\nsnapshotter = 'overlaybd'")
                .streams
        );
        assert!(read("[plugins.'io.containerd.cri.v1.images']\nsnapshotter = 'overlaybd'").streams);
        assert!(
            !read("[plugins.'io.containerd.cri.v1.images']\nsnapshotter = 'overlayfs'").streams
        );
    }
}
