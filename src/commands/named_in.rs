//! The images of several manifests, each once, with all places that name it.

use std::collections::{BTreeSet, HashMap};

use checks::{
    ImageUse,
    kit::{
        sanitize_text,
        target::{ManifestPod, ManifestUses, NamedBy},
    },
};

/// How many places are named.
const MAX_PLACES: usize = 20;

/// Images, each with every use of it and its file, in the order of the manifests.
#[derive(Default)]
pub(super) struct Images {
    all: Vec<(String, Vec<(String, ImageUse)>)>,
    places: HashMap<String, usize>,
}

impl Images {
    /// Adds a use of an image in a file.
    pub(super) fn add(&mut self, file: &str, one: ImageUse) {
        let place = *self.places.entry(one.image.clone()).or_insert_with(|| {
            self.all.push((one.image.clone(), vec![]));
            self.all.len() - 1
        });
        self.all[place].1.push((file.to_owned(), one));
    }

    pub(super) fn is_empty(&self) -> bool {
        self.all.is_empty()
    }

    pub(super) fn len(&self) -> usize {
        self.all.len()
    }

    /// Returns each image, where it is named, and what is said of those who name it.
    pub(super) fn into_iter(self) -> impl Iterator<Item = (String, Vec<String>, ManifestUses)> {
        self.all.into_iter().map(|(image, uses)| {
            let (named_at, said) = (named_at(&uses), said(&uses));
            (image, named_at, said)
        })
    }
}

/// Returns the first places, as one text; nothing where there are none.
pub(super) fn listed(places: &[String]) -> Option<String> {
    let some: Vec<&str> = places.iter().take(MAX_PLACES).map(String::as_str).collect();
    let more = places.len() - some.len();
    let more = if more > 0 { format!(" and {more} more") } else { String::new() };
    (!some.is_empty()).then(|| sanitize_text(&format!("{}{more}", some.join(", "))))
}

/// Returns the lines of each file that name an image, and the objects there.
fn named_at(uses: &[(String, ImageUse)]) -> Vec<String> {
    let mut files: Vec<&str> = uses.iter().map(|(file, _)| &**file).collect();
    files.dedup();
    let of = |file: &&str| {
        let uses = || uses.iter().filter(|(of, _)| of == file).map(|(_, one)| one);
        let lines: BTreeSet<u64> = uses().map(|one| one.line).collect();
        let lines: Vec<String> = lines.iter().map(|line| format!("{file}:{line}")).collect();
        let mut objects: Vec<&str> = vec![];
        for object in uses().map(|one| &*one.object).filter(|object| !object.is_empty()) {
            if objects.len() < MAX_PLACES && !objects.contains(&object) {
                objects.push(object);
            }
        }
        let objects =
            if objects.is_empty() { String::new() } else { format!(" ({})", objects.join(", ")) };
        sanitize_text(&format!("{}{objects}", listed(&lines).unwrap_or_default()))
    };
    files.iter().take(MAX_PLACES).map(of).collect()
}

/// Returns what is said of those who name an image.
fn said(uses: &[(String, ImageUse)]) -> ManifestUses {
    let mut all = uses.iter().map(|(file, one)| said_by(file, one));
    let mut said = all.next().unwrap_or_default();
    all.for_each(|other| said.join(other));
    said
}

/// Returns what is said of one who names an image.
fn said_by(file: &str, one: &ImageUse) -> ManifestUses {
    let named_by = NamedBy {
        at: sanitize_text(&format!("{file}:{}", one.line)),
        object: Some(one.object.clone()).filter(|object| !object.is_empty()),
        container: one.container.clone(),
        namespace: one.namespace.clone(),
        secret: one.secrets.first().cloned(),
        secrets: (!one.secrets.is_empty()).then(|| one.secrets.join(", ")),
    };
    let when = |holds: bool| holds.then(|| named_by.clone());
    let asks = !one.nodes.is_empty();
    let signs_in = one.is_of_pod || one.names_secrets || one.account.is_some();
    let pod = ManifestPod {
        object: one.object.clone(),
        image: one.image.clone(),
        container: one.container.clone().unwrap_or_default(),
        namespace: one.namespace.clone(),
        account: one.account.clone(),
        secrets: one.secrets.clone(),
        has_all: one.names_secrets,
    };
    ManifestUses {
        never: when(one.is_never_pulled),
        all_never: one.is_never_pulled,
        secrets: when(!one.is_never_pulled && !one.secrets.is_empty()),
        guessed: when(!one.is_certain),
        nodes: asks.then(|| one.nodes.clone()).into_iter().collect(),
        pulling: (!one.is_never_pulled && signs_in).then_some(pod).into_iter().collect(),
        ..ManifestUses::default()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn one(line: u64, object: &str, never: bool, secret: &str) -> (String, ImageUse) {
        let secrets = (!secret.is_empty()).then(|| secret.to_owned()).into_iter().collect();
        let (image, object) = ("c.io/a:1".to_owned(), object.to_owned());
        let one = ImageUse {
            image,
            line,
            object,
            is_certain: true,
            is_never_pulled: never,
            secrets,
            ..ImageUse::default()
        };
        ("f.yaml".to_owned(), one)
    }

    #[test]
    fn what_holds_for_all_is_told_apart_from_what_holds_for_some() {
        let never = said(&[one(1, "pod/a", true, ""), one(2, "pod/b", false, "s")]);
        assert_eq!(never.never.map(|it| it.at).as_deref(), Some("f.yaml:1"));
        assert!(!never.all_never);
        // The one that never pulls needs no secret.
        assert_eq!(never.secrets.and_then(|it| it.secret).as_deref(), Some("s"));
        assert!(said(&[one(1, "pod/a", true, "")]).all_never);
        let some = said(&[one(1, "pod/a", false, "s"), one(2, "pod/b", false, "")]);
        assert_eq!((some.secrets, some.guessed, some.all_never), (None, None, false));
    }

    #[test]
    fn places_are_listed_once_and_not_without_end() {
        let uses: Vec<_> = (1..=30).map(|line| one(line / 2, "pod/a", false, "")).collect();
        let at = named_at(&uses);
        assert_eq!(at.len(), 1);
        assert!(at[0].starts_with("f.yaml:0, f.yaml:1, ") && at[0].ends_with("(pod/a)"), "{at:?}");
        let many: Vec<String> = (0..30).map(|it| it.to_string()).collect();
        assert!(listed(&many).unwrap().ends_with("19 and 10 more"));
    }
}
