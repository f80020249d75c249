//! Signs in with the account of the Azure CLI on this machine.

use std::time::Duration;

use serde_json::Value;

use super::{Candidate, CandidateKind, EntraToken, Problem};
use crate::kit::{
    NoFact, Secret, StepResult, azure::REGISTRY_AUDIENCE, sanitize_text, world::process,
};

/// How long the Azure CLI may take: it starts slowly and may send a request to Entra.
pub(crate) const AZ_WAIT: Duration = Duration::from_secs(30);

/// Signs in as the person or service principal of that account.
pub(super) async fn sign_in() -> StepResult<Candidate> {
    let args = ["account", "get-access-token", "--resource", REGISTRY_AUDIENCE, "--output", "json"];
    let printed = process::run("az", &args, "", AZ_WAIT).await.map_err(|error| error.to_string());
    match printed.and_then(|printed| token(&printed)) {
        Ok(token) => Ok(Candidate::by_token(
            EntraToken::of(token),
            CandidateKind::AzureCli,
            "az account get-access-token",
        )),
        Err(said) => Err(NoFact::could_not_tell(Problem::AzFailed { said })),
    }
}

fn token(printed: &process::ProcessOutput) -> Result<Secret, String> {
    let answer: Value = serde_json::from_slice(&printed.out).unwrap_or_default();
    let token = answer.get("accessToken").and_then(Value::as_str).filter(|token| !token.is_empty());
    // From here on the token is redacted wherever it appears: the error message may contain it too.
    let token = token.map(Secret::new);
    if let (true, Some(token)) = (printed.success, token) {
        return Ok(token);
    }
    let complaint = String::from_utf8_lossy(&printed.err);
    let line = complaint.lines().find(|line| !line.trim().is_empty());
    Err(line.map_or_else(|| printed.status.clone(), sanitize_text))
}
