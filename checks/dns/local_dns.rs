//! Does LocalDNS tell what its own name servers tell?
//!
//! LocalDNS is AKS's cache of DNS on each node. Where the node's resolver names it, containerd, the
//! kubelet and its credential provider ask it only. It is asked here side by side with the
//! name servers that it forwards to (Azure/AgentBaker, `localdns.sh`).

use std::{
    net::{IpAddr, Ipv4Addr, SocketAddr},
    path::Path,
};

use futures::future::{join, join_all};

use super::{
    corefile::{Corefile, Upstream, server},
    problem::Problem,
};
use crate::kit::{
    Cx, Host,
    net::{
        Fault, Tried,
        dns::{Answer, Family, Reply, Transport, ask_over},
        tcp,
    },
    rules::ResolvConf,
};

/// The address at which LocalDNS answers the node itself.
const ADDRESS: IpAddr = IpAddr::V4(Ipv4Addr::new(169, 254, 10, 10));
/// The node's resolver: a link on AKS, which leads nowhere below another root.
const RESOLVERS: [&str; 2] = ["/run/systemd/resolve/resolv.conf", "/etc/resolv.conf"];
/// The configuration that runs, and the name servers of the virtual network that it was made with.
const COREFILE: &str = "/opt/azure/containers/localdns/updated.localdns.corefile";
const UPSTREAMS: &str = "/etc/localdns/upstream-dns";
/// How many name servers are asked, and how many of the addresses that they give are tried.
const MAX_SERVERS: usize = 3;

/// Compares LocalDNS with its name servers beside the next steps, if this node uses it.
pub(super) fn compare(cx: &Cx, host: &Host) {
    if cx.world.on_node {
        let (cx, host) = (cx.clone(), host.clone());
        cx.clone().in_background(async move {
            if is_used(&cx).await {
                side_by_side(&cx, &host).await;
            }
        });
    }
}

/// Returns whether the node's resolver names LocalDNS.
async fn is_used(cx: &Cx) -> bool {
    if cx.world.name_servers.iter().any(|server| server.ip() == ADDRESS) {
        return true;
    }
    // Below our own root, our name servers are the node's.
    if cx.world.node_root == Path::new("/") {
        return false;
    }
    for file in RESOLVERS {
        if let Ok(bytes) = cx.world.read(&cx.world.of_node(file)).await {
            return ResolvConf::read(&bytes).servers.iter().any(|server| server.ip() == ADDRESS);
        }
    }
    false
}

/// What one name server said, over UDP and over TCP.
struct Said {
    server: SocketAddr,
    udp: Result<Reply, Fault>,
    tcp: Result<Reply, Fault>,
}

impl Said {
    fn answers(&self) -> [&Result<Reply, Fault>; 2] {
        [&self.udp, &self.tcp]
    }

    fn tried(&self, by: &str, answer: &Result<Reply, Fault>) -> Option<Tried> {
        let fault = match answer {
            Ok(reply) if reply.is_final() => return None,
            Ok(reply) => Fault::Other(reply.word().to_owned()),
            Err(fault) => fault.clone(),
        };
        Some(Tried { who: format!("{} {by}", self.server.ip()), fault })
    }
}

async fn side_by_side(cx: &Cx, host: &Host) {
    let (upstream, unread) = upstream(cx, &host.name).await;
    let local = SocketAddr::new(ADDRESS, 53);
    let servers: Vec<_> = upstream.servers.iter().take(MAX_SERVERS).copied().collect();
    let others = join_all(servers.into_iter().map(|server| ask(cx, server, host)));
    let (local, others) = join(ask(cx, local, host), others).await;
    let told = match &local.udp {
        Ok(reply) if reply.is_final() => stale(cx, host, reply, &others).await,
        failed => Some(failure(host, failed, &local, &others, upstream.is_tcp_only, unread)),
    };
    if let Some(problem) = told {
        cx.add_finding(problem);
    }
}

async fn ask(cx: &Cx, server: SocketAddr, host: &Host) -> Said {
    let over = |transport| ask_over(cx, server, &host.name, Family::V4, transport);
    let (Answer { heard: udp, .. }, Answer { heard: tcp, .. }) =
        join(over(Transport::Udp), over(Transport::Tcp)).await;
    Said { server, udp, tcp }
}

