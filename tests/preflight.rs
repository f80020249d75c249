//! Manifests whose images are checked before anything is deployed.
#![cfg(feature = "lab")]
#![allow(clippy::unwrap_used, reason = "a test that panics has failed, and says where")]

mod program;

use std::path::Path;

use program::{file, run, run_with};

const MANIFESTS: &str = "\
apiVersion: v1
kind: Pod
metadata: { name: one }
spec:
  containers:
    - name: app
      image: 127.0.0.1:1/team/app:v1
---
apiVersion: apps/v1
kind: Deployment
metadata: { name: web }
spec:
  template:
    spec:
      initContainers:
        - { name: init, image: 127.0.0.1:1/team/app:v1 }
      containers:
        - { name: app, image: 127.0.0.1:1/Team/App:v1 }
";

#[test]
fn every_image_is_checked_and_its_lines_are_named() {
    let folder = Path::new(env!("CARGO_TARGET_TMPDIR"));
    let name = &file(folder, "preflight.yaml", MANIFESTS.as_bytes());
    let said = run(&["why", "-f", name, "--here", "--plain-http", "--lang", "en", "-o", "json"]);
    assert_eq!(said.code, Some(1), "{}", said.err);
    let document = said.json();
    let targets = document["targets"].as_array().unwrap();
    assert_eq!(targets.len(), 2);
    let places = |at: usize| targets[at]["target"]["named_at"][0].as_str().unwrap().to_owned();
    let by_name = |end: &str| {
        let is_one = |target: &&serde_json::Value| {
            target["target"]["asked"].as_str().unwrap().ends_with(end)
        };
        targets.iter().position(|target| is_one(&target)).unwrap()
    };
    let (app, capital) = (by_name("team/app:v1"), by_name("Team/App:v1"));
    assert_eq!(places(app), format!("{name}:7, {name}:16 (pod/one, deployment/web)"));
    assert_eq!(places(capital), format!("{name}:18 (deployment/web)"));
    assert_eq!(targets[capital]["verdict"]["causes"][0]["code"], "image/ref-invalid");
    assert_eq!(targets[app]["verdict"]["can"], "no");
}

#[test]
fn standard_input_is_read_and_what_is_no_manifest_is_wrong_usage() {
    let said = run_with(&["why", "-f", "-", "--here", "--plain-http"], MANIFESTS.as_bytes());
    assert_eq!(said.code, Some(1));
    assert!(said.out.contains("named at -:7, -:16 (pod/one, deployment/web)"), "{}", said.out);
    for (text, word) in [("a: [", "no YAML"), ("a: 1", "name no image"), ("", "name no image")] {
        let said = run_with(&["why", "-f", "-", "--here"], text.as_bytes());
        assert_eq!(said.code, Some(2), "{text}");
        assert!(said.err.contains(word), "{text}: {}", said.err);
    }
    assert_eq!(run(&["why", "-f", "/nowhere.yaml", "--here"]).code, Some(2));
    assert_eq!(run(&["why", "-f", "/nowhere.yaml", "-A"]).code, Some(2));
}
