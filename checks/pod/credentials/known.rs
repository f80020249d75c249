//! What is read of secrets and service accounts: each object once, several at a time, and over them what
//! manifests declare, as applying these puts it there.

use std::{
    collections::{BTreeSet, HashMap},
    rc::Rc,
};

use futures::{StreamExt, stream};
use serde_json::Value;
use tokio::time::{Instant, timeout_at};

use crate::{
    kit::{
        Cx,
        keyring::{BrokenPullSecret, PullSecret},
        kube::{AT_ONCE, Api, KubeRequest, List, ListParams},
        rules::is_object_name,
    },
    pod::manifests::{objects, secret_names},
};

/// How many secrets of a cluster are read, and how many accounts.
const MAX_READ: usize = 60;
/// How many secrets of a namespace are looked through for one that fits.
const MAX_LISTED: u32 = 50;

/// What is said of an object that was not read in time.
const LATE: &str = "it did not answer in time";

/// A namespace, and the name of an object in it.
pub(in crate::pod) type Key = (String, String);

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
#[derive(Clone, Debug, Default)]
pub(in crate::pod) struct Account {
    /// Its annotations.
    pub(super) annotations: HashMap<String, String>,
    /// Its pull secrets.
    pub(in crate::pod) secrets: Vec<String>,
    /// Those that the cluster has besides: applying takes away what an earlier apply had put there, and
    /// leaves what others did.
    pub(in crate::pod) others: Vec<String>,
}

impl Account {
    /// Reads an object, whatever else is in it.
    fn of(object: &Value) -> Self {
        let annotations = object["metadata"]["annotations"].as_object().into_iter().flatten();
        let text =
            |(name, value): (&String, &Value)| Some((name.clone(), value.as_str()?.to_owned()));
        let annotations = annotations.filter_map(text).collect();
        Self { annotations, secrets: secret_names(object), others: vec![] }
    }

    /// Puts what manifests declare over what the cluster has, as applying them does: what they leave out
    /// stays.
    fn apply(&mut self, declared: Self) {
        self.annotations.extend(declared.annotations);
        if !declared.secrets.is_empty() {
            self.others = std::mem::replace(&mut self.secrets, declared.secrets);
            self.others.retain(|name| !self.secrets.contains(name));
        }
    }
}

/// The Secrets and service accounts of manifests. It has no `Debug`: nothing prints what is in it.
#[derive(Default)]
pub struct Declared(Vec<Value>);

impl Declared {
    /// Adds those of a text; none where it does not parse.
    pub fn add(&mut self, bytes: &[u8]) {
        let is_one = |object: &Value| {
            object["apiVersion"] == "v1"
                && ["Secret", "ServiceAccount"].iter().any(|kind| object["kind"] == *kind)
        };
        self.0.extend(objects(bytes).into_iter().filter(is_one));
    }

    /// Returns the pull secrets of a service account that is declared. Those that name no namespace are in
    /// that of the API.
    pub(in crate::pod) fn account(
        &self,
        api: &Api,
        namespace: &str,
        name: &str,
    ) -> Option<Vec<String>> {
        let (_, object) = self
            .of_kind(api, "ServiceAccount")
            .find(|((of, it), _)| of == namespace && it == name)?;
        Some(secret_names(object))
    }

    fn of_kind<'d>(
        &'d self,
        api: &'d Api,
        kind: &'d str,
    ) -> impl Iterator<Item = (Key, &'d Value)> {
        let named = |object: &'d Value| {
            let text = |name: &str| object["metadata"][name].as_str().map(str::to_owned);
            let namespace = text("namespace").filter(|name| is_object_name(name));
            let namespace = namespace.unwrap_or_else(|| api.kube.cluster().namespace.clone());
            ((namespace, text("name").unwrap_or_default()), object)
        };
        // Of several with one name the last is applied last.
        self.0.iter().rev().filter(move |object| object["kind"] == kind).map(named)
    }
}

/// What was read so far.
pub(in crate::pod) struct Known<'a> {
    cx: &'a Cx,
    api: &'a Api,
    declared: &'a Declared,
    /// Nothing is waited for beyond it.
    until: Instant,
    secrets: HashMap<Key, Rc<Read>>,
    accounts: HashMap<Key, Result<Account, String>>,
    namespaces: HashMap<String, Listed>,
    /// How many secrets and lists of them were asked for.
    asked: usize,
}

