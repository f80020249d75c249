//! May the identity that pulls do so, by the control plane?

use std::rc::Rc;

use futures::future::join;
use jiff::Timestamp;
use serde::Serialize;

use super::{
    Access, Advice, Change, Evaluation, Judged, LookAlike, LookAlikeKind, MistakenIds, Mode,
    Problem, Question, Refusal, RoleDefinition, Unclear, Verdict, advise,
    assigned::{Assigned, READ_ASSIGNMENTS},
    evaluate,
    federation::FederatedIdentity,
    look_alikes,
    problem::Assignment,
    subject::{Known, Subject},
    whose::whose,
};
use crate::{
    acr::Registry,
    arm::ControlPlane,
    cluster::Cluster,
    identity::Identity,
    kit::{Cx, NoFact, StepResult},
    token::RefreshToken,
};

/// The access that the identity has.
#[derive(Serialize)]
pub struct Authorized {
    /// The identity.
    who: String,
    /// The role that lets it pull.
    #[serde(skip_serializing_if = "Option::is_none")]
    role: Option<String>,
    /// The scope of its assignment.
    #[serde(skip_serializing_if = "Option::is_none")]
    scope: Option<String>,
    /// When it was assigned.
    #[serde(skip_serializing_if = "Option::is_none")]
    since: Option<Timestamp>,
}

/// Examines the role assignments of the identity that pulls.
pub async fn examine(
    cx: &Cx,
    control_plane: &ControlPlane,
    registry: &Registry,
    cluster: &StepResult<Rc<Cluster>>,
    identity: &StepResult<Rc<Identity>>,
    exchange: &StepResult<Rc<RefreshToken>>,
) -> StepResult<Authorized> {
    let mode = mode_of(registry)?;
    let subject = whose(cx, registry, mode, cluster, identity)?;
    let is_refuted = subject.is_presented() && exchange.is_ok();
    judge(cx, control_plane, registry, cluster, (subject, mode), is_refuted).await
}

/// Examines those of the identity that a pod's service account signs in as.
pub async fn examine_federated(
    cx: &Cx,
    control_plane: &ControlPlane,
    registry: &Registry,
    identity: &FederatedIdentity,
) -> StepResult<Authorized> {
    let mode = mode_of(registry)?;
    // What AKS offers for the identity of its nodes is of no use here.
    let cluster = &Err(NoFact::LeftOut);
    let known = Known {
        who: Some(identity.name.clone()),
        object_id: identity.object_id.clone(),
        client_id: Some(identity.client_id.clone()),
        tenant: identity.tenant.clone(),
        is_person: false,
    };
    let subject = Subject::with(registry, mode, cluster, known, None);
    judge(cx, control_plane, registry, cluster, (subject, mode), false).await
}

/// Returns how the registry follows roles, unless it needs none.
fn mode_of(registry: &Registry) -> StepResult<Mode> {
    let mode = registry.mode().ok_or_else(|| NoFact::could_not_tell(Problem::ModeUnknown {}))?;
    if registry.resource.flag("properties.anonymousPullEnabled") == Some(true) {
        return Err(NoFact::skipped(Problem::AnonymousAllowed {}));
    }
    Ok(mode)
}

/// Judges the role assignments of an identity. `is_refuted` says that the registry took its token.
async fn judge(
    cx: &Cx,
    control_plane: &ControlPlane,
    registry: &Registry,
    cluster: &StepResult<Rc<Cluster>>,
    (subject, mode): (Subject, Mode),
    is_refuted: bool,
) -> StepResult<Authorized> {
    let (tenants, assigned) = join(
        tenants(cx, control_plane, registry, cluster, &subject),
        Assigned::list(cx, control_plane, &subject),
    )
    .await;
    match tenants {
        // The registry took the token, so it is one of its own tenant.
        _ if is_refuted => {}
        Ok(Some((identity_tenant, registry_tenant))) => {
            let own = assigned.ok().and_then(|assigned| assigned.own_at(&subject));
            let (assigned_role, assignment_id) = own.unzip();
            return Err(NoFact::from(Problem::OtherTenant {
                subject,
                identity_tenant,
                registry_tenant,
                assigned_role,
                assignment_id: assignment_id.flatten(),
            }));
        }
        Ok(None) => {}
        // No role helps in another tenant, so it stays a suspect.
        Err(no_fact) => cx.add_not_read(no_fact),
    }
    let assigned = assigned?;
    let repository = cx.target.asked.as_ref().ok().and_then(|asked| asked.image.as_ref());
    let question = Question {
        mode,
        registry_id: &subject.registry_id,
        repository: repository.map(|image| image.repository.as_str()),
        object_id: &subject.object_id,
        now: control_plane.now(cx),
    };
    let found = evaluate(&question, assigned.deciding());
    match &found.access {
        Access::Granted { .. } => Ok(granted(cx, &subject, &question, &found)),
        Access::Unknown(why) => Err(unclear(cx, &subject, &assigned, &found, why)),
        // Without the permission to read them, a list is empty.
        Access::Denied(Refusal::NoAssignment) if !assigned.is_visible => {
            Err(control_plane.not_permitted(READ_ASSIGNMENTS, &subject.registry_id))
        }
        Access::Denied(refusal) => {
            Err(denied(&subject, &question, &assigned, &found, refusal).into())
        }
    }
}

