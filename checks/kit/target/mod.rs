//! The target: what this run examines, as it was parsed.

mod acr_name;
mod cloud;
mod control_plane;
mod host;
mod managed_identity;
mod manifest_uses;
mod pod_image;
mod resource_id;
mod url;

use std::{fmt, net::IpAddr, path::PathBuf, time::Duration};

use serde_json::{Map, Value, json};

use crate::kit::{
    redact::{Secret, sanitize_text},
    rules::{self, ContainerdVersion, Platform, ReferenceError},
};

pub use acr_name::{AcrHostKind, AcrHostName};
pub use cloud::{Cloud, suffixes};
pub use control_plane::{ClusterName, ControlPlane};
use host::is_host_alone;
pub use host::{Host, HostPurpose, IMDS, is_private};
pub use managed_identity::ManagedIdentityId;
pub use manifest_uses::{ManifestPod, ManifestUses, NamedBy};
pub use pod_image::image_of_pod;
pub use resource_id::{ResourceId, is_plain_id};
use url::image_of_url;

/// What this run examines, and how to sign in.
#[derive(Clone, Debug)]
pub struct Target {
    /// The target, as the user wrote it.
    pub text: String,
    /// The parsed text; the `image` step reports what is wrong with it.
    pub asked: Result<RegistryOrImage, InvalidReference>,
    /// The platform that the image must fit.
    pub platform: Platform,
    /// Whether the platform was not given, so that it is the one of this machine.
    pub is_platform_assumed: bool,
    /// Which containerd pulls, if that was given; on a node it is known better.
    pub containerd: Option<ContainerdVersion>,
    /// Whether to read every layer to its end.
    pub full: bool,
    /// How long a host may take to begin its response; as long as containerd waits if not given.
    pub response_wait: Option<Duration>,
    /// Which credentials to use.
    pub sign_in: SignIn,
    /// What of the control plane is examined.
    pub control_plane: ControlPlane,
    /// The arguments that repeat this run for another target.
    pub flags: Vec<String>,
    /// Those of them that a check from here takes, too: who looks from nodes names the cluster besides.
    pub own_flags: Vec<String>,
    /// Where manifests name it: files and lines.
    pub named_at: Vec<String>,
    /// What they say of those who name it.
    pub uses: ManifestUses,
}

/// A registry, and an image in it if one is named.
#[derive(Clone, Debug, PartialEq)]
pub struct RegistryOrImage {
    /// The registry as it is written: `docker.io`, `contoso.azurecr.io`.
    pub registry: String,
    /// The host that serves it.
    pub host: Host,
    /// The image; `None` when only a login server was named.
    pub image: Option<Image>,
}

/// An image in a registry.
#[derive(Clone, Debug, PartialEq)]
pub struct Image {
    /// The repository, such as `team/app`.
    pub repository: String,
    /// A tag or a digest.
    pub reference: String,
}

/// A text that is no image reference.
#[derive(Clone, Debug, PartialEq)]
pub enum InvalidReference {
    /// The text does not parse.
    Invalid {
        /// What is wrong with the text.
        reason: ReferenceError,
        /// The reference that was probably meant, if one parses.
        repaired: Option<String>,
    },
    /// The text names the host that serves layers instead of the registry.
    DataEndpoint {
        /// The host of the data endpoint.
        host: String,
        /// The same image at the login server, if that is known.
        repaired: Option<String>,
    },
}

/// Which credentials to use.
#[derive(Clone, Debug, Default)]
pub struct SignIn {
    /// The source of the credentials.
    pub who: Who,
    /// `--username`, with the password from standard input.
    pub given: Option<(String, Secret)>,
    /// The value of `--auth-file`.
    pub auth_file: Option<PathBuf>,
    /// Whether the node's credential provider is run as well (`--run-provider`).
    pub run_provider: bool,
    /// How long the whole run may take: an answer that is late is waited for no longer.
    pub time_limit: Duration,
}

/// Where to look for credentials.
#[derive(Clone, Debug, Default, PartialEq)]
pub enum Who {
    /// The first that is found, in the order of `identity::choose`.
    #[default]
    Auto,
    /// The node's kubelet.
    Node,
    /// A managed identity assigned to this machine.
    ManagedIdentity(ManagedIdentityId),
    /// The pod's workload identity.
    Workload,
    /// The account that is signed in to the Azure CLI.
    Az,
    /// The docker config file.
    Docker,
    /// No credentials.
    Anonymous,
}

impl SignIn {
    /// Returns whether the node's files matter: no other credentials than the kubelet's were
    /// chosen.
    pub fn looks_at_node(&self) -> bool {
        self.who == Who::Node || (self.who == Who::Auto && self.given.is_none())
    }
}

impl Who {
    /// Parses the value of `--identity`.
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

    /// Returns the value of `--identity`, unless it is the default.
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
    /// Parses a text by the kubelet's rules, except for a bare name and a login server alone.
    pub fn read(text: &str, cloud: Cloud, plain_http: bool) -> Result<Self, InvalidReference> {
        Self::parse(text, cloud, plain_http).map_err(|invalid| match invalid {
            InvalidReference::Invalid { reason, repaired: None } => {
                InvalidReference::Invalid { reason, repaired: stripped(text) }
            }
            other => other,
        })
    }

