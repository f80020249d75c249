//! Where the outside is: the real one, or the lab's. The only seam.

use std::{
    collections::HashMap,
    net::{IpAddr, SocketAddr},
    path::{Path, PathBuf},
    sync::Arc,
    time::Duration,
};

use jiff::SignedDuration;
use rustls::RootCertStore;
use tokio::time::timeout;

use super::{Proxies, Secret};

/// How long a file may take: it may be a pipe, or on a file system that is gone.
pub const FILE_WAIT: Duration = Duration::from_secs(3);

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
    pub roots: Arc<RootCertStore>,
    /// How far this machine's clock is ahead of the true time: zero, but in the lab.
    pub clock_ahead: SignedDuration,
    /// Whether somebody else may sign in for what runs here: we are in a pod, whose node pulls its
    /// images, or on a node, whose kubelet has an identity that is not looked at yet.
    pub node_may_sign_in: bool,
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

    /// Whether there is such a file.
    pub async fn has_file(&self, file: &Path) -> bool {
        // A file system that hangs must not hold up the only thread.
        let looking = timeout(FILE_WAIT, tokio::fs::try_exists(file));
        self.files.contains_key(file) || matches!(looking.await, Ok(Ok(true)))
    }
}