impl<'a> Known<'a> {
    /// Begins with what manifests declare.
    pub(in crate::pod) fn new(
        cx: &'a Cx,
        api: &'a Api,
        declared: &'a Declared,
        until: Instant,
    ) -> Self {
        let mut secrets = HashMap::new();
        for (key, object) in declared.of_kind(api, "Secret") {
            // What SOPS encrypted is decrypted before it is applied.
            let read = if object.get("sops").is_some() {
                Read::Closed(Some("the manifest has it encrypted (sops)".to_owned()))
            } else {
                Read::Given(PullSecret::of_object(object))
            };
            secrets.entry(key).or_insert_with(|| Rc::new(read));
        }
        let (accounts, namespaces) = (HashMap::new(), HashMap::new());
        Self { cx, api, declared, until, secrets, accounts, namespaces, asked: 0 }
    }

    /// Reads these secrets.
    pub(super) async fn read_secrets(&mut self, keys: impl IntoIterator<Item = Key>) {
        let left = MAX_READ.saturating_sub(self.asked);
        let wanted = new_ones(keys, |key| self.secrets.contains_key(key), left);
        self.asked += wanted.len();
        for (key, got) in self.get_all(wanted, "secrets").await {
            let read = match got {
                Ok(object) => Read::Given(PullSecret::of_object(&object)),
                Err(None) => Read::Missing,
                Err(Some(said)) => Read::Closed(Some(said)),
            };
            self.secrets.insert(key, Rc::new(read));
        }
    }

    /// Reads these accounts.
    pub(in crate::pod) async fn read_accounts(&mut self, keys: impl IntoIterator<Item = Key>) {
        let left = MAX_READ.saturating_sub(self.accounts.len());
        let wanted = new_ones(keys, |key| self.accounts.contains_key(key), left);
        for (key, got) in self.get_all(wanted, "serviceaccounts").await {
            let mut all = self.declared.of_kind(self.api, "ServiceAccount");
            let declared = all.find(|(of, _)| *of == key).map(|(_, object)| Account::of(object));
            let account = match (got, declared) {
                (Ok(object), declared) => {
                    let mut account = Account::of(&object);
                    account.apply(declared.unwrap_or_default());
                    Ok(account)
                }
                // What the manifests name decides, whatever else there is.
                (Err(_), Some(declared)) if !declared.secrets.is_empty() => Ok(declared),
                (Err(None), Some(declared)) => Ok(declared),
                // The cluster makes this one in every namespace.
                (Err(None), None) if key.1 == "default" => Ok(Account::default()),
                (Err(None), None) => Err(format!("serviceaccounts \"{}\" not found", key.1)),
                (Err(Some(said)), _) => Err(said),
            };
            self.accounts.insert(key, account);
        }
    }

    /// Returns a secret, which is closed where it was not read.
    pub(super) fn secret(&self, namespace: &str, name: &str) -> Rc<Read> {
        let read = self.secrets.get(&(namespace.to_owned(), name.to_owned()));
        read.cloned().unwrap_or_else(|| Rc::new(Read::Closed(None)))
    }

    /// Returns an account, or why it is not known.
    pub(in crate::pod) fn account(&self, namespace: &str, name: &str) -> Result<&Account, String> {
        let read = self.accounts.get(&(namespace.to_owned(), name.to_owned()));
        let not_read = || Err(format!("only the first {MAX_READ} service accounts are read"));
        read.map_or_else(not_read, |read| read.as_ref().map_err(Clone::clone))
    }

    /// Asks for objects, several at once. One that is not there is nothing but that.
    async fn get_all(
        &self,
        keys: Vec<Key>,
        resource: &str,
    ) -> Vec<(Key, Result<Value, Option<String>>)> {
        let got = stream::iter(keys).map(async |key: Key| {
            let path = format!("/api/v1/namespaces/{}/{resource}", key.0);
            let asked = self.api.kube.named::<Value>(self.cx, &path, &key.1);
            let got = match timeout_at(self.until, asked).await {
                Ok(Ok(object)) => Ok(object),
                Ok(Err(error)) if error.status() == Some(404) => Err(None),
                Ok(Err(error)) => Err(Some(error.said())),
                Err(_) => Err(Some(LATE.to_owned())),
            };
            (key, got)
        });
        got.buffered(AT_ONCE).collect().await
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
