//! The target: what we were asked about, as it was understood.

mod acr_name;
mod cloud;
mod host;
mod managed_identity;

use std::{fmt, net::IpAddr, path::PathBuf};

use serde_json::{Map, Value, json};

use crate::kit::{
    redact::{Secret, sanitize_text},
    rules::{self, Platform, ReferenceError},
};

pub use acr_name::{AcrHostKind, AcrHostName};
pub use cloud::{Cloud, suffixes};
use host::split_port;
pub use host::{Host, HostPurpose, is_private};
pub use managed_identity::ManagedIdentityId;

/// What we were asked, and how to sign in.
#[derive(Clone, Debug)]
pub struct Target {
    /// The text that was given.
    pub text: String,
    /// That text, read; the `image` step says what is wrong with it.
    pub asked: Result<RegistryOrImage, InvalidReference>,
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
pub struct RegistryOrImage {
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
pub enum InvalidReference {
    /// It does not parse.
    Invalid {
        /// What is wrong with it.
        reason: ReferenceError,
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
#[derive(Clone, Debug, Default, PartialEq)]
pub enum Who {
    /// The first that is found: `identity::choose` has the order.
    #[default]
    Auto,
    /// This node's kubelet.
    Node,
    /// A managed identity of this machine.
    ManagedIdentity(ManagedIdentityId),
    /// The workload identity of this pod.
    Workload,
    /// The account of the Azure CLI.
    Az,
    /// The docker config.
    Docker,
    /// Without credentials.
    Anonymous,
}

impl SignIn {
    /// Whether a node's files matter: no one else was named to sign in instead of its kubelet.
    pub fn looks_at_node(&self) -> bool {
        self.who == Who::Node || (self.who == Who::Auto && self.given.is_none())
    }
}

impl Who {
    /// Reads what `--identity` takes.
    pub fn read(text: &str) -> Option<Self> {
        Some(match text.split_once('=') {
            Some(("managed-identity", id)) if !id.is_empty() => {
                Who::ManagedIdentity(ManagedIdentityId::named(id))
            }
            Some(_) => return None,
            None => match text {
                "auto" => Who::Auto,
                "node" => Who::Node,
                "managed-identity" => Who::ManagedIdentity(ManagedIdentityId::Unnamed),
                "workload" => Who::Workload,
                "az" => Who::Az,
                "docker" => Who::Docker,
                "anonymous" => Who::Anonymous,
                _ => return None,
            },
        })
    }

    /// As `--identity` takes it, unless it is the default.
    pub fn flag(&self) -> Option<String> {
        Some(match self {
            Who::Auto => return None,
            Who::Node => "node".to_owned(),
            Who::ManagedIdentity(ManagedIdentityId::Unnamed) => "managed-identity".to_owned(),
            Who::ManagedIdentity(which) => format!("managed-identity={}", which.id()),
            Who::Workload => "workload".to_owned(),
            Who::Az => "az".to_owned(),
            Who::Docker => "docker".to_owned(),
            Who::Anonymous => "anonymous".to_owned(),
        })
    }
}

impl RegistryOrImage {
    /// Reads a text by the rules of the kubelet, after those for a bare registry name and a
    /// login server alone.
    pub fn read(text: &str, cloud: Cloud, plain_http: bool) -> Result<Self, InvalidReference> {
        if !text.contains(['/', ':', '.', '@']) {
            return bare_name(text, cloud);
        }
        if let Some(rest) = text.split_once("://").map(|(_, rest)| rest) {
            return Err(invalid(ReferenceError::Scheme, Some(rest)));
        }
        if text != text.trim() {
            return Err(invalid(ReferenceError::WhiteSpace, Some(text.trim())));
        }
        // The parser takes any letters for those of a tag, a container runtime only some.
        if !text.is_ascii() {
            return Err(invalid(ReferenceError::BadFormat, None));
        }
        if is_host_alone(text) {
            let host = Host::registry(text, plain_http);
            accept(&host, None)?;
            return Ok(RegistryOrImage {
                registry: as_written_in_commands(text),
                host,
                image: None,
            });
        }
        let reference = rules::read_reference(text).map_err(|reason| {
            let lower = text.to_lowercase();
            invalid(reason, (lower != text).then_some(lower.as_str()))
        })?;
        let host = Host::registry(reference.registry(), plain_http);
        let image = Image {
            repository: reference.repository().to_owned(),
            reference: reference.digest().or(reference.tag()).unwrap_or("latest").to_owned(),
        };
        accept(&host, Some(&image))?;
        let registry = as_written_in_commands(reference.registry());
        Ok(RegistryOrImage { registry, host, image: Some(image) })
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

impl Target {
    /// Returns what events and reports call this target: the text that was given, fit to print.
    pub fn id(&self) -> String {
        sanitize_text(&without_password(&self.text))
    }

    /// The target for readers: what the header of a report and the words may name.
    pub(crate) fn describe(&self) -> Map<String, Value> {
        let mut map = Map::new();
        let mut put = |name: &str, value: &str| map.insert(name.into(), json!(value));
        put("asked", &self.id());
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
fn bare_name(text: &str, cloud: Cloud) -> Result<RegistryOrImage, InvalidReference> {
    if !text.chars().all(|c| c.is_ascii_alphanumeric() || c == '-') {
        let repaired = text.trim();
        let repaired = (repaired != text).then(|| bare_name(repaired, cloud)).and_then(Result::ok);
        let repaired = repaired.map(|asked| asked.registry);
        return Err(InvalidReference::Invalid {
            reason: ReferenceError::NotARegistryName,
            repaired,
        });
    }
    let registry = format!("{}.{}", text.to_lowercase(), cloud.suffix());
    let host = Host::registry(&registry, false);
    accept(&host, None)?;
    Ok(RegistryOrImage { host, registry, image: None })
}

/// A host, perhaps with a port, and nothing else. `app:v1` is an image, `localhost:5000` is not.
fn is_host_alone(text: &str) -> bool {
    let (name, port) = split_port(text);
    let looks_like_host = name.contains('.') || name.starts_with('[') || name == "localhost";
    let clean = name.chars().all(|c| c.is_ascii_alphanumeric() || ".-[]:".contains(c));
    looks_like_host && clean && (port.is_some() || !text.contains(':'))
}

/// Refuses what cannot be a registry's host: it is no host name, or that of a data endpoint.
fn accept(host: &Host, image: Option<&Image>) -> Result<(), InvalidReference> {
    let labels: Vec<_> = host.name.split('.').collect();
    let address = host.name.parse::<IpAddr>().is_ok();
    let fits = |label: &&str| (1..=63).contains(&label.len());
    if !address && (host.name.len() > 253 || !labels.iter().all(fits)) {
        return Err(InvalidReference::Invalid {
            reason: ReferenceError::NotAHostName,
            repaired: None,
        });
    }
    let login_server = match host.kind() {
        AcrHostKind::DataEndpoint => host.azure().map(|name| name.login_server()),
        AcrHostKind::BlobStorage => None,
        _ => return Ok(()),
    };
    let repaired = login_server.map(|server| match image {
        Some(image) => format!("{server}/{image}"),
        None => server,
    });
    Err(InvalidReference::DataEndpoint { host: host.name.clone(), repaired })
}

/// In small letters, unless its capitals make a host of its own of it: then it means something else without.
fn as_written_in_commands(registry: &str) -> String {
    let lower = registry.to_lowercase();
    let is_host = lower.contains(['.', ':']) || lower == "localhost";
    if is_host && !lower.ends_with("docker.io") { lower } else { registry.to_owned() }
}

fn invalid(reason: ReferenceError, repaired: Option<&str>) -> InvalidReference {
    let repaired =
        repaired.filter(|text| RegistryOrImage::read(text, Cloud::Public, false).is_ok());
    InvalidReference::Invalid { reason, repaired: repaired.map(str::to_owned) }
}
