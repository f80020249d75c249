//! The pull secrets of pods: what is told of them, and that nothing of their content is.
#![cfg(feature = "lab")]
#![allow(clippy::unwrap_used, reason = "a test that panics has failed, and says where")]

mod journeys;

use check_acr::{FixForm, Presentation, Run, TextOptions, json, text};
use checks::kit::{engine::Event, messages::Lang};
use journeys::run_changed as run;
use serde_json::Value;

/// Returns what the pods present, from the events.
fn rows(events: &[Event]) -> Vec<Value> {
    let events: Vec<Value> =
        events.iter().map(|event| serde_json::to_value(event).unwrap()).collect();
    let sets =
        events.iter().find_map(|event| event["understood"]["pods"]["credentials"].as_array());
    sets.unwrap().iter().flat_map(|set| set["rows"].as_array().unwrap().clone()).collect()
}

#[test]
fn each_credential_is_told_with_the_answer_of_the_registry() {
    for (name, state, answer) in [
        ("pod-pullsecret-accepted", "presented", "accepted"),
        ("pod-pullsecret-stale", "presented", "refused"),
        ("pod-pullsecret-short-lived", "presented", "expired"),
        ("pod-anonymous-blocked", "presented", "refused-but-anonymous"),
        ("pod-pullsecret-without-repository", "presented", "not-for-repository"),
        ("pod-pullsecret-missing", "missing", ""),
        ("pod-secrets-not-tried", "not-read", ""),
    ] {
        let (events, _) = run(name, |_| {});
        let rows = rows(&events);
        assert_eq!(rows.len(), 1, "{name}");
        assert_eq!(rows[0]["state"], state, "{name}");
        assert_eq!(rows[0]["answer"].as_str().unwrap_or_default(), answer, "{name}");
        // The same in the group of the pods, and behind it what their node signs in with.
        let page = Presentation::of(&Run::of(&events), checks::messages(), Lang::En, false);
        let groups = &json(&page)["pods"]["groups"];
        let lines = groups[0]["credentials"].as_array().unwrap();
        assert_eq!(
            (&lines[0]["state"], &lines[0]["secret"]),
            (&rows[0]["state"], &"shop/contoso-pull".into())
        );
        assert_eq!(lines[0]["answer"], rows[0]["answer"], "{name}");
        assert_eq!(lines[1]["node"], "aks-green-1", "{name}");
    }
}

/// No content of a secret in an event, a page, JSON, a Job or a `ConfigMap`.
#[test]
fn no_content_of_a_secret_goes_anywhere() {
    for name in [
        "pod-pullsecret-accepted",
        "pod-pullsecret-stale",
        "pod-pullsecret-short-lived",
        "pod-pullsecret-malformed",
        "pod-pullsecret-wrong-type",
        "pod-pullsecret-without-auths",
        "pod-pullsecret-not-attached",
    ] {
        let (events, lab) = run(name, |_| {});
        let run = Run::of(&events);
        let page = Presentation::of(&run, checks::messages(), Lang::En, false);
        let options =
            TextOptions { verbose: 2, quiet: false, fix_as: FixForm::Az, color: false, width: 100 };
        let mut told = vec![text(&page, checks::messages(), options), json(&page).to_string()];
        told.extend(events.iter().map(|event| serde_json::to_string(event).unwrap()));
        told.extend(lab.created_in_cluster());
        for text in &told {
            for secret in &lab.secrets {
                assert!(!text.contains(secret), "{name}: {text}");
            }
        }
    }
}

/// A cluster whose secrets name each other's registry does not make this program ask more often than
/// it says.
#[test]
fn each_secret_is_read_once() {
    let (events, _) = run("pod-pullsecret-stale", |scenario| {
        scenario.kubernetes.pods.get_mut("web-7d9c6b5f48-x2k4p").unwrap().copies = 40;
    });
    let reads = |event: &&Event| {
        let text = serde_json::to_string(event).unwrap();
        text.contains("exchanged") && text.contains("/secrets/contoso-pull")
    };
    assert_eq!(events.iter().filter(reads).count(), 1);
}

/// In the middle of a rollout the pods of a Deployment name different secrets.
#[test]
fn each_secret_of_a_workload_is_tried() {
    let (events, _) = run("pod-pullsecret-stale", |scenario| {
        let cluster = &mut scenario.kubernetes;
        let mut pod = cluster.pods["web-7d9c6b5f48-x2k4p"].clone();
        let secrets = serde_json::json!([{ "name": "contoso-other" }]);
        pod.spec.insert("imagePullSecrets".into(), serde_json::from_value(secrets).unwrap());
        cluster.pods.insert("web-7d9c6b5f48-a2k4p".into(), pod);
        let mut secret = cluster.secrets["shop/contoso-pull"].clone();
        secret.payload = secret.payload.replace("$WRONG", "$AUTH");
        cluster.secrets.insert("shop/contoso-other".into(), secret);
    });
    let rows = rows(&events);
    let mut told: Vec<(&str, &str)> = rows
        .iter()
        .map(|row| (row["secret"].as_str().unwrap(), row["answer"].as_str().unwrap()))
        .collect();
    told.sort_unstable();
    assert_eq!(told, [("contoso-other", "accepted"), ("contoso-pull", "refused")]);
    let page = Presentation::of(&Run::of(&events), checks::messages(), Lang::En, false);
    assert_eq!(json(&page)["pods"]["groups"][0]["code"], "pod/pullsecret-refused");
}
