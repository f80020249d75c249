//! The settings of a world: name servers, hosts, registry, data host. `healthy.toml` says what each value does.

use std::collections::BTreeMap;

use serde::Deserialize;

/// The name servers.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Dns {
    /// Which servers the asker knows, in which order; all, sorted, when absent.
    pub order: Option<Vec<String>>,
    /// The servers by address.
    pub servers: BTreeMap<String, NameServer>,
    /// What they answer: name to `TTL TYPE DATA`.
    pub records: BTreeMap<String, Vec<String>>,
}

/// One name server.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct NameServer {
    /// What is wrong with it.
    #[serde(default)]
    pub fault: DnsFault,
    /// The only kind of question that shows it; all when absent.
    #[serde(default)]
    pub fault_for: Option<Family>,
    /// Laid over the records of all, for this server only.
    #[serde(default)]
    pub records: BTreeMap<String, Vec<String>>,
}

/// The kinds of questions that a fault may be limited to.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
pub enum Family {
    /// IPv4 addresses.
    A,
    /// IPv6 addresses.
    #[serde(rename = "AAAA")]
    Aaaa,
}

/// What can be wrong with a name server.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "kebab-case")]
#[expect(missing_docs, reason = "healthy.toml says what they are")]
pub enum DnsFault {
    #[default]
    None,
    Silent,
    Closed,
    Servfail,
    Refused,
    Truncate,
    Nxdomain,
    Garbage,
    WrongId,
}

/// Something that listens.
#[derive(Debug, Clone, Copy, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Host {
    /// What it is.
    pub role: Role,
    /// What is wrong below HTTP.
    #[serde(default)]
    pub fault: HostFault,
    /// What it shows in TLS.
    #[serde(default)]
    pub certificate: Certificate,
    /// What it speaks.
    #[serde(default)]
    pub http: Http,
}

/// What a host is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "kebab-case")]
#[expect(missing_docs, reason = "healthy.toml says what they are")]
pub enum Role {
    Registry,
    Data,
    Portal,
    Proxy,
    SecureProxy,
    Imds,
    Entra,
}

/// What can be wrong with a host below HTTP.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "kebab-case")]
#[expect(missing_docs, reason = "healthy.toml says what they are")]
pub enum HostFault {
    #[default]
    None,
    Refuse,
    Blackhole,
    NoRoute,
    Reset,
    Close,
    Mute,
    MuteHttp,
    Plain,
    Drip,
    Alert,
}

/// What a host shows in TLS.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Hash, Deserialize)]
#[serde(rename_all = "kebab-case")]
#[expect(missing_docs, reason = "healthy.toml says what they are")]
pub enum Certificate {
    #[default]
    Good,
    OtherName,
    Intercepted,
    SelfSigned,
    Expired,
    NotYet,
    ClientOnly,
    Mutual,
}

/// What a host speaks.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Deserialize)]
#[expect(missing_docs, reason = "healthy.toml says what they are")]
pub enum Http {
    #[default]
    #[serde(rename = "2")]
    Two,
    #[serde(rename = "1.1")]
    One,
}

/// The registry.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Registry {
    /// The host name that the credentials are for.
    pub login_server: String,
    /// Where GETs of blobs are sent.
    pub data_host: String,
    /// Whether they are sent anywhere.
    pub redirect: bool,
    /// Whether anonymous pull is on.
    pub anonymous: bool,
    /// Whether it goes about tokens as Docker Hub does.
    pub hub: bool,
    /// What the right credential may do.
    pub grants: Grants,
    /// Whether it may also list tags.
    pub list_tags: bool,
    /// The identities that have a right on it, by their names in `entra.identities`.
    pub roles: Vec<String>,
    /// The only repositories that such an identity is granted; all when empty.
    pub role_repositories: Vec<String>,
    /// The directory that it belongs to; that of `entra` when empty.
    pub tenant: String,
    /// Whether it takes tokens that are for Azure's resource manager.
    pub arm_audience: bool,
    /// Where the challenge says that tokens are issued; here, by the name that was asked, when absent.
    pub realm: Option<String>,
    /// Whether answers carry a Date header.
    pub date: bool,
    /// Seconds added to the Date header.
    pub date_ahead: i64,
    /// How requests are answered.
    pub answer: Answer,
    /// The same for one kind of request.
    pub only: Only,
    /// Repositories by name.
    pub images: BTreeMap<String, Image>,
}

/// What the right credential may do.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "kebab-case")]
#[expect(missing_docs, reason = "healthy.toml says what they are")]
pub enum Grants {
    Pull,
    None,
}

/// How requests are answered.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "kebab-case")]
#[expect(missing_docs, reason = "healthy.toml says what they are")]
pub enum Answer {
    #[default]
    #[serde(rename = "")]
    Unset,
    Normal,
    Outage,
    OutageOnce,
    BadGateway,
    ServerErrorHtml,
    Firewall,
    FirewallSettling,
    FirewallUnsettled,
    Forbidden,
    Disallowed,
    Throttled,
    ThrottledOnce,
    CacheThrottled,
    Late,
    Teapot,
    NoChallenge,
    BadChallenge,
    NoAuth,
    Html,
    RedirectLoop,
    HeaderBomb,
    GzipBomb,
    Endless,
    NotJson,
    WrongDigest,
    OtherHead,
    HeadForbidden,
    RefuseAll,
    Missing,
}

/// How one kind of request is answered.
#[derive(Debug, Clone, Copy, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
#[expect(missing_docs, reason = "the kinds of request, by name")]
pub struct Only {
    pub ping: Answer,
    pub manifest: Answer,
    pub tags: Answer,
    pub token: Answer,
    pub exchange: Answer,
    pub blob: Answer,
}

/// A repository.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Image {
    /// What each tag is.
    pub tags: BTreeMap<String, Kind>,
}

/// What a tag is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "kebab-case")]
#[expect(missing_docs, reason = "healthy.toml says what they are")]
pub enum Kind {
    Index,
    Single,
    Arm,
    Childless,
    LongConfig,
    Windows,
    WindowsSingle,
    #[serde(rename = "386")]
    I386,
    Chart,
    Signature,
    Attestations,
    Schema1,
    Schema1Unsigned,
    Absent,
}

/// The data host.
#[derive(Debug, Clone, Copy, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Data {
    /// What is wrong with it.
    pub fault: DataFault,
}

/// What can be wrong with the data host.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "kebab-case")]
#[expect(missing_docs, reason = "healthy.toml says what they are")]
pub enum DataFault {
    None,
    Cut,
    CutOften,
    CutUnmarked,
    BusyOnce,
    Stall,
    StallLate,
    Slow,
    WrongBytes,
    Denied,
    SasRejected,
    SasExpired,
    Missing,
    Outage,
}

/// The proxies.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Proxy {
    /// What they say to a request for a tunnel.
    pub answer: ProxyAnswer,
    /// Where a tunnel to `HOST:PORT` leads, when not where the names lead.
    pub leads: BTreeMap<String, String>,
}

/// What a proxy says to a request for a tunnel.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "kebab-case")]
#[expect(missing_docs, reason = "healthy.toml says what they are")]
pub enum ProxyAnswer {
    Tunnel,
    Deny,
    SignIn,
    Mute,
    HangUp,
    Garbage,
}
