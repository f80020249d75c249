//! The subject: what we were asked about, as it was understood.

use std::{fmt, net::IpAddr, path::PathBuf};

use oci_distribution::{ParseError, Reference};
use serde::Serialize;
use serde_json::{Map, Value, json};

use super::{Platform, Secret, printable};

/// What we were asked, and how to sign in.
#[derive(Clone, Debug)]
pub struct Subject {
    /// The text that was given.
    pub text: String,
    /// That text, read; the `image` step says what is wrong with it.
    pub asked: Result<Asked, Misread>,
    /// Whose image it must be.
    pub platform: Platform,
    /// Read every layer to its end.
    pub full: bool,
    /// Who signs in.
    pub sign_in: SignIn,
    /// The arguments that ask the same question of another text.
    pub flags: Vec<String>,
}

/// A registry, and perhaps an image in it.
#[derive(Clone, Debug, PartialEq)]
pub struct Asked {
    /// The registry as people write it: `docker.io`, `contoso.azurecr.io`.
    pub registry: String,
    /// Where it is served.
    pub host: Host,
    /// `None` when only a login server was named.
    pub image: Option<Image>,
}

/// An image in a registry.
#[derive(Clone, Debug, PartialEq)]
pub struct Image {
    /// `team/app`
    pub repository: String,
    /// A tag or a digest.
    pub reference: String,
}

/// A text that names no image.
#[derive(Clone, Debug, PartialEq)]
pub enum Misread {
    /// It does not parse.
    Invalid {
        /// What is wrong with it, as a word.
        reason: &'static str,
        /// The text that was probably meant, where one parses.
        repaired: Option<String>,
    },
    /// It names the host that serves layers, not the registry.
    DataEndpoint {
        /// That host.
        host: String,
        /// The same image at the login server, where that can be told.
        repaired: Option<String>,
    },
}

/// A host to connect to.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Host {
    /// A name or an address.
    pub name: String,
    /// The port.
    pub port: u16,
    /// Speak HTTP without TLS.
    pub plain: bool,
    /// What it is to us.
    pub role: Role,
}

/// What a host is to us.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Role {
    /// It answers for manifests.
    Registry,
    /// It serves layers.
    Data,
    /// Some other host that the registry named: a token server, a mirror.
    Other,
}

/// Which cloud completes a bare registry name.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub enum Cloud {
    /// Azure
    #[default]
    Public,
    /// Azure operated by 21Vianet
    China,
    /// Azure US Government
    UsGovernment,
}

/// Who signs in.
#[derive(Clone, Debug, Default)]
pub struct SignIn {
    /// Where to look.
    pub who: Who,
    /// `--username` with the password that came on standard input.
    pub given: Option<(String, Secret)>,
    /// `--auth-file`
    pub auth_file: Option<PathBuf>,
}

/// Where to look for credentials.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub enum Who {
    /// `--username`, else the docker config, else nobody.
    #[default]
    Auto,
    /// The docker config.
    Docker,
    /// Nobody signs in.
    Anonymous,
}

/// The login-server suffixes of Azure's clouds.
const SUFFIXES: [&str; 4] = ["azurecr.io", "azurecr.cn", "azurecr.us", "azurecr.de"];

impl Who {
    /// Its name, unless it is the default.
    pub fn flag(self) -> Option<&'static str> {
        match self {
            Who::Auto => None,
            Who::Docker => Some("docker"),
            Who::Anonymous => Some("anonymous"),
        }
    }
}

impl Cloud {
    /// Its name, unless it is the default.
    pub fn flag(self) -> Option<&'static str> {
        match self {
            Cloud::Public => None,
            Cloud::China => Some("china"),
            Cloud::UsGovernment => Some("us-government"),
        }
    }

    fn suffix(self) -> &'static str {
        match self {
            Cloud::Public => "azurecr.io",
            Cloud::China => "azurecr.cn",
            Cloud::UsGovernment => "azurecr.us",
        }
    }
}

impl Host {
    /// The host of a registry, by the `NAME[:PORT]` that people write.
    fn registry(written: &str, plain_http: bool) -> Self {
        let (name, port) = split_port(written);
        let name = name.trim_matches(['[', ']']).to_lowercase();
        let name = if name == "docker.io" { "registry-1.docker.io".into() } else { name };
        let port = port.unwrap_or(if plain_http { 80 } else { 443 });
        Host { name, port, plain: plain_http, role: Role::Registry }
    }

