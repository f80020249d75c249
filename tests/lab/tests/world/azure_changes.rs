//! Tests that a change of a resource changes at once what the registry and the name servers answer.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use lab::Lab;
use serde_json::{Value, json};

use crate::azure_authorization::{SUBSCRIPTION, code, exchange, get, registry, send, world};
use crate::client::{Said, ask, ask_at, claims};
use crate::dns::addresses;

const OWNER: &str = "azure.assignments.operator-reads.role = \"Owner\"\n";
const KUBELET: &str = "f15b7a30-c2e8-49d6-8e14-907d3c6ab2f8";
const ACR_PULL: &str =
    "/providers/Microsoft.Authorization/roleDefinitions/7f951dda-4ed3-4680-a7ca-43fe172d538d";
const NAME: &str = "62f0b8d1-0c4e-4a97-b3d5-18e7fa20c964";

pub(crate) async fn owned(text: &str) -> Lab {
    world(&format!("{OWNER}{text}")).await
}

fn assignment() -> String {
    format!("{}/providers/Microsoft.Authorization/roleAssignments/{NAME}", registry())
}

fn pull(who: &str) -> String {
    json!({ "properties": {
        "roleDefinitionId": format!("{SUBSCRIPTION}{ACR_PULL}"), "principalId": who,
        "principalType": "ServicePrincipal",
    } })
    .to_string()
}

pub(crate) fn zone() -> String {
    format!(
        "{SUBSCRIPTION}/resourceGroups/registries/providers/Microsoft.Network/privateDnsZones/privatelink.azurecr.io"
    )
}

pub(crate) async fn change(lab: &Lab, method: &str, path: &str, body: &Value) -> Said {
    send(lab, method, path, &body.to_string()).await
}

/// Returns the status of a ping of the registry at its public address.
pub(crate) async fn ping(lab: &Lab) -> (u16, String) {
    let at = lab.routes[&"20.62.128.10:443".parse().unwrap()];
    let said = ask_at(lab, at, "GET", "https://contoso.azurecr.io/v2/", "", "").await;
    (said.status, said.text().to_owned())
}

#[tokio::test]
async fn an_assignment_lets_the_kubelet_in_and_its_removal_shuts_it_out() {
    let lab = owned("registry.roles = []").await;
    assert_eq!(exchange(&lab).await.status, 401);
    let made = send(&lab, "PUT", &assignment(), &pull(KUBELET)).await;
    assert_eq!(made.status, 201, "{}", made.text());
    assert_eq!(made.json()["properties"]["scope"], registry());
    assert_eq!(exchange(&lab).await.status, 200);
    let other = assignment().replace(NAME, KUBELET);
    let again = send(&lab, "PUT", &other, &pull(KUBELET)).await;
    assert_eq!(code(&again), (409, "RoleAssignmentExists".into()));
    let moved = send(&lab, "PUT", &assignment(), &pull(NAME)).await;
    assert_eq!(code(&moved), (403, "RoleAssignmentUpdateNotPermitted".into()));
    assert_eq!(send(&lab, "DELETE", &assignment(), "").await.status, 200);
    assert_eq!(exchange(&lab).await.status, 401);
    assert_eq!(send(&lab, "DELETE", &assignment(), "").await.status, 204);
}

#[tokio::test]
async fn an_assignment_that_cannot_be_is_refused() {
    let lab = world("registry.roles = []").await;
    let refused = send(&lab, "PUT", &assignment(), &pull(KUBELET)).await;
    assert_eq!(code(&refused), (403, "AuthorizationFailed".into()));
    let lab = owned("").await;
    let role = pull(KUBELET).replace("7f951dda", "00000000");
    let said = send(&lab, "PUT", &assignment(), &role).await;
    assert_eq!(code(&said), (404, "RoleDefinitionDoesNotExist".into()));
    let untyped = pull(NAME).replace("principalType", "other");
    let said = send(&lab, "PUT", &assignment(), &untyped).await;
    assert_eq!(code(&said), (400, "PrincipalNotFound".into()));
    let group = pull(KUBELET).replace("ServicePrincipal", "Group");
    let said = send(&lab, "PUT", &assignment(), &group).await;
    assert_eq!(code(&said), (400, "UnmatchedPrincipalType".into()));
    let lab = owned(
        "[azure.resources.\"registries/Microsoft.Authorization/locks/keep\"]\n\
         properties = { level = \"ReadOnly\" }",
    )
    .await;
    let said = send(&lab, "PUT", &assignment(), &pull(KUBELET)).await;
    assert_eq!(code(&said), (409, "ScopeLocked".into()));
}

