//! Why admission refuses an object, read from the words of the API server, of webhooks and of
//! policies.

use kube::core::Status;

use super::error::KubeError;
use crate::kit::redact::sanitize_text;

/// Why the API takes no object.
#[derive(Clone, Debug, PartialEq)]
pub enum Refusal {
    /// Pod Security, at the level that the namespace enforces.
    PodSecurity {
        /// Such as `restricted:latest`.
        level: String,
    },
    /// A policy: a `ValidatingAdmissionPolicy`, or one of Azure Policy or Gatekeeper.
    Policy {
        /// Its name.
        policy: String,
    },
    /// A webhook of another kind.
    Webhook {
        /// Its name.
        webhook: String,
    },
    /// A webhook that must agree does not answer.
    WebhookSilent {
        /// Its name.
        webhook: String,
    },
    /// A webhook takes no dry runs: neither a yes nor a no.
    NoDryRun {
        /// Its name.
        webhook: String,
    },
    /// A quota is used up, or wants limits.
    Quota {
        /// Its name.
        quota: String,
    },
    /// There is no such namespace, or it is being deleted.
    NoNamespace,
    /// RBAC: the caller may not.
    NotPermitted,
    /// Something else.
    Other,
}

impl Refusal {
    /// Reads a refusal of the API; `None` where there was no answer that is one.
    pub fn of(error: &KubeError) -> Option<Self> {
        let KubeError::Refused(said) = error else { return None };
        let Status { code, reason, message, .. } = &**said;
        if *code == 429 || *code == 401 || (*code >= 500 && !message.contains("webhook")) {
            return None;
        }
        let is_missing = *code == 404 && message.starts_with("namespaces ");
        if is_missing || message.contains("because it is being terminated") {
            return Some(Refusal::NoNamespace);
        }
        let read = Self::read(message);
        // RBAC says so without naming an object ("jobs.batch is forbidden: User …").
        let is_rbac = reason == "Forbidden" && message.contains("cannot create resource");
        Some(if is_rbac { Refusal::NotPermitted } else { read })
    }

    /// Reads the words of a refusal: those of a response, or those of an event that repeats them.
    ///
    /// Sources: k8s.io/apiserver, `pkg/admission/plugin/webhook/errors/statuserror.go` and
    /// `plugin/policy/validating/dispatcher.go`; k8s.io/pod-security-admission,
    /// `admission/admission.go`; plugin `resourcequota/controller.go`.
    pub fn read(message: &str) -> Self {
        let named = |text: Option<&str>| sanitize_text(text.unwrap_or("?"));
        if let Some((_, rest)) = message.split_once("violates PodSecurity ") {
            return Refusal::PodSecurity { level: named(quoted(rest, '"')) };
        }
        if let Some((_, rest)) = message.split_once("ValidatingAdmissionPolicy ") {
            return Refusal::Policy { policy: named(quoted(rest, '\'')) };
        }
        if let Some((_, rest)) = message.split_once("failed calling webhook ") {
            return Refusal::WebhookSilent { webhook: named(quoted(rest, '"')) };
        }
        if let Some((_, rest)) = message.split_once("admission webhook ") {
            let webhook = named(quoted(rest, '"'));
            if rest.contains("does not support dry run") {
                return Refusal::NoDryRun { webhook };
            }
            // Gatekeeper names the constraint first: `denied the request: [azurepolicy-…] …`.
            let constraint = rest.split_once("denied the request: [");
            return match constraint.and_then(|(_, rest)| rest.split_once(']')) {
                Some((policy, _)) => Refusal::Policy { policy: sanitize_text(policy) },
                None => Refusal::Webhook { webhook },
            };
        }
        if let Some((_, rest)) = message.split_once("exceeded quota: ") {
            return Refusal::Quota { quota: named(rest.split(',').next()) };
        }
        if let Some((_, rest)) = message.split_once("failed quota: ") {
            return Refusal::Quota { quota: named(rest.split(':').next()) };
        }
        Refusal::Other
    }
}

/// Returns the text between the first two quotes.
fn quoted(text: &str, quote: char) -> Option<&str> {
    text.split(quote).nth(1)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_kind_of_refusal_is_told_apart() {
        let cases = [
            (
                "pods \"a\" is forbidden: violates PodSecurity \"restricted:latest\": host namespaces (hostNetwork=true)",
                Refusal::PodSecurity { level: "restricted:latest".into() },
            ),
            (
                "jobs.batch \"a\" is forbidden: ValidatingAdmissionPolicy 'no-host' with binding 'all' denied request: no",
                Refusal::Policy { policy: "no-host".into() },
            ),
            (
                "admission webhook \"validation.gatekeeper.sh\" denied the request: [azurepolicy-k8sazurev2hostnet-1] no",
                Refusal::Policy { policy: "azurepolicy-k8sazurev2hostnet-1".into() },
            ),
            (
                "admission webhook \"validate.kyverno.svc-fail\" denied the request: \n\nresource Job/a was blocked",
                Refusal::Webhook { webhook: "validate.kyverno.svc-fail".into() },
            ),
            (
                "admission webhook \"mutate.contoso.com\" does not support dry run",
                Refusal::NoDryRun { webhook: "mutate.contoso.com".into() },
            ),
            (
                "Internal error occurred: failed calling webhook \"v.contoso.com\": failed to call webhook: Post \"https://v.svc:443/\": no endpoints",
                Refusal::WebhookSilent { webhook: "v.contoso.com".into() },
            ),
            (
                "jobs.batch \"a\" is forbidden: exceeded quota: jobs, requested: count/jobs.batch=1, used: count/jobs.batch=9, limited: 9",
                Refusal::Quota { quota: "jobs".into() },
            ),
            ("Job.batch \"a\" is invalid: spec", Refusal::Other),
            ("admission webhook ", Refusal::Webhook { webhook: "?".into() }),
            ("", Refusal::Other),
        ];
        for (message, wanted) in cases {
            assert_eq!(Refusal::read(message), wanted, "{message}");
        }
    }

    #[test]
    fn what_rbac_refuses_and_what_fails_are_no_policies() {
        let refused = |code: u16, message: &str| {
            let reason = if code == 403 { "Forbidden" } else { "" };
            let said = Status::failure(message, reason).with_code(code);
            Refusal::of(&KubeError::Refused(said.boxed()))
        };
        let rbac = "jobs.batch is forbidden: User \"dev\" cannot create resource \"jobs\" in API group \"batch\" in the namespace \"shop\"";
        assert_eq!(refused(403, rbac), Some(Refusal::NotPermitted));
        assert_eq!(refused(404, "namespaces \"shop\" not found"), Some(Refusal::NoNamespace));
        assert_eq!(refused(500, "etcdserver: request timed out"), None);
        assert_eq!(refused(429, "too many requests"), None);
        let silent = "Internal error occurred: failed calling webhook \"v\": no";
        assert_eq!(refused(500, silent), Some(Refusal::WebhookSilent { webhook: "v".into() }));
    }
}
