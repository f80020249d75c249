//! Whether the role assignments of an identity let it pull, and why each of them counts or not.

use jiff::{SignedDuration, Timestamp};
use serde::Serialize;

use super::{
    action::{Mode, Permission},
    assignment::RoleAssignment,
    condition::Request,
    definition::RoleDefinition,
    deny::{DenyAssignment, Member},
    listing::Listing,
    scope::{Level, inherited},
    syntax::Condition,
    truth::Truth,
};

/// What is asked: may this identity pull from this registry?
#[derive(Clone, Copy, Debug)]
pub struct Question<'a> {
    /// How the registry assigns permissions.
    pub mode: Mode,
    /// The registry's resource id.
    pub registry_id: &'a str,
    /// The repository. Without one, a condition on it is unknown.
    pub repository: Option<&'a str>,
    /// The identity's object id.
    pub object_id: &'a str,
    /// The time of the question.
    pub now: Timestamp,
}

/// What Azure Resource Manager listed at the registry.
#[derive(Clone, Copy, Debug)]
pub struct Listed<'a> {
    /// Role assignments: `$filter=assignedTo('OBJECT_ID')`, which includes those of groups.
    pub assignments: &'a Listing<RoleAssignment>,
    /// Role definitions, at least those of the assignments.
    pub definitions: &'a Listing<RoleDefinition>,
    /// Deny assignments: `$filter=atScope()`.
    pub denies: &'a Listing<DenyAssignment>,
}

impl<'a> Listed<'a> {
    /// Returns the definition of an assignment's role; `None` when it was not listed.
    pub fn role_of(&self, assignment: &RoleAssignment) -> Option<&'a RoleDefinition> {
        self.definitions.entries.iter().find(|role| role.guid == assignment.role)
    }
}

/// The answer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Access {
    /// It may pull.
    Granted {
        /// The ids of the role assignments that permit it.
        by: Vec<String>,
    },
    /// It may not pull. Where no assignment was seen, this is only as certain as the right to list
    /// them.
    Denied(Refusal),
    /// It cannot be told, for each of these reasons.
    Unknown(Vec<Unclear>),
}

/// Why an identity may not pull. Where several reasons apply, the one that is closest to access.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Refusal {
    /// No role assignment at or above the registry was listed for it.
    NoAssignment,
    /// Its roles permit no pull at all.
    NoPullAction,
    /// Its roles permit a pull only on a registry of the other mode.
    WrongMode,
    /// The conditions of its assignments exclude this repository.
    ConditionExcludes,
    /// A deny assignment blocks it.
    Blocked {
        /// The ids of the deny assignments.
        by: Vec<String>,
    },
}

/// Why it cannot be told whether an identity may pull.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Unclear {
    /// A condition cannot be evaluated.
    Condition {
        /// The id of the role assignment.
        assignment: String,
        /// The condition, as written; `None` when it stands in the role definition.
        condition: Option<String>,
    },
    /// The definition of a role was not listed.
    Role {
        /// The id of the role assignment.
        assignment: String,
        /// The id of the role definition.
        role_definition: String,
    },
    /// The list of role assignments was not read completely.
    AssignmentsIncomplete,
    /// A deny assignment may block it: for a group that it may be in, or by a condition.
    MaybeBlocked {
        /// The id of the deny assignment.
        by: String,
    },
    /// The list of deny assignments was not read completely.
    DeniesIncomplete,
    /// It may read content, but not metadata, which Microsoft documents as needed too.
    MetadataMissing,
}

/// Why an assignment counts, or does not.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Verdict {
    /// It permits the pull.
    Grants,
    /// It permits reading content, but not metadata.
    ContentOnly,
    /// It is for another user or service principal.
    OtherPrincipal,
    /// Its scope is not at or above this registry.
    OtherScope,
    /// The definition of its role was not listed.
    UnknownRole,
    /// Its role permits a pull only on a registry of the other mode.
    WrongMode,
    /// Its role does not permit a pull.
    NoPullAction,
    /// Its condition excludes this repository.
    ConditionExcludes,
    /// Its condition cannot be evaluated.
    ConditionUnknown,
    /// A deny assignment blocks it.
    Blocked,
    /// A deny assignment may block it.
    MaybeBlocked,
}

