//! Does the proxy that is set here let requests through to the host?
//!
//! A container runtime follows `HTTPS_PROXY` and `NO_PROXY`. A host that these variables assign to
//! a proxy is reached only through that proxy, so a direct connection would prove nothing.

mod problem;

use std::{rc::Rc, time::Duration};

use futures::stream::{FuturesUnordered, StreamExt};
use tokio::time::timeout;

use crate::kit::{
    Cx, Host, HostPurpose, NoFact, StepResult,
    azure::imds,
    net::{
        Connected, Fault, HTTP_WAIT, Route, dns, tls,
        tunnel::{Refusal, TunnelError, open},
    },
    target::is_private,
    world::{Proxy, ProxyDecision},
};
use crate::runtime::Proxied;
pub(crate) use problem::{At, Refused};
pub use problem::{Problem, Shown};

/// How long the test without the proxy may take. Its result is only a hint.
const PAST_WAIT: Duration = Duration::from_secs(3);

impl At {
    fn new(proxy: &Rc<Proxy>, host: &Host) -> Self {
        Self {
            proxy: proxy.clone(),
            variable: proxy.variable,
            host: host.name.clone(),
            endpoint: host.endpoint(),
        }
    }
}

/// Opens a tunnel to the host if a proxy is set for it.
pub async fn tunnel(cx: &Cx, host: &Host) -> StepResult<Connected> {
    if host.purpose == HostPurpose::Registry {
        look_at_the_variables(cx, host);
    }
    let proxy = match cx.world.pull_proxies().route(host) {
        ProxyDecision::Direct => {
            return Err(NoFact::skipped(Problem::NotForThis { host: host.name.clone() }));
        }
        ProxyDecision::Exempt(entry) => {
            return Err(NoFact::skipped(Problem::Exempt { host: host.name.clone(), entry }));
        }
        ProxyDecision::Nowhere(variable) => {
            return Err(Problem::UrlUnusable { variable, host: host.name.clone() }.into());
        }
        ProxyDecision::Through(proxy) => proxy,
    };
    cx.in_background(look_for_private_address(cx.clone(), proxy.clone(), host.clone()));
    match open(cx, &proxy, host).await {
        Ok(stream) => {
            let route = Route::through(proxy, host);
            Ok(Connected::new(host.clone(), route, false, Some(stream)))
        }
        Err(none) => Err(diagnose(At::new(&proxy, host), none)),
    }
}

/// Opens a tunnel to the host if containerd on this node has a proxy for it.
pub async fn tunnel_of_containerd(cx: &Cx, host: &Host, _: &Proxied) -> StepResult<Connected> {
    tunnel(cx, host).await
}

fn diagnose(at: At, none: TunnelError) -> NoFact {
    match none {
        TunnelError::NotSpoken => NoFact::could_not_tell(Problem::SocksNotSpoken(at)),
        TunnelError::Unreachable(error) => {
            let stage = error.stage;
            Problem::Unreachable { at, stage, fault: error.fault }.into()
        }
        TunnelError::NoAnswer(Fault::TimedOut) => {
            NoFact::could_not_tell(Problem::Silent { at, seconds: HTTP_WAIT.as_secs() })
        }
        TunnelError::NoAnswer(fault) => Problem::NoAnswer { at, fault }.into(),
        TunnelError::Refused(refusal) if refusal.status == 407 => {
            let shown = if at.proxy.url.credentials.is_some() { Shown::Yes } else { Shown::No };
            let wants = refusal.header("proxy-authenticate").map(str::to_owned);
            Problem::AsksForSignIn { at, shown, wants }.into()
        }
        TunnelError::Refused(refusal) => {
            let refused = refused(at, &refusal);
            match refused.status {
                500.. => Problem::CannotReachHost(refused).into(),
                _ => Problem::DeniesHost(refused).into(),
            }
        }
    }
}

fn refused(at: At, refusal: &Refusal) -> Refused {
    let said = ["x-squid-error", "via", "server"].iter().find_map(|name| refusal.header(name));
    Refused { at, status: refusal.status, said: said.map(str::to_owned) }
}

/// Warns about problems in the proxy variables themselves, whether or not the host is reachable.
fn look_at_the_variables(cx: &Cx, host: &Host) {
    for variable in &cx.world.pull_proxies().ignored {
        cx.add_finding(Problem::UrlIgnored { variable });
    }
    // On a node or in a pod, the kubelet may sign in. It then queries IMDS with this environment or
    // a similar one.
    if (cx.world.in_pod || cx.world.on_node)
        && host.acr().is_some()
        && let Some(proxy) = imds::proxy_of(&cx.world.proxies)
    {
        let variable = proxy.variable;
        cx.add_finding(Problem::ImdsNotBypassed { proxy, variable });
    }
}

/// Reports a private address of the host that completes a TLS handshake without the proxy. Such an
/// address belongs to a private endpoint, and through the proxy the registry sees the proxy's
/// address instead of this machine's. Only Azure hosts are checked, because no other host is known
/// to have private endpoints.
async fn look_for_private_address(cx: Cx, proxy: Rc<Proxy>, host: Host) {
    if host.acr().is_none() || host.plain {
        return;
    }
    let looking = async {
        let asks = dns::all_queries(&cx.world).map(|(s, f)| dns::ask(&cx, s, &host.name, f));
        let mut asks: FuturesUnordered<_> = asks.collect();
        while let Some(answer) = asks.next().await {
            let addresses = answer.heard.map(|reply| reply.addresses).unwrap_or_default();
            let private = addresses.into_iter().find(|address| is_private(*address));
            if let Some(address) = private {
                let route = Route::to((address, host.port).into());
                let stream = route.open(&cx, &host).await.ok()?;
                // An accepted connection does not prove that this is the host, so the certificate
                // decides.
                return tls::handshake(&cx, &host, stream).await.ok().map(|_| address);
            }
        }
        None
    };
    if let Ok(Some(address)) = timeout(PAST_WAIT, looking).await {
        let (at, address) = (At::new(&proxy, &host), address.to_string());
        let labels: Vec<_> = host.name.rsplitn(3, '.').take(2).collect();
        let exempt = labels.iter().rev().fold(String::new(), |all, label| format!("{all}.{label}"));
        cx.add_finding(Problem::InterceptsPrivate { at, address, exempt });
    }
}
