//! A managed identity of this machine: a token from the metadata service, or why there is none.
//!
//! Where a kubelet's provider gets none it fails, and the kubelet pulls anonymously: what is found
//! here is a cause only where anonymous pulls are refused.

use super::{
    Candidate, CandidateKind, EntraToken, Problem,
    problem::{Answered, ManagementAudience},
};
use crate::{
    kit::{
        Cx, NoFact, StepResult,
        azure::{
            Endpoints, Principal, REGISTRY_AUDIENCE,
            imds::{self, Issued, Refused},
        },
        target::ManagedIdentityId,
    },
    kubelet::{AzureEnvironment, NodeLocation},
};

/// Signs in as that identity; anonymously, where there is no token.
pub(super) async fn sign_in(
    cx: &Cx,
    which: ManagedIdentityId,
    around: &AzureEnvironment,
) -> StepResult<Candidate> {
    let Some(Issued { token, busy }) = token(cx, &which, around).await? else {
        return Ok(Candidate::anonymous().called(CandidateKind::KubeletWithoutToken));
    };
    if !busy.is_empty() {
        cx.add_finding(Problem::ImdsThrottledOrFlaky {
            statuses: busy,
            answered: Answered::GaveThen,
        });
    }
    let machine = Some((which, around.endpoints.clone()));
    let login = EntraToken { named: around.named(), machine, ..EntraToken::of(token) };
    Ok(Candidate::by_token(login, CandidateKind::KubeletIdentity, &around.file))
}

/// The only identity that is attached to this machine, if it is known that there is one.
pub(super) async fn only_attached(cx: &Cx) -> Option<EntraToken> {
    let issued = imds::token_straight(cx, &ManagedIdentityId::Unnamed, REGISTRY_AUDIENCE).await;
    issued.ok().map(|issued| EntraToken::of(issued.token))
}

/// A token for registries. `None` where there is certainly none: then it was said why.
async fn token(
    cx: &Cx,
    which: &ManagedIdentityId,
    around: &AzureEnvironment,
) -> StepResult<Option<Issued>> {
    let refused = match imds::proxy(cx) {
        None => match imds::token(cx, which, REGISTRY_AUDIENCE).await {
            Ok(issued) => return Ok(Some(issued)),
            Err(refused) => refused,
        },
        // The environment sends it to a proxy, and so does a kubelet with the same: is it for that
        // reason?
        Some(proxy) => {
            let straight = imds::token_straight(cx, which, REGISTRY_AUDIENCE);
            let sent = imds::token(cx, which, REGISTRY_AUDIENCE);
            match futures::future::join(sent, straight).await {
                (Ok(issued), _) => return Ok(Some(issued)),
                (Err(sent), Ok(_)) => {
                    let (variable, said) = (proxy.variable, sent.word());
                    cx.add_finding(Problem::ProxyImdsNotBypassed { proxy, variable, said });
                    return Ok(None);
                }
                (Err(_), Err(straight)) if straight.is_its_own() => straight,
                (Err(sent), Err(_)) => sent,
            }
        }
    };
    // A pod may be kept from it, or led astray, where its node is not.
    let elsewhere = around.tenant.is_some() && !cx.world.is_on_node_network().await;
    let problem = match refused {
        Refused::Unreachable(fault) if elsewhere => {
            return Err(NoFact::could_not_tell(Problem::ImdsUnreachable { fault }));
        }
        Refused::Stranger { status, said } if elsewhere => {
            return Err(NoFact::could_not_tell(Problem::ImdsIntercepted { status, said }));
        }
        Refused::Unreachable(fault) => Problem::ImdsUnreachable { fault },
        // It may take longer than we wait: the provider waits a minute.
        Refused::Silent => {
            let seconds = imds::IMDS_WAIT.as_secs();
            return Err(NoFact::could_not_tell(Problem::ImdsSilent { seconds }));
        }
        // The provider asks for longer than we do.
        Refused::Busy(statuses) => {
            return Err(NoFact::could_not_tell(Problem::ImdsThrottledOrFlaky {
                statuses,
                answered: Answered::GaveNone,
            }));
        }
        Refused::Away(status) => Problem::ImdsThrottledOrFlaky {
            statuses: vec![status],
            answered: Answered::ProviderGivesUp,
        },
        Refused::Stranger { status, said } => Problem::ImdsIntercepted { status, said },
        Refused::Several => Problem::MiMultipleUnspecified {},
        Refused::NoAudience(said) => audience_unavailable(cx, which, &around.endpoints, said).await,
        Refused::Other { status, said } => Problem::ImdsRefuses { status, said },
        Refused::NotFound => not_found(cx, which, around.place.clone()).await,
    };
    cx.add_finding(problem);
    Ok(None)
}

/// The identity is not attached. Is another one, that is called like a kubelet's?
async fn not_found(cx: &Cx, which: &ManagedIdentityId, place: NodeLocation) -> Problem {
    let id = which.id().to_owned();
    let attached = match which {
        ManagedIdentityId::Unnamed => None,
        ManagedIdentityId::Client(_) | ManagedIdentityId::Resource(_) => {
            only_attached(cx).await.map(|login| login.principal)
        }
    };
    match attached {
        Some(attached) if attached.is_called_like_a_kubelets() => {
            Problem::MiClientIdStale { id, attached: Box::new(attached), place }
        }
        attached => {
            let attached = attached.as_ref().and_then(Principal::word).map(str::to_owned);
            Problem::MiNotOnVmss { id, attached, place }
        }
    }
}

/// Registries' own audience is not known there. Is the older one?
async fn audience_unavailable(
    cx: &Cx,
    which: &ManagedIdentityId,
    endpoints: &Endpoints,
    said: String,
) -> Problem {
    let older = imds::token_straight(cx, which, &endpoints.management).await;
    let management_known = match older {
        Ok(_) => ManagementAudience::Yes,
        Err(_) => ManagementAudience::No,
    };
    Problem::AadAudienceUnavailable { audience: REGISTRY_AUDIENCE, said, management_known }
}
