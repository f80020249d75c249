//! Who signs in, as the program finds it on a real machine: unreadable files, the Azure CLI, no
//! network.
#![cfg(feature = "lab")]
#![allow(clippy::unwrap_used, reason = "a test that panics has failed, and says where")]

mod journeys;
mod program;

use std::{fs, path::Path, time::Instant};

use checks::kit::engine::EventKind;
use futures::stream::{self, StreamExt};
use lab::Scenario;
use program::{Said, codes, executable, program};

/// The image of all runs. The identity step needs no network, so no registry is contacted.
const ASKED: &str = "contoso.azurecr.io/team/app:v1";

fn write(root: &Path, file: &str, text: &str) {
    let file = root.join(file.trim_start_matches('/'));
    fs::create_dir_all(file.parent().unwrap()).unwrap();
    fs::write(file, text).unwrap();
}

/// Returns all codes that a run of the identity step alone reports, whatever their severity.
fn told(said: &Said) -> Vec<String> {
    let document = said.json();
    ["causes", "could_not_tell", "warnings"]
        .iter()
        .flat_map(|list| codes(&document, list))
        .collect()
}

fn identity(args: &[&str], path: Option<&Path>) -> Said {
    let args: Vec<&str> = [&[ASKED, "--only", "identity", "-o", "json"], args].concat();
    let mut program = program(&args);
    if let Some(path) = path {
        program.env("PATH", path);
    }
    Said::of(program.output().unwrap())
}

#[test]
fn files_that_may_not_be_read_are_no_answer() {
    let root = tempfile::tempdir().unwrap();
    for file in ["/etc/kubernetes/azure.json", "/var/lib/kubelet/credential-provider-config.yaml"] {
        write(root.path(), file, "{}");
        let file = root.path().join(file.trim_start_matches('/'));
        let mut permissions = fs::metadata(&file).unwrap().permissions();
        std::os::unix::fs::PermissionsExt::set_mode(&mut permissions, 0o000);
        fs::set_permissions(&file, permissions).unwrap();
    }
    // Copies the program and its files to a folder that every user can enter, because root can read
    // everything.
    let ours = fs::read(env!("CARGO_BIN_EXE_check-acr")).unwrap();
    let copy = executable(root.path(), "check-acr", &ours);
    let open = std::os::unix::fs::PermissionsExt::from_mode(0o755);
    fs::set_permissions(root.path(), open).unwrap();
    let mut program = std::process::Command::new(&copy);
    program.args([ASKED, "--only", "identity", "-o", "json", "--node-root"]).arg(root.path());
    program.env_clear();
    if fs::read(root.path().join("etc/kubernetes/azure.json")).is_ok() {
        std::os::unix::process::CommandExt::uid(&mut program, 65_534);
    }
    let said = Said::of(program.output().unwrap());
    assert_eq!((said.code, told(&said)), (Some(3), vec!["kubelet/files-not-readable".to_owned()]));
}

#[test]
fn node_files_below_another_root() {
    let root = tempfile::tempdir().unwrap();
    write(root.path(), "/etc/kubernetes/azure.json", "{ \"aadClientId\": \"canary-canary");
    let folder = root.path().to_str().unwrap();
    let said = identity(&["--node-root", folder], None);
    assert_eq!(told(&said), ["kubelet/credprovider-not-configured"], "{}", said.out);
    let said = identity(&["--node-root", folder, "--identity", "node"], None);
    assert_eq!(told(&said), ["kubelet/azurejson-missing-or-corrupt"], "{}", said.out);
    assert!(said.out.contains(folder) && !said.out.contains("canary"), "{}", said.out);
    // Without a node's files below it, this machine's own would be used in their place.
    let empty = tempfile::tempdir().unwrap();
    let folder = empty.path().to_str().unwrap();
    for identity_of in ["auto", "node", "anonymous"] {
        let said = identity(&["--node-root", folder, "--identity", identity_of], None);
        assert_eq!((said.code, said.out.as_str()), (Some(2), ""));
        assert!(said.err.contains("this is not the root of an AKS node"), "{}", said.err);
    }
}

#[test]
fn a_special_file_in_place_of_a_nodes_holds_nobody_up() {
    let root = tempfile::tempdir().unwrap();
    fs::create_dir_all(root.path().join("etc/kubernetes/azure.json")).unwrap();
    let said =
        identity(&["--node-root", root.path().to_str().unwrap(), "--identity", "node"], None);
    assert_eq!(told(&said), ["kubelet/azurejson-missing-or-corrupt"], "{}", said.out);
    let root = tempfile::tempdir().unwrap();
    write(root.path(), "/etc/kubernetes/azure.json", "");
    let pipe = root.path().join("var/lib/kubelet/credential-provider-config.yaml");
    fs::create_dir_all(pipe.parent().unwrap()).unwrap();
    assert!(std::process::Command::new("mkfifo").arg(&pipe).status().unwrap().success());
    let began = Instant::now();
    let said = identity(&["--node-root", root.path().to_str().unwrap()], None);
    assert_eq!(told(&said), ["kubelet/credprovider-config-unreadable"], "{}", said.out);
    assert!(began.elapsed().as_secs() < 20, "it hangs");
}

