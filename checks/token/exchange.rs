//! Exchanges an Entra token for a refresh token of the registry, with the form of the kubelet's credential
//! provider.
//!
//! The provider sends the tenant of its node's file, not the token's own. It ignores the text of a refusal,
//! and then the kubelet pulls anonymously: what is found here is a cause only where anonymous pulls are
//! refused (cloud-provider-azure, `azure_acr_helper.go`).

use std::rc::Rc;

use hyper::Method;
use url::form_urlencoded;

use super::{
    problem::{Problem, RefusedIdentity},
    realm::Realm,
    refresh_token::MAX_TOKEN_BYTES,
};
use crate::{
    identity::{Candidate, EntraToken},
    kit::{
        Cx, Host, NoFact, Secret, StepResult,
        azure::imds,
        net::{Challenge, Fault, Request, challenges},
        rules::Fields,
    },
    registry::{Refusal, RegistryClient},
};

/// What is asked.
const EXCHANGE: &str = "POST /oauth2/exchange";

/// Where tokens are traded.
struct Exchange {
    client: Rc<RegistryClient>,
    host: Host,
    service: String,
}

/// Why a token was not traded.
enum ExchangeError {
    /// The registry does not take it.
    Refused(Refusal),
    /// It answers in another way.
    Unexpected(String),
}

/// Exchanges the token. Skipped where the registry does not accept it: the reason was given, and the pull is anonymous.
pub(super) async fn exchange_entra_token(
    cx: &Cx,
    client: &Rc<RegistryClient>,
    wanted: &Challenge,
    identity: &Candidate,
    login: &Rc<EntraToken>,
) -> StepResult<Secret> {
    let not_taken = |problem: Problem| {
        cx.add_finding(problem);
        NoFact::skipped(Problem::NotTaken {})
    };
    let host = client.host.to_string();
    let providers = match &login.named {
        Some(_) => Some(providers_challenge(cx, client).await?.map_err(not_taken)?),
        None => None,
    };
    let exchange = Exchange::at(client, providers.as_ref().unwrap_or(wanted))?;
    let own = login.principal.tenant.as_deref();
    let named = login.named.as_ref();
    let tenant = named.map_or(own, |named| Some(named.tenant.as_str()));
    let refusal = match exchange.ask(cx, login, &login.token, tenant).await? {
        Ok(token) => {
            cx.in_background(look_at_management(cx.clone(), exchange, login.clone()));
            return Ok(token);
        }
        Err(ExchangeError::Unexpected(said)) => {
            return Err(not_taken(Problem::ExchangeUnreadable { host, said }));
        }
        Err(ExchangeError::Refused(refusal)) => refusal,
    };
    if let (Some(named), Some(own)) = (named, own)
        && !named.tenant.eq_ignore_ascii_case(own)
        && matches!(exchange.ask(cx, login, &login.token, Some(own)).await, Ok(Ok(_)))
    {
        let (file, own) = (named.file.clone(), own.to_owned());
        let named = if named.tenant.is_empty() { "none" } else { &named.tenant }.to_owned();
        return Err(not_taken(Problem::WrongTenantInAzurejson { host, file, named, own }));
    }
    let management = match exchange.takes_management(cx, login).await {
        Some(true) => "taken",
        Some(false) => "refused",
        None => "not-asked",
    };
    let (principal, said) = (&login.principal, refusal.body.message);
    let correlation = refusal.correlation.filter(|id| !said.contains(id));
    Err(not_taken(Problem::ExchangeNoRole(RefusedIdentity {
        host,
        who: identity.name(),
        object_id: principal.object_id.clone(),
        client_id: principal.client_id.clone(),
        principal_type: if principal.is_person { "User" } else { "ServicePrincipal" },
        tenant: tenant.filter(|tenant| !tenant.is_empty()).map(str::to_owned),
        management,
        said: (!said.is_empty()).then_some(said),
        correlation,
    })))
}

/// The challenge as the kubelet's provider asks for it and takes it (`receiveChallengeFromLoginServer`): the
/// container runtime asks for another one, and is less particular.
async fn providers_challenge(
    cx: &Cx,
    client: &RegistryClient,
) -> StepResult<Result<Challenge, Problem>> {
    let reply = client.ask(cx, &Request::new(Method::GET, "/v2/")).await?;
    let headers: Vec<_> = reply.headers.get_all("www-authenticate").iter().collect();
    let written = headers.first().and_then(|header| header.to_str().ok()).unwrap_or_default();
    // Both by these very names, in quotes.
    let fits =
        headers.len() == 1 && ["realm=\"", "service=\""].iter().all(|part| written.contains(part));
    let found = challenges(&reply.headers).into_iter().find(|found| found.scheme == "bearer");
    Ok(found.filter(|_| reply.status == 401 && fits).ok_or_else(|| {
        let said = headers.iter().filter_map(|header| header.to_str().ok()).collect::<Vec<_>>();
        let said = if said.is_empty() { "no-challenge".to_owned() } else { said.join(", ") };
        Problem::ProviderTakesNoChallenge {
            host: client.host.to_string(),
            status: reply.status,
            said,
        }
    }))
}

