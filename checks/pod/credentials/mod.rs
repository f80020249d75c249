//! Which credentials the kubelet has for an image: the pull secrets that the pods name, as it reads
//! them, and what it makes of each.
//!
//! The kubelet puts the entries of all secrets into one keyring and tries those that match, in reverse
//! alphabetical order, so that a longer path comes before its beginning; then come its own. A secret that
//! is missing or of another type is passed over; one that cannot be decoded ends the pull (kubernetes,
//! `getPullSecretsForPod` of pkg/kubelet; pkg/credentialprovider/secrets; pkg/credentialprovider/keyring.go).

mod known;

use std::rc::Rc;

use crate::kit::{
    Cloud, RegistryOrImage, Secret,
    keyring::{BrokenPullSecret, Entries, Near, PullSecret, Reader, Stored, near, shown},
    kube::{
        Attempt, CLIENT_ANNOTATION, CredentialRow, CredentialState, ImagePods, PodCredentials,
        PresentedRow, WaitingWorkload,
    },
    rules::{Pattern, is_guid},
    sanitize_text,
};
pub use known::Declared;
pub(super) use known::Known;
use known::{Account, Key, Read};

/// How many different credentials of the pods of one image are looked at.
const MAX_SETS: usize = 50;
/// How many credentials are tried in all.
const MAX_ATTEMPTS: usize = 40;
/// How many keys are told of a secret of which none matches.
const MAX_KEYS: usize = 3;
/// What the annotations for Azure's credential provider begin with.
const ANNOTATIONS: &str = "kubernetes.azure.com/acr-";

/// Finds out what the pods of each image present, and returns the credentials that can be tried.
pub(super) async fn examine(known: &mut Known<'_>, images: &mut [ImagePods]) -> Vec<Attempt> {
    let (mut attempts, mut anonymous): (Vec<Attempt>, Vec<Attempt>) = (vec![], vec![]);
    read_all(known, images).await;
    for of_image in images {
        let asked = RegistryOrImage::read(&of_image.image, Cloud::default(), false);
        let Ok(asked) = asked else { continue };
        let mut sets: Vec<PodCredentials> = vec![];
        for it in of_image.workloads.iter().filter(|it| pulls(it)) {
            let is_known =
                sets.iter().any(|set| set.is_of(&it.namespace, &it.account, &it.secrets));
            if is_known || sets.len() >= MAX_SETS {
                continue;
            }
            let mut set = PodCredentials {
                namespace: it.namespace.clone(),
                account: it.account.clone(),
                secrets: it.secrets.clone(),
                ..PodCredentials::default()
            };
            let found = it.secrets.iter().map(|name| (&**name, known.secret(&it.namespace, name)));
            let held = rows(&found.collect::<Vec<_>>(), &asked);
            for (place, (mut row, stored)) in held.into_iter().enumerate() {
                if let Some((user, password)) = stored {
                    if attempts.len() < MAX_ATTEMPTS {
                        let (set, row, password) = (sets.len(), place, Rc::new(password));
                        let presented = Some(PresentedRow { set, row, user, password });
                        attempts.push(Attempt { image: of_image.image.clone(), presented });
                    } else {
                        row.said = Some(format!("only the first {MAX_ATTEMPTS} are tried"));
                    }
                }
                set.rows.push(row);
            }
            let account = known.account(&it.namespace, &it.account).ok().cloned();
            set.annotations = account.as_ref().map(annotations);
            set.client_id = account.as_ref().and_then(client_id);
            let is_presented = |row: &CredentialRow| row.state == CredentialState::Presented;
            // The secrets of a namespace are looked through only for pods that wait.
            if !it.is_planned() && !set.rows.iter().any(is_presented) {
                let names = account.map(|account| account.secrets).unwrap_or_default();
                set.unattached = unattached(known, &set, &names, &asked).await;
            }
            sets.push(set);
        }
        // What the anonymous client gets is of interest beside what others get.
        if sets.iter().any(|set| !set.rows.is_empty()) {
            anonymous.push(Attempt { image: of_image.image.clone(), presented: None });
        }
        of_image.credentials = sets;
    }
    anonymous.truncate(MAX_ATTEMPTS - attempts.len());
    attempts.append(&mut anonymous);
    attempts
}

/// Returns whether the kubelet would pull for a workload.
fn pulls(it: &WaitingWorkload) -> bool {
    it.reason != "ErrImageNeverPull"
}

/// Reads the service accounts and the pull secrets of all that pull.
async fn read_all(known: &mut Known<'_>, images: &[ImagePods]) {
    let all = || images.iter().flat_map(|of| &of.workloads).filter(|it| pulls(it));
    let accounts: Vec<Key> = all().map(|it| (it.namespace.clone(), it.account.clone())).collect();
    known.read_accounts(accounts).await;
    let key = |it: &WaitingWorkload, name: &String| (it.namespace.clone(), name.clone());
    let secrets = all().flat_map(|it| it.secrets.iter().map(move |name| key(it, name)));
    let secrets: Vec<Key> = secrets.collect();
    known.read_secrets(secrets).await;
}

