//! Whose role assignments are examined: the identity that pulls.

use std::rc::Rc;

use serde::Serialize;

use crate::{
    acr::Registry,
    cluster::Cluster,
    identity::{Credential, Identity},
    kit::{Cx, NoFact, StepResult},
    role::{Mode, Problem},
};

/// The identity that pulls, and what commands need to give it a role.
#[derive(Clone, Debug, Serialize)]
pub struct Subject {
    /// The registry.
    pub(super) host: String,
    /// Its resource id.
    pub(super) registry_id: String,
    /// Its subscription.
    pub(super) subscription: String,
    /// The identity's name, or else its object id.
    pub(super) who: String,
    /// The id that role assignments use.
    pub(super) object_id: String,
    /// The identity's client id.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) client_id: Option<String>,
    /// `ServicePrincipal`, which managed identities are too, or `User`.
    pub(super) principal_type: &'static str,
    /// The built-in role with the least rights that lets pull.
    pub(super) role: &'static str,
    /// The id of that role, the same in every cloud.
    pub(super) role_guid: &'static str,
    /// The cluster, its resource group and its subscription.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) cluster: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) cluster_group: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) cluster_subscription: Option<String>,
    /// The cluster, where the identity is that of its nodes, which are not asked themselves: a pod
    /// with a pull secret does not pull with it.
    #[serde(skip_serializing_if = "Option::is_none")]
    nodes_of: Option<String>,
    /// The identity's tenant, if it is known.
    #[serde(skip)]
    pub(super) tenant: Option<String>,
    #[serde(skip)]
    pub(super) is_person: bool,
    /// The object ids of the identities of the cluster's control plane.
    #[serde(skip)]
    pub(super) control_plane: Vec<String>,
}

/// The id that role assignments use, and what else is known of the identity.
struct Known {
    who: Option<String>,
    object_id: String,
    client_id: Option<String>,
    tenant: Option<String>,
    is_person: bool,
}

impl Subject {
    /// Returns the identity whose roles decide.
    ///
    /// On a node it is the one that signs in there; only where that is not known, the kubelet
    /// identity of its cluster. Elsewhere it is the kubelet identity of the cluster that the user
    /// named, never the identity of whoever runs check-acr; without a cluster it is the one that signs in
    /// here, unless a node signs in for it.
    pub(super) fn of(
        cx: &Cx,
        registry: &Registry,
        mode: Mode,
        cluster: &StepResult<Rc<Cluster>>,
        identity: &StepResult<Rc<Identity>>,
    ) -> StepResult<Self> {
        let unknown = || NoFact::skipped(Problem::IdentityUnknown {});
        let presented = |known| Self::with(registry, mode, cluster, known, None);
        if cx.world.on_node {
            return match identity {
                Ok(identity) => signed_in(identity).map(presented).ok_or_else(unknown),
                Err(_) => Self::kubelets(cx, registry, mode, cluster),
            };
        }
        if cx.target.control_plane.cluster.is_some() {
            return Self::kubelets(cx, registry, mode, cluster);
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
    ) -> StepResult<Self> {
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
        Ok(Self::with(registry, mode, cluster, known, nodes_of))
    }

    fn with(
        registry: &Registry,
        mode: Mode,
        cluster: &StepResult<Rc<Cluster>>,
        known: Known,
        nodes_of: Option<String>,
    ) -> Self {
        let (role, role_guid) = match mode {
            Mode::Legacy => ("AcrPull", "7f951dda-4ed3-4680-a7ca-43fe172d538d"),
            Mode::Abac => {
                ("Container Registry Repository Reader", "b93aa761-3e63-49ed-ac28-beffa264f7ac")
            }
        };
        let cluster = cluster.as_ref().ok();
        Self {
            host: registry.login_server().to_owned(),
            registry_id: registry.id().to_string(),
            subscription: registry.id().subscription().to_owned(),
            who: known.who.unwrap_or_else(|| known.object_id.clone()),
            object_id: known.object_id,
            client_id: known.client_id,
            principal_type: if known.is_person { "User" } else { "ServicePrincipal" },
            role,
            role_guid,
            cluster: cluster.map(|cluster| cluster.name().to_owned()),
            cluster_group: cluster.map(|cluster| cluster.id().group().to_owned()),
            cluster_subscription: cluster.map(|cluster| cluster.id().subscription().to_owned()),
            nodes_of,
            tenant: known.tenant,
            is_person: known.is_person,
            control_plane: cluster.map_or_else(Vec::new, |it| it.control_plane_identities()),
        }
    }

    /// Returns whether the identity is one that presented itself to the registry in this run.
    pub(super) fn is_presented(&self) -> bool {
        self.nodes_of.is_none()
    }
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
