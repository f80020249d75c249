//! What the answers of all name servers together prove.

use std::net::{IpAddr, SocketAddr};

use hickory_proto::op::ResponseCode;

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

/// Azure's own resolver, at the same address in every virtual network.
const AZURE_DNS: IpAddr = IpAddr::V4(std::net::Ipv4Addr::new(168, 63, 129, 16));

/// Public registries whose names are known to exist.
const PUBLIC: [&str; 8] = [
    "registry-1.docker.io",
    "docker.io",
    "ghcr.io",
    "mcr.microsoft.com",
    "quay.io",
    "registry.k8s.io",
    "gcr.io",
    "public.ecr.aws",
];

/// Returns the names above a data endpoint's: somebody may host each of them as a private zone.
fn zones_above(name: &str) -> String {
    let above = |name: &str| name.split_once('.').map(|(_, above)| above.to_owned());
    let names = std::iter::successors(above(name), |name| above(name));
    names.filter(|name| name.contains('.')).collect::<Vec<_>>().join(", ")
}

/// Returns what it proves that no server returned an address.
pub(super) fn diagnose(cx: &Cx, host: &Host, heard: &[ServerAnswer]) -> Problem {
    let Some((server, reply)) = denial(cx, heard) else {
        let tried = failed(cx, heard);
        let server = cx.world.name_servers.first().map(SocketAddr::ip);
        return Problem::ServerUnreachable { host: host.name.clone(), server, tried };
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
        hidden_by: (!shadowed && host.kind() == AcrHostKind::DataEndpoint)
            .then(|| zones_above(&host.name)),
        azure_dns: (server.ip() != AZURE_DNS).then_some("168.63.129.16"),
    };
    if is_loop(&host.name, &reply.chain) {
        return Problem::CnameLoop(denied);
    }
    match (host.purpose, host.kind()) {
        (HostPurpose::Data, _) if shadowed => Problem::DataEndpointRecordMissing(denied),
        (HostPurpose::Data, _) => Problem::LayerHostUnknown(denied),
        (_, AcrHostKind::RegionalEndpoint) if shadowed => {
            Problem::RegionalEndpointRecordMissing(denied)
        }
        _ if shadowed => Problem::PrivateZoneRecordMissing(denied),
        _ if PUBLIC.contains(&host.name.as_str()) => Problem::PublicNameUnknown(denied),
        _ => Problem::NxdomainRegistry(denied),
    }
}

/// Reports inconsistent answers when at least one of them has addresses.
pub(super) fn warn_inconsistencies(cx: &Cx, names: &Names, name: &str, heard: &[ServerAnswer]) {
    let tried = silent(cx, heard);
    if !tried.is_empty() {
        cx.add_finding(Problem::ServerSilent { tried });
    }
    let host = names.host.name.clone();
    let servers = &cx.world.name_servers;
    if cx.world.resolver.rotate
        && let Some(rotated) = rotation(&host, servers, heard)
    {
        return cx.add_finding(rotated);
    }
    let lanes = families().map(|family| believed(servers, heard, family));
    let known = lanes.iter().flatten().find_map(|heard| Some((heard, heard.addresses()?)));
    let Some((first, reply)) = known else {
        // A resolver gets no address, but one of the servers knows one.
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
        // Not the server that a resolver trusts, if that one was slow.
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

/// Returns that a lookup has an address or none, depending on the server that it starts at. Those of A
/// and of AAAA start at different ones (net/dnsconfig.go, `serverOffset`).
fn rotation(host: &str, servers: &[SocketAddr], heard: &[ServerAnswer]) -> Option<Problem> {
    let knows = heard.iter().find(|heard| heard.addresses().is_some())?;
    let without = |family: Family| {
        let mut starts = (0..servers.len()).map(|start| {
            let order = [&servers[start..], &servers[..start]].concat();
            believed(&order, heard, family).filter(|heard| heard.addresses().is_none())
        });
        starts.find_map(|denial| denial)
    };
    let [denies, _] = [without(Family::V4)?, without(Family::V6)?];
    let answer = denies.last_word()?.word();
    let (denies, knows) = (address(denies.answer.server), address(knows.answer.server));
    Some(Problem::RotatesToDenial { host: host.to_owned(), denies, answer, knows })
}

/// Returns the answer that leaves a resolver without an address: NXDOMAIN, or NODATA for either
/// family.
fn deciding<'a>(cx: &Cx, heard: &'a [ServerAnswer]) -> Option<(SocketAddr, &'a Reply)> {
    let lanes = families().map(|family| believed(&cx.world.name_servers, heard, family));
    let said =
        lanes.iter().flatten().filter_map(|heard| Some((heard.answer.server, heard.last_word()?)));
    let said: Vec<_> = said.filter(|(_, reply)| reply.addresses.is_empty()).collect();
    said.iter().find(|(_, reply)| reply.code == ResponseCode::NXDomain).or(said.first()).copied()
}

/// Returns the answer that certainly denies the name. NXDOMAIN holds for both families; NODATA
/// counts once both families have an answer.
fn denial<'a>(cx: &Cx, heard: &'a [ServerAnswer]) -> Option<(SocketAddr, &'a Reply)> {
    let lanes = families().map(|family| believed(&cx.world.name_servers, heard, family));
    deciding(cx, heard).filter(|(_, reply)| {
        reply.code == ResponseCode::NXDomain || lanes.iter().all(Option::is_some)
    })
}

