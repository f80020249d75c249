//! Does an address of the host accept a connection?
//!
//! Each address is tried as soon as it is known; the first that accepts goes on to the next
//! step, the others are graded beside it.

use std::{cell::Cell, net::{IpAddr, SocketAddr}};

use futures::stream::{FuturesUnordered, StreamExt};
use serde::Serialize;
use tokio::net::TcpStream;

use crate::{
    dns::Names,
    kit::{
        Cx, Got, Halt, Host, Local, Role,
        net::{Fault, Tried, tcp},
    },
};

/// What can be wrong with the way to a host.
#[derive(Serialize, strum::VariantNames)]
#[serde(rename_all = "kebab-case")]
#[strum(serialize_all = "kebab-case")]
pub enum Trouble {
    /// No address of the registry accepts a connection.
    TcpEgressBlocked(Unreached),
    /// The same for an Azure registry whose addresses are all private: a private endpoint's.
    PrivateAddressUnreachable(Unreached),
    /// No address of the host that serves layers accepts a connection.
    BlobEndpointBlocked(Unreached),
    /// The direct way is closed, and there is a proxy that was not tried: could not tell.
    ProxyNotTried {
        /// The host.
        host: String,
        /// The variable that names the proxy.
        variable: String,
    },
    /// Some addresses do not, others do.
    AddressUnreachable(Unreached),
}

/// A host that was not reached, or not at every address.
#[derive(Serialize)]
pub struct Unreached {
    host: String,
    port: u16,
    tried: Vec<Tried>,
}

/// A connection to a host.
#[derive(Serialize)]
pub struct Reached {
    pub(crate) host: Host,
    pub(crate) address: SocketAddr,
    /// Until the next step takes it.
    #[serde(skip)]
    stream: Cell<Option<TcpStream>>,
    /// What kind of address it is, as a word.
    kind: &'static str,
}

impl Reached {
    /// The connection; a fresh one when it was taken already.
    pub(crate) async fn stream(&self, cx: &Cx) -> Result<TcpStream, Fault> {
        match self.stream.take() {
            Some(stream) => Ok(stream),
            None => tcp::connect(cx, self.address).await,
        }
    }
}

type Attempt = (SocketAddr, Result<TcpStream, Fault>);

/// Connects to each address of the host.
pub async fn reach(cx: &Cx, names: &Names) -> Got<Reached> {
    let mut attempts: FuturesUnordered<Local<Attempt>> = FuturesUnordered::new();
    let mut tried: Vec<(SocketAddr, Fault)> = vec![];
    let mut next = 0;
    let mut more = true;
    while more || !attempts.is_empty() {
        tokio::select! {
            address = names.addresses.get(next), if more => match address {
                Some(address) => {
                    next += 1;
                    attempts.push(attempt(cx, SocketAddr::new(address, names.host.port)));
                }
                None => more = false,
            },
            Some((address, got)) = attempts.next() => match got {
                // A reset is no refusal: the connection was accepted, then cut. Who asks for more
                // than that, the next step, will see it cut again.
                Ok(_) | Err(Fault::Reset) => {
                    cx.beside(try_the_rest(cx.clone(), names.clone(), next, attempts, tried));
                    let kind = if is_private(address.ip()) { "private" } else { "public" };
                    let stream = Cell::new(got.ok());
                    return Ok(Reached { host: names.host.clone(), address, stream, kind });
                }
                Err(fault) => tried.push((address, fault)),
            },
        }
    }
    if let (Some(variable), false) = (cx.world.proxy.clone(), names.host.is_local()) {
        let host = names.host.name.clone();
        return Err(Halt::broke(Trouble::ProxyNotTried { host, variable }));
    }
    // Only Azure's registries are known to have private endpoints; elsewhere it is just an address.
    let private =
        names.host.acr().is_some() && tried.iter().all(|(address, _)| is_private(address.ip()));
    let unreached = unreached(&names.host, tried);
    Err(match names.host.role {
        Role::Data => Trouble::BlobEndpointBlocked(unreached).into(),
        _ if private => Trouble::PrivateAddressUnreachable(unreached).into(),
        _ => Trouble::TcpEgressBlocked(unreached).into(),
    })
}

/// Grades the other addresses, once one has accepted.
async fn try_the_rest(
    cx: Cx,
    names: Names,
    mut next: usize,
    mut attempts: FuturesUnordered<Local<Attempt>>,
    mut tried: Vec<(SocketAddr, Fault)>,
) {
    while let Some(address) = names.addresses.get(next).await {
        next += 1;
        attempts.push(attempt(&cx, SocketAddr::new(address, names.host.port)));
    }
    while let Some((address, got)) = attempts.next().await {
        tried.extend(got.err().map(|fault| (address, fault)));
    }
    // A machine without IPv6 is none the worse for a name that has it too: clients step over it.
    tried.retain(|(address, fault)| address.is_ipv4() || *fault != Fault::NoRoute);
    if !tried.is_empty() {
        cx.tell(Trouble::AddressUnreachable(unreached(&names.host, tried)));
    }
}

fn attempt(cx: &Cx, address: SocketAddr) -> Local<Attempt> {
    let cx = cx.clone();
    Box::pin(async move { (address, tcp::connect(&cx, address).await) })
}

fn unreached(host: &Host, mut tried: Vec<(SocketAddr, Fault)>) -> Unreached {
    tried.sort_by_key(|(address, _)| *address);
    let tried = tried.into_iter().map(|(address, fault)| Tried { who: address.ip().to_string(), fault });
    Unreached { host: host.name.clone(), port: host.port, tried: tried.collect() }
}

/// An address that is not reached over the internet.
fn is_private(address: IpAddr) -> bool {
    match address {
        IpAddr::V4(v4) => v4.is_private() || v4.is_loopback() || v4.is_link_local(),
        IpAddr::V6(v6) => v6.is_loopback() || v6.is_unique_local(),
    }
}
