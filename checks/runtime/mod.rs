//! Which hosts does this node's containerd ask for the image?
//!
//! The files are those that containerd reads: its configuration, and for each registry a directory
//! with `hosts.toml` or with certificates. What they say is configured; a process that runs since
//! before a change of the first may not know of it.

mod certificates;
mod config;
mod folder;
mod hosts_file;
mod mirrors;
mod problem;
mod proxies;
mod resolver;

use serde::Serialize;

use crate::{
    image::ImageTarget,
    kit::{
        Cx, Host, HostPurpose, StepResult,
        world::{FileError, toml},
    },
};
use config::CONFIG;
pub use config::Config;
use folder::{RegistryFolder, Settings};
use hosts_file::HostEntry;
pub use hosts_file::HostsFile;
pub use problem::{NotFollowed, Problem};

/// How many hosts of a file are followed.
const MAX_HOSTS: usize = 8;
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
}

/// Reads how containerd on this node reaches the registry.
pub async fn read(cx: &Cx, image_target: &ImageTarget) -> StepResult<Runtime> {
    let asked = &image_target.asked;
    let mut way =
        Runtime { host: asked.host.clone(), others: None, file: None, config: Some(CONFIG) };
    proxies::compare(cx, &asked.host).await;
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
/// on, other hosts are tested beside the next steps.
async fn apply(cx: &Cx, image_target: &ImageTarget, found: RegistryFolder, way: &mut Runtime) {
    let Settings { file, mut hosts, not_replayed: odd } = folder::settings(cx, &found).await;
    not_replayed(cx, &file, odd);
    if hosts.len() > MAX_HOSTS {
        not_replayed(cx, &file, vec![(NotFollowed::ManyHosts, hosts.len().to_string())]);
        hosts.truncate(MAX_HOSTS);
    }
    let (own, others): (Vec<_>, Vec<_>) =
        hosts.into_iter().partition(|entry| is_own(entry, &way.host));
    for entry in &own {
        match entry.url.as_ref().map(url::Url::scheme) {
            Some("http") if !way.host.plain && !way.host.is_local() => {
                not_replayed(cx, &file, vec![(NotFollowed::PlainHttp, way.host.to_string())]);
            }
            Some(scheme) => way.host.plain = scheme == "http",
            None => {}
        }
        certificates::trust(cx, &file, entry, &way.host).await;
        not_replayed(cx, &file, of_registry(entry));
    }
    let has_image = image_target.asked.image.is_some();
    way.others = Some(others.len()).filter(|count| *count > 0);
    way.file = Some(file.clone());
    let list = mirrors::List { file, others, asks_registry: !own.is_empty() };
    if has_image && way.others.is_some() {
        mirrors::test(cx, image_target, list);
    }
}

/// Returns what of an entry for the registry itself is not replayed.
fn of_registry(entry: &HostEntry) -> Vec<(NotFollowed, String)> {
    let mut odd = vec![];
    if entry.skip_verify == Some(true) {
        odd.push((NotFollowed::SkipVerify, "skip_verify".into()));
    }
    if !entry.client.is_empty() {
        odd.push((NotFollowed::ClientCertificate, entry.client.join(" ")));
    }
    if !entry.headers.is_empty() {
        odd.push((NotFollowed::ExtraHeaders, entry.headers.join(" ")));
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
