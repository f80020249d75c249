//! Tests who may do what on the control plane, and that the registry decides by the same state.

use lab::{Lab, Scenario};
use serde_json::Value;

use crate::client::{Said, ask};

pub(crate) const SUBSCRIPTION: &str = "/subscriptions/b84a2c17-95de-4f60-8c3b-1d6e7f90a2c5";
pub(crate) const ARM: &str = "https://management.azure.com";
const TENANT: &str = "6c1f0e9d-3b52-4d78-9a41-e07f2d8c5b63";
const OPERATOR: &str = "7b4f2a90-c3d8-4e61-a5b7-08e9d1c6f342";
const KUBELET: &str = "f15b7a30-c2e8-49d6-8e14-907d3c6ab2f8";
const CLUSTER: &str = "0b8e6d42-71f5-4ac9-93d8-e5c07a1f26b4";
const GROUP: &str = "ad0c57f2-9b31-4e68-b7f4-2c85d10e96a3";

pub(crate) async fn world(text: &str) -> Lab {
    let text = format!("extends = \"azure-healthy\"\n{text}");
    lab::start(&Scenario::parse(&text).unwrap()).await.unwrap()
}

/// Returns the registry's id.
pub(crate) fn registry() -> String {
    format!(
        "{SUBSCRIPTION}/resourceGroups/registries/providers/Microsoft.ContainerRegistry/registries/contoso"
    )
}

/// Returns the operator's token for an audience.
pub(crate) async fn token(lab: &Lab, audience: &str) -> String {
    let secret = &lab.environment["AZURE_CLIENT_SECRET"];
    let form = format!(
        "grant_type=client_credentials&client_id={OPERATOR}&client_secret={secret}&scope={audience}/.default"
    );
    let url = format!("https://login.microsoftonline.com/{TENANT}/oauth2/v2.0/token");
    let body = ask(lab, "POST", &url, "", &form).await.json();
    body["access_token"].as_str().unwrap().to_owned()
}

/// Sends a request to Azure Resource Manager as the operator; a path may have a query.
pub(crate) async fn send(lab: &Lab, method: &str, path: &str, body: &str) -> Said {
    let token = token(lab, ARM).await;
    let sign = if path.contains('?') { '&' } else { '?' };
    let url = format!("{ARM}{path}{sign}api-version=2026-09-01-preview").replace(' ', "%20");
    ask(lab, method, &url, &format!("Authorization: Bearer {token}\r\n"), body).await
}

pub(crate) async fn get(lab: &Lab, path: &str) -> Said {
    send(lab, "GET", path, "").await
}

/// Returns the code of an error.
pub(crate) fn code(said: &Said) -> (u16, String) {
    (said.status, said.json()["error"]["code"].as_str().unwrap_or_default().to_owned())
}

/// Returns the number of items in a list.
pub(crate) fn count(said: &Said) -> usize {
    assert_eq!(said.status, 200, "{}", said.text());
    said.json()["value"].as_array().unwrap().len()
}

/// Returns the response to the kubelet's exchange.
pub(crate) async fn exchange(lab: &Lab) -> Said {
    let audience = "https://containerregistry.azure.net";
    let url = format!(
        "http://169.254.169.254/metadata/identity/oauth2/token?api-version=2018-02-01&resource={audience}"
    );
    let body = ask(lab, "GET", &url, "Metadata: true\r\n", "").await.json();
    let token = body["access_token"].as_str().unwrap();
    let form = format!("service=contoso.azurecr.io&grant_type=access_token&access_token={token}");
    ask(lab, "POST", "https://contoso.azurecr.io/oauth2/exchange", "", &form).await
}

#[tokio::test]
async fn a_token_is_checked() {
    let lab = world("").await;
    let url = format!("{ARM}{}?api-version=2023-07-01", registry());
    let unsigned = ask(&lab, "GET", &url, "", "").await;
    assert_eq!(code(&unsigned), (401, "AuthenticationFailed".into()));
    assert!(unsigned.one("www-authenticate").contains("invalid_token"));
    let wrong = ask(&lab, "GET", &url, "Authorization: Bearer x.y.z\r\n", "").await;
    assert_eq!(code(&wrong), (401, "InvalidAuthenticationToken".into()));
    let other = token(&lab, "https://containerregistry.azure.net").await;
    let other = ask(&lab, "GET", &url, &format!("Authorization: Bearer {other}\r\n"), "").await;
    assert_eq!(code(&other), (401, "InvalidAuthenticationTokenAudience".into()));
    let own = token(&lab, ARM).await;
    let unversioned = format!("{ARM}{}", registry());
    let said =
        ask(&lab, "GET", &unversioned, &format!("Authorization: Bearer {own}\r\n"), "").await;
    assert_eq!(code(&said), (400, "MissingApiVersionParameter".into()));
    for (answer, expected) in [
        ("token-expired", "ExpiredAuthenticationToken"),
        ("token-invalid", "InvalidAuthenticationToken"),
        ("token-tenant", "InvalidAuthenticationTokenTenant"),
    ] {
        let lab = world(&format!("azure.answer = \"{answer}\"")).await;
        assert_eq!(code(&get(&lab, &registry()).await), (401, expected.into()));
    }
}

