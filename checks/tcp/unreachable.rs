//! What it proves that no address of a host accepts a connection.

use std::{net::SocketAddr, time::Duration};

use futures::{
    future::join_all,
    stream::{FuturesUnordered, StreamExt},
};
use tokio::time::timeout;

use super::problem::{ByProxy, Problem, Unreached};
use crate::kit::{
    Cloud, Cx, Host, HostPurpose,
    net::{Fault, Stage, Tried, reach, tls, tunnel},
    target::is_private,
    world::ProxyDecision,
};

/// How long each test of another host may take, once the host itself is known to be unreachable.
pub(crate) const AROUND_WAIT: Duration = Duration::from_secs(4);

/// Returns what is wrong, after a test of what else can be reached.
pub(super) async fn diagnose(cx: &Cx, host: &Host, tried: Vec<(SocketAddr, Fault)>) -> Problem {
    let no_ipv6 =
        |(address, fault): &(SocketAddr, Fault)| address.is_ipv6() && *fault == Fault::NoRoute;
    let unusable = !tried.is_empty() && tried.iter().all(no_ipv6);
    let no_ipv4 =
        |(address, fault): &(SocketAddr, Fault)| address.is_ipv4() && *fault == Fault::NoRoute;
    let is_v4_unusable = !tried.is_empty() && tried.iter().all(no_ipv4);
    let private = tried.iter().all(|(address, _)| is_private(address.ip()));
    let refused = tried.iter().any(|(_, fault)| *fault == Fault::Refused);
    let unreached = list(host, tried);
    if unusable {
        return Problem::Ipv6Unusable(unreached);
    }
    // Its name servers are reached, so it is not without any network.
    let servers = &cx.world.name_servers;
    if is_v4_unusable && !servers.is_empty() && servers.iter().all(SocketAddr::is_ipv6) {
        return Problem::Ipv4Unusable(unreached);
    }
    // Only Azure registries are known to have private endpoints; elsewhere a private address means
    // little.
    let azures = host.acr().is_some();
    if private && azures {
        return Problem::PrivateAddressUnreachable(unreached);
    }
    // Without TLS a proxy opens no tunnel, so its response proves nothing about the host.
    if !host.is_local()
        && !host.plain
        && let Some(by_proxy) = by_proxy(cx, host).await
    {
        return Problem::ProxyRequired { unreached, by_proxy };
    }
    match host.purpose {
        HostPurpose::Data if azures => Problem::DataEndpointBlocked(unreached),
        HostPurpose::Data => Problem::BlobEndpointBlocked(unreached),
        // The other hosts that a node needs are only tested if they can reveal something about
        // outbound access: not for a host in this network, and not if something refused, because
        // then packets do get out.
        _ if private || refused => Problem::TcpEgressBlocked(unreached),
        _ => egress(cx, host, unreached).await,
    }
}

/// Returns the proxy that reaches this host although it is not used for it.
async fn by_proxy(cx: &Cx, host: &Host) -> Option<ByProxy> {
    let entry = match cx.world.pull_proxies().route(host) {
        ProxyDecision::Exempt(entry) => Some(entry),
        _ => None,
    };
    let mut tries: FuturesUnordered<_> = cx
        .world
        .pull_proxies()
        .spare(host)
        .into_iter()
        .map(|proxy| async {
            // A proxy may accept every CONNECT, so the host itself must answer in the tunnel.
            let opening = async {
                let stream = tunnel::open(cx, &proxy, host).await.ok()?;
                tls::handshake(cx, host, stream).await.ok()
            };
            let opened = timeout(AROUND_WAIT, opening).await;
            matches!(opened, Ok(Some(_))).then_some(proxy)
        })
        .collect();
    while let Some(found) = tries.next().await {
        if let Some(proxy) = found {
            let variable = Some(proxy.variable).filter(|_| entry.is_none());
            return Some(ByProxy { proxy, variable, entry });
        }
    }
    None
}

/// Finds out whether only this host is unreachable or everything is. Connects to hosts that every
/// AKS node must reach, and sends them nothing.
async fn egress(cx: &Cx, host: &Host, mut unreached: Unreached) -> Problem {
    let cloud = host.azure().and_then(|name| Cloud::of_suffix(name.suffix)).unwrap_or_default();
    let looks = cloud.node_hosts().into_iter().filter(|name| *name != unreached.host).map(
        |name| async move {
            let looking = reach(cx, name, 443);
            let got = timeout(AROUND_WAIT, looking).await;
            let found = match got {
                Ok(Ok(_)) => Some(true),
                Ok(Err(error)) if error.stage == Stage::Dns => None,
                Ok(Err(_)) | Err(_) => Some(false),
            };
            (name, found)
        },
    );
    let looks = join_all(looks).await;
    unreached.elsewhere =
        looks.iter().find(|(_, found)| *found == Some(true)).map(|(name, _)| *name);
    let closed: Vec<_> = looks.iter().filter(|(_, found)| *found == Some(false)).collect();
    // A single other host may be closed for a reason of its own.
    if unreached.elsewhere.is_none() && closed.len() > 1 {
        let others = closed.iter().map(|(name, _)| (*name).to_owned()).collect();
        return Problem::TcpOutboundNone { unreached, others };
    }
    Problem::TcpEgressBlocked(unreached)
}

/// Lists every address that was tried, and why it failed.
pub(super) fn list(host: &Host, mut tried: Vec<(SocketAddr, Fault)>) -> Unreached {
    tried.sort_by_key(|(address, _)| *address);
    let failed_by = |wanted: Fault| {
        tried
            .iter()
            .filter(|(_, fault)| *fault == wanted)
            .map(|(address, _)| address.ip())
            .collect()
    };
    Unreached {
        host: host.name.clone(),
        port: host.port,
        addresses: tried.iter().map(|(address, _)| address.ip()).collect(),
        timed_out: failed_by(Fault::TimedOut),
        refused: failed_by(Fault::Refused),
        tried: tried
            .into_iter()
            .map(|(address, fault)| Tried { who: address.ip().to_string(), fault })
            .collect(),
        elsewhere: None,
    }
}
