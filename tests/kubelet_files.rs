//! What the files of a real node's kubelet and of its credential provider may be: pipes, links, long
//! or strange files, and files that may not be read.
#![cfg(feature = "lab")]
#![allow(clippy::unwrap_used, reason = "a test that panics has failed, and says where")]

mod program;

use std::{
    fs,
    os::unix::fs::{PermissionsExt, symlink},
    path::{Path, PathBuf},
    process::Command,
    time::Instant,
};

use program::{Said, codes, program};

const PROVIDERS: &str = "\
apiVersion: kubelet.config.k8s.io/v1
kind: CredentialProviderConfig
providers:
  - name: acr-credential-provider
    matchImages: ['*.azurecr.io']
    defaultCacheDuration: 10m
    apiVersion: credentialprovider.kubelet.k8s.io/v1
    args: [/etc/kubernetes/azure.json]
";
const AZURE_JSON: &str =
    r#"{ "cloud": "AzurePublicCloud", "tenantId": "t", "useManagedIdentityExtension": true }"#;
const CONFIG: &str = "var/lib/kubelet/credential-provider-config.yaml";
const PROGRAM: &str = "var/lib/kubelet/credential-provider/acr-credential-provider";
const DEFAULTS: &str = "etc/default/kubelet";

/// Returns the root of a node whose kubelet is process 7, with a provider that is a script.
fn node() -> tempfile::TempDir {
    let root = tempfile::tempdir().unwrap();
    let flags = "kubelet\0--image-credential-provider-config=/var/lib/kubelet/credential-provider-config.yaml\0\
        --image-credential-provider-bin-dir=/var/lib/kubelet/credential-provider\0";
    for (file, text) in [
        ("etc/kubernetes/azure.json", AZURE_JSON),
        (CONFIG, PROVIDERS),
        (PROGRAM, "#!/bin/sh\n"),
        ("proc/7/comm", "kubelet\n"),
        ("proc/7/cmdline", flags),
        ("proc/8/comm", "kubelet-not\n"),
    ] {
        write(&root.path().join(file), text);
    }
    allow(&root.path().join(PROGRAM), 0o755);
    root
}

fn write(file: &Path, text: &str) {
    fs::create_dir_all(file.parent().unwrap()).unwrap();
    fs::write(file, text).unwrap();
}

fn allow(file: &Path, mode: u32) {
    fs::set_permissions(file, fs::Permissions::from_mode(mode)).unwrap();
}

/// Returns the codes of the step alone, and whether it took long.
fn told(root: &Path) -> Vec<String> {
    let args = ["contoso.azurecr.io/team/app:v1", "--only", "kubelet", "-o", "json"];
    let began = Instant::now();
    let said = Said::of(program(&args).arg("--node-root").arg(root).output().unwrap());
    assert!(began.elapsed().as_secs() < 20, "it hangs");
    let document = said.json();
    let lists = ["causes", "could_not_tell", "warnings"];
    lists.iter().flat_map(|list| codes(&document, list)).collect()
}

/// Puts something else in the place of one of the node's files.
fn with(file: &str, change: impl FnOnce(&PathBuf)) -> Vec<String> {
    let root = node();
    let file = root.path().join(file);
    fs::create_dir_all(file.parent().unwrap()).unwrap();
    let _ = fs::remove_file(&file);
    change(&file);
    told(root.path())
}

fn pipe(file: &PathBuf) {
    assert!(Command::new("mkfifo").arg(file).status().unwrap().success());
}

#[test]
fn a_node_as_it_is_has_nothing_to_say() {
    assert_eq!(told(node().path()), [""; 0]);
}

