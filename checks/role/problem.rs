//! What the area `role` can find wrong.

use jiff::Timestamp;
use serde::Serialize;

use super::{DenyAssignment, evaluate::Judged, subject::Subject};

/// What can be wrong with the roles of the identity that pulls.
#[derive(Serialize, strum::VariantNames)]
#[serde(rename_all = "kebab-case")]
#[strum(serialize_all = "kebab-case")]
pub enum Problem {
    /// Anonymous pull is enabled, so no role is needed.
    AnonymousAllowed {},
    /// It is not known which Entra identity pulls.
    IdentityUnknown {},
    /// The cluster could not be read, so its kubelet identity is not known.
    ClusterUnread {},
    /// The control plane does not tell the object id of what the cluster's nodes pull with.
    KubeletIdentityUnknown {
        /// The cluster.
        cluster: String,
        /// The client id of its service principal.
        #[serde(skip_serializing_if = "Option::is_none")]
        application: Option<String>,
    },
    /// The cluster issues no tokens that Entra can check.
    NoIssuer {
        /// The cluster.
        cluster: String,
        /// Its resource group.
        group: String,
        /// Its subscription.
        subscription: String,
        /// The service account that would sign in.
        subject: String,
        /// The client id of the identity that it names.
        client_id: String,
        /// Whom its tokens are for.
        audience: String,
        /// Its namespace.
        namespace: String,
    },
    /// No federated credential of the identity fits the service account.
    NotFederated(NotFederated),
    /// The caller sees no identity with that client id: could not tell.
    FederatedIdentityNotSeen {
        /// The client id.
        client_id: String,
        /// Who asked.
        who: String,
    },
    /// A federated credential matches tokens by an expression, which is not read here: could not tell.
    FederatedByExpression {
        /// The identity.
        identity: String,
    },
    /// The registry is in another tenant than the identity.
    OtherTenant {
        /// The identity.
        #[serde(flatten)]
        subject: Subject,
        /// Its tenant.
        identity_tenant: String,
        /// The registry's tenant.
        registry_tenant: String,
        /// The role that was assigned to the identity there, which has no effect.
        #[serde(skip_serializing_if = "Option::is_none")]
        assigned_role: Option<String>,
        /// The id of that assignment.
        #[serde(skip_serializing_if = "Option::is_none")]
        assignment_id: Option<String>,
    },
    /// The registry follows roles in a way that is not known here.
    ModeUnknown {},
    /// No role assignment reaches the identity.
    Missing {
        /// The identity.
        #[serde(flatten)]
        subject: Subject,
    },
    /// The role was given to the identity of the cluster's control plane.
    OnWrongIdentity {
        /// The identity that pulls.
        #[serde(flatten)]
        subject: Subject,
        /// The object id of the other one.
        mistaken: String,
        /// The id of the assignment.
        #[serde(skip_serializing_if = "Option::is_none")]
        assignment_id: Option<String>,
    },
    /// The assignment names the client id where the object id belongs.
    PrincipalIsClientId {
        /// The identity that pulls.
        #[serde(flatten)]
        subject: Subject,
        /// The id that the assignment names.
        mistaken: String,
        /// The id of the assignment.
        #[serde(skip_serializing_if = "Option::is_none")]
        assignment_id: Option<String>,
    },
    /// The role was assigned at a scope that is not above this registry.
    WrongScope {
        /// The identity that pulls.
        #[serde(flatten)]
        subject: Subject,
        /// That scope.
        assigned_scope: String,
        /// The id of the assignment.
        #[serde(skip_serializing_if = "Option::is_none")]
        assignment_id: Option<String>,
    },
    /// The registry follows roles on repositories, and the identity has one on the whole registry.
    AbacIgnoresRegistryRoles {
        /// The identity that pulls.
        #[serde(flatten)]
        subject: Subject,
        /// Its assignment.
        #[serde(flatten)]
        assignment: Assignment,
    },
    /// The condition of the assignment excludes this repository.
    ConditionExcludesRepository {
        /// The identity that pulls.
        #[serde(flatten)]
        subject: Subject,
        /// Its assignment.
        #[serde(flatten)]
        assignment: Assignment,
        /// The repository.
        repository: String,
    },
    /// The role of the identity does not let pull.
    LacksAction {
        /// The identity that pulls.
        #[serde(flatten)]
        subject: Subject,
        /// Its assignment.
        #[serde(flatten)]
        assignment: Assignment,
        /// What the role lacks.
        action: &'static str,
    },
    /// A deny assignment takes the permission away.
    Denied {
        /// The identity that pulls.
        #[serde(flatten)]
        subject: Subject,
        /// The deny assignment.
        #[serde(flatten)]
        deny: Denial,
    },
    /// The assignment is so young that it may not be in effect yet.
    Propagation {
        /// The identity that pulls.
        #[serde(flatten)]
        subject: Subject,
        /// Its assignment.
        #[serde(flatten)]
        assignment: Assignment,
        /// When to look again.
        until: Timestamp,
        /// When it is in effect at the latest.
        at_latest: Timestamp,
    },
    /// The identity has the role as the member of a group.
    ViaGroup {
        /// The identity that pulls.
        #[serde(flatten)]
        subject: Subject,
        /// The group's assignment.
        #[serde(flatten)]
        assignment: Assignment,
        /// When to look again, if the assignment is young.
        #[serde(skip_serializing_if = "Option::is_none")]
        until: Option<Timestamp>,
    },
    /// A condition uses what is not evaluated here.
    ConditionNotEvaluated {
        /// The identity that pulls.
        #[serde(flatten)]
        subject: Subject,
        /// Its assignment.
        #[serde(flatten)]
        assignment: Assignment,
        /// The condition; `None` when it stands in the role.
        #[serde(skip_serializing_if = "Option::is_none")]
        condition: Option<String>,
    },
    /// A deny assignment may concern the identity: for a group that it may be in, or by a condition.
    MayBeDenied {
        /// The identity that pulls.
        #[serde(flatten)]
        subject: Subject,
        /// The deny assignment.
        #[serde(flatten)]
        deny: Denial,
    },
    /// The role lets the identity read images but not their metadata.
    LacksMetadata {
        /// The identity that pulls.
        #[serde(flatten)]
        subject: Subject,
        /// Its assignment.
        #[serde(flatten)]
        assignment: Assignment,
    },
}