/// Returns a secret that holds credentials for the image and that the pods do not name: one of
/// their service account's, which was given to it after they were made, else one of the namespace.
async fn unattached(
    known: &mut Known<'_>,
    set: &PodCredentials,
    of_account: &[String],
    asked: &RegistryOrImage,
) -> Option<String> {
    let fits = |name: &str, read: &Rc<Read>| {
        let held = rows(&[(name, read.clone())], asked);
        held.iter().any(|(row, _)| row.state == CredentialState::Presented)
    };
    let of_account: Vec<&String> =
        of_account.iter().filter(|name| !set.secrets.contains(name)).collect();
    known
        .read_secrets(of_account.iter().map(|name| (set.namespace.clone(), (*name).clone())))
        .await;
    for name in of_account {
        if fits(name, &known.secret(&set.namespace, name)) {
            return Some(sanitize_text(name));
        }
    }
    let listed = known.listed(&set.namespace).await;
    let mut others = listed.iter().filter(|(name, _)| !set.secrets.contains(name));
    others.find(|(name, read)| fits(name, read)).map(|(name, _)| sanitize_text(name))
}

/// Returns the client id that a service account names.
fn client_id(account: &Account) -> Option<String> {
    let named = account.annotations.get(CLIENT_ANNOTATION);
    named.filter(|id| is_guid(id)).cloned()
}

fn annotations(account: &Account) -> Vec<String> {
    let given = account.annotations.iter().filter(|(_, value)| !value.is_empty());
    let mut names: Vec<String> = given
        .filter(|(name, _)| name.starts_with(ANNOTATIONS))
        .map(|(name, _)| sanitize_text(name))
        .collect();
    names.sort_unstable();
    names
}

/// A row, and what the kubelet presents for it.
type Held = (CredentialRow, Option<(String, Secret)>);

/// Returns what the secrets of a pod hold for an image: what is presented, in the kubelet's order, then
/// the rest.
fn rows(secrets: &[(&str, Rc<Read>)], asked: &RegistryOrImage) -> Vec<Held> {
    let path = asked.image.as_ref().map(|image| format!("/{}", image.repository));
    let image = Pattern::image(&asked.registry, &path.unwrap_or_default());
    let mut presented: Vec<(String, Held)> = vec![];
    let mut others: Vec<Held> = vec![];
    for (name, read) in secrets {
        let row =
            |state| CredentialRow { secret: (*name).to_owned(), state, ..CredentialRow::default() };
        let mut other = |state, key: Option<String>, said: Option<String>| {
            others.push((CredentialRow { key, said, ..row(state) }, None));
        };
        let given = match &**read {
            Read::Given(given) => given,
            Read::Missing => {
                other(CredentialState::Missing, None, None);
                continue;
            }
            Read::Closed(said) => {
                other(CredentialState::NotRead, None, said.clone());
                continue;
            }
        };
        match given {
            // What is wrong is told without any of its content.
            Err(BrokenPullSecret { said, key }) => {
                other(CredentialState::Malformed, key.clone(), Some(said.to_string()));
            }
            Ok(PullSecret::WrongType { kind }) => {
                other(CredentialState::WrongType, None, Some(sanitize_text(kind)));
            }
            Ok(PullSecret::Empty | PullSecret::WithoutAuths { .. }) => {
                other(CredentialState::Empty, None, None);
            }
            Ok(PullSecret::Entries(entries)) => {
                let matching = entries.matching(&image);
                if matching.is_empty() {
                    let (key, said) = (nearest(entries, asked), keys(entries));
                    let is_for_others = key.is_none() && are_for_others(entries, asked);
                    let row = row(CredentialState::NoMatch);
                    others.push((CredentialRow { key, said, is_for_others, ..row }, None));
                }
                for entry in matching {
                    let key = Pattern::of_key(&entry.key).map(|key| key.to_string());
                    let stored = match entry.stored.clone() {
                        Some(Stored::Password { user, password }) => Some((user, password)),
                        _ => None,
                    };
                    let state = if stored.is_some() {
                        CredentialState::Presented
                    } else {
                        CredentialState::Empty
                    };
                    let row = CredentialRow { key: Some(shown(&entry.key)), ..row(state) };
                    presented.push((key.unwrap_or_default(), (row, stored)));
                }
            }
        }
    }
    // One keyring for all secrets: in reverse alphabetical order; of equal keys the first secret's.
    presented.sort_by(|(one, _), (other, _)| other.cmp(one));
    presented.into_iter().map(|(_, held)| held).chain(others).collect()
}

/// Returns whether the entries are for other registries only, where nodes sign in to this one themselves:
/// then pods have them for another of their images.
fn are_for_others(entries: &Entries, asked: &RegistryOrImage) -> bool {
    let is_other = |key: &&str| {
        key.contains('.') && !key.contains("azurecr.") && !key.contains(['*', '?', '['])
    };
    let keys = entries.keys();
    asked.host.acr().is_some() && !keys.is_empty() && keys.iter().all(is_other)
}

/// Returns the key that is nearly that of the image.
fn nearest(entries: &Entries, asked: &RegistryOrImage) -> Option<String> {
    match near(&entries.keys(), asked, Reader::Kubelet)? {
        Near::Key { key, .. } => Some(key),
        Near::Hash { login_server } => Some(sanitize_text(&login_server)),
    }
}

fn keys(entries: &Entries) -> Option<String> {
    let keys: Vec<String> = entries.keys().into_iter().take(MAX_KEYS).map(shown).collect();
    (!keys.is_empty()).then(|| keys.join(", "))
}

#[cfg(test)]
mod tests;
