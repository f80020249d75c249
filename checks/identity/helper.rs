//! Docker's credential helpers: programs that store credentials.

use std::time::Duration;

use serde::Deserialize;

use super::Credential;
use crate::kit::{
    Secret,
    world::{ProcessError, process},
};

/// How long a helper may take: it may send a request to a server of its own, or wait for a person.
const HELPER_WAIT: Duration = Duration::from_secs(8);

/// The output of a helper.
#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Helped {
    username: String,
    secret: String,
}

/// Returns whether a helper can have that name: nothing that leads to another folder.
pub(super) fn is_a_name(helper: &str) -> bool {
    helper.chars().all(|c| c.is_ascii_alphanumeric() || "-_.".contains(c))
}

/// Asks a helper for the registry's credentials. Returns `None` if it has none.
pub(super) async fn ask(helper: &str, registry: &str) -> Result<Option<Credential>, ProcessError> {
    if !is_a_name(helper) {
        return Err(ProcessError::NotAHelperName);
    }
    let name = format!("docker-credential-{helper}");
    let printed = process::run(&name, &["get"], registry, HELPER_WAIT).await?;
    let Ok(Helped { username, secret }) = serde_json::from_slice(&printed.out) else {
        // The wording with which the protocol says that there are no credentials for that registry.
        let none = String::from_utf8_lossy(&printed.out).contains("credentials not found");
        return if none { Ok(None) } else { Err(ProcessError::Failed(printed.status)) };
    };
    if secret.is_empty() {
        return Ok(None);
    }
    let secret = Secret::new(secret);
    Ok(Some(match username.as_str() {
        "<token>" => Credential::Refresh(secret),
        _ => Credential::Password { user: username, password: secret },
    }))
}
