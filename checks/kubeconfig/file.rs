//! The kubeconfig files, merged as kubectl merges them: of an entry, and of the selected context, the
//! first file that has it counts (client-go, `tools/clientcmd/loader.go`).

use std::path::{Path, PathBuf};

use serde_json::Value;

use super::problem::{EntryFault, Problem};
use crate::kit::{
    World,
    rules::{Malformed, Unusable},
    world::{FileError, yaml_loosely},
};

/// The most files that are merged.
const MAX_FILES: usize = 32;

/// The fields of contexts, clusters and users that are texts, those of a program that signs in, and the
/// flags (client-go, `tools/clientcmd/api/v1/types.go`).
const TEXTS: [&str; 18] = [
    "cluster",
    "user",
    "namespace",
    "server",
    "tls-server-name",
    "certificate-authority",
    "certificate-authority-data",
    "proxy-url",
    "client-certificate",
    "client-certificate-data",
    "client-key",
    "client-key-data",
    "token",
    "tokenFile",
    "as",
    "as-uid",
    "username",
    "password",
];
const EXEC_TEXTS: [&str; 4] = ["command", "apiVersion", "installHint", "interactiveMode"];
const FLAGS: [&str; 2] = ["insecure-skip-tls-verify", "disable-compression"];

/// What the files say together.
#[derive(Debug, Default)]
pub(super) struct Kubeconfig {
    pub(super) current_context: String,
    contexts: Vec<Entry>,
    clusters: Vec<Entry>,
    users: Vec<Entry>,
}

/// An entry of a list, and the folder that its relative paths start from.
#[derive(Clone, Debug)]
pub(super) struct Entry {
    pub(super) name: String,
    pub(super) fields: Value,
    pub(super) folder: PathBuf,
}

impl Kubeconfig {
    /// Reads the files. One that was named must be there; of the others, one at least.
    pub(super) async fn read(
        world: &World,
        files: &[PathBuf],
        is_named: bool,
    ) -> Result<Option<Self>, Problem> {
        let (mut whole, mut found) = (Self::default(), false);
        for path in files.iter().take(MAX_FILES) {
            let file = path.display().to_string();
            match world.read(path).await {
                Ok(text) => {
                    whole.add(path, &text)?;
                    found = true;
                }
                Err(FileError::Missing) if !is_named => {}
                Err(fault) => {
                    return Err(Problem::FileUnreadable { file, fault: fault.to_string() });
                }
            }
        }
        Ok(found.then_some(whole))
    }

    /// Reads one text.
    pub(super) fn of_text(path: &Path, text: &[u8]) -> Result<Self, Problem> {
        let mut whole = Self::default();
        whole.add(path, text)?;
        Ok(whole)
    }

    fn add(&mut self, path: &Path, text: &[u8]) -> Result<(), Problem> {
        let malformed = |why: Unusable| {
            let file = path.display().to_string();
            let (line, column, fault) = match why {
                Unusable::At { line, column } => (Some(line), Some(column), None),
                Unusable::Malformed(word) => (None, None, Some(word.to_string())),
            };
            Problem::Malformed { file, line, column, fault }
        };
        let read = yaml_loosely(text).map_err(malformed)?;
        if !(read.is_object() || read.is_null()) {
            return Err(malformed(Malformed::NotFields.into()));
        }
        let folder = path.parent().unwrap_or(Path::new("/"));
        if self.current_context.is_empty() {
            self.current_context = text_of(&read, "current-context").unwrap_or_default();
        }
        for (list, inner, into) in [
            ("contexts", "context", &mut self.contexts),
            ("clusters", "cluster", &mut self.clusters),
            ("users", "user", &mut self.users),
        ] {
            let entries = read.get(list).and_then(Value::as_array);
            for entry in entries.into_iter().flatten() {
                let Some(name) = text_of(entry, "name") else { continue };
                let fields = entry.get(inner).cloned().unwrap_or_default();
                let entry = Entry { name, fields, folder: folder.to_owned() };
                entry.has_right_types()?;
                if into.iter().all(|known: &Entry| known.name != entry.name) {
                    into.push(entry);
                }
            }
        }
        Ok(())
    }

    /// Returns the names of the contexts.
    pub(super) fn contexts(&self) -> Vec<String> {
        self.contexts.iter().map(|entry| entry.name.clone()).collect()
    }

    /// Returns a context.
    pub(super) fn context(&self, name: &str) -> Option<&Entry> {
        self.contexts.iter().find(|entry| entry.name == name)
    }

