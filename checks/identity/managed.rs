//! A managed identity of this machine: gets its token from IMDS, or reports why there is none.
//!
//! If a kubelet's credential provider gets no token, it fails, and the kubelet pulls anonymously.
//! So these problems are a cause only if the registry refuses anonymous pulls.

use std::rc::Rc;

use tokio::time::{Instant, timeout};

use super::{
    Candidate, CandidateKind, Credential, EntraToken, Problem,
    late::{Came, Late},
    problem::{Answered, ManagementAudience},
};
use crate::{
    kit::{
        Cx, Local, NoFact, StepResult,
        azure::{
            Endpoints, Principal, REGISTRY_AUDIENCE,
            imds::{self, IMDS_WAIT, Issued, Refused},
        },
        target::ManagedIdentityId,
    },
    kubelet::{Audience, AzureEnvironment, NodeLocation, ProviderBuild},
};

/// Signs in as that identity, or anonymously if there is no token. What the registry says to an
/// anonymous client is asked while IMDS does not answer.
pub(super) async fn sign_in(
    cx: &Cx,
    which: ManagedIdentityId,
    around: &AzureEnvironment,
) -> StepResult<Candidate> {
    let began = Instant::now();
    let mut asking: Local<StepResult<(Candidate, Ending)>> =
        Box::pin(asked(cx.clone(), which, around.clone()));
    let late = match timeout(IMDS_WAIT, &mut asking).await {
        Ok(Ok((candidate, Ending::Certain))) => return Ok(candidate),
        Ok(Ok((_, Ending::Open))) => Late::ended(),
        Ok(Err(no_fact)) => return Err(no_fact),
        Err(_) => Late::waiting(cx, Box::pin(later(cx.clone(), began, asking))),
    };
    let anonymous = Candidate::anonymous().called(CandidateKind::UntilTokenComes);
    Ok(Candidate { late: Some(late), ..anonymous })
}

/// Reports what comes of the wait.
async fn later(
    cx: Cx,
    began: Instant,
    asking: Local<StepResult<(Candidate, Ending)>>,
) -> Came<Rc<Candidate>> {
    match asking.await {
        Ok((candidate, _)) if matches!(candidate.credential, Credential::Entra(_)) => {
            cx.add_finding(Problem::ImdsSlow { seconds: began.elapsed().as_secs() });
            Came::Token(Rc::new(candidate))
        }
        Ok((_, Ending::Certain)) => Came::Nothing,
        Ok((_, Ending::Open)) => Came::NotYet,
        Err(no_fact) => {
            cx.add_not_read(no_fact);
            Came::NotYet
        }
    }
}

/// How asking for a token ends.
enum Ending {
    /// With a token, or certainly without one.
    Certain,
    /// IMDS may answer later.
    Open,
}

/// Gets the identity's token, however long IMDS takes in this run.
async fn asked(
    cx: Cx,
    which: ManagedIdentityId,
    around: AzureEnvironment,
) -> StepResult<(Candidate, Ending)> {
    let anonymous = || Candidate::anonymous().called(CandidateKind::KubeletWithoutToken);
    let Issued { token, busy } = match token(&cx, &which, &around).await? {
        Got::Token(issued) => issued,
        Got::None => return Ok((anonymous(), Ending::Certain)),
        Got::NoneYet => return Ok((anonymous(), Ending::Open)),
    };
    if !busy.is_empty() {
        cx.add_finding(Problem::ImdsThrottledOrFlaky {
            statuses: busy,
            answered: Answered::GaveThen,
        });
    }
    let machine = Some((which, around.endpoints.clone()));
    let provider = around.provider.clone();
    let login = EntraToken { named: around.named(), machine, provider, ..EntraToken::of(token) };
    let candidate = Candidate::by_token(login, CandidateKind::KubeletIdentity, &around.file);
    Ok((candidate, Ending::Certain))
}

/// Returns the token of the single identity that is attached to this machine, if IMDS issues one.
pub(super) async fn only_attached(cx: &Cx) -> Option<EntraToken> {
    let issued = imds::token_straight(cx, &ManagedIdentityId::Unnamed, REGISTRY_AUDIENCE).await;
    issued.ok().map(|issued| EntraToken::of(issued.token))
}

/// What IMDS gave; the reason why there is no token was reported.
enum Got {
    Token(Issued),
    /// There is certainly no token.
    None,
    /// IMDS may answer later.
    NoneYet,
}

/// Gets the token that the node's provider asks for.
async fn token(cx: &Cx, which: &ManagedIdentityId, around: &AzureEnvironment) -> StepResult<Got> {
    // An older provider asks for the audience of Azure Resource Manager.
    let audience = match around.provider.as_ref().map(ProviderBuild::audience) {
        Some(Audience::ManagementAudience) => &around.endpoints.management,
        Some(Audience::RegistryAudience | Audience::UnknownAudience) | None => REGISTRY_AUDIENCE,
    };
    let began = Instant::now();
    let refused = match imds::proxy(cx) {
        None => match imds::token(cx, which, audience, imds::patience(cx)).await {
            Ok(issued) => return Ok(Got::Token(issued)),
            Err(refused) => refused,
        },
        // The environment sends the request to a proxy, and a kubelet with the same environment
        // does so too. A direct request tells whether the proxy is the cause.
        Some(proxy) => {
            let straight = imds::token_straight(cx, which, audience);
            let sent = imds::token(cx, which, audience, IMDS_WAIT);
            match futures::future::join(sent, straight).await {
                (Ok(issued), _) => return Ok(Got::Token(issued)),
                (Err(sent), Ok(_)) => {
                    let (variable, said) = (proxy.variable, sent.word());
                    cx.add_finding(Problem::ProxyImdsNotBypassed { proxy, variable, said });
                    return Ok(Got::None);
                }
                (Err(_), Err(straight)) if straight.is_its_own() => straight,
                (Err(sent), Err(_)) => sent,
            }
        }
    };
    // A pod may be blocked from IMDS, or its requests intercepted, although its node is not
    // affected.
    let elsewhere = around.tenant.is_some() && !cx.world.is_on_node_network().await;
    let problem = match refused {
        Refused::Unreachable(fault) if elsewhere => {
            return Err(NoFact::could_not_tell(Problem::ImdsUnreachable { fault }));
        }
        Refused::Stranger { status, said } if elsewhere => {
            return Err(NoFact::could_not_tell(Problem::ImdsIntercepted { status, said }));
        }
        Refused::Unreachable(fault) => Problem::ImdsUnreachable { fault },
        Refused::Silent => {
            cx.add_finding(Problem::ImdsSilent { seconds: began.elapsed().as_secs() });
            return Ok(Got::NoneYet);
        }
        // The credential provider retries for longer than we do.
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
    Ok(Got::None)
}

/// Reports an identity that is not attached, and whether another identity with a kubelet identity's
/// name is attached instead.
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

/// Reports that the registries' own audience is unknown, and whether the older audience is known.
async fn audience_unavailable(
    cx: &Cx,
    which: &ManagedIdentityId,
    endpoints: &Endpoints,
    said: String,
) -> Problem {
    let older = imds::token_straight(cx, which, &endpoints.management).await;
    let management_known = match older {
        Ok(_) => ManagementAudience::Yes,
        Err(Refused::NoAudience(_)) => ManagementAudience::No,
        Err(_) => ManagementAudience::NotAsked,
    };
    Problem::AadAudienceUnavailable { audience: REGISTRY_AUDIENCE, said, management_known }
}
