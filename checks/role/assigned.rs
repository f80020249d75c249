//! What Azure Resource Manager lists of the roles of an identity at a registry.

use std::collections::BTreeSet;

use futures::future::{join_all, try_join3};
use serde_json::{Value, json};

use super::{DenyAssignment, Listed, Listing, RoleAssignment, RoleDefinition, subject::Subject};
use crate::{
    arm::ControlPlane,
    kit::{Cx, StepResult},
};

/// The version of the API for role assignments, definitions and deny assignments.
const API: &str = "2022-04-01";
/// The permission without which a list of role assignments is empty.
pub(super) const READ_ASSIGNMENTS: &str = "Microsoft.Authorization/roleAssignments/read";
/// How many role definitions are read.
const MAX_ROLES: usize = 60;

/// The lists.
pub(super) struct Assigned {
    /// The assignments that reach the identity, those of its groups included.
    own: Listing<RoleAssignment>,
    /// All assignments at the registry and above, and those of the identity elsewhere in the
    /// subscription: for look-alikes.
    others: Listing<RoleAssignment>,
    definitions: Listing<RoleDefinition>,
    denies: Listing<DenyAssignment>,
    /// Whether the caller may list role assignments: only then is an empty list a fact.
    pub(super) is_visible: bool,
}

impl Assigned {
    /// Asks for them. Groups are found by Azure Resource Manager itself (`assignedTo`), so no
    /// permission in Entra ID is needed.
    pub(super) async fn list(
        cx: &Cx,
        control_plane: &ControlPlane,
        subject: &Subject,
    ) -> StepResult<Self> {
        let at =
            |scope: &str, what: &str| format!("{scope}/providers/Microsoft.Authorization/{what}");
        let registry = &subject.registry_id;
        let (here, denies) = (at(registry, "roleAssignments"), at(registry, "denyAssignments"));
        let subscription = format!("/subscriptions/{}", subject.subscription);
        let all = at(&subscription, "roleAssignments");
        let assigned_to = format!("assignedTo('{}')", subject.object_id);
        let named = format!("principalId eq '{}'", subject.object_id);
        let (own, is_visible, at_scope) = try_join3(
            control_plane.list(cx, &here, API, Some(&assigned_to)),
            control_plane.may(cx, registry, READ_ASSIGNMENTS),
            control_plane.list(cx, &here, API, Some("atScope()")),
        )
        .await?;
        let own = listing(&own, RoleAssignment::read);
        let mut others = listing(&at_scope, RoleAssignment::read);
        // What only helps to explain may be missing.
        let elsewhere = control_plane.list(cx, &all, API, Some(&named)).await;
        others.add(
            elsewhere.map_or_else(|_| Listing::default(), |it| listing(&it, RoleAssignment::read)),
        );
        let denies = control_plane.list(cx, &denies, API, Some("atScope()")).await;
        let denies = match denies {
            Ok(denies) => listing(&denies, DenyAssignment::read),
            Err(_) => Listing { entries: vec![], complete: false },
        };
        let definitions = definitions(cx, control_plane, [&own, &others]).await;
        Ok(Self { own, others, definitions, denies, is_visible })
    }

    /// Returns what decides about the identity's access.
    pub(super) fn deciding(&self) -> Listed<'_> {
        Listed { assignments: &self.own, definitions: &self.definitions, denies: &self.denies }
    }

    /// Returns what look-alikes are among.
    pub(super) fn around(&self) -> Listed<'_> {
        Listed { assignments: &self.others, ..self.deciding() }
    }
}

fn listing<T>(entries: &[Value], read: fn(&Value) -> Option<T>) -> Listing<T> {
    Listing::read(&json!({ "value": entries }), read)
}

/// Reads the definitions of the roles of these assignments.
async fn definitions(
    cx: &Cx,
    control_plane: &ControlPlane,
    assignments: [&Listing<RoleAssignment>; 2],
) -> Listing<RoleDefinition> {
    // Those of the identity's own assignments come first.
    let entries = assignments.into_iter().flat_map(|listing| &listing.entries);
    let mut seen = BTreeSet::new();
    let ids = entries.map(|one| one.role_definition_id.as_str());
    let ids: Vec<&str> = ids.filter(|id| seen.insert(*id)).collect();
    let read = ids.into_iter().take(MAX_ROLES).map(async |id| {
        let definition = control_plane.read(cx, id, API).await.ok()?;
        RoleDefinition::read(&definition)
    });
    let entries = join_all(read).await.into_iter().flatten().collect();
    Listing { entries, complete: true }
}