#[tokio::test]
async fn network_rules_decide_who_comes_through_the_public_address() {
    let lab = owned("").await;
    let (status, said) = ping(&lab).await;
    assert_eq!(status, 403);
    assert!(said.contains("client with IP \\u0027203.0.113.9\\u0027 is not allowed"), "{said}");
    // The private endpoint is not affected.
    assert_eq!(ask(&lab, "GET", "https://contoso.azurecr.io/v2/", "", "").await.status, 401);
    let rules = |action: &str, rules: Value| {
        json!({ "properties": { "publicNetworkAccess": "Enabled",
            "networkRuleSet": { "defaultAction": action, "ipRules": rules } } })
    };
    let wide = json!([{ "action": "Allow", "value": "203.0.113.0/24" }]);
    let other = json!([{ "action": "Allow", "value": "198.51.100.7" }]);
    for (action, list, expected) in [
        ("Allow", json!([]), 401),
        ("Deny", json!([]), 403),
        ("Deny", wide, 401),
        ("Deny", other, 403),
    ] {
        let said = change(&lab, "PATCH", &registry(), &rules(action, list)).await;
        assert_eq!(said.status, 200, "{}", said.text());
        assert_eq!(said.json()["properties"]["networkRuleSet"]["defaultAction"], action);
        assert_eq!(ping(&lab).await.0, expected);
    }
    let subnet = format!(
        "{SUBSCRIPTION}/resourceGroups/MC_shop_contoso_eastus/providers/Microsoft.Network/virtualNetworks/aks-vnet-27184045/subnets/aks-subnet"
    );
    let mut by_subnet = rules("Deny", json!([]));
    by_subnet["properties"]["networkRuleSet"]["virtualNetworkRules"] = json!([{ "id": subnet }]);
    assert_eq!(change(&lab, "PATCH", &registry(), &by_subnet).await.status, 200);
    assert_eq!(ping(&lab).await.0, 401);
    let basic = owned("azure.registry.sku = \"Basic\"\nazure.registry.properties.publicNetworkAccess = \"Enabled\"").await;
    assert_eq!(get(&basic, &registry()).await.json()["properties"].get("networkRuleSet"), None);
    assert_eq!(ping(&basic).await.0, 401);
}

#[tokio::test]
async fn name_servers_answer_from_the_zones_that_are_linked() {
    let lab = owned("").await;
    let name = "contoso.azurecr.io";
    assert_eq!(addresses(&lab, name).await, ["10.1.0.5"]);
    let record = format!("{}/A/contoso", zone());
    assert_eq!(
        get(&lab, &record).await.json()["properties"]["aRecords"][0]["ipv4Address"],
        "10.1.0.5"
    );
    let stale = json!({ "properties": { "ttl": 60, "aRecords": [{ "ipv4Address": "10.9.9.9" }] } });
    assert_eq!(change(&lab, "PUT", &record, &stale).await.status, 200);
    assert_eq!(addresses(&lab, name).await, ["10.9.9.9"]);
    assert_eq!(send(&lab, "DELETE", &record, "").await.status, 200);
    assert_eq!(addresses(&lab, name).await, [""; 0]);
    assert_eq!(get(&lab, &record).await.status, 404);
    assert_eq!(change(&lab, "PUT", &record, &stale).await.status, 201);
    let asked = json!({ "properties": {} });
    let empty = change(&lab, "PUT", &format!("{}/A/new", zone()), &asked).await.json();
    assert_eq!(empty["properties"]["aRecords"], json!([]));
    // Without a link, the name leads to the public address.
    let link = format!("{}/virtualNetworkLinks/aks-vnet-27184045", zone());
    let network = get(&lab, &link).await.json()["properties"]["virtualNetwork"].clone();
    assert_eq!(send(&lab, "DELETE", &link, "").await.status, 200);
    assert_eq!(addresses(&lab, name).await, ["20.62.128.10"]);
    let linked = json!({ "location": "global", "properties": {
        "virtualNetwork": network, "registrationEnabled": false } });
    let said = change(&lab, "PUT", &link, &linked).await;
    assert_eq!(
        (said.status, said.json()["properties"]["virtualNetworkLinkState"].as_str()),
        (201, Some("Completed"))
    );
    assert_eq!(addresses(&lab, name).await, ["10.9.9.9"]);
}

