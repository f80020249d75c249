//! Builds the messages in: reads the TOML files beside the checks and writes them as one Rust
//! expression, which `lib.rs` includes.
//!
//! A derived `Debug` prints a value as the Rust expression for it. So the types here have the names
//! and fields of those in `kit/messages`, and the compiler notices where they differ.
#![allow(clippy::print_stdout, reason = "a build script tells cargo what it must know on stdout")]
#![allow(dead_code, reason = "the derived Debug reads the fields; the compiler does not count it")]

use std::{
    collections::BTreeMap,
    env,
    fmt::{self, Debug, Formatter},
    fs,
    path::Path,
};

use serde::{Deserialize, Deserializer, de::DeserializeOwned, de::Error};
use toml::Value;

#[derive(Debug)]
struct Messages {
    entries: Table<Entry>,
    steps: Table<StepMessages>,
    evidence: Table<Text>,
    lookups: Table<Lookup>,
    modes: Table<Mode>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Entry {
    severity: Severity,
    #[serde(default)]
    modes: List<String>,
    #[serde(default)]
    explains: List<String>,
    retired: Option<String>,
    #[serde(default)]
    heals: bool,
    #[serde(default)]
    any_host: bool,
    answer: Option<RegistryAnswer>,
    title: Text,
    /// One text or a list of them.
    #[serde(default, deserialize_with = "one_or_many")]
    saw: List<Text>,
    why: Option<Text>,
    #[serde(default)]
    fix: List<Fix>,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "kebab-case")]
enum Severity {
    Hint,
    Skip,
    Warning,
    CouldNotTell,
    Error,
}

/// All but `NotTried`: of that an entry says nothing.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "kebab-case")]
enum RegistryAnswer {
    Accepted,
    Refused,
    Expired,
    RefusedButAnonymous,
    NotForRepository,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Fix {
    who: String,
    #[serde(default)]
    changes: bool,
    text: Text,
    run: Option<String>,
    verify: Option<String>,
    undo: Option<String>,
    terraform: Option<String>,
    takes: Option<Text>,
    docs: Option<String>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct StepMessages {
    asks: Text,
    passed: List<Text>,
    shown: Option<String>,
    head: Option<Text>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Mode {
    layer: String,
    text: Text,
    kubelet: Option<String>,
    #[serde(default)]
    alike: List<String>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Lookup {
    run: String,
    #[serde(default)]
    changes: bool,
}

#[derive(Debug)]
struct Text {
    en: String,
    ko: String,
}

impl<'de> Deserialize<'de> for Text {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        #[derive(Deserialize)]
        #[serde(deny_unknown_fields)]
        struct Each {
            en: String,
            ko: String,
        }
        let Each { en, ko } = match Value::deserialize(from)? {
            Value::String(same) => Each { en: same.clone(), ko: same },
            each => Each::deserialize(each).map_err(D::Error::custom)?,
        };
        Ok(Self { en: en.trim().to_owned(), ko: ko.trim().to_owned() })
    }
}

fn one_or_many<'de, D: Deserializer<'de>>(from: D) -> Result<List<Text>, D::Error> {
    let texts = match Value::deserialize(from)? {
        Value::Array(texts) => texts,
        one => vec![one],
    };
    let texts = texts.into_iter().map(Text::deserialize).collect::<Result<_, _>>();
    texts.map(List).map_err(D::Error::custom)
}

/// Prints as a slice: `&["a", "b"]`.
#[derive(Deserialize)]
#[serde(transparent)]
struct List<T>(Vec<T>);

impl<T> Default for List<T> {
    fn default() -> Self {
        Self(vec![])
    }
}

impl<T: Debug> Debug for List<T> {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        f.write_str("&")?;
        self.0.fmt(f)
    }
}

/// Prints as `Table(&[("name", value)])`, sorted by name.
struct Table<T>(BTreeMap<String, T>);

impl<T: Debug> Debug for Table<T> {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        f.write_str("Table(&")?;
        f.debug_list().entries(&self.0).finish()?;
        f.write_str(")")
    }
}

fn main() {
    // Cargo looks at every file below: a new area needs no entry here.
    println!("cargo::rerun-if-changed=.");
    if let Err(error) = write_messages() {
        let lines = error.lines().filter(|line| !line.is_empty());
        lines.for_each(|line| println!("cargo::error={line}"));
    }
}

fn write_messages() -> Result<(), String> {
    let mut entries = read("run/", Path::new("kit/engine/findings.toml"))?;
    entries.extend(read("job/", Path::new("kit/kube/findings.toml"))?);
    for area in fs::read_dir(".").map_err(|error| error.to_string())? {
        let area = area.map_err(|error| error.to_string())?;
        let file = Path::new(&area.file_name()).join("findings.toml");
        if file.exists() {
            let prefix = format!("{}/", area.file_name().to_string_lossy());
            entries.extend(read(&prefix, &file)?);
        }
    }
    let messages = Messages {
        entries: Table(entries),
        steps: Table(read("", Path::new("steps.toml"))?),
        evidence: Table(read("", Path::new("evidence.toml"))?),
        lookups: Table(read("", Path::new("lookups.toml"))?),
        modes: Table(read("", Path::new("modes.toml"))?),
    };
    let target = env::var_os("OUT_DIR").ok_or("cargo sets no OUT_DIR")?;
    let target = Path::new(&target).join("messages.rs");
    fs::write(&target, format!("{messages:#?}\n"))
        .map_err(|error| format!("{}: {error}", target.display()))
}

/// Reads the entries of a file, each under its name with the prefix before it. An error names the
/// file and the entry.
fn read<T: DeserializeOwned>(prefix: &str, file: &Path) -> Result<BTreeMap<String, T>, String> {
    let path = file.display();
    let text = fs::read_to_string(file).map_err(|error| format!("checks/{path}: {error}"))?;
    let table: toml::Table = text.parse().map_err(|error| format!("checks/{path}: {error}"))?;
    let entries = table.into_iter().map(|(name, value)| match T::deserialize(value) {
        Ok(entry) => Ok((format!("{prefix}{name}"), entry)),
        Err(error) => Err(format!("checks/{path}: [{name}]: {error}")),
    });
    entries.collect()
}
