//! The token server: sends the requests that containerd sends, in containerd's order.
//!
//! With a password or a refresh token it posts a form first. If the server refuses the form, it falls
//! back to GET with Basic authentication (containerd, core/remotes/docker/auth/fetch.go and
//! authorizer.go, `doBearerAuth`). An anonymous client uses GET.

use std::time::Duration;

use hyper::Method;
use tokio::time::Instant;
use url::form_urlencoded;

use super::{
    authorization::AccessToken, problem::Problem, realm::Realm, refresh_token::MAX_TOKEN_BYTES,
    words::NoAnswer,
};
use crate::{
    identity::Credential,
    kit::{
        Cx, Host, HostPurpose, Image, NoFact, Secret, StepResult,
        net::{Challenge, Fault, MAX_REDIRECTS, Reply, Request, userinfo},
        rules::{
            GoUrl, Malformed,
            go_json::{self, DecodeError, Shape},
        },
    },
    registry::{Refusal, RegistryClient},
};

/// The client that requests an access token, and the image that it is for.
pub(super) struct Asker<'a> {
    pub(super) client: &'a RegistryClient,
    pub(super) credential: &'a Credential,
    pub(super) image: Option<&'a Image>,
    /// The refresh token, if it takes the place of a password.
    pub(super) refresh: Option<&'a Secret>,
}

/// The answer of a token server to a request for a token.
pub(super) enum Issued {
    /// An access token.
    Token(AccessToken),
    /// No token: the server refuses the credentials or requires some.
    Refused(Refusal),
}

/// Gets an access token.
pub(super) async fn token(cx: &Cx, asker: &Asker<'_>, wanted: &Challenge) -> StepResult<Issued> {
    if let Credential::Access(token) = asker.credential {
        return Ok(Issued::Token(AccessToken { secret: token.clone(), ends: None }));
    }
    let server = Server::read(cx, asker, wanted).await?;
    let (reply, shape) = match (asker.credential, asker.refresh) {
        (_, Some(refresh)) => {
            let form = [("grant_type", "refresh_token"), ("refresh_token", refresh.expose())];
            let reply = server.post(cx, asker, &form).await?;
            if matches!(reply.status, 400 | 401 | 404) {
                drop(reply);
                (server.get(cx, asker, Some(refresh.basic(""))).await?, &GOT)
            } else {
                (reply, &POSTED)
            }
        }
        (Credential::Password { user, password }, None) => {
            let form =
                [("grant_type", "password"), ("username", user), ("password", password.expose())];
            let reply = server.post(cx, asker, &form).await?;
            if matches!(reply.status, 400 | 401 | 404 | 405) {
                // The response body is still on the connection that the next request needs.
                drop(reply);
                (server.get(cx, asker, Some(password.basic(user))).await?, &GOT)
            } else {
                (reply, &POSTED)
            }
        }
        _ => (server.get(cx, asker, None).await?, &GOT),
    };
    issued(&server, reply, shape).await
}

async fn issued(server: &Server, reply: Reply, shape: &Shape) -> StepResult<Issued> {
    let status = reply.status;
    let request = reply.request.clone();
    // containerd decodes a redirect without a location, too.
    if !(200..400).contains(&status) {
        let refusal = Refusal::read_unexplained(reply).await?;
        return match status {
            // A refusal is HTTP 401, with or without a body. The servers of docker-registry use 400
            // too.
            400 | 401 => Ok(Issued::Refused(refusal)),
            // GitHub and others answer 403 to credentials and to repositories that they do not like.
            403 if refusal.is_denied() => Ok(Issued::Refused(refusal)),
            _ => Err(refusal.grade()),
        };
    }
    let no_token = |said: String| server.without_token(status, said);
    let body = reply.read_beginning(MAX_TOKEN_BYTES).await.map_err(|fault| match fault {
        Fault::TimedOut => RegistryClient::unfinished(&server.host, &request),
        fault if fault.is_ours() => RegistryClient::not_replayed(&server.host, &request, fault),
        fault => no_token(fault.to_string()),
    })?;
    let secret = token_in(&body, shape).map_err(no_token)?;
    Ok(Issued::Token(AccessToken { secret, ends: ends_in(&body, shape) }))
}