#[tokio::test]
async fn a_created_endpoint_and_its_zone_group_lead_to_the_registry() {
    let lab = owned(
        "azure.endpoints.contoso-endpoint.status = \"Absent\"\n\
         azure.missing = [\"registries/Microsoft.Network/privateDnsZones/privatelink.azurecr.io/A/contoso\"]",
    )
    .await;
    assert_eq!(addresses(&lab, "contoso.azurecr.io").await, [""; 0]);
    let id = format!(
        "{SUBSCRIPTION}/resourceGroups/shop/providers/Microsoft.Network/privateEndpoints/new"
    );
    let link = json!({ "name": "new", "properties": { "privateLinkServiceId": registry(), "groupIds": ["registry"] } });
    let body =
        json!({ "location": "eastus", "properties": { "privateLinkServiceConnections": [link] } });
    let made = change(&lab, "PUT", &id, &body).await;
    assert_eq!(made.status, 201, "{}", made.text());
    let connection = format!("{}/privateEndpointConnections/new", registry());
    let state = get(&lab, &connection).await.json();
    assert_eq!(state["properties"]["privateLinkServiceConnectionState"]["status"], "Approved");
    let group = format!("{id}/privateDnsZoneGroups/default");
    let config = json!({ "name": "acr", "properties": { "privateDnsZoneId": zone() } });
    let body = json!({ "properties": { "privateDnsZoneConfigs": [config] } });
    assert_eq!(change(&lab, "PUT", &group, &body).await.status, 201);
    assert_eq!(addresses(&lab, "contoso.azurecr.io").await, ["10.1.0.5"]);
    assert_eq!(ask(&lab, "GET", "https://contoso.azurecr.io/v2/", "", "").await.status, 401);
    assert_eq!(send(&lab, "DELETE", &group, "").await.status, 200);
    assert_eq!(addresses(&lab, "contoso.azurecr.io").await, [""; 0]);
    assert_eq!(send(&lab, "DELETE", &id, "").await.status, 200);
    let state = get(&lab, &connection).await.json();
    assert_eq!(state["properties"]["privateLinkServiceConnectionState"]["status"], "Disconnected");
}

/// Returns the status of the manifest at a host, for a token that may pull it.
async fn manifest(lab: &Lab, host: &str) -> u16 {
    let auth = STANDARD.encode("pull-token:CanaryDoNotPrint-password");
    let url = "https://contoso.azurecr.io/oauth2/token?service=x&scope=repository:team/app:pull";
    let token = ask(lab, "GET", url, &format!("Authorization: Basic {auth}\r\n"), "").await.json();
    let token = token["access_token"].as_str().unwrap();
    let headers = format!("Authorization: Bearer {token}\r\nAccept: */*\r\n");
    let at = lab.routes[&"10.1.0.5:443".parse().unwrap()];
    let url = format!("https://{host}/v2/team/app/manifests/v1");
    ask_at(lab, at, "GET", &url, &headers, "").await.status
}

