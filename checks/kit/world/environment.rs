//! What systemd gives to a unit at its next start: its environment, and its command line.
//!
//! On AKS the proxies are in the default of the manager, and for the kubelet also in a file of
//! variables (Azure/AgentBaker).

use std::{collections::BTreeMap, fmt, path::Path};

use tokio::sync::OnceCell;

use super::{FileError, Process, Seen, World};
use crate::kit::rules::{SystemdSection, command_line, environment_file};

/// The file of the manager, and the directory of its drop-ins in each of the directories below.
const MANAGER: &str = "/etc/systemd/system.conf";
const MANAGER_FOLDER: &str = "system.conf.d";
/// Where systemd looks: what is in a later one counts more (systemd.unit(5), systemd-system.conf(5)).
const PLACES: [&str; 4] =
    ["/usr/lib/systemd", "/usr/local/lib/systemd", "/run/systemd", "/etc/systemd"];
/// Where systemd looks for units, in the same order (`systemd-analyze unit-paths`).
const UNIT_PLACES: [&str; 7] = [
    "/usr/lib/systemd/system",
    "/usr/local/lib/systemd/system",
    "/run/systemd/system",
    "/etc/systemd/system",
    "/run/systemd/transient",
    "/run/systemd/system.control",
    "/etc/systemd/system.control",
];
/// The directory of drop-ins for all services.
const ALL_SERVICES: &str = "service.d";
/// What takes variables out again, or takes them from the manager, which may have others than its files.
const REMOVING: [&str; 2] = ["UnsetEnvironment", "PassEnvironment"];
/// What gives a unit another network, or other files, than those of the system (systemd.exec(5),
/// systemd.resource-control(5)).
const ISOLATING: [&str; 16] = [
    "BindPaths",
    "BindReadOnlyPaths",
    "ExtensionDirectories",
    "ExtensionImages",
    "IPAddressDeny",
    "IPEgressFilterPath",
    "IPIngressFilterPath",
    "InaccessiblePaths",
    "MountImages",
    "NetworkNamespacePath",
    "PrivateNetwork",
    "RestrictAddressFamilies",
    "RestrictNetworkInterfaces",
    "RootDirectory",
    "RootImage",
    "TemporaryFileSystem",
];
/// No, as systemd reads it.
const NO: [&str; 6] = ["0", "f", "false", "n", "no", "off"];
/// How many files of a directory are looked at, and how many files of variables.
const MAX_FILES: usize = 16;
/// The most files that are read for the manager and two units.
pub const UNIT_READS: usize =
    (1 + PLACES.len() + MAX_FILES) + 2 * (4 * UNIT_PLACES.len() + 2 * MAX_FILES);

/// A unit of the node.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Unit {
    /// The container runtime.
    Containerd,
    /// The kubelet.
    Kubelet,
}

impl Unit {
    /// Returns its name, which is also that of its process.
    pub fn name(self) -> &'static str {
        match self {
            Unit::Containerd => "containerd",
            Unit::Kubelet => "kubelet",
        }
    }
}

/// What systemd has in store for the units of the node: each is read once.
#[derive(Clone, Default)]
pub struct Units {
    manager: OnceCell<UnitEnvironment>,
    containerd: OnceCell<UnitEnvironment>,
    kubelet: OnceCell<UnitEnvironment>,
}

// It may hold the password of a proxy.
impl fmt::Debug for Units {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Units")
    }
}

/// An environment that systemd has in store.
#[derive(Clone, Default)]
pub struct UnitEnvironment {
    /// Its variables. The last one of a name counts.
    pub variables: Vec<(String, String)>,
    /// The file that has the last of them.
    pub file: Option<String>,
    /// The files and directories that decide.
    pub sources: Vec<String>,
    /// The command line of the unit, if one of its files has it.
    pub command: Option<String>,
    /// What could not be read or understood.
    pub odd: Vec<OddSetting>,
    /// What gives it another network or other files than the system's: the key, its file, and how it is
    /// written.
    pub isolated: BTreeMap<&'static str, (String, String)>,
}

/// What of a unit's files could not be read or understood.
#[derive(Clone)]
pub enum OddSetting {
    /// A file cannot be read.
    Unreadable {
        /// The file.
        file: String,
        /// Why not.
        error: FileError,
    },
    /// A setting is written in a way that is not read here.
    NotUnderstood {
        /// The file.
        file: String,
        /// How it is written.
        written: String,
    },
}

/// The environment of a program, the file that has it, and how it was seen.
pub struct Variables {
    all: Vec<(String, String)>,
    /// The file that has them.
    pub file: String,
    /// How they were seen.
    pub seen: Seen,
}

