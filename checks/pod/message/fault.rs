//! What the words of a message say went wrong, in the forms of containerd 1.4 to 2.4, its
//! transfer service, CRI-O, docker, the kubelet.

use Fault::{
    AddressUnreachable, Admission, BadReference, Canceled, CannotLookUp, CertificateTime, Cut,
    Damaged, Denied, DiskFull, Forbidden, HandshakeSilent, MalformedSecret, NeverPull, NoPlatform,
    NoSuchHost, NotAllowed, NotAnImage, NotFound, Outage, PlainHttp, PortsUsed, ProxyDenies,
    ProxyDown, PullQps, Refused, Reset, Schema1, SecretMissing, Signature, SignatureOfUrl,
    StorageDenies, Throttled, TimedOut, Unauthorized, UnknownAuthority, WrongName,
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
    Throttled,
    TimedOut,
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
}

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
        ],
        Signature,
    ),
    (&["schema 1", "manifest.v1+"], Schema1),
    (&["no match for platform", "no matching manifest for"], NoPlatform),
    (&["unexpected commit digest", "failed size validation", "failed precondition"], Damaged),
    (
        &[
            "encountered unknown type",
            "unsupported media type",
            "unknown media type",
            "unsupported manifest",
        ],
        NotAnImage,
    ),
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
    (&["gave http response to https client"], PlainHttp),
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
];

/// Returns what a message in small letters says went wrong.
pub(super) fn of(lower: &str) -> Option<Fault> {
    // The runtime itself is down, which is no fault of the network.
    if lower.contains("dial unix") {
        return None;
    }
    // A proxy that refuses a tunnel is quoted with its reason alone.
    let denied = lower.contains("failed to do request")
        && lower.trim_end_matches('"').ends_with(": forbidden");
    if denied {
        return Some(ProxyDenies);
    }
    // Go quotes the resolver's own timeout without a name server where it asks through the C library.
    let behind = lower.split_once("dial tcp: lookup ").map_or("", |(_, behind)| behind);
    if behind.split(": ").nth(1).is_some_and(|said| said.starts_with("i/o timeout")) {
        return Some(CannotLookUp);
    }
    let fits = |(words, _): &&(&[&str], Fault)| words.iter().any(|word| lower.contains(word));
    WORDS.iter().find(fits).map(|(_, fault)| *fault)
}
