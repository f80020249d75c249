//! Starts a world: every part of it on loopback, and the routes from the addresses that the client
//! sees to the actual ones.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use crate::Error;
use crate::asker::{cluster_config, docker_config, environment, files};
use crate::azure::{ControlPlane, Linked};
use crate::certificates::Certificates;
use crate::dns::{self, Faulty, Records, Source};
use crate::gate::Port;
use crate::held::Held;
use crate::host::Listener;
use crate::images::images;
use crate::kubernetes::{Agent, Cluster};
use crate::node::Disk;
use crate::port::{ANYWHERE, bind, black_hole, refuse};
use crate::program;
use crate::proxy::Proxy;
use crate::registry::World;
use crate::relay::Relay;
use crate::scenario::{Scenario, address};
use crate::secrets::{PROXY_USER, Secrets};
use crate::settings::{Host, HostFault, Role};

/// Where real clients find the registry and the data host, if these ports are free.
const REGISTRY_PORT: u16 = 5443;
const DATA_PORT: u16 = 5444;

/// The address of the metadata service on machines in a cloud.
const METADATA: IpAddr = IpAddr::V4(Ipv4Addr::new(169, 254, 169, 254));

/// An address that the system has no TCP route to: connecting fails before any packet is sent.
const NOWHERE: Ipv4Addr = Ipv4Addr::BROADCAST;

/// A running world. It stops when it is dropped.
#[derive(Debug)]
pub struct Lab {
    /// The client's name servers, in order.
    pub name_servers: Vec<SocketAddr>,
    /// Maps each address that the client sees to the one where it actually listens. Every address
    /// in an answer of a name server has an entry, for the usual ports and those of the hosts, so
    /// that nothing ever leaves loopback. The map is empty in a world that listens at the addresses
    /// that the client sees.
    pub routes: HashMap<SocketAddr, SocketAddr>,
    /// The certificate authority that the client trusts.
    pub ca_pem: String,
    /// The number of seconds that the client's clock is ahead of the world's.
    pub clock_ahead: i64,
    /// The text of the client's docker `config.json`; `None` for an anonymous client.
    pub docker_config: Option<String>,
    /// The client's environment.
    pub environment: BTreeMap<String, String>,
    /// More files of the client, by path.
    pub files: BTreeMap<String, String>,
    /// The disks of the node that it runs on.
    pub disk: Disk,
    /// The real files of programs, by the paths that the client sees.
    pub programs: BTreeMap<String, PathBuf>,
    /// Everything that no output may contain. Each entry contains [`CANARY`](crate::CANARY) (an
    /// encoded one once decoded), or is a signed token or the beginning of one.
    pub secrets: Vec<String>,
    /// The address where the registry actually listens.
    pub registry: SocketAddr,
    /// The address where the data host actually listens.
    pub data: SocketAddr,
    cluster: Arc<Cluster>,
    held: Held,
}

impl Lab {
    /// Moves the name servers and every host that accepts connections to that distance.
    ///
    /// # Errors
    /// Returns an error when the system refuses a socket.
    pub async fn move_away(&mut self, round_trip: Duration) -> Result<(), Error> {
        for seen in self.name_servers.iter().chain(&self.held.open) {
            if let Some(route) = self.routes.get_mut(seen) {
                let relay = Relay::new(*route, round_trip);
                *route = relay.open(&mut self.held.tasks).await?;
                self.held.relays.insert(*seen, relay);
            }
        }
        Ok(())
    }

    /// Sets what runs in the pods of the cluster.
    pub fn set_agent(&self, agent: Agent) {
        self.cluster.set_agent(agent);
    }

    /// Returns the names of the objects that are in the cluster: `jobs/NAME`.
    #[must_use]
    pub fn left_in_cluster(&self) -> Vec<String> {
        self.cluster.left()
    }

    /// Returns every object that was ever created in the cluster, as text.
    #[must_use]
    pub fn created_in_cluster(&self) -> Vec<String> {
        self.cluster.history()
    }

    /// Returns the number of connections to each address since it was moved away, by the addresses
    /// that the client sees.
    pub fn connections(&self) -> BTreeMap<SocketAddr, usize> {
        let count = |relay: &Relay| relay.connections.load(Ordering::Relaxed);
        self.held.relays.iter().map(|(seen, relay)| (*seen, count(relay))).collect()
    }
}

/// Starts a world for a client that takes its name servers, routes, roots and clock from the
/// [`Lab`].
///
/// # Errors
/// Returns an error when the system refuses a socket or the scenario contains an invalid address.
pub async fn start(scenario: &Scenario) -> Result<Lab, Error> {
    build(scenario, Where::Apart).await
}

/// Starts a world for real clients, which reach the registry at [`Lab::registry`] and find the data
/// host by its address, not by name.
///
/// # Errors
/// Returns an error when the system refuses a socket or the scenario contains an invalid address.
pub async fn serve(scenario: &Scenario) -> Result<Lab, Error> {
    build(scenario, Where::ForClients).await
}

