//! Signs in to Entra as a service principal or a federated identity, and explains its refusals.

use futures::future::join;
use serde_json::Map;

use super::{Candidate, CandidateKind, EntraToken, Problem, managed, problem::ManagementAudience};
use crate::{
    kit::{
        Cx, NoFact, Secret, StepResult,
        azure::{
            Endpoints, Principal, REGISTRY_AUDIENCE, authority_of,
            entra::{self, Proof, Refused},
        },
        engine::Finding,
        redact::claims,
        sanitize_text,
        target::Cloud,
    },
    kubelet::Application,
};

// The numbers are from learn.microsoft.com/entra/identity-platform/reference-error-codes and from
// recorded responses.
/// The identity has no federated credential for this token, its subject, its issuer or its
/// audience; or the token has expired.
const NOT_FEDERATED: [u64; 6] = [70_021, 700_211, 700_212, 700_213, 700_024, 70_025];
/// Entra did not reach the issuer of the token.
const ISSUER_UNREACHABLE: u64 = 90_061;
/// The tenant does not know the audience.
const NO_AUDIENCE: [u64; 2] = [50_001, 500_011];

impl Application {
    /// Explains why a registry refuses the service principal. Either Entra refuses it too, or the
    /// node still uses it although a kubelet identity is attached to the machine by now.
    pub(crate) async fn tell_why_refused(&self, cx: &Cx) {
        let (why, attached) = join(self.why_refused(cx), managed::only_attached(cx)).await;
        let attached = attached.filter(|login| login.principal.is_called_like_a_kubelets());
        match (why, attached.and_then(|login| login.principal.name)) {
            (why, Some(attached)) => {
                let said = why.map(|why| Finding::from(why).name().to_owned());
                let (client_id, place) = (self.client_id.clone(), self.around.place.clone());
                cx.add_finding(Problem::NodeStillSpMode { client_id, attached, said, place });
            }
            (Some(why), None) => cx.add_finding(why),
            (None, None) => {}
        }
    }

    /// Returns why Entra issues no token either, or that it does issue one; `None` if that cannot
    /// be determined.
    async fn why_refused(&self, cx: &Cx) -> Option<Problem> {
        let asking = entra::Client {
            authority: self.around.endpoints.authority.clone()?,
            tenant: self.around.tenant.clone().filter(|tenant| !tenant.is_empty())?,
            client_id: self.client_id.clone(),
            proof: Proof::Secret(self.secret.clone()),
        };
        match entra::token(cx, &asking, REGISTRY_AUDIENCE).await {
            // A registry checks the password itself. So it explains nothing that Entra is
            // unreachable from here or does not know the audience.
            Err(refused @ Refused::Said { .. }) if !refused.is(&NO_AUDIENCE) => {
                Some(said(&asking, &refused))
            }
            Err(_) => None,
            Ok(token) => {
                let object_id = Principal::of(&token).object_id;
                let client_id = asking.client_id;
                Some(Problem::ServicePrincipalWithoutRole { client_id, object_id })
            }
        }
    }
}

/// Signs in as the workload identity of this pod, using the variables that its webhook sets.
pub(super) async fn workload(cx: &Cx) -> StepResult<Candidate> {
    let variable = |name: &str| cx.world.variables.get(name).cloned();
    let missing = |what: &'static str| {
        NoFact::could_not_tell(Problem::WorkloadIdentityMissing { variable: what })
    };
    let client_id = variable("AZURE_CLIENT_ID").ok_or_else(|| missing("AZURE_CLIENT_ID"))?;
    let tenant = variable("AZURE_TENANT_ID").ok_or_else(|| missing("AZURE_TENANT_ID"))?;
    let file = variable("AZURE_FEDERATED_TOKEN_FILE");
    let file = file.ok_or_else(|| missing("AZURE_FEDERATED_TOKEN_FILE"))?;
    let read = cx.world.read(std::path::Path::new(&file)).await;
    let bytes = read.map_err(|error| {
        NoFact::could_not_tell(Problem::AuthFileUnreadable {
            file: file.clone(),
            said: error.to_string(),
        })
    })?;
    let assertion = Secret::new(String::from_utf8_lossy(&bytes).trim());
    let authority = variable("AZURE_AUTHORITY_HOST");
    let authority = match authority {
        Some(url) => authority_of(&url),
        None => Endpoints::of(Cloud::default()).authority,
    };
    let authority = authority.ok_or_else(|| missing("AZURE_AUTHORITY_HOST"))?;
    let asking = entra::Client { authority, tenant, client_id, proof: Proof::Assertion(assertion) };
    match entra::token(cx, &asking, REGISTRY_AUDIENCE).await {
        Ok(token) => {
            Ok(Candidate::by_token(EntraToken::of(token), CandidateKind::WorkloadIdentity, &file))
        }
        Err(Refused::Unclear(said)) => Err(NoFact::could_not_tell(Problem::AadUnclear {
            authority: asking.authority.to_string(),
            said,
        })),
        Err(refused) => {
            cx.add_finding(said(&asking, &refused));
            Ok(Candidate::anonymous().called(CandidateKind::WorkloadWithoutToken))
        }
    }
}

/// Returns the problem that a refusal by Entra means.
fn said(asked: &entra::Client, refused: &Refused) -> Problem {
    let (client_id, tenant) = (asked.client_id.clone(), asked.tenant.clone());
    let said = sanitize_text(&refused.word());
    match refused {
        Refused::Unreachable(error) => Problem::AadEndpointBlocked {
            authority: asked.authority.to_string(),
            stage: error.stage,
            fault: error.fault.clone(),
        },
        _ if refused.is(&[7_000_222]) => Problem::SpSecretExpired { client_id, said },
        _ if refused.is(&[7_000_215]) => Problem::SpSecretWrong { client_id, said },
        _ if refused.is(&[700_016]) => Problem::SpAppMissing { client_id, tenant, said },
        _ if refused.is(&[90_002]) => Problem::TenantUnknown { tenant, said },
        _ if refused.is(&[53_003]) => Problem::AadConditionalAccess { client_id, said },
        _ if refused.is(&NO_AUDIENCE) => {
            let management_known = ManagementAudience::NotAsked;
            Problem::AadAudienceUnavailable { audience: REGISTRY_AUDIENCE, said, management_known }
        }
        _ if refused.is(&NOT_FEDERATED) || refused.is(&[ISSUER_UNREACHABLE]) => {
            let claims = match &asked.proof {
                Proof::Assertion(token) => claims(token).unwrap_or_default(),
                Proof::Secret(_) => Map::new(),
            };
            let text = |name: &str| claims.get(name)?.as_str().map(str::to_owned);
            // In a service account's token `aud` is a list with one entry.
            let first = || claims.get("aud")?.as_array()?.first()?.as_str().map(str::to_owned);
            let audience = text("aud").or_else(first);
            let (issuer, subject) = (text("iss"), text("sub"));
            Problem::IdentityBindingFicMismatch { client_id, issuer, subject, audience, said }
        }
        _ => Problem::AadRefuses { authority: asked.authority.to_string(), said },
    }
}
