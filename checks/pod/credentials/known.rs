//! What is read of secrets and service accounts: each object once, several at a time; those that manifests
//! declare before the cluster's, which they replace when they are applied.

use std::{
    collections::{BTreeSet, HashMap},
    rc::Rc,
};

use futures::{StreamExt, stream};
use serde::{Deserialize, de::DeserializeOwned};
use serde_json::Value;

use crate::{
    kit::{
        Cx,
        keyring::{BrokenPullSecret, PullSecret},
        kube::{AT_ONCE, Api, KubeError, KubeRequest, List, ListParams},
        rules::is_object_name,
    },
    pod::{manifests::objects, objects::Named},
};

/// How many secrets of a cluster are read, and how many accounts.
const MAX_READ: usize = 60;
/// How many secrets of a namespace are looked through for one that fits.
const MAX_LISTED: u32 = 50;

/// A namespace, and the name of an object in it.
pub(super) type Key = (String, String);

/// What is known of a Secret. It has no `Debug`: nothing prints what is in it.
pub(super) enum Read {
    /// What the kubelet makes of it.
    Given(Result<PullSecret, BrokenPullSecret>),
    /// There is none.
    Missing,
    /// It was not read: in the words of the refusal, where it was asked for.
    Closed(Option<String>),
}

/// The pull secrets of a namespace, by their names.
pub(super) type Listed = Rc<Vec<(String, Rc<Read>)>>;

/// What is read of a service account.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default, rename_all = "camelCase")]
pub(super) struct Account {
    pub(super) metadata: AccountMeta,
    pub(super) image_pull_secrets: Vec<Named>,
}

#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default)]
pub(super) struct AccountMeta {
    pub(super) annotations: HashMap<String, String>,
}

/// The Secrets and service accounts of manifests. It has no `Debug`: nothing prints what is in it.
#[derive(Clone, Default)]
pub struct Declared(Vec<Value>);

impl Declared {
    /// Returns whether there is a service account of that name; `default` is the namespace of those that
    /// name none.
    pub(in crate::pod) fn has_account(&self, default: &str, namespace: &str, name: &str) -> bool {
        let is_it = |object: &Value| {
            let metadata = &object["metadata"];
            object["kind"] == "ServiceAccount"
                && metadata["name"] == name
                && metadata["namespace"].as_str().unwrap_or(default) == namespace
        };
        self.0.iter().any(is_it)
    }

    /// Adds those of a text; none where it does not parse.
    pub fn add(&mut self, bytes: &[u8]) {
        let is_one = |object: &Value| {
            object["apiVersion"] == "v1"
                && ["Secret", "ServiceAccount"].iter().any(|kind| object["kind"] == *kind)
        };
        self.0.extend(objects(bytes).into_iter().filter(is_one));
    }
}

/// What was read so far.
pub(super) struct Known<'a> {
    cx: &'a Cx,
    api: &'a Api,
    secrets: HashMap<Key, Rc<Read>>,
    accounts: HashMap<Key, Result<Account, KubeError>>,
    namespaces: HashMap<String, Listed>,
    /// How many secrets and lists of them were asked for.
    asked: usize,
}

impl<'a> Known<'a> {
    /// Begins with what manifests declare.
    pub(super) fn new(cx: &'a Cx, api: &'a Api, declared: &Declared) -> Self {
        let (secrets, accounts) = (HashMap::new(), HashMap::new());
        let mut known = Self { cx, api, secrets, accounts, namespaces: HashMap::new(), asked: 0 };
        for object in &declared.0 {
            let text = |name: &str| object["metadata"][name].as_str().map(str::to_owned);
            let namespace =
                text("namespace").unwrap_or_else(|| api.kube.cluster().namespace.clone());
            let key = (namespace, text("name").unwrap_or_default());
            if object["kind"] == "Secret" {
                let read = Read::Given(PullSecret::of_object(object));
                known.secrets.insert(key, Rc::new(read));
            } else {
                known.accounts.insert(key, Ok(Account::deserialize(object).unwrap_or_default()));
            }
        }
        known
    }

