//! Who signs in where a credential provider is given the token of the pod's service account, and what
//! that account has to say for it.
//!
//! Source: KEP-4412; kubernetes, `pkg/credentialprovider/plugin`: the kubelet hands on the annotations
//! that the configuration lists, and does not call the provider where a required one is missing.
//! cloud-provider-azure, `pkg/credentialprovider`: identity bindings need a client, which a flag may
//! name; without them client and tenant must be annotations. Programs before 1.34.7 know neither and sign
//! in as the node.

use serde::Serialize;
use serde_json::Value;
use strum::VariantNames;

use super::version::ProviderBuild;
use crate::kit::{
    kube::CLIENT_ANNOTATION,
    rules::{Fields, Malformed},
    sanitize_text,
};

/// The annotation that names the identity.
const CLIENT: &str = CLIENT_ANNOTATION;
/// The annotation that names its tenant.
const TENANT: &str = "kubernetes.azure.com/acr-tenant-id";
/// The fields of `tokenAttributes`, which is read strictly.
const FIELDS: [&str; 5] = [
    "serviceAccountTokenAudience",
    "requireServiceAccount",
    "requiredServiceAccountAnnotationKeys",
    "optionalServiceAccountAnnotationKeys",
    "cacheType",
];
/// What the kubelet keeps an answer for.
const CACHE_TYPES: [&str; 2] = ["ServiceAccount", "Token"];

/// `tokenAttributes` of a credential provider.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct TokenAttributes {
    /// Whom the tokens are for.
    audience: String,
    /// The annotations without which the provider is not called.
    required: Vec<String>,
    /// The annotations that are handed on where they are there.
    optional: Vec<String>,
}

/// How a service account signs in: a word of evidence.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, VariantNames)]
#[serde(rename_all = "kebab-case")]
#[strum(serialize_all = "kebab-case")]
pub enum AccountMode {
    /// Its token is exchanged at the identity bindings of the cluster.
    IdentityBinding,
    /// Entra exchanges its token, by a federated credential.
    FederatedCredential,
    /// The version of the provider decides, and is not known.
    UnknownMode,
}

/// What the service account of a pod has to say.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct ByAccount {
    pub(super) mode: AccountMode,
    /// The annotations that it must have.
    pub(super) needs: Vec<&'static str>,
    /// One of them that the kubelet never hands on.
    pub(super) lost: Option<&'static str>,
}

impl TokenAttributes {
    /// Reads those of a provider that speaks version 1 of the interface, or another; `None` if there are
    /// none. An error is why the kubelet does not start with them.
    pub(super) fn read(provider: &Fields<'_>, speaks_v1: bool) -> Result<Option<Self>, Malformed> {
        let Some(value) = provider.get("tokenAttributes") else { return Ok(None) };
        let fields = Fields::of(value).ok_or(Malformed::EntryNotAnObject)?;
        if fields.all().iter().any(|(name, _)| !FIELDS.contains(name)) {
            return Err(Malformed::UnknownField);
        }
        let audience = fields.text(FIELDS[0])?.filter(|text| !text.is_empty());
        let requires = match fields.get(FIELDS[1]) {
            Some(Value::Bool(requires)) => *requires,
            Some(_) => return Err(Malformed::EntryNotAFlag),
            None => return Err(Malformed::FieldMissing),
        };
        let (required, optional) = (fields.texts(FIELDS[2])?, fields.texts(FIELDS[3])?);
        let all = || required.iter().chain(&optional);
        let is_again = all().enumerate().any(|(at, key)| all().take(at).any(|it| it == key));
        // Kubernetes 1.33 has no `cacheType`; later versions ask for it.
        let is_odd = fields.text(FIELDS[4])?.is_some_and(|it| !CACHE_TYPES.contains(&it));
        if is_again || is_odd || !speaks_v1 || (!requires && !required.is_empty()) {
            return Err(Malformed::OddTokenAttributes);
        }
        let audience = sanitize_text(audience.ok_or(Malformed::FieldMissing)?);
        Ok(Some(Self { audience, required, optional }))
    }

    /// Returns whom the tokens are for.
    pub(super) fn audience(&self) -> &str {
        &self.audience
    }

