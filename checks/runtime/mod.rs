//! Which hosts does this node's containerd ask for the image?
//!
//! Its files are its configuration, and for each registry a directory with `hosts.toml` or certificates.
//! They are configured; in effect is what the running process has, and files that are older than it.

mod asking;
mod certificates;
mod client;
mod config;
mod containerd;
mod endpoint;
mod folder;
mod followed;
mod forms;
mod host_url;
mod hosts_file;
mod imports;
mod mirrors;
mod plugins;
mod problem;
mod proxies;
mod resolver;
mod snapshotter;
mod stops;
mod trust;
mod verifiers;
mod version;
mod way;

use std::{rc::Rc, time::Duration};

use crate::{
    image::ImageTarget,
    kit::{
        Cx, Host, HostPurpose, Image, StepResult,
        rules::{ContainerdVersion, flag},
        world::{
            FileError, PROCESS_READS, Process, Seen, UNIT_READS, Unit, UnitEnvironment, Variables,
        },
    },
};
pub use config::Config;
pub use containerd::{Needs, needs};
use endpoint::Endpoint;
use folder::{RegistryFolder, Settings};
pub use followed::{Proxied, Runtime, host, hosts, proxied};
use hosts_file::HostEntry;
pub use hosts_file::HostsFile;
use imports::{Loaded, Unloaded};
pub use mirrors::ask as ask_mirrors;
use mirrors::{Link, List};
pub use problem::{NotFollowed, Problem};
pub use stops::StopsBy;
use version::takes_schema1;
pub use way::{Named, Way, session};

/// The configuration of containerd, unless its command line names another file.
const CONFIG: &str = "/etc/containerd/config.toml";
/// A connection that may take less is opened in this time only where no packet is lost twice.
const SHORT_DIAL: Duration = Duration::from_secs(3);
/// How many hosts of a file are followed.
pub(crate) const MAX_HOSTS: usize = 8;
/// The most files that are read before the next steps start: the directories of two roots, the hosts,
/// the names in a directory, the certificates of each host, and what each file here reads.
pub(crate) const MAX_READS: usize = 17
    + certificates::MAX_FILES
    + MAX_HOSTS * certificates::MAX_FILES
    + 2 * PROCESS_READS
    + UNIT_READS
    + proxies::MAX_READS
    + resolver::MAX_READS
    + trust::MAX_READS
    + version::MAX_READS
    + 2 * imports::MAX_FILES;
/// The most looks at files of the step that compares a pull's needs.
pub(crate) const MAX_LOOKS: usize = containerd::MAX_READS;

