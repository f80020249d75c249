//! Which files an agent opens on a node: those of a list in the code and those that they name, and never
//! one among the volumes of pods, whatever names it.
#![cfg(target_os = "linux")]
#![allow(clippy::unwrap_used, reason = "a test that panics has failed, and says where")]

use std::{
    collections::{BTreeSet, HashMap},
    fs,
    mem::MaybeUninit,
    os::{fd::OwnedFd, unix::fs::symlink},
    path::{Path, PathBuf},
    process::Command,
};

use checks::kit::world::NODE_FILES;
use rustix::{
    fs::inotify::{CreateFlags, ReadFlags, Reader, WatchFlags, add_watch, init},
    io::Errno,
};

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
        "version = 2\nimports = [\"/var/lib/kubelet/pods/*.toml\", \"/etc/containerd/more.toml\", \"/etc/containerd/linked.toml\"]\n\
         [plugins.\"io.containerd.grpc.v1.cri\".registry]\nconfig_path = \"/etc/containerd/certs.d\"\n",
    ),
    ("etc/containerd/more.toml", "version = 2\n"),
    (
        "etc/containerd/certs.d/contoso.azurecr.io/hosts.toml",
        "[host.\"https://contoso.azurecr.io\"]\nca = [\"/var/lib/kubelet/pods/secret\", \
         \"/etc/../var/lib/kubelet/pods/secret\", \"/etc/ssl/link.pem\", \"/srv/named.pem\"]\n",
    ),
    ("srv/named.pem", ""),
    ("srv/linked.pem", ""),
    ("srv/linked.toml", "version = 2\n"),
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
const NAMED: &[&str] = &["/srv/named.pem", "/srv/linked.pem", "/srv/linked.toml"];

/// The links of a node, as they are there.
const LINKS: &[(&str, &str)] = &[
    ("etc/ssl/link.pem", "../../var/lib/kubelet/pods/secret"),
    ("etc/ssl/certs/relative.pem", "../../../var/lib/kubelet/pods/secret"),
    ("etc/ssl/certs/absolute.pem", "/var/lib/kubelet/pods/secret"),
    ("etc/ssl/certs/other.pem", "/srv/linked.pem"),
    ("etc/pki/tls/certs", "/var/lib/kubelet/pods"),
    ("etc/environment", "../var/lib/kubelet/pods/secret"),
    ("etc/containerd/linked.toml", "/srv/linked.toml"),
    ("etc/systemd/system/containerd.service.d/a.conf", "/var/lib/kubelet/pods/secret"),
    ("opt/certs/a.crt", "/var/lib/kubelet/pods/secret"),
];

fn lay(root: &Path) {
    let at = |file: &str| {
        let path = root.join(file);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        path
    };
    for (file, text) in FILES {
        fs::write(at(file), text).unwrap();
    }
    for (link, target) in LINKS {
        symlink(target, at(link)).unwrap();
    }
}

/// Watches what is opened below a directory. The system tells it of what is opened to be read or run,
/// not of what is only named.
struct Watch {
    notices: OwnedFd,
    folders: HashMap<i32, PathBuf>,
}

impl Watch {
    fn below(root: &Path) -> Self {
        let notices = init(CreateFlags::NONBLOCK | CreateFlags::CLOEXEC).unwrap();
        let (mut folders, mut left) = (HashMap::new(), vec![root.to_owned()]);
        while let Some(folder) = left.pop() {
            let entries = fs::read_dir(&folder).unwrap().map(Result::unwrap);
            left.extend(entries.filter(|it| it.file_type().unwrap().is_dir()).map(|it| it.path()));
            let number = add_watch(&notices, &folder, WatchFlags::OPEN).unwrap();
            folders.insert(number, folder);
        }
        Self { notices, folders }
    }

    /// Returns the files that were opened since.
    fn opened(&self) -> BTreeSet<PathBuf> {
        let mut space = [MaybeUninit::uninit(); 16 * 1024];
        let mut reader = Reader::new(&self.notices, &mut space);
        let mut opened = BTreeSet::new();
        loop {
            let event = match reader.next() {
                Ok(event) => event,
                Err(Errno::AGAIN) => return opened,
                Err(error) => panic!("{error}"),
            };
            assert!(!event.events().contains(ReadFlags::QUEUE_OVERFLOW), "some were lost");
            if event.events().contains(ReadFlags::ISDIR) {
                continue;
            }
            let name = event.file_name().map(|name| name.to_str().unwrap()).unwrap_or_default();
            opened.insert(self.folders[&event.wd()].join(name));
        }
    }
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
    let watch = Watch::below(&root);
    let output = Command::new(env!("CARGO_BIN_EXE_check-acr"))
        .args(["agent", "contoso.azurecr.io/team/app:v1", "--node-root"])
        .arg(&root)
        .arg("--termination")
        .arg(folder.path().join("message"))
        .args(["--vantage", "node/one", "--timeout", "20s"])
        .env_clear()
        .output()
        .unwrap();
    let opened = watch.opened();
    let said = String::from_utf8_lossy(&output.stdout).into_owned();
    assert!(output.status.success() && said.contains("\"runtime\""), "{output:?}");
    let message = fs::read_to_string(folder.path().join("message")).unwrap();
    assert!(message.starts_with("check-acr/1:"), "{message}");
    assert!(!said.contains(CANARY), "{said}");
    let opened: BTreeSet<&str> = opened
        .iter()
        .map(|path| path.to_str().unwrap()[root.as_os_str().len()..].as_ref())
        .collect();
    for path in &opened {
        assert!(!path.starts_with("/var/lib/kubelet/pods"), "{path}");
        let is_listed = NODE_FILES.iter().any(|pattern| is(pattern, path));
        assert!(is_listed || NAMED.contains(path), "not on the list: {path}");
    }
    for wanted in ["/etc/kubernetes/azure.json", "/etc/containerd/more.toml"] {
        assert!(opened.contains(wanted), "{wanted} in {opened:?}");
    }
    for wanted in NAMED {
        assert!(opened.contains(wanted), "{wanted} in {opened:?}");
    }
}
