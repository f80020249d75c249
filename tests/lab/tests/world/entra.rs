//! Tests Entra ID with plain requests against recorded responses of the real one.

use lab::{Lab, Scenario};
use serde_json::Value;

use crate::client::{Said, ask, claims};

const TENANT: &str = "6c1f0e9d-3b52-4d78-9a41-e07f2d8c5b63";
const SP: &str = "91c6d3f8-7e20-4b5a-a3d9-4f82e6b01c75";
const AGENTPOOL: &str = "2d9e4b76-18c3-4fa5-b0d7-63a1f8e5c942";
const SCOPE: &str = "&scope=https%3A%2F%2Fcontainerregistry.azure.net%2F.default";
const BY_JWT: &str =
    "&client_assertion_type=urn%3Aietf%3Aparams%3Aoauth%3Aclient-assertion-type%3Ajwt-bearer";

async fn world(text: &str) -> Lab {
    let words = "secret = \"$CLIENT_SECRET\"\nold = \"$OLD_CLIENT_SECRET\"\njwt = \"$ASSERTION\"";
    let text = format!("extends = \"node-healthy\"\n{text}\n[ask.environment]\n{words}");
    lab::start(&Scenario::parse(&text).unwrap()).await.unwrap()
}

async fn post(lab: &Lab, path: &str, form: &str) -> Said {
    let url = format!("https://login.microsoftonline.com/{path}");
    let form = format!("grant_type=client_credentials{form}");
    ask(lab, "POST", &url, "Content-Type: application/x-www-form-urlencoded\r\n", &form).await
}

fn secret(lab: &Lab, client: &str, which: &str) -> String {
    format!("&client_id={client}&client_secret={}", lab.environment[which])
}

#[tokio::test]
async fn the_right_secret_gets_a_token() {
    let lab = world("").await;
    let form = secret(&lab, SP, "secret");
    let newer = format!("{TENANT}/oauth2/v2.0/token");
    let said = post(&lab, &newer, &format!("{form}{SCOPE}")).await;
    let body = said.json();
    assert_eq!((said.status, &body["token_type"]), (200, &"Bearer".into()));
    assert_eq!((&body["expires_in"], &body["ext_expires_in"]), (&3599.into(), &3599.into()));
    let said = claims(body["access_token"].as_str().unwrap());
    assert_eq!(
        (&said["aud"], &said["appid"]),
        (&"https://containerregistry.azure.net".into(), &SP.into())
    );
    assert_eq!((&said["idtyp"], &said["ver"]), (&"app".into(), &"1.0".into()));
    assert_eq!(said["iss"], format!("https://sts.windows.net/{TENANT}/"));
    assert!(said.get("xms_mirid").is_none());

    let older = format!("{TENANT}/oauth2/token?api-version=1.0");
    let body =
        post(&lab, &older, &format!("{form}&resource=https://management.azure.com")).await.json();
    assert_eq!(body["expires_in"], "3599");
    assert!(body["expires_on"].is_string() && body["not_before"].is_string());
    assert_eq!(
        claims(body["access_token"].as_str().unwrap())["aud"],
        "https://management.azure.com"
    );
}

#[tokio::test]
async fn a_service_account_is_taken_for_whom_it_stands_for() {
    let lab = world("").await;
    let jwt = &lab.environment["jwt"];
    assert_eq!(claims(jwt)["sub"], "system:serviceaccount:shop:app");
    let path = format!("{TENANT}/oauth2/v2.0/token");
    let form = format!("&client_id={AGENTPOOL}{BY_JWT}{SCOPE}&client_assertion=");
    let said = post(&lab, &path, &format!("{form}{jwt}")).await;
    assert_eq!(said.status, 200, "{}", said.text());
    assert_eq!(claims(said.json()["access_token"].as_str().unwrap())["appid"], AGENTPOOL);

    // Another token is not accepted, even if its signature is valid.
    let (rest, _) = jwt.rsplit_once('.').unwrap();
    let another = lab.secrets.iter().find(|secret| lab::is_signed(secret) && *secret != jwt);
    for other in [format!("{rest}.c2lnbmVk"), another.unwrap().clone()] {
        let said = post(&lab, &path, &format!("{form}{other}")).await;
        let body = said.json();
        assert_eq!((said.status, &body["error_codes"][0]), (400, &70_021.into()));
        let words = body["error_description"].as_str().unwrap();
        if other.starts_with(rest) {
            let about = "Assertion Subject: 'system:serviceaccount:shop:app'. Assertion Audience: 'api://AzureADTokenExchange'.";
            assert!(words.contains(about) && words.contains(".azure.com/6c1f0e9d"), "{words}");
        }
    }
}

