//! Tests the exchange of an Entra token for a refresh token, and what the refresh token allows.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use lab::{Lab, Scenario};
use serde_json::Value;

use crate::client::{Said, ask, claims};

const REGISTRY: &str = "https://contoso.azurecr.io";
const TENANT: &str = "6c1f0e9d-3b52-4d78-9a41-e07f2d8c5b63";
const SP: &str = "91c6d3f8-7e20-4b5a-a3d9-4f82e6b01c75";
const TOKEN_USER: &str = "00000000-0000-0000-0000-000000000000";
const ACR: &str = "https://containerregistry.azure.net";
const ARM: &str = "https://management.azure.com/";

async fn world(text: &str) -> Lab {
    let words = "[ask.environment]\nsecret = \"$CLIENT_SECRET\"";
    let text = format!("extends = \"node-healthy\"\n{text}\n{words}");
    lab::start(&Scenario::parse(&text).unwrap()).await.unwrap()
}

/// Returns the token of the machine.
async fn entra(lab: &Lab, resource: &str) -> String {
    let url = format!(
        "http://169.254.169.254/metadata/identity/oauth2/token?api-version=2018-02-01&resource={resource}"
    );
    let body = ask(lab, "GET", &url, "Metadata: true\r\n", "").await.json();
    body["access_token"].as_str().unwrap().to_owned()
}

async fn exchange(lab: &Lab, form: &str) -> Said {
    let form = format!("service=contoso.azurecr.io&{form}");
    ask(lab, "POST", &format!("{REGISTRY}/oauth2/exchange"), "", &form).await
}

/// Returns the refresh token for the machine's token.
async fn refresh(lab: &Lab) -> String {
    let token = entra(lab, ACR).await;
    let form = format!("grant_type=access_token&tenant={TENANT}&access_token={token}");
    let said = exchange(lab, &form).await;
    assert_eq!(said.status, 200, "{}", said.text());
    said.json()["refresh_token"].as_str().unwrap().to_owned()
}

/// Requests an access token with Basic.
async fn basic(lab: &Lab, user: &str, password: &str) -> Said {
    let url = format!("{REGISTRY}/oauth2/token?service=x&scope=repository:team/app:pull");
    let auth = STANDARD.encode(format!("{user}:{password}"));
    ask(lab, "GET", &url, &format!("Authorization: Basic {auth}\r\n"), "").await
}

fn access(said: &Said) -> Value {
    assert_eq!(said.status, 200, "{}", said.text());
    claims(said.json()["access_token"].as_str().unwrap())["access"].clone()
}

#[tokio::test]
async fn a_machine_with_a_right_can_pull() {
    let lab = world("").await;
    let token = entra(&lab, ACR).await;
    for (kind, more) in [
        ("access_token", String::new()),
        ("access_token", format!("&tenant={TENANT}")),
        ("access_token_refresh_token", format!("&tenant={TENANT}&refresh_token={token}")),
        ("refresh_token", String::new()),
    ] {
        let said = exchange(&lab, &format!("grant_type={kind}&access_token={token}{more}")).await;
        assert_eq!((said.status, said.one("transfer-encoding")), (200, "chunked"), "{kind}");
        assert_eq!(said.all("strict-transport-security").len(), 1);
        assert!(said.all("docker-distribution-api-version").is_empty());
        let claims = claims(said.json()["refresh_token"].as_str().unwrap());
        assert_eq!(claims["exp"].as_i64().unwrap() - claims["iat"].as_i64().unwrap(), 11_700);
        assert_eq!(claims["permissions"]["Actions"], Value::from(vec!["read"]));
        assert_eq!(claims["appid"], "2d9e4b76-18c3-4fa5-b0d7-63a1f8e5c942");
        assert_eq!(
            (&claims["version"], &claims["grant_type"]),
            (&"1.0".into(), &"refresh_token".into())
        );
    }
    let refresh = refresh(&lab).await;
    let scope = "&scope=repository%3Ateam%2Fapp%3Apull";
    let url = format!("{REGISTRY}/oauth2/token");
    for form in [
        format!("grant_type=refresh_token&service=x{scope}&refresh_token={refresh}"),
        format!("grant_type=password&service=x{scope}&username={TOKEN_USER}&password={refresh}"),
    ] {
        let said = ask(&lab, "POST", &url, "", &form).await;
        assert_eq!(access(&said)[0]["actions"][0], "pull");
    }
    let said = basic(&lab, TOKEN_USER, &refresh).await;
    assert_eq!(access(&said)[0]["name"], "team/app");
    let bearer =
        format!("Authorization: Bearer {}\r\n", said.json()["access_token"].as_str().unwrap());
    let manifest = format!("{REGISTRY}/v2/team/app/manifests/v1");
    let accept = "Accept: application/vnd.oci.image.index.v1+json\r\n";
    assert_eq!(ask(&lab, "HEAD", &manifest, &format!("{bearer}{accept}"), "").await.status, 200);
    assert_eq!(ask(&lab, "GET", &format!("{REGISTRY}/oauth2/exchange"), "", "").await.status, 404);
}

