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
    op::{Edns, Message, Query, ResponseCode},
    rr::{Name, RData, RecordType},
};
use serde_json::{Map, json};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::UdpSocket,
    time::{Instant, timeout},
};

use super::{DNS_WAIT, Fault, tcp};
use crate::kit::{
    engine::{Cx, Exchange},
    world::World,
};

/// How many suffixes of the search list are tried: as many as the system resolver tries.
const SUFFIXES: usize = 6;
/// The longest CNAME chain that is followed, and the most addresses that are kept. Resolvers follow
/// about a dozen names. An answer can hold thousands of records, and each step searches all of
/// them.
const MAX_CHAIN: usize = 64;
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
}

/// What one name server answered for one name and one address family.
#[derive(Clone, Debug)]
pub struct Answer {
    /// The name server.
    pub server: SocketAddr,
    /// The parsed answer, or why there is none.
    pub heard: Result<Reply, Fault>,
}

/// A parsed DNS answer.
#[derive(Clone, Debug, PartialEq)]
pub struct Reply {
    /// The response code.
    pub code: ResponseCode,
    /// The CNAME chain, in order.
    pub chain: Vec<String>,
    /// The addresses at the end of the chain.
    pub addresses: Vec<IpAddr>,
}

impl Reply {
    /// Returns the response code as it is usually written; `NODATA` when the name has no address of
    /// this family.
    pub fn word(&self) -> &'static str {
        match self.code {
            ResponseCode::NoError if self.addresses.is_empty() => "NODATA",
            ResponseCode::NoError => "NOERROR",
            ResponseCode::NXDomain => "NXDOMAIN",
            ResponseCode::ServFail => "SERVFAIL",
            ResponseCode::Refused => "REFUSED",
            ResponseCode::NotImp => "NOTIMP",
            ResponseCode::FormErr => "FORMERR",
            _ => "ERROR",
        }
    }

    /// Returns whether a resolver accepts this answer and queries no other server.
    pub fn is_final(&self) -> bool {
        matches!(self.code, ResponseCode::NoError | ResponseCode::NXDomain)
    }
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

