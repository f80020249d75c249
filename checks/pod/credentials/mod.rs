//! Which credentials the kubelet has for an image: the pull secrets that the pods name, as it reads
//! them, and what it makes of each.
//!
//! The kubelet puts the entries of all secrets into one keyring and tries those that match, in reverse
//! alphabetical order, so that a longer path comes before its beginning; then come its own. A secret that
//! is missing or of another type is passed over; one that cannot be decoded ends the pull (kubernetes,
//! `getPullSecretsForPod` of pkg/kubelet; pkg/credentialprovider/secrets; pkg/credentialprovider/keyring.go).

use std::{collections::HashMap, rc::Rc};

use serde::Deserialize;
use serde_json::Value;

use super::objects::Named;
use crate::kit::{
    Cloud, Cx, RegistryOrImage, Secret,
    keyring::{BrokenPullSecret, Entries, Near, PullSecret, Reader, Stored, near, shown},
    kube::{
        Api, Attempt, CLIENT_ANNOTATION, CredentialRow, CredentialState, GetParams, ImagePods,
        KubeError, KubeRequest, List, ListParams, PodCredentials, PresentedRow,
    },
    rules::{Pattern, is_guid, is_object_name},
    sanitize_text,
};

/// How many secrets and accounts of a cluster are read.
const MAX_READ: usize = 60;
/// How many different credentials of the pods of one image are looked at.
const MAX_SETS: usize = 10;
/// How many credentials are tried in all.
const MAX_ATTEMPTS: usize = 20;
/// How many secrets of a namespace are looked through for one that fits.
const MAX_LISTED: u32 = 50;
/// How many keys are told of a secret of which none matches.
const MAX_KEYS: usize = 3;
/// What the annotations for Azure's credential provider begin with.
const ANNOTATIONS: &str = "kubernetes.azure.com/acr-";

/// What the API server gives of a Secret. It has no `Debug`: nothing prints what is in it.
enum Read {
    /// What the kubelet makes of it.
    Given(Result<PullSecret, BrokenPullSecret>),
    /// There is none.
    Missing,
    /// It was not read: in the words of the refusal, where it was asked for.
    Closed(Option<String>),
}

/// The pull secrets of a namespace, by their names.
type Listed = Rc<Vec<(String, Rc<Read>)>>;

/// What is read of a service account.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default, rename_all = "camelCase")]
struct Account {
    metadata: AccountMeta,
    image_pull_secrets: Vec<Named>,
}

#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default)]
struct AccountMeta {
    annotations: HashMap<String, String>,
}

/// What was read so far: each object once.
#[derive(Default)]
struct Known {
    secrets: HashMap<(String, String), Rc<Read>>,
    accounts: HashMap<(String, String), Option<Account>>,
    namespaces: HashMap<String, Listed>,
    asked: usize,
}

/// Finds out what the pods of each image present, and returns the credentials that can be tried.
pub(super) async fn examine(cx: &Cx, api: &Api, images: &mut [ImagePods]) -> Vec<Attempt> {
    let (mut known, mut attempts) = (Known::default(), vec![]);
    for of_image in images {
        let asked = RegistryOrImage::read(&of_image.image, Cloud::default(), false);
        let Ok(asked) = asked else { continue };
        let mut sets: Vec<PodCredentials> = vec![];
        for it in &of_image.workloads {
            let is_known =
                sets.iter().any(|set| set.is_of(&it.namespace, &it.account, &it.secrets));
            if it.reason == "ErrImageNeverPull" || is_known || sets.len() >= MAX_SETS {
                continue;
            }
            let mut set = PodCredentials {
                namespace: it.namespace.clone(),
                account: it.account.clone(),
                secrets: it.secrets.clone(),
                ..PodCredentials::default()
            };
            let mut found = vec![];
            for name in &it.secrets {
                let read = known.secret(cx, api, &it.namespace, name).await;
                found.push((name.as_str(), read));
            }
            let held = rows(&found, &asked);
            for (place, (row, stored)) in held.into_iter().enumerate() {
                set.rows.push(row);
                if let (Some((user, password)), true) = (stored, attempts.len() < MAX_ATTEMPTS) {
                    let (set, row, password) = (sets.len(), place, Rc::new(password));
                    let presented = Some(PresentedRow { set, row, user, password });
                    attempts.push(Attempt { image: of_image.image.clone(), presented });
                }
            }
            let account = known.account(cx, api, &it.namespace, &it.account).await;
            set.annotations = account.as_ref().map(annotations);
            set.client_id = account.as_ref().and_then(client_id);
            if set.rows.iter().all(|row| row.state != CredentialState::Presented) {
                let names = account.map(|account| account.image_pull_secrets).unwrap_or_default();
                set.unattached = known.unattached(cx, api, &set, &names, &asked).await;
            }
            sets.push(set);
        }
        // What the anonymous client gets is of interest beside what others get.
        if sets.iter().any(|set| !set.rows.is_empty()) && attempts.len() < MAX_ATTEMPTS {
            attempts.push(Attempt { image: of_image.image.clone(), presented: None });
        }
        of_image.credentials = sets;
    }
    attempts
}

