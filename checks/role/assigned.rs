//! What Azure Resource Manager lists of the roles of an identity at a registry.

use std::collections::{BTreeMap, BTreeSet};

use futures::future::{join, join_all, try_join3};
use serde_json::{Value, json};

use super::{
    DenyAssignment, Listed, Listing, RoleAssignment, RoleDefinition, problem::Denial,
    scope::inherited, subject::Subject,
};
use crate::{
    arm::ControlPlane,
    kit::{Cx, NoFact, StepResult},
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
    /// Why an entry of the assignments is not known.
    pub(super) own_unread: NoFact,
    /// Why an entry of the deny assignments is not known.
    pub(super) denies_unread: NoFact,
    /// Why the definition of a role is not known, by its id.
    roles_unread: BTreeMap<String, NoFact>,
    /// What it means that another role came than the one that was asked for.
    other_role: NoFact,
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
        let (roles, denials) = (at(registry, "roleAssignments"), at(registry, "denyAssignments"));
        let subscription = format!("/subscriptions/{}", subject.subscription);
        let all = at(&subscription, "roleAssignments");
        let assigned_to = format!("assignedTo('{}')", subject.object_id);
        let named = format!("principalId eq '{}'", subject.object_id);
        let needed = try_join3(
            control_plane.list(cx, &roles, API, Some(&assigned_to)),
            control_plane.may(cx, registry, READ_ASSIGNMENTS),
            control_plane.list(cx, &roles, API, Some("atScope()")),
        );
        let more = join(
            control_plane.list(cx, &denials, API, Some("atScope()")),
            control_plane.list(cx, &all, API, Some(&named)),
        );
        let (needed, (denied, elsewhere)) = join(needed, more).await;
        let (own, is_visible, at_scope) = needed?;
        let own = listing(&own, RoleAssignment::read);
        let mut others = listing(&at_scope, RoleAssignment::read);
        // What is assigned elsewhere only makes the explanation clearer.
        others.add(elsewhere.map(|it| listing(&it, RoleAssignment::read)).unwrap_or_default());
        let (denies, denies_unread) = match denied {
            Ok(found) => {
                (listing(&found, DenyAssignment::read), ControlPlane::unreadable(&denials))
            }
            Err(no_fact) => (Listing { entries: vec![], complete: false }, no_fact),
        };
        let (definitions, roles_unread) = definitions(cx, control_plane, [&own, &others]).await;
        let own_unread = ControlPlane::unreadable(&roles);
        let other_role = ControlPlane::unreadable(&at(registry, "roleDefinitions"));
        Ok(Self {
            own,
            others,
            definitions,
            denies,
            own_unread,
            denies_unread,
            roles_unread,
            other_role,
            is_visible,
        })
    }

    /// Returns what decides about the identity's access.
    pub(super) fn deciding(&self) -> Listed<'_> {
        Listed { assignments: &self.own, definitions: &self.definitions, denies: &self.denies }
    }

    /// Returns what look-alikes are among.
    pub(super) fn around(&self) -> Listed<'_> {
        Listed { assignments: &self.others, ..self.deciding() }
    }

    /// Returns a deny assignment as evidence.
    pub(super) fn denial(&self, id: &str) -> Denial {
        let found = self.denies.entries.iter().find(|deny| deny.id == id);
        found.map(Denial::of).unwrap_or_default()
    }

    /// Returns an assignment to the identity itself at the registry: the name of its role, and its
    /// id if commands can name it.
    pub(super) fn own_at(&self, subject: &Subject) -> Option<(String, Option<String>)> {
        let all = self.own.entries.iter().chain(&self.others.entries);
        let mut own = all.filter(|one| {
            let is_here = inherited(&one.scope, &subject.registry_id).is_some();
            is_here && one.is_for(&subject.object_id)
        });
        let first = own.next()?;
        let name = self.deciding().role_of(first).and_then(|role| role.role_name.clone());
        Some((name.unwrap_or_else(|| first.role.clone()), first.id_for_commands()))
    }

    /// Returns why the definition of a role is not known.
    pub(super) fn role_unread(&self, id: &str) -> NoFact {
        self.roles_unread.get(id).unwrap_or(&self.other_role).clone()
    }
}

fn listing<T>(entries: &[Value], read: fn(&Value) -> Option<T>) -> Listing<T> {
    Listing::read(&json!({ "value": entries }), read)
}

/// Reads the definitions of the roles of these assignments. Returns also why one is not known.
async fn definitions(
    cx: &Cx,
    control_plane: &ControlPlane,
    assignments: [&Listing<RoleAssignment>; 2],
) -> (Listing<RoleDefinition>, BTreeMap<String, NoFact>) {
    // Those of the identity's own assignments come first.
    let entries = assignments.into_iter().flat_map(|listing| &listing.entries);
    let mut seen = BTreeSet::new();
    let ids = entries.map(|one| one.role_definition_id.as_str());
    let ids: Vec<&str> = ids.filter(|id| seen.insert(*id)).collect();
    let read = ids.iter().enumerate().map(async |(place, id)| {
        let unreadable = || ControlPlane::unreadable(id);
        if place >= MAX_ROLES {
            return Err(unreadable());
        }
        let found = control_plane.read(cx, id, API).await?;
        RoleDefinition::read(&found).ok_or_else(unreadable)
    });
    let mut listed = Listing::default();
    let mut unread = BTreeMap::new();
    for (id, definition) in ids.iter().zip(join_all(read).await) {
        match definition {
            Ok(definition) => listed.entries.push(definition),
            Err(no_fact) => {
                unread.insert((*id).to_owned(), no_fact);
            }
        }
    }
    (listed, unread)
}
