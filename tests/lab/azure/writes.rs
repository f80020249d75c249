//! Changes to resources: what PUT, PATCH, DELETE and POST do.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use hyper::{Method, StatusCode};
use jiff::Timestamp;
use serde_json::{Value, json};

use super::ControlPlane;
use super::arm::Asked;
use super::content;
use super::endpoints::{self, ENDPOINT, GROUP};
use super::locks::locked;
use super::network::{CONNECTION, complete_link, complete_record};
use super::reply::Reply;
use super::resources::{no_route, not_found, shown};
use super::store::{Store, blank, id_of, merge, text};

const REGISTRY: &str = "Microsoft.ContainerRegistry/registries";
const CLUSTER_CREDENTIALS: &str =
    "Microsoft.ContainerService/managedClusters/listClusterUserCredential";

impl ControlPlane {
    /// Responds to a change of a resource. Everything happens at once: no operation is left to poll.
    pub(super) fn write(&self, asked: &Asked, namespace: &str, parts: &[&str]) -> Reply {
        let types: Vec<_> = parts.iter().step_by(2).copied().collect();
        let kind = format!("{namespace}/{}", types.join("/"));
        let path = &asked.path[..];
        let action = match asked.method {
            Method::PUT | Method::PATCH if parts.len().is_multiple_of(2) => format!("{kind}/write"),
            Method::DELETE if parts.len().is_multiple_of(2) => format!("{kind}/delete"),
            Method::POST if parts.len() % 2 == 1 => format!("{kind}/action"),
            _ => return no_route(asked),
        };
        let scope = if asked.method == Method::POST { parent_of(path) } else { path };
        if let Some(refusal) = self.refusal(asked, &action, scope) {
            return refusal;
        }
        let deletes = asked.method == Method::DELETE;
        self.with(|store| {
            if asked.method != Method::POST
                && let Some(refusal) = locked(store, path, deletes)
            {
                return refusal;
            }
            match asked.method {
                Method::POST => self.act(store, asked, &kind),
                Method::DELETE => delete(store, path),
                _ => self.put(store, asked, parts.len()),
            }
        })
    }

    /// Creates or changes a resource, and what follows from it.
    fn put(&self, store: &mut Store, asked: &Asked, length: usize) -> Reply {
        let reply = put(store, asked, length);
        let one = store.get(&asked.path).cloned().unwrap_or_default();
        let kind = text(&one, "/type");
        if kind == GROUP {
            endpoints::publish(store, &one);
        }
        if kind == ENDPOINT && reply.status == StatusCode::CREATED {
            endpoints::created(store, &self.ids, &self.settings, &one);
            let one = store.get(&asked.path).cloned().unwrap_or_default();
            return Reply::new(reply.status, one);
        }
        reply
    }

    /// Does what a POST names.
    fn act(&self, store: &mut Store, asked: &Asked, kind: &str) -> Reply {
        let registry = parent_of(&asked.path);
        if kind.eq_ignore_ascii_case(CLUSTER_CREDENTIALS) {
            return self.cluster_credentials(store, registry);
        }
        match kind.strip_prefix(REGISTRY) {
            Some("/generateCredentials") => self.generate(store, asked, registry),
            Some("/listCredentials") => credentials(store, registry),
            _ => no_route(asked),
        }
    }

    /// Gives the kubeconfig of a cluster's users (`ManagedClusters_ListClusterUserCredentials` of
    /// Azure/azure-rest-api-specs). The refusal is as public reports quote it; not recorded.
    fn cluster_credentials(&self, store: &Store, cluster: &str) -> Reply {
        let Some(one) = store.get(cluster) else { return not_found(cluster) };
        let is_off = one.pointer("/properties/disableLocalAccounts") == Some(&Value::Bool(true));
        if is_off && one.pointer("/properties/aadProfile").is_none() {
            let message = "Getting static credential is not allowed because this cluster is set to \
                           disable local accounts.";
            return Reply::error(StatusCode::BAD_REQUEST, "BadRequest", message);
        }
        let text = self.kubeconfig.get().filter(|text| !text.is_empty());
        let entry =
            text.map(|text| json!({ "name": "clusterUser", "value": STANDARD.encode(text) }));
        Reply::ok(json!({ "kubeconfigs": entry.into_iter().collect::<Vec<_>>() }))
    }

