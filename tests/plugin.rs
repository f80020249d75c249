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
fn it_is_the_same_program() {
    let (code, said) = plugin("run", &["lab", "pod-tag-missing", "--lang", "en"]);
    assert_eq!(code, Some(1), "{said}");
    assert!(said.contains("manifest/image-tag-not-found"), "{said}");
    let (code, said) = plugin("wrong", &["why", "svc/a"]);
    assert_eq!(code, Some(2), "{said}");
}
