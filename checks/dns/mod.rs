//! Does the name resolve, and to what?
//!
//! Every configured name server is asked for both families at once. The first addresses go on
//! to the next step; what the other servers say is graded beside it.

use std::{net::IpAddr, rc::Rc};

use futures::stream::{FuturesUnordered, StreamExt};
use serde::Serialize;

use crate::kit::{
    Cx, Got, Growing, Halt, Host, Local, Proxy, Role,
    net::{
        Fault, Reached, Tried,
        dns::{Answer, Reply, ask, every, known, spellings},
    },
};

/// What can be wrong with a name.
#[derive(Serialize, strum::VariantNames)]
#[serde(rename_all = "kebab-case")]
#[strum(serialize_all = "kebab-case")]
pub enum Trouble {
    /// The registry's name does not exist, or has no address.
    NxdomainRegistry(Denied),
    /// The same behind a private endpoint's name: a zone that answers here lacks the record.
    PrivateZoneRecordMissing(Denied),
    /// The host that serves layers has no address here.
    DataEndpointRecordMissing(Denied),
    /// No server gave an answer that a client would believe.
    ServerUnreachable {
        /// The name.
        host: String,
        /// Each server and how it failed.
        tried: Vec<Tried>,
    },
    /// There is nobody to ask.
    NoNameServer {
        /// The name.
        host: String,
    },
    /// The host is reached through a proxy, which looks the name up.
    LeftToProxy {
        /// The proxy.
        proxy: Rc<Proxy>,
    },
    /// Some servers failed, others answered.
    ServerSilent {
        /// Each server that failed, and how.
        tried: Vec<Tried>,
    },
    /// A server that clients ask earlier denies a name that another one knows.
    ServersDisagree {
        /// The name.
        host: String,
        /// The server that clients believe.
        denies: String,
        /// What it said.
        answer: &'static str,
        /// The server that knows the name.
        knows: String,
    },
}

/// A name that was denied, and by whom.
#[derive(Clone, Serialize)]
pub struct Denied {
    host: String,
    server: String,
    answer: &'static str,
    /// The name and those that it was sent on to, the last one being the one that is missing.
    trail: String,
    /// The private zone that lacks the record.
    #[serde(skip_serializing_if = "Option::is_none")]
    zone: Option<String>,
    /// The record that it lacks.
    #[serde(skip_serializing_if = "Option::is_none")]
    record: Option<String>,
}

/// The addresses of a host, as they become known.
#[derive(Clone, Serialize)]
pub struct Names {
    pub(crate) host: Host,
    #[serde(skip)]
    pub(crate) addresses: Rc<Growing<IpAddr>>,
    /// The first to be known.
    first: Vec<IpAddr>,
    /// The name and those that it was sent on to.
    trail: String,
    /// Nobody had to be asked.
    #[serde(skip_serializing_if = "Option::is_none")]
    known: Option<&'static str>,
}

/// Asks every name server for the host's addresses, unless a proxy does.
pub async fn resolve(cx: &Cx, host: &Host, tunnel: &Option<Rc<Reached>>) -> Got<Names> {
    if let Some(proxy) = tunnel.as_ref().and_then(|tunnel| tunnel.way.proxy()) {
        return Err(Halt::skipped(Trouble::LeftToProxy { proxy: proxy.clone() }));
    }
    if let Some(first) = known(&cx.world, &host.name) {
        let literal = host.name.parse::<IpAddr>().is_ok();
        let known = Some(if literal { "is-an-address" } else { "hosts-file" });
        let addresses = Rc::new(Growing::complete(first.clone()));
        return Ok(Names { host: host.clone(), addresses, first, trail: host.name.clone(), known });
    }
    if cx.world.name_servers.is_empty() {
        return Err(Trouble::NoNameServer { host: host.name.clone() }.into());
    }
    let mut denial = None;
    for name in spellings(&cx.world, &host.name) {
        let is_itself = name == host.name;
        match look_up(cx, host, name).await {
            // What is said of the name as it was written counts, where all are denied.
            Err(halt) if is_itself || denial.is_none() => denial = Some(halt),
            Err(_) => {}
            names => return names,
        }
    }
    Err(denial.unwrap_or_else(|| Trouble::NoNameServer { host: host.name.clone() }.into()))
}

async fn look_up(cx: &Cx, host: &Host, name: String) -> Got<Names> {
    let asks: FuturesUnordered<Local<Answer>> = FuturesUnordered::new();
    for (server, family) in every(&cx.world) {
        let (cx, name) = (cx.clone(), name.clone());
        asks.push(Box::pin(async move { ask(&cx, server, &name, family).await }));
    }
    let mut asks = asks;
    let mut answers = vec![];
    while let Some(answer) = asks.next().await {
        let found = answer.heard.clone().ok().filter(|reply| !reply.addresses.is_empty());
        answers.push(answer);
        if let Some(Reply { chain, addresses: first, .. }) = found {
            let addresses = Rc::new(Growing::default());
            first.iter().for_each(|address| addresses.add(*address));
            let trail = trail(&name, &chain);
            let names = Names { host: host.clone(), addresses, first, trail, known: None };
            cx.beside(hear_the_rest(cx.clone(), names.clone(), answers, asks));
            return Ok(names);
        }
    }
    Err(judge(cx, host, &answers).into())
}

