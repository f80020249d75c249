//! Odd files of a node, and a user who may not read them: one line each, and *could not tell* where it
//! matters.
#![cfg(feature = "lab")]
#![allow(clippy::unwrap_used, reason = "a test that panics has failed, and says where")]

mod program;

use std::{
    fs,
    os::unix::{
        fs::{PermissionsExt, symlink},
        process::CommandExt,
    },
    path::Path,
    process::Command,
    time::Instant,
};

use program::{Said, codes, executable, program};

/// A node whose containerd is process 7, with its unit and its directories.
const FILES: [(&str, &str); 8] = [
    ("etc/kubernetes/azure.json", "{}"),
    ("proc/7/comm", "containerd\n"),
    ("proc/7/cmdline", "/usr/bin/containerd\0"),
    (
        CONFIG,
        "version = 2\n[plugins.'io.containerd.cri.v1.images'.registry]\nconfig_path = '/etc/containerd/certs.d'\n",
    ),
    (HOSTS, "server = 'https://contoso.azurecr.io'\nca = 'ca.crt'\n"),
    (UNIT, "[Service]\nEnvironmentFile=/etc/environment\n"),
    (DROP_IN, "[Service]\n"),
    (VARIABLES, "PATH=/usr/bin\n"),
];
const CONFIG: &str = "etc/containerd/config.toml";
const HOSTS: &str = "etc/containerd/certs.d/contoso.azurecr.io/hosts.toml";
const AUTHORITY: &str = "etc/containerd/certs.d/contoso.azurecr.io/ca.crt";
const UNIT: &str = "etc/systemd/system/containerd.service";
const DROP_IN: &str = "etc/systemd/system/containerd.service.d/x.conf";
const VARIABLES: &str = "etc/environment";
const MANAGER: &str = "etc/systemd/system.conf";
const BUNDLE: &str = "etc/ssl/certs/ca-certificates.crt";
const BESIDE: &str = "etc/ssl/certs/beside.pem";
const COREFILE: &str = "opt/azure/containers/localdns/updated.localdns.corefile";
const UPSTREAMS: &str = "etc/localdns/upstream-dns";

const UNREADABLE: &[&str] = &["runtime/config-unreadable"];
const UNTRUSTED: &[&str] = &["runtime/trust-file-unreadable"];
const NOTHING: &[&str] = &[];

/// What stands in the place of a file.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Odd {
    Pipe,
    Long,
    Loop,
    Garbage,
    Folder,
}

impl Odd {
    const ALL: [Odd; 5] = [Odd::Pipe, Odd::Long, Odd::Loop, Odd::Garbage, Odd::Folder];

    fn lay(self, file: &Path) {
        let _ = fs::remove_file(file);
        fs::create_dir_all(file.parent().unwrap()).unwrap();
        match self {
            Odd::Pipe => assert!(Command::new("mkfifo").arg(file).status().unwrap().success()),
            Odd::Long => fs::write(file, "#".repeat(10 << 20)).unwrap(),
            Odd::Loop => symlink(file.file_name().unwrap(), file).unwrap(),
            Odd::Garbage => fs::write(file, b"\xff\x00[garbage").unwrap(),
            Odd::Folder => fs::create_dir(file).unwrap(),
        }
    }
}

fn node() -> tempfile::TempDir {
    let root = tempfile::tempdir().unwrap();
    let key = rcgen::KeyPair::generate().unwrap();
    let mut params = rcgen::CertificateParams::default();
    params.is_ca = rcgen::IsCa::Ca(rcgen::BasicConstraints::Unconstrained);
    let pem = params.self_signed(&key).unwrap().pem();
    let authorities = [(AUTHORITY, pem.as_str()), (BUNDLE, &pem), (BESIDE, &pem)];
    for (file, text) in FILES.into_iter().chain(authorities) {
        let path = root.path().join(file);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, text).unwrap();
    }
    fs::copy("/etc/resolv.conf", root.path().join("etc/resolv.conf")).unwrap();
    root
}

/// Returns the codes of a step by itself.
fn told(mut program: Command, root: &Path, step: &str) -> Vec<String> {
    let began = Instant::now();
    program.args(["contoso.azurecr.io/team/app:v1", "--only", step, "-o", "json"]);
    let said = Said::of(program.arg("--node-root").arg(root).output().unwrap());
    assert!(began.elapsed().as_secs() < 30, "it hangs");
    assert!(!said.err.contains("panicked"), "{}", said.err);
    let document = said.json();
    let lists = ["causes", "could_not_tell", "warnings"];
    lists.iter().flat_map(|list| codes(&document, list)).collect()
}

