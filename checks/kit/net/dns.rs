//! Sends one query to one name server: over UDP, repeated every second, and over TCP when the
//! answer is truncated.
//!
//! The whole answer is kept (CNAME chain, response code): a stub resolver drops the CNAME chain of
//! an NXDOMAIN answer, and that chain distinguishes a missing private DNS record from a name that
//! never existed.

use std::{
    cell::Cell,
    net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr},
    str::FromStr,
    time::Duration,
};

use hickory_proto::{
    op::{Edns, Message, Query},
    rr::{Name, RecordType},
};
use serde_json::{Map, json};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::UdpSocket,
    time::{Instant, timeout},
};

pub use super::dns_answer::Reply;
use super::{
    DNS_WAIT, Fault,
    dns_answer::{self, DnsAnswer, NoAnswer, Question},
    tcp,
};
use crate::kit::{
    engine::{Cx, Exchange},
    rules::ResolverOptions,
    world::World,
};

/// How many suffixes of the search list are tried: as many as the system resolver tries.
const SUFFIXES: usize = 6;
/// The longest answer that is taken over UDP: as Go takes it (`net/dnsclient_unix.go`,
/// `maxDNSPacketSize`).
const MAX_PAYLOAD: u16 = 1232;

/// An address family.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Family {
    /// A records.
    V4,
    /// AAAA records.
    V6,
}

/// How a name server is asked.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Transport {
    /// Over UDP, and over TCP when the answer is truncated.
    Udp,
    /// Over TCP.
    Tcp,
    /// Over UDP, without EDNS: as resolvers asked before 2019.
    WithoutEdns,
}

/// What one name server answered for one name and one address family.
#[derive(Clone, Debug)]
pub struct Answer {
    /// The name server.
    pub server: SocketAddr,
    /// The parsed answer, or why there is none.
    pub heard: Result<Reply, Fault>,
}

/// Returns the addresses that need no query: the name is an address itself, or is in the hosts
/// file.
pub fn static_addresses(world: &World, name: &str) -> Option<Vec<IpAddr>> {
    let literal = name.parse().ok().map(|address| vec![address]);
    literal.or_else(|| world.hosts.get(name).cloned())
}

/// Returns the names that a resolver tries, in order: the name itself, and the name with each
/// suffix of the search list. `ndots` decides which comes first.
pub fn search_candidates(world: &World, name: &str) -> Vec<String> {
    let searched = &world.search[..world.search.len().min(SUFFIXES)];
    let mut names: Vec<_> = searched.iter().map(|suffix| format!("{name}.{suffix}")).collect();
    let early = name.matches('.').count() >= world.ndots;
    names.insert(if early { 0 } else { names.len() }, name.to_owned());
    names
}

/// Returns every query to send: to each name server, for both address families.
pub fn all_queries(world: &World) -> impl Iterator<Item = (SocketAddr, Family)> {
    world.name_servers.iter().flat_map(|server| [(*server, Family::V4), (*server, Family::V6)])
}

/// Queries one server for the addresses of one name, as the options of `resolv.conf` say.
pub async fn ask(cx: &Cx, server: SocketAddr, name: &str, family: Family) -> Answer {
    let over = if cx.world.resolver.use_tcp { Transport::Tcp } else { Transport::Udp };
    ask_over(cx, server, name, family, over).await
}

/// Queries one server for the addresses of one name over that transport.
pub async fn ask_over(
    cx: &Cx,
    server: SocketAddr,
    name: &str,
    family: Family,
    transport: Transport,
) -> Answer {
    let began = Instant::now();
    let kind = match family {
        Family::V4 => RecordType::A,
        Family::V6 => RecordType::AAAA,
    };
    let ResolverOptions { timeout: each, attempts, .. } = cx.world.resolver;
    let mut heard = Err(Fault::TimedOut);
    for _ in 0..attempts {
        let strays = Cell::new(false);
        let asking = exchange(cx.world.route(server), name, kind, transport, &strays);
        match timeout(each.min(DNS_WAIT), asking).await {
            Ok(now) => {
                heard = now;
                break;
            }
            Err(_) if strays.get() => heard = Err(Fault::NotDns),
            Err(_) => {}
        }
        if began.elapsed() >= DNS_WAIT {
            break;
        }
    }
    let mut details = Map::new();
    let heard = heard.map(|answer| {
        details.extend(answer.ttl.map(|ttl| ("ttl_s".to_owned(), json!(ttl))));
        answer.reply
    });
    let said = match &heard {
        Ok(reply) => {
            if !reply.chain.is_empty() {
                details.insert("chain".into(), json!(reply.chain));
            }
            if !reply.addresses.is_empty() {
                details.insert("addresses".into(), json!(reply.addresses));
            }
            reply.word()
        }
        Err(fault) => fault.word(),
    };
    cx.exchanged(Exchange {
        to: &server.to_string(),
        request: &match transport {
            Transport::Udp => format!("{kind} {name}"),
            Transport::Tcp => format!("{kind} {name} over TCP"),
            Transport::WithoutEdns => format!("{kind} {name} without EDNS"),
        },
        response: said,
        details,
        took: began.elapsed(),
    });
    Answer { server, heard }
}