impl Variables {
    /// Returns the environment of a process where it can be read, else what systemd has for it.
    pub fn of(process: Option<&Process>, configured: &UnitEnvironment) -> Self {
        let live = process.and_then(|process| Some((process, process.environment.clone().ok()?)));
        match (live, &configured.file) {
            (Some((process, all)), _) => {
                Self { all, file: format!("/proc/{}/environ", process.pid), seen: Seen::InEffect }
            }
            (None, Some(file)) => Self {
                all: configured.variables.clone(),
                file: file.clone(),
                seen: Seen::Configured,
            },
            (None, None) => {
                let seen =
                    if configured.sources.is_empty() { Seen::Assumed } else { Seen::Configured };
                let file = configured.sources.last();
                let file = file.cloned().unwrap_or_else(|| "/etc/systemd".to_owned());
                Self { all: vec![], file, seen }
            }
        }
    }

    /// Returns them with more variables of that file, which count more.
    #[must_use]
    pub fn with(mut self, more: &[(String, String)], file: &str) -> Self {
        if !more.is_empty() {
            self.all.extend(more.iter().cloned());
            file.clone_into(&mut self.file);
        }
        self
    }

    /// Returns the value of a variable.
    pub fn value(&self, name: &str) -> Option<String> {
        last(&self.all, name)
    }
}

impl UnitEnvironment {
    /// Returns the value of a variable.
    pub fn value(&self, name: &str) -> Option<String> {
        last(&self.variables, name)
    }

    /// Reads a file; notes where that fails.
    async fn read(&mut self, world: &World, file: &str) -> Option<String> {
        match world.read(&world.of_node(file)).await {
            Ok(bytes) => {
                self.sources.push(file.to_owned());
                Some(String::from_utf8_lossy(&bytes).into_owned())
            }
            Err(FileError::Missing) => None,
            Err(error) => {
                self.odd.push(OddSetting::Unreadable { file: file.to_owned(), error });
                None
            }
        }
    }

    /// Returns the `.conf` files of directories, by their names. Of files with the same name, that of
    /// the last directory counts.
    async fn files(&mut self, world: &World, folders: &[String]) -> Vec<String> {
        let mut files = BTreeMap::new();
        for folder in folders {
            match world.names_in(&world.of_node(folder)).await {
                Ok(names) => {
                    if !names.is_empty() {
                        self.sources.push(folder.clone());
                    }
                    let settings = names
                        .into_iter()
                        .filter(|name| Path::new(name).extension().is_some_and(|it| it == "conf"));
                    files.extend(settings.map(|name| (name.clone(), format!("{folder}/{name}"))));
                }
                Err(FileError::Missing) => {}
                Err(error) => self.odd.push(OddSetting::Unreadable { file: folder.clone(), error }),
            }
        }
        if files.len() > MAX_FILES {
            self.not_understood(&folders.join(" "), files.len().to_string());
        }
        files.into_values().take(MAX_FILES).collect()
    }

    /// Notes what a file says of another network or other files.
    fn isolate(&mut self, file: &str, service: &SystemdSection) {
        for key in ISOLATING {
            match service.values(key).next_back() {
                Some(value) if isolates_nothing(key, value) => {
                    self.isolated.remove(key);
                }
                Some(value) => {
                    self.isolated.insert(key, (file.to_owned(), format!("{key}={value}")));
                }
                None => {}
            }
        }
    }

    /// Returns the words of its command line as systemd splits it: `None` where no file has one, an
    /// error, which is the name of the setting, where it cannot be followed. What starts another program
    /// than that one cannot; `env` can.
    pub fn words(&self, program: &str) -> Option<Result<Vec<String>, String>> {
        let command = self.command.as_ref()?;
        let words = command_line(command, |name| {
            self.odd.is_empty().then(|| self.value(name).unwrap_or_default())
        });
        let is_it = |word: &String| Path::new(word).file_name().is_some_and(|it| it == program);
        let words = words.and_then(|words| {
            let is_env = words.first().is_some_and(|word| word.ends_with("/env"));
            // Of the variables that env sets, only this one changes nothing here.
            let is_skipped = |word: &&String| word.starts_with("PATH=") || word.ends_with("/env");
            let skipped = words.iter().take_while(|word| is_env && is_skipped(word));
            let words = words[skipped.count()..].to_vec();
            words.first().is_some_and(is_it).then_some(words)
        });
        Some(words.ok_or_else(|| "ExecStart".to_owned()))
    }

    fn not_understood(&mut self, file: &str, written: String) {
        self.odd.push(OddSetting::NotUnderstood { file: file.to_owned(), written });
    }