    /// Returns what a service account needs for this build of the provider, which is given these names
    /// of identity bindings and of a default identity. `None` where the program takes no token and is
    /// called for every pod: then the node signs in.
    pub(super) fn by_account(
        &self,
        build: &ProviderBuild,
        (binding, default): (Option<&str>, Option<&str>),
    ) -> Option<ByAccount> {
        let is_set = |value: Option<&str>| value.is_some_and(|value| !value.is_empty());
        let (mode, own): (_, &[&'static str]) = match build.takes_account_tokens() {
            Some(false) if self.required.is_empty() => return None,
            Some(true) if is_set(binding) && is_set(default) => (AccountMode::IdentityBinding, &[]),
            Some(true) if is_set(binding) => (AccountMode::IdentityBinding, &[CLIENT]),
            Some(true) => (AccountMode::FederatedCredential, &[CLIENT, TENANT]),
            Some(false) | None => (AccountMode::UnknownMode, &[]),
        };
        let has = |list: &[String], name: &str| list.iter().any(|key| key == name);
        let is_passed = |name: &str| has(&self.required, name) || has(&self.optional, name);
        let needs = [CLIENT, TENANT]
            .into_iter()
            .filter(|name| own.contains(name) || has(&self.required, name));
        let lost = own.iter().find(|name| !is_passed(name)).copied();
        Some(ByAccount { mode, needs: needs.collect(), lost })
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn read(attributes: &Value) -> Result<Option<TokenAttributes>, Malformed> {
        read_by(attributes, true)
    }

    fn read_by(attributes: &Value, v1: bool) -> Result<Option<TokenAttributes>, Malformed> {
        let provider = json!({ "tokenAttributes": attributes });
        TokenAttributes::read(&Fields::of(&provider).unwrap(), v1)
    }

    fn aks() -> Value {
        json!({
            "serviceAccountTokenAudience": "api://AKSIdentityBinding",
            "requireServiceAccount": false,
            "cacheType": "ServiceAccount",
            "optionalServiceAccountAnnotationKeys": [CLIENT],
        })
    }

    fn by(
        attributes: &Value,
        version: &str,
        flags: (Option<&str>, Option<&str>),
    ) -> Option<ByAccount> {
        let attributes = read(attributes).unwrap().unwrap();
        attributes.by_account(&ProviderBuild::numbered(version), flags)
    }

    #[test]
    fn the_kubelet_does_not_start_with_odd_ones() {
        assert!(read(&aks()).is_ok());
        let without = |name: &str| {
            let mut value = aks();
            value.as_object_mut().unwrap().remove(name);
            value
        };
        let with = |name: &str, to: Value| {
            let mut value = aks();
            value[name] = to;
            value
        };
        assert!(read(&without("cacheType")).is_ok());
        for (value, wanted) in [
            (json!([]), Malformed::EntryNotAnObject),
            (with("audience", json!("x")), Malformed::UnknownField),
            (without(FIELDS[0]), Malformed::FieldMissing),
            (with(FIELDS[0], json!("")), Malformed::FieldMissing),
            (without(FIELDS[1]), Malformed::FieldMissing),
            (with(FIELDS[1], json!("true")), Malformed::EntryNotAFlag),
            (with(FIELDS[2], json!([TENANT])), Malformed::OddTokenAttributes),
            (with(FIELDS[3], json!([CLIENT, CLIENT])), Malformed::OddTokenAttributes),
            (with("cacheType", json!("Pod")), Malformed::OddTokenAttributes),
        ] {
            assert_eq!(read(&value), Err(wanted), "{value}");
        }
        assert_eq!(read_by(&aks(), false), Err(Malformed::OddTokenAttributes));
    }

    #[test]
    fn an_identity_binding_needs_a_client_and_no_tenant() {
        let sni = Some("x.identitybindings");
        let of = |default| by(&aks(), "v1.34.7", (sni, default)).unwrap();
        assert_eq!((of(None).needs, of(None).lost), (vec![CLIENT], None));
        assert_eq!(of(Some("id")).needs, [""; 0]);
        assert_eq!(of(None).mode, AccountMode::IdentityBinding);
    }

    #[test]
    fn a_federated_credential_needs_both_and_the_kubelet_must_hand_them_on() {
        let of = by(&aks(), "v1.35.0", (None, None)).unwrap();
        assert_eq!((of.mode, of.needs), (AccountMode::FederatedCredential, vec![CLIENT, TENANT]));
        assert_eq!(of.lost, Some(TENANT));
        let mut both = aks();
        both[FIELDS[3]] = json!([TENANT, CLIENT]);
        assert_eq!(by(&both, "v1.36.0", (Some(""), None)).unwrap().lost, None);
    }

    #[test]
    fn older_programs_sign_in_as_the_node() {
        assert_eq!(by(&aks(), "v1.34.6", (None, None)), None);
        let mut required = aks();
        required[FIELDS[1]] = json!(true);
        required[FIELDS[2]] = json!([TENANT]);
        let of = by(&required, "v1.33.9", (None, None)).unwrap();
        assert_eq!((of.mode, of.needs, of.lost), (AccountMode::UnknownMode, vec![TENANT], None));
        let unknown = by(&aks(), "", (None, None)).unwrap();
        assert_eq!((unknown.mode, unknown.needs), (AccountMode::UnknownMode, vec![]));
    }
}
