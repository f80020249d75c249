//! The node that the client runs on: its files, its processes, its disks.

use std::collections::BTreeMap;
use std::time::{SystemTime, UNIX_EPOCH};

use serde::Deserialize;

use crate::program;

/// The files in which an AKS node keeps its sign-in configuration, and that of its runtime.
const HOSTNAME: &str = "/etc/hostname";
const AZURE_JSON: &str = "/etc/kubernetes/azure.json";
const PROVIDER_CONFIG: &str = "/var/lib/kubelet/credential-provider-config.yaml";
const CONTAINERD: &str = "/etc/containerd/config.toml";
const PROVIDER: &str = "/var/lib/kubelet/credential-provider/acr-credential-provider";
const OTHER_PROVIDER: &str = "/var/lib/kubelet/credential-provider/other-credential-provider";
const SCRIPT: &str = "#!/bin/sh\n";
/// The machine number of 32-bit ARM in an ELF header.
const ARM: char = '\u{28}';
/// The program of containerd.
const PROGRAM: &str = "/usr/bin/containerd";
/// How long ago the node booted, in seconds.
const BOOTED: i64 = 90 * 24 * 60 * 60;

/// The node that the client runs on, if any.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Node {
    /// Whether the client runs on a node; then it has the files below.
    pub on: bool,
    /// The text of `/etc/kubernetes/azure.json`; if empty, there is no such file.
    pub azure_json: String,
    /// The text of `/var/lib/kubelet/credential-provider-config.yaml`; if empty, there is no such
    /// file.
    pub credential_provider: String,
    /// The text of `/etc/containerd/config.toml`; if empty, there is no such file.
    pub containerd: String,
    /// The credential provider's program.
    pub provider: Provider,
    /// The version in its build information; if empty, it has none.
    pub provider_version: String,
    /// The text of a script that takes its place; if empty, the program does nothing.
    pub provider_script: String,
    /// The program and the arguments of the running kubelet; if empty, none can be seen.
    pub kubelet: Vec<String>,
    /// The version of containerd's program, or only `1` or `2`; if empty, there is no such file.
    pub containerd_version: String,
    /// Whether the node's processes can be seen.
    pub shows_processes: bool,
    /// The processes that matter, by name.
    pub processes: BTreeMap<String, Process>,
    /// How long ago files and directories were changed, in seconds; others are old.
    #[serde(default)]
    pub changed: BTreeMap<String, i64>,
    /// The bytes that are free on the file systems of directories.
    pub free: BTreeMap<String, u64>,
    /// Files of which only the length matters.
    #[serde(default)]
    pub lengths: BTreeMap<String, u64>,
}

/// A process of the node.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Process {
    /// Its number; 0: it does not run. No real machine has a process with a number above 4194304.
    pub number: u32,
    /// How long ago it started, in seconds.
    pub started: i64,
    /// Its arguments. Those of the kubelet are in `kubelet`.
    pub arguments: Vec<String>,
    /// Its environment, which only root may read: as text, if the client may.
    #[serde(default)]
    pub environment: Option<BTreeMap<String, String>>,
}

/// The contents of the folder of credential providers.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "kebab-case")]
#[expect(missing_docs, reason = "healthy.toml says what they are")]
pub enum Provider {
    There,
    Missing,
    OtherMachine,
    NotExecutable,
    NoFolder,
}

/// What the node's kernel says of its disks.
#[derive(Debug, Clone, Default)]
pub struct Disk {
    /// How long ago files and directories were changed, in seconds.
    pub changed: BTreeMap<String, i64>,
    /// The bytes that are free on the file systems of directories.
    pub free: BTreeMap<String, u64>,
    /// The lengths of files of which only that matters.
    pub lengths: BTreeMap<String, u64>,
}

