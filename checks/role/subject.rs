//! Whose role assignments are examined: the identity that pulls.

use std::rc::Rc;

use serde::Serialize;

use crate::{
    acr::Registry,
    cluster::Cluster,
    identity::{Credential, Identity},
    kit::{Cx, StepResult},
    role::Mode,
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
    #[serde(skip)]
    pub(super) control_plane: Vec<String>,
}

impl Subject {
    /// Returns the identity that pulls: on a node the one that signed in there; else that of the
    /// kubelets of the cluster that the user named; else the one that signed in here. `None` when no
    /// object id is known.
    pub(super) fn of(
        cx: &Cx,
        registry: &Registry,
        mode: Mode,
        cluster: &StepResult<Rc<Cluster>>,
        identity: &StepResult<Rc<Identity>>,
    ) -> Option<Self> {
        let (role, role_guid) = match mode {
            Mode::Legacy => ("AcrPull", "7f951dda-4ed3-4680-a7ca-43fe172d538d"),
            Mode::Abac => {
                ("Container Registry Repository Reader", "b93aa761-3e63-49ed-ac28-beffa264f7ac")
            }
        };
        let cluster = cluster.as_ref().ok();
        let subject = |who: Option<String>, object_id: String, client_id, is_person| Subject {
            host: registry.login_server().to_owned(),
            registry_id: registry.id().to_string(),
            subscription: registry.id().subscription().to_owned(),
            who: who.unwrap_or_else(|| object_id.clone()),
            object_id,
            client_id,
            principal_type: if is_person { "User" } else { "ServicePrincipal" },
            role,
            role_guid,
            cluster: cluster.map(|cluster| cluster.name().to_owned()),
            cluster_group: cluster.map(|cluster| cluster.id().group().to_owned()),
            cluster_subscription: cluster.map(|cluster| cluster.id().subscription().to_owned()),
            control_plane: cluster.map_or_else(Vec::new, |it| it.control_plane_identities()),
        };
        let signed_in = || {
            let identity = identity.as_ref().ok()?;
            let principal = identity.candidates().find_map(|one| match &one.credential {
                Credential::Entra(login) => Some(login.principal.clone()),
                _ => None,
            })?;
            let (name, client_id) = (principal.name, principal.client_id);
            Some(subject(name, principal.object_id?, client_id, principal.is_person))
        };
        let kubelets = || {
            let identity = cluster?.kubelet_identity()?;
            Some(subject(identity.name, identity.object_id, identity.client_id, false))
        };
        if cx.world.on_node { signed_in().or_else(kubelets) } else { kubelets().or_else(signed_in) }
    }
}