/// Returns the access, and says where it may not be in effect yet.
fn granted(
    cx: &Cx,
    subject: &Subject,
    question: &Question<'_>,
    found: &Evaluation<'_>,
) -> Authorized {
    let grants = || found.assignments.iter().filter(|one| one.verdict == Verdict::Grants);
    // One of its own counts before those of groups; of several, the oldest tells when access began.
    let oldest = |via_group: bool| {
        grants().filter(|one| one.via_group == via_group).max_by_key(|one| one.age)
    };
    let first = oldest(false).or_else(|| oldest(true));
    if let Some(first) = first
        && let Some(change) = Change::of(first, question.mode)
    {
        let (subject, assignment) = (subject.clone(), Assignment::of(first));
        match advise(&change, question.now) {
            Advice::Wait { until, .. } if first.via_group => {
                cx.add_finding(Problem::ViaGroup { subject, assignment, until: Some(until) });
            }
            Advice::Wait { until, at_latest } => {
                cx.add_finding(Problem::Propagation { subject, assignment, until, at_latest });
            }
            Advice::OnlyIfJoinedSince { .. } => {
                cx.add_finding(Problem::ViaGroup { subject, assignment, until: None });
            }
            Advice::DoesNotHelp { .. } | Advice::Unknown => {}
        }
    }
    Authorized {
        who: subject.who.clone(),
        role: first.map(|one| Assignment::of(one).assigned_role),
        scope: first.map(|one| one.assignment.scope.clone()),
        since: first.and_then(|one| one.assignment.changed()),
    }
}

/// Returns why the identity may not pull.
fn denied(
    subject: &Subject,
    question: &Question<'_>,
    assigned: &Assigned,
    found: &Evaluation<'_>,
    refusal: &Refusal,
) -> Problem {
    let subject = subject.clone();
    let with = |verdict: Verdict| {
        let one = found.assignments.iter().find(|one| one.verdict == verdict);
        one.map(Assignment::of).unwrap_or_default()
    };
    match refusal {
        Refusal::NoAssignment => unassigned(subject, question, assigned),
        Refusal::NoPullAction => {
            let assignment = with(Verdict::NoPullAction);
            Problem::LacksAction { subject, assignment, action: question.mode.pull().name() }
        }
        Refusal::WrongMode => {
            let assignment = with(Verdict::WrongMode);
            match question.mode {
                Mode::Abac => Problem::AbacIgnoresRegistryRoles { subject, assignment },
                Mode::Legacy => {
                    let action = question.mode.pull().name();
                    Problem::LacksAction { subject, assignment, action }
                }
            }
        }
        Refusal::ConditionExcludes => {
            let repository = question.repository.unwrap_or_default().to_owned();
            let assignment = with(Verdict::ConditionExcludes);
            Problem::ConditionExcludesRepository { subject, assignment, repository }
        }
        Refusal::Blocked { by } => {
            let deny = by.first().map(|id| assigned.denial(id)).unwrap_or_default();
            Problem::Denied { subject, deny }
        }
    }
}