/// Returns where LocalDNS forwards the name to, and the file that does not tell.
async fn upstream(cx: &Cx, name: &str) -> (Upstream, Option<(String, String)>) {
    let read = async |file: &str| {
        let read = cx.world.read(&cx.world.of_node(file)).await;
        read.map(|bytes| String::from_utf8_lossy(&bytes).into_owned())
    };
    let by_zone = match read(COREFILE).await {
        Ok(text) => Corefile::read(&text).upstream(ADDRESS, name).cloned(),
        Err(_) => None,
    };
    if let Some(upstream) = by_zone {
        return (upstream, None);
    }
    let (servers, said) = match read(UPSTREAMS).await {
        Ok(text) => {
            let servers: Vec<SocketAddr> = text.split_whitespace().filter_map(server).collect();
            (servers, Fault::NoAddress.word().to_owned())
        }
        Err(error) => (vec![], error.to_string()),
    };
    let unread = servers.is_empty().then(|| (UPSTREAMS.to_owned(), said));
    (Upstream { servers, is_tcp_only: false }, unread)
}

/// Returns what it means that LocalDNS has no answer.
fn failure(
    host: &Host,
    failed: &Result<Reply, Fault>,
    local: &Said,
    others: &[Said],
    is_tcp_only: bool,
    unread: Option<(String, String)>,
) -> Problem {
    let host = host.name.clone();
    let server = ADDRESS;
    let answers = |answer: &Result<Reply, Fault>| answer.as_ref().is_ok_and(Reply::is_final);
    let (by_udp, by_tcp) = (
        others.iter().any(|said| answers(&said.udp)),
        others.iter().any(|said| answers(&said.tcp)),
    );
    let is_silent = local.answers().iter().all(|answer| answer.is_err());
    let said = match failed {
        Ok(reply) => reply.word().to_owned(),
        Err(fault) => fault.word().to_owned(),
    };
    // A process that is not there refuses at once. One that only waits for its name servers is silent,
    // too, so both ways to them must work.
    let is_refused = matches!(failed, Err(Fault::Refused));
    if is_silent && (is_refused || (by_udp && by_tcp)) {
        return Problem::LocalDnsDown { host, server, said };
    }
    if let Some((file, why)) = unread {
        return Problem::LocalDnsUpstreamUnknown { host, server, said, file, why };
    }
    let tried = || {
        let each = others.iter().flat_map(|said| {
            [said.tried("UDP", &said.udp), said.tried("TCP", &said.tcp)].into_iter().flatten()
        });
        each.collect()
    };
    match (by_udp, by_tcp) {
        (false, false) => {
            Problem::LocalDnsUpstreamUnreachable { host, server, said, tried: tried() }
        }
        (true, false) if is_tcp_only => {
            Problem::LocalDnsTcpBlocked { host, server, said, tried: tried() }
        }
        _ => {
            let ways = [(by_udp, "UDP"), (by_tcp, "TCP")];
            let ways = ways.into_iter().filter(|(answers, _)| *answers).map(|(_, way)| way);
            let over = ways.collect::<Vec<_>>().join(", ");
            Problem::LocalDnsFails { host, server, said, over }
        }
    }
}

/// Returns that LocalDNS gives an answer of before, if its name servers give another one that leads
/// to a host that accepts connections.
async fn stale(cx: &Cx, host: &Host, local: &Reply, others: &[Said]) -> Option<Problem> {
    let replies = others.iter().flat_map(Said::answers).filter_map(|answer| answer.as_ref().ok());
    let mut now: Vec<IpAddr> = vec![];
    for reply in replies.filter(|reply| reply.is_final()) {
        let new = reply.addresses.iter().filter(|address| !now.contains(address));
        let new: Vec<IpAddr> = new.copied().collect();
        now.extend(new);
    }
    if now.is_empty() || now.iter().any(|address| local.addresses.contains(address)) {
        return None;
    }
    let attempts = now.iter().take(MAX_SERVERS).map(|address| {
        let address = SocketAddr::new(*address, host.port);
        async move { tcp::connect(cx, address).await.is_ok() }
    });
    if !join_all(attempts).await.contains(&true) {
        return None;
    }
    let upstream = others.iter().map(|said| said.server.ip()).collect();
    let gives = if local.addresses.is_empty() {
        local.word().to_owned()
    } else {
        local.addresses.iter().map(ToString::to_string).collect::<Vec<_>>().join(", ")
    };
    let host = host.name.clone();
    Some(Problem::LocalDnsStale { host, server: ADDRESS, gives, upstream, now })
}
