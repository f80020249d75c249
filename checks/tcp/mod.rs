//! Does an address of the host accept a connection?
//!
//! Each address is tried as soon as it is known. The first that accepts goes to the next step; the
//! others are checked in the background.

mod problem;
mod unreachable;

use std::net::SocketAddr;

use futures::stream::{FuturesUnordered, StreamExt};
use tokio::net::TcpStream;

use crate::{
    dns::Names,
    kit::{
        Cx, Local, StepResult,
        net::{Connected, Fault, Route, Stream, tcp},
    },
};
pub use problem::Problem;
pub(crate) use unreachable::AROUND_WAIT;

type Attempt = (SocketAddr, Result<TcpStream, Fault>);

/// Connects to each address of the host.
pub async fn reach(cx: &Cx, names: &Names) -> StepResult<Connected> {
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
                // A reset is no refusal: the connection was accepted, then cut. The next step will
                // see it cut again.
                Ok(_) | Err(Fault::Reset) => {
                    let rest = try_the_rest(cx.clone(), names.clone(), next, attempts, tried, address);
                    cx.in_background(rest);
                    let stream = got.ok().map(|stream| -> Stream { Box::new(stream) });
                    let (host, route) = (names.host.clone(), Route::to(address));
                    return Ok(Connected::new(host, route, names.private_link, stream));
                }
                Err(fault) => tried.push((address, fault)),
            },
        }
    }
    Err(unreachable::diagnose(cx, &names.host, tried).await.into())
}

/// Checks the other addresses, once one has accepted.
async fn try_the_rest(
    cx: Cx,
    names: Names,
    mut next: usize,
    mut attempts: FuturesUnordered<Local<Attempt>>,
    mut tried: Vec<(SocketAddr, Fault)>,
    reached: SocketAddr,
) {
    let mut is_v4_reached = reached.is_ipv4();
    while let Some(address) = names.addresses.get(next).await {
        next += 1;
        attempts.push(attempt(&cx, SocketAddr::new(address, names.host.port)));
    }
    while let Some((address, got)) = attempts.next().await {
        is_v4_reached |= address.is_ipv4() && got.is_ok();
        tried.extend(got.err().map(|fault| (address, fault)));
    }
    // glibc does not ask for IPv6 addresses then; Go does not know the option (`net/dnsconfig_unix.go`).
    if cx.world.resolver.no_aaaa && names.is_looked_up() && !is_v4_reached {
        let (host, address) = (names.host.name.clone(), reached.ip());
        cx.add_finding(Problem::NoAaaa { host, address });
    }
    // Clients skip IPv6 addresses on a machine without IPv6, so these do no harm.
    tried.retain(|(address, fault)| address.is_ipv4() || *fault != Fault::NoRoute);
    if !tried.is_empty() {
        cx.add_finding(Problem::AddressUnreachable(unreachable::list(&names.host, tried)));
    }
}

fn attempt(cx: &Cx, address: SocketAddr) -> Local<Attempt> {
    let cx = cx.clone();
    Box::pin(async move { (address, tcp::connect(&cx, address).await) })
}
