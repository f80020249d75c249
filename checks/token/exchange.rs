//! Exchanges an Entra token for a refresh token of the registry, with the form of the kubelet's
//! credential provider.
//!
//! The provider sends the tenant from the node's file, not the token's own. It ignores the text of
//! a refusal, and then the kubelet pulls anonymously. So these problems are a cause only if the
//! registry refuses anonymous pulls (cloud-provider-azure, `azure_acr_helper.go`).

use std::rc::Rc;

use hyper::Method;
use url::form_urlencoded;

use super::{
    problem::{Problem, RefusedIdentity},
    provider,
    realm::Realm,
    refresh_token::MAX_TOKEN_BYTES,
    words::{ManagementToken, NoAnswer, NoTenant},
};
use crate::{
    identity::{Candidate, EntraToken},
    kit::{
        Cx, Host, NoFact, Secret, StepResult,
        azure::{
            REGISTRY_AUDIENCE,
            imds::{self, IMDS_WAIT},
        },
        net::{Challenge, Fault, Reply, Request, challenges},
        rules::{Fields, Malformed},
    },
    kubelet::{Audience, ProviderBuild},
    registry::{NoChallenge, Refusal, RegistryClient},
};

/// The endpoint at which tokens are exchanged.
struct Exchange {
    client: Rc<RegistryClient>,
    host: Host,
    service: String,
}

/// Why a token was not exchanged.
enum ExchangeError {
    /// The problem is already graded and is unrelated to the exchange.
    Graded(NoFact),
    /// The registry refuses the token.
    Refused(Refusal),
    /// The registry neither issues a refresh token nor refuses.
    Unexpected(String),
}

impl From<NoFact> for ExchangeError {
    fn from(graded: NoFact) -> Self {
        ExchangeError::Graded(graded)
    }
}

/// Exchanges the token. If the registry does not accept it, the step is skipped: the reason is then
/// reported, and the pull is anonymous.
pub(super) async fn exchange_entra_token(
    cx: &Cx,
    client: &Rc<RegistryClient>,
    wanted: &Challenge,
    identity: &Candidate,
    login: &Rc<EntraToken>,
) -> StepResult<Secret> {
    let not_exchanged = |problem: Problem| {
        cx.add_finding(problem);
        NoFact::skipped(Problem::NotExchanged {})
    };
    let as_provider = provider::reach(cx, client, login, not_exchanged).await?;
    let client = &as_provider;
    let host = client.host.to_string();
    let providers = match &login.named {
        Some(_) => {
            let reply = client
                .ask(cx, &Request { is_ours: true, ..Request::new(Method::GET, "/v2/") })
                .await?;
            let status = reply.status;
            let read = providers_challenge(&reply).map_err(|said| {
                let host = host.clone();
                not_exchanged(Problem::ProviderTakesNoChallenge { host, status, said })
            });
            Some(read?)
        }
        None => None,
    };
    let exchange = Exchange::at(client, providers.as_ref().unwrap_or(wanted))?;
    let own = login.principal.tenant.as_deref();
    let named = login.named.as_ref();
    let tenant = named.map_or(own, |named| Some(named.tenant.as_str()));
    let refusal = match exchange.ask(cx, login, &login.token, tenant).await {
        Ok(token) => {
            if login.audience() != Audience::ManagementAudience {
                cx.in_background(look_at_management(cx.clone(), exchange, login.clone()));
            }
            return Ok(token);
        }
        Err(ExchangeError::Unexpected(said)) => {
            return Err(not_exchanged(Problem::ExchangeUnreadable { host, said }));
        }
        Err(ExchangeError::Graded(no_fact)) => return Err(no_fact),
        Err(ExchangeError::Refused(refusal)) => refusal,
    };
    if let (Some(named), Some(own)) = (named, own)
        && !named.tenant.eq_ignore_ascii_case(own)
        && exchange.ask(cx, login, &login.token, Some(own)).await.is_ok()
    {
        let (file, own) = (named.file.clone(), own.to_owned());
        let named =
            if named.tenant.is_empty() { NoTenant::None.to_string() } else { named.tenant.clone() };
        return Err(not_exchanged(Problem::WrongTenantInAzurejson { host, file, named, own }));
    }
    let is_management = login.audience() == Audience::ManagementAudience;
    let by_registry = if is_management { exchange.takes_registrys(cx, login).await } else { None };
    if let (Some(true), Some(provider)) = (by_registry, &login.provider) {
        let (program, version) = (provider.program.clone(), provider.version.clone());
        let version = version.unwrap_or_default();
        let problem = Problem::ExchangeArmAudienceRefused { host, program, version };
        return Err(not_exchanged(problem));
    }
    let management = match exchange.takes_management(cx, login).await {
        Some(true) => ManagementToken::Taken,
        Some(false) => ManagementToken::Refused,
        None => ManagementToken::NotAsked,
    };
    let (principal, said) = (&login.principal, refusal.body.message);
    let correlation = refusal.correlation;
    Err(not_exchanged(Problem::ExchangeNoRole(RefusedIdentity {
        host,
        who: identity.name(),
        object_id: principal.object_id.clone(),
        client_id: principal.client_id.clone(),
        principal_type: if principal.is_person { "User" } else { "ServicePrincipal" },
        tenant: tenant.filter(|tenant| !tenant.is_empty()).map(str::to_owned),
        management,
        kept: login.provider.as_ref().and_then(ProviderBuild::kept_minutes),
        said: (!said.is_empty()).then_some(said),
        correlation,
    })))
}

