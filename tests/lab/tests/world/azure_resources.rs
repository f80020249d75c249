//! Tests the routes of the control plane: resources, lists, pages, queries and faults.

use serde_json::Value;

use crate::azure_authorization::{
    ARM, SUBSCRIPTION, code, count, get, registry, send, token, world,
};
use crate::client::{ask, claims};

#[tokio::test]
async fn the_registry_and_the_cluster_are_served() {
    let lab = world("").await;
    let said = get(&lab, &registry()).await;
    assert_eq!((said.status, said.one("cache-control")), (200, "no-cache"));
    assert_eq!(said.one("content-type"), "application/json; charset=utf-8");
    let one = said.json();
    let of = &one["properties"];
    assert_eq!(of["loginServer"], "contoso.azurecr.io");
    assert_eq!(of["publicNetworkAccess"], "Disabled");
    assert_eq!(of["dataEndpointHostNames"][0], "contoso.eastus.data.azurecr.io");
    assert_eq!(of["roleAssignmentMode"], "LegacyRegistryPermissions");
    let connection = &of["privateEndpointConnections"][0]["properties"];
    assert_eq!(connection["privateLinkServiceConnectionState"]["status"], "Approved");
    let header = format!("Authorization: Bearer {}\r\n", token(&lab, ARM).await);
    for (version, expected) in [
        ("2023-07-01", false),
        ("2025-04-01", false),
        ("2025-03-01-preview", true),
        ("2025-11-01", true),
    ] {
        let url = format!("{ARM}{}?api-version={version}", registry());
        let one = ask(&lab, "GET", &url, &header, "").await.json();
        assert_eq!(one["properties"].get("roleAssignmentMode").is_some(), expected, "{version}");
    }

    let cluster = format!(
        "{SUBSCRIPTION}/resourcegroups/shop/providers/Microsoft.ContainerService/managedClusters/contoso"
    );
    let one = get(&lab, &cluster).await.json();
    let kubelet = &one["properties"]["identityProfile"]["kubeletidentity"];
    assert_eq!(kubelet["objectId"], "f15b7a30-c2e8-49d6-8e14-907d3c6ab2f8");
    assert_ne!(one["identity"]["principalId"], kubelet["objectId"]);
    let address =
        &one["properties"]["networkProfile"]["loadBalancerProfile"]["effectiveOutboundIPs"];
    let address = get(&lab, address[0]["id"].as_str().unwrap()).await.json();
    assert_eq!(address["properties"]["ipAddress"], "203.0.113.9");
    let identity = get(&lab, kubelet["resourceId"].as_str().unwrap()).await.json();
    assert_eq!(identity["properties"]["principalId"], kubelet["objectId"]);
}

#[tokio::test]
async fn what_does_not_exist_is_said_to_be_missing() {
    let lab = world("azure.missing = [\"registry\"]").await;
    let said = get(&lab, &registry()).await;
    assert_eq!(code(&said), (404, "ResourceNotFound".into()));
    let message = said.json()["error"]["message"].to_string();
    assert!(message.contains("registries/contoso' under resource group 'registries'"), "{message}");
    let group = format!("{SUBSCRIPTION}/resourceGroups/nowhere");
    for path in [&group[..], &registry().replace("/registries/prov", "/nowhere/prov")] {
        assert_eq!(code(&get(&lab, path).await), (404, "ResourceGroupNotFound".into()), "{path}");
    }
    let route = format!("{SUBSCRIPTION}/nonsense/x/y");
    assert_eq!(get(&lab, &route).await.status, 404);
}

#[tokio::test]
async fn lists_have_pages() {
    let lab = world("azure.page_size = 1").await;
    let list = format!("{}/scopeMaps", registry());
    let mut path = list;
    let mut names = Vec::new();
    loop {
        let said = get(&lab, &path).await;
        assert_eq!(count(&said), 1);
        let body = said.json();
        names.push(body["value"][0]["name"].as_str().unwrap().to_owned());
        let Some(next) = body["nextLink"].as_str() else { break };
        let next = next.strip_prefix(ARM).unwrap();
        path = next.replace("api-version=2026-09-01-preview&", "");
        assert!(names.len() < 9);
    }
    assert_eq!(names.len(), 4);
    names.dedup();
    assert_eq!(names.len(), 4);
}

