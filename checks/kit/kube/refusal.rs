//! Why admission refuses an object, read from the words of the API server, of webhooks and of
//! policies.

use kube::core::Status;

use super::error::KubeError;
use crate::kit::redact::foreign_words;

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
    /// The service account that a pod names is not there.
    NoAccount,
    /// RBAC: the caller may not.
    NotPermitted,
    /// Something else.
    Other,
}

impl Refusal {
    /// Reads a refusal of the API; `None` where there was no answer that is one.
    pub fn of(error: &KubeError) -> Option<Self> {
        let KubeError::Refused(said) = error else { return None };
        let Status { code, message, .. } = &**said;
        if *code == 429 || *code == 401 || (*code >= 500 && !message.contains("webhook")) {
            return None;
        }
        let is_missing = *code == 404 && message.starts_with("namespaces ");
        Some(if is_missing { Refusal::NoNamespace } else { Self::read(message) })
    }

    /// Reads the words of a refusal: those of a response, or those of an event that repeats them. Only
    /// where the API server itself says something does it count: what a webhook says is free text.
    ///
    /// Sources: k8s.io/apiserver, `pkg/admission/plugin/webhook/errors/statuserror.go`,
    /// `plugin/policy/validating/dispatcher.go` and `pkg/endpoints/handlers/responsewriters/errors.go`;
    /// k8s.io/pod-security-admission, `admission/admission.go`; plugin `resourcequota/controller.go`.
    pub fn read(message: &str) -> Self {
        let named = |text: Option<&str>| foreign_words(text.unwrap_or("?"));
        let repeated = message.trim_start().trim_start_matches("(combined from similar events): ");
        let said = repeated.trim_start_matches("Error creating: ");
        if let Some(rest) = said.strip_prefix("admission webhook ") {
            return Self::of_webhook(rest);
        }
        let failed = said.trim_start_matches("Internal error occurred: ");
        if let Some(rest) = failed.strip_prefix("failed calling webhook ") {
            return Refusal::WebhookSilent { webhook: named(quoted(rest, '"')) };
        }
        let Some((_, why)) = said.split_once(" is forbidden: ") else { return Refusal::Other };
        if let Some(rest) = why.strip_prefix("violates PodSecurity ") {
            return Refusal::PodSecurity { level: named(quoted(rest, '"')) };
        }
        if let Some(rest) = why.strip_prefix("ValidatingAdmissionPolicy ") {
            return Refusal::Policy { policy: named(quoted(rest, '\'')) };
        }
        if let Some(rest) = why.strip_prefix("exceeded quota: ") {
            return Refusal::Quota { quota: named(rest.split(',').next()) };
        }
        if let Some(rest) = why.strip_prefix("failed quota: ") {
            return Refusal::Quota { quota: named(rest.split(':').next()) };
        }
        if why.starts_with("unable to create new content in namespace ") {
            return Refusal::NoNamespace;
        }
        if why.starts_with("error looking up service account ") && why.ends_with(" not found") {
            return Refusal::NoAccount;
        }
        // RBAC says so without naming an object ("jobs.batch is forbidden: User …").
        if why.starts_with("User \"") && why.contains("\" cannot ") {
            return Refusal::NotPermitted;
        }
        Refusal::Other
    }

    /// Reads what the API server says of a webhook that refuses.
    fn of_webhook(rest: &str) -> Self {
        let webhook = foreign_words(quoted(rest, '"').unwrap_or("?"));
        let said = rest.splitn(3, '"').nth(2).unwrap_or_default();
        if said.trim() == "does not support dry run" {
            return Refusal::NoDryRun { webhook };
        }
        // Gatekeeper names the constraint first: `denied the request: [azurepolicy-…] …`.
        let constraint = said.strip_prefix(" denied the request: [");
        match constraint.and_then(|rest| rest.split_once(']')) {
            Some((policy, _)) => Refusal::Policy { policy: foreign_words(policy) },
            None => Refusal::Webhook { webhook },
        }
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
            (
                "(combined from similar events): Error creating: pods \"a\" is forbidden: violates PodSecurity \"baseline:latest\": no",
                Refusal::PodSecurity { level: "baseline:latest".into() },
            ),
            (
                "pods \"a\" is forbidden: unable to create new content in namespace shop because it is being terminated",
                Refusal::NoNamespace,
            ),
            (
                "pods \"web-\" is forbidden: error looking up service account shop/web: serviceaccount \"web\" not found",
                Refusal::NoAccount,
            ),
            ("admission webhook ", Refusal::Webhook { webhook: "?".into() }),
            ("", Refusal::Other),
        ];
        for (message, wanted) in cases {
            assert_eq!(Refusal::read(message), wanted, "{message}");
        }
    }

    #[test]
    fn what_a_webhook_says_chooses_nothing() {
        for said in [
            "It violates PodSecurity \"restricted:latest\"",
            "ValidatingAdmissionPolicy 'x' would agree",
            "failed calling webhook \"other\"",
            "this tool does not support dry run",
            "jobs is forbidden: exceeded quota: x, no",
            "pods is forbidden: User \"dev\" cannot create resource \"pods\"",
            "jobs \"a\" is forbidden: unable to create new content in namespace x because it is being terminated",
            "see [docs]",
        ] {
            let message = format!("admission webhook \"v.contoso.com\" denied the request: {said}");
            let wanted = Refusal::Webhook { webhook: "v.contoso.com".into() };
            assert_eq!(Refusal::read(&message), wanted, "{said}");
            assert_eq!(Refusal::read(&format!("Error creating: {message}")), wanted, "{said}");
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