/// What containerd decodes the response to a form into (core/remotes/docker/auth/fetch.go,
/// `OAuthTokenResponse`).
pub const POSTED: Shape = Shape::Struct(&[
    ("access_token", Shape::Text),
    ("refresh_token", Shape::Text),
    ("expires_in", Shape::Int),
    ("issued_at", Shape::Time),
    ("scope", Shape::Text),
]);
/// What it decodes the response to GET into (`FetchTokenResponse`).
pub const GOT: Shape = Shape::Struct(&[
    ("token", Shape::Text),
    ("access_token", Shape::Text),
    ("refresh_token", Shape::Text),
    ("expires_in", Shape::Int),
    ("issued_at", Shape::Time),
]);

/// Reads the token from the response of a token server to a form or to GET. An error is a word of
/// evidence, or what Go says.
pub fn token_in(body: &[u8], shape: &Shape) -> Result<Secret, String> {
    let issued = go_json::decode_first(body, shape);
    let issued = issued.map_err(|error| match error {
        DecodeError::NotJson => Malformed::NotJson.to_string(),
        error => error.to_string(),
    })?;
    let text = |name: &str| issued[name].as_str().filter(|text| !text.is_empty());
    // It is not used, but a server may echo it later.
    text("refresh_token").map(Secret::new);
    // containerd prefers `access_token` if both are present; `token` is not in an answer to a form.
    let token = text("access_token").or_else(|| text("token"));
    token.map(Secret::new).ok_or_else(|| NoAnswer::NoTokenInIt.to_string())
}

/// Returns when a token ends, if the token server says so (core/remotes/docker/authorizer.go,
/// `getExpirationTime`).
fn ends_in(body: &[u8], shape: &Shape) -> Option<Instant> {
    let issued = go_json::decode_first(body, shape).ok()?;
    let seconds = issued["expires_in"].as_u64().filter(|seconds| *seconds > 0)?;
    Instant::now().checked_add(Duration::from_secs(seconds))
}

/// The token server, and the parameters of a request to it.
struct Server {
    host: Host,
    url: GoUrl,
    /// What the realm's own user and password make of `Authorization`.
    signed: Option<Secret>,
    /// The service and the scopes.
    ask: Vec<(String, String)>,
}

impl Server {
    async fn read(cx: &Cx, asker: &Asker<'_>, wanted: &Challenge) -> StepResult<Self> {
        let client = asker.client;
        let Realm { host, url } = Realm::read(client, wanted)?;
        let signed = userinfo(&url);
        let is_unencrypted = host.plain && !client.host.plain && !host.is_local();
        // An anonymous request contains nothing to protect.
        if is_unencrypted && !matches!(asker.credential, Credential::Anonymous) {
            client.can_be_asked(cx, &host).await?;
            return Err(Realm::not_safe(client, &url));
        }
        let service = wanted.param("service").map(|service| ("service".into(), service.into()));
        let mut ask: Vec<(String, String)> = service.into_iter().collect();
        // containerd requests the scope that it needs and also those that the challenge names.
        let named = wanted.param("scope").unwrap_or_default().split(' ').map(str::to_owned);
        let needed = asker.image.map(|image| format!("repository:{}:pull", image.repository));
        let mut scopes: Vec<String> =
            named.chain(needed).filter(|scope| !scope.is_empty()).collect();
        scopes.sort_unstable();
        scopes.dedup();
        ask.extend(scopes.into_iter().map(|scope| ("scope".into(), scope)));
        Ok(Self { host, url, signed, ask })
    }