/// How a server failed to return an address.
struct Failure {
    server: SocketAddr,
    /// The family for which it failed; `None` when it failed in the same way for both.
    family: Option<Family>,
    how: NoAddress,
}

/// Why a server's response has no address.
#[derive(PartialEq)]
enum NoAddress {
    /// The name has no address of this family. NODATA is a valid answer even if another server has
    /// an address.
    NoData,
    /// The server failed.
    Fault(Fault),
}

impl Failure {
    fn tried(self) -> Tried {
        let who = address(self.server);
        let who = match self.family {
            None => who,
            Some(Family::V4) => format!("{who} A"),
            Some(Family::V6) => format!("{who} AAAA"),
        };
        let fault = match self.how {
            NoAddress::NoData => Fault::Other("NODATA".to_owned()),
            NoAddress::Fault(fault) => fault,
        };
        Tried { who, fault }
    }
}

/// Returns the servers that fail for both families, and those that time out for one, because a
/// lookup waits for that one, too.
fn silent(cx: &Cx, heard: &[ServerAnswer]) -> Vec<Tried> {
    let counts = |failure: &Failure| match failure.family {
        Some(_) => failure.how == NoAddress::Fault(Fault::TimedOut),
        None => failure.how != NoAddress::NoData,
    };
    failures(cx, heard).into_iter().filter(counts).map(Failure::tried).collect()
}

/// Returns how each server failed: once if it failed in the same way for both families, else for
/// each.
fn failures(cx: &Cx, heard: &[ServerAnswer]) -> Vec<Failure> {
    let failure = |server: SocketAddr, family: Family| {
        let of_both =
            |heard: &&ServerAnswer| heard.answer.server == server && heard.family == family;
        match &heard.iter().find(of_both)?.answer.heard {
            Ok(reply) if !reply.addresses.is_empty() => None,
            Ok(reply) => match reply.code {
                ResponseCode::NXDomain => None,
                ResponseCode::NoError => Some(NoAddress::NoData),
                _ => Some(NoAddress::Fault(Fault::Other(reply.word().to_owned()))),
            },
            Err(fault) => Some(NoAddress::Fault(fault.clone())),
        }
    };
    let mut failed = vec![];
    for &server in &cx.world.name_servers {
        match families().map(|family| failure(server, family)) {
            [Some(one), Some(other)] if one == other => {
                failed.push(Failure { server, family: None, how: one });
            }
            [v4, v6] => {
                let each = [(Family::V4, v4), (Family::V6, v6)].into_iter();
                failed.extend(each.filter_map(|(family, how)| {
                    Some(Failure { server, family: Some(family), how: how? })
                }));
            }
        }
    }
    failed
}

/// Returns each server that gave no address, and how.
pub(super) fn failed(cx: &Cx, heard: &[ServerAnswer]) -> Vec<Tried> {
    failures(cx, heard).into_iter().map(Failure::tried).collect()
}

/// Returns a server's address as it is usually written.
pub(super) fn address(server: SocketAddr) -> String {
    if server.port() == 53 { server.ip().to_string() } else { server.to_string() }
}

/// Returns whether the last name of a CNAME chain is one that was already followed.
fn is_loop(host: &str, chain: &[String]) -> bool {
    chain.split_last().is_some_and(|(last, before)| last == host || before.contains(last))
}

/// Splits `contoso.eastus.data.privatelink.azurecr.io` into the record and its zone.
fn private_record(name: &str) -> Option<(String, String)> {
    let (record, rest) = name.split_once(".privatelink.")?;
    Some((record.to_owned(), format!("privatelink.{rest}")))
}
