//! What the data path observed, for the steps that look at Azure's control plane.

use std::{net::IpAddr, rc::Rc};

use crate::{
    dns::Names,
    identity::Identity,
    kit::{NoFact, StepResult, engine::Finding, net::Connected},
    layer::Downloaded,
    manifest::{Manifest, PlatformImage},
    registry::RegistryChallenge,
    token::{RefreshToken, Session},
};

/// What was seen of one host of the registry: what DNS said of it, and whether it was reached.
pub struct HostSeen {
    /// The host.
    pub host: String,
    /// What DNS said.
    pub answer: DnsAnswer,
    /// Whether it answered as a registry, or gave the bytes of a layer.
    pub is_reached: bool,
}

/// What DNS said of a host.
pub enum DnsAnswer {
    /// The addresses that were known first.
    Addresses(Vec<IpAddr>),
    /// The private DNS zone that answers has no such record.
    Denied {
        /// The record.
        record: String,
    },
}

/// How a step ended: with its fact, or why there is none.
pub type Settled<T> = Rc<StepResult<Rc<T>>>;

/// How each step of the data path ended that the control plane may explain.
pub struct DataPath {
    /// The addresses of the registry.
    pub names: Settled<Names>,
    /// The connection to the registry.
    pub connected: Settled<Connected>,
    /// The registry's challenge.
    pub challenge: Settled<RegistryChallenge>,
    /// Who signs in.
    pub identity: Settled<Identity>,
    /// The refresh token of an Entra identity.
    pub exchange: Settled<RefreshToken>,
    /// The session with the registry.
    pub session: Settled<Session>,
    /// The manifest.
    pub manifest: Settled<Manifest>,
    /// The image for the platform.
    pub platform: Settled<PlatformImage>,
    /// The addresses of the host that serves the layers.
    pub layer_names: Settled<Names>,
    /// The connection to that host.
    pub layer_connected: Settled<Connected>,
    /// The bytes of a layer.
    pub layer: Settled<Downloaded>,
}

/// What the nodes of a cluster told of their pulls.
#[derive(Clone, Debug, Default)]
pub struct FromNodes {
    /// Whether all of them can pull.
    pub all_work: bool,
    /// What failed, with its step.
    pub failed: Vec<(String, Finding)>,
    /// The service account that signs in for a pod in place of its node, where one does.
    pub account: Option<AccountSignIn>,
}

/// A service account whose token is exchanged for one of an Azure identity.
#[derive(Clone, Debug, PartialEq)]
pub struct AccountSignIn {
    /// The client id of the identity that it names.
    pub client_id: String,
    /// Its name in a token: `system:serviceaccount:NAMESPACE:NAME`.
    pub subject: String,
    /// The audience of the token.
    pub audience: String,
    /// Its namespace.
    pub namespace: String,
}

impl DataPath {
    /// Returns what is known of a pull that others tried: how it failed.
    pub fn of_nodes(nodes: &FromNodes) -> Self {
        let failed = &nodes.failed;
        Self {
            names: told(failed, "dns"),
            connected: told(failed, "tcp"),
            challenge: told(failed, "challenge"),
            identity: told(failed, "identity"),
            exchange: told(failed, "exchange"),
            session: told(failed, "token"),
            manifest: told(failed, "manifest"),
            platform: told(failed, "platform"),
            layer_names: told(failed, "layer-dns"),
            layer_connected: told(failed, "layer-tcp"),
            layer: told(failed, "layer"),
        }
    }

    /// Returns whether the pull works: bytes of a layer are here, or, where no image was named, the
    /// sign-in worked.
    pub fn works(&self) -> bool {
        let is_image =
            self.session.as_ref().as_ref().is_ok_and(|session| session.image().is_some());
        if is_image { self.layer.is_ok() } else { self.session.is_ok() }
    }

    /// Returns what was seen of each host of the registry that a private endpoint may lead to.
    pub fn hosts(&self) -> Vec<HostSeen> {
        let front = seen(&self.names, self.challenge.is_ok());
        front.into_iter().chain(seen(&self.layer_names, self.layer.is_ok())).collect()
    }

    /// Returns the finding with which the pull failed: that of the first step that did.
    pub fn failure(&self) -> Option<&Finding> {
        let failures = [
            failure(&self.challenge),
            failure(&self.exchange),
            failure(&self.session),
            failure(&self.manifest),
            failure(&self.platform),
            failure(&self.layer),
        ];
        failures.into_iter().flatten().next()
    }

    /// Returns the finding of a host of the registry to which no connection came about.
    pub fn unreached(&self) -> Option<&Finding> {
        failure(&self.connected).or_else(|| failure(&self.layer_connected))
    }

    /// Returns the client's address as the registry saw it when its network rules refused a request.
    pub fn refused_address(&self) -> Option<IpAddr> {
        let [challenge, exchange, session, manifest] = [
            failure(&self.challenge),
            failure(&self.exchange),
            failure(&self.session),
            failure(&self.manifest),
        ];
        let failures = [challenge, exchange, session, manifest].into_iter().flatten();
        let mut seen = failures.filter_map(|finding| finding.evidence.get("client_ip")?.as_str());
        seen.find_map(|address| address.parse().ok())
    }
}

/// Returns how a step of others ended, as far as they told it.
fn told<T>(failed: &[(String, Finding)], step: &str) -> Settled<T> {
    let found = failed.iter().find(|(of, _)| of == step);
    Rc::new(Err(found.map_or(NoFact::LeftOut, |(_, finding)| NoFact::Failed(finding.clone()))))
}

/// Returns the finding with which a step failed.
fn failure<T>(settled: &Settled<T>) -> Option<&Finding> {
    match &**settled {
        Err(NoFact::Failed(finding)) => Some(finding),
        _ => None,
    }
}

/// Returns what was seen of a host; `None` where DNS said nothing, or nothing of a private endpoint.
fn seen(names: &Settled<Names>, is_reached: bool) -> Option<HostSeen> {
    if let Ok(names) = &**names {
        let (host, answer) = (names.host.name.clone(), DnsAnswer::Addresses(names.first.clone()));
        return Some(HostSeen { host, answer, is_reached });
    }
    let text = |name| Some(failure(names)?.evidence.get(name)?.as_str()?.to_owned());
    let answer = DnsAnswer::Denied { record: text("record")? };
    Some(HostSeen { host: text("host")?, answer, is_reached: false })
}
