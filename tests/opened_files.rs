//! Which files an agent opens on a node: those of a list in the code and those that they name, and never
//! one among the volumes of pods, whatever names it.
#![cfg(target_os = "linux")]
#![allow(
    clippy::unwrap_used,
    clippy::print_stderr,
    clippy::disallowed_macros,
    reason = "a test that panics has failed, and says where; what is not tested here is said"
)]

use std::{fs, os::unix::fs::symlink, path::Path, process::Command};

use checks::kit::world::NODE_FILES;

/// What stands in each file among the volumes of pods.
const CANARY: &str = "canary-of-a-pod";

/// The files of a node: usual ones, and others that lead to the volumes of its pods.
const FILES: &[(&str, &str)] = &[
    (
        "etc/kubernetes/azure.json",
        r#"{"cloud":"AzurePublicCloud","useManagedIdentityExtension":true}"#,
    ),
    (
        "var/lib/kubelet/credential-provider-config.yaml",
        "apiVersion: kubelet.config.k8s.io/v1\nkind: CredentialProviderConfig\nproviders:\n- name: acr-credential-provider\n  \
         matchImages: [\"*.azurecr.io\"]\n  defaultCacheDuration: 10m\n  apiVersion: credentialprovider.kubelet.k8s.io/v1\n  \
         args: [/etc/kubernetes/azure.json]\n",
    ),
    (
        "etc/containerd/config.toml",
        "version = 2\nimports = [\"/var/lib/kubelet/pods/*.toml\", \"/etc/containerd/more.toml\"]\n\
         [plugins.\"io.containerd.grpc.v1.cri\".registry]\nconfig_path = \"/etc/containerd/certs.d\"\n",
    ),
    ("etc/containerd/more.toml", "version = 2\n"),
    (
        "etc/containerd/certs.d/contoso.azurecr.io/hosts.toml",
        "[host.\"https://contoso.azurecr.io\"]\nca = [\"/var/lib/kubelet/pods/secret\", \
         \"/etc/../var/lib/kubelet/pods/secret\", \"/etc/ssl/link.pem\", \"/srv/named.pem\"]\n",
    ),
    ("srv/named.pem", ""),
    (
        "etc/systemd/system/containerd.service",
        "[Service]\nEnvironmentFile=-/var/lib/kubelet/pods/secret\nExecStart=/usr/bin/containerd\n",
    ),
    ("var/lib/kubelet/pods/secret", CANARY),
    ("var/lib/kubelet/pods/a.toml", CANARY),
    ("proc/1/comm", "systemd\n"),
    ("proc/7/comm", "containerd\n"),
    ("proc/7/cmdline", "/usr/bin/containerd\0"),
    ("proc/7/environ", "PATH=/usr/bin\0"),
    ("etc/resolv.conf", "nameserver 127.0.0.1\n"),
];

/// Files that others of the node name.
const NAMED: &[&str] = &["/srv/named.pem"];

fn lay(root: &Path) {
    for (file, text) in FILES {
        let path = root.join(file);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, text).unwrap();
    }
    fs::create_dir_all(root.join("etc/ssl")).unwrap();
    symlink("../../var/lib/kubelet/pods/secret", root.join("etc/ssl/link.pem")).unwrap();
    symlink("../var/lib/kubelet/pods/secret", root.join("etc/environment")).unwrap();
}

/// Returns whether a pattern of the list is this path.
fn is(pattern: &str, path: &str) -> bool {
    let (mut patterns, mut parts) = (pattern.split('/'), path.split('/'));
    loop {
        match (patterns.next(), parts.next()) {
            (None, None) => return true,
            (Some(pattern), Some(part)) => {
                let fits = match pattern.split_once('*') {
                    Some((before, after)) => part.starts_with(before) && part.ends_with(after),
                    None => pattern == part,
                };
                if !fits {
                    return false;
                }
            }
            _ => return false,
        }
    }
}

#[test]
fn an_agent_opens_what_is_listed_and_nothing_of_pods() {
    let folder = tempfile::tempdir().unwrap();
    let root = folder.path().canonicalize().unwrap().join("host");
    lay(&root);
    let trace = folder.path().join("trace");
    let mut strace = Command::new("strace");
    strace.args(["-f", "-y", "-e", "trace=open,openat,openat2,creat,execve", "-o"]).arg(&trace);
    strace.arg(env!("CARGO_BIN_EXE_check-acr")).args(["agent", "contoso.azurecr.io/team/app:v1"]);
    strace.arg("--node-root").arg(&root).arg("--termination").arg(folder.path().join("message"));
    strace.args(["--vantage", "node/one", "--timeout", "20s"]).env_clear();
    let Ok(output) = strace.output() else {
        return eprintln!("not traced: strace is not installed");
    };
    let said = String::from_utf8_lossy(&output.stdout).into_owned();
    assert!(output.status.success() && said.contains("\"runtime\""), "{output:?}");
    let message = fs::read_to_string(folder.path().join("message")).unwrap();
    assert!(message.starts_with("check-acr/1:"), "{message}");
    assert!(!said.contains(CANARY), "{said}");
    let trace = fs::read_to_string(trace).unwrap();
    let pods = root.join("var/lib/kubelet/pods");
    let mut opened = vec![];
    for line in trace.lines() {
        // What was opened, as the kernel has it: links are followed.
        let Some((_, result)) = line.rsplit_once(" = ") else { continue };
        let real = result.split_once('<').and_then(|(_, path)| path.strip_suffix('>'));
        let Some(real) = real.filter(|real| Path::new(real).starts_with(&root)) else { continue };
        assert!(!Path::new(real).starts_with(&pods), "{line}");
        let path = real.strip_prefix(root.to_str().unwrap()).unwrap();
        let is_folder = Path::new(real).is_dir();
        let is_listed = NODE_FILES.iter().any(|pattern| is(pattern, path));
        assert!(is_folder || is_listed || NAMED.contains(&path), "not on the list: {path}");
        opened.push(path.to_owned());
    }
    for wanted in ["/etc/kubernetes/azure.json", "/etc/containerd/more.toml", "/srv/named.pem"] {
        assert!(opened.iter().any(|path| path == wanted), "{wanted} in {opened:?}");
    }
}
