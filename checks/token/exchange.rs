//! Trading a token of Entra's for one of the registry's, with the form of the kubelet's credential provider.
//!
//! The provider sends the directory of its node's file, not the token's own; it takes no notice of what a refusal
//! says, and where there is one the kubelet goes on as nobody. So what is found here is a cause only where nobody
//! is not let in. (cloud-provider-azure, pkg/credentialprovider/azure_acr_helper.go.)

use std::rc::Rc;

use hyper::Method;
use serde::Serialize;
use url::{Url, form_urlencoded};

use super::Trouble;
use crate::{
    identity::{Identity, Login},
    kit::{
        Cx, Got, Halt, Host, Role, Secret,
        azure::imds,
        net::{Challenge, Fault, Request},
    },
    registry::{Refusal, Site},
};

/// The longest answer that is read.
const LONGEST: usize = 1024 * 1024;

/// What goes with a refusal: who was refused, and in whose eyes.
#[derive(Serialize)]
pub struct Turned {
    /// The registry.
    host: String,
    /// Who was refused.
    who: String,
    /// What role assignments go by.
    #[serde(skip_serializing_if = "Option::is_none")]
    object_id: Option<String>,
    /// What node files go by.
    #[serde(skip_serializing_if = "Option::is_none")]
    client_id: Option<String>,
    /// What role assignments call such a one.
    principal_type: &'static str,
    /// The directory that was named.
    #[serde(skip_serializing_if = "Option::is_none")]
    tenant: Option<String>,
    /// Whether a token for Azure's management is taken, as a word.
    management: &'static str,
    /// The registry's own words.
    #[serde(skip_serializing_if = "Option::is_none")]
    said: Option<String>,
    /// For support.
    #[serde(skip_serializing_if = "Option::is_none")]
    correlation: Option<String>,
}

/// The place where tokens are traded.
struct Counter {
    site: Rc<Site>,
    host: Host,
    service: String,
}

/// How a trade ended that was not made.
enum NoTrade {
    /// The registry refuses.
    Refused(Refusal),
    /// It agrees, and sends something else than a token.
    Unreadable(String),
}

/// Trades the token. `None` where the registry does not take it: then it was said why.
pub(super) async fn trade(
    cx: &Cx,
    site: &Rc<Site>,
    wanted: &Challenge,
    identity: &Identity,
    login: &Rc<Login>,
) -> Got<Option<Secret>> {
    let counter = Counter::read(site, wanted)?;
    let tenant = login.tenant.as_deref();
    let refusal = match counter.trade(cx, login, &login.token, tenant).await? {
        Ok(token) => {
            cx.beside(look_at_management(cx.clone(), counter, login.clone()));
            return Ok(Some(token));
        }
        Err(NoTrade::Unreadable(said)) => {
            let host = site.host.to_string();
            cx.tell(Trouble::ExchangeUnreadable { host, said });
            return Ok(None);
        }
        Err(NoTrade::Refused(refusal)) => refusal,
    };
    let principal = &login.principal;
    if let (Some(file), Some(named), Some(own)) = (&login.tenant_from, tenant, &principal.tenant)
        && !named.eq_ignore_ascii_case(own)
        && counter.trade(cx, login, &login.token, Some(own)).await?.is_ok()
    {
        let (host, file) = (site.host.to_string(), file.clone());
        let named = if named.is_empty() { "none" } else { named }.to_owned();
        let own = own.clone();
        cx.tell(Trouble::WrongTenantInAzurejson { host, file, named, own });
        return Ok(None);
    }
    let management = counter.takes_management(cx, login).await;
    let said = refusal.body.message;
    cx.tell(Trouble::ExchangeNoRole(Turned {
        host: site.host.to_string(),
        who: identity.name(),
        object_id: principal.object_id.clone(),
        client_id: principal.client_id.clone(),
        principal_type: if principal.is_person { "User" } else { "ServicePrincipal" },
        tenant: tenant.filter(|tenant| !tenant.is_empty()).map(str::to_owned),
        management,
        said: (!said.is_empty()).then_some(said),
        correlation: refusal.correlation,
    }));
    Ok(None)
}