/// Returns what it means that no assignment reaches the identity: one that was meant for it, or none.
fn unassigned(subject: Subject, question: &Question<'_>, assigned: &Assigned) -> Problem {
    let client_id = subject.client_id.as_deref();
    let planes: Vec<Option<&str>> =
        subject.control_plane.iter().map(|id| Some(id.as_str())).collect();
    let planes = if planes.is_empty() { vec![None] } else { planes };
    let alike = planes.into_iter().flat_map(|control_plane| {
        look_alikes(question, assigned.around(), &MistakenIds { control_plane, client_id })
    });
    // A role that is for much more than pulling, such as Contributor, was hardly meant for this.
    let around = assigned.around();
    let is_meant = |one: &LookAlike<'_>| {
        around.role_of(one.assignment).is_some_and(RoleDefinition::is_for_registries)
    };
    // An id that was mixed up says more than a scope.
    let alike = alike.filter(is_meant).min_by_key(|one| match one.kind {
        LookAlikeKind::ClientId => 0,
        LookAlikeKind::ControlPlaneIdentity => 1,
        LookAlikeKind::SameNameElsewhere => 2,
        LookAlikeKind::OtherRegistry { .. } => 3,
        LookAlikeKind::BelowRegistry => 4,
        LookAlikeKind::OtherScope => 5,
    });
    let Some(alike) = alike else { return Problem::Missing { subject } };
    let scope = alike.assignment.scope.clone();
    let assignment_id = alike.assignment.id_for_commands();
    let mistaken = alike.assignment.principal_id.clone();
    match alike.kind {
        LookAlikeKind::ClientId => {
            Problem::PrincipalIsClientId { subject, mistaken, assignment_id }
        }
        LookAlikeKind::ControlPlaneIdentity => {
            Problem::OnWrongIdentity { subject, mistaken, assignment_id }
        }
        _ => Problem::WrongScope { subject, assigned_scope: scope, assignment_id },
    }
}

/// Returns why it cannot be told whether the identity may pull, and reports every other reason.
fn unclear(
    cx: &Cx,
    subject: &Subject,
    assigned: &Assigned,
    found: &Evaluation<'_>,
    why: &[Unclear],
) -> NoFact {
    let subject = || subject.clone();
    let judged = |is_it: &dyn Fn(&Judged<'_>) -> bool| {
        let one = found.assignments.iter().find(|one| is_it(one));
        one.map(Assignment::of).unwrap_or_default()
    };
    let lacks_metadata = || {
        let assignment = judged(&|one| one.verdict == Verdict::ContentOnly);
        NoFact::could_not_tell(Problem::LacksMetadata { subject: subject(), assignment })
    };
    let mut reasons = why.iter().map(|one| match one {
        Unclear::AssignmentsIncomplete => assigned.own_unread.clone(),
        Unclear::DeniesIncomplete => assigned.denies_unread.clone(),
        Unclear::Role { role_definition, .. } => assigned.role_unread(role_definition),
        Unclear::MaybeBlocked { by } => {
            let deny = assigned.denial(by);
            NoFact::could_not_tell(Problem::MayBeDenied { subject: subject(), deny })
        }
        Unclear::Condition { assignment, condition } => {
            let assignment = judged(&|one| one.assignment.id == *assignment);
            let (subject, condition) = (subject(), condition.clone());
            let problem = Problem::ConditionNotEvaluated { subject, assignment, condition };
            NoFact::could_not_tell(problem)
        }
        Unclear::MetadataMissing => lacks_metadata(),
    });
    // The evaluation always gives a reason.
    let first = reasons.next().unwrap_or_else(lacks_metadata);
    reasons.for_each(|other| cx.add_not_read(other));
    first
}

/// Returns the tenants of the identity and of the registry, if they differ. The identity of a
/// cluster in the registry's subscription is in its tenant.
async fn tenants(
    cx: &Cx,
    control_plane: &ControlPlane,
    registry: &Registry,
    cluster: &StepResult<Rc<Cluster>>,
    subject: &Subject,
) -> StepResult<Option<(String, String)>> {
    let subscription = registry.id().subscription();
    let is_same = |cluster: &Rc<Cluster>| {
        cluster.id().subscription().eq_ignore_ascii_case(subscription) && !subject.is_presented()
    };
    let Some(own) = subject.tenant.clone().filter(|_| !cluster.as_ref().is_ok_and(is_same)) else {
        return Ok(None);
    };
    let its = control_plane.tenant_of(cx, subscription).await?;
    Ok((!its.eq_ignore_ascii_case(&own)).then_some((own, its)))
}
