//! `hosts.toml`: the hosts that containerd asks for the images of a registry, in its order.
//!
//! Source: containerd, core/remotes/docker/config/hosts.go.

use std::{collections::HashSet, time::Duration};

use toml::{Table, Value};
use url::{Position, Url};

use super::{
    client::{ClientPair, beside},
    forms::{is_misspelled, is_odd_header, table_for_a_value},
    host_url::address,
    problem::NotFollowed,
};
use crate::kit::{
    Secret,
    redact::without_logins,
    rules::{Malformed, go_duration},
    world::{Toml, toml},
};

/// The hosts of a file, in the order in which containerd asks them.
#[derive(Debug, Default)]
pub struct HostsFile {
    /// The hosts. The last one stands at the root of the file.
    pub hosts: Vec<HostEntry>,
    /// What only some versions of containerd read so, and how it is written.
    pub not_replayed: Vec<(NotFollowed, String)>,
}

/// One host.
#[derive(Clone, Debug, Default)]
pub struct HostEntry {
    /// Its URL without a path; `None` for the image's own registry.
    pub url: Option<Url>,
    /// The port, if its URL has one.
    pub port: Option<u16>,
    /// The path of the API.
    pub path: String,
    /// Whether tags are looked up there.
    pub resolves: bool,
    /// Whether content is fetched from there.
    pub pulls: bool,
    /// The files of more certificate authorities.
    pub ca: Vec<String>,
    /// The certificates that are shown to it.
    pub client: Vec<ClientPair>,
    /// Whether certificates are not verified; `None` where the file does not say.
    pub skip_verify: Option<bool>,
    /// More headers to send. Their values may be secrets.
    pub headers: Vec<(String, Secret)>,
    /// Whether it names authorities, even none.
    names_ca: bool,
    /// How long opening a connection may take; `None` for as long as containerd waits.
    pub dial_timeout: Option<Duration>,
}

impl HostEntry {
    /// Returns the image's own registry, without settings.
    pub fn own() -> Self {
        let path = "/v2".to_owned();
        Self { path, resolves: true, pulls: true, ..Self::default() }
    }

    /// Returns the name of the host, and its port if that is unusual.
    pub(super) fn name(&self, registry: &str) -> String {
        let of = |url: &Url| url[Position::BeforeHost..Position::AfterPort].to_owned();
        self.url.as_ref().map_or_else(|| registry.to_owned(), of)
    }

    /// Returns whether TLS is tried first although the URL has none (`NewHTTPFallback`).
    pub fn tries_tls(&self) -> bool {
        let is_plain = self.url.as_ref().is_some_and(|url| url.scheme() == "http");
        is_plain && self.sets_tls() && self.port != Some(80)
    }

    /// Returns the names of the headers, without their values.
    pub fn header_names(&self) -> String {
        self.headers.iter().map(|(name, _)| name.as_str()).collect::<Vec<_>>().join(" ")
    }

    /// Returns whether the file says anything of TLS.
    pub fn sets_tls(&self) -> bool {
        self.names_ca || !self.client.is_empty() || self.skip_verify.is_some()
    }
}

impl HostsFile {
    /// Reads a file in that directory. With an error, containerd ignores the file.
    pub fn read(bytes: &[u8], folder: &str) -> Result<Self, Malformed> {
        let mut file = Self::default();
        let Toml { table: root, is_plain } = match toml(bytes) {
            Ok(read) => read,
            // The parser of containerd 1 takes some of what that of containerd 2 refuses.
            Err(said) => {
                file.not_replayed.push((NotFollowed::NotToml, said.to_string()));
                file.hosts.push(HostEntry::own());
                return Ok(file);
            }
        };
        let text = String::from_utf8_lossy(bytes);
        let mut odd = vec![];
        if !is_plain {
            odd.push((NotFollowed::TomlForm, "TOML 1.1".into()));
        }
        let header = text.lines().find(|line| is_odd_header(line));
        odd.extend(header.map(|line| (NotFollowed::TomlForm, line.trim().to_owned())));
        let hosts = root.get("host").and_then(Value::as_table).into_iter().flatten();
        let hosts = hosts.filter_map(|(_, settings)| settings.as_table()).chain([&root]);
        let table = hosts.into_iter().find_map(table_for_a_value);
        odd.extend(table.map(|name| (NotFollowed::TomlForm, name.to_owned())));
        match Self::of_table(&root, &text, folder) {
            Ok(file) => {
                odd.extend(file.not_replayed);
                Ok(Self { not_replayed: odd, ..file })
            }
            // Of such a file, versions differ.
            Err(_) if !odd.is_empty() => {
                Ok(Self { hosts: vec![HostEntry::own()], not_replayed: odd })
            }
            Err(error) => Err(error),
        }
    }

