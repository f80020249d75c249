//! What systemd gives to a unit at its next start: its environment, and its command line.
//!
//! On AKS the proxies are in the default of the manager, and for the kubelet also in a file of
//! variables (Azure/AgentBaker).

use std::path::Path;

use super::problem::{NotFollowed, Problem};
use crate::kit::{
    Cx,
    rules::{environment_file, systemd_environment, systemd_value},
    world::FileError,
};

/// The files and directories of the manager.
const MANAGER: [&str; 2] = ["/etc/systemd/system.conf", "/etc/systemd/system.conf.d"];
/// The directories of units.
const UNITS: [&str; 2] = ["/usr/lib/systemd/system", "/etc/systemd/system"];
/// How many files of a directory are looked at, and how many files of variables.
const MAX_FILES: usize = 8;
/// The most files that are read for the manager and two units.
pub(super) const MAX_READS: usize = (2 + MAX_FILES) + 2 * (3 + 2 * MAX_FILES);

/// An environment that systemd has in store.
#[derive(Clone, Default)]
pub(super) struct Environment {
    pub(super) variables: Vec<(String, String)>,
    /// The file that has the last of them.
    pub(super) file: Option<String>,
    /// The files and directories that decide.
    pub(super) sources: Vec<String>,
    /// The command line of the unit, if one of its files has it.
    pub(super) command: Option<String>,
    /// What could not be read or understood.
    pub(super) odd: Vec<Problem>,
}

impl Environment {
    /// Returns the value of a variable.
    pub(super) fn value(&self, name: &str) -> Option<String> {
        last(&self.variables, name)
    }

    /// Reads a file; notes where that fails.
    async fn read(&mut self, cx: &Cx, file: &str) -> Option<String> {
        match cx.world.read(&cx.world.of_node(file)).await {
            Ok(bytes) => {
                self.sources.push(file.to_owned());
                Some(String::from_utf8_lossy(&bytes).into_owned())
            }
            Err(FileError::Missing) => None,
            Err(error) => {
                let said = error.to_string();
                self.odd.push(Problem::ConfigUnreadable { file: file.to_owned(), said });
                None
            }
        }
    }

    /// Returns the `.conf` files of a directory.
    async fn files(&mut self, cx: &Cx, folder: &str) -> Vec<String> {
        let Ok(names) = cx.world.names_in(&cx.world.of_node(folder)).await else { return vec![] };
        if !names.is_empty() {
            self.sources.push(folder.to_owned());
        }
        let is_setting = |name: &String| Path::new(name).extension().is_some_and(|it| it == "conf");
        let settings: Vec<String> = names.into_iter().filter(is_setting).collect();
        if settings.len() > MAX_FILES {
            self.not_understood(folder, settings.len().to_string());
        }
        settings.iter().take(MAX_FILES).map(|name| format!("{folder}/{name}")).collect()
    }

    fn not_understood(&mut self, file: &str, written: String) {
        let (file, what) = (file.to_owned(), NotFollowed::Environment);
        self.odd.push(Problem::NotReplayed { file, what, written });
    }

    /// Takes the assignments of a key of a file.
    fn take(&mut self, found: &mut Vec<(String, String)>, file: &str, text: &str, key: &str) {
        let before = found.len();
        if !systemd_environment(text, key, found) {
            self.not_understood(file, key.to_owned());
        }
        if found.len() > before {
            self.file = Some(file.to_owned());
        }
    }
}

/// Returns the last value of a variable.
pub(super) fn last(variables: &[(String, String)], name: &str) -> Option<String> {
    let mut all = variables.iter().rev();
    all.find(|(known, _)| known == name).map(|(_, value)| value.clone())
}

/// Reads what the manager gives to each unit.
pub(super) async fn manager(cx: &Cx) -> Environment {
    let mut environment = Environment::default();
    let mut files = vec![MANAGER[0].to_owned()];
    files.extend(environment.files(cx, MANAGER[1]).await);
    let mut found = vec![];
    for file in files {
        if let Some(text) = environment.read(cx, &file).await {
            environment.take(&mut found, &file, &text, "DefaultEnvironment");
        }
    }
    environment.variables = found;
    environment
}

/// Reads what a unit gets in addition to that.
pub(super) async fn of_unit(cx: &Cx, manager: &Environment, unit: &str) -> Environment {
    let mut environment = manager.clone();
    let mut files: Vec<String> = UNITS.map(|folder| format!("{folder}/{unit}.service")).to_vec();
    files.extend(environment.files(cx, &format!("{}/{unit}.service.d", UNITS[1])).await);
    let (mut found, mut more): (_, Vec<(String, String)>) = (vec![], vec![]);
    for file in files {
        let Some(text) = environment.read(cx, &file).await else { continue };
        // A unit of the administrator replaces that of the distribution.
        if file == format!("{}/{unit}.service", UNITS[1]) {
            (found, more, environment.command) = (vec![], vec![], None);
        }
        environment.take(&mut found, &file, &text, "Environment");
        for line in text.lines().map(str::trim).filter(|line| line.starts_with("EnvironmentFile")) {
            match systemd_value(line, "EnvironmentFile") {
                Some(Some(named)) => more.push((file.clone(), named.to_owned())),
                Some(None) => more.clear(),
                None => {}
            }
        }
        if let Some(command) = systemd_value(&text, "ExecStart") {
            environment.command = command.map(str::to_owned);
        }
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
        let Some(text) = environment.read(cx, &file).await else { continue };
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
