//! Which of several name servers' answers a client believes.
//!
//! As containerd's resolver goes about it (Go's, which it has built in): A and AAAA are looked up
//! apart; for each, the servers are asked in order, and the first that gives addresses, denies the
//! name or says that it has no such address is believed. A server that fails is passed over. The
//! name resolves when either of the two ends in addresses. The C library differs in timing only.

use std::net::SocketAddr;

use crate::kit::net::dns::{Answer, Family, Reply};

/// What one server said of one family.
pub(super) struct ServerAnswer {
    pub(super) family: Family,
    pub(super) answer: Answer,
}

/// Both families, the likelier one first.
pub(super) fn families() -> [Family; 2] {
    [Family::V4, Family::V6]
}

impl ServerAnswer {
    /// The answer, where a client asks no other server after it.
    pub(super) fn last_word(&self) -> Option<&Reply> {
        self.answer.heard.as_ref().ok().filter(|reply| reply.is_final())
    }

    /// The answer, where it has addresses.
    pub(super) fn addresses(&self) -> Option<&Reply> {
        self.last_word().filter(|reply| !reply.addresses.is_empty())
    }
}

/// The answer that a client believes for one family; none as long as a server that it asks earlier
/// has not said anything, or when all of them fail.
pub(super) fn believed<'a>(
    servers: &[SocketAddr],
    heard: &'a [ServerAnswer],
    family: Family,
) -> Option<&'a ServerAnswer> {
    for server in servers {
        let of_server =
            |heard: &&ServerAnswer| heard.family == family && heard.answer.server == *server;
        let heard = heard.iter().find(of_server)?;
        if heard.last_word().is_some() {
            return Some(heard);
        }
    }
    None
}

/// The same, where it has addresses.
pub(super) fn addresses_of<'a>(
    servers: &[SocketAddr],
    heard: &'a [ServerAnswer],
    family: Family,
) -> Option<&'a Reply> {
    believed(servers, heard, family)?.addresses()
}
