//! Which way containerd goes, as the program finds it on a real machine: links, pipes and files that
//! may not be read below another root.
#![cfg(feature = "lab")]
#![allow(clippy::unwrap_used, reason = "a test that panics has failed, and says where")]

mod program;

use std::{fs, os::unix::fs::symlink, path::Path, time::Instant};

use program::{Said, codes, program};

const CONFIG: &str = "version = 2\n[plugins.'io.containerd.cri.v1.images'.registry]\n\
    config_path = '/etc/containerd/certs.d'\n";

/// Returns a node's root with that configuration of containerd.
fn node(config: Option<&str>) -> tempfile::TempDir {
    let root = tempfile::tempdir().unwrap();
    for folder in ["etc/kubernetes", "etc/containerd"] {
        fs::create_dir_all(root.path().join(folder)).unwrap();
    }
    fs::write(root.path().join("etc/kubernetes/azure.json"), "{}").unwrap();
    // Our own name servers, so that those of the node do not differ.
    fs::copy("/etc/resolv.conf", root.path().join("etc/resolv.conf")).unwrap();
    if let Some(config) = config {
        fs::write(root.path().join("etc/containerd/config.toml"), config).unwrap();
    }
    root
}

/// Returns the codes of the step alone. It needs no network.
fn told(root: &Path) -> Vec<String> {
    let args = ["contoso.azurecr.io/team/app:v1", "--only", "runtime", "-o", "json"];
    let mut program = program(&args);
    for variable in ["HTTPS_PROXY", "HTTP_PROXY", "https_proxy", "http_proxy"] {
        program.env_remove(variable);
    }
    let said = Said::of(program.arg("--node-root").arg(root).output().unwrap());
    let document = said.json();
    let lists = ["causes", "could_not_tell", "warnings"];
    lists.iter().flat_map(|list| codes(&document, list)).collect()
}

#[test]
fn a_node_without_settings_has_nothing_to_say() {
    assert_eq!(told(node(None).path()), [""; 0]);
    assert_eq!(told(node(Some(CONFIG)).path()), [""; 0]);
}

#[test]
fn a_link_that_leads_out_of_the_root_is_no_absence() {
    let root = node(Some(CONFIG));
    symlink("/etc/of-the-node", root.path().join("etc/containerd/certs.d")).unwrap();
    assert_eq!(told(root.path()), ["runtime/config-unreadable"]);
    let root = node(None);
    symlink("/etc/of-the-node.toml", root.path().join("etc/containerd/config.toml")).unwrap();
    assert_eq!(told(root.path()), ["runtime/config-unreadable"]);
    let root = node(Some(CONFIG));
    let loop_ = root.path().join("etc/containerd/certs.d");
    symlink("certs.d", loop_).unwrap();
    assert_eq!(told(root.path()), ["runtime/config-unreadable"]);
}

#[test]
fn a_pipe_and_a_long_file_hold_nobody_up() {
    let began = Instant::now();
    let root = node(None);
    let pipe = root.path().join("etc/containerd/config.toml");
    assert!(std::process::Command::new("mkfifo").arg(&pipe).status().unwrap().success());
    assert_eq!(told(root.path()), ["runtime/config-unreadable"]);
    let long = "#".repeat(10 * 1024 * 1024);
    assert_eq!(told(node(Some(&long)).path()), ["runtime/config-unreadable"]);
    assert_eq!(told(node(Some("\u{0}garbage")).path()), ["runtime/config-unreadable"]);
    assert!(began.elapsed().as_secs() < 20, "it hangs");
}

/// Returns the name servers that are asked for the registry.
fn asked(root: &Path) -> Vec<String> {
    let args = ["contoso.azurecr.io/team/app:v1", "--only", "dns", "-o", "events"];
    let output = program(&args).arg("--node-root").arg(root).output().unwrap();
    let lines = String::from_utf8(output.stdout).unwrap();
    let events = lines.lines().map(|line| serde_json::from_str::<serde_json::Value>(line).unwrap());
    let mut asked: Vec<String> = events
        .filter(|event| event["event"] == "exchanged" && event["step"] == "dns")
        .map(|event| event["to"].as_str().unwrap().to_owned())
        .collect();
    asked.sort();
    asked.dedup();
    asked
}

