//! `check-acr aks -g GROUP -n CLUSTER --acr REF`: what `az aks check-acr` asks, answered by a pull.

use super::node;
use crate::{Exit, args::AksArgs, carry, join::preview::Described, world};

/// Checks from the nodes of the cluster that Azure knows by this name.
pub(super) async fn run(args: AksArgs) -> Result<Exit, String> {
    let args = args.into_node()?;
    let kube = args.kube.options(|_| None);
    let targets = node::targets(&args.asked, &args)?;
    let world = world::real(world::roots(vec![], None), None);
    node::in_world(targets, world, (kube, |_| carry::this_program()), &args, Described::default())
        .await
}
