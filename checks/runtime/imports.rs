//! containerd's main configuration with the files that it imports.
//!
//! Source: containerd, cmd/containerd/server/config/config.go: `LoadConfig`, `resolveImports`,
//! `mergeConfig`.

use std::path::{Component, Path, PathBuf};

use toml::{Table, Value};

use super::{config::Config, problem::NotFollowed};
use crate::kit::{
    Cx,
    rules::{ContainerdVersion, Malformed, is_at_least},
    world::{FileError, Toml, toml},
};

/// The most files that are read.
pub(super) const MAX_FILES: usize = 8;

/// A configuration, and the files that it is from.
pub(super) struct Loaded {
    pub(super) config: Config,
    pub(super) files: Vec<String>,
}

/// Why a configuration is not known: the file, and what is wrong with it.
pub(super) struct Unloaded {
    pub(super) file: String,
    pub(super) error: Option<FileError>,
    pub(super) said: String,
}

/// Loads a file and what it imports. What a file says overrides those before it.
pub(super) async fn load(
    cx: &Cx,
    first: &str,
    version: Option<ContainerdVersion>,
    registry: &str,
) -> Result<Loaded, Unloaded> {
    let (mut pending, mut files, mut more) = (vec![first.to_owned()], vec![], vec![]);
    let (mut whole, mut deep, mut is_plain) = (Table::new(), Table::new(), true);
    while !pending.is_empty() {
        let file = pending.remove(0);
        if files.contains(&file) {
            continue;
        }
        if files.len() == MAX_FILES {
            more.push((NotFollowed::Imports, file));
            break;
        }
        let said = |said: String| Unloaded { file: file.clone(), error: None, said };
        let bytes = cx.world.read(&cx.world.of_node(&file)).await.map_err(|error| Unloaded {
            file: file.clone(),
            said: error.to_string(),
            error: Some(error),
        })?;
        let read = toml(&bytes).map_err(|error| said(error.to_string()))?;
        is_plain &= read.is_plain;
        for pattern in imports(&read.table).map_err(|error| said(error.to_string()))? {
            match matches(cx, &file, &pattern).await {
                Some(found) => {
                    for found in found {
                        if !files.contains(&found) && !pending.contains(&found) {
                            pending.push(found);
                        }
                        if files.len() + pending.len() > MAX_FILES {
                            break;
                        }
                    }
                }
                None => more.push((NotFollowed::Imports, pattern)),
            }
            // What waits is more than is read: the rest changes nothing.
            if files.len() + pending.len() > MAX_FILES || more.len() > MAX_FILES {
                break;
            }
        }
        merge(&mut whole, &read.table, Depth::Plugins);
        merge(&mut deep, &read.table, Depth::All);
        files.push(file);
    }
    let read = |table| {
        let config = Config::read(&Toml { table, is_plain }, version, registry);
        config.map_err(|error| Unloaded {
            file: first.to_owned(),
            error: None,
            said: error.to_string(),
        })
    };
    let (whole, deep) = (read(whole)?, read(deep)?);
    // containerd 1.7 replaces all settings of a plugin, 2.2 each of them.
    let is_whole = version.is_some_and(ContainerdVersion::is_first);
    if whole != deep && !is_whole && is_at_least(version, (2, 2, 0)) != Some(true) {
        more.push((NotFollowed::VersionDecides, files[1..].join(" ")));
    }
    let mut config = if is_whole { whole } else { deep };
    config.not_replayed.extend(more);
    Ok(Loaded { config, files })
}

/// Returns the files that a configuration imports, as it names them.
fn imports(table: &Table) -> Result<Vec<String>, Malformed> {
    let Some(imports) = table.get("imports") else { return Ok(vec![]) };
    let imports = imports.as_array().ok_or(Malformed::EntryNotAList)?;
    let text = |item: &Value| item.as_str().map(str::to_owned).ok_or(Malformed::EntryNotTexts);
    imports.iter().map(text).collect()
}