#[tokio::test]
async fn policies_and_keys_decide_whether_an_image_is_seen() {
    let home = "contoso.azurecr.io";
    let lab = owned("azure.quarantined = [\"team/app:v1\"]").await;
    for (status, expected) in [("enabled", 404), ("disabled", 200)] {
        let policy =
            json!({ "properties": { "policies": { "quarantinePolicy": { "status": status } } } });
        assert_eq!(change(&lab, "PATCH", &registry(), &policy).await.status, 200);
        assert_eq!(manifest(&lab, home).await, expected, "{status}");
    }
    let key = "2d9e4b76-18c3-4fa5-b0d7-63a1f8e5c942";
    let lab = owned(&format!(
        "[azure.registry.properties.encryption]\nstatus = \"enabled\"\nkeyVaultProperties = {{ identity = \"{key}\" }}"
    ))
    .await;
    assert_eq!(manifest(&lab, home).await, 403);
    let identity = format!(
        "{SUBSCRIPTION}/resourcegroups/MC_shop_contoso_eastus/providers/Microsoft.ManagedIdentity/userAssignedIdentities/contoso-agentpool"
    );
    for (value, expected) in [(json!({}), 200), (Value::Null, 403)] {
        let body = json!({ "identity": { "type": "UserAssigned", "userAssignedIdentities": { identity.clone(): value } } });
        assert_eq!(change(&lab, "PATCH", &registry(), &body).await.status, 200);
        assert_eq!(manifest(&lab, home).await, expected);
    }
    let west = "contoso.westeurope.geo.azurecr.io";
    let lab = owned(&format!(
        "azure.lagging.\"team/app:v1\" = [\"westeurope\"]\ndns.records.\"{west}\" = [\"60 A 10.1.0.5\"]"
    ))
    .await;
    assert_eq!((manifest(&lab, home).await, manifest(&lab, west).await), (200, 404));
}

#[tokio::test]
async fn a_condition_limits_the_repositories_of_a_role() {
    let lab = owned("registry.role_repositories = [\"team/web\"]").await;
    let refresh = exchange(&lab).await.json();
    let refresh = refresh["refresh_token"].as_str().unwrap();
    let form = |repository: &str| {
        format!(
            "grant_type=refresh_token&service=x&scope=repository:{repository}:pull&refresh_token={refresh}"
        )
    };
    for (repository, expected) in [("team/web", 1), ("team/app", 0)] {
        let url = "https://contoso.azurecr.io/oauth2/token";
        let said = ask(&lab, "POST", url, "", &form(repository)).await.json();
        let access = claims(said["access_token"].as_str().unwrap())["access"].clone();
        assert_eq!(access.as_array().unwrap().len(), expected, "{repository}");
    }
    let list = format!(
        "{}/providers/Microsoft.Authorization/roleAssignments?$filter=principalId eq '{KUBELET}'",
        registry()
    );
    let one = get(&lab, &list).await.json()["value"][0]["properties"].clone();
    assert_eq!(one["conditionVersion"], "2.0");
    assert!(one["condition"].as_str().unwrap().contains("'team/web'"), "{one}");
    assert_eq!(
        get(&lab, &registry()).await.json()["properties"]["roleAssignmentMode"],
        "AbacRepositoryPermissions"
    );
}

/// Returns the access that a token of the registry gets for a scope.
async fn access(lab: &Lab, user: &str, password: &str) -> (u16, Value) {
    let url = "https://contoso.azurecr.io/oauth2/token?service=contoso.azurecr.io&scope=repository:team/app:pull";
    let auth = STANDARD.encode(format!("{user}:{password}"));
    let said = ask(lab, "GET", url, &format!("Authorization: Basic {auth}\r\n"), "").await;
    if said.status != 200 {
        return (said.status, Value::Null);
    }
    let token = said.json()["access_token"].as_str().unwrap().to_owned();
    (200, claims(&token)["access"].clone())
}