#[tokio::test]
async fn children_and_resources_are_listed() {
    let lab = world(
        "[azure.resources.\"registry/replications/westeurope\"]\nlocation = \"westeurope\"\n\
         [azure.resources.\"cluster/detectors/acr\"]\nproperties = { status = { statusId = 3 } }\n",
    )
    .await;
    for (path, expected) in [
        (format!("{}/tokens", registry()), 2),
        (format!("{}/replications", registry()), 1),
        (format!("{}/cacheRules", registry()), 0),
        (format!("{}/privateEndpointConnections", registry()), 1),
        (format!("{SUBSCRIPTION}/resourceGroups"), 3),
        (
            format!(
                "{SUBSCRIPTION}/resourceGroups/registries/providers/Microsoft.ContainerRegistry/registries"
            ),
            1,
        ),
        (
            format!(
                "{SUBSCRIPTION}/resourceGroups/shop/providers/Microsoft.ContainerRegistry/registries"
            ),
            0,
        ),
        (
            format!(
                "{SUBSCRIPTION}/resources?$filter=resourceType eq 'Microsoft.ContainerRegistry/registries'"
            ),
            1,
        ),
        (
            format!(
                "{SUBSCRIPTION}/resources?$filter=resourceType eq 'Microsoft.ContainerRegistry/registries' and name eq 'other'"
            ),
            0,
        ),
        (format!("{SUBSCRIPTION}/providers/Microsoft.Network/privateEndpoints"), 1),
        (
            format!(
                "{SUBSCRIPTION}/resourceGroups/shop/providers/Microsoft.ContainerService/managedClusters/contoso/detectors"
            ),
            1,
        ),
        (format!("{}/listUsages", registry()), 4),
        (
            format!(
                "{SUBSCRIPTION}/resourceGroups/shop/providers/Microsoft.ContainerService/managedClusters/contoso/agentPools"
            ),
            1,
        ),
        ("/tenants".to_owned(), 1),
    ] {
        let said = get(&lab, &path).await;
        assert_eq!(count(&said), expected, "{path}: {}", said.text());
    }
}

async fn graph(lab: &lab::Lab, query: &str) -> crate::client::Said {
    let body = serde_json::json!({ "query": query }).to_string();
    send(lab, "POST", "/providers/Microsoft.ResourceGraph/resources", &body).await
}

#[tokio::test]
async fn resource_graph_knows_a_few_queries() {
    let lab = world("").await;
    for (query, expected) in [
        (
            "Resources | where type =~ 'Microsoft.ContainerRegistry/registries' and name =~ 'CONTOSO'",
            1,
        ),
        (
            "resources | where type == 'microsoft.containerregistry/registries' | where properties.loginServer =~ 'contoso.azurecr.io'",
            1,
        ),
        ("resources | where name =~ 'fabrikam'", 0),
    ] {
        let said = graph(&lab, query).await.json();
        assert_eq!(said["totalRecords"], expected, "{query}: {said}");
        assert_eq!(said["data"].as_array().unwrap().len(), usize::try_from(expected).unwrap());
    }
    let said =
        graph(&lab, "resources | where name == 'contoso' | project id, resourceGroup | limit 1")
            .await;
    let row = &said.json()["data"][0];
    assert_eq!(row.as_object().unwrap().len(), 2);
    for query in ["resources | summarize count()", "x", "", "resources | where name contains 'c'"] {
        assert_eq!(code(&graph(&lab, query).await), (400, "BadRequest".into()), "{query}");
    }
    let blind = world("azure.assignments.operator-reads.at = \"cluster\"").await;
    let said = graph(&blind, "resources | where name =~ 'contoso'").await.json();
    assert_eq!(said["data"][0]["type"], "microsoft.containerservice/managedclusters");
    assert_eq!(said["totalRecords"], 1);
}

#[tokio::test]
async fn the_registry_may_be_in_another_subscription() {
    let other = "3f6a92d0-48c7-4b1e-a5f9-7d20c8e4b613";
    let settings = format!(
        "azure.registry.subscription = \"{other}\"\n\
         azure.subscriptions.\"{other}\" = \"6c1f0e9d-3b52-4d78-9a41-e07f2d8c5b63\"\n"
    );
    let elsewhere = registry().replace(&SUBSCRIPTION[15..], other);
    let lab = world(&settings).await;
    assert_eq!(code(&get(&lab, &elsewhere).await), (403, "AuthorizationFailed".into()));
    assert_eq!(get(&lab, &registry()).await.status, 404);
    assert_eq!(count(&get(&lab, "/subscriptions").await), 1);
    let reads = "assignments.x = { who = \"operator\", role = \"Reader\", at = \"registry\" }";
    let lab = world(&format!("{settings}azure.{reads}")).await;
    assert_eq!(
        get(&lab, &elsewhere).await.json()["properties"]["loginServer"],
        "contoso.azurecr.io"
    );
    assert_eq!(count(&get(&lab, "/subscriptions").await), 2);
    assert_eq!(crate::azure_authorization::exchange(&lab).await.status, 200);
}

