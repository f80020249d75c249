//! Keeps the world running: its tasks, and the sockets that accept nothing.

use std::{collections::BTreeMap, net::SocketAddr};

use tokio::task::JoinSet;

use crate::{
    port::{BlackHole, Closed},
    program::Folder,
    relay::Relay,
};

/// The tasks and sockets that keep the world running.
#[derive(Debug, Default)]
pub(crate) struct Held {
    pub(crate) tasks: JoinSet<()>,
    pub(crate) closed: Vec<Closed>,
    pub(crate) holes: Vec<BlackHole>,
    /// The hosts that accept connections, by the addresses that the client sees.
    pub(crate) open: Vec<SocketAddr>,
    pub(crate) relays: BTreeMap<SocketAddr, Relay>,
    /// The folder of the node's programs.
    pub(crate) programs: Option<Folder>,
}