/// A deny assignment, as evidence.
#[derive(Clone, Debug, Default, Serialize)]
pub struct Denial {
    /// Its id.
    deny: String,
    /// The id, if it can stand in a command.
    #[serde(skip_serializing_if = "Option::is_none")]
    deny_id: Option<String>,
    /// Its display name.
    #[serde(skip_serializing_if = "Option::is_none")]
    deny_name: Option<String>,
}

impl Denial {
    pub(super) fn of(deny: &DenyAssignment) -> Self {
        Self {
            deny: deny.id.clone(),
            deny_id: deny.id_for_commands(),
            deny_name: deny.name.clone(),
        }
    }
}

/// A role assignment, as evidence.
#[derive(Clone, Debug, Default, Serialize)]
#[expect(clippy::struct_field_names, reason = "they are the names of evidence")]
pub struct Assignment {
    /// The name of the role.
    pub(super) assigned_role: String,
    /// Where it is assigned.
    assigned_scope: String,
    /// The id of the assignment.
    #[serde(skip_serializing_if = "Option::is_none")]
    assignment_id: Option<String>,
    /// When it was assigned.
    #[serde(skip_serializing_if = "Option::is_none")]
    assigned: Option<Timestamp>,
    /// The object id of the group that it is assigned to.
    #[serde(skip_serializing_if = "Option::is_none")]
    group_id: Option<String>,
}

impl Assignment {
    pub(super) fn of(judged: &Judged<'_>) -> Self {
        let assignment = judged.assignment;
        let name = judged.role.and_then(|role| role.role_name.clone());
        Self {
            assigned_role: name.unwrap_or_else(|| assignment.role.clone()),
            assigned_scope: assignment.scope.clone(),
            assignment_id: assignment.id_for_commands(),
            assigned: assignment.changed(),
            group_id: judged.via_group.then(|| assignment.principal_id.clone()),
        }
    }
}

/// An identity for which no federated credential fits, with what a command needs to add one.
#[derive(Serialize)]
pub struct NotFederated {
    /// The name of the identity.
    pub(super) identity: String,
    /// Its resource group.
    pub(super) group: String,
    /// Its subscription.
    pub(super) subscription: String,
    /// The issuer of the cluster's tokens.
    pub(super) issuer: String,
    /// The service account.
    pub(super) subject: String,
    /// Whom the tokens are for.
    pub(super) audience: String,
    /// Its namespace.
    pub(super) namespace: String,
    /// The federated credential that differs in one thing alone.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) nearest: Option<String>,
    /// What that says instead.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) instead: Option<String>,
}
