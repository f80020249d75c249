//! A refusal: which host refuses, with which message, and what that means for any request.

use super::{Problem, Refused, Rules};
use crate::kit::{
    Host, NoFact, StepResult,
    net::{ErrorBody, Reply},
    rules::docker_hub,
};

/// A refusal, with its body.
pub struct Refusal {
    pub(crate) host: Host,
    request: String,
    status: u16,
    retry_after: Option<String>,
    /// The correlation id, for a support request.
    pub(crate) correlation: Option<String>,
    pub(crate) body: ErrorBody,
    /// How many separate connections were refused.
    pub(super) connections: usize,
}

impl Refusal {
    /// Reads the rest of a response.
    pub(crate) async fn read(reply: Reply) -> Self {
        let (host, request, status) = (reply.host.clone(), reply.request.clone(), reply.status);
        let header = |name| reply.header(name).map(str::to_owned);
        let retry_after = header("retry-after");
        let id = header("x-ms-correlation-request-id").or_else(|| header("x-ms-request-id"));
        let body = reply.error().await;
        let correlation = id.or_else(|| after(&body.message, "CorrelationId: ", " "));
        Self { host, request, status, retry_after, correlation, body, connections: 1 }
    }

    /// Reads a response. An error body that explains the refusal becomes the problem.
    pub(crate) async fn read_unexplained(reply: Reply) -> StepResult<Self> {
        let refusal = Self::read(reply).await;
        match refusal.by_error_body() {
            Some(problem) => Err(problem.into()),
            None => Ok(refusal),
        }
    }

    /// Returns what a refusal means when its reason does not depend on the request.
    pub(crate) fn grade(self) -> NoFact {
        self.by_error_body().unwrap_or_else(|| self.by_status()).into()
    }

    /// Returns the reason that the registry gives in the error body, whatever the status is.
    pub(crate) fn by_error_body(&self) -> Option<Problem> {
        if self.body.code == "REGISTRY_DISALLOWED_OPERATION" {
            return Some(Problem::ImageReadDisabled(self.refused()));
        }
        // The message is documented for registries with a customer-managed key.
        if self.body.message.contains("identity associated with the registry is inactive") {
            return Some(Problem::KeyIdentityInactive(self.refused()));
        }
        // Amazon's registry says so with 403, and the password of `aws ecr get-login-password` lives
        // twelve hours.
        if self.body.message.contains("authorization token has expired") {
            return Some(Problem::PasswordExpired(self.refused()));
        }
        // Harbor says so with 412, Artifactory with 403.
        if self.body.code == "PROJECTPOLICYVIOLATION"
            || self.body.message.contains("blocking policy configured in Xray")
        {
            return Some(Problem::PolicyForbids(self.refused()));
        }
        let rule = self.host.acr().and_then(|_| after(&self.body.message, "cache rule '", "'"));
        if let Some(rule) = rule {
            return Some(Problem::ArtifactCacheUpstream { rule, refused: self.refused() });
        }
        self.rules().map(Problem::NetworkRules)
    }

    /// Returns whether a registry itself denies access: such a 403 is about credentials and
    /// permissions, unless its body says otherwise. Azure's registries deny in their own ways.
    pub(crate) fn is_denied(&self) -> bool {
        let is_registrys = ["DENIED", "UNAUTHORIZED"].contains(&self.body.code.as_str());
        self.status == 403 && is_registrys && self.host.acr().is_none()
    }

    /// Returns whether a refusal is about a permission of who signed in, and not about the sign-in: Google
    /// says so where it issues tokens.
    pub(crate) fn is_about_permission(&self) -> bool {
        let said = &self.body.message;
        self.is_denied() && said.starts_with("Permission ") && said.contains("denied on resource")
    }

    /// Returns the registry's message, where it says more than that a sign-in is needed: Azure's says
    /// that to everybody.
    pub(crate) fn said(&self) -> Option<String> {
        self.body.words().filter(|_| self.host.acr().is_none())
    }

    /// Returns the refusal by the network rules; `None` when they are not the reason.
    pub(super) fn rules(&self) -> Option<Rules> {
        let is_theirs = self.status == 403 && self.body.message.contains("aka.ms/acr/firewall");
        let (host, correlation) = (self.host.to_string(), self.correlation.clone());
        let (client_ip, connections) = (self.client_ip(), self.connections);
        is_theirs.then_some(Rules { host, client_ip, correlation, connections })
    }

