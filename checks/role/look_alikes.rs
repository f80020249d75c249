//! Assignments that look right and do not count: the right role for the wrong identity, or at the
//! wrong scope.

use super::{
    assignment::RoleAssignment,
    evaluate::{Listed, Question, permits},
    scope::{inherited, is_below, registry_name},
    truth::Truth,
};

/// Ids of the cluster that are confused with the object id of the kubelet identity.
#[derive(Clone, Copy, Debug, Default)]
pub struct MistakenIds<'a> {
    /// The object id of the cluster's control-plane identity: `identity.principalId`, or the
    /// `principalId` of its user-assigned identity.
    pub control_plane: Option<&'a str>,
    /// The client id of the kubelet identity.
    pub client_id: Option<&'a str>,
}

/// What makes an assignment look right.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum LookAlikeKind {
    /// It is for the cluster's control-plane identity, which does not pull.
    ControlPlaneIdentity,
    /// It names the client id of the kubelet identity where its object id belongs. Azure Resource
    /// Manager does not check an id that comes with a principal type.
    ClientId,
    /// It is on a registry of the same name with another id: one that was deleted or moved, or whose
    /// subscription or resource group is another.
    SameNameElsewhere,
    /// It is on another registry.
    OtherRegistry {
        /// The name of that registry.
        name: String,
    },
    /// It is on something inside the registry, which permits no pull.
    BelowRegistry,
    /// It is on another scope: another resource group, subscription or resource.
    OtherScope,
}

/// An assignment that would permit the pull if it were for the kubelet identity, and here.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LookAlike<'a> {
    /// The assignment.
    pub assignment: &'a RoleAssignment,
    /// What is wrong with it.
    pub kind: LookAlikeKind,
}

/// Finds look-alikes among assignments that were listed with `atScope()` at the registry, or for the
/// kubelet identity in whole subscriptions. Those whose role would not permit the pull are left out,
/// and so are those whose condition would exclude it.
pub fn look_alikes<'a>(
    question: &Question,
    listed: Listed<'a>,
    mistaken: &MistakenIds,
) -> Vec<LookAlike<'a>> {
    let would_permit = |assignment: &RoleAssignment| {
        let role = listed.role_of(assignment);
        role.is_some_and(|role| {
            permits(question, assignment, role, question.mode.pull()) != Truth::False
        })
    };
    let found = listed.assignments.entries.iter().filter(|one| would_permit(one));
    found
        .filter_map(|assignment| {
            kind(question, mistaken, assignment).map(|kind| LookAlike { assignment, kind })
        })
        .collect()
}

fn kind(
    question: &Question,
    mistaken: &MistakenIds,
    assignment: &RoleAssignment,
) -> Option<LookAlikeKind> {
    let is_here = inherited(&assignment.scope, question.registry_id).is_some();
    let is_for = |id: Option<&str>| id.is_some_and(|id| assignment.is_for(id));
    if assignment.is_for(question.object_id) {
        return (!is_here).then(|| other_scope(&assignment.scope, question.registry_id));
    }
    match () {
        () if !is_here => None,
        () if is_for(mistaken.client_id) => Some(LookAlikeKind::ClientId),
        () if is_for(mistaken.control_plane) => Some(LookAlikeKind::ControlPlaneIdentity),
        () => None,
    }
}

fn other_scope(scope: &str, registry_id: &str) -> LookAlikeKind {
    match registry_name(scope) {
        Some(name) if registry_name(registry_id).as_deref() == Some(&name) => {
            LookAlikeKind::SameNameElsewhere
        }
        Some(name) => LookAlikeKind::OtherRegistry { name },
        None if is_below(scope, registry_id) => LookAlikeKind::BelowRegistry,
        None => LookAlikeKind::OtherScope,
    }
}
