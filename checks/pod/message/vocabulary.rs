//! The words of messages that tell what went wrong, in the forms of containerd 1.4 to 2.4, its transfer
//! service, CRI-O, docker, the kubelet.

use super::{
    fault::{Cited, Fault, Writer},
    words::{Parts, Phase, UNPACKING},
};

/// Words of events that are about no pull: of volumes, probes, and of containers whose image is there.
const NO_PULL: &[&str] = &[
    "mountvolume.",
    "attachvolume.",
    "probe failed",
    "probe errored",
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
    (
        &["invalid reference format", "couldn't parse image", "invalidimagename"],
        Fault::BadReference,
    ),
    (&["pull policy of never", "errimageneverpull"], Fault::NeverPull),
    (&["pull qps exceeded"], Fault::PullQps),
    (&["unable to retrieve some image pull secrets"], Fault::SecretMissing),
    (&["admission webhook", "denied the request", "validatingadmissionpolicy"], Fault::Admission),
    // CRI-O, of a name without a registry (containers/image, docs/containers-registries.conf.5.md).
    (&["short-name", "short name"], Fault::ShortName),
    (&["overlaybd", "teleport", "snapshotter not loaded"], Fault::Snapshotter),
    (&["no space left on device", "disk quota exceeded"], Fault::DiskFull),
    (
        &["read-only file system", "input/output error", "structure needs cleaning"],
        Fault::DiskBroken,
    ),
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
        Fault::Signature,
    ),
    (&["schema 1", "manifest.v1+", ": no signatures"], Fault::Schema1),
    (
        &[
            "no match for platform",
            "no matching manifest for",
            "no image found in manifest list",
            "no image found in image index",
            "cannot be used on this platform",
            "does not match the specified platform",
            "does not match the detected host platform",
        ],
        Fault::NoPlatform,
    ),
    (
        &[
            "parent snapshot",
            "content digest",
            " was not found: not found",
            "failed to get reader from content",
        ],
        Fault::StoreIncomplete,
    ),
    (
        &[
            "unexpected commit digest",
            "failed size validation",
            "failed precondition",
            "wrong diff id",
            "layers from manifest don't match image configuration",
            "filesystem layer verification failed",
        ],
        Fault::Damaged,
    ),
    (
        &[
            "encountered unknown type",
            "unexpected media type",
            "unsupported media type",
            "unknown media type",
            "unsupported manifest",
            "failed to get stream processor",
            "mismatched image rootfs and manifest layers",
            "unexpected mediatype",
            "unsupported mediatype",
            "is not a container image",
            " byte manifest for ",
            "no unpack platforms",
            "invalid checksum digest",
            "unsupported digest algorithm",
        ],
        Fault::NotAnImage,
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
        Fault::HostsFile,
    ),
    (&["unable to decode token response"], Fault::TokenUnreadable),
    (&["proxyconnect", "socks connect"], Fault::ProxyDown),
    (&["proxy authentication required"], Fault::ProxyDenies),
    (&["no such host"], Fault::NoSuchHost),
    (
        &[
            "server misbehaving",
            "read udp",
            "temporary failure in name resolution",
            ":53: i/o timeout",
            ":53: connect: connection refused",
        ],
        Fault::CannotLookUp,
    ),
    (
        &["unknown authority", "self-signed certificate", "self signed certificate"],
        Fault::UnknownAuthority,
    ),
    (
        &["certificate is valid for", "not valid for any names", "ip sans", "legacy common name"],
        Fault::WrongName,
    ),
    (&["expired or is not yet valid", "certificate has expired"], Fault::CertificateTime),
    (&["x509: ", "failed to verify certificate"], Fault::BadCertificate),
    (
        &[
            "gave http response to https client",
            "first record does not look like a tls handshake",
            "malformed http response",
        ],
        Fault::PlainHttp,
    ),
    (&["tls handshake timeout"], Fault::HandshakeSilent),
    (
        &[
            "connection reset by peer",
            "broken pipe",
            "goaway",
            "tls: ",
            "transport connection broken",
            "http2: ",
            "stream error",
            "use of closed network connection",
        ],
        Fault::Reset,
    ),
    (&["cannot assign requested address"], Fault::PortsUsed),
    (&["network is unreachable"], Fault::AddressUnreachable),
    // What a router or a rule of the node's own answers (ip-route(8), iptables-extensions(8)).
    (
        &[
            "no route to host",
            "connect: permission denied",
            "connect: operation not permitted",
            "connect: invalid argument",
        ],
        Fault::Rejected,
    ),
    (&["connection refused"], Fault::Refused),
    (&["too many requests", "toomanyrequests", "status 429", "http 429"], Fault::Throttled),
    (&["405 method not allowed"], Fault::NotAllowed),
    (&["503 service", "502 bad gateway", "500 internal", "504 gateway"], Fault::Outage),
    // Azure Blob Storage, of a signed URL and of its network rules.
    (&["server failed to authenticate the request"], Fault::SignatureOfUrl),
    (&["not authorized to perform this operation"], Fault::StorageDenies),
    // A container registry of Azure, by its firewall.
    (&["is not allowed access", "aka.ms/acr/firewall", "client with ip"], Fault::Forbidden),
    (
        &["insufficient_scope", "requested access to the resource is denied", "no pull access"],
        Fault::Denied,
    ),
    (&["no basic auth credentials"], Fault::Unauthorized),
    (&["token has expired", "token is expired"], Fault::CredentialExpired),
    (&["pull access denied"], Fault::Denied),
    (
        &[
            "403 forbidden",
            "http 403",
            "403 (forbidden)",
            "denied: permission",
            "needed permissions",
        ],
        Fault::Forbidden,
    ),
    (&["manifest unknown", "name unknown", "manifest_unknown", "name_unknown"], Fault::NotFound),
    (
        &["401 unauthorized", "unauthorized", "authentication required", "authorization failed"],
        Fault::Unauthorized,
    ),
    (
        &[
            "i/o timeout",
            "connection timed out",
            "deadline exceeded",
            "while waiting for connection",
            "awaiting headers",
        ],
        Fault::TimedOut,
    ),
    (&["not found", "status code 404"], Fault::NotFound),
    (&["unexpected eof", ": eof"], Fault::Cut),
    (&["context canceled"], Fault::Canceled),
    (
        &[
            "did not include a token",
            "stopped after 10 redirects",
            "unsupported protocol scheme",
            "missing protocol scheme",
            "no host in request url",
            "invalid port",
            "first path segment in url",
        ],
        Fault::BadAnswer,
    ),
    (
        &["must be formatted as base64(username:password)", "illegal base64 data"],
        Fault::MalformedSecret,
    ),
    (&["invalid character", "unexpected end of json input", "cannot unmarshal"], Fault::BadJson),
    // The kubelet's name for any of the above, where nothing follows that says more.
    (&["the registry is unavailable", "registryunavailable"], Fault::Outage),
];

