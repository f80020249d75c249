//! Everything outside this program, real or in the lab. This is the only point where the two
//! differ.

mod disk;
mod environment;
mod file_error;
mod files;
mod lined;
pub mod process;
mod processes;
mod programs;
mod provider;
mod proxies;
mod root;
mod roots;
mod toml;
mod trust;
mod yaml;

use std::{
    cell::OnceCell,
    collections::HashMap,
    net::{IpAddr, SocketAddr},
    path::PathBuf,
};

use jiff::SignedDuration;

use crate::kit::{
    redact::Secret,
    rules::{ContainerdVersion, ResolverOptions},
    target::{Host, HostPurpose},
};
pub use disk::FakeDisk;
pub use environment::{OddSetting, UNIT_READS, Unit, UnitEnvironment, Units, Variables};
pub use file_error::FileError;
pub use files::{FileKind, NODE_FILES};
pub use lined::{Contents, Lined, Unread, lined_documents};
pub use process::ProcessError;
pub use processes::{Namesakes, PROCESS_READS, Process, Seen};
pub use programs::Program;
pub use provider::ProviderWay;
pub use proxies::{Proxies, Proxy, ProxyDecision};
pub use root::FILE_WAIT;
pub use roots::{BUNDLES, CERTIFICATE_FOLDERS, Roots};
pub use toml::{Toml, toml};
pub use trust::{DELIVERED, TrustChange, TrustFile, TrustPlaces, TrustRead, TrustStore};
pub use yaml::{yaml, yaml_loosely};

/// What a check can know of its surroundings. The tests run the same checks as a release.
#[derive(Clone, Debug)]
pub struct World {
    /// The configured name servers, in the order in which a resolver queries them.
    pub name_servers: Vec<SocketAddr>,
    /// The search list: the suffixes that a resolver appends to a name.
    pub search: Vec<String>,
    /// The suffixes are tried first for a name with fewer dots than this.
    pub ndots: usize,
    /// How the name servers are queried.
    pub resolver: ResolverOptions,
    /// The hosts file: its names are never sent to a name server.
    pub hosts: HashMap<String, Vec<IpAddr>>,
    /// The real address behind an address: empty in the real world; all on loopback in the lab.
    pub routes: HashMap<SocketAddr, SocketAddr>,
    /// The trust store: the certificate authorities that are trusted here.
    pub roots: Roots,
    /// How far this machine's clock is ahead of the true time: zero except in the lab.
    pub clock_ahead: SignedDuration,
    /// Whether this is a pod. Its node pulls its images.
    pub in_pod: bool,
    /// Whether this is an AKS node: it has the files that AKS writes on nodes.
    pub on_node: bool,
    /// The root of the node's files: `/`, or the value of `--node-root`.
    pub node_root: PathBuf,
    /// The environment variables that select an Azure identity.
    pub variables: HashMap<String, String>,
    /// The value of [`CLIENT_SECRET`].
    pub client_secret: Option<Secret>,
    /// Whether the Azure CLI may be run: someone has used it here. Never in the lab.
    pub azure_cli: bool,
    /// The proxies set in the environment.
    pub proxies: Proxies,
    /// The version of the node's containerd, once it is known.
    pub containerd: OnceCell<ContainerdVersion>,
    /// The proxies that the node's containerd has, once they are known.
    pub containerd_proxies: OnceCell<Proxies>,
    /// The trust store of the node's containerd, once it is known.
    pub containerd_trust: OnceCell<TrustStore>,
    /// How the node's credential provider reaches hosts, once it is known that it signs in.
    pub provider: OnceCell<ProviderWay>,
    /// The processes of the node that matter.
    pub namesakes: Namesakes,
    /// What systemd has in store for the node's units.
    pub units: Units,
    /// The places where docker's `config.json` may be; the first one that exists counts.
    pub docker_configs: Vec<PathBuf>,
    /// Files that replace those on disk: empty in the real world.
    pub files: HashMap<PathBuf, Secret>,
    /// What stands in for the disks and processes of this machine: `None` in the real world.
    pub fake_disk: Option<FakeDisk>,
    /// The real file behind a path, for programs: empty in the real world.
    pub paths: HashMap<PathBuf, PathBuf>,
}

impl World {
    /// Returns the address to connect to in place of `address`.
    pub fn route(&self, address: SocketAddr) -> SocketAddr {
        self.routes.get(&address).copied().unwrap_or(address)
    }

    /// Returns the proxies of a pull: those of the node's containerd, or, where there is none, our own.
    pub fn pull_proxies(&self) -> &Proxies {
        self.containerd_proxies.get().unwrap_or(&self.proxies)
    }

    /// Returns the proxies with which that host is asked by what pulls on this node: the credential
    /// provider signs in, and containerd does everything else.
    pub fn proxies_for(&self, host: &Host) -> &Proxies {
        match host.purpose {
            HostPurpose::SignIn => self.sign_in_proxies(),
            _ => self.pull_proxies(),
        }
    }

    /// Returns the proxies with which an identity signs in: those of the node's credential provider,
    /// or, where there is none, our own.
    pub fn sign_in_proxies(&self) -> &Proxies {
        self.provider.get().map_or(&self.proxies, |provider| &provider.proxies)
    }

    /// Returns the trust store by which that host is judged by what pulls on this node, where it is
    /// known.
    pub async fn trust_for(&self, host: &Host) -> Option<&TrustStore> {
        let containerds = self.containerd_trust.get();
        if host.purpose != HostPurpose::SignIn {
            return containerds;
        }
        self.provider.get()?.trust(self).await
    }

    /// Returns the path of one of the node's files.
    pub fn of_node(&self, file: &str) -> PathBuf {
        self.node_root.join(file.trim_start_matches('/'))
    }
}

/// The file that AKS writes on each node for the kubelet's identity (cloud-provider-azure) and for
/// its credential provider.
pub const AZURE_JSON: &str = "/etc/kubernetes/azure.json";
/// The configuration of the kubelet's credential providers.
pub const CREDENTIAL_PROVIDERS: &str = "/var/lib/kubelet/credential-provider-config.yaml";
/// The environment variable with the client secret of an Azure identity.
pub const CLIENT_SECRET: &str = "AZURE_CLIENT_SECRET";
/// The environment variables that select an Azure identity, except the secret one.
pub const VARIABLES: [&str; 5] = [
    "AZURE_CLIENT_ID",
    "AZURE_TENANT_ID",
    "AZURE_FEDERATED_TOKEN_FILE",
    "AZURE_AUTHORITY_HOST",
    "AZURE_ENVIRONMENT_FILEPATH",
];
