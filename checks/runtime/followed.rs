//! How containerd reaches the registry: what the step hands on.

use std::rc::Rc;

use serde::Serialize;

use super::mirrors::List;
use crate::kit::{
    Host, NoFact, StepResult,
    engine::RunProblem,
    world::{Process, Seen},
};

/// The way that containerd goes for the image.
#[derive(Serialize)]
pub struct Runtime {
    /// The registry, as containerd asks it.
    #[serde(skip)]
    pub(super) host: Host,
    /// How many other hosts it asks; `None` for none.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) others: Option<usize>,
    /// Where there are others, the hosts that it asks which image it is, in its order.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub(super) hosts: Vec<String>,
    /// The file or directory that decides.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) file: Option<String>,
    /// The configuration of containerd, if there is one.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) config: Option<String>,
    /// How the configuration was seen.
    pub(super) seen: Seen,
    /// The version of containerd, if it is known.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) version: Option<String>,
    /// After how many seconds without a byte it ends a pull: 0 for never, `None` if that is not known.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) stall_limit: Option<u64>,
    /// The directory in which containerd keeps what it pulls.
    #[serde(skip)]
    pub(super) root: String,
    /// Whether containerd keeps a layer that it has unpacked.
    #[serde(skip)]
    pub(super) keeps_layers: bool,
    /// Whether containerd can pull images of schema 1, if that is known.
    #[serde(skip)]
    pub(super) takes_schema1: Option<bool>,
    /// The running containerd, if it was found.
    #[serde(skip)]
    pub(super) process: Option<Process>,
    /// Whether containerd has proxies.
    #[serde(skip)]
    pub(super) has_proxies: bool,
    /// All hosts, where there are others than the registry.
    #[serde(skip)]
    pub(super) list: Option<Rc<List>>,
}

/// Returns the registry as containerd asks it.
pub fn host(runtime: &Runtime) -> StepResult<Host> {
    Ok(runtime.host.clone())
}

/// That a pull on this node may need a proxy.
pub struct Proxied;

/// Returns that a pull on this node may need a proxy, if containerd has any.
pub fn proxied(runtime: &Runtime) -> StepResult<Proxied> {
    runtime.has_proxies.then_some(Proxied).ok_or_else(|| NoFact::skipped(RunProblem::LeftOut {}))
}

/// Returns the hosts that containerd asks, if there are others than the registry.
pub fn hosts(runtime: &Runtime) -> StepResult<Rc<List>> {
    runtime.list.clone().ok_or_else(|| NoFact::skipped(RunProblem::LeftOut {}))
}
