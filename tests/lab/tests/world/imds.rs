//! Tests the metadata service with plain requests against recorded responses of the real one.

use std::time::Instant;

use lab::{Lab, Scenario};

use crate::client::{Said, ask, claims};

const AGENTPOOL: &str = "2d9e4b76-18c3-4fa5-b0d7-63a1f8e5c942";
const ACR: &str = "https%3A%2F%2Fcontainerregistry.azure.net";
const NOT_FOUND: &str = r#"{"error":"invalid_request","error_description":"Identity not found"}"#;

async fn world(text: &str) -> Lab {
    let text = format!("extends = \"node-healthy\"\n{text}");
    lab::start(&Scenario::parse(&text).unwrap()).await.unwrap()
}

async fn token(lab: &Lab, resource: &str, more: &str) -> Said {
    with(lab, resource, more, "Metadata: true\r\n").await
}

async fn with(lab: &Lab, resource: &str, more: &str, headers: &str) -> Said {
    let url = format!(
        "http://169.254.169.254/metadata/identity/oauth2/token?api-version=2018-02-01&resource={resource}{more}"
    );
    ask(lab, "GET", &url, headers, "").await
}

fn number(said: &Said, key: &str) -> i64 {
    said.json()[key].as_str().unwrap().parse().unwrap()
}

#[tokio::test]
async fn an_attached_identity_gets_a_token() {
    let lab = world("").await;
    let resource_id = "%2Fsubscriptions%2Fb84a2c17-95de-4f60-8c3b-1d6e7f90a2c5%2FresourceGroups%2FMC_shop_contoso_eastus%2Fproviders%2FMicrosoft.ManagedIdentity%2FuserAssignedIdentities%2Fcontoso-agentpool";
    for more in [
        String::new(),
        format!("&client_id={AGENTPOOL}"),
        "&object_id=f15b7a30-c2e8-49d6-8e14-907d3c6ab2f8".into(),
        format!("&mi_res_id={resource_id}"),
        format!("&msi_res_id={resource_id}"),
    ] {
        let said = token(&lab, ACR, &more).await;
        assert_eq!(said.status, 200, "{more}: {}", said.text());
        assert!(said.one("server").starts_with("IMDS/150.870.65."), "{}", said.headers);
        let body = said.json();
        let fields: Vec<_> = body.as_object().unwrap().iter().collect();
        assert_eq!(fields.len(), 8);
        assert!(fields.iter().all(|(_, value)| value.is_string()), "{body}");
        assert_eq!(body["client_id"], AGENTPOOL);
        assert_eq!(number(&said, "expires_on") - number(&said, "not_before"), 86_700);
        let access = body["access_token"].as_str().unwrap();
        let claims = claims(access);
        assert_eq!(claims["aud"], "https://containerregistry.azure.net");
        assert_eq!(claims["tid"], "6c1f0e9d-3b52-4d78-9a41-e07f2d8c5b63");
        assert_eq!(claims["oid"], "f15b7a30-c2e8-49d6-8e14-907d3c6ab2f8");
        assert!(claims["xms_mirid"].as_str().unwrap().ends_with("/contoso-agentpool"));
        assert_eq!(claims["exp"].as_i64().unwrap() - claims["iat"].as_i64().unwrap(), 86_700);
        // A leak is detectable, whichever part of the token it is.
        for part in access.split('.').take(2) {
            assert!(lab.secrets.iter().any(|secret| part.contains(secret)), "{part}");
        }
    }
    for resource in ["https%3A%2F%2Fmanagement.azure.com", "https://management.azure.com/"] {
        assert_eq!(token(&lab, resource, "").await.status, 200, "{resource}");
    }
}

#[tokio::test]
async fn it_answers_only_those_who_mark_their_request_and_come_themselves() {
    let lab = world("").await;
    for headers in ["", "Metadata: true\r\nX-Forwarded-For: 10.1.0.9\r\n", "Metadata: false\r\n"] {
        let said = with(&lab, ACR, "", headers).await;
        assert_eq!((said.status, said.one("content-length")), (400, "88"), "{headers}");
        assert!(said.text().contains("Required metadata header not specified"));
        assert!(said.one("server").starts_with("IMDS/"));
    }
    for path in ["/metadata/instance?api-version=2018-02-01", "/metadata/identity/oauth2/token?x=1"]
    {
        let url = format!("http://169.254.169.254{path}");
        assert_eq!(ask(&lab, "GET", &url, "Metadata: true\r\n", "").await.status, 404);
    }
}