/// Returns the client id that a service account names.
fn client_id(account: &Account) -> Option<String> {
    let named = account.metadata.annotations.get(CLIENT_ANNOTATION);
    named.filter(|id| is_guid(id)).cloned()
}

fn annotations(account: &Account) -> Vec<String> {
    let given = account.metadata.annotations.iter().filter(|(_, value)| !value.is_empty());
    let mut names: Vec<String> = given
        .filter(|(name, _)| name.starts_with(ANNOTATIONS))
        .map(|(name, _)| sanitize_text(name))
        .collect();
    names.sort();
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

impl Known {
    async fn secret(&mut self, cx: &Cx, api: &Api, namespace: &str, name: &str) -> Rc<Read> {
        let key = (namespace.to_owned(), name.to_owned());
        if let Some(read) = self.secrets.get(&key) {
            return read.clone();
        }
        let read = Rc::new(match self.get::<Value>(cx, api, namespace, "secrets", name).await {
            Some(Ok(object)) => Read::Given(PullSecret::of_object(&object)),
            Some(Err(error)) if error.status() == Some(404) => Read::Missing,
            Some(Err(error)) => Read::Closed(Some(error.said())),
            None => Read::Closed(None),
        });
        self.secrets.insert(key, read.clone());
        read
    }

    async fn account(
        &mut self,
        cx: &Cx,
        api: &Api,
        namespace: &str,
        name: &str,
    ) -> Option<Account> {
        let key = (namespace.to_owned(), name.to_owned());
        if let Some(account) = self.accounts.get(&key) {
            return account.clone();
        }
        let read = self.get::<Account>(cx, api, namespace, "serviceaccounts", name).await;
        let account = read.and_then(Result::ok);
        self.accounts.insert(key, account.clone());
        account
    }

    /// Reads an object. Nothing where it is not asked for.
    async fn get<T: serde::de::DeserializeOwned>(
        &mut self,
        cx: &Cx,
        api: &Api,
        namespace: &str,
        resource: &str,
        name: &str,
    ) -> Option<Result<T, KubeError>> {
        if self.asked >= MAX_READ || !is_object_name(namespace) || !is_object_name(name) {
            return None;
        }
        self.asked += 1;
        let path = format!("/api/v1/namespaces/{namespace}/{resource}");
        let request = KubeRequest::new(&path).get(name, &GetParams::default()).ok()?;
        Some(api.kube.ask::<T>(cx, request).await)
    }

    /// Returns a secret that holds credentials for the image and that the pods do not name: one of
    /// their service account's, which was given to it after they were made, else one of the namespace.
    async fn unattached(
        &mut self,
        cx: &Cx,
        api: &Api,
        set: &PodCredentials,
        of_account: &[Named],
        asked: &RegistryOrImage,
    ) -> Option<String> {
        let fits = |name: &str, read: &Rc<Read>| {
            let held = rows(&[(name, read.clone())], asked);
            held.iter().any(|(row, _)| row.state == CredentialState::Presented)
        };
        for Named { name } in of_account.iter().filter(|it| !set.secrets.contains(&it.name)) {
            let read = self.secret(cx, api, &set.namespace, name).await;
            if fits(name, &read) {
                return Some(sanitize_text(name));
            }
        }
        let listed = self.listed(cx, api, &set.namespace).await;
        let others = listed.iter().filter(|(name, _)| !set.secrets.contains(name));
        others
            .into_iter()
            .find(|(name, read)| fits(name, read))
            .map(|(name, _)| sanitize_text(name))
    }

    /// Returns the pull secrets of a namespace, as far as they may be listed.
    async fn listed(&mut self, cx: &Cx, api: &Api, namespace: &str) -> Listed {
        if let Some(listed) = self.namespaces.get(namespace) {
            return listed.clone();
        }
        let mut named = vec![];
        let of_type = "type=kubernetes.io/dockerconfigjson";
        let params = ListParams::default().fields(of_type).limit(MAX_LISTED);
        let path = format!("/api/v1/namespaces/{namespace}/secrets");
        if self.asked < MAX_READ
            && let Ok(request) = KubeRequest::new(&path).list(&params)
        {
            self.asked += 1;
            let list = api.kube.ask::<List<Value>>(cx, request).await;
            for object in list.map(|list| list.items).unwrap_or_default() {
                let name = object["metadata"]["name"].as_str().unwrap_or_default().to_owned();
                named.push((name, Rc::new(Read::Given(PullSecret::of_object(&object)))));
            }
        }
        let named = Rc::new(named);
        self.namespaces.insert(namespace.to_owned(), named.clone());
        named
    }
}

#[cfg(test)]
mod tests;