    /// Refuses what cannot be a registry's host: it is no host name, or that of a data endpoint.
    fn accept(&self, image: Option<&Image>) -> Result<(), Misread> {
        let labels: Vec<_> = self.name.split('.').collect();
        let address = self.name.parse::<IpAddr>().is_ok();
        let fits = |label: &&str| (1..=63).contains(&label.len());
        if !address && (self.name.len() > 253 || !labels.iter().all(fits)) {
            return Err(invalid("not-a-host-name", None));
        }
        let login_server = match labels.as_slice() {
            [registry, _, "data", rest @ ..] if SUFFIXES.contains(&rest.join(".").as_str()) => {
                Some(format!("{registry}.{}", rest.join(".")))
            }
            [_, "blob", "core", ..] => None,
            _ => return Ok(()),
        };
        let repaired = login_server.map(|server| match image {
            Some(image) => format!("{server}/{image}"),
            None => server,
        });
        Err(Misread::DataEndpoint { host: self.name.clone(), repaired })
    }

    /// A host that a registry named in a URL.
    pub fn of(url: &url::Url, role: Role) -> Option<Self> {
        let plain = url.scheme() == "http";
        let name = url.host_str()?.trim_matches(['[', ']']).to_owned();
        // A URL's host may hold signs that mean something to a shell; no real one does.
        let is_host = name.chars().all(|c| c.is_ascii_alphanumeric() || "-_.:".contains(c));
        if !is_host {
            return None;
        }
        Some(Host { name, port: url.port_or_known_default()?, plain, role })
    }

    /// Whether HTTP without TLS will do: when asked for, and where containerd falls back to it
    /// by itself, on this machine.
    pub fn may_be_plain(&self) -> bool {
        self.plain || (self.is_local() && self.port != 443)
    }

    /// Whether it is this machine: what is sent there crosses no network.
    pub fn is_local(&self) -> bool {
        self.name == "localhost" || self.name.parse::<IpAddr>().is_ok_and(|ip| ip.is_loopback())
    }

    /// The name of the Azure registry behind this host, as `az acr -n` takes it.
    pub fn acr(&self) -> Option<&str> {
        let (label, rest) = self.name.split_once('.')?;
        let ours = SUFFIXES.iter().any(|suffix| {
            rest == *suffix || rest.strip_suffix(suffix).is_some_and(|r| r.ends_with('.'))
        });
        // A login server with a domain name label is `name-hash`; az takes the bare name.
        ours.then(|| label.split('-').next().unwrap_or(label))
    }

    /// The login server that was probably meant, when this looks like a misspelled one.
    pub fn probably_meant(&self) -> Option<String> {
        let labels: Vec<_> = self.name.split('.').collect();
        let (rest, domain) = labels.split_at_checked(labels.len().checked_sub(2)?)?;
        let domain = domain.join(".");
        let rest = rest.join(".");
        if let Some(suffix) = SUFFIXES.iter().find(|suffix| domain == **suffix) {
            let doubled = rest.strip_suffix(suffix)?.strip_suffix('.')?;
            return Some(format!("{doubled}.{suffix}"));
        }
        let near =
            SUFFIXES.iter().find(|suffix| strsim::damerau_levenshtein(&domain, suffix) <= 2)?;
        (!rest.is_empty() && domain != "azure.io").then(|| format!("{rest}.{near}"))
    }
}

impl fmt::Display for Host {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let v6 = self.name.contains(':');
        let name = if v6 { format!("[{}]", self.name) } else { self.name.clone() };
        match (self.port, self.plain) {
            (443, false) | (80, true) => f.write_str(&name),
            (port, _) => write!(f, "{name}:{port}"),
        }
    }
}

impl Serialize for Host {
    fn serialize<S: serde::Serializer>(&self, to: S) -> Result<S::Ok, S::Error> {
        to.collect_str(self)
    }
}

impl Asked {
    /// Reads a text by the rules of the kubelet, after those for a bare registry name and a
    /// login server alone.
    pub fn read(text: &str, cloud: Cloud, plain_http: bool) -> Result<Self, Misread> {
        if !text.contains(['/', ':', '.', '@']) {
            return bare_name(text, cloud);
        }
        if let Some(rest) = text.split_once("://").map(|(_, rest)| rest) {
            return Err(invalid("scheme", Some(rest)));
        }
        if text != text.trim() {
            return Err(invalid("white-space", Some(text.trim())));
        }
        if is_host_alone(text) {
            let host = Host::registry(text, plain_http);
            host.accept(None)?;
            return Ok(Asked { registry: text.to_lowercase(), host, image: None });
        }
        let reference = Reference::try_from(text).map_err(|error| {
            let lower = text.to_lowercase();
            invalid(reason(&error), (lower != text).then_some(lower.as_str()))
        })?;
        let host = Host::registry(reference.registry(), plain_http);
        let image = Image {
            repository: reference.repository().to_owned(),
            reference: reference.digest().or(reference.tag()).unwrap_or("latest").to_owned(),
        };
        host.accept(Some(&image))?;
        Ok(Asked { registry: reference.registry().to_lowercase(), host, image: Some(image) })
    }
}

