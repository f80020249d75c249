//! Signs in with the account of the Azure CLI on this machine.

use super::{Candidate, CandidateKind, EntraToken, Problem};
pub(crate) use crate::kit::azure::cli::CLI_WAIT as AZ_WAIT;
use crate::kit::{
    Cx, NoFact, StepResult,
    azure::{REGISTRY_AUDIENCE, cli},
};

/// Signs in as the person or service principal of that account.
pub(super) async fn sign_in(cx: &Cx) -> StepResult<Candidate> {
    match cli::token(cx, REGISTRY_AUDIENCE).await {
        Ok(token) => Ok(Candidate::by_token(
            EntraToken::of(token),
            CandidateKind::AzureCli,
            "az account get-access-token",
        )),
        Err(error) => Err(NoFact::could_not_tell(Problem::AzFailed { said: error.word() })),
    }
}
