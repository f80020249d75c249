//! The objects of a cluster, and those who watch them.

use std::collections::{BTreeMap, BTreeSet};

use hyper::body::Bytes;
use serde_json::Value;
use tokio::sync::mpsc::{UnboundedReceiver, UnboundedSender, unbounded_channel};

use super::selector::labels_match;

/// The kind of an object, its namespace and its name.
pub(super) type Key = (String, String, String);

/// All objects.
#[derive(Default)]
pub(super) struct Store {
    objects: BTreeMap<Key, Value>,
    /// The ids of all objects.
    ids: BTreeSet<String>,
    /// What each id owns.
    owned: BTreeMap<String, BTreeSet<Key>>,
    /// What owners had that are gone.
    garbage: Vec<Key>,
    watches: Vec<Watch>,
    version: u64,
    /// What the containers of pods printed. It is no part of the objects.
    pub(super) logs: BTreeMap<Key, String>,
    /// The objects of the scenario.
    of_scenario: BTreeSet<Key>,
    /// Every object that was ever created, those of the scenario apart.
    pub(super) history: Vec<String>,
}

struct Watch {
    kind: String,
    namespace: String,
    selector: String,
    to: UnboundedSender<Bytes>,
}

impl Store {
    /// Puts an object there, or in place of what was there.
    pub(super) fn put(&mut self, kind: &str, mut object: Value) -> Value {
        self.version += 1;
        let name = object["metadata"]["name"].as_str().unwrap_or_default().to_owned();
        let namespace = object["metadata"]["namespace"].as_str().unwrap_or_default().to_owned();
        let key = (kind.to_owned(), namespace, name);
        object["metadata"]["resourceVersion"] = self.version.to_string().into();
        if object["metadata"]["uid"].is_null() {
            object["metadata"]["uid"] =
                format!("00000000-0000-4000-8000-{:012x}", self.version).into();
        }
        let is_new = !self.objects.contains_key(&key);
        if is_new {
            self.ids.insert(id_of(&object["metadata"]));
            for owner in owners_of(&object) {
                self.owned.entry(owner).or_default().insert(key.clone());
            }
        }
        let text = self.tell(if is_new { "ADDED" } else { "MODIFIED" }, &key, &object);
        if is_new {
            self.history.push(text.unwrap_or_else(|| written(&object)));
        }
        self.objects.insert(key, object.clone());
        object
    }

    /// Changes an object that is there.
    pub(super) fn change(&mut self, key: &Key, change: impl FnOnce(&mut Value)) {
        if let Some(mut object) = self.objects.get_mut(key).map(Value::take) {
            change(&mut object);
            self.put(&key.0, object);
        }
    }

    /// Takes what there is for the scenario's own.
    pub(super) fn is_filled(&mut self) {
        self.of_scenario = self.objects.keys().cloned().collect();
        self.history.clear();
    }

    pub(super) fn get(&self, kind: &str, namespace: &str, name: &str) -> Option<&Value> {
        self.objects.get(&(kind.to_owned(), namespace.to_owned(), name.to_owned()))
    }

    /// Returns what the container of a pod printed, if the pod is there.
    pub(super) fn log(&self, kind: &str, namespace: &str, name: &str) -> Option<String> {
        let key = (kind.to_owned(), namespace.to_owned(), name.to_owned());
        self.objects.get(&key).map(|_| self.logs.get(&key).cloned().unwrap_or_default())
    }

    /// Returns whether a pod has several containers.
    pub(super) fn has_several(&self, namespace: &str, pod: &str) -> bool {
        let containers = self.get("pods", namespace, pod);
        let containers = containers.and_then(|pod| pod["spec"]["containers"].as_array());
        containers.is_some_and(|containers| containers.len() > 1)
    }

    /// Removes an object. Those that it owns go when garbage is collected.
    pub(super) fn remove(&mut self, kind: &str, namespace: &str, name: &str) -> Option<Value> {
        self.remove_at(&(kind.to_owned(), namespace.to_owned(), name.to_owned()))
    }