#[tokio::test]
async fn tokens_and_scope_maps_decide_for_their_users() {
    let lab = owned("").await;
    let id = registry();
    let map = json!({ "properties": { "actions": ["repositories/team/app/content/read"] } });
    assert_eq!(change(&lab, "PUT", &format!("{id}/scopeMaps/app"), &map).await.status, 201);
    let token = format!("{id}/tokens/ci");
    let new = json!({ "properties": { "scopeMapId": format!("{id}/scopeMaps/app"), "status": "enabled" } });
    assert_eq!(change(&lab, "PUT", &token, &new).await.status, 201);
    let ask = json!({ "tokenId": token, "name": "password1" });
    let said = change(&lab, "POST", &format!("{id}/generateCredentials"), &ask).await.json();
    let password = said["passwords"][0]["value"].as_str().unwrap().to_owned();
    assert_eq!(access(&lab, "ci", &password).await.1[0]["actions"], json!(["pull"]));
    let shown = get(&lab, &token).await;
    assert!(!shown.text().contains(&password), "{}", shown.text());
    assert_eq!(shown.json()["properties"]["credentials"]["passwords"][0]["name"], "password1");
    let other = json!({ "properties": { "actions": ["repositories/team/web/content/read"] } });
    assert_eq!(change(&lab, "PATCH", &format!("{id}/scopeMaps/app"), &other).await.status, 200);
    assert_eq!(access(&lab, "ci", &password).await, (200, json!([])));
    let disabled = json!({ "properties": { "status": "disabled" } });
    assert_eq!(change(&lab, "PATCH", &token, &disabled).await.status, 200);
    assert_eq!(access(&lab, "ci", &password).await.0, 401);
    let past = json!({ "tokenId": token, "expiry": "2020-01-01T00:00:00Z" });
    change(&lab, "POST", &format!("{id}/generateCredentials"), &past).await;
    change(&lab, "PATCH", &token, &json!({ "properties": { "status": "enabled" } })).await;
    assert_eq!(access(&lab, "ci", &password).await.0, 401);
}

#[tokio::test]
async fn the_admin_user_and_anonymous_pull_are_switched_on() {
    let lab = owned("").await;
    let list = format!("{}/listCredentials", registry());
    let refused = change(&lab, "POST", &list, &json!({})).await;
    assert_eq!(code(&refused), (400, "UnAuthorizedForCredentialOperations".into()));
    let on = json!({ "properties": { "adminUserEnabled": true, "anonymousPullEnabled": true } });
    assert_eq!(change(&lab, "PATCH", &registry(), &on).await.status, 200);
    let said = change(&lab, "POST", &list, &json!({})).await.json();
    let password = said["passwords"][0]["value"].as_str().unwrap();
    assert_eq!(access(&lab, "contoso", password).await.1[0]["actions"], json!(["pull"]));
    let url = "https://contoso.azurecr.io/oauth2/token?service=x&scope=repository:team/app:pull";
    assert_eq!(ask(&lab, "GET", url, "", "").await.status, 200);
}

#[tokio::test]
async fn other_resources_come_and_go() {
    let lab = owned("").await;
    let id = registry();
    for (path, body) in [
        (
            "cacheRules/hub",
            json!({ "properties": { "sourceRepository": "docker.io/library/*", "targetRepository": "hub/*" } }),
        ),
        (
            "credentialSets/hub",
            json!({ "identity": { "type": "SystemAssigned" }, "properties": { "loginServer": "docker.io", "authCredentials": [{ "name": "Credential1" }] } }),
        ),
        (
            "replications/westeurope",
            json!({ "location": "westeurope", "properties": { "regionEndpointEnabled": true } }),
        ),
    ] {
        let path = format!("{id}/{path}");
        let said = change(&lab, "PUT", &path, &body).await;
        assert_eq!(
            (said.status, said.json()["properties"]["provisioningState"].as_str()),
            (201, Some("Succeeded"))
        );
        assert_eq!(get(&lab, &path).await.json()["name"], path.rsplit('/').next().unwrap());
        assert_eq!(send(&lab, "DELETE", &path, "").await.status, 200);
        assert_eq!(get(&lab, &path).await.status, 404);
    }
    let off = json!({ "properties": { "dataEndpointEnabled": false } });
    let said = change(&lab, "PATCH", &id, &off).await.json();
    assert_eq!(said["properties"]["dataEndpointHostNames"], json!([]));
    let orphan = format!("{id}2/tokens/x");
    let said = change(&lab, "PUT", &orphan, &json!({ "properties": {} })).await;
    assert_eq!(code(&said), (404, "ParentResourceNotFound".into()));
    let reader = world("").await;
    let said = change(&reader, "PATCH", &id, &off).await;
    assert_eq!(code(&said), (403, "AuthorizationFailed".into()));
    assert!(said.text().contains("Microsoft.ContainerRegistry/registries/write"));
}
