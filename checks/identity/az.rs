//! Whoever is signed in to the Azure CLI on this machine.

use std::{process::Stdio, rc::Rc, time::Duration};

use serde_json::Value;
use tokio::{io::AsyncReadExt, process::Command, time::timeout};

use super::{Credential, Identity, Login, Trouble};
use crate::kit::{Cx, Got, Halt, Secret, azure::{Principal, REGISTRY_AUDIENCE}, printable};

/// How long it may take: it is slow to start, and may ask Entra.
const AZ_WAIT: Duration = Duration::from_secs(30);
/// The longest output that is read.
const LONGEST: u64 = 1024 * 1024;

/// Signs in as that person or application.
pub(super) async fn sign_in(_: &Cx) -> Got<Identity> {
    let said = match timeout(AZ_WAIT, ask()).await {
        Ok(Ok(token)) => {
            let principal = Principal::of(&token);
            let tenant = principal.tenant.clone();
            let login = Login { token, principal, tenant, tenant_from: None, machine: None };
            let from = Some("az account get-access-token".to_owned());
            return Ok(Identity::new(Credential::Entra(Rc::new(login)), from).called("azure-cli"));
        }
        Ok(Err(said)) => said,
        Err(_) => "no-answer".to_owned(),
    };
    Err(Halt::broke(Trouble::AzFailed { said }))
}

async fn ask() -> Result<Secret, String> {
    let said = |error: std::io::Error| error.to_string();
    let mut child = Command::new("az")
        .args(["account", "get-access-token", "--resource", REGISTRY_AUDIENCE, "--output", "json"])
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .kill_on_drop(true)
        .spawn()
        .map_err(|error| match error.kind() {
            std::io::ErrorKind::NotFound => "no-az".to_owned(),
            _ => said(error),
        })?;
    let (mut printed, mut complained) = (vec![], vec![]);
    let (stdout, stderr) = (child.stdout.take(), child.stderr.take());
    let printing = async {
        if let Some(stdout) = stdout {
            stdout.take(LONGEST).read_to_end(&mut printed).await?;
        }
        Ok(())
    };
    let complaining = async {
        if let Some(stderr) = stderr {
            stderr.take(LONGEST).read_to_end(&mut complained).await?;
        }
        Ok(())
    };
    futures::future::try_join(printing, complaining).await.map_err(said)?;
    let status = child.wait().await.map_err(said)?;
    let answer: Value = serde_json::from_slice(&printed).unwrap_or_default();
    let token = answer.get("accessToken").and_then(Value::as_str).filter(|token| !token.is_empty());
    if let (true, Some(token)) = (status.success(), token) {
        return Ok(Secret::new(token));
    }
    let complaint = String::from_utf8_lossy(&complained);
    let line = complaint.lines().find(|line| !line.trim().is_empty());
    Err(line.map_or_else(|| status.to_string(), printable))
}
