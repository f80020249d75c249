//! Lists the scenario files: a new one in the folder of its area needs no other edit.
#![allow(clippy::print_stdout, reason = "a build script tells cargo what it must know on stdout")]

use std::{
    collections::BTreeMap,
    env, fs, io,
    path::{Path, PathBuf},
};

/// The folder of `healthy.toml`, and of `AREA/NAME.toml` for each scenario that differs from it.
const FOLDER: &str = "../scenarios";

fn main() {
    println!("cargo::rerun-if-changed={FOLDER}");
    if let Err(sentence) = write_table() {
        println!("cargo::error={sentence}");
    }
}

/// Writes the table that `scenarios.rs` includes: healthy first, the rest by area and name.
fn write_table() -> Result<(), String> {
    let folder = sorted(Path::new(FOLDER))?;
    let (areas, files): (Vec<_>, Vec<_>) = folder.into_iter().partition(|path| path.is_dir());
    let Some(healthy) = files.iter().find(|path| name_in(path) == "healthy.toml") else {
        return Err(format!("{FOLDER} has no healthy.toml, from which all scenarios differ"));
    };
    if let Some(stray) = files.iter().find(|path| *path != healthy) {
        return Err(format!("{}: a scenario belongs in the folder of its area", stray.display()));
    }
    let mut table = format!("&[\n{}", entry("healthy", "", healthy)?);
    let mut known = BTreeMap::from([("healthy".to_owned(), healthy.clone())]);
    for area in &areas {
        for file in sorted(area)? {
            let name = name_in(&file);
            let Some(name) = name.strip_suffix(".toml").filter(|_| file.is_file()) else {
                return Err(format!("{}: only NAME.toml belongs here", file.display()));
            };
            if let Some(other) = known.insert(name.to_owned(), file.clone()) {
                let (one, other) = (file.display(), other.display());
                return Err(format!("{one} and {other}: a scenario's name is used once"));
            }
            table += &entry(name, &name_in(area), &file)?;
        }
    }
    let target = env::var_os("OUT_DIR").ok_or("cargo sets no OUT_DIR")?;
    let target = Path::new(&target).join("scenarios.rs");
    fs::write(&target, table + "]\n").map_err(failed(&target))
}

/// Returns the entries of that folder, in the same order on every machine.
fn sorted(folder: &Path) -> Result<Vec<PathBuf>, String> {
    let entries = fs::read_dir(folder).map_err(failed(folder))?;
    let paths = entries.map(|entry| entry.map(|entry| entry.path()));
    let mut paths: Vec<_> = paths.collect::<Result<_, _>>().map_err(failed(folder))?;
    paths.sort_by(|one, other| one.file_stem().cmp(&other.file_stem()));
    Ok(paths)
}

fn name_in(path: &Path) -> String {
    path.file_name().unwrap_or_default().to_string_lossy().into_owned()
}

/// Returns the line of the table for one file, in Rust.
fn entry(name: &str, area: &str, file: &Path) -> Result<String, String> {
    let file = file.canonicalize().map_err(failed(file))?;
    let path = file.to_str().ok_or_else(|| format!("{}: not in UTF-8", file.display()))?;
    let text = format!("include_str!({path:?})");
    Ok(format!("    ScenarioFile {{ name: {name:?}, area: {area:?}, text: {text} }},\n"))
}

fn failed(path: &Path) -> impl Fn(io::Error) -> String {
    move |error| format!("{}: {error}", path.display())
}