#[tokio::test]
async fn who_is_not_attached_or_not_the_only_one_is_told_so() {
    let lab = world("").await;
    for more in
        ["&client_id=91c6d3f8-7e20-4b5a-a3d9-4f82e6b01c75", "&object_id=nobody", "&mi_res_id=x"]
    {
        let said = token(&lab, ACR, more).await;
        assert_eq!((said.status, said.text()), (400, NOT_FOUND), "{more}");
    }
    let lab = world("imds.identities = []").await;
    for more in ["", &format!("&client_id={AGENTPOOL}")] {
        assert_eq!(token(&lab, ACR, more).await.text(), NOT_FOUND, "{more}");
    }
    let lab = world(
        r#"
        imds.identities = ["aks-agentpool", "monitor"]
        [entra.identities.monitor]
        kind = "managed"
        client_id = "7a40c9e3-52bf-4d16-8e97-c03b1f5d62a8"
        object_id = "d96e13f7-a80c-4b52-9d34-5e7b2c01f8a6"
        "#,
    )
    .await;
    let said = token(&lab, ACR, "").await;
    assert_eq!((said.status, said.one("content-length")), (400, "168"));
    assert!(said.text().contains("Multiple user assigned identities exist"));
    let said = token(&lab, ACR, &format!("&client_id={AGENTPOOL}")).await;
    assert_eq!(said.json()["client_id"], AGENTPOOL);
}

#[tokio::test]
async fn what_entra_refuses_is_handed_on() {
    let lab = world("").await;
    let said = token(&lab, "https%3A%2F%2Fvault.azure.net", "").await;
    let body = said.json();
    assert_eq!((said.status, &body["error"]), (400, &"invalid_resource".into()));
    assert_eq!(body["error_codes"][0], 500_011);
    assert!(body["error_description"].as_str().unwrap().contains("named https://vault.azure.net "));
    let lab = world("entra.error = 50001").await;
    let body = token(&lab, ACR, "").await.json();
    assert_eq!(body["error_codes"][0], 50_001);
}

#[tokio::test]
async fn it_has_bad_days() {
    for (answer, first, second, sign) in [
        ("normal", 200, 200, "access_token"),
        ("throttled", 429, 429, "throttled"),
        ("throttled-once", 429, 200, "throttled"),
        ("outage", 503, 503, ""),
        ("gone-once", 410, 200, ""),
        ("html", 200, 200, "<html>"),
        ("long", 200, 200, "xxxx"),
        ("garbage-json", 200, 200, "{}"),
    ] {
        let lab = world(&format!("imds.answer = \"{answer}\"")).await;
        let said = token(&lab, ACR, "").await;
        assert_eq!(said.status, first, "{answer}");
        assert!(said.text().contains(sign), "{answer}: {}", said.text());
        assert_eq!(said.all("server").is_empty(), answer == "html", "{answer}");
        assert_eq!(answer == "normal", said.text().contains("expires_on"), "{answer}");
        if answer == "long" {
            assert!(said.one("content-length").len() == 8, "ten million bytes");
        }
        assert_eq!(token(&lab, ACR, "").await.status, second, "{answer}");
    }

    let lab = world("imds.answer = \"interceptor\"").await;
    let said = token(&lab, ACR, "").await;
    assert_eq!((said.status, said.one("content-length")), (403, "110"));
    assert!(said.one("content-type").starts_with("text/plain") && said.all("server").is_empty());

    let lab = world("imds.answer = \"endless\"").await;
    let begun = Instant::now();
    let said = token(&lab, ACR, "").await;
    assert!(said.status == 200 && said.all("content-length").is_empty());
    assert!(!said.body.is_empty() && begun.elapsed().as_secs() < 5);
}

#[tokio::test]
async fn a_world_without_one_does_not_lead_to_that_of_the_machine() {
    let lab = lab::start(&Scenario::parse("").unwrap()).await.unwrap();
    let real = lab.routes[&"169.254.169.254:80".parse().unwrap()];
    let why = tokio::net::TcpStream::connect(real).await.unwrap_err();
    assert_eq!(why.kind(), std::io::ErrorKind::ConnectionRefused);
}
