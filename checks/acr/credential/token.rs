//! A registry token in the control plane: its status, its passwords and its scope map.

use jiff::{SignedDuration, Timestamp};
use serde_json::Value;

use super::{Ends, ScopeMapActions, TokenState, User, scope_map};
use crate::{
    acr::{API, Problem, Registry},
    arm::ControlPlane,
    kit::{
        Cx, StepResult,
        azure::{ArmResource, resource::text},
        target::ResourceId,
    },
};

/// How long before it ends a password or a certificate is warned of.
const SOON: SignedDuration = SignedDuration::from_hours(30 * 24);
/// The longest name of a token (REST reference of Azure Container Registry, "Tokens").
const MAX_NAME: usize = 50;

/// Looks at a token. `repository` is what it was refused for, if it was.
pub(super) async fn look(
    cx: &Cx,
    control_plane: &ControlPlane,
    registry: &Registry,
    name: &str,
    repository: Option<&str>,
) -> StepResult<()> {
    let is_name = |c: char| c.is_ascii_alphanumeric() || c == '-' || c == '_';
    let id = format!("{}/tokens/{name}", registry.id()).parse::<ResourceId>().ok();
    // Such a user is none of the registry's own.
    let Some(id) = id.filter(|_| name.chars().all(is_name) && name.len() <= MAX_NAME) else {
        return Ok(());
    };
    let user = User::of(cx, registry, name);
    let Some(token) = control_plane.get(cx, &id, API).await? else {
        cx.add_finding(Problem::TokenNotFound(user));
        return Ok(());
    };
    let state = |at| TokenState { user: user.clone(), at };
    if token.is("properties.status", "disabled") {
        cx.add_finding(Problem::TokenDisabled(state(None)));
    }
    let passwords = token.list("properties.credentials.passwords");
    let expired = last_expiry(passwords, control_plane.now(cx));
    if expired.is_some() {
        cx.add_finding(Problem::TokenExpired(state(expired)));
    }
    warn_of_ends(cx, control_plane.now(cx), &user, &token);
    let Some(repository) = repository else { return Ok(()) };
    let coverage = coverage(cx, control_plane, &user, &token, repository).await?;
    let is_fit = token.is("properties.status", "enabled") && expired.is_none();
    match coverage {
        Coverage::Lacks(lacks) => cx.add_finding(Problem::ScopeMapMissingRepo(lacks)),
        Coverage::Covers if is_fit && !passwords.is_empty() => {
            let created = passwords.iter().filter_map(|password| time(password, "creationTime"));
            cx.add_finding(Problem::TokenPasswordWrong(state(created.max())));
        }
        Coverage::Covers | Coverage::Unknown => {}
    }
    Ok(())
}

/// Returns when the last password expired, if all of them have.
fn last_expiry(passwords: &[Value], now: Timestamp) -> Option<Timestamp> {
    let expiries: Option<Vec<Timestamp>> =
        passwords.iter().map(|password| time(password, "expiry")).collect();
    expiries?.into_iter().max().filter(|expiry| *expiry < now)
}

/// Returns a time. A password that never expires has none, or one at the end of the year 9999 that
/// is too late to be read.
fn time(value: &Value, name: &str) -> Option<Timestamp> {
    text(value, name)?.parse().ok()
}

/// Warns of passwords and certificates that end soon.
fn warn_of_ends(cx: &Cx, now: Timestamp, user: &User, token: &ArmResource) {
    let ends = |kind: &str| -> Vec<Ends> {
        let listed = token.list(kind).iter();
        let ends = listed.filter_map(|one| {
            let (name, expires) = (text(one, "name")?.to_owned(), time(one, "expiry")?);
            let is_soon = expires > now && expires.duration_since(now) <= SOON;
            is_soon.then(|| Ends { user: user.clone(), name, expires })
        });
        ends.collect()
    };
    for end in ends("properties.credentials.passwords") {
        cx.add_finding(Problem::TokenPasswordExpires(end));
    }
    for end in ends("properties.credentials.certificates") {
        cx.add_finding(Problem::TokenCertificateExpires(end));
    }
}

/// Whether a scope map lets a token pull a repository.
enum Coverage {
    Covers,
    Lacks(ScopeMapActions),
    /// The scope map cannot be read.
    Unknown,
}

/// Returns whether the scope map of a token lets it pull the repository.
async fn coverage(
    cx: &Cx,
    control_plane: &ControlPlane,
    user: &User,
    token: &ArmResource,
    repository: &str,
) -> StepResult<Coverage> {
    let id = token.text("properties.scopeMapId").and_then(|id| id.parse::<ResourceId>().ok());
    let Some(id) = id else { return Ok(Coverage::Unknown) };
    let found = control_plane.get(cx, &id, API).await?;
    let Some(map) = found else { return Ok(Coverage::Unknown) };
    let Some(actions) = map.get("properties.actions").and_then(Value::as_array) else {
        return Ok(Coverage::Unknown);
    };
    let actions: Vec<&str> = actions.iter().filter_map(Value::as_str).collect();
    if scope_map::lets_read(actions.iter().copied(), repository) {
        return Ok(Coverage::Covers);
    }
    let scope_map = id.name().to_owned();
    Ok(Coverage::Lacks(ScopeMapActions {
        user: user.clone(),
        own_scope_map: map.is("properties.type", "UserDefined").then(|| scope_map.clone()),
        scope_map,
        actions: actions.into_iter().map(str::to_owned).collect(),
    }))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn a_token_is_expired_when_all_of_its_passwords_are() {
        let now: Timestamp = "2026-06-01T00:00:00Z".parse().unwrap();
        let past = json!({ "expiry": "2026-05-01T00:00:00.123Z" });
        let older = json!({ "expiry": "2026-04-01T00:00:00+00:00" });
        let ahead = json!({ "expiry": "2026-07-01T00:00:00Z" });
        let never = json!({ "expiry": "9999-12-31T23:59:59.999999+00:00" });
        let last = |passwords: &[&Value]| {
            let passwords: Vec<Value> = passwords.iter().map(|one| (*one).clone()).collect();
            last_expiry(&passwords, now).map(|at| at.to_string())
        };
        assert_eq!(last(&[&older, &past]).as_deref(), Some("2026-05-01T00:00:00.123Z"));
        for usable in [&[&past, &ahead][..], &[&past, &never], &[&past, &json!({})], &[]] {
            assert_eq!(last(usable), None);
        }
    }
}
