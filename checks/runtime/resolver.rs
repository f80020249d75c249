//! Does this process ask the name servers of the node?
//!
//! A pod has a copy of its node's `resolv.conf`, made when it started, or the cluster's DNS.
//! containerd asks those of the node's own file. On AKS that is a link to the file of
//! systemd-resolved (Azure/AgentBaker), which leads nowhere where the node's root is mounted.

use std::{net::IpAddr, path::Path};

use super::problem::Problem;
use crate::kit::{Cx, world::FileError};

/// The node's file, and the one that it links to on AKS.
const FILES: [&str; 2] = ["/etc/resolv.conf", "/run/systemd/resolve/resolv.conf"];
/// How many name servers of a file count, for Go as for libc.
const MAX_SERVERS: usize = 3;
/// The most files that are read here.
pub(super) const MAX_READS: usize = FILES.len();

/// Warns where this process asks other name servers than the node's containerd.
pub(super) async fn compare(cx: &Cx) {
    let world = &cx.world;
    // Below our own root, the file is the one that our name servers are from.
    let is_ours = world.node_root == Path::new("/");
    if is_ours && !world.files.contains_key(Path::new(FILES[0])) {
        return;
    }
    for file in FILES {
        let file = file.to_owned();
        match world.read(&world.of_node(&file)).await {
            Ok(bytes) => {
                let node = name_servers(&String::from_utf8_lossy(&bytes));
                let here = world.name_servers.iter().map(std::net::SocketAddr::ip);
                let here: Vec<IpAddr> = here.take(MAX_SERVERS).collect();
                if !node.is_empty() && node != here {
                    cx.add_finding(Problem::ResolverDiffers { file, node, here });
                }
                return;
            }
            Err(FileError::Missing | FileError::LeadsElsewhere | FileError::Loop) => {}
            Err(error) => {
                let said = error.to_string();
                return cx.add_finding(Problem::ConfigUnreadable { file, said });
            }
        }
    }
}

/// Returns the name servers of a `resolv.conf`, as Go reads it (`net/dnsconfig_unix.go`).
fn name_servers(text: &str) -> Vec<IpAddr> {
    let server = |line: &str| {
        let mut words = line.split_whitespace();
        let is_server = words.next() == Some("nameserver");
        words.next().filter(|_| is_server)?.parse().ok()
    };
    text.lines().filter_map(server).take(MAX_SERVERS).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn name_servers_are_read_as_go_reads_them() {
        let text = "# nameserver 1.1.1.1\nnameserver 169.254.10.10 # LocalDNS\nnameserver\n\
            nameserver nonsense\n nameserver fd00::1\noptions ndots:5\nnameserver 10.0.0.1\n\
            nameserver 10.0.0.2\n";
        let servers: Vec<String> = name_servers(text).iter().map(ToString::to_string).collect();
        assert_eq!(servers, ["169.254.10.10", "fd00::1", "10.0.0.1"]);
        assert!(name_servers("").is_empty());
    }
}
