//! Checks the architecture: which module may name which, how long a file may be, and that each says
//! what it is for.
#![allow(clippy::unwrap_used, reason = "a test that panics has failed, and says where")]

use std::{
    fs,
    path::{Path, PathBuf},
};

/// Returns the modules of a crate that a file imports: `use checks::{kit::{..}, dns::..}` names kit
/// and dns.
fn imported(text: &str, root: &str) -> Vec<String> {
    let mut found = vec![];
    for (_, rest) in
        text.match_indices(&format!("{root}::")).map(|(at, m)| text.split_at(at + m.len()))
    {
        let Some(list) = rest.strip_prefix('{') else {
            found.extend(
                rest.split(|c: char| !c.is_alphanumeric() && c != '_').next().map(str::to_owned),
            );
            continue;
        };
        let (mut depth, mut word) = (1, String::new());
        for c in list.chars() {
            match c {
                '{' => depth += 1,
                '}' => depth -= 1,
                c if depth == 1 && (c.is_alphanumeric() || c == '_') => word.push(c),
                ':' if depth == 1 && !word.is_empty() => found.push(std::mem::take(&mut word)),
                _ => word.clear(),
            }
            if depth == 0 {
                break;
            }
        }
    }
    found
}

#[test]
fn imports_are_seen_however_they_are_written() {
    let text = "use crate::{dns::Names, kit::{Cx, net::{Fault, tcp}}};\nuse crate::tls::Secured;";
    assert_eq!(imported(text, "crate"), ["dns", "kit", "tls"]);
}

/// Returns every Rust file below a folder.
fn files(folder: &str) -> Vec<PathBuf> {
    let mut found = vec![];
    let mut open = vec![PathBuf::from(env!("CARGO_MANIFEST_DIR")).join(folder)];
    while let Some(folder) = open.pop() {
        for entry in fs::read_dir(&folder).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                open.push(path);
            } else if path.extension().is_some_and(|extension| extension == "rs") {
                found.push(path);
            }
        }
    }
    assert!(!found.is_empty(), "{folder} has no Rust file");
    found
}

fn read(path: &Path) -> String {
    fs::read_to_string(path).unwrap()
}

fn all() -> Vec<PathBuf> {
    ["src", "checks", "tests", "benches"].into_iter().flat_map(files).collect()
}

#[test]
fn no_file_is_long() {
    for path in all() {
        let lines = read(&path).lines().count();
        assert!(lines <= 400, "{} has {lines} lines", path.display());
    }
}

#[test]
fn every_file_says_what_it_is_for() {
    for path in all() {
        assert!(read(&path).starts_with("//! "), "{} does not say what it is for", path.display());
    }
}

#[test]
fn no_file_is_called_by_a_name_that_says_nothing() {
    for path in all() {
        let name = path.file_stem().unwrap().to_string_lossy().into_owned();
        let empty = ["util", "utils", "common", "helpers", "misc", "manager", "imp"];
        assert!(!empty.contains(&name.as_str()), "{}", path.display());
    }
}

#[test]
fn arrows_point_one_way() {
    for path in files("checks") {
        let text = read(&path);
        assert!(
            !text.contains("check_acr::"),
            "{}: checks know nothing of the tool",
            path.display()
        );
        let is_kit = path.components().any(|part| part.as_os_str() == "kit");
        for area in checks::AREAS.iter().filter(|area| area.name != "run") {
            let named = imported(&text, "crate").iter().any(|module| module == area.name);
            assert!(!(is_kit && named), "{}: the kit names the area {}", path.display(), area.name);
        }
    }
    for path in files("tests/lab") {
        let text = read(&path);
        let named = text.contains("checks::") || text.contains("check_acr::");
        assert!(!named, "{}: the lab knows nothing of what it is to test", path.display());
    }
    // In the tool, what is shown follows from what is known, never the other way around.
    for (folder, above) in [
        ("src/verdict", &["present", "show", "commands"][..]),
        ("src/present", &["show", "commands"]),
        ("src/show", &["commands"]),
    ] {
        for path in files(folder) {
            let named = imported(&read(&path), "crate");
            let named = named.iter().find(|module| above.contains(&module.as_str()));
            assert!(named.is_none(), "{}: {folder} names {named:?}", path.display());
        }
    }
    for path in files("src") {
        let text = read(&path);
        for area in checks::AREAS.iter().filter(|area| area.name != "run") {
            let named = imported(&text, "checks").iter().any(|module| module == area.name);
            assert!(!named, "{}: the tool names the check {}", path.display(), area.name);
        }
    }
}