impl Image {
    /// Whether it is named by digest.
    pub fn is_digest(&self) -> bool {
        self.reference.contains(':')
    }
}

impl fmt::Display for Image {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let sign = if self.is_digest() { '@' } else { ':' };
        write!(f, "{}{sign}{}", self.repository, self.reference)
    }
}

impl Subject {
    /// The subject for readers: what the header of a report and the words may name.
    pub(super) fn describe(&self) -> Map<String, Value> {
        let mut map = Map::new();
        let mut put = |name: &str, value: &str| map.insert(name.into(), json!(value));
        put("asked", &printable(&without_password(&self.text)));
        put("platform", &self.platform.to_string());
        if let Ok(asked) = &self.asked {
            put("registry", &asked.registry);
            if let Some(acr) = asked.host.acr() {
                put("acr", acr);
            }
            if let Some(image) = &asked.image {
                put("image", &image.to_string());
                put("repository", &image.repository);
                put("reference", &image.reference);
            }
        }
        map.insert("flags".into(), json!(self.flags));
        map
    }
}

/// A text in which somebody may have put a password before the host, as in `https://me:secret@host/`.
fn without_password(text: &str) -> String {
    let (scheme, rest) = text.split_once("://").map_or(("", text), |(scheme, rest)| (scheme, rest));
    let host_end = rest.find('/').unwrap_or(rest.len());
    let Some((_, after)) = rest[..host_end].rsplit_once('@') else { return text.to_owned() };
    if after.starts_with("sha256:") || after.starts_with("sha512:") {
        return text.to_owned();
    }
    let scheme = if scheme.is_empty() { String::new() } else { format!("{scheme}://") };
    format!("{scheme}***@{after}{}", &rest[host_end..])
}

/// A registry name as `az acr -n` takes it: letters, digits, and the hyphen of a domain name label.
fn bare_name(text: &str, cloud: Cloud) -> Result<Asked, Misread> {
    if !text.chars().all(|c| c.is_ascii_alphanumeric() || c == '-') {
        let repaired = text.trim();
        let repaired = (repaired != text).then(|| bare_name(repaired, cloud)).and_then(Result::ok);
        let repaired = repaired.map(|asked| asked.registry);
        return Err(Misread::Invalid { reason: "not-a-registry-name", repaired });
    }
    let registry = format!("{}.{}", text.to_lowercase(), cloud.suffix());
    let host = Host::registry(&registry, false);
    host.accept(None)?;
    Ok(Asked { host, registry, image: None })
}

/// A host, perhaps with a port, and nothing else. `app:v1` is an image, `localhost:5000` is not.
fn is_host_alone(text: &str) -> bool {
    let (name, port) = split_port(text);
    let looks_like_host = name.contains('.') || name.starts_with('[') || name == "localhost";
    let clean = name.chars().all(|c| c.is_ascii_alphanumeric() || ".-[]:".contains(c));
    looks_like_host && clean && (port.is_some() || !text.contains(':'))
}

fn split_port(written: &str) -> (&str, Option<u16>) {
    match written.rsplit_once(':').map(|(name, port)| (name, port.parse())) {
        Some((name, Ok(port))) => (name, Some(port)),
        _ => (written, None),
    }
}

fn invalid(reason: &'static str, repaired: Option<&str>) -> Misread {
    let repaired = repaired.filter(|text| Asked::read(text, Cloud::Public, false).is_ok());
    Misread::Invalid { reason, repaired: repaired.map(str::to_owned) }
}

fn reason(error: &ParseError) -> &'static str {
    match error {
        ParseError::NameContainsUppercase => "upper-case",
        ParseError::NameEmpty => "no-repository",
        ParseError::NameTooLong => "too-long",
        ParseError::DigestInvalidFormat
        | ParseError::DigestInvalidLength
        | ParseError::DigestUnsupported => "bad-digest",
        _ => "bad-format",
    }
}
