//! Connects to the first address of a name that accepts, for hosts that have no step of their own.

use std::net::{IpAddr, SocketAddr};

use futures::stream::{FuturesUnordered, StreamExt};

use tokio::time::Instant;

use super::{ConnectError, DNS_WAIT, Fault, Stage, Stream, dns, tcp};
use crate::kit::engine::Cx;

/// Connects to the first address of a name that accepts. Connecting starts before all name servers
/// have answered.
pub async fn reach(cx: &Cx, name: &str, port: u16) -> Result<(SocketAddr, Stream), ConnectError> {
    if let Some(known) = dns::static_addresses(&cx.world, name) {
        return first_to_accept(cx, name, port, Some(known)).await;
    }
    let mut error = ConnectError::at(Stage::Dns, Fault::NoAddress);
    let began = Instant::now();
    for name in dns::search_candidates(&cx.world, name) {
        // A server that does not answer one name does not answer the other names, either.
        if began.elapsed() > DNS_WAIT {
            break;
        }
        match first_to_accept(cx, &name, port, None).await {
            Err(why) if why.stage == Stage::Dns => error = why,
            done => return done,
        }
    }
    Err(error)
}

/// Tries every address as soon as it is known, all at once, so that a dead one delays no other.
async fn first_to_accept(
    cx: &Cx,
    name: &str,
    port: u16,
    known: Option<Vec<IpAddr>>,
) -> Result<(SocketAddr, Stream), ConnectError> {
    let mut error = ConnectError::at(Stage::Dns, Fault::NoAddress);
    let mut asks: FuturesUnordered<_> = match &known {
        Some(_) => FuturesUnordered::new(),
        None => dns::all_queries(&cx.world).map(|(s, f)| dns::ask(cx, s, name, f)).collect(),
    };
    let attempt = |address| async move {
        let address = SocketAddr::new(address, port);
        (address, tcp::connect(cx, address).await)
    };
    let (mut attempts, mut tried) = (FuturesUnordered::new(), vec![]);
    let mut fresh = known.unwrap_or_default();
    loop {
        // Every server returns the same addresses: try each of them once.
        fresh.retain(|address| !tried.contains(address));
        tried.extend(&fresh);
        attempts.extend(std::mem::take(&mut fresh).into_iter().map(attempt));
        tokio::select! {
            Some((address, got)) = attempts.next() => match got {
                Ok(stream) => return Ok((address, Box::new(stream))),
                Err(fault) => error = ConnectError::at(Stage::Tcp, fault),
            },
            Some(answer) = asks.next() => match answer.heard {
                Ok(reply) => fresh = reply.addresses,
                Err(fault) if error.fault == Fault::NoAddress => error.fault = fault,
                Err(_) => {}
            },
            else => return Err(error),
        }
    }
}
