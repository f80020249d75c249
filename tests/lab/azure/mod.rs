//! The Azure control plane: one state of resources. Azure Resource Manager serves and changes it;
//! the registry and the name servers decide by it.

mod arm;
mod assign;
mod authorization;
mod caller;
mod condition;
mod content;
mod derived;
mod directory;
mod endpoints;
mod grow;
mod ids;
mod locks;
mod names;
mod network;
mod query;
mod reply;
mod resources;
mod roles;
mod seed;
mod settings;
mod snat;
mod store;
mod times;
mod tokens;
mod writes;

use std::collections::{BTreeMap, BTreeSet};
use std::net::IpAddr;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Mutex, OnceLock, PoisonError};

use jiff::Timestamp;
use serde_json::Value;

use crate::gate::Gates;
use crate::scenario::Scenario;
use crate::secrets::CANARY;
use crate::settings::Kind;
use ids::Ids;
pub(crate) use network::{Linked, LinkedZone, Way};
use roles::{Wish, allows};
use seed::{Seed, kinds, memberships};
pub use settings::{
    ArmAnswer, Assignment, Azure, ClusterResource, CustomRole, Denial, Endpoint, Group,
    RegistryResource, Snat, Zone,
};
use store::{Store, text};

const CONTENT_READ: &str = "Microsoft.ContainerRegistry/registries/repositories/content/read";
const METADATA_READ: &str = "Microsoft.ContainerRegistry/registries/repositories/metadata/read";
/// "Recover deleted artifacts with soft delete policy", permissions.
const DELETED_READ: &str = "Microsoft.ContainerRegistry/registries/deleted/read";
const PULL_READ: &str = "Microsoft.ContainerRegistry/registries/pull/read";

/// The control plane of a world.
#[derive(Debug)]
pub(crate) struct ControlPlane {
    settings: Azure,
    ids: Ids,
    /// The tenant of each subscription.
    tenants: BTreeMap<String, String>,
    /// The groups of each principal, by object id, as ARM and as the registry know them.
    groups: BTreeMap<String, Vec<String>>,
    settled_groups: BTreeMap<String, Vec<String>>,
    /// The kind of each principal, by object id.
    kinds: BTreeMap<String, &'static str>,
    store: Mutex<Store>,
    /// The number of passwords that were generated.
    passwords: AtomicU64,
    /// Whether the answer that occurs once has occurred.
    failed: AtomicBool,
    /// The hosts that networks open and shut.
    pub(crate) gates: Gates,
    /// The names of registries that resolve, whoever has them.
    taken: Vec<String>,
    /// The kubeconfig of the cluster's users.
    kubeconfig: OnceLock<String>,
}

impl ControlPlane {
    pub(crate) fn new(scenario: &Scenario) -> Self {
        let settings = scenario.azure.clone();
        let home = &scenario.entra.tenant;
        let mut tenants = settings.subscriptions.clone();
        tenants.entry(settings.subscription.clone()).or_insert_with(|| home.clone());
        let seed = Seed::new(scenario);
        Self {
            ids: seed.ids.clone(),
            tenants,
            groups: memberships(&settings, &scenario.entra, false),
            settled_groups: memberships(&settings, &scenario.entra, true),
            kinds: kinds(&settings, &scenario.entra),
            store: Mutex::new(seed.grow()),
            passwords: AtomicU64::new(0),
            taken: taken(scenario),
            gates: Gates::default(),
            failed: AtomicBool::new(false),
            kubeconfig: OnceLock::new(),
            settings,
        }
    }

    /// Sets the kubeconfig of the cluster's users.
    pub(crate) fn set_kubeconfig(&self, text: String) {
        let _ = self.kubeconfig.set(text);
    }

    /// Returns what a function reads from, or does to, the resources.
    fn with<T>(&self, act: impl FnOnce(&mut Store) -> T) -> T {
        act(&mut self.store.lock().unwrap_or_else(PoisonError::into_inner))
    }

    /// Returns whether tokens of one tenant reach a subscription of another.
    fn reaches(&self, from: &str, subscription: &str, tenant: &str) -> bool {
        let is_it = |one: &String| one.eq_ignore_ascii_case(subscription);
        from.eq_ignore_ascii_case(tenant) || self.settings.delegated.iter().any(is_it)
    }

    /// Returns a principal and its groups, direct or not.
    fn principals(&self, object: &str, settled: bool) -> Vec<String> {
        let groups = if settled { &self.settled_groups } else { &self.groups };
        let mut found = BTreeSet::new();
        let mut next = vec![object.to_ascii_lowercase()];
        while let Some(one) = next.pop() {
            if found.insert(one.clone()) {
                next.extend(groups.get(&one).into_iter().flatten().cloned());
            }
        }
        found.into_iter().collect()
    }

    /// Returns whether a principal may act (`pull`, `metadata_read`) on a repository of the
    /// registry; without one, whether it may pull from any.
    pub(crate) fn may(&self, object: &str, repository: Option<&str>, action: &str) -> bool {
        let principals = self.principals(object, true);
        self.with(|store| {
            let Some(registry) = store.get(&self.ids.registry) else { return false };
            let mode = text(registry, "/properties/roleAssignmentMode");
            let data = mode == "AbacRepositoryPermissions" && action != "deleted_read";
            let action = match action {
                "deleted_read" => DELETED_READ,
                _ if !data => PULL_READ,
                "pull" => CONTENT_READ,
                _ => METADATA_READ,
            };
            let before = Timestamp::now().as_second() - self.settings.propagation;
            let scope = &self.ids.registry;
            allows(store, &principals, &Wish { action, data, scope, repository, before })
        })
    }

