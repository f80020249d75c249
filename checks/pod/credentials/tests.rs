//! What the kubelet makes of pull secrets, one and several.

use base64::prelude::{BASE64_STANDARD, Engine as _};
use serde_json::{Value, json};

use super::*;

fn secret(kind: &str, key: &str, payload: &str) -> Rc<Read> {
    let data = BASE64_STANDARD.encode(payload);
    let object = json!({ "type": kind, "data": { key: data } });
    Rc::new(Read::Given(PullSecret::of_object(&object)))
}

fn config(keys: &[&str]) -> Rc<Read> {
    let auths: serde_json::Map<String, Value> =
        keys.iter().map(|key| ((*key).to_owned(), json!({ "auth": "dTpw" }))).collect();
    let payload = json!({ "auths": auths }).to_string();
    secret("kubernetes.io/dockerconfigjson", ".dockerconfigjson", &payload)
}

fn told(
    image: &str,
    secrets: &[(&str, Rc<Read>)],
) -> Vec<(String, CredentialState, Option<String>)> {
    let asked = RegistryOrImage::read(image, Cloud::default(), false).unwrap();
    let rows = rows(secrets, &asked).into_iter();
    rows.map(|(row, _)| (row.secret, row.state, row.key)).collect()
}

const IMAGE: &str = "contoso.azurecr.io/team/app:v1";

#[test]
fn one_secret_in_each_state() {
    use CredentialState::{Empty, Malformed, Missing, NoMatch, NotRead, Presented, WrongType};
    let json = "kubernetes.io/dockerconfigjson";
    let legacy = r#"{"contoso.azurecr.io":{"auth":"dTpw"}}"#;
    for (read, wanted) in [
        (config(&["contoso.azurecr.io"]), Presented),
        (config(&["https://contoso.azurecr.io/v2/"]), Presented),
        (config(&["*.azurecr.io"]), Presented),
        (config(&["contoso.azurecr.io/team"]), Presented),
        (config(&["contoso.azurecr.io/team/app/x"]), NoMatch),
        (config(&["contoso.azurecr.io:443"]), NoMatch),
        (config(&["contoso"]), NoMatch),
        (config(&["*.io"]), NoMatch),
        (config(&[]), NoMatch),
        (secret("kubernetes.io/dockercfg", ".dockercfg", legacy), Presented),
        (secret(json, ".dockercfg", legacy), Empty),
        (secret(json, ".dockerconfigjson", legacy), Empty),
        (secret(json, ".dockerconfigjson", "{\"auths\":"), Malformed),
        (secret(json, ".dockerconfigjson", r#"{"auths":{"x":{"auth":"!"}}}"#), Malformed),
        (secret("Opaque", ".dockerconfigjson", legacy), WrongType),
        (Rc::new(Read::Missing), Missing),
        (Rc::new(Read::Closed(Some("forbidden".into()))), NotRead),
    ] {
        let states: Vec<CredentialState> =
            told(IMAGE, &[("s", read.clone())]).into_iter().map(|(_, state, _)| state).collect();
        assert_eq!(states, [wanted]);
    }
}

/// The last key in the alphabet comes first, and of equal keys the first secret's.
#[test]
fn several_secrets_are_one_keyring() {
    let secrets = [
        ("a", config(&["*.azurecr.io", "contoso.azurecr.io"])),
        ("b", config(&["contoso.azurecr.io", "contoso.azurecr.io/team"])),
        ("c", Rc::new(Read::Missing)),
    ];
    let order: Vec<(String, Option<String>)> =
        told(IMAGE, &secrets).into_iter().map(|(secret, _, key)| (secret, key)).collect();
    let key = |key: &str| Some(key.to_owned());
    assert_eq!(
        order,
        [
            ("b".into(), key("contoso.azurecr.io/team")),
            ("a".into(), key("contoso.azurecr.io")),
            ("b".into(), key("contoso.azurecr.io")),
            ("a".into(), key("*.azurecr.io")),
            ("c".into(), None),
        ]
    );
}

#[test]
fn a_key_that_nearly_matches_is_named() {
    let rows = told(IMAGE, &[("s", config(&["contoso"]))]);
    assert_eq!(rows[0].2.as_deref(), Some("contoso"));
}

#[test]
fn what_is_wrong_is_told_without_the_content() {
    let payload = r#"{"auths":{"contoso.azurecr.io":{"auth":"c2VjcmV0LWNhbmFyeQ"}}}"#;
    let read = secret("kubernetes.io/dockerconfigjson", ".dockerconfigjson", payload);
    let asked = RegistryOrImage::read(IMAGE, Cloud::default(), false).unwrap();
    let rows = rows(&[("s", read)], &asked);
    let text = serde_json::to_string(&rows[0].0).unwrap();
    assert!(text.contains("malformed") && !text.contains("c2VjcmV0"), "{text}");
}

#[test]
fn a_secret_for_other_registries() {
    let is_for_others = |keys: &[&str]| {
        let asked = RegistryOrImage::read(IMAGE, Cloud::Public, false).unwrap();
        rows(&[("s", config(keys))], &asked)[0].0.is_for_others
    };
    assert!(is_for_others(&["quay.io", "https://ghcr.io/v1"]));
    for keys in [
        &["contoso"][..],
        &["quay.io", "fabrikam.azurecr.io"],
        &["contoso.azurecr.io"],
        &["*.io"],
        &[],
    ] {
        assert!(!is_for_others(keys), "{keys:?}");
    }
}