/// Returns the files that a name stands for, beside the file that has it; `None` for a pattern that
/// is not followed here: one with more than stars in the last part.
async fn matches(cx: &Cx, by: &str, pattern: &str) -> Option<Vec<String>> {
    let path = clean(&Path::new(by).parent()?.join(pattern));
    if !path.contains('*') {
        return Some(vec![path]);
    }
    let (folder, name) = path.rsplit_once('/')?;
    if folder.contains('*') || path.contains(['?', '[', '\\']) {
        return None;
    }
    let names = match cx.world.names_in(&cx.world.of_node(folder)).await {
        Ok(names) => names,
        // Go finds nothing to match in a file.
        Err(FileError::Missing | FileError::NotAFolder) => vec![],
        Err(_) => return None,
    };
    let fitting = names.iter().filter(|known| fits(name, known));
    Some(fitting.map(|name| format!("{folder}/{name}")).collect())
}

/// Returns a path without `.` and `..`, as Go's `filepath.Clean` does.
fn clean(path: &Path) -> String {
    let mut parts = PathBuf::from("/");
    for part in path.components() {
        match part {
            Component::Normal(name) => parts.push(name),
            Component::ParentDir => drop(parts.pop()),
            Component::CurDir | Component::RootDir | Component::Prefix(_) => {}
        }
    }
    parts.to_string_lossy().into_owned()
}

/// Returns whether a name fits a pattern in which a star stands for any text.
fn fits(pattern: &str, name: &str) -> bool {
    let Some((start, rest)) = pattern.split_once('*') else { return pattern == name };
    let Some(mut name) = name.strip_prefix(start) else { return false };
    let mut parts: Vec<&str> = rest.split('*').collect();
    let end = parts.pop().unwrap_or_default();
    for part in parts {
        let Some(at) = name.find(part) else { return false };
        name = &name[at + part.len()..];
    }
    name.ends_with(end)
}

/// The key that lists plugins which are not started.
const DISABLED: &str = "disabled_plugins";

/// How deep the settings of a file are laid over those of before.
#[derive(Clone, Copy, PartialEq)]
enum Depth {
    /// Each plugin is replaced.
    Plugins,
    /// Each setting is replaced. The parser bounds how deep they are nested.
    All,
}

fn merge(to: &mut Table, from: &Table, depth: Depth) {
    for (name, value) in from {
        match (to.get_mut(name), value) {
            (Some(Value::Table(to)), Value::Table(from)) if depth == Depth::All => {
                merge(to, from, depth);
            }
            (Some(Value::Table(to)), Value::Table(from)) => to.extend(from.clone()),
            // What one file disables, no other enables.
            (Some(Value::Array(to)), Value::Array(from)) if name == DISABLED => {
                to.extend(from.iter().cloned());
            }
            _ => drop(to.insert(name.clone(), value.clone())),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn paths_and_patterns_as_in_go() {
        assert_eq!(
            clean(Path::new("/etc/containerd/./a/../conf.d//x.toml")),
            "/etc/containerd/conf.d/x.toml"
        );
        assert_eq!(clean(Path::new("/../..")), "/");
        for (pattern, name) in [("*.toml", "a.toml"), ("*", "x"), ("a*b*c", "a12b34c"), ("a*", "a")]
        {
            assert!(fits(pattern, name), "{pattern} {name}");
        }
        for (pattern, name) in [("*.toml", "a.tom"), ("a*b*c", "acb"), ("a*a", "a"), ("x", "y")] {
            assert!(!fits(pattern, name), "{pattern} {name}");
        }
    }

    #[test]
    fn later_files_win() {
        let table = |text: &str| toml::from_str::<Table>(text).unwrap();
        let first = table("root = '/a'\n[plugins.x]\na = 1\nb = 1\n[plugins.y]\nc = 1");
        let second = table("root = '/b'\n[plugins.x]\na = 2");
        let merged = |depth| {
            let mut to = first.clone();
            merge(&mut to, &second, depth);
            to
        };
        let deep = table("root = '/b'\n[plugins.x]\na = 2\nb = 1\n[plugins.y]\nc = 1");
        assert_eq!(merged(Depth::All), deep);
        let whole = table("root = '/b'\n[plugins.x]\na = 2\n[plugins.y]\nc = 1");
        assert_eq!(merged(Depth::Plugins), whole);
    }
}