    fn of_table(root: &Table, text: &str, folder: &str) -> Result<Self, Malformed> {
        let mut file = Self::default();
        let none = Table::new();
        let named = match root.get("host") {
            None => &none,
            Some(named) => named.as_table().ok_or(Malformed::NotAnObject)?,
        };
        let order = in_order(text);
        let known: HashSet<&String> = order.iter().collect();
        for (name, settings) in named {
            types(settings.as_table().ok_or(Malformed::EntryNotAnObject)?)?;
            if !known.contains(name) {
                file.not_replayed.push((NotFollowed::TomlForm, name.clone()));
            }
        }
        types(root)?;
        for name in &order {
            if name.is_empty() {
                file.not_replayed.push((NotFollowed::OddUrl, "\"\"".into()));
                continue;
            }
            let settings = named.get(name).and_then(Value::as_table).unwrap_or(&none);
            file.add(name, settings, folder)?;
        }
        let server = match root.get("server") {
            None => "",
            Some(server) => server.as_str().ok_or(Malformed::EntryNotTexts)?,
        };
        file.add(server, root, folder)?;
        Ok(file)
    }

    fn add(&mut self, server: &str, settings: &Table, folder: &str) -> Result<(), Malformed> {
        let mut entry = HostEntry::own();
        let odd = settings.keys().find(|key| is_misspelled(key));
        self.not_replayed.extend(odd.map(|odd| (NotFollowed::TomlForm, odd.clone())));
        if !server.is_empty() {
            let keeps_path = settings.get("override_path").and_then(Value::as_bool) == Some(true);
            match address(server, keeps_path) {
                Some((url, port, path)) => {
                    (entry.url, entry.port, entry.path) = (Some(url), port, path);
                }
                None => self.not_replayed.push((NotFollowed::OddUrl, without_logins(server))),
            }
        }
        let words = settings.get("capabilities").map(texts).transpose()?.unwrap_or_default();
        if !words.is_empty() {
            (entry.resolves, entry.pulls) = (false, false);
        }
        for word in words {
            match word.to_lowercase().as_str() {
                "pull" => entry.pulls = true,
                "resolve" => entry.resolves = true,
                "push" => {}
                // Since 2.2. Before, the whole file is ignored.
                "referrers" => self.not_replayed.push((NotFollowed::VersionDecides, word.clone())),
                _ => return Err(Malformed::UnknownCapability),
            }
        }
        // Only with `server` does the root of a file limit what the last host is asked for.
        if server.is_empty() {
            (entry.resolves, entry.pulls) = (true, true);
        }
        entry.names_ca = settings.contains_key("ca");
        entry.ca = paths(settings.get("ca"), folder)?;
        entry.client = ClientPair::all(settings.get("client"), folder)?;
        entry.skip_verify = settings.get("skip_verify").and_then(Value::as_bool);
        let headers = settings.get("header").and_then(Value::as_table);
        for (name, value) in headers.into_iter().flatten() {
            let values = match value {
                Value::String(one) => vec![one.clone()],
                more => texts(more)?,
            };
            entry.headers.extend(values.into_iter().map(|it| (name.clone(), Secret::new(it))));
        }
        // Since 2.0.7 and 2.1.0. Before, the key is unknown and ignored.
        if let Some(written) = settings.get("dial_timeout") {
            let wait = match written.as_str() {
                Some("") => Some(0),
                Some(text) => go_duration(text),
                None => None,
            };
            match wait.map(u64::try_from) {
                Some(Ok(0)) => {}
                Some(Ok(wait)) => entry.dial_timeout = Some(Duration::from_nanos(wait)),
                _ => self.not_replayed.push((NotFollowed::VersionDecides, written.to_string())),
            }
        }
        self.hosts.push(entry);
        Ok(())
    }
}

/// Checks the types of settings that go-toml checks for every host.
fn types(settings: &Table) -> Result<(), Malformed> {
    for (key, value) in settings {
        match key.as_str() {
            "capabilities" => drop(texts(value)?),
            "skip_verify" | "override_path" if !value.is_bool() => {
                return Err(Malformed::EntryNotAFlag);
            }
            "header" if !value.is_table() => return Err(Malformed::EntryNotAnObject),
            _ => {}
        }
    }
    Ok(())
}

/// Returns the names of the hosts in the order of the file: of its headers `[host."NAME"…]`, which
/// is how containerd finds them. Each is parsed by itself. containerd 2 asks a host twice whose
/// settings stand apart, which changes nothing.
fn in_order(text: &str) -> Vec<String> {
    let (mut order, mut known) = (vec![], HashSet::new());
    for line in text.lines().map(str::trim) {
        if !line.starts_with('[') || line.starts_with("[[") {
            continue;
        }
        let header: Option<Table> = toml::from_str(line).ok();
        let host = header.as_ref().and_then(|header| header.get("host")?.as_table()?.keys().next());
        if let Some(host) = host.filter(|host| known.insert((*host).clone())) {
            order.push(host.clone());
        }
    }
    order
}

