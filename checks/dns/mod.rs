//! Does the name resolve, and to which addresses?
//!
//! Every configured name server is queried for both address families at once. The addresses that a
//! resolver would get go to the next step at once; the answers of the other servers are checked in
//! the background.

mod corefile;
mod diagnose;
mod local_dns;
mod names;
mod otherwise;
mod problem;
mod resolver;

use std::{net::IpAddr, rc::Rc, time::Duration};

use futures::stream::{FuturesUnordered, StreamExt};
use tokio::time::{Instant, timeout_at};

use crate::kit::{
    Cx, Host, Local, NoFact, StepResult,
    net::{
        Connected,
        dns::{all_queries, ask, search_candidates, static_addresses},
    },
};
pub use corefile::Corefile;
use diagnose::warn_inconsistencies;
pub use names::Names;
pub(crate) use names::{Known, Reach};
pub use problem::Problem;
use resolver::{ServerAnswer, addresses_of, families};

/// How long an answer waits for the servers before it in the list, which a resolver trusts first.
const EARLIER_WAIT: Duration = Duration::from_millis(300);

/// Queries every name server for the host's addresses, unless a proxy resolves the name.
pub async fn resolve(cx: &Cx, host: &Host, tunnel: &Option<Rc<Connected>>) -> StepResult<Names> {
    if let Some(proxy) = tunnel.as_ref().and_then(|tunnel| tunnel.route.proxy()) {
        return Err(NoFact::skipped(Problem::LeftToProxy { proxy: proxy.clone() }));
    }
    if let Some(first) = static_addresses(&cx.world, &host.name) {
        let literal = host.name.parse::<IpAddr>().is_ok();
        let known = Some(if literal { Known::IsAnAddress } else { Known::HostsFile });
        let names = Names { known, ..Names::new(host, &host.name, &[], first) };
        names.addresses.close();
        return Ok(names);
    }
    if cx.world.name_servers.is_empty() {
        return Err(Problem::NoNameServer { host: host.name.clone() }.into());
    }
    local_dns::compare(cx, host);
    let mut denial = None;
    for name in search_candidates(&cx.world, &host.name) {
        let is_itself = name == host.name;
        match look_up(cx, host, name).await {
            // When every candidate is denied, the answer for the name as written counts.
            Err(no_fact) if is_itself || denial.is_none() => denial = Some(no_fact),
            Err(_) => {}
            names => return names,
        }
    }
    Err(denial.unwrap_or_else(|| Problem::NoNameServer { host: host.name.clone() }.into()))
}

async fn look_up(cx: &Cx, host: &Host, name: String) -> StepResult<Names> {
    let asks: FuturesUnordered<Local<ServerAnswer>> = FuturesUnordered::new();
    for (server, family) in all_queries(&cx.world) {
        let (cx, name) = (cx.clone(), name.clone());
        asks.push(Box::pin(async move {
            ServerAnswer { family, answer: ask(&cx, server, &name, family).await }
        }));
    }
    let mut asks = asks;
    let mut heard = vec![];
    // Set when the first addresses arrive: from then on, the servers earlier in the list get a
    // moment.
    let mut patience: Option<Instant> = None;
    loop {
        let next = match patience {
            None => asks.next().await,
            Some(until) => timeout_at(until, asks.next()).await.unwrap_or(None),
        };
        let more = next.is_some();
        heard.extend(next);
        let servers = &cx.world.name_servers;
        let settled =
            families().into_iter().find_map(|family| addresses_of(servers, &heard, family));
        let anybody = heard.iter().find_map(ServerAnswer::addresses);
        match settled.or(anybody.filter(|_| !more)) {
            Some(reply) => {
                let names = Names::new(host, &name, &reply.chain, reply.addresses.clone());
                cx.in_background(hear_the_rest(cx.clone(), names.clone(), name, heard, asks));
                return Ok(names);
            }
            None if !more => return Err(otherwise::explain(cx, host, &name, &heard).await.into()),
            None if anybody.is_some() => {
                patience = patience.or(Some(Instant::now() + EARLIER_WAIT));
            }
            None => {}
        }
    }
}

/// Collects the answers of the other servers, then reports inconsistencies.
async fn hear_the_rest(
    cx: Cx,
    names: Names,
    name: String,
    mut heard: Vec<ServerAnswer>,
    mut asks: FuturesUnordered<Local<ServerAnswer>>,
) {
    loop {
        for family in families() {
            if let Some(reply) = addresses_of(&cx.world.name_servers, &heard, family) {
                reply.addresses.iter().for_each(|address| names.addresses.add(*address));
            }
        }
        match asks.next().await {
            Some(answer) => heard.push(answer),
            None => break,
        }
    }
    names.addresses.close();
    warn_inconsistencies(&cx, &names, &name, &heard);
}