/// Older nodes, and `az aks check-acr`, show a token for Azure's management: would it be taken, too?
async fn look_at_management(cx: Cx, exchange: Exchange, login: Rc<EntraToken>) {
    if exchange.takes_management(&cx, &login).await == Some(false) {
        let host = exchange.client.host.to_string();
        cx.add_finding(Problem::ExchangeArmAudienceDisabled { host });
    }
}

impl Exchange {
    /// Tokens are exchanged where the challenge sends for them; an Entra token goes to the registry only.
    fn at(client: &Rc<RegistryClient>, wanted: &Challenge) -> StepResult<Self> {
        let host = Realm::read(client, wanted)?.host;
        let registry = |host: &Host| host.azure().map(|name| (name.label.to_owned(), name.suffix));
        let same = registry(&host).is_some() && registry(&host) == registry(&client.host);
        if host != client.host && (host.plain || !same) {
            return Err(Realm::not_safe(client, wanted));
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
    ) -> StepResult<Result<Secret, ExchangeError>> {
        let mut form = form_urlencoded::Serializer::new(String::new());
        form.append_pair("access_token", token.expose());
        // So the Azure CLI for a person, so the kubelet's provider for everybody else.
        if login.principal.is_person {
            form.append_pair("grant_type", "access_token");
        } else {
            form.append_pair("grant_type", "access_token_refresh_token")
                .append_pair("refresh_token", token.expose());
        }
        form.append_pair("service", &self.service)
            .append_pair("tenant", tenant.unwrap_or_default());
        let form = Some(Secret::new(form.finish()));
        let request = Request { form, ..Request::new(Method::POST, "/oauth2/exchange") };
        let ask = async || self.client.send(cx, &self.host, &request).await;
        let mut reply = self.client.with_retries(cx, ask).await?;
        if reply.status == 403 {
            reply = self.client.recheck_firewall(cx, &request, reply).await?;
        }
        match reply.status {
            200 => {}
            // A refusal is a 401, with or without a body.
            400 | 401 => {
                let refusal = Refusal::read(reply).await;
                return match refusal.by_error_body(EXCHANGE) {
                    Some(problem) => Err(problem.into()),
                    None => Ok(Err(ExchangeError::Refused(refusal))),
                };
            }
            // For any other reason, too, the provider fails and the kubelet pulls anonymously.
            status => {
                let said = Refusal::read(reply).await.body.message;
                let said =
                    if said.is_empty() { status.to_string() } else { format!("{status}, {said}") };
                return Ok(Err(ExchangeError::Unexpected(said)));
            }
        }
        match reply.read(MAX_TOKEN_BYTES).await {
            Ok(body) => {
                Ok(refresh_token(&body).map_err(|said| ExchangeError::Unexpected(said.to_owned())))
            }
            Err(Fault::TimedOut) => Err(RegistryClient::unfinished(&self.host, EXCHANGE)),
            Err(fault) => Ok(Err(ExchangeError::Unexpected(fault.word().to_owned()))),
        }
    }

    /// Whether a token for Azure's management is accepted; `None` where that is not known, or not asked: it is
    /// sent to Azure's own registries only.
    async fn takes_management(&self, cx: &Cx, login: &EntraToken) -> Option<bool> {
        let (which, endpoints) = login.machine.as_ref().filter(|_| self.host.azure().is_some())?;
        let issued = imds::token(cx, which, &endpoints.management).await.ok()?;
        let own = login.principal.tenant.as_deref();
        match self.ask(cx, login, &issued.token, own).await {
            Ok(Ok(_)) => Some(true),
            Ok(Err(ExchangeError::Refused(_))) => Some(false),
            _ => None,
        }
    }
}

/// The token in what a registry sends; else a word says what it sent. Public, so that it can be fuzzed.
pub fn refresh_token(body: &[u8]) -> Result<Secret, &'static str> {
    let answer: serde_json::Value = serde_json::from_slice(body).map_err(|_| "not-json")?;
    let token = Fields::of(&answer).ok_or("not-json")?.text("refresh_token");
    token.ok().flatten().map(Secret::new).ok_or("no-token-in-it")
}