#[tokio::test]
async fn a_subscription_of_another_tenant_or_none_is_refused() {
    let other = "/subscriptions/3f6a92d0-48c7-4b1e-a5f9-7d20c8e4b613";
    let lab = world(&format!("azure.subscriptions.\"{}\" = \"{GROUP}\"", &other[15..])).await;
    assert_eq!(code(&get(&lab, other).await), (401, "InvalidAuthenticationTokenTenant".into()));
    let none = "/subscriptions/00000000-0000-0000-0000-000000000001";
    assert_eq!(code(&get(&lab, none).await), (404, "SubscriptionNotFound".into()));
    assert_eq!(count(&get(&lab, "/subscriptions").await), 1);
}

#[tokio::test]
async fn a_subscription_that_is_delegated_is_reached_from_the_managing_tenant() {
    let other = "/subscriptions/3f6a92d0-48c7-4b1e-a5f9-7d20c8e4b613";
    let text = format!(
        "azure.delegated = [\"{id}\"]\nazure.subscriptions.\"{id}\" = \"{GROUP}\"\n\
         azure.assignments.more = {{ who = \"operator\", role = \"Reader\", at = \"{other}\" }}",
        id = &other[15..]
    );
    let lab = world(&text).await;
    let said = get(&lab, other).await;
    assert_eq!((said.status, said.json()["tenantId"].as_str()), (200, Some(GROUP)));
    assert_eq!(count(&get(&lab, "/subscriptions").await), 2);
}

#[tokio::test]
async fn a_deny_assignment_is_named_only_where_a_role_would_permit() {
    let denied = "azure.denials.stack = { who = [\"operator\"], at = \"registry\", \
                  actions = [\"Microsoft.ContainerRegistry/registries/read\"] }";
    let said = get(&world(denied).await, &registry()).await;
    assert_eq!(code(&said), (403, "DenyAssignmentAuthorizationFailed".into()));
    assert!(said.text().contains("deny assignment with name 'stack'"), "{}", said.text());
    let nowhere = format!("{denied}\nazure.assignments.operator-reads.at = \"cluster\"");
    let said = get(&world(&nowhere).await, &registry()).await;
    assert_eq!(code(&said), (403, "AuthorizationFailed".into()));
}

#[tokio::test]
async fn without_a_role_lists_are_empty_and_reads_are_refused() {
    let lab = world("azure.assignments.operator-reads.at = \"cluster\"").await;
    let said = get(&lab, &registry()).await;
    assert_eq!(code(&said), (403, "AuthorizationFailed".into()));
    let message = said.json()["error"]["message"].to_string();
    assert!(message.contains("'Microsoft.ContainerRegistry/registries/read'"), "{message}");
    assert!(message.contains(&format!("over scope '{}'", registry())), "{message}");
    let list = format!("{SUBSCRIPTION}/providers/Microsoft.ContainerRegistry/registries");
    assert_eq!(count(&get(&lab, &list).await), 0);
    let clusters = format!("{SUBSCRIPTION}/providers/Microsoft.ContainerService/managedClusters");
    assert_eq!(count(&get(&lab, &clusters).await), 1);
    let at = format!("{}/providers/Microsoft.Authorization/roleAssignments", registry());
    assert_eq!(code(&get(&lab, &at).await), (403, "AuthorizationFailed".into()));
    let own = format!("{}/providers/Microsoft.Authorization/permissions", registry());
    assert_eq!(count(&get(&lab, &own).await), 0);
}

#[tokio::test]
async fn assignments_are_filtered_by_scope_principal_and_group() {
    let lab = world(&format!(
        "[azure.groups.pullers]\nid = \"{GROUP}\"\nmembers = [\"aks-agentpool\"]\n\
         [azure.assignments.group]\nwho = \"pullers\"\nrole = \"AcrPull\"\nat = \"registries\"\n\
         [azure.assignments.cluster]\nwho = \"cluster\"\nrole = \"AcrPull\"\nat = \"registry/x/y\"\n"
    ))
    .await;
    let list = |scope: &str, filter: &str| {
        format!("{scope}/providers/Microsoft.Authorization/roleAssignments?$filter={filter}")
    };
    let registry = registry();
    for (scope, filter, expected) in [
        // The kubelet, the service principal, the group above, the operator above.
        (&registry[..], "atScope()".to_owned(), 4),
        (&registry, String::new(), 5),
        (&registry, format!("principalId eq '{KUBELET}'"), 1),
        (&registry, format!("assignedTo('{KUBELET}')"), 2),
        (&registry, format!("atScope() and assignedTo('{KUBELET}')"), 2),
        (SUBSCRIPTION, format!("atScope() and assignedTo('{KUBELET}')"), 0),
        (SUBSCRIPTION, format!("principalId eq '{KUBELET}'"), 1),
        (&registry, format!("principalId eq '{CLUSTER}'"), 1),
        (&registry, format!("atScope() and principalId eq '{CLUSTER}'"), 0),
        (&registry, format!("principalId eq '{GROUP}'"), 1),
    ] {
        assert_eq!(count(&get(&lab, &list(scope, &filter)).await), expected, "{scope} {filter}");
    }
    let said = get(&lab, &list(&registry, &format!("principalId eq '{KUBELET}'"))).await.json();
    let one = &said["value"][0];
    for key in ["condition", "conditionVersion", "createdOn", "scope", "principalType"] {
        assert!(one["properties"].get(key).is_some(), "{key}");
    }
    assert_eq!(one["properties"]["condition"], Value::Null);
    let refused = get(&lab, &list(&registry, "roleName eq 'x'")).await;
    assert_eq!(refused.status, 400);
}