/// Starts a world whose name servers and hosts listen at the exact addresses and ports that the
/// client sees, for a client in a network that has these [`addresses`]: it needs no
/// [`Lab::routes`].
///
/// # Errors
/// Returns an error when the system refuses a socket or the scenario contains an invalid address.
pub async fn start_as_seen(scenario: &Scenario) -> Result<Lab, Error> {
    build(scenario, Where::AsSeen).await
}

/// Returns every address of a world that the client sees: of name servers, of hosts, and in the
/// answers of name servers. Addresses without a route on the client's system are left out: they
/// must not exist.
///
/// # Errors
/// Returns an error when the scenario contains an invalid address or record.
pub fn addresses(scenario: &Scenario) -> Result<Vec<IpAddr>, Error> {
    let zones = ControlPlane::new(scenario).zones();
    let mut found = BTreeSet::from([METADATA]);
    for (seen, server) in scenario.name_servers()? {
        found.insert(seen.ip());
        let records =
            Records::read(&scenario.dns.records, &server.records).map_err(Error::Scenario)?;
        found.extend(records.addresses());
        found.extend(records.with_zones(&zones).addresses());
    }
    for name in scenario.hosts.keys() {
        found.insert(address(name, 443)?.ip());
    }
    for (name, host) in &scenario.hosts {
        if host.fault == HostFault::NoRoute {
            found.remove(&address(name, 443)?.ip());
        }
    }
    Ok(found.into_iter().collect())
}

/// Where the parts of a world listen.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Where {
    /// On loopback, at any port.
    Apart,
    /// On loopback, at the ports that real clients are told.
    ForClients,
    /// At the addresses that the client sees.
    AsSeen,
}

impl Where {
    /// Returns the actual address for one that the client sees.
    fn of(self, seen: SocketAddr) -> SocketAddr {
        if self == Self::AsSeen { seen } else { ANYWHERE }
    }
}

async fn build(scenario: &Scenario, place: Where) -> Result<Lab, Error> {
    let real_clients = place == Where::ForClients;
    // The keys are generated here and not during a first request, which may be timed.
    images();
    let mut held = Held::default();
    let azure = Arc::new(ControlPlane::new(scenario));
    let mut routes = HashMap::new();
    let mut addresses = BTreeSet::new();
    let mut names = BTreeSet::from([
        scenario.registry.login_server.clone(),
        scenario.registry.data_host.clone(),
        "localhost".to_owned(),
        Ipv4Addr::LOCALHOST.to_string(),
    ]);

    // Where no name server knows a name, a proxy may.
    let known = Records::read(&scenario.dns.records, &BTreeMap::new()).map_err(Error::Scenario)?;
    names.extend(known.names().map(str::to_owned));
    for (address, server) in scenario.name_servers()? {
        let records =
            Records::read(&scenario.dns.records, &server.records).map_err(Error::Scenario)?;
        let source = Source { records, azure: server.zones.then(|| Arc::clone(&azure)) };
        for records in [&source.records, &*source.now()] {
            names.extend(records.names().map(str::to_owned));
            addresses.extend(records.addresses());
        }
        let faulty = Faulty { fault: server.fault, only: server.fault_for };
        let real = dns::listen(source, faulty, place.of(address), &mut held).await?;
        routes.insert(address, real);
    }

    let (nowhere, closed) = refuse(ANYWHERE)?;
    held.closed.push(closed);
    let places = take_places(scenario, place, &azure, &mut held).await?;
    routes.extend(places.iter().map(|place| (place.seen, place.real)));
    let first = |role| places.iter().find(|place| place.host.role == role);
    let registry = first(Role::Registry).map_or(nowhere, |place| place.real);
    let data = first(Role::Data).map_or(nowhere, |place| place.real);

    // All other addresses in DNS refuse connections on loopback.
    let mut ports = BTreeSet::from([80, 443]);
    ports.extend(places.iter().map(|place| place.seen.port()));
    ports.extend(port_of(&scenario.ask.image));
    for ip in addresses {
        for port in &ports {
            routes.entry(SocketAddr::new(ip, *port)).or_insert(nowhere);
        }
    }

    // Clouds have a metadata service. If this world has none, no client may reach that of the host
    // machine.
    routes.entry(SocketAddr::new(METADATA, 80)).or_insert(nowhere);

    let plain = first(Role::Data).is_some_and(|place| place.host.fault == HostFault::Plain);
    let data_host =
        if real_clients { data.to_string() } else { scenario.registry.data_host.clone() };
    let data_url = format!("{}://{data_host}", if plain { "http" } else { "https" });
    let world = Arc::new(World::new(scenario, data_url, azure));
    let mirrors = mirrors(scenario, &world)?;
    let login_server = &scenario.registry.login_server;
    let fill = |text: &str| world.secrets.fill(text, login_server);
    let cluster = Cluster::new(&scenario.kubernetes, fill);
    let proxy = Arc::new(proxy(scenario, &routes, &world.azure.zones(), &world.secrets)?);
    let certificates = Certificates::new(names.into_iter().collect())?;
    let (kubeconfig, keys) = cluster_config(scenario, &certificates)?;
    let secrets = world.secrets.all().into_iter().chain(keys).collect();
    world.azure.set_kubeconfig(kubeconfig);
    for Place { seen, host, port, .. } in places {
        let Some(port) = port else { continue };
        let tls = certificates.config(host.certificate, host.http)?;
        held.open.push(seen);
        let world = Arc::clone(mirrors.get(&seen).unwrap_or(&world));
        let (proxy, cluster) = (Arc::clone(&proxy), Arc::clone(&cluster));
        Listener { seen, host, world, tls, proxy, cluster }.start(port, &mut held.tasks);
    }

    let login_servers = if real_clients {
        vec![registry.to_string(), format!("localhost:{}", registry.port())]
    } else {
        vec![scenario.registry.login_server.clone()]
    };
    if place == Where::AsSeen {
        routes.clear();
    }
    let script = world.secrets.fill(&scenario.node.provider_script, login_server);
    let programs = program::write(&mut held.programs, scenario.node.programs(&script))?;
    Ok(Lab {
        name_servers: scenario.client_servers()?,
        routes,
        ca_pem: certificates.ca_pem(),
        clock_ahead: scenario.clock.ahead,
        docker_config: docker_config(scenario, &world.secrets, &login_servers),
        environment: environment(scenario, &world.secrets),
        programs,
        files: files(scenario, &world.secrets, &certificates),
        disk: scenario.node.disk(),
        secrets,
        registry,
        data,
        cluster,
        held,
    })
}