impl Node {
    pub(crate) fn files(&self, clock_ahead: i64) -> BTreeMap<String, String> {
        let mut files = BTreeMap::new();
        if !self.on {
            return files;
        }
        let (path, program) = match self.provider {
            Provider::Missing => (OTHER_PROVIDER, SCRIPT.to_owned()),
            Provider::OtherMachine => (PROVIDER, program_for_arm()),
            // Programs that may be run are files of their own.
            Provider::There | Provider::NotExecutable | Provider::NoFolder => ("", String::new()),
        };
        for (path, text) in [
            (HOSTNAME, "aks-system-12345678-vmss000000\n".to_owned()),
            (AZURE_JSON, self.azure_json.clone()),
            (PROVIDER_CONFIG, self.credential_provider.clone()),
            (CONTAINERD, self.containerd.clone()),
            (path, program),
        ] {
            if !text.is_empty() {
                files.insert(path.to_owned(), text);
            }
        }
        if self.shows_processes {
            files.extend(self.proc(clock_ahead));
        }
        files
    }

    /// Returns the files of the process file system, for a client whose clock is ahead.
    fn proc(&self, clock_ahead: i64) -> BTreeMap<String, String> {
        let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
        let now = i64::try_from(since.as_secs()).unwrap_or(i64::MAX).saturating_add(clock_ahead);
        let stat = format!("cpu 1 2 3 4\nbtime {}\nprocesses 9\n", now - BOOTED);
        let mut files = BTreeMap::from([
            ("/proc/stat".to_owned(), stat),
            ("/proc/1/comm".to_owned(), "systemd\n".to_owned()),
        ]);
        for (name, process) in self.processes.iter().filter(|(_, process)| process.number > 0) {
            let Process { number, started, arguments, environment } = process;
            let arguments = if name == "kubelet" { &self.kubelet } else { arguments };
            if arguments.is_empty() {
                continue;
            }
            let ticks = (BOOTED - started) * 100;
            let joined = |texts: &[String]| -> String {
                texts.iter().flat_map(|text| [text.as_str(), "\0"]).collect()
            };
            let zeros = "0 ".repeat(17);
            let folder = format!("/proc/{number}");
            let texts: [(&str, String); 4] = [
                ("comm", format!("{name}\n")),
                ("stat", format!("{number} ({name}) S 1 {zeros}{ticks} 0 0\n")),
                ("cmdline", joined(arguments)),
                ("cgroup", format!("0::/system.slice/{name}.service\n")),
            ];
            files.extend(texts.map(|(file, text)| (format!("{folder}/{file}"), text)));
            if let Some(variables) = environment {
                let pairs = variables.iter().map(|(name, value)| format!("{name}={value}"));
                let pairs: Vec<String> = pairs.collect();
                files.insert(format!("{folder}/environ"), joined(&pairs));
            }
        }
        files
    }

    /// Returns the programs that may be run: each path, and the bytes and permission of its file.
    pub(crate) fn programs(&self, script: &str) -> Vec<(&'static str, Vec<u8>, bool)> {
        let mut programs = vec![];
        if self.on && !self.containerd_version.is_empty() {
            programs.push((PROGRAM, program::containerd(&self.containerd_version), true));
        }
        if self.on && matches!(self.provider, Provider::There | Provider::NotExecutable) {
            let is_script = !script.is_empty();
            let version = &self.provider_version;
            let bytes = if is_script { script.into() } else { program::provider(version) };
            programs.push((PROVIDER, bytes, self.provider == Provider::There));
        }
        programs
    }

    pub(crate) fn disk(&self) -> Disk {
        let (changed, free) = (self.changed.clone(), self.free.clone());
        Disk { changed, free, lengths: self.lengths.clone() }
    }
}

/// Returns the header of a 64-bit ELF program: its magic number, its type (2: executable), its
/// machine. All bytes are ASCII.
fn program_for_arm() -> String {
    let mut header = String::from("\u{7f}ELF\u{2}\u{1}\u{1}");
    header.extend(['\0'; 9]);
    header.extend(['\u{2}', '\0', ARM, '\0', '\u{1}', '\0', '\0', '\0']);
    header.extend(['\0'; 40]);
    header
}
