//! Whose role assignments are examined: the identity that pulls.

use std::rc::Rc;

use super::subject::{Known, Subject};
use crate::{
    acr::Registry,
    cluster::Cluster,
    identity::{Credential, Identity},
    kit::{Cx, NoFact, StepResult},
    role::{Mode, Problem},
};

/// Returns the identity whose roles decide.
///
/// On a node it is the one that signs in there; only where that is not known, the kubelet
/// identity of its cluster. Elsewhere it is the kubelet identity of the cluster that the user
/// named, never the identity of the user who runs check-acr; without a cluster it is the one that signs in
/// here, unless a node signs in for it.
pub(super) fn whose(
    cx: &Cx,
    registry: &Registry,
    mode: Mode,
    cluster: &StepResult<Rc<Cluster>>,
    identity: &StepResult<Rc<Identity>>,
) -> StepResult<Subject> {
    let unknown = || NoFact::skipped(Problem::IdentityUnknown {});
    let presented = |known| Subject::with(registry, mode, cluster, known, None);
    if cx.world.on_node {
        return match identity {
            Ok(identity) => signed_in(identity).map(presented).ok_or_else(unknown),
            Err(_) => kubelets(cx, registry, mode, cluster),
        };
    }
    if cx.target.control_plane.cluster.is_some() {
        return kubelets(cx, registry, mode, cluster);
    }
    let identity = identity.as_ref().ok().filter(|_| !cx.world.in_pod);
    identity.and_then(|one| signed_in(one)).map(presented).ok_or_else(unknown)
}

/// Returns the identity with which the nodes of the cluster pull.
fn kubelets(
    cx: &Cx,
    registry: &Registry,
    mode: Mode,
    cluster: &StepResult<Rc<Cluster>>,
) -> StepResult<Subject> {
    let unread = |_: &NoFact| NoFact::skipped(Problem::ClusterUnread {});
    let own = cluster.as_ref().map_err(unread)?;
    let Some(kubelet) = own.kubelet_identity() else {
        let (cluster, application) = (own.name().to_owned(), own.application());
        return Err(NoFact::could_not_tell(Problem::KubeletIdentityUnknown {
            cluster,
            application,
        }));
    };
    let known = Known {
        who: kubelet.name,
        object_id: kubelet.object_id,
        client_id: kubelet.client_id,
        tenant: own.tenant().map(str::to_owned),
        is_person: false,
    };
    let nodes_of = (!cx.world.on_node).then(|| own.name().to_owned());
    Ok(Subject::with(registry, mode, cluster, known, nodes_of))
}

/// Returns the Entra identity that signs in: the first that a registry is asked with.
fn signed_in(identity: &Identity) -> Option<Known> {
    let principal = identity.candidates().find_map(|one| match &one.credential {
        Credential::Entra(login) => Some(login.principal.clone()),
        _ => None,
    })?;
    Some(Known {
        who: principal.name,
        object_id: principal.object_id?,
        client_id: principal.client_id,
        tenant: principal.tenant,
        is_person: principal.is_person,
    })
}
