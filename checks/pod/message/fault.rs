//! What the words of a message say went wrong, in the forms of containerd 1.4 to 2.4, its
//! transfer service, CRI-O, docker, the kubelet; and who writes such words.

use serde::Serialize;
use strum::{Display, VariantNames};

use Fault::{
    AddressUnreachable, Admission, BadReference, Canceled, CannotLookUp, CertificateTime, Cut,
    Damaged, Denied, DiskFull, Forbidden, HandshakeSilent, HostsFile, MalformedSecret, NeverPull,
    NoPlatform, NoSuchHost, NotAllowed, NotAnImage, NotFound, Outage, PlainHttp, PortsUsed,
    ProxyDenies, ProxyDown, PullQps, Refused, Reset, Schema1, SecretMissing, Signature,
    SignatureOfUrl, StorageDenies, StoreIncomplete, Throttled, TimedOut, TokenUnreadable,
    Unauthorized, UnknownAuthority, WrongName,
};

/// What went wrong.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Fault {
    AddressUnreachable,
    Admission,
    BadReference,
    Canceled,
    CannotLookUp,
    CertificateTime,
    Cut,
    Damaged,
    Denied,
    DiskFull,
    Forbidden,
    HandshakeSilent,
    HostsFile,
    MalformedSecret,
    NeverPull,
    NoPlatform,
    NoSuchHost,
    NotAllowed,
    NotAnImage,
    NotFound,
    Outage,
    PlainHttp,
    PortsUsed,
    ProxyDenies,
    ProxyDown,
    PullQps,
    Refused,
    Reset,
    Schema1,
    SecretMissing,
    Signature,
    SignatureOfUrl,
    StorageDenies,
    StoreIncomplete,
    Throttled,
    TimedOut,
    TokenUnreadable,
    Unauthorized,
    UnknownAuthority,
    WrongName,
}

impl Fault {
    /// Returns whether the kubelet or the API server refused before anything was asked.
    pub(super) fn is_local(self) -> bool {
        matches!(
            self,
            BadReference | NeverPull | PullQps | SecretMissing | MalformedSecret | Admission
        )
    }

    /// Returns who writes the words of this fault.
    fn writer(self) -> Writer {
        match self {
            BadReference | NeverPull | PullQps | SecretMissing | MalformedSecret => {
                Writer::TheKubelet
            }
            Admission => Writer::TheApiServer,
            Signature | Schema1 | NoPlatform | Damaged | NotAnImage | Canceled
            | StoreIncomplete | HostsFile | TokenUnreadable => Writer::TheRuntime,
            NoSuchHost | CannotLookUp => Writer::TheResolver,
            ProxyDown | ProxyDenies | PlainHttp | Reset | Refused | TimedOut | Cut
            | HandshakeSilent => Writer::TheNetwork,
            UnknownAuthority | WrongName | CertificateTime => Writer::TheTls,
            DiskFull | PortsUsed | AddressUnreachable => Writer::TheKernel,
            Throttled | NotAllowed | Outage | Forbidden | Denied | Unauthorized | NotFound => {
                Writer::TheRegistry
            }
            SignatureOfUrl | StorageDenies => Writer::TheStorage,
        }
    }
}

/// Who writes such words.
#[derive(Clone, Copy, Debug, Display, PartialEq, Eq, Serialize, VariantNames)]
#[serde(rename_all = "kebab-case")]
#[strum(serialize_all = "kebab-case")]
pub enum Writer {
    /// The kubelet, before it asks the runtime.
    TheKubelet,
    /// The API server, for its admission.
    TheApiServer,
    /// The runtime, of what it read or has.
    TheRuntime,
    /// The resolver that the runtime was built with: Go's.
    TheResolver,
    /// The network code that the runtime was built with: Go's.
    TheNetwork,
    /// The TLS code that the runtime was built with: Go's.
    TheTls,
    /// The node's kernel.
    TheKernel,
    /// The registry, by a status or its own words.
    TheRegistry,
    /// The storage behind the registry.
    TheStorage,
}

/// The words that decide, and who writes them.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
pub struct Cited {
    /// The words, in small letters.
    pub words: &'static str,
    /// Who writes them.
    pub writer: Writer,
}

/// Words of events that are about no pull: of volumes, probes, and of containers whose image is there.
const NO_PULL: &[&str] = &[
    "mountvolume.",
    "attachvolume.",
    "probe failed",
    "probe errored",
    "executable file not found",
    "back-off restarting failed container",
    "failed to create containerd task",
    "failed to start container",
    // The image of the sandbox is pulled, too; its network is not.
    "failed to setup network for sandbox",
    "couldn't find key ",
];

