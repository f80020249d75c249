//! Do the registry's network rules let this client and the cluster in?

use std::rc::Rc;

use jiff::{SignedDuration, Timestamp};
use serde::Serialize;

use super::{
    Problem, Registry,
    network_rules::{Admission, NetworkRules},
    problem::Blocked,
};
use crate::{
    arm::ControlPlane,
    cluster::{AddressRange, Cluster},
    data_path::DataPath,
    kit::{Cx, NoFact, StepResult, target::is_private},
};

/// How long a change of the rules may take, with a margin: Microsoft speaks of a few minutes.
const SPREADING: SignedDuration = SignedDuration::from_mins(15);

/// What the network rules let in.
#[derive(Serialize)]
pub struct Firewall {
    /// The addresses that the rules were compared with.
    compared: Vec<AddressRange>,
}

/// Compares the network rules with the address that the registry saw, and with the addresses from
/// which the cluster's nodes reach it.
pub async fn compare(
    cx: &Cx,
    control_plane: &ControlPlane,
    registry: &Registry,
    cluster: &StepResult<Rc<Cluster>>,
    pull: &DataPath,
) -> StepResult<Firewall> {
    let rules = NetworkRules::of(registry);
    let blocked = |client_ip: Option<AddressRange>| Blocked::of(cx, registry, client_ip);
    if rules.is_disabled() {
        cx.add_finding(Problem::PublicAccessDisabled(blocked(None)));
    }
    let refused = pull.refused_address();
    if let Some(address) = refused {
        match rules.admit(address.into()) {
            Admission::NotListed if is_private(address) => {
                let subnets = rules.subnets.clone();
                let blocked = blocked(Some(address.into()));
                cx.add_finding(Problem::ServiceEndpointRuleMissing { blocked, subnets });
            }
            Admission::NotListed => {
                cx.add_finding(Problem::FirewallClientIp(blocked(Some(address.into()))));
            }
            Admission::Listed if changed_lately(control_plane.now(cx), registry) => {
                cx.add_finding(Problem::FirewallRuleSpreading(blocked(Some(address.into()))));
            }
            Admission::Listed
            | Admission::Open
            | Admission::NoPublicAccess
            | Admission::Unknown => {}
        }
    }
    // A node is told by its own pull.
    let mut compared: Vec<AddressRange> = refused.into_iter().map(AddressRange::from).collect();
    let mut unread = vec![];
    if let (Ok(cluster), false) = (cluster, cx.world.on_node)
        && cluster.goes_out_by_its_own_addresses()
        && !registry.has_private_endpoint()
        && rules.subnets.is_empty()
    {
        let egress = cluster.egress(cx, control_plane).await;
        let is_shut = |address: &AddressRange| rules.admit(*address) == Admission::NotListed;
        let addresses: Vec<AddressRange> = egress.known.iter().copied().filter(is_shut).collect();
        let (only, several) = match addresses[..] {
            [only] => (Some(only), None),
            _ => (None, Some(addresses.clone())),
        };
        if !addresses.is_empty() {
            let (cluster, blocked) = (cluster.name().to_owned(), blocked(only));
            cx.add_finding(Problem::ClusterEgressNotAllowed {
                blocked,
                cluster,
                addresses,
                several,
            });
        }
        compared.extend(egress.known);
        unread = egress.unread;
    }
    if compared.is_empty() {
        let nothing = || NoFact::skipped(Problem::NothingToCompare {});
        return Err(unread.into_iter().next().unwrap_or_else(nothing));
    }
    unread.into_iter().for_each(|no_fact| cx.add_not_read(no_fact));
    Ok(Firewall { compared })
}

/// Returns whether the registry was changed so lately that its rules may not be in effect.
fn changed_lately(now: Timestamp, registry: &Registry) -> bool {
    let changed = registry.resource.text("systemData.lastModifiedAt");
    let changed: Option<Timestamp> = changed.and_then(|time| time.parse().ok());
    changed.is_some_and(|changed| now.duration_since(changed) < SPREADING)
}
