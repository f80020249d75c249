//! Tests the registry and the data host with plain requests against recorded responses of the real
//! ones.

use crate::client::{Said, ask};
use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
use lab::{Lab, Scenario};
use serde_json::Value;
use sha2::{Digest as _, Sha256};

const REGISTRY: &str = "https://contoso.azurecr.io";
const V1: &str = "https://contoso.azurecr.io/v2/team/app/manifests/v1";
const ANY: &str = "Accept: application/vnd.oci.image.index.v1+json, application/vnd.oci.image.manifest.v1+json\r\n";

async fn world(text: &str) -> Lab {
    lab::start(&Scenario::parse(text).unwrap()).await.unwrap()
}

/// Returns a header that signs in with the credentials in the docker config.
fn basic(lab: &Lab) -> String {
    let config: Value = serde_json::from_str(lab.docker_config.as_ref().unwrap()).unwrap();
    let auth = config["auths"]["contoso.azurecr.io"]["auth"].as_str().unwrap();
    format!("Authorization: Basic {auth}\r\n")
}

async fn token(lab: &Lab, scope: &str, authorization: &str) -> Said {
    let url = format!("{REGISTRY}/oauth2/token?service=contoso.azurecr.io&scope={scope}");
    ask(lab, "GET", &url, authorization, "").await
}

async fn bearer(lab: &Lab, scope: &str) -> String {
    let said = token(lab, scope, &basic(lab)).await;
    assert_eq!(said.status, 200);
    let json: Value = serde_json::from_slice(&said.body).unwrap();
    format!("Authorization: Bearer {}\r\n{ANY}", json["access_token"].as_str().unwrap())
}

fn hash(bytes: &[u8]) -> String {
    Sha256::digest(bytes).iter().fold("sha256:".into(), |text, byte| format!("{text}{byte:02x}"))
}

