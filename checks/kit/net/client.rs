//! A reqwest client that resolves names, uses proxies and trusts certificates as the world says: for
//! services that are asked rather than diagnosed. It follows no redirects and repeats nothing.

use std::{rc::Rc, time::Duration};

use reqwest::Client;
use rustls::ClientConfig;
use serde_json::json;

use super::{ConnectError, Fault, Stage, resolver::WorldResolver};
use crate::kit::{
    engine::{Cx, Exchange},
    target::Host,
    world::{Proxy, ProxyDecision, World},
};

/// How long connecting may take: name, address, proxy and TLS together.
pub(in crate::kit) const CONNECT_WAIT: Duration = Duration::from_secs(12);

/// The connections to one host.
pub(in crate::kit) struct WorldClient {
    pub(in crate::kit) http: Client,
    /// The proxy that it is reached through.
    pub(in crate::kit) proxy: Option<Rc<Proxy>>,
    resolver: WorldResolver,
}

impl WorldClient {
    /// Returns a client for that host. `as_name` is the name that stands in its URLs. It connects
    /// when it is first used.
    pub(in crate::kit) fn new(
        world: &World,
        (host, as_name): (&Host, &str),
        route: ProxyDecision,
        tls: ClientConfig,
    ) -> Result<Self, ConnectError> {
        let at = |stage, fault| ConnectError { stage, fault, certain: false };
        let proxy = match route {
            ProxyDecision::Direct | ProxyDecision::Exempt(_) => None,
            ProxyDecision::Nowhere(variable) => {
                return Err(at(Stage::Proxy, Fault::Other(variable.to_owned())));
            }
            ProxyDecision::Through(proxy) if proxy.is_socks() => {
                return Err(at(Stage::Proxy, Fault::Other("socks".to_owned())));
            }
            ProxyDecision::Through(proxy) => Some(proxy),
        };
        let mut names = vec![(as_name, host.name.as_str(), host.port)];
        names.extend(proxy.iter().map(|proxy| {
            let (name, port) = (proxy.url.host.as_str(), proxy.url.port);
            (name, name, port)
        }));
        let resolver = WorldResolver::new(world, &names);
        let resolver = resolver.map_err(|fault| at(Stage::Dns, fault))?;
        let builder = Client::builder()
            .tls_backend_preconfigured(tls)
            .dns_resolver(resolver.clone())
            // Only the world says which proxy there is.
            .no_proxy()
            .no_gzip()
            .no_brotli()
            .no_deflate()
            .no_zstd()
            .redirect(reqwest::redirect::Policy::none())
            .retry(reqwest::retry::never())
            .referer(false)
            .connect_timeout(CONNECT_WAIT)
            .user_agent(concat!("check-acr/", env!("CARGO_PKG_VERSION")));
        let built = match &proxy {
            None => builder.build(),
            Some(proxy) => as_reqwest(world, proxy).and_then(|proxy| builder.proxy(proxy).build()),
        };
        let http = built.map_err(|error| at(Stage::Tls, Fault::Other(error.to_string())))?;
        Ok(Self { http, proxy, resolver })
    }

    /// Records the names that were looked up since the last call.
    pub(in crate::kit) fn record_lookups(&self, cx: &Cx) {
        let servers = cx.world.name_servers.iter().map(ToString::to_string);
        let servers = servers.collect::<Vec<_>>().join(", ");
        for lookup in self.resolver.take() {
            let addresses = lookup.addresses.as_ref().ok().map(|found| json!(found));
            cx.exchanged(Exchange {
                to: &servers,
                request: &format!("A, AAAA {}", lookup.name),
                response: lookup.addresses.as_ref().map_or_else(Fault::word, |_| "NOERROR"),
                details: addresses
                    .map(|found| ("addresses".to_owned(), found))
                    .into_iter()
                    .collect(),
                took: lookup.took,
            });
        }
    }
}

/// Returns the proxy as reqwest takes it. The URL of a proxy with a name has no port: the resolver
/// returns it with the address.
fn as_reqwest(world: &World, proxy: &Proxy) -> reqwest::Result<reqwest::Proxy> {
    let (scheme, host) = (proxy.url.scheme.as_str(), proxy.url.host.as_str());
    let scheme = if scheme == "https" { "https" } else { "http" };
    let url = match host.parse() {
        Ok(address) => {
            let address = std::net::SocketAddr::new(address, proxy.url.port);
            format!("{scheme}://{}", world.route(address))
        }
        Err(_) => format!("{scheme}://{host}"),
    };
    let made = reqwest::Proxy::all(url)?;
    Ok(match proxy.header() {
        Some(credentials) => made.custom_http_auth(credentials),
        None => made,
    })
}

/// One attempt that gave no response, and why.
pub(in crate::kit) struct NoResponse {
    pub(in crate::kit) fault: Fault,
    /// Whether there was no connection yet.
    pub(in crate::kit) is_connect: bool,
}

impl NoResponse {
    /// Returns the fault behind an error of reqwest.
    pub(in crate::kit) fn of(error: &reqwest::Error) -> Self {
        let fault = if error.is_timeout() { Fault::TimedOut } else { Fault::of(error) };
        Self { fault, is_connect: error.is_connect() }
    }
}