#[test]
fn the_nodes_name_servers_are_asked() {
    let root = node(Some(CONFIG));
    // Nothing listens there, which this machine says at once.
    fs::write(root.path().join("etc/resolv.conf"), "nameserver 127.0.0.253\n").unwrap();
    assert_eq!(told(root.path()), [""; 0]);
    assert_eq!(asked(root.path()), ["127.0.0.253:53"]);
    fs::write(root.path().join("etc/hosts"), "127.0.0.254 contoso.azurecr.io\n").unwrap();
    assert_eq!(asked(root.path()), [""; 0], "the name is in the node's hosts file");
    fs::remove_file(root.path().join("etc/hosts")).unwrap();
    // On AKS the file is a link that leads nowhere below another root.
    fs::remove_file(root.path().join("etc/resolv.conf")).unwrap();
    symlink("/run/of-the-node/resolv.conf", root.path().join("etc/resolv.conf")).unwrap();
    let resolved = root.path().join("run/systemd/resolve");
    fs::create_dir_all(&resolved).unwrap();
    fs::write(resolved.join("resolv.conf"), "nameserver 127.0.0.252\n").unwrap();
    assert_eq!(asked(root.path()), ["127.0.0.252:53"]);
}

/// Returns a node whose containerd is process 7, with these variables.
fn node_with(variables: &str) -> tempfile::TempDir {
    let root = node(Some(CONFIG));
    let environment = variables.replace(' ', "\0");
    for (file, text) in [
        ("proc/7/comm", "containerd\n"),
        ("proc/7/cmdline", "/usr/bin/containerd\0"),
        ("proc/7/environ", environment.as_str()),
    ] {
        let file = root.path().join(file);
        fs::create_dir_all(file.parent().unwrap()).unwrap();
        fs::write(file, text).unwrap();
    }
    root
}

#[test]
fn odd_files_of_authorities_hold_nobody_up() {
    const UNREADABLE: [&str; 1] = ["runtime/trust-file-unreadable"];
    let began = Instant::now();
    let with = |change: &dyn Fn(&Path)| {
        let root = node_with("SSL_CERT_FILE=/opt/ca.pem SSL_CERT_DIR=/opt/more:/opt/none");
        fs::create_dir_all(root.path().join("opt/more")).unwrap();
        change(&root.path().join("opt"));
        told(root.path())
    };
    let pipe = |file: &Path| {
        assert!(std::process::Command::new("mkfifo").arg(file).status().unwrap().success());
    };
    let long = "#".repeat(10 * 1024 * 1024);
    // What containerd cannot read either is nothing to it.
    assert_eq!(with(&|_| {}), [""; 0]);
    assert_eq!(with(&|opt| fs::create_dir(opt.join("ca.pem")).unwrap()), [""; 0]);
    assert_eq!(with(&|opt| symlink("ca.pem", opt.join("ca.pem")).unwrap()), [""; 0]);
    assert_eq!(with(&|opt| symlink("/opt/more/loop", opt.join("more/loop")).unwrap()), [""; 0]);
    assert_eq!(with(&|opt| fs::write(opt.join("ca.pem"), b"\0\xffgarbage").unwrap()), [""; 0]);
    // What it may read.
    assert_eq!(with(&|opt| pipe(&opt.join("ca.pem"))), UNREADABLE);
    assert_eq!(with(&|opt| fs::write(opt.join("ca.pem"), &long).unwrap()), UNREADABLE);
    // One line for a directory, however many of its files are odd.
    let both = |opt: &Path| {
        pipe(&opt.join("more/a"));
        fs::write(opt.join("more/b"), &long).unwrap();
    };
    assert_eq!(with(&both), UNREADABLE);
    let many = |opt: &Path| {
        (0..1200).for_each(|it| fs::write(opt.join(format!("more/{it}")), "").unwrap());
    };
    assert_eq!(with(&many), UNREADABLE);
    // A link within the directory is no file more, to Go.
    assert_eq!(
        with(&|opt| {
            fs::write(opt.join("more/a"), "").unwrap();
            (0..900).for_each(|it| symlink("a", opt.join(format!("more/{it}"))).unwrap());
        }),
        [""; 0]
    );
    assert!(began.elapsed().as_secs() < 60, "it hangs");
}

#[test]
fn a_link_to_authorities_is_followed_below_the_root() {
    let root = node_with("SSL_CERT_FILE=/opt/ca.pem SSL_CERT_DIR=/opt/none");
    fs::create_dir_all(root.path().join("opt/real")).unwrap();
    // Not everything of the node may be mounted below its root.
    symlink("/opt/real/ca.pem", root.path().join("opt/ca.pem")).unwrap();
    assert_eq!(told(root.path()), ["runtime/trust-file-unreadable"]);
    fs::write(root.path().join("opt/real/ca.pem"), "").unwrap();
    assert_eq!(told(root.path()), [""; 0]);
    fs::remove_file(root.path().join("opt/real/ca.pem")).unwrap();
    let pipe = root.path().join("opt/real/ca.pem");
    assert!(std::process::Command::new("mkfifo").arg(&pipe).status().unwrap().success());
    assert_eq!(told(root.path()), ["runtime/trust-file-unreadable"]);
    let relative = node_with("SSL_CERT_FILE=ca.pem");
    assert_eq!(told(relative.path()), ["runtime/not-replayed"]);
}