#[tokio::test]
async fn a_name_server_may_not_know_private_zones() {
    let lab = world("dns.servers.\"10.0.0.4\".zones = false").await;
    assert_eq!(lab.name_servers[0].ip().to_string(), "10.0.0.4");
    assert_eq!(crate::dns::addresses(&lab, "contoso.azurecr.io").await, ["20.62.128.10"]);
}

#[tokio::test]
async fn denials_locks_and_permissions_are_served() {
    let lab = world(
        "[azure.denials.no-pull]\nwho = [\"aks-agentpool\"]\nat = \"registry\"\nactions = [\"*/pull/read\"]\n\
         [azure.resources.\"registries/Microsoft.Authorization/locks/keep\"]\nproperties = { level = \"CanNotDelete\" }",
    )
    .await;
    let of = |kind: &str| format!("{}/providers/Microsoft.Authorization/{kind}", registry());
    let denials = get(&lab, &of("denyAssignments?$filter=atScope()")).await.json();
    let denial = &denials["value"][0]["properties"];
    assert_eq!(denial["permissions"][0]["actions"][0], "*/pull/read");
    assert_eq!(denial["principals"][0]["id"], "f15b7a30-c2e8-49d6-8e14-907d3c6ab2f8");
    let none = of("denyAssignments?$filter=principalId eq 'x'");
    assert_eq!(count(&get(&lab, &none).await), 0);
    assert_eq!(get(&lab, &of("locks")).await.json()["value"][0]["name"], "keep");
    assert_eq!(get(&lab, &of("permissions")).await.json()["value"][0]["actions"][0], "*/read");
}

#[tokio::test]
async fn the_service_may_be_down_or_busy() {
    let lab = world("azure.answer = \"throttled-once\"\nazure.retry_after = 3").await;
    let said = get(&lab, &registry()).await;
    assert_eq!(code(&said), (429, "SubscriptionRequestsThrottled".into()));
    assert_eq!(said.one("retry-after"), "3");
    assert_eq!(get(&lab, &registry()).await.status, 200);
    let lab = world("azure.answer = \"outage\"").await;
    assert_eq!(get(&lab, &registry()).await.status, 503);
    let lab = world("azure.answer = \"html\"").await;
    assert!(get(&lab, &registry()).await.text().starts_with("<!doctype"));
}

#[tokio::test]
async fn microsoft_graph_names_principals() {
    let lab = world("[azure.groups.pullers]\nid = \"ad0c57f2-9b31-4e68-b7f4-2c85d10e96a3\"\nmembers = [\"aks-agentpool\"]").await;
    let graph = "https://graph.microsoft.com";
    let bearer = token(&lab, graph).await;
    assert_eq!(claims(&bearer)["aud"], graph);
    let header = format!("Authorization: Bearer {bearer}\r\n");
    let kubelet = "f15b7a30-c2e8-49d6-8e14-907d3c6ab2f8";
    let body = format!("{{\"ids\":[\"{kubelet}\",\"x\"]}}");
    let url = format!("{graph}/v1.0/directoryObjects/getByIds");
    let said = ask(&lab, "POST", &url, &header, &body).await.json();
    assert_eq!(said["value"][0]["displayName"], "aks-agentpool");
    assert_eq!(said["value"].as_array().unwrap().len(), 1);
    let url = format!("{graph}/v1.0/servicePrincipals/{kubelet}/transitiveMemberOf");
    let said = ask(&lab, "GET", &url, &header, "").await.json();
    assert_eq!(said["value"][0]["displayName"], Value::from("pullers"));
    let lab = world("azure.graph = false").await;
    let header = format!("Authorization: Bearer {}\r\n", token(&lab, graph).await);
    let said = ask(&lab, "GET", &url, &header, "").await;
    assert_eq!(code(&said), (403, "Authorization_RequestDenied".into()));
}