/// Older nodes, and `az aks check-acr`, show a token for Azure's management: would it be taken, too?
async fn look_at_management(cx: Cx, counter: Counter, login: Rc<Login>) {
    if counter.takes_management(&cx, &login).await == "refused" {
        let host = counter.site.host.to_string();
        cx.tell(Trouble::ExchangeArmAudienceDisabled { host });
    }
}

impl Counter {
    /// Where the challenge sends for tokens, tokens are traded; but one of Entra's goes to nobody but the registry.
    fn read(site: &Rc<Site>, wanted: &Challenge) -> Got<Self> {
        let realm = wanted.param("realm").unwrap_or_default();
        let url = Url::parse(realm).ok();
        let host = url.as_ref().and_then(|url| Host::of(url, Role::Other));
        let own = |host: &Host| {
            let same = (&host.name, host.port) == (&site.host.name, site.host.port);
            let registry = |host: &Host| host.azure().map(|name| (name.label.to_owned(), name.suffix));
            same || (!host.plain && registry(host).is_some() && registry(host) == registry(&site.host))
        };
        match host.filter(own) {
            Some(host) => {
                let same = host.name == site.host.name;
                let host = if same { site.host.clone() } else { host };
                let service = wanted.param("service").unwrap_or(&site.host.name).to_owned();
                Ok(Self { site: site.clone(), host, service })
            }
            None => {
                let place = url.and_then(|url| Some(format!("{}://{}", url.scheme(), url.host_str()?)));
                let realm = place.unwrap_or_else(|| "not-a-url".to_owned());
                Err(Halt::broke(Trouble::RealmNotSafe { host: site.host.to_string(), realm }))
            }
        }
    }

    async fn trade(
        &self,
        cx: &Cx,
        login: &Login,
        token: &Secret,
        tenant: Option<&str>,
    ) -> Got<Result<Secret, NoTrade>> {
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
        let request = Request::new(Method::POST, "/oauth2/exchange");
        let request = Request { form: Some(Secret::new(form.finish())), ..request };
        let ask = async || self.site.send(cx, &self.host, &request).await;
        let mut reply = self.site.patiently(cx, ask).await?;
        if reply.status == 403 {
            reply = self.site.unless_settling(cx, &request, reply).await?;
        }
        match reply.status {
            200 => {}
            // A refusal is a 401, with or without a body.
            400 | 401 => {
                let refusal = Refusal::read(reply).await;
                let asked = format!("POST {}", request.target);
                return match refusal.by_its_words(&asked) {
                    Some(trouble) => Err(trouble.into()),
                    None => Ok(Err(NoTrade::Refused(refusal))),
                };
            }
            _ => return Err(self.site.refuse("POST /oauth2/exchange", reply).await),
        }
        let asked = "POST /oauth2/exchange";
        match reply.read(LONGEST).await {
            Ok(body) => Ok(refresh_token(&body).map_err(|said| NoTrade::Unreadable(said.to_owned()))),
            Err(Fault::NoAnswer) => Err(Site::unfinished(&self.host, asked)),
            Err(fault) => Ok(Err(NoTrade::Unreadable(fault.word().to_owned()))),
        }
    }

    /// Whether a token for Azure's management is taken, as a word.
    async fn takes_management(&self, cx: &Cx, login: &Login) -> &'static str {
        let Some((which, endpoints)) = &login.machine else { return "not-asked" };
        let issued = imds::token(cx, which, &endpoints.management).await;
        let Ok(issued) = issued else { return "not-asked" };
        let own = login.principal.tenant.as_deref();
        match self.trade(cx, login, &issued.token, own).await {
            Ok(Ok(_)) => "taken",
            Ok(Err(NoTrade::Refused(_))) => "refused",
            _ => "not-asked",
        }
    }
}

/// The token in what a registry sends; else a word says what it sent. Public, so that it can be fuzzed.
pub fn refresh_token(body: &[u8]) -> Result<Secret, &'static str> {
    let answer: serde_json::Value = serde_json::from_slice(body).map_err(|_| "not-json")?;
    let token = crate::kit::Fields::of(&answer).ok_or("not-json")?.text("refresh_token");
    token.ok().flatten().map(Secret::new).ok_or("no-token-in-it")
}
