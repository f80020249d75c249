//! What libraries read before they ask for a token: where the endpoints of a tenant are, and which
//! names are one cloud.

use serde_json::{Value, json};

const HOST: &str = "https://login.microsoftonline.com";

/// Returns the document at a path, if there is one, in the form of the page "`OpenID` Connect on the
/// Microsoft identity platform" and of the instance discovery that MSAL's `authority.py` reads.
pub(crate) fn document(path: &str, tenant: &str) -> Option<Value> {
    if path.ends_with("/discovery/instance") {
        let names = ["login.microsoftonline.com", "login.windows.net", "sts.windows.net"];
        return Some(json!({
            "tenant_discovery_endpoint":
                format!("{HOST}/{tenant}/v2.0/.well-known/openid-configuration"),
            "api-version": "1.1",
            "metadata": [{
                "preferred_network": "login.microsoftonline.com",
                "preferred_cache": "login.windows.net", "aliases": names,
            }],
        }));
    }
    let asked = path.strip_suffix("/.well-known/openid-configuration")?;
    let asked = asked.strip_suffix("/v2.0").unwrap_or(asked).trim_start_matches('/');
    let known = asked.eq_ignore_ascii_case(tenant) || ["common", "organizations"].contains(&asked);
    let base = format!("{HOST}/{tenant}");
    known.then(|| {
        json!({
            "token_endpoint": format!("{base}/oauth2/v2.0/token"),
            "token_endpoint_auth_methods_supported":
                ["client_secret_post", "private_key_jwt", "client_secret_basic"],
            "jwks_uri": format!("{base}/discovery/v2.0/keys"),
            "response_modes_supported": ["query", "fragment", "form_post"],
            "subject_types_supported": ["pairwise"],
            "id_token_signing_alg_values_supported": ["RS256"],
            "response_types_supported": ["code", "id_token", "code id_token", "id_token token"],
            "scopes_supported": ["openid", "profile", "email", "offline_access"],
            "issuer": format!("{base}/v2.0"),
            "authorization_endpoint": format!("{base}/oauth2/v2.0/authorize"),
            "device_authorization_endpoint": format!("{base}/oauth2/v2.0/devicecode"),
            "end_session_endpoint": format!("{base}/oauth2/v2.0/logout"),
            "tenant_region_scope": "EU", "cloud_instance_name": "microsoftonline.com",
            "cloud_graph_host_name": "graph.windows.net", "msgraph_host": "graph.microsoft.com",
        })
    })
}