/// Returns the state of each mirror, by its address.
fn mirrors(scenario: &Scenario, world: &World) -> Result<HashMap<SocketAddr, Arc<World>>, Error> {
    let mirrors = scenario.mirrors.iter().map(|(name, registry)| {
        let scenario = Scenario { registry: registry.clone(), ..scenario.clone() };
        let (data_url, azure) = (world.data_url.clone(), Arc::clone(&world.azure));
        Ok((address(name, 443)?, Arc::new(World::new(&scenario, data_url, azure))))
    });
    mirrors.collect()
}

/// Returns the names that the proxies resolve: those of the name servers, unless the scenario
/// overrides them.
fn proxy(
    scenario: &Scenario,
    routes: &HashMap<SocketAddr, SocketAddr>,
    zones: &Linked,
    secrets: &Secrets,
) -> Result<Proxy, Error> {
    let records =
        Records::read(&scenario.dns.records, &BTreeMap::new()).map_err(Error::Scenario)?;
    let records = records.with_zones(zones);
    let mut leads = HashMap::new();
    for name in records.names() {
        for ip in records.addresses_of(name) {
            let ports = routes.keys().filter(|seen| seen.ip() == ip).map(SocketAddr::port);
            let really = ports.filter_map(|port| Some((port, *routes.get(&(ip, port).into())?)));
            leads.extend(really.map(|(port, real)| (format!("{name}:{port}"), real)));
        }
    }
    for (asked, seen) in &scenario.proxy.leads {
        let unknown = || Error::Scenario(format!("proxy.leads: nothing listens at {seen}"));
        let real = routes.get(&address(seen, 443)?).ok_or_else(unknown)?;
        leads.insert(asked.clone(), *real);
    }
    let user = format!("{PROXY_USER}:{}", secrets.proxy_password);
    Ok(Proxy { answer: scenario.proxy.answer, leads, user })
}

/// A host and its port, before it accepts connections.
struct Place {
    seen: SocketAddr,
    real: SocketAddr,
    host: Host,
    /// None for a host that never accepts a connection.
    port: Option<Port>,
}

async fn take_places(
    scenario: &Scenario,
    place: Where,
    azure: &ControlPlane,
    held: &mut Held,
) -> Result<Vec<Place>, Error> {
    let mut places = Vec::new();
    for (name, host) in &scenario.hosts {
        let seen = address(name, 443)?;
        let (real, port) = match host.fault {
            HostFault::Refuse => {
                let (real, closed) = refuse(place.of(seen))?;
                held.closed.push(closed);
                (real, None)
            }
            HostFault::Blackhole => {
                let (real, hole) = black_hole(place.of(seen)).await?;
                held.holes.push(hole);
                (real, None)
            }
            HostFault::NoRoute if place == Where::AsSeen => (seen, None),
            HostFault::NoRoute => (SocketAddr::new(NOWHERE.into(), seen.port()), None),
            _ if host.role.is_gated() && !azure.arrives(seen.ip()) => {
                let (real, port) = Port::shut(place.of(seen)).await?;
                (real, Some(port))
            }
            _ => {
                let mut wanted = place.of(seen);
                match host.role {
                    Role::Registry if place == Where::ForClients => wanted.set_port(REGISTRY_PORT),
                    Role::Data if place == Where::ForClients => wanted.set_port(DATA_PORT),
                    _ => {}
                }
                let listener = bind(wanted).await?;
                (listener.local_addr()?, Some(Port::Open(listener)))
            }
        };
        places.push(Place { seen, real, host: *host, port });
    }
    Ok(places)
}

/// Returns the port of an image reference.
fn port_of(image: &str) -> Option<u16> {
    image.split('/').next()?.rsplit_once(':')?.1.parse().ok()
}