#[track_caller]
fn silent(said: &Said, why: &str) {
    assert_eq!((said.status, said.one("content-length")), (401, "0"), "{why}");
    assert!(said.all("content-type").is_empty() && said.all("www-authenticate").is_empty());
}

#[tokio::test]
async fn an_exchange_is_refused_in_silence() {
    let lab = world("").await;
    let token = entra(&lab, ACR).await;
    let form = "grant_type=access_token&access_token=";
    let other = "tenant=11c0ffee-0000-4000-8000-000000000000";
    silent(&exchange(&lab, &format!("{other}&{form}{token}")).await, "another tenant in the form");
    let (rest, _) = token.rsplit_once('.').unwrap();
    silent(&exchange(&lab, &format!("{form}{rest}.")).await, "no signature");
    // Signed by the lab, but not as Entra.
    let refresh = refresh(&lab).await;
    silent(&exchange(&lab, &format!("{form}{refresh}")).await, "another issuer");
    let elsewhere = "registry.tenant = \"0b5de1a7-4c92-4f38-a6d0-93e7f81c2b64\"";
    let lab = world(elsewhere).await;
    let token = entra(&lab, ACR).await;
    silent(&exchange(&lab, &format!("{form}{token}")).await, "a registry elsewhere");
    let audience = "entra.audiences = [\"https://vault.azure.net\"]";
    let lab = world(audience).await;
    let token = entra(&lab, "https://vault.azure.net").await;
    silent(&exchange(&lab, &format!("{form}{token}")).await, "another audience");

    for (text, status) in [("registry.arm_audience = false", 401), ("", 200)] {
        let lab = world(text).await;
        let token = entra(&lab, ARM).await;
        let said = exchange(&lab, &format!("{form}{token}")).await;
        assert_eq!(said.status, status, "{text}");
        let token = entra(&lab, ACR).await;
        assert_eq!(exchange(&lab, &format!("{form}{token}")).await.status, 200);
    }
}

#[tokio::test]
async fn who_has_no_right_is_told_where_to_read_on() {
    let lab = world("registry.roles = [\"aks-sp\"]").await;
    let token = entra(&lab, ACR).await;
    let said = exchange(&lab, &format!("grant_type=access_token&access_token={token}")).await;
    assert_eq!(said.status, 401);
    let error = &said.json()["errors"][0];
    assert_eq!(error["code"], "UNAUTHORIZED");
    let id = said.one("x-ms-correlation-request-id");
    assert!(
        error["message"].as_str().unwrap().ends_with(&format!("CorrelationId: {id}")),
        "{error}"
    );
    for form in
        [format!("grant_type=magic&access_token={token}"), "grant_type=access_token".to_owned()]
    {
        assert_eq!(exchange(&lab, &form).await.status, 400, "{form}");
    }
    let form = format!("service=fabrikam.azurecr.io&grant_type=access_token&access_token={token}");
    let said = ask(&lab, "POST", &format!("{REGISTRY}/oauth2/exchange"), "", &form).await;
    assert_eq!(said.status, 400);
}