    fn parse(text: &str, cloud: Cloud, plain_http: bool) -> Result<Self, InvalidReference> {
        if !text.contains(['/', ':', '.', '@']) {
            return bare_name(text, cloud);
        }
        if let Some((_, rest)) = text.split_once("://") {
            return Err(invalid(ReferenceError::Scheme, Some(&image_of_url(rest))));
        }
        if text != text.trim() {
            return Err(invalid(ReferenceError::WhiteSpace, Some(text.trim())));
        }
        // The parser accepts letters of any script in a tag; container runtimes do not.
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
        let reference = rules::read_reference(text)
            .map_err(|reason| invalid(reason, rules::in_lower_case(text, reason).as_deref()))?;
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
    /// Returns whether the reference is a digest.
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
    /// Returns the name of this target in events and reports: the user's text, made safe to print.
    pub fn id(&self) -> String {
        sanitize_text(&without_query(&without_password(&self.text)))
    }

    /// Returns the registry as the image names it: to the kubelet and to containerd, upper and lower case
    /// differ.
    pub fn registry_as_written<'a>(&'a self, registry: &'a str) -> &'a str {
        let written = self.text.split('/').next().unwrap_or_default();
        if written.eq_ignore_ascii_case(registry) { written } else { registry }
    }

    /// Returns the fields of the target that a report's header and the messages may use.
    pub fn describe(&self) -> Map<String, Value> {
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
                let last = self.text.rsplit('/').next().unwrap_or_default();
                if !last.contains([':', '@']) {
                    put("assumed_tag", &image.reference);
                }
            }
        }
        if self.is_platform_assumed {
            map.insert("assumed_platform".into(), json!(self.platform.to_string()));
        }
        if !self.named_at.is_empty() {
            map.insert("named_at".into(), json!(self.named_at));
        }
        if self.uses != ManifestUses::default() {
            map.insert("uses".into(), json!(self.uses));
        }
        map.insert("flags".into(), json!(self.flags));
        map.insert("other_flags".into(), json!(without_sign_in(&self.flags)));
        map.insert("here_flags".into(), json!(without_sign_in(&self.own_flags)));
        map
    }
}

/// Returns the flags that do not say who signs in.
fn without_sign_in(flags: &[String]) -> Vec<&String> {
    let mut kept = vec![];
    let mut flags = flags.iter();
    while let Some(flag) = flags.next() {
        match flag.as_str() {
            "--password-stdin" => {}
            "--auth-file" | "--identity" | "--username" => drop(flags.next()),
            _ => kept.push(flag),
        }
    }
    kept
}

/// Removes a password that was written before the host, as in `https://me:secret@host/`.
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

/// Removes the query of a URL: a link to a blob is signed there.
fn without_query(text: &str) -> String {
    match text.split_once('?') {
        Some((path, query)) if query.contains('=') => format!("{path}?***"),
        _ => text.to_owned(),
    }
}

/// Parses a registry name as `az acr -n` takes it: letters, digits, and the hyphen of a domain name
/// label.
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

/// Rejects a host that cannot be a registry's: an invalid host name, or a data endpoint.
fn accept(host: &Host, image: Option<&Image>) -> Result<(), InvalidReference> {
    let labels: Vec<_> = host.name.split('.').collect();
    let address = host.name.parse::<IpAddr>().is_ok();
    let fits = |label: &&str| (1..=63).contains(&label.len());
    let no_port = host.port == 0 || (host.name.contains(':') && !address);
    if no_port || !address && (host.name.len() > 253 || !labels.iter().all(fits)) {
        return Err(invalid(ReferenceError::NotAHostName, None));
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

/// Returns the registry in lower case, unless only its capital letters make it a host and not a
/// path on Docker Hub.
fn as_written_in_commands(registry: &str) -> String {
    let lower = registry.to_lowercase();
    let is_host = lower.contains(['.', ':']) || lower == "localhost";
    if is_host && !lower.ends_with("docker.io") { lower } else { registry.to_owned() }
}

fn invalid(reason: ReferenceError, repaired: Option<&str>) -> InvalidReference {
    let is_valid = |text: &&str| RegistryOrImage::read(text, Cloud::Public, false).is_ok();
    InvalidReference::Invalid { reason, repaired: repaired.filter(is_valid).map(str::to_owned) }
}

/// Returns the text without what a manifest, a log or a browser has put around it: quotes, a
/// scheme, `image:`, a slash or a dot at its end. `None` when that leaves no valid text.
fn stripped(text: &str) -> Option<String> {
    let mut bare = text.trim();
    loop {
        let before = bare;
        bare = bare.trim_matches(|c: char| "\"'`,".contains(c) || c.is_whitespace());
        bare = bare.strip_prefix("image:").unwrap_or(bare);
        bare = bare.split_once("://").map_or(bare, |(_, rest)| rest);
        bare = bare.trim_end_matches(['/', '.']);
        if bare == before {
            break;
        }
    }
    let lower = bare.to_lowercase();
    let valid = |one: &&str| RegistryOrImage::read(one, Cloud::Public, false).is_ok();
    [bare, &lower]
        .into_iter()
        .filter(|one| *one != text && !one.is_empty())
        .find(valid)
        .map(str::to_owned)
}
