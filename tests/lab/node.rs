//! The node that the client runs on: its files, its processes, its disks.

use std::collections::BTreeMap;
use std::time::{SystemTime, UNIX_EPOCH};

use serde::Deserialize;

/// The files in which an AKS node keeps its sign-in configuration, and that of its runtime.
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
    /// Its arguments.
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
    /// Programs.
    pub programs: BTreeMap<String, Vec<u8>>,
}

impl Node {
    pub(crate) fn files(&self, clock_ahead: i64) -> BTreeMap<String, String> {
        let mut files = BTreeMap::new();
        if !self.on {
            return files;
        }
        let (path, program) = match self.provider {
            Provider::There => (PROVIDER, SCRIPT.to_owned()),
            Provider::Missing => (OTHER_PROVIDER, SCRIPT.to_owned()),
            Provider::OtherMachine => (PROVIDER, program_for_arm()),
            Provider::NoFolder => ("", String::new()),
        };
        for (path, text) in [
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
            let ticks = (BOOTED - started) * 100;
            let joined = |texts: Vec<String>| texts.iter().map(|text| format!("{text}\0")).collect();
            let zeros = "0 ".repeat(17);
            let folder = format!("/proc/{number}");
            let texts: [(&str, String); 4] = [
                ("comm", format!("{name}\n")),
                ("stat", format!("{number} ({name}) S 1 {zeros}{ticks} 0 0\n")),
                ("cmdline", joined(arguments.clone())),
                ("cgroup", format!("0::/system.slice/{name}.service\n")),
            ];
            files.extend(texts.map(|(file, text)| (format!("{folder}/{file}"), text)));
            if let Some(variables) = environment {
                let pairs = variables.iter().map(|(name, value)| format!("{name}={value}"));
                files.insert(format!("{folder}/environ"), joined(pairs.collect()));
            }
        }
        files
    }

    pub(crate) fn disk(&self) -> Disk {
        if !self.on {
            return Disk::default();
        }
        let mut programs = BTreeMap::new();
        if !self.containerd_version.is_empty() {
            programs.insert(PROGRAM.to_owned(), containerd(&self.containerd_version));
        }
        Disk {
            changed: self.changed.clone(),
            free: self.free.clone(),
            lengths: self.lengths.clone(),
            programs,
        }
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

/// Returns a program of Go with the record of a build of containerd, and nothing else: an ELF header,
/// the record, the names of the sections, and the table of three sections.
fn containerd(version: &str) -> Vec<u8> {
    let module = if version.starts_with('1') { "" } else { "/v2" };
    let module = format!("github.com/containerd/containerd{module}");
    let mut text = format!("path\t{module}/cmd/containerd\nmod\t{module}\t(devel)\t\n");
    if version.contains('.') {
        let flags = format!("-X {module}/version.Version=v{version} -s -w");
        text += &format!("build\t-ldflags=\"{flags}\"\n");
    }
    let text = format!("0123456789abcdef{text}0123456789abcdef");
    let mut record = b"\xff Go buildinf:\x08\x02".to_vec();
    record.resize(32, 0);
    for text in ["go1.24.1", &text] {
        // Two bytes of seven bits each.
        let byte = |bits: usize| u8::try_from(bits & 0x7f).unwrap_or_default();
        record.extend([byte(text.len()) | 0x80, byte(text.len() >> 7)]);
        record.extend(text.as_bytes());
    }
    let names = b"\0.shstrtab\0.go.buildinfo\0";
    let (at_record, at_names) = (64_u64, 64 + record.len() as u64);
    let at_table = at_names + names.len() as u64;
    let mut program = b"\x7fELF\x02\x01\x01".to_vec();
    program.resize(40, 0);
    program.extend(at_table.to_le_bytes());
    program.resize(58, 0);
    for number in [64_u16, 3, 1] {
        program.extend(number.to_le_bytes());
    }
    program.extend(&record);
    program.extend(names);
    let sections = [(0_u32, 0, 0), (1, at_names, names.len()), (11, at_record, record.len())];
    for (name, place, length) in sections {
        let mut entry = name.to_le_bytes().to_vec();
        entry.resize(24, 0);
        entry.extend(place.to_le_bytes());
        entry.extend((length as u64).to_le_bytes());
        entry.resize(64, 0);
        program.extend(entry);
    }
    program
}
