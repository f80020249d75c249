//! The directory of a registry, by containerd's precedence, and what is in it.
//!
//! Source: containerd, core/remotes/docker/config: `hostPaths`, `loadHostDir`, `loadCertFiles`.

use super::{
    client::ClientPair,
    hosts_file::{HostEntry, HostsFile},
    problem::{NotFollowed, Problem},
};
use crate::kit::{
    Cx,
    rules::{ContainerdVersion, Malformed, is_at_least},
    world::{FileError, FileKind},
};

/// The directory for registries that have none of their own.
const DEFAULT: &str = "_default";

/// The directory that counts for a registry.
pub(super) struct RegistryFolder {
    /// Its path on the node.
    pub(super) path: String,
    /// The directory for all registries beside it, if that is another one.
    beside: Option<String>,
}

/// The hosts that are asked, and the file or directory that says so.
pub(super) struct Settings {
    pub(super) file: String,
    pub(super) hosts: Vec<HostEntry>,
    pub(super) not_replayed: Vec<(NotFollowed, String)>,
}

/// Finds the first directory that exists, even an empty one.
pub(super) async fn find(
    cx: &Cx,
    roots: &[String],
    registry: &str,
) -> Result<Option<RegistryFolder>, (String, FileError)> {
    let exists = async |path: &str| match cx.world.finds(&cx.world.of_node(path)).await {
        Ok(found) => Ok(found.is_some()),
        Err(error) => Err((path.to_owned(), error)),
    };
    for root in roots.iter().map(|root| root.trim_end_matches('/')).filter(|root| !root.is_empty())
    {
        // A link below another root leads nowhere; then nothing below it can be told.
        match cx.world.finds(&cx.world.of_node(root)).await {
            Ok(Some(FileKind::Folder)) => {}
            Ok(None) => continue,
            // Below a file, containerd gets another error than that nothing is there.
            Ok(Some(FileKind::Other)) => return Err((root.to_owned(), FileError::NotAFolder)),
            Err(error) => return Err((root.to_owned(), error)),
        }
        let default = format!("{root}/{DEFAULT}");
        for name in names(registry) {
            let path = format!("{root}/{name}");
            if exists(&path).await? {
                return Ok(Some(RegistryFolder { path, beside: Some(default) }));
            }
        }
        if exists(&default).await? {
            return Ok(Some(RegistryFolder { path: default, beside: None }));
        }
    }
    Ok(None)
}

/// Returns the names of a registry's directory: containerd writes a port as `_PORT_` first.
fn names(registry: &str) -> Vec<String> {
    let with_port = registry.rsplit_once(':').filter(|(name, _)| !name.is_empty());
    let names = with_port.map(|(name, port)| format!("{name}_{port}_")).into_iter();
    names.chain([registry.to_owned()]).collect()
}

/// Reads what a directory says.
pub(super) async fn settings(
    cx: &Cx,
    folder: &RegistryFolder,
    version: Option<ContainerdVersion>,
) -> Settings {
    let file = format!("{}/hosts.toml", folder.path);
    let unusable = |file: &str, error: FileError| {
        let said = error.to_string();
        cx.add_finding(Problem::HostsPathUnusable { file: file.to_owned(), said });
        let hosts = vec![HostEntry::own()];
        Settings { file: file.to_owned(), hosts, not_replayed: vec![] }
    };
    if cx.world.finds(&cx.world.of_node(&folder.path)).await == Ok(Some(FileKind::Other)) {
        return unusable(&folder.path, FileError::NotAFolder);
    }
    let text = cx.world.read(&cx.world.of_node(&file)).await;
    match text {
        Ok(bytes) if !bytes.is_empty() => match read(&bytes, &folder.path, version) {
            Ok(HostsFile { hosts, not_replayed }) => return Settings { file, hosts, not_replayed },
            Err(said) => {
                let said = said.to_string();
                cx.add_finding(Problem::HostsFileIgnored { file, said });
            }
        },
        Ok(_) | Err(FileError::Missing) => hides_default(cx, folder).await,
        Err(error @ FileError::AFolder) => return unusable(&file, error),
        Err(error) => {
            let said = error.to_string();
            cx.add_finding(Problem::ConfigUnreadable { file: file.clone(), said });
            return Settings { file, hosts: vec![HostEntry::own()], not_replayed: vec![] };
        }
    }
    of_certificates(cx, &folder.path).await
}

