//! Where the outside is: the real one, or the lab's. The only seam.

mod files;
pub mod process;
mod proxies;
mod roots;
mod yaml;

use std::{
    collections::HashMap,
    net::{IpAddr, SocketAddr},
    path::PathBuf,
};

use jiff::SignedDuration;

use crate::kit::redact::Secret;
pub use files::{FILE_WAIT, FileError};
pub use process::ProcessError;
pub use proxies::{Proxies, Proxy, ProxyDecision};
pub use roots::Roots;
pub use yaml::{yaml, yaml_loosely};

/// Everything a check has to know about where it is. What is tested is what ships.
#[derive(Clone, Debug)]
pub struct World {
    /// The configured name servers, in the order in which a client asks them.
    pub name_servers: Vec<SocketAddr>,
    /// The suffixes that a client tries behind a name.
    pub search: Vec<String>,
    /// With fewer dots than this in a name, the suffixes are tried first.
    pub ndots: usize,
    /// Names that are answered by the hosts file, before any name server.
    pub hosts: HashMap<String, Vec<IpAddr>>,
    /// Where an address really is: empty in the real world, all of it on loopback in the lab.
    pub routes: HashMap<SocketAddr, SocketAddr>,
    /// The certificate authorities that are trusted here.
    pub roots: Roots,
    /// How far this machine's clock is ahead of the true time: zero, but in the lab.
    pub clock_ahead: SignedDuration,
    /// Whether this is a pod, whose images its node pulls.
    pub in_pod: bool,
    /// Whether this is a node of AKS: it has the files that AKS writes on nodes.
    pub on_node: bool,
    /// Where a node's files are: `/`, or what `--node-root` names.
    pub node_root: PathBuf,
    /// The variables of the environment that say who signs in to Azure.
    pub variables: HashMap<String, String>,
    /// The proxies of the environment.
    pub proxies: Proxies,
    /// Where docker's `config.json` would be, the first that exists counts.
    pub docker_configs: Vec<PathBuf>,
    /// Files that are read in place of those on disk: empty in the real world.
    pub files: HashMap<PathBuf, Secret>,
}

impl World {
    /// Where to connect to in order to reach that address.
    pub fn route(&self, address: SocketAddr) -> SocketAddr {
        self.routes.get(&address).copied().unwrap_or(address)
    }

    /// Where a file of the node is.
    pub fn of_node(&self, file: &str) -> PathBuf {
        self.node_root.join(file.trim_start_matches('/'))
    }
}

/// What AKS writes on each of its nodes: its kubelet's identity (cloud-provider-azure), and its credential provider.
pub const AZURE_JSON: &str = "/etc/kubernetes/azure.json";
/// The kubelet's credential providers.
pub const CREDENTIAL_PROVIDERS: &str = "/var/lib/kubelet/credential-provider-config.yaml";
/// The variables of the environment that say who signs in to Azure.
pub const VARIABLES: [&str; 5] = [
    "AZURE_CLIENT_ID",
    "AZURE_TENANT_ID",
    "AZURE_FEDERATED_TOKEN_FILE",
    "AZURE_AUTHORITY_HOST",
    "AZURE_ENVIRONMENT_FILEPATH",
];
