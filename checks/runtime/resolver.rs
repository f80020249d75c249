//! Does this process ask the name servers of the node?
//!
//! A pod has a copy of its node's `resolv.conf`, made when it started, or the cluster's DNS.
//! containerd asks those of the node's own file. On AKS that is a link to the file of
//! systemd-resolved (Azure/AgentBaker), which leads nowhere where the node's root is mounted.

use std::{net::IpAddr, path::Path};

use super::problem::Problem;
use crate::kit::{Cx, rules::ResolvConf, world::FileError};

/// The node's file, and the one that it links to on AKS.
const FILES: [&str; 2] = ["/etc/resolv.conf", "/run/systemd/resolve/resolv.conf"];
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
                let read = ResolvConf::read(&bytes);
                let node: Vec<IpAddr> = read.servers.iter().map(std::net::SocketAddr::ip).collect();
                let here = world.name_servers.iter().map(std::net::SocketAddr::ip);
                let here: Vec<IpAddr> = here.collect();
                if read.names_servers && node != here {
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
