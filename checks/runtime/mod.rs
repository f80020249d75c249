//! Which hosts does this node's containerd ask for the image?
//!
//! The files are those that containerd reads: its configuration, and for each registry a directory
//! with `hosts.toml` or with certificates. What they say is configured; a process that runs since
//! before a change of the first may not know of it.

mod asking;
mod certificates;
mod config;
mod folder;
mod hosts_file;
mod mirrors;
mod problem;
mod proxies;
mod resolver;
mod way;

use std::rc::Rc;

use serde::Serialize;

use crate::{
    image::ImageTarget,
    kit::{
        Cx, Host, HostPurpose, NoFact, StepResult,
        engine::RunProblem,
        world::{FileError, toml},
    },
};
use config::CONFIG;
pub use config::Config;
use folder::{RegistryFolder, Settings};
use hosts_file::HostEntry;
pub use hosts_file::HostsFile;
pub use mirrors::ask as ask_mirrors;
use mirrors::{Link, List};
pub use problem::{NotFollowed, Problem};
pub use way::{Named, Way, session};

/// How many hosts of a file are followed.
pub(crate) const MAX_HOSTS: usize = 8;
/// The most files that are read before the next steps start: the configuration, the directories of
/// two roots, the hosts, the names in a directory, the certificates of each host, what sets
/// containerd's environment, and the node's name servers.
pub(crate) const MAX_READS: usize =
    12 + MAX_HOSTS * certificates::MAX_FILES + proxies::MAX_READS + resolver::MAX_READS;

/// The way that containerd goes for the image.
#[derive(Serialize)]
pub struct Runtime {
    /// The registry, as containerd asks it.
    #[serde(skip)]
    host: Host,
    /// How many other hosts it asks; `None` for none.
    #[serde(skip_serializing_if = "Option::is_none")]
    others: Option<usize>,
    /// The file or directory that decides.
    #[serde(skip_serializing_if = "Option::is_none")]
    file: Option<String>,
    /// The configuration of containerd, if there is one.
    #[serde(skip_serializing_if = "Option::is_none")]
    config: Option<&'static str>,
    /// Whether containerd has proxies.
    #[serde(skip)]
    has_proxies: bool,
    /// All hosts, where there are others than the registry.
    #[serde(skip)]
    list: Option<Rc<List>>,
}

/// Reads how containerd on this node reaches the registry.
pub async fn read(cx: &Cx, image_target: &ImageTarget) -> StepResult<Runtime> {
    let asked = &image_target.asked;
    let mut way = Runtime {
        host: asked.host.clone(),
        others: None,
        file: None,
        config: Some(CONFIG),
        list: None,
        has_proxies: false,
    };
    proxies::compare(cx, &asked.host).await;
    way.has_proxies = cx.world.pull_proxies().are_set();
    resolver::compare(cx).await;
    let read = cx.world.read(&cx.world.of_node(CONFIG)).await;
    let config = match read {
        Ok(bytes) => {
            let config = toml(&bytes).map_err(|said| said.to_string());
            let read = |file| Config::read(&file, &asked.registry).map_err(|said| said.to_string());
            config.and_then(read)
        }
        Err(FileError::Missing) => {
            way.config = None;
            Ok(Config::default())
        }
        Err(error) => Err(error.to_string()),
    };
    let config = match config {
        Ok(config) => config,
        Err(said) => {
            cx.add_finding(Problem::ConfigUnreadable { file: CONFIG.into(), said });
            return Ok(way);
        }
    };
    if config.streams {
        cx.add_finding(Problem::ArtifactStreaming { file: CONFIG.into() });
    }
    not_replayed(cx, CONFIG, config.not_replayed.clone());
    let found = match folder::find(cx, &config.folders, &asked.registry).await {
        Ok(found) => found,
        Err((file, error)) => {
            let said = error.to_string();
            cx.add_finding(Problem::ConfigUnreadable { file, said });
            return Ok(way);
        }
    };
    let Some(found) = found else { return Ok(way) };
    if config.are_default {
        not_replayed(cx, &found.path, vec![(NotFollowed::VersionDecides, "config_path".into())]);
    }
    apply(cx, image_target, found, &mut way).await;
    Ok(way)
}