/// Returns the texts of a list.
fn texts(value: &Value) -> Result<Vec<String>, Malformed> {
    let items = value.as_array().ok_or(Malformed::EntryNotAList)?;
    let text = |item: &Value| item.as_str().map(str::to_owned).ok_or(Malformed::EntryNotTexts);
    items.iter().map(text).collect()
}

/// Returns paths, relative to a directory: one, or a list.
fn paths(value: Option<&Value>, folder: &str) -> Result<Vec<String>, Malformed> {
    match value {
        None => Ok(vec![]),
        Some(Value::String(one)) => Ok(vec![beside(folder, one)]),
        Some(list @ Value::Array(_)) => {
            Ok(texts(list)?.iter().map(|one| beside(folder, one)).collect())
        }
        Some(_) => Err(Malformed::EntryNotTexts),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(text: &str) -> Result<HostsFile, Malformed> {
        HostsFile::read(text.as_bytes(), "/certs.d/x")
    }

    fn hosts(text: &str) -> Vec<String> {
        let shown = |entry: &HostEntry| {
            let url = entry.url.as_ref().map(|url| url.as_str().trim_end_matches('/').to_owned());
            format!("{}{}", url.unwrap_or_default(), entry.path)
        };
        read(text).unwrap().hosts.iter().map(shown).collect()
    }

    #[test]
    fn hosts_come_in_the_order_of_the_file_and_the_server_last() {
        let text = "server = 'https://s.example'\n[host.'https://b.example']\n\
            [host.\"http://a.example:5000\".header]\nx = 'y'\n[host.'a.example/p']\n";
        assert_eq!(
            hosts(text),
            [
                "https://b.example/v2",
                "http://a.example:5000/v2",
                "https://a.example/p/v2",
                "https://s.example/v2",
            ]
        );
        assert_eq!(hosts(""), ["/v2"]);
        assert_eq!(
            hosts("[host.'https://m.example/v2/mcr/']\noverride_path = true"),
            ["https://m.example/v2/mcr", "/v2"]
        );
        assert_eq!(
            hosts("[host.'https://m.example']\noverride_path = true"),
            ["https://m.example", "/v2"]
        );
    }

    #[test]
    fn what_containerd_refuses_is_an_error() {
        for bad in [
            "host = 3",
            "[[host.'x']]",
            "server = 3",
            "capabilities = 'pull'",
            "[host.'x']\ncapabilities = ['Pull', 'fly']",
            "[host.'x']\nskip_verify = 'yes'",
            "ca = 3",
            "ca = [['x']]",
            "client = [['a', 'b', 'c']]",
            "header = ['x']",
            "[header]\nx = 3",
            "[host.'x']\noverride_path = 1",
        ] {
            assert!(read(bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn what_versions_read_differently_is_named() {
        for (text, what) in [
            ("capabilities = ['referrers']", NotFollowed::VersionDecides),
            ("dial_timeout = '1d'", NotFollowed::VersionDecides),
            ("host = { 'https://m.example' = {} }", NotFollowed::TomlForm),
            ("[host]\n'https://m.example'.skip_verify = true", NotFollowed::TomlForm),
            ("Server = 'https://m.example'", NotFollowed::TomlForm),
            ("server = ", NotFollowed::NotToml),
            ("server = 'httpbin.example'", NotFollowed::OddUrl),
            ("server = 'https://u:hunter2@m.example'", NotFollowed::OddUrl),
            ("server = 'https://m.example/?a=@hunter2'", NotFollowed::OddUrl),
        ] {
            let found = read(text).unwrap().not_replayed;
            assert_eq!(found.first().map(|(what, _)| *what), Some(what), "{text}");
            assert!(!format!("{found:?}").contains("hunter2"), "{found:?}");
        }
        assert_eq!(read("dial_timeout = '200ms'").unwrap().not_replayed, []);
    }

    #[test]
    fn the_settings_of_a_host() {
        let text = "[host.'https://m.example']\nca = 'ca.crt'\nclient = ['/k.pem', ['c', 'k']]\n\
            skip_verify = false\ncapabilities = ['resolve']\n[host.'https://m.example'.header]\n\
            authorization = 'Basic hunter2'\n";
        let file = read(text).unwrap();
        let entry = &file.hosts[0];
        assert_eq!(entry.ca, ["/certs.d/x/ca.crt"]);
        let client: Vec<String> = entry.client.iter().map(ToString::to_string).collect();
        assert_eq!(client, ["/k.pem", "/certs.d/x/c /certs.d/x/k"]);
        assert_eq!((entry.resolves, entry.pulls, entry.skip_verify), (true, false, Some(false)));
        assert_eq!(entry.headers[0].0, "authorization");
        assert!(entry.sets_tls() && !format!("{file:?}").contains("hunter2"));
    }
}
