//! The contents of a scenario file, and how it is merged into the healthy one.

use std::collections::BTreeMap;
use std::net::{IpAddr, SocketAddr};

use serde::Deserialize;
use toml::{Table, Value};

use crate::azure::Azure;
use crate::dns::Records;
use crate::identity::{Entra, Imds};
use crate::kubernetes::Kubernetes;
use crate::node::Node;
use crate::settings::{Answer, Data, Dns, Host, NameServer, Proxy, Registry};
use crate::{Error, scenarios};

/// A world and what must be found in it.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Scenario {
    /// The description for people.
    pub story: Story,
    /// The target and how the client signs in.
    pub ask: Ask,
    /// The node that the client runs on.
    pub node: Node,
    /// The client's clock.
    pub clock: Clock,
    /// The name servers.
    pub dns: Dns,
    /// The hosts, by `ADDRESS` or `ADDRESS:PORT`.
    pub hosts: BTreeMap<String, Host>,
    /// The registry.
    pub registry: Registry,
    /// The mirrors of the registry, by their names in `hosts`.
    pub mirrors: BTreeMap<String, Registry>,
    /// The data host.
    pub data: Data,
    /// Entra ID.
    pub entra: Entra,
    /// The machine's metadata service.
    pub imds: Imds,
    /// The Azure control plane.
    pub azure: Azure,
    /// The proxies.
    pub proxy: Proxy,
    /// The Kubernetes cluster.
    pub kubernetes: Kubernetes,
    /// The nodes and pods that look, each in a world of its own. Where none is named, the client looks
    /// from its own machine, into the world of this scenario.
    #[serde(skip)]
    pub views: Vec<View>,
    /// The expected result.
    pub expect: Expect,
}

/// One vantage of a scenario with several.
#[derive(Debug, Clone)]
pub struct View {
    /// The vantage: `node/NAME`, `pod-network/NAME` or `here`.
    pub from: String,
    /// The labels of the node.
    pub labels: BTreeMap<String, String>,
    /// What the world is from there: a difference from this scenario, or from that which it extends.
    pub world: Scenario,
}

/// One or two sentences for people.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Story {
    /// In English.
    pub en: String,
    /// In Korean.
    pub ko: String,
    /// The failure mode that this world is, if it is one.
    #[serde(default)]
    pub mode: Option<String>,
}

/// The target and how the client signs in.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Ask {
    /// The image, as typed.
    pub image: String,
    /// The command; the check from here if empty.
    #[serde(default)]
    pub command: String,
    /// More arguments for the command line.
    #[serde(default)]
    pub args: Vec<String>,
    /// The credentials of the client.
    pub sign_in: SignIn,
    /// More files of the client, or files that replace its docker config. These placeholders stand
    /// for parts of a valid sign-in: `$AUTH` (base64 of user and password), `$LINE` (base64 of the
    /// same with a line ending), `$TWICE` (`$AUTH` encoded once more), `$WRONG` (with another
    /// password), `$TOKEN` (a refresh token), and `$CONFIG` for base64 of a config that contains
    /// all of it.
    #[serde(default)]
    pub files: BTreeMap<String, String>,
    /// Whether the client runs in a pod, as far as it can tell.
    #[serde(default)]
    pub in_pod: bool,
    /// The client's environment. `PROXY-PASSWORD` in a value stands for the password that the
    /// proxies accept, and the placeholders of files work here too.
    #[serde(default)]
    pub environment: BTreeMap<String, String>,
}

/// The credentials in the client's docker config for the registry.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum SignIn {
    /// The user and the right password.
    Password,
    /// The user and a wrong password.
    WrongPassword,
    /// A refresh token, as `az acr login` stores it.
    IdentityToken,
    /// A refresh token that expired long ago.
    StaleIdentityToken,
    /// A refresh token as the password of the all-zero user, as `az acr login --expose-token`
    /// prints it.
    ExposeToken,
    /// The same with a refresh token that expired long ago.
    StaleExposeToken,
    /// The registry's own name and some password: its admin user, which is always disabled here.
    Admin,
    /// A service principal that the tenant does not have.
    UnknownApplication,
    /// A repository-scoped token that was disabled.
    DisabledToken,
    /// No credentials.
    None,
}

