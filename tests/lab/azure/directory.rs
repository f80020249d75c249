//! Microsoft Graph: names of principals, and their groups.

use hyper::{Method, StatusCode};
use serde_json::{Value, json};

use super::arm::Asked;
use super::reply::Reply;
use super::store::list;
use crate::identity::{Identity, IdentityKind};
use crate::registry::World;

const CONTEXT: &str = "https://graph.microsoft.com/v1.0/$metadata";

impl World {
    /// Responds to a request to Microsoft Graph, whose shapes are those of its reference (v1.0,
    /// servicePrincipal, group, directoryObject: getByIds).
    pub(super) fn directory(&self, asked: &Asked) -> Reply {
        let Some(path) = asked.path.strip_prefix("/v1.0/") else { return unknown(&asked.path) };
        if !self.azure.settings.graph {
            return Reply::new(
                StatusCode::FORBIDDEN,
                json!({ "error": {
                    "code": "Authorization_RequestDenied",
                    "message": "Insufficient privileges to complete the operation.",
                } }),
            );
        }
        let get = asked.method == Method::GET;
        match path.split('/').collect::<Vec<_>>()[..] {
            ["directoryObjects", "getByIds"] if asked.method == Method::POST => {
                let ids = list(&asked.body, "/ids").iter().filter_map(Value::as_str);
                let found: Vec<_> = ids.filter_map(|id| self.object(id)).collect();
                Reply::ok(json!({ "@odata.context": CONTEXT, "value": found }))
            }
            ["servicePrincipals"] if get => {
                let filter = asked.field("$filter").unwrap_or_default();
                let Some(id) = filter.split('\'').nth(1) else { return unknown(filter) };
                let found = self.entra.client(id).map(|one| self.principal(one));
                let found: Vec<_> = found.into_iter().collect();
                Reply::ok(json!({ "@odata.context": CONTEXT, "value": found }))
            }
            ["groups" | "servicePrincipals" | "directoryObjects", id] if get => {
                self.object(id).map_or_else(|| unknown(id), Reply::ok)
            }
            [_, id, "transitiveMemberOf" | "memberOf"] if get => {
                let above = self.azure.principals(id, false).into_iter();
                let above = above.filter(|own| !own.eq_ignore_ascii_case(id));
                let found: Vec<_> = above.filter_map(|id| self.object(&id)).collect();
                Reply::ok(json!({ "@odata.context": CONTEXT, "value": found }))
            }
            _ => unknown(path),
        }
    }

    fn object(&self, id: &str) -> Option<Value> {
        let groups = &self.azure.settings.groups;
        let group = groups.iter().find(|(_, one)| one.id.eq_ignore_ascii_case(id));
        if let Some((name, group)) = group {
            return Some(json!({
                "@odata.type": "#microsoft.graph.group", "id": group.id, "displayName": name,
                "securityEnabled": true, "mailEnabled": false, "groupTypes": [],
            }));
        }
        let mut known = self.entra.identities.values();
        known.find(|one| one.object_id.eq_ignore_ascii_case(id)).map(|one| self.principal(one))
    }

    fn principal(&self, one: &Identity) -> Value {
        let name = self.entra.identities.iter().find(|(_, own)| own.object_id == one.object_id);
        let managed = one.kind == IdentityKind::Managed;
        json!({
            "@odata.type": "#microsoft.graph.servicePrincipal", "id": one.object_id,
            "appId": one.client_id, "displayName": name.map(|(name, _)| name),
            "servicePrincipalType": if managed { "ManagedIdentity" } else { "Application" },
            "servicePrincipalNames": [one.client_id], "accountEnabled": true,
            "alternativeNames": if managed { json!(["isExplicit=True", one.resource_id]) } else { json!([]) },
        })
    }
}

fn unknown(what: &str) -> Reply {
    let message = format!(
        "Resource '{what}' does not exist or one of its queried reference-property objects are not present."
    );
    Reply::new(
        StatusCode::NOT_FOUND,
        json!({ "error": { "code": "Request_ResourceNotFound", "message": message } }),
    )
}
