//! The connection over which the node's credential provider exchanges its token: it has the kubelet's
//! environment, so it may reach and trust the registry where containerd does not, and the reverse.

use std::rc::Rc;

use tokio::time::timeout;

use super::problem::{Problem, ProviderPlace};
use crate::{
    identity::EntraToken,
    kit::{
        Cx, Host, HostPurpose, NoFact, StepResult,
        net::{ConnectError, Fault, OPEN_WAIT, Stage, pool},
        world::{ProviderWay, ProxyDecision},
    },
    registry::RegistryClient,
};

/// Returns the client with which the token is exchanged: that of the pull, unless the node's credential
/// provider signs in and reaches the registry in another way.
pub(super) async fn reach(
    cx: &Cx,
    client: &Rc<RegistryClient>,
    login: &EntraToken,
    not_exchanged: impl FnOnce(Problem) -> NoFact,
) -> StepResult<Rc<RegistryClient>> {
    let way = cx.world.provider.get().filter(|_| login.provider.is_some() && !client.host.plain);
    let Some(way) = way.filter(|way| !way.is_containerds(&cx.world, &client.host)) else {
        return Ok(client.clone());
    };
    let host = Host { purpose: HostPurpose::SignIn, ..client.host.clone() };
    let late = ConnectError { stage: Stage::Tcp, fault: Fault::TimedOut, certain: false };
    let opened = timeout(OPEN_WAIT, pool::once(cx, &host)).await.unwrap_or(Err(late));
    match opened {
        Ok(connection) => Ok(Rc::new(client.on(connection))),
        Err(error) if !error.certain || !way.is_certain => {
            let at = place(way, &host, &error);
            Err(NoFact::could_not_tell(Problem::ProviderConnectionUnclear(at)))
        }
        Err(error) => {
            let at = place(way, &host, &error);
            let is_untrusted = error.stage == Stage::Tls && error.fault == Fault::Certificate;
            Err(not_exchanged(if is_untrusted {
                Problem::ProviderDoesNotTrust(at)
            } else {
                Problem::ProviderCannotConnect(at)
            }))
        }
    }
}

fn place(way: &ProviderWay, host: &Host, error: &ConnectError) -> ProviderPlace {
    let through = match way.proxies.route(host) {
        ProxyDecision::Through(proxy) => Some(proxy.to_string()),
        ProxyDecision::Nowhere(variable) => Some(variable.to_owned()),
        ProxyDecision::Direct | ProxyDecision::Exempt(_) => None,
    };
    ProviderPlace {
        host: host.to_string(),
        fault: error.fault.clone(),
        through,
        written: way.written.clone(),
        file: way.file.clone(),
        seen: way.seen,
    }
}