/// The client's clock.
#[derive(Debug, Clone, Copy, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Clock {
    /// The number of seconds that it is ahead of the world's clock.
    pub ahead: i64,
}

/// The expected result; nothing else may be found.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
#[expect(missing_docs, reason = "they are the names of the report")]
pub struct Expect {
    pub can: String,
    pub exit: u8,
    #[serde(default)]
    pub causes: Vec<String>,
    #[serde(default)]
    pub consequences: Vec<String>,
    #[serde(default)]
    pub warnings: Vec<String>,
    #[serde(default)]
    pub could_not_tell: Vec<String>,
    #[serde(default)]
    pub blocked: Vec<String>,
    #[serde(default)]
    pub skipped: Vec<String>,
}

impl Scenario {
    /// Returns the embedded scenario of that name.
    #[must_use]
    pub fn named(name: &str) -> Option<Result<Self, Error>> {
        Some(Self::parse(scenarios::text_of(name)?))
    }

    /// Parses a scenario and merges it into the one that it extends: the healthy one, unless it
    /// names another.
    ///
    /// # Errors
    /// Returns an error when the text is not TOML, names an unknown setting, or contradicts itself.
    pub fn parse(text: &str) -> Result<Self, Error> {
        let mut settings = whole(text.parse()?, DEEPEST)?;
        let views = settings.remove("views");
        let mut scenario = Self::of(settings.clone())?;
        for (from, view) in views.and_then(|views| views.as_table().cloned()).unwrap_or_default() {
            scenario.views.push(Self::view(from, view, &settings)?);
        }
        Ok(scenario)
    }

    /// Makes a scenario of its complete settings.
    fn of(mut settings: Table) -> Result<Self, Error> {
        complete_mirrors(&mut settings);
        let scenario: Self = Value::Table(settings).try_into()?;
        scenario.check()?;
        Ok(scenario)
    }

    /// Parses one of several views: its labels, and its world as a difference.
    fn view(from: String, view: Value, settings: &Table) -> Result<View, Error> {
        let Value::Table(mut own) = view else {
            return Err(Error::Scenario(format!("views: {from} is no table")));
        };
        let labels = own.remove("labels").unwrap_or_else(|| Value::Table(Table::new()));
        let settings = if own.contains_key("extends") {
            let mut other = whole(own, DEEPEST)?;
            other.remove("views");
            other
        } else {
            let mut settings = settings.clone();
            lay_over(&mut settings, own);
            settings
        };
        Ok(View { from, labels: labels.try_into()?, world: Self::of(settings)? })
    }

    /// Finds typing errors here, where the message can name them, rather than in a running world.
    fn check(&self) -> Result<(), Error> {
        for host in self.hosts.keys().chain(self.proxy.leads.values()) {
            address(host, 443)?;
        }
        self.client_servers()?;
        for (server, told) in self.name_servers()? {
            Records::read(&self.dns.records, &told.records)
                .map_err(|why| Error::Scenario(format!("{server}: {why}")))?;
        }
        let of_manifests =
            [Answer::NotJson, Answer::WrongDigest, Answer::OtherHead, Answer::HeadForbidden];
        let only = &self.registry.only;
        let misplaced = |answer: Answer, places: &[Answer]| {
            use Answer::{HeadForbidden, Missing, NotJson, OtherHead, RefuseAll, WrongDigest};
            [HeadForbidden, Missing, NotJson, OtherHead, RefuseAll, WrongDigest].contains(&answer)
                && !places.contains(&answer)
        };
        if misplaced(self.registry.answer, &[])
            || misplaced(only.ping, &[])
            || misplaced(only.tags, &[])
            || misplaced(only.manifest, &of_manifests)
            || misplaced(only.token, &[Answer::NotJson, Answer::RefuseAll])
            || misplaced(only.exchange, &[Answer::NotJson, Answer::RefuseAll])
            || misplaced(only.blob, &[Answer::Missing])
        {
            return Err(Error::Scenario("this kind of request has no such answer".into()));
        }
        let mut named = self.registry.roles.iter().chain(&self.imds.identities);
        match named.find(|name| !self.entra.identities.contains_key(*name)) {
            Some(name) => Err(Error::Scenario(format!("entra.identities: no {name}"))),
            None => Ok(()),
        }
    }

