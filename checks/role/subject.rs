//! The identity whose roles are examined, and what commands need to give it one.

use std::rc::Rc;

use serde::Serialize;

use crate::{acr::Registry, cluster::Cluster, kit::StepResult, role::Mode};

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
    pub(super) nodes_of: Option<String>,
    /// The identity's tenant, if it is known.
    #[serde(skip)]
    pub(super) tenant: Option<String>,
    /// The object ids of the identities of the cluster's control plane.
    #[serde(skip)]
    pub(super) control_plane: Vec<String>,
}

/// The id that role assignments use, and what else is known of the identity.
pub(super) struct Known {
    pub(super) who: Option<String>,
    pub(super) object_id: String,
    pub(super) client_id: Option<String>,
    pub(super) tenant: Option<String>,
    pub(super) is_person: bool,
}

impl Subject {
    /// Returns this identity with what commands need to give it a role at the registry.
    pub(super) fn with(
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
            control_plane: cluster.map_or_else(Vec::new, |it| it.control_plane_identities()),
        }
    }

    /// Returns whether the identity is one that presented itself to the registry in this run.
    pub(super) fn is_presented(&self) -> bool {
        self.nodes_of.is_none()
    }
}
