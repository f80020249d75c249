//! The programs that keep credentials for docker.

use std::{process::Stdio, time::Duration};

use serde::Deserialize;
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    process::Command,
    time::timeout,
};

use super::Credential;
use crate::kit::Secret;

/// The longest answer of a helper that is read.
const LONGEST: u64 = 1024 * 1024;
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
pub(super) async fn ask(helper: &str, registry: &str) -> Result<Option<Credential>, String> {
    timeout(HELPER_WAIT, talk(helper, registry)).await.unwrap_or(Err("no-answer".to_owned()))
}

async fn talk(helper: &str, registry: &str) -> Result<Option<Credential>, String> {
    if !helper.chars().all(|c| c.is_ascii_alphanumeric() || "-_.".contains(c)) {
        return Err("not-a-helper-name".to_owned());
    }
    let said = |error: std::io::Error| error.to_string();
    let mut child = Command::new(format!("docker-credential-{helper}"))
        .arg("get")
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .kill_on_drop(true)
        .spawn()
        .map_err(said)?;
    let talk = async {
        if let Some(mut stdin) = child.stdin.take() {
            // A helper that does not care for its input may have gone already.
            let _ = stdin.write_all(registry.as_bytes()).await;
        }
        let mut printed = vec![];
        if let Some(stdout) = child.stdout.take() {
            stdout.take(LONGEST + 1).read_to_end(&mut printed).await.map_err(said)?;
        }
        if printed.len() as u64 > LONGEST {
            return Err("too-long".to_owned());
        }
        let status = child.wait().await.map_err(said)?;
        if let Ok(helped) = serde_json::from_slice::<Helped>(&printed) {
            return Ok(Some(helped));
        }
        // The protocol's own words for "I have none for that registry".
        if String::from_utf8_lossy(&printed).contains("credentials not found") {
            return Ok(None);
        }
        Err(status.to_string())
    };
    let helped = talk.await?;
    Ok(helped.filter(|helped| !helped.secret.is_empty()).map(|Helped { username, secret }| {
        let secret = Secret::new(secret);
        match username.as_str() {
            "<token>" => Credential::Refresh(secret),
            _ => Credential::Password { user: username, password: secret },
        }
    }))
}