/// Follows what a registry's directory says: the settings for the registry itself are used from now
/// on, other hosts are asked by steps of their own.
async fn apply(cx: &Cx, image_target: &ImageTarget, found: RegistryFolder, way: &mut Runtime) {
    let Settings { file, mut hosts, not_replayed: odd } = folder::settings(cx, &found).await;
    not_replayed(cx, &file, odd);
    if hosts.len() > MAX_HOSTS {
        not_replayed(cx, &file, vec![(NotFollowed::ManyHosts, hosts.len().to_string())]);
        hosts.truncate(MAX_HOSTS);
    }
    let mut links = vec![];
    let mut usable = true;
    for (number, entry) in (0..).zip(hosts) {
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
        links.push(Link::Mirror { host, entry });
    }
    let others = links.iter().filter(|link| !matches!(link, Link::Registry)).count();
    way.others = Some(others).filter(|count| *count > 0);
    way.file = Some(file.clone());
    // With a certificate file that it cannot use, containerd asks no host at all.
    let is_asked = usable && way.others.is_some() && image_target.asked.image.is_some();
    way.list = is_asked.then(|| Rc::new(List { file, links }));
}

/// Follows the settings for the registry itself. Returns whether each of its certificate files can
/// be used.
async fn of_registry(cx: &Cx, file: &str, entry: &HostEntry, host: &mut Host) -> bool {
    match entry.url.as_ref().map(url::Url::scheme) {
        Some("http") if !host.plain && !host.is_local() => {
            not_replayed(cx, file, vec![(NotFollowed::PlainHttp, host.to_string())]);
        }
        Some(scheme) => host.plain = scheme == "http",
        None => {}
    }
    not_replayed(cx, file, odd_of_registry(entry));
    certificates::trust(cx, file, entry, host).await
}

/// Returns what of an entry for the registry itself is not replayed.
fn odd_of_registry(entry: &HostEntry) -> Vec<(NotFollowed, String)> {
    let mut odd = vec![];
    if entry.skip_verify == Some(true) {
        odd.push((NotFollowed::SkipVerify, "skip_verify".into()));
    }
    if !entry.client.is_empty() {
        odd.push((NotFollowed::ClientCertificate, entry.client.join(" ")));
    }
    if !entry.headers.is_empty() {
        odd.push((NotFollowed::ExtraHeaders, entry.header_names()));
    }
    if entry.path != "/v2" {
        odd.push((NotFollowed::OtherPath, entry.path.clone()));
    }
    if !(entry.resolves && entry.pulls) {
        odd.push((NotFollowed::Capabilities, "capabilities".into()));
    }
    odd
}

/// Returns whether an entry is the image's own registry.
fn is_own(entry: &HostEntry, registry: &Host) -> bool {
    let Some(url) = &entry.url else { return true };
    let host = Host::of(url, HostPurpose::Registry);
    host.is_some_and(|host| host.name == registry.name && host.port == registry.port)
}

fn not_replayed(cx: &Cx, file: &str, odd: Vec<(NotFollowed, String)>) {
    for (what, written) in odd {
        cx.add_finding(Problem::NotReplayed { file: file.to_owned(), what, written });
    }
}

/// Returns the registry as containerd asks it.
pub fn host(runtime: &Runtime) -> StepResult<Host> {
    Ok(runtime.host.clone())
}

/// That a pull on this node may need a proxy.
pub struct Proxied;

/// Returns that a pull on this node may need a proxy, if containerd has any.
pub fn proxied(runtime: &Runtime) -> StepResult<Proxied> {
    runtime.has_proxies.then_some(Proxied).ok_or_else(|| NoFact::skipped(RunProblem::LeftOut {}))
}

/// Returns the hosts that containerd asks, if there are others than the registry.
pub fn hosts(runtime: &Runtime) -> StepResult<Rc<List>> {
    runtime.list.clone().ok_or_else(|| NoFact::skipped(RunProblem::LeftOut {}))
}