/// Returns the challenge in the response to `GET /v2/` as the kubelet's credential provider reads
/// it (`receiveChallengeFromLoginServer`). A container runtime reads the challenge of another
/// request and is more lenient.
fn providers_challenge(reply: &Reply) -> Result<Challenge, String> {
    let headers: Vec<_> = reply.headers.get_all("www-authenticate").iter().collect();
    let written = headers.first().and_then(|header| header.to_str().ok()).unwrap_or_default();
    // The provider searches for exactly these names, with the quotation mark.
    let fits =
        headers.len() == 1 && ["realm=\"", "service=\""].iter().all(|part| written.contains(part));
    let found = challenges(&reply.headers).into_iter().find(|found| found.scheme == "bearer");
    found.filter(|_| reply.status == 401 && fits).ok_or_else(|| {
        let said = headers.iter().filter_map(|header| header.to_str().ok()).collect::<Vec<_>>();
        if said.is_empty() { NoChallenge::NoChallenge.to_string() } else { said.join(", ") }
    })
}

/// Warns if the registry refuses a token for Azure Resource Manager. Such a token is what older
/// nodes and `az aks check-acr` send.
async fn look_at_management(cx: Cx, exchange: Exchange, login: Rc<EntraToken>) {
    if exchange.takes_management(&cx, &login).await == Some(false) {
        let host = exchange.client.host.to_string();
        match &login.provider {
            Some(provider) if provider.audience() == Audience::UnknownAudience => {
                let program = provider.program.clone();
                cx.add_finding(Problem::ProviderAudienceUnknown { host, program });
            }
            _ => cx.add_finding(Problem::ExchangeArmAudienceDisabled { host }),
        }
    }
}

impl Exchange {
    /// Returns the exchange endpoint at the host that the challenge names. An Entra token is sent
    /// to the registry only.
    fn at(client: &Rc<RegistryClient>, wanted: &Challenge) -> StepResult<Self> {
        let Realm { host, url, .. } = Realm::read(client, wanted)?;
        let registry = |host: &Host| host.azure().map(|name| (name.label.to_owned(), name.suffix));
        let same = registry(&host).is_some() && registry(&host) == registry(&client.host);
        if host != client.host && (host.plain || !same) {
            return Err(Realm::not_safe(client, &url));
        }
        let service = wanted.param("service").unwrap_or(&client.host.name).to_owned();
        Ok(Self { client: client.clone(), host, service })
    }