#[tokio::test]
async fn each_error_has_its_number_and_word() {
    let lab = world("").await;
    let (right, old) = (secret(&lab, SP, "secret"), secret(&lab, SP, "old"));
    let wrong = format!("&client_id={SP}&client_secret=guess");
    let managed = secret(&lab, AGENTPOOL, "secret");
    let stranger = secret(&lab, "c4f20b8d-961e-4a75-b3d8-7e5a09c6f214", "secret");
    let elsewhere = "&scope=https%3A%2F%2Fvault.azure.net%2F.default";
    let no_default = "&scope=https%3A%2F%2Fcontainerregistry.azure.net";
    for (tenant, form, status, number, word) in [
        ("contoso.example", format!("{right}{SCOPE}"), 400, 90_002, "invalid_tenant"),
        (TENANT, format!("{stranger}{SCOPE}"), 400, 700_016, "unauthorized_client"),
        (TENANT, format!("{wrong}{SCOPE}"), 401, 7_000_215, "invalid_client"),
        (TENANT, format!("{managed}{SCOPE}"), 401, 7_000_215, "invalid_client"),
        (TENANT, format!("{old}{SCOPE}"), 401, 7_000_222, "invalid_client"),
        (TENANT, format!("&client_id={SP}{SCOPE}"), 401, 7_000_218, "invalid_client"),
        (TENANT, format!("{right}{elsewhere}"), 400, 500_011, "invalid_resource"),
        (TENANT, format!("{right}{no_default}"), 400, 1_002_012, "invalid_scope"),
        // The tenant is checked before the secret, and the secret before the scope.
        (TENANT, format!("{wrong}{elsewhere}"), 401, 7_000_215, "invalid_client"),
        ("contoso.example", format!("{wrong}{SCOPE}"), 400, 90_002, "invalid_tenant"),
    ] {
        let said = post(&lab, &format!("{tenant}/oauth2/v2.0/token"), &form).await;
        check(&said, status, number, word);
    }
    for (number, status, word) in [
        (70_025, 401, "invalid_client"),
        (90_061, 400, "invalid_request"),
        (700_213, 400, "invalid_request"),
        (700_024, 400, "invalid_request"),
        (53_003, 400, "interaction_required"),
        (50_001, 400, "invalid_resource"),
        (7_000_222, 401, "invalid_client"),
        (12_345, 400, "invalid_request"),
    ] {
        let lab = world(&format!("entra.error = {number}")).await;
        let form = secret(&lab, SP, "secret");
        for path in ["oauth2/v2.0/token", "oauth2/token"] {
            let said = post(&lab, &format!("{TENANT}/{path}"), &form).await;
            check(&said, status, number, word);
        }
        // A tenant that does not exist cannot return the configured error.
        let said = post(&lab, "nobody/oauth2/v2.0/token", &form).await;
        assert_eq!(said.json()["error_codes"][0], 90_002);
    }
}

#[track_caller]
fn check(said: &Said, status: u16, number: u32, word: &str) {
    let body = said.json();
    assert_eq!((said.status, &body["error"]), (status, &word.into()), "{body}");
    assert_eq!(body["error_codes"], Value::from(vec![number]));
    let words = body["error_description"].as_str().unwrap();
    assert!(words.starts_with(&format!("AADSTS{number}: ")), "{words}");
    let [trace, correlation, time] = ["trace_id", "correlation_id", "timestamp"]
        .map(|key| body[key].as_str().unwrap_or_else(|| panic!("{key} in {body}")));
    assert_ne!(trace, correlation);
    let end = format!(" Trace ID: {trace} Correlation ID: {correlation} Timestamp: {time}");
    assert!(words.ends_with(&end), "{words}");
}

#[tokio::test]
async fn libraries_find_the_token_endpoint() {
    let lab = world("").await;
    let host = "https://login.microsoftonline.com";
    let instance = format!("{host}/common/discovery/instance?api-version=1.1");
    let instance = ask(&lab, "GET", &instance, "", "").await.json();
    let discovery = instance["tenant_discovery_endpoint"].as_str().unwrap();
    let document = ask(&lab, "GET", discovery, "", "").await.json();
    assert_eq!(document["token_endpoint"], format!("{host}/{TENANT}/oauth2/v2.0/token"));
    let other = discovery.replace(TENANT, "00000000-0000-0000-0000-000000000001");
    assert_eq!(ask(&lab, "GET", &other, "", "").await.status, 404);
}

#[tokio::test]
async fn there_is_nothing_else() {
    let lab = world("").await;
    let path = format!("https://login.microsoftonline.com/{TENANT}");
    let keys = format!("{path}/discovery/v2.0/keys");
    assert_eq!(ask(&lab, "GET", &keys, "", "").await.status, 404);
    assert_eq!(ask(&lab, "GET", &format!("{path}/oauth2/token"), "", "").await.status, 405);
}