    /// Reads these secrets.
    pub(super) async fn read_secrets(&mut self, keys: impl IntoIterator<Item = Key>) {
        let left = MAX_READ.saturating_sub(self.asked);
        let wanted = new_ones(keys, |key| self.secrets.contains_key(key), left);
        self.asked += wanted.len();
        let read = stream::iter(wanted).map(async |key: Key| {
            let read = match self.get::<Value>(&key, "secrets").await {
                Ok(object) => Read::Given(PullSecret::of_object(&object)),
                Err(error) if error.status() == Some(404) => Read::Missing,
                Err(error) => Read::Closed(Some(error.said())),
            };
            (key, Rc::new(read))
        });
        let read: Vec<(Key, Rc<Read>)> = read.buffered(AT_ONCE).collect().await;
        self.secrets.extend(read);
    }

    /// Reads these accounts.
    pub(super) async fn read_accounts(&mut self, keys: impl IntoIterator<Item = Key>) {
        let wanted = new_ones(keys, |key| self.accounts.contains_key(key), MAX_READ);
        let read = stream::iter(wanted).map(async |key: Key| {
            let account = self.get::<Account>(&key, "serviceaccounts").await;
            (key, account)
        });
        let read: Vec<(Key, Result<Account, KubeError>)> = read.buffered(AT_ONCE).collect().await;
        self.accounts.extend(read);
    }

    /// Returns a secret, which is closed where it was not read.
    pub(super) fn secret(&self, namespace: &str, name: &str) -> Rc<Read> {
        let read = self.secrets.get(&(namespace.to_owned(), name.to_owned()));
        read.cloned().unwrap_or_else(|| Rc::new(Read::Closed(None)))
    }

    /// Returns an account that was read.
    pub(super) fn account(&self, namespace: &str, name: &str) -> Option<&Account> {
        self.accounts.get(&(namespace.to_owned(), name.to_owned()))?.as_ref().ok()
    }

    /// Returns why it is not known what an account has, where it may be there.
    pub(super) fn why_unknown(&self, namespace: &str, name: &str) -> Option<String> {
        match self.accounts.get(&(namespace.to_owned(), name.to_owned()))? {
            Err(error) if error.status() != Some(404) => Some(error.said()),
            _ => None,
        }
    }

    async fn get<T: DeserializeOwned>(
        &self,
        (namespace, name): &Key,
        resource: &str,
    ) -> Result<T, KubeError> {
        let path = format!("/api/v1/namespaces/{namespace}/{resource}");
        self.api.kube.named::<T>(self.cx, &path, name).await
    }

    /// Returns the pull secrets of a namespace, as far as they may be listed.
    pub(super) async fn listed(&mut self, namespace: &str) -> Listed {
        if let Some(listed) = self.namespaces.get(namespace) {
            return listed.clone();
        }
        let mut named = vec![];
        let of_type = "type=kubernetes.io/dockerconfigjson";
        let params = ListParams::default().fields(of_type).limit(MAX_LISTED);
        let path = format!("/api/v1/namespaces/{namespace}/secrets");
        if self.asked < MAX_READ
            && is_object_name(namespace)
            && let Ok(request) = KubeRequest::new(&path).list(&params)
        {
            self.asked += 1;
            let list = self.api.kube.ask::<List<Value>>(self.cx, request).await;
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

/// Returns the first objects that are not known, each once.
fn new_ones(
    keys: impl IntoIterator<Item = Key>,
    is_known: impl Fn(&Key) -> bool,
    most: usize,
) -> Vec<Key> {
    let mut seen = BTreeSet::new();
    let is_new = |key: &Key| {
        let is_name = is_object_name(&key.0) && is_object_name(&key.1);
        is_name && !is_known(key) && seen.insert(key.clone())
    };
    keys.into_iter().filter(is_new).take(most).collect()
}