/// The words of each fault, in small letters. The first row that fits counts: what names its cause
/// stands before what is only an ending.
const WORDS: &[(&[&str], Fault)] = &[
    (&["invalid reference format", "couldn't parse image", "invalidimagename"], BadReference),
    (&["pull policy of never", "errimageneverpull"], NeverPull),
    (&["pull qps exceeded"], PullQps),
    (&["unable to retrieve some image pull secrets"], SecretMissing),
    (&["admission webhook", "denied the request", "validatingadmissionpolicy"], Admission),
    (&["no space left on device"], DiskFull),
    (
        &[
            "signature verification",
            "signatureverification",
            "signature policy",
            "signature required",
            "signature was required",
            "signature validation failed",
            "signaturevalidationfailed",
        ],
        Signature,
    ),
    (&["schema 1", "manifest.v1+", ": no signatures"], Schema1),
    (&["no match for platform", "no matching manifest for"], NoPlatform),
    (
        &[
            "parent snapshot",
            "content digest",
            " was not found: not found",
            "failed to get reader from content",
        ],
        StoreIncomplete,
    ),
    (&["unexpected commit digest", "failed size validation", "failed precondition"], Damaged),
    (
        &[
            "encountered unknown type",
            "unexpected media type",
            "unsupported media type",
            "unknown media type",
            "unsupported manifest",
            "failed to get stream processor",
            "mismatched image rootfs and manifest layers",
        ],
        NotAnImage,
    ),
    // What a registry's hosts.toml names (containerd, core/remotes/docker/config/hosts.go).
    (
        &[
            "unable to read ca cert",
            "unable to load ca cert",
            "unable to read cert file",
            "unable to parse server",
            "failed to load x509 key pair",
        ],
        HostsFile,
    ),
    (&["unable to decode token response"], TokenUnreadable),
    (&["proxyconnect", "proxy authentication required", "socks connect"], ProxyDown),
    (&["no such host"], NoSuchHost),
    (
        &[
            "server misbehaving",
            "read udp",
            "temporary failure in name resolution",
            ":53: i/o timeout",
            ":53: connect: connection refused",
        ],
        CannotLookUp,
    ),
    (
        &["unknown authority", "self-signed certificate", "self signed certificate"],
        UnknownAuthority,
    ),
    (
        &["certificate is valid for", "not valid for any names", "ip sans", "legacy common name"],
        WrongName,
    ),
    (&["expired or is not yet valid", "has expired"], CertificateTime),
    (
        &["gave http response to https client", "first record does not look like a tls handshake"],
        PlainHttp,
    ),
    (&["tls handshake timeout"], HandshakeSilent),
    (&["connection reset by peer", "broken pipe", "goaway", "tls: handshake failure"], Reset),
    (&["cannot assign requested address"], PortsUsed),
    (&["network is unreachable", "no route to host"], AddressUnreachable),
    (&["connection refused"], Refused),
    (&["too many requests", "toomanyrequests", "status 429", "http 429"], Throttled),
    (&["405 method not allowed"], NotAllowed),
    (&["503 service", "502 bad gateway", "500 internal", "504 gateway"], Outage),
    // Azure Blob Storage, of a signed URL and of its network rules.
    (&["server failed to authenticate the request"], SignatureOfUrl),
    (&["not authorized to perform this operation"], StorageDenies),
    // A container registry of Azure, by its firewall.
    (&["is not allowed access", "aka.ms/acr/firewall", "client with ip"], Forbidden),
    (
        &["insufficient_scope", "requested access to the resource is denied", "no pull access"],
        Denied,
    ),
    (&["no basic auth credentials"], Unauthorized),
    (&["pull access denied"], Denied),
    (
        &[
            "403 forbidden",
            "http 403",
            "403 (forbidden)",
            "denied: permission",
            "needed permissions",
        ],
        Forbidden,
    ),
    (&["manifest unknown", "name unknown", "manifest_unknown", "name_unknown"], NotFound),
    (
        &["401 unauthorized", "unauthorized", "authentication required", "authorization failed"],
        Unauthorized,
    ),
    (
        &[
            "i/o timeout",
            "connection timed out",
            "deadline exceeded",
            "while waiting for connection",
            "awaiting headers",
        ],
        TimedOut,
    ),
    (&["not found", "status code 404"], NotFound),
    (&["unexpected eof", ": eof"], Cut),
    (&["context canceled"], Canceled),
    (&["400 bad request"], Outage),
    (
        &[
            "invalid character",
            "unexpected end of json input",
            "must be formatted as base64(username:password)",
            "illegal base64 data",
        ],
        MalformedSecret,
    ),
    // The kubelet's name for any of the above, where nothing follows that says more.
    (&["the registry is unavailable", "registryunavailable"], Outage),
];

/// Returns what a message in small letters says went wrong, and by which words.
pub(super) fn of(lower: &str) -> Option<(Fault, Cited)> {
    let (fault, words) = decisive(lower)?;
    Some((fault, Cited { words, writer: fault.writer() }))
}

fn decisive(lower: &str) -> Option<(Fault, &'static str)> {
    // The runtime itself is down, which is no fault of the network.
    if lower.contains("dial unix") || is_of_no_pull(lower) {
        return None;
    }
    // A proxy that refuses a tunnel is quoted with its reason alone.
    let denied = lower.contains("failed to do request")
        && lower.trim_end_matches('"').ends_with(": forbidden");
    if denied {
        return Some((ProxyDenies, ": forbidden"));
    }
    // What failed in a lookup is the resolver's, whatever kept it from its server. Go quotes its own
    // timeout without a name server where it asks through the C library.
    if lower.contains("dial tcp: lookup ") && !lower.contains("no such host") {
        return Some((CannotLookUp, "dial tcp: lookup "));
    }
    WORDS.iter().find_map(|(words, fault)| {
        words.iter().find(|word| lower.contains(**word)).map(|word| (*fault, *word))
    })
}

/// Returns whether a message is about something else than pulling an image. A secret that is missing
/// is one of the pod's environment or volumes: of pull secrets the kubelet speaks otherwise.
fn is_of_no_pull(lower: &str) -> bool {
    let begins = lower.trim_start_matches("error: ");
    NO_PULL.iter().any(|words| lower.contains(words))
        || ["secret \"", "configmap \""].iter().any(|word| begins.starts_with(word))
}
