//! Is the token or user behind the presented credentials usable?

mod problem;
mod scope_map;
mod token;

use serde::Serialize;

use super::{Problem, Registry};
use crate::{
    arm::ControlPlane,
    data_path::DataPath,
    identity::Credential,
    image::ImageTarget,
    kit::{Cx, NoFact, StepResult, rules::is_guid},
};
pub(super) use problem::{Ends, ScopeMapActions, TokenState, User};
pub use scope_map::lets_read;

/// The most users that are looked at: so many sign-ins are tried.
const MAX_USERS: usize = 4;
/// The symptoms that the state of a token or of the admin user explains.
const REFUSALS: [&str; 6] = [
    "token/credentials-refused",
    "token/admin-user-disabled",
    "token/application-not-registered",
    "token/anonymous-blocked-by-bad-creds",
    "token/scope-not-granted",
    "token/entry-refused",
];
/// The user name that goes with a refresh token.
const TOKEN_USER: &str = "00000000-0000-0000-0000-000000000000";

/// The users whose state was read.
#[derive(Serialize)]
pub struct Credentials {
    #[serde(skip_serializing_if = "Vec::is_empty")]
    users: Vec<String>,
}

/// Looks at the admin user or the registry token behind each presented user name.
pub async fn check(
    cx: &Cx,
    control_plane: &ControlPlane,
    registry: &Registry,
    image_target: &ImageTarget,
    pull: &DataPath,
) -> StepResult<Credentials> {
    let presented = presented(pull);
    if presented.is_empty() {
        return Err(NoFact::skipped(Problem::NoPasswordPresented {}));
    }
    let is_refused = pull.failure().is_some_and(|found| REFUSALS.contains(&found.code.as_str()));
    let repository = image_target.asked.image.as_ref().map(|image| image.repository.as_str());
    let repository = repository.filter(|_| is_refused);
    let (mut users, mut unknown) = (vec![], None);
    for user in presented {
        let looked = if user.eq_ignore_ascii_case(registry.name()) {
            look_at_admin(cx, registry, &user, is_refused);
            Ok(())
        } else {
            token::look(cx, control_plane, registry, &user, repository).await
        };
        match looked {
            Ok(()) => users.push(user),
            Err(no_fact) => unknown = unknown.or(Some(no_fact)),
        }
    }
    // What cannot be read matters only where it may be the reason of a refusal.
    match unknown {
        Some(no_fact) if is_refused => Err(no_fact),
        _ => Ok(Credentials { users }),
    }
}

/// Says in which state the admin user is, whose name is the registry's.
fn look_at_admin(cx: &Cx, registry: &Registry, user: &str, is_refused: bool) {
    let user = User::of(cx, registry, user);
    match registry.resource.flag("properties.adminUserEnabled") {
        Some(false) => cx.add_finding(Problem::AdminUserDisabled(user)),
        Some(true) if is_refused => cx.add_finding(Problem::AdminPasswordWrong(user)),
        Some(true) | None => {}
    }
}

/// Returns the names that were presented with a password: those of tokens and of the admin user, not
/// those of Entra applications, which are GUIDs.
fn presented(pull: &DataPath) -> Vec<String> {
    let mut users: Vec<String> = vec![];
    let Ok(identity) = &*pull.identity else { return users };
    for candidate in identity.candidates() {
        // The name is absent where it is the secret itself.
        if let (Credential::Password { .. }, Some(user)) = (&candidate.credential, &candidate.user)
            && candidate.application.is_none()
            && user != TOKEN_USER
            && !is_guid(user)
            && !users.contains(user)
        {
            users.push(user.clone());
        }
    }
    users.truncate(MAX_USERS);
    users
}
