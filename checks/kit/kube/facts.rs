//! What the steps that look at the cluster hand on, to what starts Jobs there.

use std::collections::BTreeMap;

use serde::Serialize;

use super::{
    client::Kube,
    rights::{Loses, Right},
};
use crate::kit::engine::Finding;

/// An API server that answers.
#[derive(Debug, Serialize)]
pub struct Api {
    /// The client.
    #[serde(skip)]
    pub kube: Kube,
    /// The host.
    pub host: String,
    /// The version of Kubernetes.
    pub version: String,
}

/// What we may do in the cluster.
#[derive(Debug, Serialize)]
pub struct Access {
    /// The namespace of the Jobs.
    pub namespace: String,
    /// How many of the permissions that are needed are granted.
    pub granted: usize,
    /// How many could not be asked for: then the requests themselves tell.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub not_asked: Option<usize>,
    /// The permissions that are missing.
    #[serde(skip)]
    pub missing: Vec<Right>,
}

impl Access {
    /// Returns whether all that would be lost without is granted.
    pub fn has(&self, loses: Loses) -> bool {
        self.missing.iter().all(|right| right.loses != loses)
    }
}

/// The nodes that look.
#[derive(Debug, Serialize)]
pub struct Nodes {
    /// The nodes.
    #[serde(skip)]
    pub chosen: Vec<ChosenNode>,
    /// How many.
    pub count: usize,
    /// How many there are, of whatever kind.
    pub all: usize,
    /// How many pools they are of.
    pub pools: usize,
    /// The places of the targets that each of them is asked for, where pods ask something of their nodes.
    #[serde(skip)]
    pub asked: BTreeMap<String, Vec<usize>>,
    /// The places of the targets that none of them is asked for, and why.
    #[serde(skip)]
    pub unplaced: Vec<(usize, Finding)>,
}

/// A node that looks.
#[derive(Clone, Debug)]
pub struct ChosenNode {
    /// Its name.
    pub name: String,
    /// `amd64`, `arm64`.
    pub architecture: String,
    /// What may separate it from others: pool, zone, node image …
    pub attributes: Vec<(&'static str, String)>,
    /// An image that it has, small and without need of credentials.
    pub image: Option<String>,
    /// Its pool.
    pub pool: String,
    /// The places of the targets whose pods can run there, where pods ask something of their nodes.
    pub targets: Vec<usize>,
}