#[test]
fn the_azure_cli_is_asked_and_never_trusted() {
    let folder = tempfile::tempdir().unwrap();
    let az = |script: &str| {
        executable(folder.path(), "az", format!("#!/bin/sh\n{script}\n").as_bytes());
        identity(&["--identity", "az"], Some(folder.path()))
    };
    // The script answers only for the audience that a registry accepts.
    let token = "canary.eyJhcHBpZCI6ICJjbGllbnQiLCAib2lkIjogIm9iamVjdCIsICJ1cG4iOiAibWFyaWFAY29udG9zby5leGFtcGxlIn0.canary";
    let good = az(&format!(
        "case \"$*\" in *https://containerregistry.azure.net*) echo '{{\"accessToken\":\"{token}\"}}' ;; *) exit 9 ;; esac"
    ));
    let steps = good.json()["targets"][0]["views"][0]["steps"].to_string();
    assert!(steps.contains("maria@contoso.example") && steps.contains("object"), "{steps}");
    for (script, said) in [
        ("echo 'ERROR: Please run az login to setup account.' >&2; exit 1", "Please run az login"),
        ("echo canary; exit 0", "exit status: 0"),
        ("echo '{\"accessToken\":\"canary-canary\"}'; exit 4", "exit status: 4"),
        ("kill -9 $$", "signal"),
        (
            "exec 2>&1; i=0; while [ $i -lt 40000 ]; do echo canary-canary-canary-canary; i=$((i+1)); done",
            "",
        ),
    ] {
        let failed = az(script);
        assert_eq!(told(&failed), ["identity/az-failed"], "{script}: {}", failed.out);
        assert_eq!(failed.code, Some(3), "it says nothing of the registry");
        assert!(failed.out.contains(said), "{script}: {}", failed.out);
        assert!(!failed.out.contains("canary"), "{script}: {}", failed.out);
    }
    let empty = tempfile::tempdir().unwrap();
    let none = identity(&["--identity", "az"], Some(empty.path()));
    assert_eq!(told(&none), ["identity/az-failed"], "{}", none.out);
}

/// Checks that no behaviour of the metadata service delays a run. The scenario tests check the
/// findings.
/// Whoever signs in with the Azure CLI is told to do so again, and whose sign-in the environment holds
/// is told what to set: `arm/sign-in-refused`, `arm/token-refused`.
#[test]
fn who_reads_the_control_plane_signs_in_again_where_it_signed_in() {
    let folder = tempfile::tempdir().unwrap();
    write(folder.path(), "azure/azureProfile.json", "{}");
    let said = "ERROR: AADSTS700082: The refresh token has expired due to inactivity.";
    let script = format!("#!/bin/sh\necho '{said}' >&2; exit 1\n");
    executable(folder.path(), "az", script.as_bytes());
    let group = ["-g", "shop", "--cluster", "shop-aks"];
    let args = [&[ASKED, "--only", "arm", "-o", "json"], &group[..]].concat();
    let mut expired = program(&args);
    expired.env("PATH", folder.path()).env("AZURE_CONFIG_DIR", folder.path().join("azure"));
    let expired = Said::of(expired.output().unwrap());
    assert_eq!(told(&expired), ["arm/sign-in-refused"], "{}", expired.out);
    let fix = &expired.json()["targets"][0]["verdict"]["could_not_tell"][0]["fixes"][0]["run"];
    assert_eq!(fix, "az login");
    assert!(expired.out.contains("AADSTS700082"), "{}", expired.out);

    let entry = checks::messages().entries.get("arm/token-refused").unwrap();
    let run = |evidence: serde_json::Value| {
        let fixes = entry.fix.iter().filter_map(|fix| {
            let values = [evidence.as_object().unwrap()];
            checks::messages().fix(fix, &values, checks::kit::messages::Lang::En)
        });
        fixes.filter_map(|fix| fix.run).collect::<Vec<_>>()
    };
    let known = serde_json::json!({ "az_tenant": "a9d0", "flags": [], "asked": ASKED });
    assert_eq!(run(known), ["az login --tenant a9d0"]);
    let unknown = serde_json::json!({ "az": "az", "flags": [], "asked": ASKED });
    assert_eq!(run(unknown), ["az login"]);
}

#[tokio::test]
async fn the_metadata_service_holds_nobody_up() {
    let names = lab::scenarios().iter().filter(|file| file.name.starts_with("node-imds-"));
    let runs = names.map(|lab::ScenarioFile { name, text, .. }| {
        Box::pin(async move {
            let scenario = Scenario::parse(text).unwrap();
            let lab = lab::start(&scenario).await.unwrap();
            let events = journeys::run(&scenario, &lab, None).await;
            let took = events.iter().find_map(|event| match &event.kind {
                EventKind::Finished { step, took_ms, .. } if step == "identity" => Some(*took_ms),
                _ => None,
            });
            assert!(took.unwrap() < 6_000, "{name}: {took:?} ms");
        })
    });
    // Limits parallel runs: a loaded machine is slow by itself.
    let ran = stream::iter(runs).buffered(3).collect::<Vec<()>>().await;
    assert!(ran.len() > 10, "{}", ran.len());
}
