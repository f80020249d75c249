//! Resolves names as the world says, for clients that connect by themselves: that of Azure Resource
//! Manager and that of the Kubernetes API.

use std::{
    collections::HashMap,
    net::{IpAddr, SocketAddr},
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use hickory_resolver::{
    Resolver, TokioResolver,
    config::{ConnectionConfig, NameServerConfig, ResolveHosts, ResolverConfig, ResolverOpts},
    lookup::Lookup,
    net::{NetError, runtime::TokioRuntimeProvider},
    proto::rr::{Name, RData, RecordType},
};
use reqwest::dns::{Addrs, Resolve, Resolving};
use tokio::time::{Instant, timeout};

use super::{DNS_WAIT, Fault, dns::static_addresses};
use crate::kit::world::World;

/// How long one name server may take before it is asked again.
const SERVER_WAIT: Duration = Duration::from_secs(2);

/// One name that was looked up, to be recorded as an event.
#[derive(Debug)]
pub(in crate::kit) struct LookedUp {
    pub(in crate::kit) name: String,
    pub(in crate::kit) addresses: Result<Vec<IpAddr>, Fault>,
    pub(in crate::kit) took: Duration,
}

/// A resolver for the names of one client.
#[derive(Clone)]
pub(in crate::kit) struct WorldResolver(Arc<Inner>);

struct Inner {
    resolver: TokioResolver,
    /// By the names in URLs: the name that is looked up, its port, and its addresses if they need no
    /// query.
    names: HashMap<String, (String, u16, Option<Vec<IpAddr>>)>,
    routes: HashMap<SocketAddr, SocketAddr>,
    lookups: Mutex<Vec<LookedUp>>,
}

impl WorldResolver {
    /// Returns a resolver for these names of URLs, each with the name that is looked up for it and
    /// its port.
    pub(in crate::kit) fn new(world: &World, names: &[(&str, &str, u16)]) -> Result<Self, Fault> {
        let other = |error: &dyn std::fmt::Display| Fault::Other(error.to_string());
        let servers = world.name_servers.iter().map(|server| {
            let server = world.route(*server);
            let mut connections = vec![ConnectionConfig::udp(), ConnectionConfig::tcp()];
            connections.drain(..usize::from(world.resolver.use_tcp));
            connections.iter_mut().for_each(|connection| connection.port = server.port());
            NameServerConfig::new(server.ip(), true, connections)
        });
        let search = world.search.iter().filter_map(|suffix| Name::from_utf8(suffix).ok());
        let config = ResolverConfig::from_parts(None, search.collect(), servers.collect());
        let mut options = ResolverOpts::default();
        options.ndots = world.ndots;
        options.timeout = SERVER_WAIT;
        options.attempts = 1;
        // The hosts file is that of the world.
        options.use_hosts_file = ResolveHosts::Never;
        options.num_concurrent_reqs = world.name_servers.len().max(1);
        let resolver = Resolver::builder_with_config(config, TokioRuntimeProvider::default())
            .with_options(options);
        let names = names.iter().map(|(url, name, port)| {
            let known = static_addresses(world, name);
            ((*url).to_owned(), ((*name).to_owned(), *port, known))
        });
        Ok(Self(Arc::new(Inner {
            resolver: resolver.build().map_err(|error| other(&error))?,
            names: names.collect(),
            routes: world.routes.clone(),
            lookups: Mutex::default(),
        })))
    }

    /// Returns the lookups since the last call.
    pub(in crate::kit) fn take(&self) -> Vec<LookedUp> {
        std::mem::take(&mut *self.0.lookups.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

impl Inner {
    async fn addresses(&self, name: &str) -> Result<Vec<SocketAddr>, Fault> {
        // The client asks for the names of its own hosts only.
        let (name, port, known) = self.names.get(name).ok_or(Fault::NoAddress)?;
        let addresses = match known {
            Some(addresses) => addresses.clone(),
            None => self.look_up(name).await?,
        };
        // Where the URL names no port, the client connects to the port that is returned here
        // (hyper-util, client/legacy/connect/http.rs, `set_port`).
        let routed = addresses.into_iter().map(|address| {
            let address = SocketAddr::new(address, *port);
            self.routes.get(&address).copied().unwrap_or(address)
        });
        Ok(routed.collect())
    }

    async fn look_up(&self, name: &str) -> Result<Vec<IpAddr>, Fault> {
        let began = Instant::now();
        let v4 = self.resolver.lookup(name, RecordType::A);
        let v6 = self.resolver.lookup(name, RecordType::AAAA);
        let both = timeout(DNS_WAIT, Box::pin(futures::future::join(v4, v6))).await;
        let addresses = both.map_err(|_| Fault::TimedOut).and_then(|(v4, v6)| {
            let answers = [&v4, &v6].into_iter().flatten().flat_map(Lookup::answers);
            let addresses: Vec<IpAddr> = answers
                .filter_map(|record| match &record.data {
                    RData::A(address) => Some(IpAddr::V4(address.0)),
                    RData::AAAA(address) => Some(IpAddr::V6(address.0)),
                    _ => None,
                })
                .collect();
            match v4 {
                _ if !addresses.is_empty() => Ok(addresses),
                Err(NetError::Timeout) => Err(Fault::TimedOut),
                _ => Err(Fault::NoAddress),
            }
        });
        let lookup =
            LookedUp { name: name.to_owned(), addresses: addresses.clone(), took: began.elapsed() };
        self.lookups.lock().unwrap_or_else(PoisonError::into_inner).push(lookup);
        addresses
    }
}

impl Resolve for WorldResolver {
    fn resolve(&self, name: reqwest::dns::Name) -> Resolving {
        let inner = self.0.clone();
        Box::pin(async move {
            let found = inner.addresses(name.as_str()).await;
            let found = found.map_err(Box::<dyn std::error::Error + Send + Sync>::from)?;
            Ok(Box::new(found.into_iter()) as Addrs)
        })
    }
}