    async fn get(
        &self,
        cx: &Cx,
        asker: &Asker<'_>,
        authorization: Option<Secret>,
    ) -> StepResult<Reply> {
        let target = self.target();
        let authorization = authorization.or_else(|| self.signed.clone());
        let request = Request { authorization, ..Request::new(Method::GET, target) };
        let reply = asker.client.follow(cx, &self.host, &request, HostPurpose::Other).await?;
        self.past_firewall(cx, asker, &request, reply).await
    }

    /// Returns the response, unless network rules refuse the request. Only Azure's registries have
    /// such rules.
    async fn past_firewall(
        &self,
        cx: &Cx,
        asker: &Asker<'_>,
        request: &Request,
        reply: Reply,
    ) -> StepResult<Reply> {
        if self.host.acr().is_none() {
            return Ok(reply);
        }
        asker.client.past_firewall(cx, request, reply).await
    }

    /// Returns the problem that a response contains no token, with what it takes to ask again.
    fn without_token(&self, status: u16, said: String) -> NoFact {
        let scheme = if self.host.plain { "http" } else { "https" };
        let url = format!("{scheme}://{}{}", self.host, self.url.path());
        let (scopes, others): (Vec<_>, Vec<_>) =
            self.ask.iter().partition(|(name, _)| name == "scope");
        let scopes = scopes.iter().map(|(name, value)| format!("{name}={value}"));
        Problem::NoToken {
            host: self.host.to_string(),
            status,
            said,
            realm: Some(url).filter(|_| self.url.parameters().is_empty()),
            service: others.first().map(|(_, service)| service.clone()),
            scopes: scopes.flat_map(|scope| ["--data-urlencode".to_owned(), scope]).collect(),
        }
        .into()
    }

    /// Returns what is requested with GET: the parameters are added to those of the realm.
    fn target(&self) -> String {
        let mut query = form_urlencoded::Serializer::new(String::new());
        query.extend_pairs(self.url.parameters().iter().chain(&self.ask));
        match query.finish().as_str() {
            "" => self.url.path().to_owned(),
            query => format!("{}?{query}", self.url.path()),
        }
    }

    async fn post(&self, cx: &Cx, asker: &Asker<'_>, form: &[(&str, &str)]) -> StepResult<Reply> {
        let mut body = form_urlencoded::Serializer::new(String::new());
        body.extend_pairs(form).append_pair("client_id", "check-acr");
        // A form has one `scope` parameter with a list; a query repeats the parameter.
        let (scopes, others): (Vec<_>, Vec<_>) =
            self.ask.iter().partition(|(name, _)| name == "scope");
        let scopes: Vec<_> = scopes.iter().map(|(_, scope)| scope.as_str()).collect();
        body.extend_pairs(others);
        if !scopes.is_empty() {
            body.append_pair("scope", &scopes.join(" "));
        }
        let form = Some(Secret::new(body.finish()));
        let target = self.url.target();
        let authorization = self.signed.clone();
        let mut request = Request { authorization, form, ..Request::new(Method::POST, target) };
        let asked = request.said_to(&self.host);
        let mut host = self.host.clone();
        loop {
            let mut reply = asker.client.send(cx, &host, &request).await?;
            let status = reply.status;
            let next = RegistryClient::redirected(&host, &request, &reply, HostPurpose::Other)?;
            let Some((next, to)) = next else {
                reply.request = asked;
                return self.past_firewall(cx, asker, &request, reply).await;
            };
            // Of these, only 307 and 308 keep the method and the form (net/http, redirectBehavior). Go
            // sends the form to whatever host it is redirected to. This program does not.
            let keeps_form = matches!(status, 307 | 308) && request.form.is_some();
            if next != self.host && (keeps_form || to.authorization.is_some()) {
                asker.client.can_be_asked(cx, &next).await?;
                return Err(Realm::elsewhere(&asker.client.host, &next));
            }
            if request.redirects == MAX_REDIRECTS {
                return Err(RegistryClient::redirect_loop(&self.host, asked));
            }
            (host, request) = (next, to);
            if !matches!(status, 307 | 308) {
                (request.method, request.form) = (Method::GET, None);
            }
        }
    }
}