    async fn ask(
        &self,
        cx: &Cx,
        login: &EntraToken,
        token: &Secret,
        tenant: Option<&str>,
    ) -> Result<Secret, ExchangeError> {
        let mut form = form_urlencoded::Serializer::new(String::new());
        form.append_pair("access_token", token.expose());
        // The Azure CLI sends this form for a user, and the kubelet's provider the other one for
        // any other identity.
        if login.principal.is_person {
            form.append_pair("grant_type", "access_token");
        } else {
            form.append_pair("grant_type", "access_token_refresh_token")
                .append_pair("refresh_token", token.expose());
        }
        form.append_pair("service", &self.service)
            .append_pair("tenant", tenant.unwrap_or_default());
        let form = Some(Secret::new(form.finish()));
        let request = Request::new(Method::POST, "/oauth2/exchange");
        // The kubelet's credential provider waits in its own way.
        let request = Request { form, is_ours: true, ..request };
        let ask = async || self.client.send(cx, &self.host, &request).await;
        let reply = self.client.with_retries(cx, 0, ask).await?;
        let reply = self.client.past_firewall(cx, &request, reply).await?;
        match reply.status {
            200 => {}
            // A refusal is HTTP 401, with or without a body.
            400 | 401 => {
                let refusal = Refusal::read_unexplained(reply).await?;
                return Err(ExchangeError::Refused(refusal));
            }
            // On any other status the provider fails too, and the kubelet pulls anonymously.
            status => {
                let said = Refusal::read(reply).await.body.message;
                let said =
                    if said.is_empty() { status.to_string() } else { format!("{status}, {said}") };
                return Err(ExchangeError::Unexpected(said));
            }
        }
        let request = reply.request.clone();
        match reply.read(MAX_TOKEN_BYTES).await {
            Ok(body) => refresh_token(&body).map_err(ExchangeError::Unexpected),
            Err(Fault::TimedOut) => Err(RegistryClient::unfinished(&self.host, &request).into()),
            Err(fault) if fault.is_ours() => {
                Err(RegistryClient::not_replayed(&self.host, &request, fault).into())
            }
            Err(fault) => Err(ExchangeError::Unexpected(fault.to_string())),
        }
    }

    /// Returns whether a token for Azure Resource Manager is accepted. Returns `None` if that is
    /// unknown or was not tested: such a token is sent to Azure registries only.
    async fn takes_management(&self, cx: &Cx, login: &EntraToken) -> Option<bool> {
        let (_, endpoints) = login.machine.as_ref().filter(|_| self.host.azure().is_some())?;
        self.takes(cx, login, &endpoints.management).await
    }

    /// Returns whether a token for registries is accepted, as newer providers send it.
    async fn takes_registrys(&self, cx: &Cx, login: &EntraToken) -> Option<bool> {
        self.takes(cx, login, REGISTRY_AUDIENCE).await
    }

    async fn takes(&self, cx: &Cx, login: &EntraToken, audience: &str) -> Option<bool> {
        let (which, _) = login.machine.as_ref()?;
        let issued = imds::token(cx, which, audience, IMDS_WAIT).await.ok()?;
        let own = login.principal.tenant.as_deref();
        match self.ask(cx, login, &issued.token, own).await {
            Ok(_) => Some(true),
            Err(ExchangeError::Refused(_)) => Some(false),
            _ => None,
        }
    }
}

/// Reads the refresh token from the response of a registry. An error is a word of evidence.
pub fn refresh_token(body: &[u8]) -> Result<Secret, String> {
    let not_json = || Malformed::NotJson.to_string();
    let answer: serde_json::Value = serde_json::from_slice(body).map_err(|_| not_json())?;
    let token = Fields::of(&answer).ok_or_else(not_json)?.text("refresh_token");
    token.ok().flatten().map(Secret::new).ok_or_else(|| NoAnswer::NoTokenInIt.to_string())
}
