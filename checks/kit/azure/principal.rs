//! The identity that an Entra token was issued to: read from its claims, never verified, never
//! shown whole.

use jiff::Timestamp;
use serde::Serialize;

use crate::kit::{
    redact::{Secret, claims},
    target::ResourceId,
};

/// The identity that a token was issued to.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
pub struct Principal {
    /// The name of a managed identity, or the user name of a person.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub name: Option<String>,
    /// The id that role assignments use.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub object_id: Option<String>,
    /// The id that node files and service principals use.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub client_id: Option<String>,
    /// The tenant of the identity.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub tenant: Option<String>,
    /// The audience of the token.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub audience: Option<String>,
    /// Whether the identity is a person and not a program.
    #[serde(skip)]
    pub is_person: bool,
    /// When the token expires.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub expires: Option<Timestamp>,
}

impl Principal {
    /// Reads the identity that a token was issued to. Every field is empty when the token is no
    /// JWT.
    pub fn of(token: &Secret) -> Self {
        let claims = claims(token).unwrap_or_default();
        let text = |name: &str| claims.get(name)?.as_str().map(str::to_owned);
        // A managed identity is an Azure resource; the last part of its id is its name. For a
        // system-assigned identity it is the machine's name.
        let resource: Option<ResourceId> = text("xms_mirid").and_then(|id| id.parse().ok());
        let name = resource.map(|id| id.name().to_owned());
        Self {
            name: name.or_else(|| text("upn")).or_else(|| text("unique_name")),
            object_id: text("oid"),
            client_id: text("appid").or_else(|| text("azp")),
            tenant: text("tid"),
            audience: text("aud"),
            is_person: text("idtyp").as_deref() == Some("user") || claims.contains_key("upn"),
            expires: claims.get("exp").and_then(|exp| Timestamp::from_second(exp.as_i64()?).ok()),
        }
    }

    /// Returns the kind of principal as role assignments name it.
    pub fn kind(&self) -> &'static str {
        if self.is_person { "User" } else { "ServicePrincipal" }
    }

    /// Returns the name, or else one of the ids.
    pub fn word(&self) -> Option<&str> {
        let ids = [&self.name, &self.client_id, &self.object_id];
        ids.into_iter().find_map(Option::as_deref)
    }

    /// Returns whether the name is one that AKS gives to the kubelet identity that it creates.
    pub fn is_called_like_a_kubelets(&self) -> bool {
        self.name.as_deref().is_some_and(|name| name.ends_with("-agentpool"))
    }
}

#[cfg(test)]
mod tests {
    use base64::{Engine, prelude::BASE64_URL_SAFE_NO_PAD};
    use serde_json::json;

    use super::*;

    #[test]
    fn a_token_tells_whose_it_is() {
        let claims = json!({
            "aud": "https://containerregistry.azure.net", "appid": "client", "oid": "object", "tid": "tenant",
            "exp": 1_800_000_000,
            "xms_mirid": "/subscriptions/s/resourcegroups/g/providers/Microsoft.ManagedIdentity/userAssignedIdentities/shop-agentpool",
        });
        let token = format!("e30.{}.c2ln", BASE64_URL_SAFE_NO_PAD.encode(claims.to_string()));
        let found = Principal::of(&Secret::new(token));
        assert_eq!(found.name.as_deref(), Some("shop-agentpool"));
        assert_eq!(found.object_id.as_deref(), Some("object"));
        assert_eq!(found.client_id.as_deref(), Some("client"));
        assert!(found.is_called_like_a_kubelets());
        assert_eq!(Principal::of(&Secret::new("no token")), Principal::default());
        assert_eq!(Principal::default().word(), None);
    }
}