    /// Gives a token new passwords (`Registries_GenerateCredentials` of Azure/azure-rest-api-specs,
    /// Microsoft.ContainerRegistry).
    fn generate(&self, store: &mut Store, asked: &Asked, registry: &str) -> Reply {
        let id = text(&asked.body, "/tokenId").to_owned();
        let now = Timestamp::now().to_string();
        let names = match text(&asked.body, "/name") {
            "" => vec!["password1", "password2"],
            name => vec![name],
        };
        let fresh: Vec<_> = names
            .iter()
            .map(|name| {
                let mut one = json!({
                    "creationTime": now, "name": name, "value": self.new_password(),
                });
                if let Some(end) = asked.body.get("expiry").filter(|end| !end.is_null()) {
                    one["expiry"] = end.clone();
                }
                one
            })
            .collect();
        let Some(token) = store.get_mut(&id).filter(|_| super::store::within(&id, registry)) else {
            return not_found(&id);
        };
        let kept = super::store::list(token, "/properties/credentials/passwords").iter();
        let kept = kept.filter(|one| !names.contains(&text(one, "/name"))).cloned();
        let all: Vec<_> = kept.chain(fresh.iter().cloned()).collect();
        token["properties"]["credentials"]["passwords"] = Value::Array(all);
        let name = text(token, "/name").to_owned();
        Reply::ok(json!({ "username": name, "passwords": fresh }))
    }
}

/// Returns the user and the passwords of the admin user.
fn credentials(store: &Store, registry: &str) -> Reply {
    let Some(one) = store.get(registry) else { return not_found(registry) };
    if one.pointer("/properties/adminUserEnabled") != Some(&Value::Bool(true)) {
        // As public reports quote it; not recorded.
        let message = format!(
            "Cannot perform credential operations for {registry} as admin user is disabled. Kindly enable admin user \
             as per docs: \
             https://docs.microsoft.com/en-us/azure/container-registry/container-registry-authentication#admin-account"
        );
        let code = "UnAuthorizedForCredentialOperations";
        return Reply::error(StatusCode::BAD_REQUEST, code, &message);
    }
    let password = crate::secrets::admin_password();
    Reply::ok(json!({
        "username": text(one, "/name"),
        "passwords": [
            { "name": "password", "value": password },
            { "name": "password2", "value": format!("{password}-2") },
        ],
    }))
}

/// What a PUT leaves as it is where its body lacks it: the specifications call these read-only.
const READ_ONLY: [&str; 17] = [
    "/location",
    "/systemData",
    "/etag",
    "/identity/principalId",
    "/identity/tenantId",
    "/properties/azurePortalFQDN",
    "/properties/creationDate",
    "/properties/currentKubernetesVersion",
    "/properties/customDnsConfigs",
    "/properties/fqdn",
    "/properties/loginServer",
    "/properties/maxAgentPools",
    "/properties/networkInterfaces",
    "/properties/networkProfile/loadBalancerProfile/effectiveOutboundIPs",
    "/properties/powerState",
    "/properties/privateEndpoint",
    "/properties/resourceUID",
];

/// Returns what remains of a resource that a PUT replaces.
fn read_only(path: &str, there: &Value) -> Value {
    let mut kept = blank(path);
    for pointer in READ_ONLY {
        let Some(value) = there.pointer(pointer) else { continue };
        let wrapped = pointer.split('/').skip(1).collect::<Vec<_>>().into_iter().rev();
        let wrapped = wrapped.fold(value.clone(), |value, key| json!({ key: value }));
        merge(&mut kept, &wrapped);
    }
    kept
}