/// Reads how containerd on this node reaches the registry.
pub async fn read(cx: &Cx, image_target: &ImageTarget) -> StepResult<Runtime> {
    let asked = &image_target.asked;
    let found = cx.world.process(Unit::Containerd.name()).await;
    let lacks_containerd = matches!(found, Ok(None));
    let process = found.ok().flatten();
    let kubelet = cx.world.process(Unit::Kubelet.name()).await.ok().flatten();
    let endpoint = Endpoint::read(cx, kubelet.as_ref()).await;
    let other = endpoint.as_ref().filter(|it| !it.may_be_containerds());
    let unit = cx.world.unit(Unit::Containerd).await;
    if other.is_none() {
        for (file, written) in unit.isolated.values().cloned() {
            not_replayed(cx, &file, &[(NotFollowed::Isolated, written)]);
        }
        compare_proxies(cx, &asked.host, process.as_ref(), unit, kubelet.as_ref()).await;
        trust::follow(cx, process.as_ref(), &Variables::of(process.as_ref(), unit)).await;
    }
    resolver::compare(cx).await;
    let version = version::read(cx, process.as_ref()).await;
    if let Some(version) = version {
        // Several targets of a run are looked at on the same node.
        let _ = cx.world.containerd.set(version);
    }
    let mut way = Runtime {
        host: asked.host.clone(),
        others: None,
        hosts: vec![],
        file: None,
        config: None,
        seen: Seen::Assumed,
        version: version.map(|version| version.to_string()),
        stall_limit: None,
        root: Config::default().root,
        keeps_layers: true,
        takes_schema1: takes_schema1(version, &Variables::of(process.as_ref(), unit)),
        process,
        has_proxies: cx.world.pull_proxies().are_set(),
        list: None,
    };
    if let Some(Endpoint { file, socket }) = other {
        not_replayed(cx, file, &[(NotFollowed::OtherRuntime, socket.clone())]);
        return Ok(way);
    }
    let (file, root) = match command_line(way.process.as_ref(), unit) {
        Ok(named) => named,
        Err(written) => {
            let file = unit.sources.last().cloned().unwrap_or_default();
            not_replayed(cx, &file, &[(NotFollowed::OtherConfig, written)]);
            return Ok(way);
        }
    };
    let Some(config) = load(cx, &file, version, &asked.registry, &mut way).await else {
        return Ok(way);
    };
    let (process, address) = (way.process.as_ref(), config.address.as_deref());
    if let Some(other) = endpoint.filter(|it| !it.is_of(process, address)) {
        not_replayed(cx, &other.file, &[(NotFollowed::OtherRuntime, other.socket)]);
    }
    if lacks_containerd && (way.config.is_some() || unit.command.is_some()) {
        cx.add_finding(Problem::NotRunning { file: file.clone() });
    }
    way.root = root.unwrap_or(config.root.clone());
    way.keeps_layers = !config.discards_layers;
    way.stall_limit = config.stall_limit;
    verifiers::warn(cx, &config, version).await;
    if config.streams {
        cx.add_finding(Problem::ArtifactStreaming { file: file.clone() });
    }
    tell_what_stops(cx, &file, &config, way.seen);
    not_replayed(cx, &file, &config.not_replayed);
    let found =
        match folder::find(cx, &config.folders, cx.target.registry_as_written(&asked.registry))
            .await
        {
            Ok(found) => found,
            Err((file, error)) => {
                let said = error.to_string();
                cx.add_finding(match error {
                    FileError::NotAFolder if way.seen == Seen::InEffect => {
                        Problem::HostsPathUnusable { file, said }
                    }
                    _ => Problem::ConfigUnreadable { file, said },
                });
                return Ok(way);
            }
        };
    let Some(found) = found else { return Ok(way) };
    if config.are_default {
        not_replayed(cx, &found.path, &[(NotFollowed::VersionDecides, "config_path".into())]);
    }
    apply(cx, image_target, found, version, &mut way).await;
    Ok(way)
}

/// Tells with what of its configuration containerd pulls nothing.
fn tell_what_stops(cx: &Cx, file: &str, config: &Config, seen: Seen) {
    let in_effect = seen == Seen::InEffect;
    if let Some(plugin) = config.disables.clone() {
        if in_effect {
            cx.add_finding(Problem::PluginDisabled { file: file.to_owned(), plugin, seen });
        } else {
            not_replayed(cx, file, &[(NotFollowed::DisabledPlugins, plugin)]);
        }
    }
    if let Some(said) = config.stops {
        if in_effect && config.is_sure() {
            cx.add_finding(Problem::PluginStops { file: file.to_owned(), said, seen });
        } else {
            not_replayed(cx, file, &[(NotFollowed::MayStop, said.to_string())]);
        }
    }
}

/// Compares the proxies of containerd with ours, with those of its files and with the kubelet's.
async fn compare_proxies(
    cx: &Cx,
    host: &Host,
    process: Option<&Process>,
    unit: &UnitEnvironment,
    kubelet: Option<&Process>,
) {
    proxies::compare(cx, host, process, unit).await;
    let Some(kubelet) = kubelet else { return };
    let none = UnitEnvironment::default();
    let configured = match kubelet.environment {
        Ok(_) => &none,
        Err(_) => cx.world.unit(Unit::Kubelet).await,
    };
    let is_known = process.is_some_and(|process| process.environment.is_ok());
    // What is not known of either of them differs from nothing.
    if configured.odd.is_empty() && (is_known || unit.odd.is_empty()) {
        let kubelet = Variables::of(Some(kubelet), configured);
        proxies::compare_with_kubelet(cx, host, &Variables::of(process, unit), &kubelet);
    }
}

