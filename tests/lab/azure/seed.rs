//! What the resources of a scenario are made from.

use std::collections::BTreeMap;

use super::ids::Ids;
use super::settings::Azure;
use super::store::Store;
use crate::identity::Entra;
use crate::scenario::Scenario;
use crate::settings::Registry;

/// Returns the name of the registry behind a login server.
pub(crate) fn name_of(login_server: &str) -> &str {
    if !login_server.contains(".azurecr.") {
        return "contoso";
    }
    let label = login_server.split('.').next().unwrap_or_default();
    label.split('-').next().unwrap_or_default()
}

/// What the resources are made from.
pub(crate) struct Seed<'a> {
    pub(crate) azure: &'a Azure,
    pub(crate) registry: &'a Registry,
    pub(crate) entra: &'a Entra,
    pub(crate) ids: Ids,
    pub(crate) store: Store,
    /// The number of ids that were generated.
    count: u32,
}

impl<'a> Seed<'a> {
    pub(crate) fn new(scenario: &'a Scenario) -> Self {
        let (azure, registry) = (&scenario.azure, &scenario.registry);
        let ids = Ids::new(azure, name_of(&registry.login_server));
        Self { azure, registry, entra: &scenario.entra, ids, store: Store::default(), count: 0 }
    }

    /// Returns the object id and the kind of a principal that a scenario names.
    pub(crate) fn principal(&self, who: &str) -> (String, &'static str) {
        if let Some(group) = self.azure.groups.get(who) {
            return (group.id.clone(), "Group");
        }
        if who == "cluster" {
            return (self.azure.cluster.principal.clone(), "ServicePrincipal");
        }
        let known = self.entra.identities.get(who);
        (known.map_or(who, |one| &one.object_id).to_owned(), "ServicePrincipal")
    }

    /// Returns an id. Ids are counted, so that runs are repeatable.
    pub(crate) fn guid(&mut self) -> String {
        self.count += 1;
        format!("4e1b7d90-52ac-4f36-9c08-{:012x}", self.count)
    }
}

/// Returns the kind of each principal of the tenant, by object id.
pub(crate) fn kinds(azure: &Azure, entra: &Entra) -> BTreeMap<String, &'static str> {
    let identities = entra.identities.values().map(|one| &one.object_id);
    let principals =
        identities.chain([&azure.cluster.principal]).map(|id| (id, "ServicePrincipal"));
    let groups = azure.groups.values().map(|one| (&one.id, "Group"));
    principals.chain(groups).map(|(id, kind)| (id.to_ascii_lowercase(), kind)).collect()
}

/// Returns the principals by which somebody is known, by object id: the groups that contain it,
/// directly or through others.
pub(crate) fn memberships(
    azure: &Azure,
    entra: &Entra,
    settled: bool,
) -> BTreeMap<String, Vec<String>> {
    let id = |name: &String| {
        let group = azure.groups.get(name).map(|one| &one.id);
        let known = entra.identities.get(name).map(|one| &one.object_id);
        let own = (name == "cluster").then_some(&azure.cluster.principal);
        group.or(known).or(own).unwrap_or(name).to_ascii_lowercase()
    };
    let mut above: BTreeMap<String, Vec<String>> = BTreeMap::new();
    for group in azure.groups.values().filter(|one| one.settled || !settled) {
        for member in &group.members {
            above.entry(id(member)).or_default().push(group.id.to_ascii_lowercase());
        }
    }
    above
}
