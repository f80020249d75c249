//! What the answers of all name servers prove together.

use std::net::SocketAddr;

use super::{
    names::{Names, describe_chain},
    problem::{Denied, Problem},
    resolver::{ServerAnswer, believed, families},
};
use crate::kit::{
    Cx, Host, HostPurpose,
    net::{
        Fault, Tried,
        dns::{Family, Reply},
    },
    target::{AcrHostKind, is_private},
};

/// Nobody gave an address: says what that proves.
pub(super) fn diagnose(cx: &Cx, host: &Host, heard: &[ServerAnswer]) -> Problem {
    let Some((server, reply)) = denial(cx, heard) else {
        let tried = failures(cx, heard).into_iter().map(Tried::from).collect();
        return Problem::ServerUnreachable { host: host.name.clone(), tried };
    };
    let private = reply.chain.last().and_then(|name| private_record(name));
    let shadowed = private.is_some();
    let (record, zone) = private.unzip();
    let azure = host.azure();
    let denied = Denied {
        host: host.name.clone(),
        server: address(server),
        answer: reply.word(),
        cname_chain: describe_chain(&host.name, &reply.chain),
        zone,
        record,
        member: azure.map(|name| name.required_member_name()),
        region: azure.and_then(|name| name.region).map(str::to_owned),
    };
    match (host.purpose, host.kind()) {
        (HostPurpose::Data, _) if shadowed => Problem::DataEndpointRecordMissing(denied),
        (HostPurpose::Data, _) => Problem::LayerHostUnknown(denied),
        (_, AcrHostKind::RegionalEndpoint) if shadowed => {
            Problem::RegionalEndpointRecordMissing(denied)
        }
        _ if shadowed => Problem::PrivateZoneRecordMissing(denied),
        _ => Problem::NxdomainRegistry(denied),
    }
}

/// Says what is odd about the answers, where there are addresses among them.
pub(super) fn warn_inconsistencies(cx: &Cx, names: &Names, name: &str, heard: &[ServerAnswer]) {
    let tried = silent(cx, heard);
    if !tried.is_empty() {
        cx.add_finding(Problem::ServerSilent { tried });
    }
    let host = names.host.name.clone();
    let servers = &cx.world.name_servers;
    let lanes = families().map(|family| believed(servers, heard, family));
    let known = lanes.iter().flatten().find_map(|heard| Some((heard, heard.addresses()?)));
    let Some((first, reply)) = known else {
        // What a client believes leaves it without an address, and somebody knows one.
        let knows = heard.iter().find(|heard| heard.addresses().is_some());
        if let (Some((server, reply)), Some(knows)) = (deciding(cx, heard), knows) {
            let (denies, knows) = (address(server), address(knows.answer.server));
            let cname_chain = describe_chain(name, &reply.chain);
            cx.add_finding(Problem::ServersDisagree {
                host,
                denies,
                answer: reply.word(),
                cname_chain,
                knows,
            });
        }
        return;
    };
    let all_private = |reply: &Reply| reply.addresses.iter().all(|address| is_private(*address));
    let mut same_family = heard.iter().filter(|heard| heard.family == first.family);
    let other = same_family.find_map(|heard| {
        let others = heard.addresses()?;
        (all_private(others) != all_private(reply)).then_some((heard, others))
    });
    if let Some((other, others)) = other {
        let first_of_all = names.first.first().copied();
        // Not the believed one, where that one was slow.
        let went_by = |heard: &&ServerAnswer| {
            heard
                .addresses()
                .is_some_and(|reply| first_of_all.is_some_and(|one| reply.addresses.contains(&one)))
        };
        let used = heard.iter().find(went_by).unwrap_or(first);
        cx.add_finding(Problem::ServersDiffer {
            host,
            used: address(used.answer.server),
            believed: address(first.answer.server),
            addresses: reply.addresses.clone(),
            other: address(other.answer.server),
            others: others.addresses.clone(),
        });
    }
}

/// The answer that leaves a client without an address: that the name does not exist, or a "no such
/// address" of either family.
fn deciding<'a>(cx: &Cx, heard: &'a [ServerAnswer]) -> Option<(SocketAddr, &'a Reply)> {
    let lanes = families().map(|family| believed(&cx.world.name_servers, heard, family));
    let said =
        lanes.iter().flatten().filter_map(|heard| Some((heard.answer.server, heard.last_word()?)));
    let said: Vec<_> = said.filter(|(_, reply)| reply.addresses.is_empty()).collect();
    said.iter().find(|(_, reply)| reply.word() == "NXDOMAIN").or(said.first()).copied()
}

/// The answer that denies the name for certain: a name exists or not for all families alike; "no such
/// address" counts once both say so.
fn denial<'a>(cx: &Cx, heard: &'a [ServerAnswer]) -> Option<(SocketAddr, &'a Reply)> {
    let lanes = families().map(|family| believed(&cx.world.name_servers, heard, family));
    deciding(cx, heard)
        .filter(|(_, reply)| reply.word() == "NXDOMAIN" || lanes.iter().all(Option::is_some))
}

/// A name server that fails, for one family or for both.
struct Failure {
    server: SocketAddr,
    /// `None` where it fails alike for both.
    family: Option<Family>,
    fault: Fault,
}

impl From<Failure> for Tried {
    fn from(Failure { server, family, fault }: Failure) -> Self {
        let who = match family {
            None => address(server),
            Some(Family::V4) => format!("{} A", address(server)),
            Some(Family::V6) => format!("{} AAAA", address(server)),
        };
        Tried { who, fault }
    }
}

/// Lists the servers that fail for both families, or do not answer for one: a look-up waits for that too.
fn silent(cx: &Cx, heard: &[ServerAnswer]) -> Vec<Tried> {
    let counts = |failure: &Failure| match failure.family {
        Some(_) => failure.fault == Fault::TimedOut,
        // NODATA is a valid answer, even if another server has an address.
        None => failure.fault != Fault::Other("NODATA".to_owned()),
    };
    failures(cx, heard).into_iter().filter(counts).map(Tried::from).collect()
}

/// Lists how each server failed: once for both families, or for which of them.
fn failures(cx: &Cx, heard: &[ServerAnswer]) -> Vec<Failure> {
    let fault = |server: SocketAddr, family: Family| {
        let of_both =
            |heard: &&ServerAnswer| heard.answer.server == server && heard.family == family;
        match &heard.iter().find(of_both)?.answer.heard {
            Ok(reply) if !reply.addresses.is_empty() || reply.word() == "NXDOMAIN" => None,
            Ok(reply) => Some(Fault::Other(reply.word().to_owned())),
            Err(fault) => Some(fault.clone()),
        }
    };
    let mut failures = vec![];
    for server in cx.world.name_servers.iter().copied() {
        match families().map(|family| fault(server, family)) {
            [Some(fault), Some(other)] if fault == other => {
                failures.push(Failure { server, family: None, fault });
            }
            faults => {
                let each = families().into_iter().zip(faults);
                failures.extend(each.filter_map(|(family, fault)| {
                    Some(Failure { server, family: Some(family), fault: fault? })
                }));
            }
        }
    }
    failures
}

/// A server as people write it.
fn address(server: SocketAddr) -> String {
    if server.port() == 53 { server.ip().to_string() } else { server.to_string() }
}

/// Splits `contoso.eastus.data.privatelink.azurecr.io` into the record and its zone.
fn private_record(name: &str) -> Option<(String, String)> {
    let (record, rest) = name.split_once(".privatelink.")?;
    Some((record.to_owned(), format!("privatelink.{rest}")))
}