    /// Returns the addresses of the client's name servers, in order.
    pub(crate) fn client_servers(&self) -> Result<Vec<SocketAddr>, Error> {
        let Some(order) = &self.dns.order else {
            return Ok(self.name_servers()?.into_iter().map(|(address, _)| address).collect());
        };
        let known = |name: &String| {
            if self.dns.servers.contains_key(name) {
                address(name, 53)
            } else {
                Err(Error::Scenario(format!("dns.order: no {name}")))
            }
        };
        order.iter().map(known).collect()
    }

    /// Returns all name servers, the client's and those behind them, sorted.
    pub(crate) fn name_servers(&self) -> Result<Vec<(SocketAddr, &NameServer)>, Error> {
        let servers = self.dns.servers.iter();
        let found: Result<Vec<_>, Error> =
            servers.map(|(name, server)| Ok((address(name, 53)?, server))).collect();
        let mut found = found?;
        found.sort_by_key(|(address, _)| *address);
        Ok(found)
    }
}

/// Parses `ADDRESS` or `ADDRESS:PORT`.
pub(crate) fn address(text: &str, port: u16) -> Result<SocketAddr, Error> {
    text.parse::<IpAddr>()
        .map(|ip| SocketAddr::new(ip, port))
        .or_else(|_| text.parse())
        .map_err(|_| Error::Scenario(format!("{text:?} is no address")))
}

/// The longest chain of scenarios that extend each other: a longer one is a loop.
const DEEPEST: usize = 6;

/// Returns a scenario's table with all inherited settings.
fn whole(mut own: Table, deepest: usize) -> Result<Table, Error> {
    let mut below = match own.remove("extends") {
        None => scenarios::healthy().parse()?,
        Some(Value::String(name)) if deepest > 0 => {
            let text = scenarios::text_of(&name)
                .ok_or_else(|| Error::Scenario(format!("extends: there is no {name}")))?;
            let mut other = whole(text.parse()?, deepest - 1)?;
            // What is changed may make it another failure mode.
            if let Some(story) = other.get_mut("story").and_then(Value::as_table_mut) {
                story.remove("mode");
            }
            other
        }
        Some(other) => return Err(Error::Scenario(format!("extends: not {other}"))),
    };
    lay_over(&mut below, own);
    Ok(below)
}

/// Completes the settings of each mirror: those of the registry, and what is usual for a mirror.
fn complete_mirrors(settings: &mut Table) {
    let Some(Value::Table(registry)) = settings.get("registry").cloned() else { return };
    let Some(Value::Table(mirrors)) = settings.get_mut("mirrors") else { return };
    for (_, mirror) in mirrors.iter_mut() {
        let Value::Table(own) = std::mem::replace(mirror, Value::Boolean(false)) else { continue };
        let mut whole = registry.clone();
        // What is wrong with the registry is not wrong with a mirror.
        whole.insert("answer".into(), "normal".into());
        whole.insert("only".into(), Value::Table(Table::new()));
        whole.insert("open".into(), true.into());
        whole.insert("redirect".into(), false.into());
        let namespace = registry.get("login_server").cloned();
        whole.insert("namespace".into(), namespace.unwrap_or_else(|| "".into()));
        lay_over(&mut whole, own);
        *mirror = Value::Table(whole);
    }
}

fn lay_over(below: &mut Table, above: Table) {
    for (key, value) in above {
        match (below.get_mut(&key), value) {
            (Some(Value::Table(below)), Value::Table(above)) => lay_over(below, above),
            (_, value) => drop(below.insert(key, value)),
        }
    }
}
