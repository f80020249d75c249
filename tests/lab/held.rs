//! What keeps the world going: tasks, and the sockets that accept nothing.

use std::{collections::BTreeMap, net::SocketAddr};

use tokio::task::JoinSet;

use crate::{
    port::{BlackHole, Closed},
    relay::Relay,
};

/// What keeps the world going.
#[derive(Debug, Default)]
pub(crate) struct Held {
    pub(crate) tasks: JoinSet<()>,
    pub(crate) closed: Vec<Closed>,
    pub(crate) holes: Vec<BlackHole>,
    /// The hosts that let somebody in, as the asker sees them.
    pub(crate) open: Vec<SocketAddr>,
    pub(crate) relays: BTreeMap<SocketAddr, Relay>,
}
