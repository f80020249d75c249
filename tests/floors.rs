//! Checks imports: the floors of the kit, the areas, and that no two files import each other.
#![cfg(feature = "lab")]
#![allow(clippy::unwrap_used, reason = "a test that panics has failed, and says where")]

use std::{
    collections::{BTreeMap, BTreeSet},
    fs,
    path::{Path, PathBuf},
};

use syn::{Item, UseTree, visit::Visit};

/// The floors of `checks/kit`, lowest first. A file imports from its own folder or from lower
/// floors.
const FLOORS: [&[&str]; 7] = [
    &["redact"],
    &["rules"],
    &["target"],
    &["world"],
    &["engine", "keyring"],
    &["messages", "net"],
    &["azure", "kube"],
];

/// A module: its path in the crate, such as `kit::net::tls`.
type Module = Vec<String>;

/// The modules of one crate and their imports.
#[derive(Default)]
struct Crate {
    files: BTreeMap<Module, PathBuf>,
    /// For each module, the names that it re-exports and the paths behind them.
    reexports: BTreeMap<Module, BTreeMap<String, Module>>,
    /// For each module, the paths that it names. A re-export does not count as a name.
    imports: BTreeMap<Module, BTreeSet<Module>>,
}

impl Crate {
    /// Reads all modules of the crate whose root file is `root` (`checks/lib.rs`).
    fn read(root: &str) -> Self {
        let mut found = Self::default();
        let root = Path::new(env!("CARGO_MANIFEST_DIR")).join(root);
        found.add(vec![], &root, root.parent().unwrap());
        found
    }

    fn add(&mut self, module: Module, file: &Path, folder: &Path) {
        let parsed = syn::parse_file(&fs::read_to_string(file).unwrap()).unwrap();
        let mut seen = Seen { module: module.clone(), ..Seen::default() };
        seen.visit_file(&parsed);
        for name in seen.children {
            let child = [&module[..], std::slice::from_ref(&name)].concat();
            let (flat, nested) = (folder.join(format!("{name}.rs")), folder.join(&name));
            let file = if flat.exists() { flat } else { nested.join("mod.rs") };
            self.add(child, &file, &nested);
        }
        self.files.insert(module.clone(), file.to_owned());
        self.reexports.insert(module.clone(), seen.reexports);
        self.imports.insert(module, seen.imports);
    }

    /// Returns the module that defines the item of a path. Re-exports are followed to the
    /// definition.
    fn definer(&self, path: &[String]) -> Option<Module> {
        let mut module = vec![];
        for (place, name) in path.iter().enumerate() {
            let child = [&module[..], std::slice::from_ref(name)].concat();
            if self.files.contains_key(&child) {
                module = child;
                continue;
            }
            return match self.reexports.get(&module)?.get(name) {
                Some(behind) if behind[..] != path[..=place] => {
                    self.definer(&[&behind[..], &path[place + 1..]].concat())
                }
                _ => Some(module),
            };
        }
        Some(module)
    }

    /// Returns the imports of each module. An item that a parent re-exports counts for the module
    /// that defines it.
    fn edges(&self) -> BTreeSet<(Module, Module)> {
        let mut edges = BTreeSet::new();
        for (from, paths) in &self.imports {
            let known = paths.iter().filter_map(|path| self.definer(path));
            edges.extend(known.filter(|to| to != from).map(|to| (from.clone(), to)));
        }
        edges
    }

    fn file(&self, module: &Module) -> String {
        let root = Path::new(env!("CARGO_MANIFEST_DIR"));
        self.files[module].strip_prefix(root).unwrap().display().to_string()
    }
}

/// The declarations and names in one file.
#[derive(Default)]
struct Seen {
    module: Module,
    children: Vec<String>,
    reexports: BTreeMap<String, Module>,
    imports: BTreeSet<Module>,
}

impl Seen {
    /// Returns the path from the crate's root if the path starts inside the crate.
    fn absolute(&self, path: &[String]) -> Option<Module> {
        let (first, rest) = path.split_first()?;
        let parent = &self.module[..self.module.len().saturating_sub(1)];
        match first.as_str() {
            "crate" => Some(rest.to_vec()),
            "self" => Some([&self.module, rest].concat()),
            "super" => Some([parent, rest].concat()),
            child if self.children.iter().any(|known| known == child) => {
                Some([&self.module, path].concat())
            }
            _ => None,
        }
    }