#[test]
fn odd_files_are_one_line_each() {
    assert_eq!(told(program(&[]), node().path(), "runtime"), NOTHING);
    for odd in Odd::ALL {
        let with = |file: &str| {
            let root = node();
            odd.lay(&root.path().join(file));
            told(program(&[]), root.path(), "runtime")
        };
        // systemd ignores a line that it does not understand.
        let of_unit = if odd == Odd::Garbage { NOTHING } else { UNREADABLE };
        for file in [UNIT, DROP_IN, VARIABLES, MANAGER] {
            assert_eq!(with(file), of_unit, "{odd:?} {file}");
        }
        // Go is not stopped by these; what it may read, it has.
        let of_trust = if matches!(odd, Odd::Pipe | Odd::Long) { UNTRUSTED } else { NOTHING };
        for file in [BUNDLE, BESIDE] {
            assert_eq!(with(file), of_trust, "{odd:?} {file}");
        }
        let of_hosts: &[&str] = match odd {
            Odd::Folder => &["runtime/hosts-path-unusable"],
            Odd::Garbage => &["runtime/not-replayed"],
            Odd::Pipe | Odd::Long | Odd::Loop => UNREADABLE,
        };
        assert_eq!(with(HOSTS), of_hosts, "{odd:?}");
        let of_authority: &[&str] = match odd {
            Odd::Garbage | Odd::Folder => &["runtime/certificate-file-unusable"],
            Odd::Pipe | Odd::Long | Odd::Loop => UNREADABLE,
        };
        assert_eq!(with(AUTHORITY), of_authority, "{odd:?}");
    }
}

#[test]
fn very_many_drop_ins_are_not_followed() {
    let root = node();
    let folder = root.path().join(DROP_IN).parent().unwrap().to_owned();
    (0..20).for_each(|it| fs::write(folder.join(format!("{it}.conf")), "").unwrap());
    assert_eq!(told(program(&[]), root.path(), "runtime"), ["runtime/not-replayed"]);
    (0..1200).for_each(|it| fs::write(folder.join(format!("{it}.conf")), "").unwrap());
    assert_eq!(told(program(&[]), root.path(), "runtime"), UNREADABLE);
}

/// Whatever answers for LocalDNS here, its files change nothing that can be told.
#[test]
fn odd_files_of_local_dns_hold_nobody_up() {
    let with = |lay: &dyn Fn(&Path)| {
        let root = node();
        fs::write(root.path().join("etc/resolv.conf"), "nameserver 169.254.10.10\n").unwrap();
        lay(root.path());
        told(program(&[]), root.path(), "dns")
    };
    let missing = with(&|_| {});
    for odd in Odd::ALL {
        let both = |root: &Path| {
            [COREFILE, UPSTREAMS].iter().for_each(|it| odd.lay(&root.join(it)));
        };
        assert_eq!(with(&both), missing, "{odd:?}");
    }
}

/// Returns the program as a user who may read almost nothing.
fn as_nobody(root: &Path) -> Command {
    let ours = fs::read(env!("CARGO_BIN_EXE_check-acr")).unwrap();
    fs::set_permissions(root, fs::Permissions::from_mode(0o755)).unwrap();
    let mut program = Command::new(executable(root, "check-acr", &ours));
    program.env_clear();
    // Only root may become somebody else; anybody else cannot read these files already.
    if is_root() {
        program.uid(65_534);
    }
    program
}

fn is_root() -> bool {
    fs::metadata("/proc/self").is_ok_and(|about| std::os::unix::fs::MetadataExt::uid(&about) == 0)
}

#[test]
fn what_may_not_be_read_is_one_line_each() {
    let without = |file: &str| {
        let root = node();
        fs::set_permissions(root.path().join(file), fs::Permissions::from_mode(0o000)).unwrap();
        told(as_nobody(root.path()), root.path(), "runtime")
    };
    let root = node();
    assert_eq!(told(as_nobody(root.path()), root.path(), "runtime"), NOTHING);
    for file in [CONFIG, HOSTS, AUTHORITY, UNIT, DROP_IN, VARIABLES] {
        assert_eq!(without(file), UNREADABLE, "{file}");
    }
    for folder in [CONFIG, HOSTS, AUTHORITY, DROP_IN] {
        let folder = Path::new(folder).parent().unwrap().to_str().unwrap();
        assert_eq!(without(folder), UNREADABLE, "{folder}");
    }
    for file in [BUNDLE, BESIDE, "etc/ssl/certs"] {
        assert_eq!(without(file), UNTRUSTED, "{file}");
    }
}

#[test]
fn many_odd_lines_of_a_file_are_one_line() {
    let root = node();
    let hosts = root.path().join(HOSTS);
    let odd = (0..500).map(|it| format!("[host.\"https://u:hunter2-{it}@m.example\"]"));
    let odd = odd.collect::<Vec<_>>().join("\n");
    fs::write(&hosts, odd).unwrap();
    let told = told(program(&[]), root.path(), "runtime");
    assert!(told.iter().all(|code| code == "runtime/not-replayed") && told.len() <= 3, "{told:?}");
}