/// Returns the configuration that containerd's command line names, and the directory for what it
/// pulls, if that is named too. An error quotes a command line that cannot be followed.
fn command_line(
    process: Option<&Process>,
    unit: &UnitEnvironment,
) -> Result<(String, Option<String>), String> {
    let words = match (process, unit.words(Unit::Containerd.name())) {
        (Some(process), _) => process.args.clone(),
        (None, Some(words)) => words?,
        (None, None) => {
            // Flatcar's unit takes the file of this variable.
            let named = unit.value("CONTAINERD_CONFIG");
            let named = named.map(|file| vec![String::new(), "--config".into(), file]);
            named.unwrap_or_default()
        }
    };
    let path = |names: &[&str]| match flag(&words, names) {
        None | Some("") => Ok(None),
        Some(file) if file.starts_with('/') => Ok(Some(file.to_owned())),
        Some(odd) => Err(odd.to_owned()),
    };
    Ok((path(&["config", "c"])?.unwrap_or_else(|| CONFIG.to_owned()), path(&["root"])?))
}

/// Loads the configuration; `None` where it is not known.
async fn load(
    cx: &Cx,
    file: &str,
    version: Option<ContainerdVersion>,
    registry: &str,
    way: &mut Runtime,
) -> Option<Config> {
    let Loaded { config, files } = match imports::load(cx, file, version, registry).await {
        Ok(loaded) => loaded,
        Err(Unloaded { file: named, error: Some(FileError::Missing), .. }) if named == file => {
            return Some(Config::without_file(version));
        }
        Err(Unloaded { file, said, .. }) => {
            way.config = Some(file.clone());
            cx.add_finding(Problem::ConfigUnreadable { file, said });
            return None;
        }
    };
    way.config = Some(file.to_owned());
    way.seen = Seen::Configured;
    let Some(process) = &way.process else { return Some(config) };
    let mut are_loaded = true;
    for file in files {
        let changed = cx.world.changed(&cx.world.of_node(&file)).await.ok();
        let Some((changed, started)) = changed.zip(process.started) else {
            are_loaded = false;
            continue;
        };
        match process.started_after(changed) {
            Some(true) => {}
            Some(false) => {
                cx.add_finding(Problem::ConfigChanged { file, changed, started });
                return Some(config);
            }
            None => are_loaded = false,
        }
    }
    if are_loaded {
        way.seen = Seen::InEffect;
    }
    Some(config)
}

/// Follows what a registry's directory says: the settings for the registry itself are used from now
/// on, other hosts are asked by steps of their own.
async fn apply(
    cx: &Cx,
    image_target: &ImageTarget,
    found: RegistryFolder,
    version: Option<ContainerdVersion>,
    way: &mut Runtime,
) {
    let settings = folder::settings(cx, &found, version).await;
    let Settings { file, mut hosts, not_replayed: odd } = settings;
    not_replayed(cx, &file, &odd);
    if hosts.len() > MAX_HOSTS {
        not_replayed(cx, &file, &[(NotFollowed::ManyHosts, hosts.len().to_string())]);
        hosts.truncate(MAX_HOSTS);
    }
    let (mut links, mut named) = (vec![], vec![]);
    let mut usable = true;
    for (number, entry) in (0..).zip(hosts) {
        if asks_for(&entry, image_target) {
            named.push(entry.name(&image_target.asked.registry));
        }
        if is_own(&entry, &way.host) {
            usable &= of_registry(cx, &file, &entry, &mut way.host).await;
            links.push(Link::Registry);
            continue;
        }
        let host = entry.url.as_ref().and_then(|url| Host::of(url, HostPurpose::Mirror(number)));
        let Some(host) = host else {
            let written = entry.url.map(|url| url.to_string()).unwrap_or_default();
            links.push(Link::Odd { written });
            continue;
        };
        usable &= certificates::trust(cx, &file, &entry, &host).await;
        if entry.skip_verify == Some(true) {
            cx.world.roots.accept_any_for(&host);
        }
        links.push(Link::Mirror { host, entry: Box::new(entry) });
    }
    let others = links.iter().filter(|link| !matches!(link, Link::Registry)).count();
    way.others = Some(others).filter(|count| *count > 0);
    // With a certificate file that it cannot use, containerd asks no host at all.
    if usable && way.others.is_some() {
        way.hosts = named;
    }
    way.file = Some(file.clone());
    let is_asked = usable && way.others.is_some() && image_target.asked.image.is_some();
    way.list = is_asked.then(|| Rc::new(List { file, links }));
}