#[tokio::test]
async fn an_identity_can_be_granted_some_repositories_only() {
    for (only, granted) in [("[]", 1), ("[\"team/app\"]", 1), ("[\"team/other\"]", 0)] {
        let lab = world(&format!("registry.role_repositories = {only}")).await;
        let said = basic(&lab, TOKEN_USER, &refresh(&lab).await).await;
        assert_eq!(access(&said).as_array().unwrap().len(), granted, "{only}");
    }
}

#[tokio::test]
async fn an_exchange_has_bad_days_of_its_own() {
    for (answer, status, sign) in [
        ("outage", 503, "<html>"),
        ("firewall", 403, "is not allowed access"),
        ("throttled", 429, "TOOMANYREQUESTS"),
        ("forbidden", 403, "inactive"),
        ("html", 200, "<html>"),
        ("not-json", 200, "in a manner of speaking"),
        ("refuse-all", 401, "CorrelationId"),
        ("normal", 200, "refresh_token"),
    ] {
        let lab = world(&format!("registry.only.exchange = \"{answer}\"")).await;
        let token = entra(&lab, ACR).await;
        let said = exchange(&lab, &format!("grant_type=access_token&access_token={token}")).await;
        assert_eq!(said.status, status, "{answer}");
        assert!(said.text().contains(sign), "{answer}: {}", said.text());
        assert_eq!(ask(&lab, "GET", &format!("{REGISTRY}/v2/"), "", "").await.status, 401);
    }
}

#[tokio::test]
async fn an_application_signs_in_with_its_secret() {
    let lab = world("").await;
    let secret = lab.environment["secret"].clone();
    assert_eq!(access(&basic(&lab, SP, &secret).await)[0]["actions"][0], "pull");
    let unknown = "Application not registered with AAD.";
    for (user, password, says) in [
        (SP, "guess", false),
        ("2d9e4b76-18c3-4fa5-b0d7-63a1f8e5c942", &secret[..], false),
        (TOKEN_USER, "guess", false),
        ("contoso", "guess", false),
        ("c4f20b8d-961e-4a75-b3d8-7e5a09c6f214", "guess", true),
    ] {
        let said = basic(&lab, user, password).await;
        assert_eq!(said.status, 401, "{user}");
        assert_eq!(said.text().contains(unknown), says, "{user}: {}", said.text());
    }
    let lab = world("registry.roles = [\"aks-agentpool\"]").await;
    let said = basic(&lab, SP, &secret).await;
    assert!(said.status == 401 && !said.text().contains(unknown));
}

#[tokio::test]
async fn every_sign_in_is_what_it_is_called() {
    for (sign_in, user, status) in [
        ("password", "pull-token", 200),
        ("expose-token", TOKEN_USER, 200),
        ("stale-expose-token", TOKEN_USER, 401),
        ("admin", "contoso", 401),
        ("unknown-application", "e2a7c6b1-04d9-4f38-95be-7c1d60f3a8e4", 401),
        ("disabled-token", "old-token", 401),
    ] {
        let lab = world(&format!("ask.sign_in = \"{sign_in}\"")).await;
        let config: Value = serde_json::from_str(lab.docker_config.as_ref().unwrap()).unwrap();
        let auth = config["auths"]["contoso.azurecr.io"]["auth"].as_str().unwrap();
        assert!(lab.secrets.iter().any(|secret| secret == auth), "{sign_in}");
        let pair = String::from_utf8(STANDARD.decode(auth).unwrap()).unwrap();
        let (own, password) = pair.split_once(':').unwrap();
        assert_eq!((own, basic(&lab, own, password).await.status), (user, status), "{sign_in}");
        assert!(lab.secrets.iter().any(|secret| password.contains(secret)), "{sign_in}");
    }
}
