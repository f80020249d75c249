//! Do the private endpoints lead where DNS says?

mod endpoint;
mod look;
mod names;
mod network;
mod problem;
mod versions;
mod zone;
mod zones;

use std::{net::IpAddr, rc::Rc};

use serde::Serialize;

use super::{Problem, Registry};
use crate::{
    arm::ControlPlane,
    cluster::Cluster,
    data_path::{DataPath, DnsAnswer, HostSeen},
    kit::{Cx, NoFact, StepResult},
};
use endpoint::Endpoints;
use look::Look;
use network::Network;
pub(super) use problem::{
    AtAddress, Leftover, MissingMember, MissingRecord, OtherRegion, Path, Shadowed, Unlinked,
    WrongRecord,
};

/// Where the private endpoints lead.
#[derive(Serialize)]
pub struct PrivateEndpoints {
    /// How many the registry has.
    count: usize,
    /// The host for which DNS gives an endpoint's address.
    #[serde(skip_serializing_if = "Option::is_none")]
    host: Option<String>,
    /// That address.
    #[serde(skip_serializing_if = "Option::is_none")]
    address: Option<IpAddr>,
    /// The endpoint that has it.
    #[serde(skip_serializing_if = "Option::is_none")]
    endpoint: Option<String>,
}

/// Compares what DNS said of each host of the registry with its private endpoints and with the
/// private DNS zones.
pub async fn compare(
    cx: &Cx,
    control_plane: &ControlPlane,
    registry: &Registry,
    cluster: &StepResult<Rc<Cluster>>,
    pull: &DataPath,
) -> StepResult<PrivateEndpoints> {
    let hosts = pull.hosts();
    let is_refused = pull.refused_address().is_some();
    let is_failing = is_refused || hosts.iter().any(|seen| !seen.is_reached);
    match look(cx, control_plane, registry, cluster, &hosts, is_failing).await {
        // What cannot be read matters only where something is to be explained.
        Err(_) if !is_failing => Err(NoFact::skipped(Problem::EndpointsNotRead {})),
        found => found,
    }
}

async fn look(
    cx: &Cx,
    control_plane: &ControlPlane,
    registry: &Registry,
    cluster: &StepResult<Rc<Cluster>>,
    hosts: &[HostSeen],
    is_failing: bool,
) -> StepResult<PrivateEndpoints> {
    let endpoints = Endpoints::read(cx, control_plane, registry).await;
    let mut unread = endpoints.unread.clone();
    // Elsewhere than on its nodes, DNS need not say what it says in the cluster's network.
    let network = match cluster {
        Ok(cluster) if cx.world.on_node && is_failing => {
            Network::of(cx, control_plane, cluster).await.unwrap_or_else(|no_fact| {
                unread.get_or_insert(no_fact);
                None
            })
        }
        _ => None,
    };
    let look = Look { cx, control_plane, registry, endpoints, network, hosts };
    let mut is_told = false;
    if is_failing {
        for seen in hosts {
            let problem = look.diagnose(seen).await?;
            is_told |= problem.is_some();
            problem.into_iter().for_each(|problem| cx.add_finding(problem));
        }
    }
    for problem in look.missing_members() {
        cx.add_finding(problem);
    }
    match unread {
        Some(no_fact) if !is_told => Err(no_fact),
        _ => Ok(led(&look, hosts)),
    }
}

/// Returns where DNS leads.
fn led(look: &Look<'_>, hosts: &[HostSeen]) -> PrivateEndpoints {
    let led = hosts.iter().find_map(|seen| {
        let DnsAnswer::Addresses(addresses) = &seen.answer else { return None };
        let owners = look.endpoints.with_address(&seen.host, addresses);
        let owner = owners.first().filter(|_| owners.len() == 1)?;
        let address = addresses.iter().find(|one| owner.addresses(&seen.host).contains(*one))?;
        Some((seen.host.clone(), *address, owner.id.name().to_owned()))
    });
    let count = look.endpoints.connections;
    match led {
        Some((host, address, endpoint)) => PrivateEndpoints {
            count,
            host: Some(host),
            address: Some(address),
            endpoint: Some(endpoint),
        },
        None => PrivateEndpoints { count, host: None, address: None, endpoint: None },
    }
}