/// What stands around a status of HTTP.
const STATUS: &[&str] = &["unexpected status", "status code", "http status", "response body"];
/// What it says that it was about when a token was asked for.
const TOKEN: &[&str] = &["failed to fetch oauth token", "failed to fetch anonymous token"];

/// Returns what the first error of a message, in small letters and without names, says went wrong, and by
/// which words. `parts` are those of the same error.
pub(super) fn fault(lower: &str, parts: &Parts) -> Option<(Fault, Cited)> {
    // The runtime itself is down, which is no fault of the network.
    if lower.contains("dial unix") || is_of_no_pull(lower) {
        return None;
    }
    let (fault, words) =
        decisive(lower).or_else(|| by_status(lower, parts)).or_else(|| by_phase(lower, parts))?;
    Some((fault, Cited { words, writer: fault.writer() }))
}

fn decisive(lower: &str) -> Option<(Fault, &'static str)> {
    // A proxy that refuses a tunnel is quoted with its reason alone.
    let denied = lower.contains("failed to do request")
        && lower.trim_end_matches('"').ends_with(": forbidden");
    if denied {
        return Some((Fault::ProxyDenies, ": forbidden"));
    }
    // What failed in a lookup is the resolver's, whatever kept it from its server. Go quotes its own
    // timeout without a name server where it asks through the C library.
    if lower.contains("dial tcp: lookup ") && !lower.contains("no such host") {
        return Some((Fault::CannotLookUp, "dial tcp: lookup "));
    }
    // What follows a status are words of whoever answered: they tell nothing of the node.
    let own = STATUS.iter().filter_map(|words| lower.find(words)).min();
    let own = own.map_or(lower, |end| &lower[..end]);
    WORDS.iter().find_map(|(words, fault)| {
        // A proxy refuses by a status, too.
        let by_others = *fault == Fault::ProxyDenies
            || matches!(fault.writer(), Writer::TheRegistry | Writer::TheStorage);
        Some((*fault, found(if by_others { lower } else { own }, words)?))
    })
}

/// Returns what a status says for which there are no words.
fn by_status(lower: &str, parts: &Parts) -> Option<(Fault, &'static str)> {
    let words = found(lower, STATUS)?;
    let fault = match parts.status? {
        401 => Fault::Unauthorized,
        403 => Fault::Forbidden,
        404 => Fault::NotFound,
        407 => Fault::ProxyDenies,
        429 => Fault::Throttled,
        500.. => Fault::Outage,
        _ => Fault::OddStatus,
    };
    Some((fault, words))
}

/// Returns what follows from where a pull ended, in words that are not known.
fn by_phase(lower: &str, parts: &Parts) -> Option<(Fault, &'static str)> {
    match parts.phase {
        Phase::Unpacking => Some((Fault::Damaged, found(lower, UNPACKING)?)),
        Phase::AskingForToken => Some((Fault::TokenUnreadable, found(lower, TOKEN)?)),
        _ => None,
    }
}

fn found(lower: &str, words: &[&'static str]) -> Option<&'static str> {
    words.iter().find(|word| lower.contains(**word)).copied()
}

/// Returns whether a message is about something else than pulling an image. A secret that is missing
/// is one of the pod's environment or volumes: of pull secrets the kubelet speaks otherwise.
fn is_of_no_pull(lower: &str) -> bool {
    let begins = lower.trim_start_matches("error: ");
    // A credential helper or a decoder of layers may be missing, too.
    let has_no_program =
        lower.contains("executable file not found") && !lower.contains("failed to pull");
    has_no_program
        || NO_PULL.iter().any(|words| lower.contains(words))
        || ["secret \"", "configmap \""].iter().any(|word| begins.starts_with(word))
}
