//! The API of a Kubernetes cluster: good enough for a client that lists nodes, creates Jobs, watches
//! their pods, reads logs and events, and deletes them. The agent in a Job's pod runs in a world of
//! its own, that of its node.

mod admission;
mod api;
mod pods;
mod reviews;
mod run;
mod secrets;
mod selector;
mod settings;
mod store;

use std::fmt;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

pub use run::{Agent, AgentCall, AgentEnd};
pub use settings::{ApiAnswer, Kubernetes, KubernetesNode, Refused};
use store::Store;

/// The token that the API server accepts.
pub(crate) const TOKEN: &str = "CanaryDoNotPrint-cluster-token";
/// A running cluster.
pub(crate) struct Cluster {
    settings: Kubernetes,
    store: Mutex<Store>,
    agent: Mutex<Option<Agent>>,
}

impl Cluster {
    /// Fills a cluster; `fill` puts credentials in the place of their names.
    pub(crate) fn new(settings: &Kubernetes, fill: impl Fn(&str) -> String) -> Arc<Self> {
        let mut store = Store::default();
        pods::fill(&mut store, &settings.pods, &settings.workloads);
        secrets::fill(&mut store, &settings.secrets, &settings.accounts, fill);
        store.is_filled();
        Arc::new(Self {
            settings: settings.clone(),
            store: Mutex::new(store),
            agent: Mutex::default(),
        })
    }

    /// Sets what runs in the pods.
    pub(crate) fn set_agent(&self, agent: Agent) {
        *self.agent.lock().unwrap_or_else(PoisonError::into_inner) = Some(agent);
    }

    fn store(&self) -> MutexGuard<'_, Store> {
        self.store.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Returns the names of the objects that are there, by their kind: `jobs/NAME`.
    pub(crate) fn left(&self) -> Vec<String> {
        let mut store = self.store();
        store.collect_garbage();
        store.names()
    }

    /// Returns every object that was ever created, as text.
    pub(crate) fn history(&self) -> Vec<String> {
        self.store().history.clone()
    }
}

impl fmt::Debug for Cluster {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Cluster").field("settings", &self.settings).finish_non_exhaustive()
    }
}
