//! The programs that keep credentials for docker.

use std::time::Duration;

use serde::Deserialize;

use super::Credential;
use crate::kit::{
    Secret,
    world::{ProcessError, process},
};

/// How long it may take: it may ask a server of its own, or wait for a person.
const HELPER_WAIT: Duration = Duration::from_secs(8);

/// What a helper prints.
#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Helped {
    username: String,
    secret: String,
}

/// Asks the program that keeps the credentials. `None` when it has none for that registry.
pub(super) async fn ask(helper: &str, registry: &str) -> Result<Option<Credential>, ProcessError> {
    if !helper.chars().all(|c| c.is_ascii_alphanumeric() || "-_.".contains(c)) {
        return Err(ProcessError::NotAHelperName);
    }
    let name = format!("docker-credential-{helper}");
    let printed = process::run(&name, &["get"], registry, HELPER_WAIT).await?;
    let Ok(Helped { username, secret }) = serde_json::from_slice(&printed.out) else {
        // The protocol's own words for "I have none for that registry".
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