#[tokio::test]
async fn definitions_are_found_by_name_and_id() {
    let lab = world(
        "azure.roles.\"Contoso Puller\" = { id = \"c57e0d31-92ab-4f68-8d14-6e0b37a9f5c2\", \
         actions = [\"Microsoft.ContainerRegistry/registries/*/read\"] }",
    )
    .await;
    let at = format!("{}/providers/Microsoft.Authorization/roleDefinitions", registry());
    for (name, guid) in [
        ("AcrPull", "7f951dda-4ed3-4680-a7ca-43fe172d538d"),
        ("Contoso Puller", "c57e0d31-92ab-4f68-8d14-6e0b37a9f5c2"),
    ] {
        let said = get(&lab, &format!("{at}?$filter=roleName eq '{name}'")).await.json();
        assert_eq!(said["value"][0]["name"], guid);
        let id = said["value"][0]["id"].as_str().unwrap().to_owned();
        assert!(id.starts_with(SUBSCRIPTION), "{id}");
        assert_eq!(get(&lab, &id).await.json()["properties"]["roleName"], name);
    }
    let none = get(&lab, &format!("{at}/{GROUP}")).await;
    assert_eq!(code(&none), (404, "RoleDefinitionDoesNotExist".into()));
}

#[tokio::test]
async fn the_registry_decides_by_the_assignments() {
    let mut expectations = vec![
        ("", 200),
        ("registry.roles = []", 401),
        (
            "registry.roles = []\n[azure.assignments.x]\nwho = \"cluster\"\nrole = \"AcrPull\"\nat = \"registry\"",
            401,
        ),
        (
            "registry.roles = []\n[azure.assignments.x]\nwho = \"2d9e4b76-18c3-4fa5-b0d7-63a1f8e5c942\"\nrole = \"AcrPull\"\nat = \"registry\"",
            401,
        ),
        (
            "registry.roles = []\n[azure.assignments.x]\nwho = \"aks-agentpool\"\nrole = \"AcrPull\"\nat = \"shop\"",
            401,
        ),
        (
            "registry.roles = []\n[azure.assignments.x]\nwho = \"aks-agentpool\"\nrole = \"AcrPull\"\nat = \"subscription\"",
            200,
        ),
        (
            "registry.roles = []\n[azure.assignments.x]\nwho = \"aks-agentpool\"\nrole = \"Reader\"\nat = \"registry\"",
            200,
        ),
        (
            "registry.roles = []\n[azure.assignments.x]\nwho = \"aks-agentpool\"\nrole = \"AcrDelete\"\nat = \"registry\"",
            401,
        ),
        ("azure.registry.properties.roleAssignmentMode = \"AbacRepositoryPermissions\"", 401),
        (
            "[azure.denials.x]\nwho = [\"aks-agentpool\"]\nat = \"registry\"\nactions = [\"*/pull/read\"]",
            401,
        ),
        ("[azure.denials.x]\nwho = []\nat = \"registries\"\nactions = [\"*\"]", 401),
        ("[azure.denials.x]\nwho = [\"cluster\"]\nat = \"registry\"\nactions = [\"*\"]", 200),
        (
            "azure.propagation = 600\nregistry.roles = []\n[azure.assignments.x]\nwho = \"aks-agentpool\"\nrole = \"AcrPull\"\nat = \"registry\"\nage = 120",
            401,
        ),
    ];
    let group = |settled| {
        format!(
            "registry.roles = []\n[azure.groups.outer]\nid = \"{GROUP}\"\nmembers = [\"inner\"]\n\
             [azure.groups.inner]\nid = \"1e7c04b9-d25f-4a83-b6c0-95fa3d82e710\"\n\
             members = [\"aks-agentpool\"]\nsettled = {settled}\n\
             [azure.assignments.x]\nwho = \"outer\"\nrole = \"AcrPull\"\nat = \"registry\""
        )
    };
    let (settled, fresh) = (group(true), group(false));
    expectations.extend([(&settled[..], 200), (&fresh[..], 401)]);
    for (text, expected) in expectations {
        let said = exchange(&world(text).await).await;
        assert_eq!(said.status, expected, "{text}: {}", said.text());
    }
}
