//! Which cluster pulls, and what does the control plane say of it?

mod detectors;
mod egress;
mod metrics;
mod outbound;
mod ports;
mod problem;
mod resource;
mod snat;

use std::rc::Rc;

use crate::{
    arm::ControlPlane,
    kit::{
        Cx, NoFact, StepResult,
        target::{ClusterName, ResourceId},
    },
    kubelet::Node,
};
pub use detectors::{DETECTOR_WAIT, Detectors, detectors, objections};
pub use egress::AddressRange;
pub use metrics::failures;
pub use outbound::{Outbound, outbound};
pub use problem::Problem;
pub use resource::{Cluster, KubeletIdentity};

/// The version of the API for managed clusters.
const API: &str = "2025-05-01";
/// The kind of the resource.
const KIND: &str = "Microsoft.ContainerService/managedClusters";

/// Finds the cluster: the one that the user named, or on a node the one whose nodes are in its
/// resource group.
pub async fn find(
    cx: &Cx,
    control_plane: &ControlPlane,
    node: &StepResult<Rc<Node>>,
) -> StepResult<Cluster> {
    let id = match &cx.target.control_plane.cluster {
        Some(ClusterName::Id(id)) => id.clone(),
        Some(ClusterName::Named { group, name }) => match control_plane.subscription(cx).await? {
            Some(subscription) => ResourceId::of(&subscription, group, KIND, name)
                .ok_or_else(|| not_seen(control_plane, name))?,
            None => {
                let wanted = [("name", name.as_str()), ("resourceGroup", group)];
                only(cx, control_plane, &wanted, name).await?
            }
        },
        Some(ClusterName::OfNodes { group }) => of_nodes(cx, control_plane, group).await?,
        None => {
            let group = node.as_ref().ok().and_then(|node| node.node_group());
            let group = group.ok_or_else(|| NoFact::skipped(Problem::NotNamed {}))?;
            of_nodes(cx, control_plane, group).await?
        }
    };
    let found = control_plane.get(cx, &id, API).await?;
    let who = control_plane.who.clone();
    let none = || NoFact::could_not_tell(Problem::NotFound { id: id.to_string(), who });
    found.map(Cluster::of).ok_or_else(none)
}

/// Finds the cluster that the user named.
pub async fn named(cx: &Cx, control_plane: &ControlPlane) -> StepResult<Cluster> {
    find(cx, control_plane, &Err(NoFact::LeftOut)).await
}

/// Returns the id of the cluster whose nodes are in that resource group.
async fn of_nodes(cx: &Cx, control_plane: &ControlPlane, group: &str) -> StepResult<ResourceId> {
    only(cx, control_plane, &[("properties.nodeResourceGroup", group)], group).await
}

/// Returns the id of the only cluster with these properties. `name` is what to call it.
async fn only(
    cx: &Cx,
    control_plane: &ControlPlane,
    wanted: &[(&str, &str)],
    name: &str,
) -> StepResult<ResourceId> {
    let found = control_plane.find(cx, KIND, wanted).await?;
    match &found[..] {
        [one] => Ok(one.clone()),
        [] => Err(not_seen(control_plane, name)),
        many => {
            let (name, ids) = (name.to_owned(), many.iter().map(ToString::to_string).collect());
            Err(NoFact::could_not_tell(Problem::Several { name, ids }))
        }
    }
}

fn not_seen(control_plane: &ControlPlane, name: &str) -> NoFact {
    let (name, who) = (name.to_owned(), control_plane.who.clone());
    NoFact::could_not_tell(Problem::NotSeen { name, who })
}
