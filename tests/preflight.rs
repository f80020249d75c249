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

/// Returns the exit code of a look from here at a manifest, and what each of its targets came to.
fn looked(text: &str) -> (Option<i32>, Vec<(String, String)>) {
    let words = ["why", "-f", "-", "--here", "--plain-http", "--lang", "en", "-o", "json"];
    let said = run_with(&words, text.as_bytes());
    let document = said.json();
    let text = |value: &serde_json::Value| value.as_str().unwrap().to_owned();
    let targets = document["targets"].as_array().unwrap().iter();
    let can = targets.map(|one| (text(&one["target"]["asked"]), text(&one["verdict"]["can"])));
    (said.code, can.collect())
}

#[test]
fn what_names_an_image_in_other_ways_is_checked_all_the_same() {
    for text in [
        "kind: Task\nspec: { steps: [{ name: s, image: '127.0.0.1:1/app:v1' }] }",
        "kind: Workflow\nspec: { templates: [{ container: { image: '127.0.0.1:1/app:v1' } }] }",
        "kind: Prometheus\nspec: { image: '127.0.0.1:1/app:v1' }",
        "services: { web: { image: '127.0.0.1:1/app:v1' } }",
        "spec: { containers: [{ image: '127.0.0.1:1/app:v1' }] }",
        "kind: Pod\nspec: { containers: { image: '127.0.0.1:1/app:v1' } }",
        "kind: Deployment\nitems: []\nspec: { containers: [{ image: '127.0.0.1:1/app:v1' }] }",
    ] {
        let wanted = vec![("127.0.0.1:1/app:v1".to_owned(), "no".to_owned())];
        assert_eq!(looked(text), (Some(1), wanted), "{text}");
    }
    // It may be no image: a repository, or a name.
    let uncertain = "kind: ImageRepository\nspec: { image: '127.0.0.1:1/app' }";
    assert_eq!(looked(uncertain).0, Some(3));
    let in_pod = "kind: Pod\nspec: { containers: [{ image: '127.0.0.1:1/app' }] }";
    assert_eq!(looked(in_pod).0, Some(1));
}

#[test]
fn a_pod_that_never_pulls_leaves_it_open_unless_something_is_worse() {
    let never = "kind: Pod\nspec: { containers: [{ image: '127.0.0.1:1/app:v1', imagePullPolicy: Never }] }\n";
    assert_eq!(looked(never).0, Some(3));
    let other = "---\nkind: Pod\nspec: { containers: [{ image: '127.0.0.1:1/other:v1' }] }\n";
    let (code, can) = looked(&format!("{never}{other}"));
    assert_eq!(code, Some(1));
    let can: Vec<&str> = can.iter().map(|(_, can)| can.as_str()).collect();
    assert_eq!(can, ["could-not-tell", "no"]);
    // What no runtime accepts starts nowhere.
    assert_eq!(looked(&never.replace("/app", "/App")).0, Some(1));
    let volume = "kind: Pod\nspec: { volumes: [{ name: m, image: { reference: '127.0.0.1:1/app:v1', pullPolicy: Never } }] }";
    assert_eq!(looked(volume).0, Some(3));
}

#[test]
fn a_value_that_is_no_image_is_a_warning() {
    let text = "\
kind: Shop
spec:
  image: { repository: 127.0.0.1:1/app, tag: v1 }
  container: { image: '127.0.0.1:1/app:v1' }
";
    let words = ["why", "-f", "-", "--here", "--plain-http", "--lang", "en"];
    let said = run_with(&words, text.as_bytes());
    assert!(said.out.contains("were not checked") && said.out.contains("-:3"), "{}", said.out);
    // Without any other there is nothing to check.
    let said = run_with(&words, text.lines().take(3).collect::<Vec<_>>().join("\n").as_bytes());
    assert_eq!(said.code, Some(2));
    assert!(said.err.contains("`image` is no reference: -:3"), "{}", said.err);
}

#[test]
fn a_limit_of_the_reader_is_named() {
    let many = "kind: ConfigMap\n---\n".repeat(1100);
    let pod = "kind: Pod\nspec: { containers: [{ image: '127.0.0.1:1/app:v1' }] }\n";
    assert_eq!(looked(&format!("{many}{pod}")).0, Some(1));
    let words = ["why", "-f", "-", "--here"];
    let said = run_with(&words, format!("a: {}1{}", "[".repeat(70), "]".repeat(70)).as_bytes());
    assert_eq!(said.code, Some(2));
    assert!(said.err.contains("at most 64 levels"), "{}", said.err);
}

#[test]
fn the_platform_is_that_of_the_nodes_that_pods_ask_for() {
    let pod = |node: &str| {
        format!("kind: Pod\nspec: {{ {node}, containers: [{{ image: '127.0.0.1:1/app:v1' }}] }}\n")
    };
    let platform = |text: &str| {
        let words = ["why", "-f", "-", "--here", "--plain-http", "-o", "json"];
        let document = run_with(&words, text.as_bytes()).json();
        document["targets"][0]["target"]["platform"].as_str().unwrap().to_owned()
    };
    let of = |arch: &str| pod(&format!("nodeSelector: {{ kubernetes.io/arch: {arch} }}"));
    assert_eq!(platform(&of("s390x")), "linux/s390x");
    // Pods that ask for two leave it open.
    let two = format!("{}---\n{}", of("s390x"), of("riscv64"));
    assert_eq!(platform(&two), platform(&pod("restartPolicy: Never")));
}