    /// Takes the assignments of a key of a file.
    fn take(
        &mut self,
        found: &mut Vec<(String, String)>,
        file: &str,
        section: &SystemdSection,
        key: &str,
    ) {
        let before = found.len();
        if !section.environment(key, found) {
            self.not_understood(file, key.to_owned());
        }
        if found.len() > before {
            self.file = Some(file.to_owned());
        }
    }
}

/// Returns whether a value of such a key takes nothing away.
fn isolates_nothing(key: &str, value: &str) -> bool {
    match key {
        _ if value.is_empty() => true,
        "PrivateNetwork" => NO.contains(&value.to_lowercase().as_str()),
        "RootDirectory" => value == "/",
        _ => false,
    }
}

/// Returns the last value of a variable.
fn last(variables: &[(String, String)], name: &str) -> Option<String> {
    let mut all = variables.iter().rev();
    all.find(|(known, _)| known == name).map(|(_, value)| value.clone())
}

impl World {
    /// Returns what systemd gives to a unit at its next start.
    pub async fn unit(&self, unit: Unit) -> &UnitEnvironment {
        let kept = match unit {
            Unit::Containerd => &self.units.containerd,
            Unit::Kubelet => &self.units.kubelet,
        };
        let manager = self.units.manager.get_or_init(|| manager(self)).await;
        kept.get_or_init(|| of_unit(self, manager, unit.name())).await
    }
}

/// Reads what the manager gives to each unit.
async fn manager(world: &World) -> UnitEnvironment {
    let mut environment = UnitEnvironment::default();
    let mut files = vec![MANAGER.to_owned()];
    let folders = PLACES.map(|place| format!("{place}/{MANAGER_FOLDER}"));
    files.extend(environment.files(world, &folders).await);
    let mut found = vec![];
    for file in files {
        if let Some(text) = environment.read(world, &file).await {
            let manager = SystemdSection::read(&text, "Manager");
            environment.take(&mut found, &file, &manager, "DefaultEnvironment");
        }
    }
    environment.variables = found;
    environment
}

/// Reads what a unit gets in addition to that.
async fn of_unit(world: &World, manager: &UnitEnvironment, unit: &str) -> UnitEnvironment {
    let mut environment = manager.clone();
    let units = UNIT_PLACES.map(|place| format!("{place}/{unit}.service"));
    let drop_ins = |name: &str| UNIT_PLACES.map(|place| format!("{place}/{name}"));
    // A unit of the administrator replaces that of the distribution.
    let mut files = vec![];
    for file in units.into_iter().rev() {
        if !matches!(world.finds(&world.of_node(&file)).await, Ok(None)) {
            files.push(file);
            break;
        }
    }
    // Of the same name, the drop-in of the unit itself counts.
    let folders = [drop_ins(ALL_SERVICES), drop_ins(&format!("{unit}.service.d"))].concat();
    files.extend(environment.files(world, &folders).await);
    let (mut found, mut more): (_, Vec<(String, String)>) = (vec![], vec![]);
    for file in files {
        let Some(text) = environment.read(world, &file).await else { continue };
        let service = SystemdSection::read(&text, "Service");
        let removing = REMOVING.iter().find(|key| service.values(key).next().is_some());
        if let Some(written) = removing {
            environment.not_understood(&file, (*written).to_owned());
        }
        environment.take(&mut found, &file, &service, "Environment");
        for named in service.values("EnvironmentFile") {
            if named.is_empty() {
                more.clear();
            } else {
                more.push((file.clone(), named.to_owned()));
            }
        }
        if let Some(command) = service.values("ExecStart").next_back() {
            environment.command = Some(command.to_owned()).filter(|command| !command.is_empty());
        }
        environment.isolate(&file, &service);
    }
    environment.variables.extend(found);
    for (place, (by, named)) in more.into_iter().enumerate() {
        // A file with a dash before it may be missing; one without it keeps the unit from starting.
        let file = named.strip_prefix('-').unwrap_or(&named).to_owned();
        let is_plain = file.starts_with('/') && !file.contains(['%', '*', '?', '[', '"', '\\']);
        if place >= MAX_FILES || !is_plain {
            environment.not_understood(&by, format!("EnvironmentFile={named}"));
            continue;
        }
        let Some(text) = environment.read(world, &file).await else { continue };
        let mut found = vec![];
        if !environment_file(&text, &mut found) {
            environment.not_understood(&file, "EnvironmentFile".to_owned());
        }
        if !found.is_empty() {
            environment.file = Some(file);
        }
        environment.variables.extend(found);
    }
    environment
}
