//! The settings of a world: name servers, hosts, registry, data host. `healthy.toml` documents each
//! value.

use std::collections::BTreeMap;

use serde::Deserialize;

/// The name servers.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Dns {
    /// The client's servers, in order; if absent, all of them, sorted.
    pub order: Option<Vec<String>>,
    /// The servers by address.
    pub servers: BTreeMap<String, NameServer>,
    /// The records that they serve: name to `TTL TYPE DATA`.
    pub records: BTreeMap<String, Vec<String>>,
}

/// One name server.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct NameServer {
    /// The server's fault.
    #[serde(default)]
    pub fault: DnsFault,
    /// The only query type that triggers the fault; all if absent.
    #[serde(default)]
    pub fault_for: Option<Family>,
    /// Whether it resolves the private DNS zones of the client's network, if `azure.on`.
    #[serde(default = "yes")]
    pub zones: bool,
    /// Records that override the common ones, for this server only.
    #[serde(default)]
    pub records: BTreeMap<String, Vec<String>>,
}

fn yes() -> bool {
    true
}

/// The query types that a fault may be limited to.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
pub enum Family {
    /// IPv4 addresses.
    A,
    /// IPv6 addresses.
    #[serde(rename = "AAAA")]
    Aaaa,
}

/// The faults of a name server.
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
    Long,
    Nxdomain,
    Garbage,
    WrongId,
    NoTcp,
    EdnsFormerr,
    EdnsEmpty,
    EdnsGarbled,
}

/// A host that listens at an address.
#[derive(Debug, Clone, Copy, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Host {
    /// The host's role.
    pub role: Role,
    /// Its fault below HTTP.
    #[serde(default)]
    pub fault: HostFault,
    /// The certificate that it presents.
    #[serde(default)]
    pub certificate: Certificate,
    /// The HTTP versions that it speaks.
    #[serde(default)]
    pub http: Http,
}

/// The role of a host.
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
    Arm,
    Kubernetes,
}

impl Role {
    /// Returns whether the registry's networks decide who reaches such a host.
    pub(crate) fn is_gated(self) -> bool {
        matches!(self, Self::Registry | Self::Data)
    }
}

/// The faults of a host below HTTP.
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

/// The certificates that a host may present.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Hash, Deserialize)]
#[serde(rename_all = "kebab-case")]
#[expect(missing_docs, reason = "healthy.toml says what they are")]
pub enum Certificate {
    #[default]
    Good,
    OtherName,
    /// The certificate is valid for Azure's names of the registry, and for no alias.
    AzureNames,
    Intercepted,
    SelfSigned,
    Expired,
    NotYet,
    ClientOnly,
    Mutual,
    /// It is an authority's, signed by itself.
    SelfSignedCa,
    /// An authority in between that is not sent along issued it.
    Unchained,
    /// The authority in between has expired.
    ChainExpired,
}

/// The HTTP versions that a host may speak.
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
    /// The host that GETs of blobs are redirected to.
    pub data_host: String,
    /// Whether it redirects them.
    pub redirect: bool,
    /// The path of the API.
    pub path: String,
    /// The registry that requests must name with `ns`, as those to a mirror do; any if empty.
    pub namespace: String,
    /// Whether it serves anyone, and refuses credentials.
    pub open: bool,
    /// Whether anonymous pull is enabled.
    pub anonymous: bool,
    /// Whether it issues tokens as Docker Hub does.
    pub hub: bool,
    /// What the valid credential may do.
    pub grants: Grants,
    /// Whether it may also list tags.
    pub list_tags: bool,
    /// The identities with a role on it, by their names in `entra.identities`.
    pub roles: Vec<String>,
    /// The only repositories that such an identity may pull; all if empty.
    pub role_repositories: Vec<String>,
    /// The registry's tenant; that of `entra` if empty.
    pub tenant: String,
    /// Whether it accepts tokens for Azure Resource Manager.
    pub arm_audience: bool,
    /// The token endpoint in the challenge; if absent, this registry under the requested name.
    pub realm: Option<String>,
    /// Whether responses carry a Date header.
    pub date: bool,
    /// The number of seconds added to the Date header.
    pub date_ahead: i64,
    /// How it responds to requests.
    pub answer: Answer,
    /// The same for one kind of request.
    pub only: Only,
    /// Refusals in the words of other registries, by the kind of request: `token`, `manifest` or `blob`.
    pub refuses: BTreeMap<String, Vec<Refuses>>,
    /// The repositories by name.
    pub images: BTreeMap<String, Image>,
}

/// A refusal in the words of another registry.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Refuses {
    /// The status.
    pub status: u16,
    /// The body.
    pub body: String,
    /// The value of `WWW-Authenticate`; none if empty.
    #[serde(default)]
    pub challenge: String,
    /// Who is refused: everybody, or those with or without a password or a token.
    #[serde(default)]
    pub who: Whom,
}

/// Who is refused.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Whom {
    /// Everybody.
    #[default]
    Everybody,
    /// Those with a password or a token.
    SignedIn,
    /// Those without.
    Anonymous,
}

/// What the valid credential may do.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "kebab-case")]
#[expect(missing_docs, reason = "healthy.toml says what they are")]
pub enum Grants {
    Pull,
    None,
}

/// How the registry responds to requests.
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
    CacheRefused,
    Late,
    Teapot,
    NoChallenge,
    BadChallenge,
    NoAuth,
    Html,
    RedirectLoop,
    HeaderBomb,
    GzipBomb,
    Brotli,
    Endless,
    NotJson,
    WrongDigest,
    OtherHead,
    HeadForbidden,
    RefuseAll,
    Missing,
    LargeMissing,
    ByTagOnly,
}

/// How it responds to one kind of request.
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
    /// The kind of image behind each tag.
    pub tags: BTreeMap<String, Kind>,
}

/// The kind of image behind a tag.
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
    /// The data host's fault.
    pub fault: DataFault,
}

/// The faults of the data host.
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
    /// How they respond to a request for a tunnel.
    pub answer: ProxyAnswer,
    /// The destinations of tunnels to `HOST:PORT` that differ from DNS.
    pub leads: BTreeMap<String, String>,
}

/// How a proxy responds to a request for a tunnel.
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