async fn exchange(
    server: SocketAddr,
    name: &str,
    kind: RecordType,
    transport: Transport,
    strays: &Cell<bool>,
) -> Result<DnsAnswer, Fault> {
    let name = absolute(name).map_err(Fault::Other)?;
    let mut message = Message::query();
    message.metadata.recursion_desired = true;
    message.add_query(Query::query(name.clone(), kind));
    if transport != Transport::WithoutEdns {
        let mut edns = Edns::new();
        edns.set_max_payload(MAX_PAYLOAD);
        message.set_edns(edns);
    }
    let question = Question { id: message.metadata.id, name, kind };
    let bytes = message.to_vec().map_err(|error| Fault::Other(error.to_string()))?;
    if transport == Transport::Tcp {
        return over_tcp(server, &question, &bytes).await;
    }
    let answer = over_udp(server, &question, &bytes, strays).await?;
    if answer.is_truncated { over_tcp(server, &question, &bytes).await } else { Ok(answer) }
}

/// Returns the name as fully qualified, so that no search suffix is added.
fn absolute(name: &str) -> Result<Name, String> {
    Name::from_str(&format!("{}.", name.trim_end_matches('.'))).map_err(|error| error.to_string())
}

async fn over_udp(
    server: SocketAddr,
    question: &Question,
    bytes: &[u8],
    strays: &Cell<bool>,
) -> Result<DnsAnswer, Fault> {
    let any: IpAddr = match server {
        SocketAddr::V4(_) => Ipv4Addr::UNSPECIFIED.into(),
        SocketAddr::V6(_) => Ipv6Addr::UNSPECIFIED.into(),
    };
    let failed = |error: std::io::Error| Fault::from(&error);
    // A connected socket reports ICMP errors and drops packets from other senders.
    let socket = UdpSocket::bind((any, 0)).await.map_err(failed)?;
    socket.connect(server).await.map_err(failed)?;
    // Of a longer packet, Go sees no more.
    let mut buffer = vec![0; usize::from(MAX_PAYLOAD)];
    loop {
        socket.send(bytes).await.map_err(failed)?;
        let resend = tokio::time::sleep(Duration::from_secs(1));
        tokio::pin!(resend);
        loop {
            let length = tokio::select! {
                received = socket.recv(&mut buffer) => received.map_err(failed)?,
                () = &mut resend => break,
            };
            match dns_answer::read(&buffer[..length], question, false) {
                Ok(answer) => return Ok(answer),
                // Like a resolver, ignore a packet that answers another query: the right one may
                // still come.
                Err(NoAnswer::Stray) => strays.set(true),
                Err(NoAnswer::Unusable(why)) => return Err(Fault::Other(why.to_owned())),
            }
        }
    }
}

async fn over_tcp(
    server: SocketAddr,
    question: &Question,
    bytes: &[u8],
) -> Result<DnsAnswer, Fault> {
    let failed = |error: std::io::Error| Fault::from(&error);
    let mut stream = tcp::dial(server).await?;
    let length = u16::try_from(bytes.len()).map_err(|_| Fault::NotDns)?;
    stream.write_all(&[&length.to_be_bytes(), bytes].concat()).await.map_err(failed)?;
    let length = stream.read_u16().await.map_err(failed)?;
    let mut answer = vec![0; usize::from(length)];
    stream.read_exact(&mut answer).await.map_err(failed)?;
    dns_answer::read(&answer, question, true).map_err(|why| match why {
        NoAnswer::Stray => Fault::NotDns,
        NoAnswer::Unusable(why) => Fault::Other(why.to_owned()),
    })
}