/// Creates or changes a resource: PUT replaces it, PATCH lays over it what its body names.
fn put(store: &mut Store, asked: &Asked, length: usize) -> Reply {
    let path = &asked.path[..];
    let there = store.get(path).cloned();
    let parent = parent_of(parent_of(path));
    if there.is_none() && (asked.method == Method::PATCH || !asked.body.is_object()) {
        return not_found(path);
    }
    if there.is_none() && length > 2 && store.get(parent).is_none() {
        return no_parent(path, parent);
    }
    let created = there.is_none();
    let mut one = match there {
        Some(there) if asked.method == Method::PUT => {
            let mut kept = read_only(path, &there);
            // An id is written as when it was created.
            for key in ["id", "name", "type"] {
                kept[key] = there[key].clone();
            }
            kept
        }
        there => there.unwrap_or_else(|| blank(path)),
    };
    let (id, name, kind) = (one["id"].clone(), one["name"].clone(), text(&one, "/type").to_owned());
    merge(&mut one, &asked.body);
    one["id"] = id;
    one["name"] = name;
    one["type"] = Value::from(kind.clone());
    complete(&kind, path, &mut one);
    content::complete_identities(store, &mut one);
    store.put(one.clone());
    let status = if created { StatusCode::CREATED } else { StatusCode::OK };
    Reply::new(status, shown(store, &one, asked.version()))
}

/// Adds to a resource what Azure computes.
fn complete(kind: &str, path: &str, one: &mut Value) {
    let kind = kind.to_ascii_lowercase();
    if kind.ends_with("/virtualnetworklinks") {
        complete_link(path, one);
    } else if kind.ends_with("/privatednszones/a") {
        complete_record(path, one);
    } else {
        if kind == REGISTRY.to_ascii_lowercase() {
            let login = text(one, "/properties/loginServer").to_owned();
            let (label, rest) = login.split_once('.').unwrap_or((&login, "azurecr.io"));
            let host = format!("{label}.{}.data.{rest}", text(one, "/location"));
            let on = one.pointer("/properties/dataEndpointEnabled") == Some(&Value::Bool(true));
            one["properties"]["dataEndpointHostNames"] = if on { json!([host]) } else { json!([]) };
            let tier = one.pointer("/sku/name").cloned().unwrap_or_default();
            one["sku"]["tier"] = tier;
        }
        if kind.ends_with("/credentialsets") {
            complete_credentials(one);
        }
        one["properties"]["provisioningState"] = Value::from("Succeeded");
    }
}

/// Adds to a credential set its identity and the health of its credentials (CredentialSetGet.json of
/// Azure/azure-rest-api-specs).
fn complete_credentials(one: &mut Value) {
    let identity = one["identity"].as_object_mut();
    identity.map(|all| {
        all.entry("principalId").or_insert_with(|| json!("93d0b7c4-1fe6-4a28-85d9-6b0c7e2f4a15"))
    });
    let all = one.pointer_mut("/properties/authCredentials").and_then(Value::as_array_mut);
    for credential in all.into_iter().flatten().filter_map(Value::as_object_mut) {
        credential.entry("credentialHealth").or_insert_with(|| json!({ "status": "Healthy" }));
    }
}

/// Deletes a resource. The other side of a private endpoint learns that it is gone.
fn delete(store: &mut Store, path: &str) -> Reply {
    if let Some(group) = store.get(path).filter(|one| text(one, "/type") == GROUP).cloned() {
        endpoints::withdraw(store, &group);
    }
    let Some(gone) = store.remove(path) else {
        return Reply::new(StatusCode::NO_CONTENT, Value::Null);
    };
    if text(&gone, "/type").eq_ignore_ascii_case(ENDPOINT) {
        let connections: Vec<_> = store
            .of_type(CONNECTION)
            .filter(|one| {
                text(one, "/properties/privateEndpoint/id").eq_ignore_ascii_case(id_of(&gone))
            })
            .map(|one| id_of(one).to_owned())
            .collect();
        let status = json!({ "properties": {
            "privateLinkServiceConnectionState": { "status": "Disconnected" },
        } });
        for id in connections {
            store.lay_over(&id, &status);
        }
    }
    Reply::ok(Value::Null)
}

fn parent_of(path: &str) -> &str {
    path.rsplit_once('/').map_or("", |(parent, _)| parent)
}

/// Returns the 404 of a child whose parent does not exist, as public reports quote it.
fn no_parent(path: &str, parent: &str) -> Reply {
    let message = format!(
        "Failed to perform 'write' on resource(s) of type '{}', because the parent resource '{parent}' could not be found.",
        text(&blank(path), "/type")
    );
    Reply::error(StatusCode::NOT_FOUND, "ParentResourceNotFound", &message)
}