    fn by_status(&self) -> Problem {
        let refused = self.refused();
        match self.status {
            429 => self.throttled(refused),
            403 if self.is_denied() => Problem::Denied(refused),
            401 | 403 => Problem::Forbidden(refused),
            500.. => Problem::Outage(refused),
            _ => Problem::Unexpected(refused),
        }
    }

    /// Returns which rate limit applies: that of a cache rule's upstream, of a public registry, of
    /// Azure, or of another registry.
    fn throttled(&self, refused: Refused) -> Problem {
        let said = &self.body.message;
        let public = [docker_hub::NAME, "docker.com", "mcr.microsoft.com"];
        let is_public = public.iter().any(|domain| {
            let below = self.host.name.strip_suffix(domain);
            below.is_some_and(|below| below.is_empty() || below.ends_with('.'))
        });
        if self.host.acr().is_some() {
            return Problem::AcrThrottled429(refused);
        }
        // A mirror passes on the message that it got from Docker Hub.
        let dockers = said.contains("You have connected your") && said.contains("pull rate limit");
        let is_hub = dockers || self.host.name.contains("docker");
        if is_public || dockers {
            let hub = is_hub.then(|| docker_hub::NAME.to_owned());
            Problem::McrOrDockerhub429 { hub, refused }
        } else {
            Problem::Throttled(refused)
        }
    }

    fn refused(&self) -> Refused {
        Refused {
            host: self.host.to_string(),
            request: self.request.clone(),
            status: self.status,
            said: self.body.words(),
            retry_after: self.retry_after.clone(),
            correlation: self.correlation.clone(),
        }
    }

    /// Returns the address in `client with IP '203.0.113.9' is not allowed access`.
    fn client_ip(&self) -> Option<String> {
        let ip = after(&self.body.message, "client with IP '", "'")?;
        ip.parse::<std::net::IpAddr>().ok().map(|ip| ip.to_string())
    }
}

/// Returns the text after the first `begin`, up to the next `end` or to the end of the text.
fn after(text: &str, begin: &str, end: &str) -> Option<String> {
    let (_, rest) = text.split_once(begin)?;
    let word = rest.split(end).next().unwrap_or_default().trim();
    (!word.is_empty()).then(|| word.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::kit::HostPurpose;

    fn refusal(host: &str, status: u16, message: &str) -> Refusal {
        let host = Host::secure(host.into(), 443, HostPurpose::Registry);
        let (code, message) = ("X".into(), message.into());
        let body = ErrorBody { code, message, ..ErrorBody::default() };
        let request = "GET /v2/".to_owned();
        Refusal {
            host,
            request,
            status,
            retry_after: None,
            correlation: None,
            body,
            connections: 1,
        }
    }

    #[test]
    fn the_address_that_the_registry_saw() {
        let seen = |said| refusal("contoso.azurecr.io", 403, said).client_ip();
        let said = "client with IP '203.0.113.9' is not allowed access. Refer https://x to y.";
        assert_eq!(seen(said).as_deref(), Some("203.0.113.9"));
        assert_eq!(seen("client with IP '$(reboot)' is not"), None);
        assert_eq!(seen("nothing of the kind"), None);
    }

    #[test]
    fn whose_limit_it_is() {
        let code = |host, said| {
            let refusal = refusal(host, 429, said);
            let problem = refusal.by_error_body().unwrap_or_else(|| refusal.by_status());
            crate::kit::engine::Finding::from(problem).code
        };
        let rule = "too many requests to source registry for cache rule 'hub'. CorrelationId: 1";
        assert_eq!(code("contoso.azurecr.io", rule), "registry/artifact-cache-upstream");
        assert_eq!(code("contoso.azurecr.io", "Too many."), "registry/acr-throttled-429");
        for status in [401, 403, 404, 424, 500] {
            let problem = refusal("contoso.azurecr.io", status, rule).by_error_body();
            let code = problem.map(|problem| crate::kit::engine::Finding::from(problem).code);
            assert_eq!(code.as_deref(), Some("registry/artifact-cache-upstream"), "{status}");
        }
        assert_eq!(code("registry-1.docker.io", ""), "registry/mcr-or-dockerhub-429");
        assert_eq!(code("mcr.microsoft.com", "Ref A: 1"), "registry/mcr-or-dockerhub-429");
        let limit = "You have connected your unauthenticated pull rate limit.";
        assert_eq!(code("mirror.example", limit), "registry/mcr-or-dockerhub-429");
        assert_eq!(code("notdocker.io", "Too many."), "registry/throttled");
    }
}