/// Queries one server for the addresses of one name.
pub async fn ask(cx: &Cx, server: SocketAddr, name: &str, family: Family) -> Answer {
    ask_over(cx, server, name, family, Transport::Udp).await
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
    let strays = Cell::new(false);
    let asking = exchange(cx.world.route(server), name, kind, transport, &strays);
    let heard = match timeout(DNS_WAIT, asking).await {
        Ok(heard) => heard,
        Err(_) if strays.get() => Err(Fault::NotDns),
        Err(_) => Err(Fault::TimedOut),
    };
    let mut details = Map::new();
    let heard = heard.map(|message| {
        let ttl = message.answers.iter().map(|record| record.ttl).min();
        details.extend(ttl.map(|ttl| ("ttl_s".to_owned(), json!(ttl))));
        read(&message, name)
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
) -> Result<Message, Fault> {
    let name = absolute(name).map_err(Fault::Other)?;
    let mut question = Message::query();
    question.metadata.recursion_desired = true;
    question.add_query(Query::query(name, kind));
    let mut edns = Edns::new();
    edns.set_max_payload(MAX_PAYLOAD);
    question.set_edns(edns);
    let bytes = question.to_vec().map_err(|error| Fault::Other(error.to_string()))?;
    if transport == Transport::Tcp {
        return over_tcp(server, &question, &bytes).await;
    }
    let answer = over_udp(server, &question, &bytes, strays).await?;
    if answer.metadata.truncation { over_tcp(server, &question, &bytes).await } else { Ok(answer) }
}

/// Returns the name as fully qualified, so that no search suffix is added.
fn absolute(name: &str) -> Result<Name, String> {
    Name::from_str(&format!("{}.", name.trim_end_matches('.'))).map_err(|error| error.to_string())
}

async fn over_udp(
    server: SocketAddr,
    question: &Message,
    bytes: &[u8],
    strays: &Cell<bool>,
) -> Result<Message, Fault> {
    let any: IpAddr = match server {
        SocketAddr::V4(_) => Ipv4Addr::UNSPECIFIED.into(),
        SocketAddr::V6(_) => Ipv6Addr::UNSPECIFIED.into(),
    };
    let failed = |error: std::io::Error| Fault::from(&error);
    // A connected socket reports ICMP errors and drops packets from other senders.
    let socket = UdpSocket::bind((any, 0)).await.map_err(failed)?;
    socket.connect(server).await.map_err(failed)?;
    let mut buffer = vec![0; 4096];
    loop {
        socket.send(bytes).await.map_err(failed)?;
        let resend = tokio::time::sleep(Duration::from_secs(1));
        tokio::pin!(resend);
        loop {
            let length = tokio::select! {
                received = socket.recv(&mut buffer) => received.map_err(failed)?,
                () = &mut resend => break,
            };
            match Message::from_vec(&buffer[..length]) {
                Ok(answer) if answers(&answer, question) => return Ok(answer),
                // Like a resolver, ignore a packet that answers another query: the right one may
                // still come.
                _ => strays.set(true),
            }
        }
    }
}

async fn over_tcp(server: SocketAddr, question: &Message, bytes: &[u8]) -> Result<Message, Fault> {
    let failed = |error: std::io::Error| Fault::from(&error);
    let mut stream = tcp::dial(server).await?;
    let length = u16::try_from(bytes.len()).map_err(|_| Fault::NotDns)?;
    stream.write_all(&[&length.to_be_bytes(), bytes].concat()).await.map_err(failed)?;
    let length = stream.read_u16().await.map_err(failed)?;
    let mut answer = vec![0; usize::from(length)];
    stream.read_exact(&mut answer).await.map_err(failed)?;
    let answer = Message::from_vec(&answer).map_err(|_| Fault::NotDns)?;
    answers(&answer, question).then_some(answer).ok_or(Fault::NotDns)
}

fn answers(answer: &Message, question: &Message) -> bool {
    answer.metadata.id == question.metadata.id
        && (answer.queries == question.queries || answer.queries.is_empty())
}

/// Follows the CNAME chain from the queried name. Records of other names are ignored. Public so
/// that it can be fuzzed.
pub fn read(message: &Message, name: &str) -> Reply {
    let mut name = absolute(name).unwrap_or_default();
    let mut chain = vec![];
    // Each record is followed at most once, so a loop in the chain ends.
    for _ in 0..message.answers.len().min(MAX_CHAIN) {
        let next = message.answers.iter().find_map(|record| match &record.data {
            RData::CNAME(target) if record.name == name => Some(target.0.clone()),
            _ => None,
        });
        let Some(next) = next else { break };
        chain.push(next.to_string().trim_end_matches('.').to_lowercase());
        name = next;
    }
    let addresses = message.answers.iter().filter(|record| record.name == name);
    let addresses = addresses.filter_map(|record| match &record.data {
        RData::A(address) => Some(IpAddr::V4(address.0)),
        RData::AAAA(address) => Some(IpAddr::V6(address.0)),
        _ => None,
    });
    Reply {
        code: message.metadata.response_code,
        addresses: addresses.take(MAX_CHAIN).collect(),
        chain,
    }
}

#[cfg(test)]
mod tests {
    use hickory_proto::rr::{Record, rdata};

    use super::*;

    #[test]
    fn neither_a_long_chain_nor_many_addresses_keep_us_busy() {
        let name = |number: usize| Name::from_ascii(format!("n{number}.example.")).unwrap();
        let mut message = Message::query();
        // The last link comes first, so that every step has to search all records.
        for number in (0..5000).rev() {
            let next = RData::CNAME(rdata::CNAME(name(number + 1)));
            message.add_answer(Record::from_rdata(name(number), 60, next));
        }
        assert_eq!(read(&message, "n0.example").chain.len(), MAX_CHAIN);
        for _ in 0..5000 {
            let address = RData::A(rdata::A::new(10, 0, 0, 4));
            message.add_answer(Record::from_rdata(name(9999), 60, address));
        }
        assert_eq!(read(&message, "n9999.example").addresses.len(), MAX_CHAIN);
    }
}