/// Takes what the other servers say, then says what is odd about it.
async fn hear_the_rest(
    cx: Cx,
    names: Names,
    mut answers: Vec<Answer>,
    mut asks: FuturesUnordered<Local<Answer>>,
) {
    while let Some(answer) = asks.next().await {
        if let Ok(reply) = &answer.heard {
            reply.addresses.iter().for_each(|address| names.addresses.add(*address));
        }
        answers.push(answer);
    }
    names.addresses.close();
    let host = names.host.name.clone();
    let tried = failures(&cx, &answers, 2);
    if !tried.is_empty() {
        cx.tell(Trouble::ServerSilent { tried });
    }
    let Some(first) = believed(&cx, &answers) else { return };
    let knows = answers.iter().find(|a| a.heard.as_ref().is_ok_and(|r| !r.addresses.is_empty()));
    if let (Believed::Denial(server, reply), Some(knows)) = (first, knows) {
        let (denies, knows) = (address(server), address(knows.server));
        cx.tell(Trouble::ServersDisagree { host, denies, answer: reply.word(), knows });
    }
}

enum Believed<'a> {
    Addresses,
    Denial(std::net::SocketAddr, &'a Reply),
}

/// What a client makes of it: the first server, in order, that gives a final answer is believed.
fn believed<'a>(cx: &Cx, answers: &'a [Answer]) -> Option<Believed<'a>> {
    cx.world.name_servers.iter().find_map(|server| {
        let of_server = answers.iter().filter(|answer| answer.server == *server);
        let replies: Vec<_> = of_server
            .filter_map(|answer| answer.heard.as_ref().ok())
            .filter(|reply| reply.is_final())
            .collect();
        if replies.iter().any(|reply| !reply.addresses.is_empty()) {
            return Some(Believed::Addresses);
        }
        // A name exists or not for all families alike; "no such address" counts once both say so.
        let denial = replies.iter().find(|reply| reply.word() == "NXDOMAIN");
        let denial = denial.or_else(|| (replies.len() > 1).then(|| &replies[0]));
        denial.map(|reply| Believed::Denial(*server, reply))
    })
}

/// The servers that failed for so many of the two families, each once.
fn failures(cx: &Cx, answers: &[Answer], families: usize) -> Vec<Tried> {
    let of = |server| {
        let faults = answers.iter().filter(|a| a.server == server).filter_map(|a| match &a.heard {
            Ok(reply) if reply.is_final() => None,
            Ok(reply) => Some(Fault::Other(reply.word().to_owned())),
            Err(fault) => Some(fault.clone()),
        });
        let faults: Vec<_> = faults.collect();
        (faults.len() >= families).then(|| Tried { who: address(server), fault: faults[0].clone() })
    };
    cx.world.name_servers.iter().filter_map(|server| of(*server)).collect()
}

fn address(server: std::net::SocketAddr) -> String {
    if server.port() == 53 { server.ip().to_string() } else { server.to_string() }
}

/// Nobody gave an address: says what that proves.
fn judge(cx: &Cx, host: &Host, answers: &[Answer]) -> Trouble {
    let Some(Believed::Denial(server, reply)) = believed(cx, answers) else {
        let tried = failures(cx, answers, 1);
        return Trouble::ServerUnreachable { host: host.name.clone(), tried };
    };
    let missing = reply.chain.last();
    let private = missing.and_then(|name| private_record(name));
    let (record, zone) = private.clone().unzip();
    let denied = Denied {
        host: host.name.clone(),
        server: address(server),
        answer: reply.word(),
        trail: trail(&host.name, &reply.chain),
        zone,
        record,
    };
    match host.role {
        Role::Data => Trouble::DataEndpointRecordMissing(denied),
        _ if private.is_some() => Trouble::PrivateZoneRecordMissing(denied),
        _ => Trouble::NxdomainRegistry(denied),
    }
}

/// `contoso.azurecr.io → contoso.privatelink.azurecr.io`
fn trail(name: &str, chain: &[String]) -> String {
    chain.iter().fold(name.to_owned(), |trail, next| format!("{trail} → {next}"))
}

/// Splits `contoso.eastus.data.privatelink.azurecr.io` into the record and its zone.
fn private_record(name: &str) -> Option<(String, String)> {
    let (record, rest) = name.split_once(".privatelink.")?;
    Some((record.to_owned(), format!("privatelink.{rest}")))
}