/// An assignment, and why it counts or not.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Judged<'a> {
    /// The assignment.
    pub assignment: &'a RoleAssignment,
    /// Its role, where it was listed.
    pub role: Option<&'a RoleDefinition>,
    /// From which level the registry inherits it; `None` when it does not.
    pub level: Option<Level>,
    /// Whether the identity has it as the member of a group.
    pub via_group: bool,
    /// How long ago it was created or changed. Negative when this clock is behind.
    pub age: Option<SignedDuration>,
    /// Why it counts, or does not.
    pub verdict: Verdict,
    grants: Grants,
}

/// What an assignment permits, deny assignments aside.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Grants {
    pull: Truth,
    metadata: Truth,
}

const NOTHING: Grants = Grants { pull: Truth::False, metadata: Truth::False };

/// The answer, with what it rests on.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Evaluation<'a> {
    /// The answer.
    pub access: Access,
    /// Every assignment that was listed.
    pub assignments: Vec<Judged<'a>>,
}

/// Evaluates role and deny assignments.
pub fn evaluate<'a>(question: &Question, listed: Listed<'a>) -> Evaluation<'a> {
    let entries = &listed.assignments.entries;
    let groups: Vec<&str> = entries
        .iter()
        .filter(|one| is_via_group(one, question.object_id))
        .map(|one| one.principal_id.as_str())
        .collect();
    let member = Member { object_id: question.object_id, groups: &groups };
    let denies = Denies::of(question, listed.denies, &member);
    let assignments: Vec<Judged> =
        entries.iter().map(|one| judge(question, &listed, &denies, one)).collect();
    let access = sum_up(&assignments, listed.assignments.complete, &denies);
    Evaluation { access, assignments }
}

/// Returns whether an assignment of the list `assignedTo(..)` reached the identity through a group.
fn is_via_group(assignment: &RoleAssignment, object_id: &str) -> bool {
    !assignment.is_for(object_id)
        && (assignment.is_for_group() || assignment.principal_type.is_none())
}

/// What deny assignments block.
struct Denies<'a> {
    pull: Truth,
    metadata: Truth,
    complete: bool,
    /// Each with whether it blocks the pull.
    each: Vec<(&'a DenyAssignment, Truth)>,
}

impl<'a> Denies<'a> {
    fn of(question: &Question, denies: &'a Listing<DenyAssignment>, member: &Member) -> Self {
        let rest = if denies.complete { Truth::False } else { Truth::Unknown };
        let blocks = |deny: &DenyAssignment, permission: Permission| {
            deny.blocks(permission, question.repository, question.registry_id, member)
        };
        let any = |permission: Permission| {
            Truth::any(denies.entries.iter().map(|deny| blocks(deny, permission))) | rest
        };
        let (pull, metadata) = (question.mode.pull(), question.mode.metadata());
        let one = |deny: &'a DenyAssignment| {
            let more = metadata.map_or(Truth::False, |metadata| blocks(deny, metadata));
            (deny, blocks(deny, pull) | (more & Truth::Unknown))
        };
        Self {
            pull: any(pull),
            metadata: metadata.map_or(Truth::False, any),
            complete: denies.complete,
            each: denies.entries.iter().map(one).collect(),
        }
    }

    fn ids(&self, blocks: Truth) -> impl Iterator<Item = String> {
        self.each.iter().filter(move |(_, found)| *found == blocks).map(|(deny, _)| deny.id.clone())
    }
}

fn judge<'a>(
    question: &Question,
    listed: &Listed<'a>,
    denies: &Denies,
    assignment: &'a RoleAssignment,
) -> Judged<'a> {
    let level = inherited(&assignment.scope, question.registry_id);
    let role = listed.role_of(assignment);
    let via_group = is_via_group(assignment, question.object_id);
    let is_ours = via_group || assignment.is_for(question.object_id);
    let (grants, verdict) = match (is_ours, level, role) {
        (false, ..) => (NOTHING, Verdict::OtherPrincipal),
        (_, None, _) => (NOTHING, Verdict::OtherScope),
        (_, _, None) => {
            let grants = Grants { pull: Truth::Unknown, metadata: Truth::Unknown };
            (grants, Verdict::UnknownRole)
        }
        (true, Some(_), Some(role)) => {
            let grants = grants(question, assignment, role);
            (grants, verdict(question.mode, role, grants, denies))
        }
    };
    let age = assignment.changed().map(|changed| question.now.duration_since(changed));
    Judged { assignment, role, level, via_group, age, verdict, grants }
}