#[test]
fn only_the_net_opens_sockets_and_only_show_prints() {
    for path in files("checks").into_iter().chain(files("src")) {
        let text = read(&path);
        let is_net = path.to_string_lossy().contains("kit/net");
        let opens =
            ["TcpStream::connect", "UdpSocket::bind"].iter().any(|call| text.contains(call));
        assert!(is_net || !opens, "{} opens a socket", path.display());
        let may_print = path.to_string_lossy().contains("src/show") || path.ends_with("build.rs");
        let prints = ["println!", "print!(", "stdout()"].iter().any(|call| text.contains(call));
        assert!(may_print || !prints, "{} prints", path.display());
    }
}

/// Where a rule names a finding of another area, a renamed code would end it in silence.
#[test]
fn every_code_that_the_source_names_exists() {
    let is_area = |name: &str| checks::AREAS.iter().any(|area| area.name == name);
    let is_name = |name: &str| {
        !name.is_empty() && name.chars().all(|c| c.is_ascii_alphanumeric() || c == '-')
    };
    let mut named = 0;
    for path in files("src").into_iter().chain(files("checks")) {
        let text = read(&path);
        let own = text.split("#[cfg(test)]").next().unwrap();
        for literal in own.split('"').filter(|_| !path.ends_with("tests.rs")) {
            let Some((area, name)) = literal.split_once('/') else { continue };
            if is_area(area) && is_name(name) {
                let entry = checks::messages().entries.get(literal);
                assert!(entry.is_some(), "{}: {literal}", path.display());
                named += 1;
            }
        }
    }
    assert!(named > 20, "{named}");
}

#[test]
fn the_page_on_the_architecture_names_every_area() {
    let page = read(Path::new("docs/architecture.md"));
    let (_, list) = page.split_once("Each area (").unwrap();
    let (list, _) = list.split_once(')').unwrap();
    let mut named: Vec<&str> = list.split('`').skip(1).step_by(2).collect();
    named.sort_unstable();
    let own = |name: &&str| Path::new("checks").join(name).is_dir();
    let areas: Vec<&str> = checks::AREAS.iter().map(|area| area.name).filter(own).collect();
    assert_eq!(named, areas);
}

#[test]
fn no_two_rows_of_the_glossary_have_one_name() {
    let page = read(Path::new("docs/glossary.md"));
    let mut names: Vec<&str> = page.lines().filter_map(|line| line.split('|').nth(1)).collect();
    names.retain(|name| !name.contains("---"));
    let count = names.len();
    names.sort_unstable();
    names.dedup();
    assert_eq!(names.len(), count);
}

#[test]
fn every_fuzz_target_has_a_dictionary_and_a_corpus() {
    let name = |path: &Path| path.file_stem().unwrap().to_string_lossy().into_owned();
    let targets: Vec<_> = std::fs::read_dir("fuzz/targets").unwrap().collect();
    for target in targets {
        let target = name(&target.unwrap().path());
        assert!(Path::new("fuzz/dictionaries").join(&target).is_file(), "{target}");
        let corpus = std::fs::read_dir(Path::new("fuzz/corpus").join(&target));
        assert!(corpus.is_ok_and(|mut files| files.next().is_some()), "{target}");
    }
}

#[test]
fn what_the_table_of_reports_names_exists() {
    let table = read(Path::new("docs/proof-reports.md"));
    let has = |folder: &str, name: &str| {
        let files = walk(Path::new(folder));
        files.iter().any(|file| file.file_name().is_some_and(|own| own == name))
    };
    let mut held = 0;
    for row in table.lines().filter(|line| line.starts_with("| ")) {
        let cell = row.trim_end_matches(" |").rsplit(" | ").next().unwrap_or_default();
        for name in cell.split('`').skip(1).step_by(2) {
            let exists = match name.split_once('/') {
                Some(("scenario", name)) => has("tests/scenarios", &format!("{name}.toml")),
                Some(("world", name)) => has("tests/real/worlds", &format!("{name}.json")),
                Some(("kind", name)) => {
                    let kinds = read(Path::new("tests/real/src/differential/kinds.rs"));
                    kinds.contains(&format!("(\"{name}\", "))
                }
                _ => name.split_once("::").is_some_and(|(file, function)| {
                    read(Path::new(&format!("tests/{file}.rs")))
                        .contains(&format!("#[test]\nfn {function}() {{"))
                }),
            };
            assert!(exists, "{name}: {row}");
            held += 1;
        }
    }
    assert!(held > 60, "{held}");
}

/// Returns all files below a folder.
fn walk(folder: &Path) -> Vec<PathBuf> {
    let entries = std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path());
    entries.flat_map(|path| if path.is_dir() { walk(&path) } else { vec![path] }).collect()
}