    /// Returns the cluster or the user that a context names.
    pub(super) fn of_context(
        &self,
        context: &Entry,
        kind: &'static str,
    ) -> Result<Option<&Entry>, Problem> {
        let (list, entries) = match kind {
            "cluster" => ("clusters", &self.clusters),
            _ => ("users", &self.users),
        };
        let Some(name) = context.text(kind) else { return Ok(None) };
        match entries.iter().find(|entry| entry.name == name) {
            Some(entry) => Ok(Some(entry)),
            None => Err(Problem::EntryNotFound { context: context.name.clone(), list, name }),
        }
    }
}

impl Entry {
    /// kubectl reads no file in which one of these has another type.
    fn has_right_types(&self) -> Result<(), Problem> {
        let is_text = |value: &Value| value.is_string() || value.is_null();
        let is_flag = |value: &Value| value.is_boolean() || value.is_null();
        let exec = self.fields.get("exec");
        let of_exec = EXEC_TEXTS.iter().map(|name| (name, exec.and_then(|exec| exec.get(name))));
        let texts = TEXTS.iter().map(|name| (name, self.fields.get(name))).chain(of_exec);
        let flags = FLAGS.iter().map(|name| (name, self.fields.get(name)));
        let texts = texts.filter(|(_, value)| !value.is_none_or(is_text));
        let mut wrong = texts.chain(flags.filter(|(_, value)| !value.is_none_or(is_flag)));
        match wrong.next() {
            Some((field, _)) => {
                let (name, fault) = (self.name.clone(), EntryFault::OtherType);
                Err(Problem::EntryUnusable { name, field, fault })
            }
            None => Ok(()),
        }
    }

    /// Returns a text that is not empty.
    pub(super) fn text(&self, name: &str) -> Option<String> {
        text_of(&self.fields, name)
    }

    /// Returns whether a field is set to true.
    pub(super) fn is_true(&self, name: &str) -> bool {
        self.fields.get(name).and_then(Value::as_bool).unwrap_or_default()
    }

    /// Returns the path in a field, from the folder of the kubeconfig.
    pub(super) fn path(&self, name: &str) -> Option<PathBuf> {
        Some(self.folder.join(self.text(name)?))
    }
}

/// Returns a text that is not empty.
pub(super) fn text_of(of: &Value, name: &str) -> Option<String> {
    of.get(name)?.as_str().filter(|text| !text.is_empty()).map(str::to_owned)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_file_that_says_something_counts() {
        let mut whole = Kubeconfig::default();
        let one = "contexts: [{name: a, context: {cluster: one, user: me}}]\nclusters: [{name: one, cluster: {server: https://one}}]";
        let two = "current-context: a\ncontexts: [{name: a, context: {cluster: two}}, {name: b}]\nusers: [{name: me, user: {tokenFile: t}}]";
        whole.add(Path::new("/x/one"), one.as_bytes()).unwrap();
        whole.add(Path::new("/y/two"), two.as_bytes()).unwrap();
        whole.add(Path::new("/empty"), b"").unwrap();
        assert_eq!(
            (whole.current_context.as_str(), whole.contexts()),
            ("a", vec!["a".into(), "b".into()])
        );
        let context = whole.context("a").unwrap();
        let cluster = whole.of_context(context, "cluster").unwrap().unwrap();
        assert_eq!(cluster.text("server").as_deref(), Some("https://one"));
        let user = whole.of_context(context, "user").unwrap().unwrap();
        assert_eq!(user.path("tokenFile"), Some(PathBuf::from("/y/t")));
        assert!(whole.of_context(whole.context("b").unwrap(), "user").unwrap().is_none());
    }

    #[test]
    fn what_is_no_kubeconfig_is_told_apart() {
        for bad in ["- a", "{", "text"] {
            let read = Kubeconfig::default().add(Path::new("/x"), bad.as_bytes());
            assert!(matches!(read, Err(Problem::Malformed { .. })), "{bad}");
        }
        for number in [
            "users: [{name: u, user: {token: 12345}}]",
            "users: [{name: u, user: {exec: {command: 7}}}]",
            "clusters: [{name: c, cluster: {insecure-skip-tls-verify: \"true\"}}]",
        ] {
            let read = Kubeconfig::default().add(Path::new("/x"), number.as_bytes());
            assert!(matches!(read, Err(Problem::EntryUnusable { .. })), "{number}");
        }
        // Lists of the wrong kind hold no entries.
        Kubeconfig::default().add(Path::new("/x"), b"contexts: 1\nusers: [1, {}]").unwrap();
    }
}
