//! Which of several name servers' answers a resolver accepts.
//!
//! This follows the resolver of containerd, which is Go's: A and AAAA are looked up separately. For
//! each, the servers are queried in order, and the first answer that has addresses, is NXDOMAIN or
//! is NODATA is accepted. A server that fails is skipped. The name resolves when either lookup
//! returns addresses. The C library differs in timing only.

use std::net::SocketAddr;

use crate::kit::net::{
    Fault,
    dns::{Answer, Family, Reply},
};

/// What one server answered for one address family.
pub(super) struct ServerAnswer {
    pub(super) family: Family,
    pub(super) answer: Answer,
}

/// Returns both address families, the likelier one first.
pub(super) fn families() -> [Family; 2] {
    [Family::V4, Family::V6]
}

impl ServerAnswer {
    /// Returns the answer if a resolver queries no other server after it.
    pub(super) fn last_word(&self) -> Option<&Reply> {
        self.answer.heard.as_ref().ok().filter(|reply| reply.is_final())
    }

    /// Returns the answer if it has addresses.
    pub(super) fn addresses(&self) -> Option<&Reply> {
        self.last_word().filter(|reply| !reply.addresses.is_empty())
    }
}

/// Returns the error of Go's resolver where a server says this (`net/dnsclient_unix.go`, `tryOneName`).
pub(super) fn go_error(heard: &Result<Reply, Fault>) -> &str {
    match heard {
        Ok(reply) if reply.is_final() => "no such host",
        Ok(_) => "server misbehaving",
        Err(Fault::Refused) => "connect: connection refused",
        Err(Fault::Reset) => "read: connection reset by peer",
        Err(Fault::ClosedByPeer) => "EOF",
        Err(Fault::TimedOut | Fault::NotDns) => "i/o timeout",
        Err(fault) => fault.word(),
    }
}

/// Returns the answer that a resolver accepts for one family; `None` while a server earlier in the
/// list has not answered yet, or when all of them fail.
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

/// Returns the answer that a resolver accepts for one family, if it has addresses.
pub(super) fn addresses_of<'a>(
    servers: &[SocketAddr],
    heard: &'a [ServerAnswer],
    family: Family,
) -> Option<&'a Reply> {
    believed(servers, heard, family)?.addresses()
}
