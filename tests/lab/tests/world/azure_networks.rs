//! Tests that who reaches the registry is decided by the resources that Azure Resource Manager serves.

use std::net::SocketAddr;
use std::time::Duration;

use jiff::{SignedDuration, Timestamp};
use serde_json::json;
use tokio::net::TcpStream;
use tokio::time::timeout;

use crate::azure_authorization::{SUBSCRIPTION, get, registry, send};
use crate::azure_changes::{change, owned, ping, zone};
use crate::client::ask;
use crate::dns::addresses;

/// Returns whether a host drops every packet.
async fn is_silent(at: SocketAddr) -> bool {
    timeout(Duration::from_millis(200), TcpStream::connect(at)).await.is_err()
}

#[tokio::test]
async fn a_private_endpoint_works_once_its_connection_is_approved() {
    let lab = owned("azure.endpoints.contoso-endpoint.status = \"Pending\"").await;
    let at = lab.routes[&"10.1.0.5:443".parse().unwrap()];
    // Nothing answers until then: the wait ends only because it is cut off.
    assert!(is_silent(at).await);
    let path = format!("{}/privateEndpointConnections/contoso-endpoint", registry());
    let before = get(&lab, &path).await.json();
    let status = "/properties/privateLinkServiceConnectionState/status";
    assert_eq!(before.pointer(status).unwrap(), "Pending");
    let approved = json!({ "properties": {
        "privateLinkServiceConnectionState": { "status": "Approved", "description": "Approved" },
    } });
    let said = change(&lab, "PUT", &path, &approved).await;
    assert_eq!(said.json().pointer(status).unwrap(), "Approved", "{}", said.text());
    assert_eq!(ask(&lab, "GET", "https://contoso.azurecr.io/v2/", "", "").await.status, 401);
    let rejected = json!({ "properties": {
        "privateLinkServiceConnectionState": { "status": "Rejected" },
    } });
    let said = change(&lab, "PUT", &path, &rejected).await.json();
    // PUT replaces: the description is gone, and what is read-only stays.
    assert_eq!(said["properties"]["privateLinkServiceConnectionState"].get("description"), None);
    assert_eq!(said["properties"]["privateEndpoint"], before["properties"]["privateEndpoint"]);
    assert!(is_silent(at).await);
    assert_eq!(change(&lab, "PUT", &path, &approved).await.status, 200);
    let endpoint = before["properties"]["privateEndpoint"]["id"].as_str().unwrap();
    let endpoint = get(&lab, endpoint).await.json();
    let state = "/properties/privateLinkServiceConnections/0/properties/privateLinkServiceConnectionState/status";
    assert_eq!(endpoint.pointer(state).unwrap(), "Approved");
    let nic = endpoint["properties"]["networkInterfaces"][0]["id"].as_str().unwrap();
    let nic = get(&lab, nic).await.json();
    let first = &nic["properties"]["ipConfigurations"][0]["properties"];
    assert_eq!(first["privateIPAddress"], "10.1.0.5");
    assert_eq!(first["privateLinkConnectionProperties"]["fqdns"][0], "contoso.azurecr.io");
}

#[tokio::test]
async fn a_zone_that_redirects_leaves_to_public_dns_what_it_lacks() {
    let lab = owned(
        "azure.missing = [\"registries/Microsoft.Network/privateDnsZones/privatelink.azurecr.io/A/contoso\"]",
    )
    .await;
    assert_eq!(addresses(&lab, "contoso.azurecr.io").await, [""; 0]);
    let link = format!("{}/virtualNetworkLinks/aks-vnet-27184045", zone());
    let body = json!({ "properties": { "resolutionPolicy": "NxDomainRedirect" } });
    assert_eq!(change(&lab, "PATCH", &link, &body).await.status, 200);
    assert_eq!(addresses(&lab, "contoso.azurecr.io").await, ["20.62.128.10"]);
    assert_eq!(addresses(&lab, "contoso.eastus.data.azurecr.io").await, ["10.1.0.4"]);
}

#[tokio::test]
async fn an_endpoint_elsewhere_is_reached_through_a_connected_peering() {
    let lab = owned("azure.endpoints.contoso-endpoint.vnet = \"hub\"").await;
    let at = lab.routes[&"10.1.0.5:443".parse().unwrap()];
    assert!(is_silent(at).await);
    let network = format!(
        "{SUBSCRIPTION}/resourceGroups/MC_shop_contoso_eastus/providers/Microsoft.Network/virtualNetworks"
    );
    let peering = |state: &str| {
        json!({ "properties": { "virtualNetworkPeerings": [{ "properties": {
            "peeringState": state, "remoteVirtualNetwork": { "id": format!("{network}/hub") },
        } }] } })
    };
    let path = format!("{network}/aks-vnet-27184045");
    assert_eq!(change(&lab, "PATCH", &path, &peering("Disconnected")).await.status, 200);
    assert!(is_silent(at).await);
    assert_eq!(change(&lab, "PATCH", &path, &peering("Connected")).await.status, 200);
    assert_eq!(ask(&lab, "GET", "https://contoso.azurecr.io/v2/", "", "").await.status, 401);
}

/// Ports, metrics and detectors are one state.
#[tokio::test]
async fn nodes_that_lack_outbound_ports_get_no_answer_until_they_have_enough() {
    let lab = owned(
        "azure.registry.properties.publicNetworkAccess = \"Enabled\"\nazure.snat.needed = 4000",
    )
    .await;
    let at = lab.routes[&"20.62.128.10:443".parse().unwrap()];
    let group = format!("{SUBSCRIPTION}/resourceGroups/MC_shop_contoso_eastus/providers");
    let address = format!("{group}/Microsoft.Network/publicIPAddresses/contoso-outbound");
    let address = get(&lab, &address).await.json();
    let held = address.pointer("/properties/ipConfiguration/id").unwrap().as_str().unwrap();
    let balancer = held.split("/frontendIPConfigurations/").next().unwrap();
    let cluster = format!(
        "{SUBSCRIPTION}/resourceGroups/shop/providers/Microsoft.ContainerService/managedClusters/contoso"
    );
    let now = Timestamp::now();
    let query = format!(
        "metricnames=SnatConnectionCount&timespan={}/{now}&$filter=ConnectionState%20eq%20%27Failed%27&api-version=2018-01-01",
        now - SignedDuration::from_mins(60)
    );
    let metrics = async || {
        let path = format!("{balancer}/providers/Microsoft.Insights/metrics?{query}");
        let said = send(&lab, "GET", &path, "").await.json();
        said["value"][0]["timeseries"].as_array().map_or(9, Vec::len)
    };
    let detector = async || {
        let said = get(&lab, &format!("{cluster}/detectors/snat-usage")).await.json();
        said["properties"]["dataset"][0]["table"]["rows"][0][0].clone()
    };
    assert!(is_silent(at).await);
    assert_eq!((metrics().await, detector().await), (1, json!("Warning")));
    let more = json!({ "properties": { "networkProfile": {
        "loadBalancerProfile": { "allocatedOutboundPorts": 16_000 },
    } } });
    assert_eq!(change(&lab, "PATCH", &cluster, &more).await.status, 200);
    assert_eq!(ping(&lab).await.0, 401);
    assert_eq!((metrics().await, detector().await), (0, json!("Success")));
}