/// Reads a file of hosts as that version of containerd does.
fn read(
    bytes: &[u8],
    folder: &str,
    version: Option<ContainerdVersion>,
) -> Result<HostsFile, Malformed> {
    let mut file = HostsFile::read(bytes, folder)?;
    let is_timeout_read = match is_at_least(version, (2, 1, 0)) {
        Some(false) if is_at_least(version, (2, 0, 0)) == Some(true) => {
            is_at_least(version, (2, 0, 7))
        }
        known => known,
    };
    if is_timeout_read == Some(false) {
        file.hosts.iter_mut().for_each(|entry| entry.dial_timeout = None);
    }
    let mut odd = vec![];
    for (what, written) in file.not_replayed {
        match what {
            // The word `referrers` of `capabilities`, which older versions refuse.
            NotFollowed::VersionDecides if written.eq_ignore_ascii_case("referrers") => {
                match is_at_least(version, (2, 2, 0)) {
                    Some(true) => {}
                    Some(false) => return Err(Malformed::UnknownCapability),
                    None => odd.push((what, written)),
                }
            }
            // A bad `dial_timeout`, which older versions do not read.
            NotFollowed::VersionDecides if is_timeout_read == Some(false) => {}
            _ => odd.push((what, written)),
        }
    }
    file.not_replayed = odd;
    Ok(file)
}

/// Warns of a directory without hosts that hides the hosts for all registries.
async fn hides_default(cx: &Cx, folder: &RegistryFolder) {
    let Some(beside) = &folder.beside else { return };
    let hidden = format!("{beside}/hosts.toml");
    if cx.world.has_file(&cx.world.of_node(&hidden)).await {
        cx.add_finding(Problem::DefaultHidden { folder: folder.path.clone(), hidden });
    }
}

/// Reads a directory as docker does: `*.crt` are authorities, `*.cert` and `*.key` a client's.
async fn of_certificates(cx: &Cx, folder: &str) -> Settings {
    let mut own = HostEntry::own();
    match cx.world.names_in(&cx.world.of_node(folder)).await {
        Ok(names) => {
            for name in names {
                let path = format!("{folder}/{name}");
                // containerd leaves out directories, but not links to them.
                let here = cx.world.of_node(&path);
                let is_folder = cx.world.finds(&here).await == Ok(Some(FileKind::Folder));
                if is_folder && !cx.world.is_link(&here).await {
                    continue;
                }
                if name.strip_suffix(".crt").is_some() {
                    own.ca.push(path);
                } else if let Some(pair) = path.strip_suffix(".cert") {
                    let key = format!("{pair}.key");
                    let is_apart = cx.world.finds(&cx.world.of_node(&key)).await != Ok(None);
                    own.client.push(ClientPair { certificate: path, key: is_apart.then_some(key) });
                }
            }
        }
        Err(FileError::Missing) => {}
        Err(error) => {
            let (file, said) = (folder.to_owned(), error.to_string());
            cx.add_finding(Problem::ConfigUnreadable { file, said });
        }
    }
    Settings { file: folder.to_owned(), hosts: vec![own], not_replayed: vec![] }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_port_is_written_in_two_ways() {
        assert_eq!(names("contoso.azurecr.io"), ["contoso.azurecr.io"]);
        assert_eq!(names("reg.example:5000"), ["reg.example_5000_", "reg.example:5000"]);
    }
}