#[test]
fn odd_programs_are_told_apart() {
    const CANNOT: [&str; 1] = ["kubelet/credprovider-missing-or-crashing"];
    assert_eq!(with(PROGRAM, |_| {}), CANNOT);
    assert_eq!(with(PROGRAM, pipe), CANNOT);
    assert_eq!(with(PROGRAM, |file| fs::create_dir(file).unwrap()), CANNOT);
    assert_eq!(with(PROGRAM, |file| fs::write(file, "x").unwrap()), CANNOT);
    let unreadable = ["kubelet/settings-unreadable"];
    assert_eq!(with(PROGRAM, |file| symlink(file.file_name().unwrap(), file).unwrap()), unreadable);
    // Not everything of the node may be mounted below its root.
    assert_eq!(with(PROGRAM, |file| symlink("../../../elsewhere", file).unwrap()), unreadable);
}

#[test]
fn a_link_to_a_program_is_followed_below_the_root() {
    let root = node();
    let (link, program) = (root.path().join(PROGRAM), root.path().join("usr/bin/provider"));
    fs::remove_file(&link).unwrap();
    symlink("/usr/bin/provider", &link).unwrap();
    assert_eq!(told(root.path()), ["kubelet/settings-unreadable"]);
    write(&program, "#!/bin/sh\n");
    allow(&program, 0o755);
    assert_eq!(told(root.path()), [""; 0]);
}

#[test]
fn a_long_program_is_searched_in_time() {
    let long = |file: &PathBuf| {
        let mut bytes = b"\x7fELF\x02\x01".to_vec();
        bytes.resize(18, 0);
        bytes.extend(if cfg!(target_arch = "aarch64") { [183, 0] } else { [62, 0] });
        bytes.resize(10 * 1024 * 1024, 0xff);
        fs::write(file, bytes).unwrap();
        allow(file, 0o755);
    };
    assert_eq!(with(PROGRAM, long), [""; 0]);
}

#[test]
fn odd_configurations_are_one_line_each() {
    let unreadable = ["kubelet/credprovider-config-unreadable"];
    assert_eq!(with(CONFIG, |_| {}), unreadable);
    assert_eq!(with(CONFIG, pipe), unreadable);
    assert_eq!(with(CONFIG, |file| fs::write(file, "#".repeat(10 << 20)).unwrap()), unreadable);
    assert_eq!(with(CONFIG, |file| fs::write(file, b"\xff\0garbage").unwrap()), unreadable);
    let itself = |file: &PathBuf| symlink(file.file_name().unwrap(), file).unwrap();
    assert_eq!(with(CONFIG, itself), unreadable);
}

#[test]
fn a_kubelet_that_cannot_be_seen_leaves_its_files() {
    let root = node();
    fs::remove_dir_all(root.path().join("proc/7")).unwrap();
    assert_eq!(told(root.path()), [""; 0]);
    let defaults = root.path().join(DEFAULTS);
    fs::create_dir_all(defaults.parent().unwrap()).unwrap();
    let unit = root.path().join("usr/lib/systemd/system/kubelet.service");
    fs::create_dir_all(unit.parent().unwrap()).unwrap();
    write(
        &unit,
        "[Service]\nEnvironmentFile=/etc/default/kubelet\nExecStart=/usr/bin/kubelet \\\n$KUBELET_FLAGS\n",
    );
    pipe(&defaults);
    assert_eq!(told(root.path()), ["kubelet/settings-unreadable"]);
    fs::remove_file(&defaults).unwrap();
    write(&defaults, "KUBELET_FLAGS=--image-credential-provider-config=/nowhere\n");
    assert_eq!(told(root.path()), ["kubelet/credprovider-not-configured"]);
}

#[test]
fn nobody_else_s_process_is_the_kubelet() {
    let root = node();
    write(&root.path().join("proc/7/comm"), "kubelet-proxy\n");
    write(&root.path().join("proc/9/comm"), "kubelet\n");
    // It has no arguments that can be read.
    assert_eq!(told(root.path()), [""; 0]);
    write(&root.path().join("proc/9/cmdline"), "kubelet\0--v=2\0");
    assert_eq!(told(root.path()), ["kubelet/credprovider-flags-missing"]);
}