    /// Returns whether the text at a JSON pointer in the registry's resource is this one.
    fn registry_says(&self, pointer: &str, value: &Value) -> bool {
        self.with(|store| store.get(&self.ids.registry)?.pointer(pointer).map(|one| one == value))
            == Some(true)
    }

    /// Returns whether anonymous pull is enabled.
    pub(crate) fn anonymous(&self) -> bool {
        self.registry_says("/properties/anonymousPullEnabled", &Value::Bool(true))
    }

    /// Returns whether the registry accepts tokens for Azure Resource Manager.
    pub(crate) fn arm_audience(&self) -> bool {
        let policy = "/properties/policies/azureADAuthenticationAsArmPolicy/status";
        self.registry_says(policy, &Value::from("enabled"))
    }

    /// Returns whether the admin user is enabled.
    pub(crate) fn admin(&self) -> bool {
        self.registry_says("/properties/adminUserEnabled", &Value::Bool(true))
    }

    /// Returns whether a token of the registry is enabled and has this password.
    pub(crate) fn token_accepts(&self, name: &str, password: &str) -> bool {
        self.with(|store| tokens::accepts(store, &self.ids.registry, name, password))
    }

    /// Returns whether a token of the registry may act on a repository.
    pub(crate) fn token_may(&self, name: &str, repository: &str, action: &str) -> bool {
        self.with(|store| tokens::may(store, &self.ids.registry, name, repository, action))
    }

    /// Returns the way of a request that arrives at an address; public if networks do not matter.
    pub(crate) fn way(&self, at: IpAddr) -> Way {
        if !self.settings.on {
            return Way::Public;
        }
        self.with(|store| {
            let here = network::vnet(&self.ids, &self.settings, &self.settings.client_vnet);
            let way = network::way(store, &self.ids.registry, &here, at);
            if way == Way::Public && self.lacks_ports(store) { Way::Nowhere } else { way }
        })
    }

    /// Returns whether the client's packets arrive at an address of the registry or of the host of
    /// its layers.
    pub(crate) fn arrives(&self, at: IpAddr) -> bool {
        self.way(at) != Way::Nowhere
    }

    /// Returns whether the registry's network rules refuse a request that arrives at an address.
    pub(crate) fn refuses(&self, at: IpAddr) -> bool {
        if !self.settings.on || self.way(at) != Way::Public {
            return false;
        }
        let subnet = network::subnet(&self.ids, &self.settings);
        self.with(|store| {
            let registry = store.get(&self.ids.registry);
            registry.is_some_and(|one| !network::lets_in(one, &self.settings.client_ip, &subnet))
        })
    }

    /// Returns whether the registry hides an image: it is in quarantine, or the replica behind this
    /// host does not have it yet.
    pub(crate) fn hides(&self, host: &str, image: &str) -> bool {
        let behind = self.settings.lagging.get(image).is_some_and(|regions| {
            regions.iter().any(|region| host.contains(&format!(".{region}.geo.")))
        });
        behind || self.quarantines(image)
    }

    /// Returns what was deleted and is still kept, by `REPOSITORY:TAG`.
    pub(crate) fn deleted(&self) -> &BTreeMap<String, Kind> {
        &self.settings.deleted
    }

    /// Returns whether the registry keeps what is deleted.
    pub(crate) fn keeps_deleted(&self) -> bool {
        self.registry_says("/properties/policies/softDeletePolicy/status", &Value::from("enabled"))
    }

    /// Returns whether the registry holds an image in quarantine.
    pub(crate) fn quarantines(&self, image: &str) -> bool {
        let named = self.settings.quarantined.iter().any(|one| one == image);
        named && self.with(|store| content::quarantines(store, &self.ids.registry))
    }

    /// Returns whether the registry can read its content.
    pub(crate) fn is_readable(&self) -> bool {
        self.with(|store| content::is_readable(store, &self.ids.registry))
    }

    /// Returns the address of the client that the registry sees.
    pub(crate) fn client_ip(&self) -> &str {
        &self.settings.client_ip
    }

    /// Returns the private DNS zones of the client's network.
    pub(crate) fn zones(&self) -> Linked {
        if !self.settings.on {
            return Vec::new();
        }
        let network = network::vnet(&self.ids, &self.settings, &self.settings.client_vnet);
        self.with(|store| network::linked(store, &network))
    }

    /// Returns a password that no token had before.
    fn new_password(&self) -> String {
        let count = self.passwords.fetch_add(1, Ordering::Relaxed) + 1;
        format!("{CANARY}-generated-password-{count}")
    }

    /// Returns true for the first time only.
    fn once(&self) -> bool {
        !self.failed.swap(true, Ordering::Relaxed)
    }
}

/// Returns the names of registries that resolve.
fn taken(scenario: &Scenario) -> Vec<String> {
    let resolves = scenario.dns.records.iter().filter(|(_, records)| !records.is_empty());
    let names = resolves.filter_map(|(name, _)| name.split_once(".azurecr."));
    names.map(|(name, _)| name.to_owned()).collect()
}