    fn remove_at(&mut self, key: &Key) -> Option<Value> {
        let removed = self.objects.remove(key)?;
        self.logs.remove(key);
        self.version += 1;
        self.tell("DELETED", key, &removed);
        let id = id_of(&removed["metadata"]);
        self.ids.remove(&id);
        for owner in owners_of(&removed) {
            if let Some(owned) = self.owned.get_mut(&owner) {
                owned.remove(key);
            }
        }
        self.garbage.extend(self.owned.remove(&id).unwrap_or_default());
        Some(removed)
    }

    /// Removes what has lost its last owner.
    pub(super) fn collect_garbage(&mut self) {
        while let Some(key) = self.garbage.pop() {
            let is_last =
                |object: &Value| owners_of(object).all(|owner| !self.ids.contains(&owner));
            if self.objects.get(&key).is_some_and(is_last) {
                self.remove_at(&key);
            }
        }
    }

    /// Returns the objects of a kind; an empty namespace is all of them.
    pub(super) fn list(&self, kind: &str, namespace: &str, selector: &str) -> Vec<Value> {
        let found = self.objects.iter().filter(|((of, place, _), object)| {
            of == kind
                && (namespace.is_empty() || place == namespace)
                && labels_match(object, selector)
        });
        found.map(|(_, object)| object.clone()).collect()
    }

    /// Returns a page of the objects of a kind, and where the next one begins; empty at the end.
    pub(super) fn page(
        &self,
        kind: &str,
        namespace: &str,
        labels: &str,
        fits: impl Fn(&Value) -> bool,
        (begin, limit): (usize, usize),
    ) -> (Vec<Value>, String) {
        let found = self.objects.iter().filter(|((of, place, _), object)| {
            of == kind
                && (namespace.is_empty() || place == namespace)
                && labels_match(object, labels)
                && fits(object)
        });
        let mut found = found.skip(begin).map(|(_, object)| object.clone());
        let items: Vec<Value> = found.by_ref().take(limit).collect();
        let next =
            if found.next().is_some() { (begin + items.len()).to_string() } else { String::new() };
        (items, next)
    }

    pub(super) fn version(&self) -> String {
        self.version.to_string()
    }

    /// Begins to watch: first come the objects that are newer than that version.
    pub(super) fn watch(
        &mut self,
        kind: &str,
        namespace: &str,
        selector: &str,
        after: u64,
    ) -> UnboundedReceiver<Bytes> {
        let (to, from) = unbounded_channel();
        for object in self.list(kind, namespace, selector) {
            let version = object["metadata"]["resourceVersion"].as_str().unwrap_or_default();
            if version.parse::<u64>().unwrap_or_default() > after {
                let _ = to.send(line("ADDED", &written(&object)));
            }
        }
        let (kind, namespace, selector) = (kind.into(), namespace.into(), selector.into());
        self.watches.push(Watch { kind, namespace, selector, to });
        from
    }

    /// Tells the watches of a change. Returns the object as text, if there was one to tell.
    fn tell(&mut self, change: &str, key: &Key, object: &Value) -> Option<String> {
        let mut text = None;
        self.watches.retain(|watch| {
            let is_seen = watch.kind == key.0
                && (watch.namespace.is_empty() || watch.namespace == key.1)
                && labels_match(object, &watch.selector);
            let mut line = || line(change, text.get_or_insert_with(|| written(object)));
            !watch.to.is_closed() && (!is_seen || watch.to.send(line()).is_ok())
        });
        text
    }

    /// Returns the names of the objects that are there.
    pub(super) fn names(&self) -> Vec<String> {
        let left = self.objects.keys().filter(|key| !self.of_scenario.contains(*key));
        let named = left.filter(|(kind, _, _)| kind != "events");
        named.map(|(kind, _, name)| format!("{kind}/{name}")).collect()
    }
}

/// Returns the id of an object or of an owner.
fn id_of(named: &Value) -> String {
    named["uid"].as_str().unwrap_or_default().to_owned()
}

/// Returns the ids of those that own an object.
fn owners_of(object: &Value) -> impl Iterator<Item = String> {
    object["metadata"]["ownerReferences"].as_array().into_iter().flatten().map(id_of)
}

fn written(object: &Value) -> String {
    // Plain data always serializes.
    serde_json::to_string(object).unwrap_or_default()
}

/// Returns the line that tells a watch of a change.
fn line(change: &str, object: &str) -> Bytes {
    Bytes::from(format!("{{\"type\":\"{change}\",\"object\":{object}}}\n"))
}