#[tokio::test]
async fn the_challenge_is_the_recorded_one() {
    let lab = world("").await;
    let said = ask(&lab, "GET", &format!("{REGISTRY}/v2/"), "", "").await;
    assert_eq!(said.status, 401);
    assert_eq!(
        said.one("www-authenticate"),
        r#"Bearer realm="https://contoso.azurecr.io/oauth2/token",service="contoso.azurecr.io""#
    );
    assert_eq!((said.one("content-length"), said.one("server")), ("149", "openresty"));
    assert_eq!(said.all("strict-transport-security").len(), 2);
    assert_eq!(said.all("access-control-expose-headers").len(), 4);
    assert!(said.text().ends_with("more information.\",\"detail\":null}]}\n"), "{}", said.text());

    let said = ask(&lab, "GET", V1, "", "").await;
    assert!(said.one("www-authenticate").ends_with(r#",scope="repository:team/app:pull""#));
    let detail = r#""detail":[{"Type":"repository","Name":"team/app","Action":"pull"}]}]}"#;
    assert!(said.text().trim_end().ends_with(detail), "{}", said.text());
    let head = ask(&lab, "HEAD", V1, "", "").await;
    assert_eq!((head.one("content-length"), head.body.len()), (said.one("content-length"), 0));

    let said = ask(&lab, "GET", V1, "Authorization: Bearer nonsense\r\n", "").await;
    assert!(said.one("www-authenticate").ends_with(r#",error="invalid_token""#));

    let said = ask(&lab, "GET", &format!("{REGISTRY}/v2/team/app/blobs/sha256:12"), "", "").await;
    assert_eq!((said.status, said.text()), (404, "404 page not found\n"));
    assert!(said.all("access-control-expose-headers").is_empty());
}

#[tokio::test]
async fn an_answer_can_be_undated_and_send_elsewhere_for_tokens() {
    let realm = "https://login.fabrikam.example/token";
    let text = format!("registry.date = false\nregistry.realm = \"{realm}\"");
    for (lab, elsewhere) in [(world(&text).await, true), (world("").await, false)] {
        let said = ask(&lab, "GET", &format!("{REGISTRY}/v2/"), "", "").await;
        assert_eq!(said.all("date").is_empty(), elsewhere);
        assert_eq!(said.one("www-authenticate").contains(realm), elsewhere);
    }
}

#[tokio::test]
async fn a_token_says_what_is_granted_and_is_issued_anyway() {
    let scope = "repository:team/app:pull";
    let lab = world("").await;
    let good = bearer(&lab, scope).await;
    let claims = good.split('.').nth(1).unwrap();
    let claims: Value = serde_json::from_slice(&URL_SAFE_NO_PAD.decode(claims).unwrap()).unwrap();
    assert_eq!(claims["access"][0]["actions"][0], "pull");
    assert_eq!(claims["exp"].as_i64().unwrap() - claims["iat"].as_i64().unwrap(), 4500);
    assert!(lab.secrets.iter().any(|secret| good.contains(secret)));
    let shown = good.split_whitespace().nth(2).unwrap();
    assert!(lab::is_signed(shown), "{shown}");
    // A leak of the second part alone is detectable, too.
    let second = shown.split('.').nth(1).unwrap();
    assert!(lab.secrets.iter().any(|secret| second.contains(secret)));
    assert_eq!(ask(&lab, "HEAD", V1, &good, "").await.status, 200);

    let wrong = STANDARD.encode("pull-token:guess");
    let said = token(&lab, scope, &format!("Authorization: Basic {wrong}\r\n")).await;
    assert_eq!(said.status, 401);
    assert_eq!(token(&lab, scope, "").await.status, 401);

    let lab = world("registry.grants = \"none\"").await;
    let empty = bearer(&lab, scope).await;
    let said = ask(&lab, "GET", V1, &empty, "").await;
    assert_eq!(said.status, 401);
    assert!(said.one("www-authenticate").ends_with(r#",error="insufficient_scope""#));

    let lab = world("registry.anonymous = true").await;
    assert_eq!(token(&lab, scope, "").await.status, 200);
}

#[tokio::test]
async fn a_refresh_token_is_taken_or_met_with_silence() {
    for (sign_in, status) in [("identity-token", 200), ("stale-identity-token", 401)] {
        let lab = world(&format!("ask.sign_in = \"{sign_in}\"")).await;
        let config: Value = serde_json::from_str(lab.docker_config.as_ref().unwrap()).unwrap();
        let refresh = config["auths"]["contoso.azurecr.io"]["identitytoken"].as_str().unwrap();
        let form = format!(
            "grant_type=refresh_token&service=x&scope=repository%3Ateam%2Fapp%3Apull&refresh_token={refresh}"
        );
        let said = ask(&lab, "POST", &format!("{REGISTRY}/oauth2/token"), "", &form).await;
        assert_eq!(said.status, status, "{sign_in}");
        if status == 401 {
            assert_eq!((said.one("content-length"), said.all("content-type").len()), ("0", 0));
        }
    }
}

#[tokio::test]
async fn every_blob_of_an_image_can_be_had_and_is_what_it_is_called() {
    let lab = world("").await;
    let good = bearer(&lab, "repository:team/app:pull").await;
    let index = ask(&lab, "GET", V1, &good, "").await;
    assert_eq!(index.one("docker-content-digest"), hash(&index.body));
    let index: Value = serde_json::from_slice(&index.body).unwrap();
    let child = index["manifests"][0]["digest"].as_str().unwrap();
    let url = format!("{REGISTRY}/v2/team/app/manifests/{child}");
    let manifest = ask(&lab, "GET", &url, &good, "").await;
    assert_eq!(hash(&manifest.body), child);
    let manifest: Value = serde_json::from_slice(&manifest.body).unwrap();
    let layers = manifest["layers"].as_array().unwrap();
    for blob in layers.iter().chain([&manifest["config"]]) {
        let digest = blob["digest"].as_str().unwrap();
        let url = format!("{REGISTRY}/v2/team/app/blobs/{digest}");
        let head = ask(&lab, "HEAD", &url, &good, "").await;
        assert_eq!((head.status, head.one("content-length")), (200, &*blob["size"].to_string()));
        let sent = ask(&lab, "GET", &url, &good, "").await;
        assert_eq!(sent.status, 307);
        let away = sent.one("location");
        assert!(away.starts_with("https://contoso.eastus.data.azurecr.io?t="), "{away}");
        assert_eq!(hash(&ask(&lab, "GET", away, "", "").await.body), digest);
        let refused = ask(&lab, "GET", away, &good, "").await;
        assert_eq!(refused.status, 400);
        let refused = ask(&lab, "GET", &away.replace("&s=", "&s=x"), "", "").await;
        assert_eq!((refused.status, &refused.body[..3]), (403, "\u{feff}".as_bytes()));
    }
}

#[tokio::test]
async fn an_index_can_outlive_what_it_names_and_a_manifest_can_exaggerate() {
    let lab =
        world(r#"registry.images."team/app".tags = { v1 = "childless", v2 = "long-config" }"#)
            .await;
    let good = bearer(&lab, "repository:team/app:pull").await;
    let index = ask(&lab, "GET", V1, &good, "").await;
    let index: Value = serde_json::from_slice(&index.body).unwrap();
    for entry in index["manifests"].as_array().unwrap() {
        let child = V1.replace("/v1", &format!("/{}", entry["digest"].as_str().unwrap()));
        assert_eq!(ask(&lab, "GET", &child, &good, "").await.status, 404);
    }
    let manifest = ask(&lab, "GET", &V1.replace("/v1", "/v2"), &good, "").await;
    let manifest: Value = serde_json::from_slice(&manifest.body).unwrap();
    assert_eq!(manifest["config"]["size"], 64 << 20);
}

#[tokio::test]
async fn what_is_not_there_is_missed_by_name() {
    let lab = world("").await;
    let good = bearer(&lab, "repository:team/app:pull,metadata_read").await;
    let gone = V1.replace("/v1", "/v9");
    let said = ask(&lab, "GET", &gone, &good, "").await;
    assert_eq!(
        said.text(),
        "{\"errors\":[{\"code\":\"MANIFEST_UNKNOWN\",\"message\":\"manifest tagged by \\\"v9\\\" is not found\",\
         \"detail\":{\"Tag\":\"v9\"}}]}\n"
    );
    let list = format!("{REGISTRY}/v2/team/app/tags/list?n=2");
    let said = ask(&lab, "GET", &list, &good, "").await;
    assert_eq!(said.text(), "{\"name\":\"team/app\",\"tags\":[\"arm\",\"single\"]}\n");
    assert!(said.one("link").contains("last=single"));
    let other = bearer(&lab, "repository:team/other:pull").await;
    let said = ask(&lab, "GET", &V1.replace("/app", "/other"), &other, "").await;
    assert!(said.status == 404 && said.text().contains("NAME_UNKNOWN"));
}

#[tokio::test]
async fn a_layer_can_break_off_stop_or_be_another() {
    for fault in ["cut", "stall", "wrong-bytes"] {
        let lab = world(&format!("data.fault = \"{fault}\"")).await;
        let good = bearer(&lab, "repository:team/app:pull").await;
        let url = V1.replace("/v1", "/single");
        let manifest = ask(&lab, "GET", &url, &good, "").await;
        let manifest: Value = serde_json::from_slice(&manifest.body).unwrap();
        for (blob, is_layer) in [(&manifest["layers"][0], true), (&manifest["config"], false)] {
            let digest = blob["digest"].as_str().unwrap();
            let url = format!("{REGISTRY}/v2/team/app/blobs/{digest}");
            let sent = ask(&lab, "GET", &url, &good, "").await;
            let said = ask(&lab, "GET", sent.one("location"), "", "").await;
            assert_eq!(said.one("content-length"), blob["size"].to_string());
            let whole = usize::try_from(blob["size"].as_u64().unwrap()).unwrap();
            if !is_layer {
                assert_eq!(hash(&said.body), digest);
            } else if fault == "wrong-bytes" {
                assert!(said.body.len() == whole && hash(&said.body) != digest);
            } else {
                assert_eq!(said.body.len(), whole / 2, "{fault}");
            }
        }
    }
}

#[tokio::test]
async fn the_registry_has_bad_days() {
    for (answer, status, sign) in [
        ("outage", 503, "openresty"),
        ("bad-gateway", 502, "openresty"),
        ("server-error-html", 500, "openresty"),
        ("firewall", 403, "client with IP \\u0027203.0.113.9\\u0027 is not allowed"),
        ("forbidden", 403, "identity associated with the registry is inactive"),
        ("throttled", 429, "TOOMANYREQUESTS"),
        ("teapot", 418, "<html>"),
        ("no-challenge", 401, "UNAUTHORIZED"),
        ("html", 200, "<html>"),
        ("redirect-loop", 302, ""),
        ("endless", 200, "        "),
    ] {
        let lab = world(&format!("registry.only.manifest = \"{answer}\"")).await;
        let said = ask(&lab, "GET", V1, "", "").await;
        assert_eq!(said.status, status, "{answer}");
        assert!(said.text().contains(sign), "{answer}: {}", said.text());
        assert!(said.all("www-authenticate").is_empty());
        let ping = ask(&lab, "GET", &format!("{REGISTRY}/v2/"), "", "").await;
        assert_eq!(ping.all("www-authenticate").len(), 1);
    }
    let lab = world("registry.answer = \"header-bomb\"").await;
    let said = ask(&lab, "GET", V1, "", "").await;
    assert!(said.headers.lines().count() > 500, "{}", said.headers.len());
    assert_eq!(said.text(), "", "the head does not end");
    let lab = world("registry.answer = \"no-auth\"\nregistry.redirect = false").await;
    assert_eq!(ask(&lab, "GET", V1, ANY, "").await.status, 200);
}