/// Follows the settings for the registry itself. Returns whether each of its certificate files can
/// be used.
async fn of_registry(cx: &Cx, file: &str, entry: &HostEntry, host: &mut Host) -> bool {
    match entry.url.as_ref().map(url::Url::scheme) {
        Some("http") if !host.plain && !host.is_local() => {
            not_replayed(cx, file, &[(NotFollowed::PlainHttp, host.to_string())]);
        }
        Some(scheme) => (host.plain, host.needs_tls) = (scheme == "http", scheme == "https"),
        None => {}
    }
    not_replayed(cx, file, &odd_of_registry(entry));
    certificates::trust(cx, file, entry, host).await
}

/// Returns what of an entry for the registry itself is not replayed.
fn odd_of_registry(entry: &HostEntry) -> Vec<(NotFollowed, String)> {
    let mut odd = vec![];
    if entry.skip_verify == Some(true) {
        odd.push((NotFollowed::SkipVerify, "skip_verify".into()));
    }
    if !entry.client.is_empty() {
        let pairs: Vec<String> = entry.client.iter().map(ToString::to_string).collect();
        odd.push((NotFollowed::ClientCertificate, pairs.join(" ")));
    }
    if !entry.headers.is_empty() {
        odd.push((NotFollowed::ExtraHeaders, entry.header_names()));
    }
    if entry.path != "/v2" {
        odd.push((NotFollowed::OtherPath, entry.path.clone()));
    }
    if let Some(wait) = entry.dial_timeout.filter(|wait| *wait < SHORT_DIAL) {
        odd.push((NotFollowed::DialTimeout, format!("dial_timeout = {wait:?}")));
    }
    if !(entry.resolves && entry.pulls) {
        odd.push((NotFollowed::Capabilities, "capabilities".into()));
    }
    odd
}

/// Returns whether containerd asks a host which image that is.
fn asks_for(entry: &HostEntry, image_target: &ImageTarget) -> bool {
    let is_digest = image_target.asked.image.as_ref().is_some_and(Image::is_digest);
    entry.pulls && (entry.resolves || is_digest)
}

/// Returns whether an entry is the image's own registry.
fn is_own(entry: &HostEntry, registry: &Host) -> bool {
    let Some(url) = &entry.url else { return true };
    let host = Host::of(url, HostPurpose::Registry);
    host.is_some_and(|host| host.name == registry.name && host.port == registry.port)
}

/// Tells what of a file is not replayed: each kind once, however often it is in the file.
fn not_replayed(cx: &Cx, file: &str, odd: &[(NotFollowed, String)]) {
    for (place, (what, first)) in odd.iter().enumerate() {
        if odd[..place].iter().any(|(known, _)| known == what) {
            continue;
        }
        let more = odd.iter().filter(|(other, _)| other == what).count() - 1;
        let more = if more == 0 { String::new() } else { format!(" (+{more})") };
        let (file, written) = (file.to_owned(), format!("{first}{more}"));
        cx.add_finding(Problem::NotReplayed { file, what: *what, written });
    }
}
