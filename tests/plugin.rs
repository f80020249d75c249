//! The program as kubectl starts it: by a link named `kubectl-check_acr`.
#![cfg(all(feature = "lab", unix))]
#![allow(clippy::unwrap_used, reason = "a test that panics has failed, and says where")]

use std::{os::unix::fs::symlink, path::PathBuf, process::Command};

/// Runs the link, and returns its exit code and what it printed.
fn plugin(name: &str, args: &[&str]) -> (Option<i32>, String) {
    let folder = PathBuf::from(env!("CARGO_TARGET_TMPDIR")).join(format!("plugin-{name}"));
    let _ = std::fs::remove_dir_all(&folder);
    std::fs::create_dir_all(&folder).unwrap();
    let link = folder.join("kubectl-check_acr");
    symlink(env!("CARGO_BIN_EXE_check-acr"), &link).unwrap();
    let done = Command::new(link).args(args).output().unwrap();
    let said = [done.stdout, done.stderr].concat();
    (done.status.code(), String::from_utf8(said).unwrap())
}

#[test]
fn its_help_says_what_is_typed() {
    let (code, help) = plugin("help", &["--help"]);
    assert_eq!(code, Some(0));
    assert!(help.contains("Usage: kubectl check-acr"), "{help}");
    assert!(help.contains("  kubectl check-acr why -n shop "), "{help}");
    assert!(!help.contains("\n  check-acr "), "{help}");
    let (_, help) = plugin("help-of-why", &["why", "--help"]);
    assert!(help.contains("Usage: kubectl check-acr why"), "{help}");
    for flag in ["--kubeconfig", "--context", "-n, --namespace", "--as ", "--as-group", "-A, "] {
        assert!(help.contains(flag), "{flag}: {help}");
    }
}

#[test]
fn its_commands_are_those_that_are_typed() {
    let (_, said) = plugin("commands", &["lab", "pod-role-missing", "--lang", "en", "-v"]);
    assert!(said.contains("kubectl check-acr node "), "{said}");
    assert!(said.contains("kubectl check-acr explain "), "{said}");
    let rest = said.replace("kubectl check-acr ", "");
    assert!(!rest.contains("check-acr node") && !rest.contains("check-acr explain"), "{said}");
    let (_, said) = plugin("message", &["why", "--lang", "en", "--message", MESSAGE]);
    assert!(said.contains("kubectl check-acr node contoso.azurecr.io/a:1"), "{said}");
    assert!(said.contains("kubectl check-acr explain "), "{said}");
    let (_, said) = plugin("explain", &["explain", "pod/may-not-list", "--lang", "en"]);
    assert!(said.contains("kubectl check-acr rbac why "), "{said}");
}

const MESSAGE: &str = "Failed to pull image \"contoso.azurecr.io/a:1\": failed to pull and unpack \
    image \"contoso.azurecr.io/a:1\": failed to resolve image: contoso.azurecr.io/a:1: not found";

#[test]
fn it_is_the_same_program() {
    let (code, said) = plugin("run", &["lab", "pod-tag-missing", "--lang", "en"]);
    assert_eq!(code, Some(1), "{said}");
    assert!(said.contains("manifest/image-tag-not-found"), "{said}");
    let (code, said) = plugin("wrong", &["why", "svc/a"]);
    assert_eq!(code, Some(2), "{said}");
}