    fn take(&mut self, tree: &UseTree, before: &[String], passed_on: bool) {
        let with = |name: &syn::Ident| [before, &[name.to_string()]].concat();
        let (path, name) = match tree {
            UseTree::Path(path) => return self.take(&path.tree, &with(&path.ident), passed_on),
            UseTree::Group(group) => {
                return group.items.iter().for_each(|tree| self.take(tree, before, passed_on));
            }
            UseTree::Name(name) if name.ident == "self" => {
                (before.to_vec(), before.last().cloned().unwrap_or_default())
            }
            UseTree::Name(name) => (with(&name.ident), name.ident.to_string()),
            UseTree::Rename(rename) => (with(&rename.ident), rename.rename.to_string()),
            UseTree::Glob(_) => (before.to_vec(), "*".to_owned()),
        };
        let Some(path) = self.absolute(&path) else { return };
        if passed_on {
            self.reexports.insert(name, path);
        } else {
            self.imports.insert(path);
        }
    }
}

fn is_test(attributes: &[syn::Attribute]) -> bool {
    attributes.iter().any(|attribute| {
        attribute.path().is_ident("cfg")
            && attribute.parse_args::<syn::Ident>().is_ok_and(|argument| argument == "test")
    })
}

impl<'ast> Visit<'ast> for Seen {
    fn visit_file(&mut self, file: &'ast syn::File) {
        let children = file.items.iter().filter_map(|item| match item {
            Item::Mod(module) if module.content.is_none() => Some(module.ident.to_string()),
            _ => None,
        });
        self.children = children.collect();
        syn::visit::visit_file(self, file);
    }

    fn visit_item_mod(&mut self, module: &'ast syn::ItemMod) {
        if !is_test(&module.attrs) {
            syn::visit::visit_item_mod(self, module);
        }
    }

    fn visit_item_use(&mut self, item: &'ast syn::ItemUse) {
        let passed_on = !matches!(item.vis, syn::Visibility::Inherited);
        self.take(&item.tree, &[], passed_on);
    }

    /// `pub(in crate::kit)` is not an import.
    fn visit_visibility(&mut self, _: &'ast syn::Visibility) {}

    fn visit_path(&mut self, path: &'ast syn::Path) {
        let names: Vec<String> = path.segments.iter().map(|part| part.ident.to_string()).collect();
        if names.len() > 1 {
            let found = self.absolute(&names);
            self.imports.extend(found);
        }
        syn::visit::visit_path(self, path);
    }
}

#[test]
fn the_kit_stands_on_lower_floors() {
    let checks = Crate::read("checks/lib.rs");
    let floor = |folder: &str| FLOORS.iter().position(|floor| floor.contains(&folder));
    let mut wrong = vec![];
    for (from, to) in checks.edges() {
        let [kit, folder, ..] = &from[..] else { continue };
        if kit != "kit" {
            continue;
        }
        let here = floor(folder).unwrap_or_else(|| panic!("kit/{folder} stands on no floor"));
        let there = to.get(1).filter(|_| to[0] == "kit");
        let allowed = there
            .is_some_and(|there| there == folder || floor(there).is_some_and(|there| there < here));
        if !allowed {
            wrong.push(format!("{} imports {}", checks.file(&from), checks.file(&to)));
        }
    }
    assert!(wrong.is_empty(), "{} imports from no lower floor:\n{}", wrong.len(), wrong.join("\n"));
}

#[test]
fn an_area_names_another_only_for_a_type() {
    let checks = Crate::read("checks/lib.rs");
    let is_area = |name: &str| checks::AREAS.iter().any(|area| area.name == name);
    let mut wrong = vec![];
    for (from, paths) in &checks.imports {
        let Some(area) = from.first().filter(|name| is_area(name)) else { continue };
        for path in paths.iter().filter(|path| path[0] != *area && is_area(&path[0])) {
            // Steps hand on facts, which are types; another area may not use functions or
            // constants.
            let is_type = path.len() == 2 && path[1].starts_with(|c: char| c.is_ascii_uppercase());
            let is_bound = path[1..]
                .iter()
                .any(|name| name.chars().all(|c| c.is_ascii_uppercase() || c == '_'));
            if !is_type || is_bound {
                wrong.push(format!("{} imports {}", checks.file(from), path.join("::")));
            }
        }
    }
    assert!(wrong.is_empty(), "more than the type of a fact:\n{}", wrong.join("\n"));
}

#[test]
fn every_scenario_is_in_the_folder_of_an_area() {
    for scenario in lab::scenarios().iter().filter(|scenario| scenario.name != "healthy") {
        let is_area = checks::AREAS.iter().any(|area| area.name == scenario.area);
        assert!(is_area, "{} is in {}", scenario.name, scenario.area);
    }
}

#[test]
fn no_two_files_import_each_other() {
    let mut wrong = vec![];
    for root in ["checks/lib.rs", "src/lib.rs", "tests/lab/lib.rs"] {
        let one = Crate::read(root);
        let edges = one.edges();
        for (from, to) in &edges {
            if from < to && edges.contains(&(to.clone(), from.clone())) {
                wrong.push(format!("{} and {}", one.file(from), one.file(to)));
            }
        }
    }
    assert!(wrong.is_empty(), "these import each other:\n{}", wrong.join("\n"));
}