/// Returns whether an assignment permits something on a registry that inherits it, deny assignments
/// aside.
pub(super) fn permits(
    question: &Question,
    assignment: &RoleAssignment,
    role: &RoleDefinition,
    permission: Permission,
) -> Truth {
    let request = Request { action: permission.name(), repository: question.repository };
    let (condition, version) = (&assignment.condition, &assignment.condition_version);
    role.grants(permission, question.repository)
        & Condition::holds(condition.as_deref(), version.as_deref(), &request)
}

fn grants(question: &Question, assignment: &RoleAssignment, role: &RoleDefinition) -> Grants {
    let permits = |permission| permits(question, assignment, role, permission);
    let pull = permits(question.mode.pull());
    Grants { pull, metadata: question.mode.metadata().map_or(pull, permits) }
}

fn verdict(mode: Mode, role: &RoleDefinition, grants: Grants, denies: &Denies) -> Verdict {
    use Truth::{False, True, Unknown};
    if !role.names(mode.pull()) {
        let other = role.names(mode.other().pull());
        return if other { Verdict::WrongMode } else { Verdict::NoPullAction };
    }
    match (grants.pull, denies.pull, grants.metadata & !denies.metadata) {
        (False, ..) => Verdict::ConditionExcludes,
        (_, True, _) => Verdict::Blocked,
        (Unknown, ..) => Verdict::ConditionUnknown,
        (True, False, True) => Verdict::Grants,
        (True, False, False) => Verdict::ContentOnly,
        (True, False, Unknown) if grants.metadata == Unknown => Verdict::ConditionUnknown,
        (True, ..) => Verdict::MaybeBlocked,
    }
}

/// Adds the assignments up: what one permits, the identity may do, unless it is blocked.
fn sum_up(assignments: &[Judged], complete: bool, denies: &Denies) -> Access {
    let rest = if complete { Truth::False } else { Truth::Unknown };
    let pull = Truth::any(assignments.iter().map(|one| one.grants.pull)) | rest;
    let metadata = Truth::any(assignments.iter().map(|one| one.grants.metadata)) | rest;
    let with = |verdict: Verdict| assignments.iter().filter(move |one| one.verdict == verdict);
    match (pull & !denies.pull, metadata & !denies.metadata) {
        (Truth::True, Truth::True) => {
            let by = assignments.iter().filter(|one| one.grants.pull == Truth::True);
            return Access::Granted { by: by.map(|one| one.assignment.id.clone()).collect() };
        }
        (Truth::False, _) if pull != Truth::False => {
            return Access::Denied(Refusal::Blocked { by: denies.ids(Truth::True).collect() });
        }
        (Truth::False, _) => {
            return Access::Denied(
                [
                    (Verdict::ConditionExcludes, Refusal::ConditionExcludes),
                    (Verdict::WrongMode, Refusal::WrongMode),
                    (Verdict::NoPullAction, Refusal::NoPullAction),
                ]
                .into_iter()
                .find(|(verdict, _)| with(*verdict).next().is_some())
                .map_or(Refusal::NoAssignment, |(_, refusal)| refusal),
            );
        }
        _ => {}
    }
    let mut why = vec![];
    if pull == Truth::Unknown || metadata == Truth::Unknown {
        let unknown = |one: &&Judged| {
            one.grants.pull == Truth::Unknown || one.grants.metadata == Truth::Unknown
        };
        why.extend(assignments.iter().filter(unknown).map(|one| unclear(one)));
        why.extend((!complete).then_some(Unclear::AssignmentsIncomplete));
    }
    if denies.pull == Truth::Unknown || denies.metadata == Truth::Unknown {
        why.extend(denies.ids(Truth::Unknown).map(|by| Unclear::MaybeBlocked { by }));
        why.extend((!denies.complete).then_some(Unclear::DeniesIncomplete));
    }
    if metadata & !denies.metadata == Truth::False {
        why.push(Unclear::MetadataMissing);
    }
    Access::Unknown(why)
}

fn unclear(judged: &Judged) -> Unclear {
    let assignment = judged.assignment.id.clone();
    if judged.role.is_none() {
        let role_definition = judged.assignment.role_definition_id.clone();
        return Unclear::Role { assignment, role_definition };
    }
    Unclear::Condition { assignment, condition: judged.assignment.condition.clone() }
}
