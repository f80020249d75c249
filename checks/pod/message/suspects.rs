//! Which failure modes write such a message, the likeliest first.

use super::{
    fault::Fault,
    words::{Parts, Phase, Presented},
};
use crate::kit::target::{AcrHostKind, is_private};

/// How many suspects are named: more would say nothing.
const MAX: usize = 4;

/// Returns the modes that a fault may be, where it was seen.
pub(super) fn of(fault: Fault, parts: &Parts, error: &str) -> Vec<&'static str> {
    let place = Place::of(parts);
    // A mirror answers for the registry, whatever it answers.
    let mirror = parts.through_mirror.then_some("containerd-mirror-misconfigured");
    let modes = modes(fault, place, parts, error);
    mirror.into_iter().chain(modes.iter().copied()).take(MAX).collect()
}

/// Whose host failed.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Place {
    Acr,
    RegionalEndpoint,
    DataHost,
    Hub,
    OnThisNode,
    Other,
    /// The message names neither a host nor an image.
    Unknown,
}

impl Place {
    fn of(parts: &Parts) -> Self {
        if parts.image.is_none() && parts.host.is_none() && parts.address.is_none() {
            return Self::Unknown;
        }
        let image = parts.image.as_deref().unwrap_or_default();
        let registry = image.split_once('/').map_or("", |(host, _)| host);
        let is_name = registry.contains(['.', ':']) || registry == "localhost";
        let registry = if is_name { registry } else { "docker.io" };
        let host = parts.host.as_deref().unwrap_or(registry).to_ascii_lowercase();
        let loopback = parts.address.is_some_and(|address| address.is_loopback());
        if loopback || host.starts_with("localhost") {
            return Self::OnThisNode;
        }
        match AcrHostKind::of(&host) {
            AcrHostKind::DataEndpoint | AcrHostKind::BlobStorage => Self::DataHost,
            _ if is_elsewhere(parts, &host, registry) => Self::DataHost,
            AcrHostKind::RegionalEndpoint => Self::RegionalEndpoint,
            AcrHostKind::LoginServer | AcrHostKind::LabelledLoginServer => Self::Acr,
            AcrHostKind::Other if host.ends_with("docker.io") => Self::Hub,
            AcrHostKind::Other => Self::Other,
        }
    }
}

/// Returns whether content was to come from another host than the registry, which is no mirror.
fn is_elsewhere(parts: &Parts, host: &str, registry: &str) -> bool {
    let name = registry.split(':').next().unwrap_or_default().to_ascii_lowercase();
    let is_hub = host.ends_with("docker.io") && name == "docker.io";
    let has_image = parts.image.is_some();
    has_image
        && parts.phase == Phase::FetchingContent
        && !parts.through_mirror
        && !is_hub
        && host != name
}

fn modes(fault: Fault, place: Place, parts: &Parts, error: &str) -> &'static [&'static str] {
    let private = parts.address.is_some_and(is_private);
    match fault {
        Fault::BadReference => &["image-ref-invalid"],
        Fault::NeverPull => &["pull-policy-never", "cached-image-credential-check"],
        Fault::PullQps => &["kubelet-pull-qps", "pull-queue-starved"],
        Fault::SecretMissing => &["pullsecret-missing"],
        Fault::MalformedSecret => &["pullsecret-malformed"],
        Fault::Admission => &["admission-blocks-image"],
        Fault::DiskFull => &["node-disk-full"],
        Fault::DiskBroken => &["node-disk-full", "containerd-content-corrupt"],
        Fault::ShortName => &["image-ref-wrong-default-registry"],
        Fault::Snapshotter => &["artifact-streaming-or-teleport", "node-image-skew"],
        Fault::Signature => &["signature-policy-failed"],
        Fault::Schema1 => &["manifest-schema1"],
        Fault::NoPlatform => &["platform-no-match", "platform-windows-build"],
        // What is not whole by its digest was cut or changed on its way; what is, was pushed so.
        Fault::Damaged | Fault::NotFound if parts.phase == Phase::Unpacking => UNPACKED,
        Fault::Damaged => {
            &["containerd-content-corrupt", "blob-unexpected-eof", "manifest-not-an-image"]
        }
        // What the node has of other images is not whole, or a layer of an unknown type was not fetched.
        Fault::StoreIncomplete => &["containerd-content-corrupt", "manifest-not-an-image"],
        Fault::NotAnImage if error.contains("text/html") => {
            &["manifest-not-an-image", "proxy-denies-host", "containerd-mirror-misconfigured"]
        }
        Fault::NotAnImage => &["manifest-not-an-image", "manifest-schema1"],
        Fault::HostsFile => &["containerd-mirror-misconfigured", "tls-ca-not-loaded"],
        // A page, of a proxy or of a portal, stands where a token was due.
        Fault::TokenUnreadable => &["proxy-denies-host", "registry-challenge-invalid"],
        Fault::BadJson => bad_json(parts, error),
        Fault::BadAnswer | Fault::OddStatus => no_registry(parts),
        // The token's host refuses a request that no registry's would.
        Fault::NotFound | Fault::NotAllowed if parts.phase == Phase::AskingForToken => {
            no_registry(parts)
        }
        Fault::NoSuchHost => no_such_host(place),
        Fault::CannotLookUp => &["dns-server-unreachable"],
        Fault::ProxyDown => &["proxy-unreachable", "proxy-config-not-rolled-out"],
        Fault::ProxyDenies => {
            &["proxy-denies-host", "proxy-required", "proxy-config-not-rolled-out"]
        }
        Fault::UnknownAuthority => &["tls-unknown-ca", "tls-ca-not-loaded"],
        Fault::BadCertificate => &["tls-unknown-ca", "tls-hostname-mismatch", "tls-ca-not-loaded"],
        Fault::WrongName => &["tls-hostname-mismatch"],
        Fault::CertificateTime => &["tls-clock-skew"],
        Fault::CredentialExpired => &["pullsecret-short-lived-token", "pullsecret-stale-password"],
        Fault::PortsUsed => &["tcp-snat-exhausted"],
        Fault::SignatureOfUrl => &["blob-sas-rejected", "tls-clock-skew"],
        Fault::StorageDenies => &["blob-service-endpoint-policy", "blob-endpoint-blocked"],
        Fault::PlainHttp => &["containerd-mirror-misconfigured"],
        Fault::HandshakeSilent if place == Place::DataHost => {
            &["blob-endpoint-blocked", "tls-reset", "tcp-snat-exhausted", "proxy-required"]
        }
        Fault::HandshakeSilent => {
            &["tcp-snat-exhausted", "tls-reset", "tcp-egress-blocked", "proxy-required"]
        }
        Fault::Reset if place == Place::DataHost => {
            &["tls-reset", "blob-endpoint-blocked", "blob-unexpected-eof", "proxy-required"]
        }
        Fault::Reset => &["tls-reset", "tcp-egress-blocked", "proxy-required"],
        Fault::AddressUnreachable | Fault::Rejected if is_ipv6(parts) => {
            &["dns-ipv6-mismatch", "tcp-outbound-none"]
        }
        Fault::Rejected => rejected(place, private),
        Fault::AddressUnreachable if place == Place::DataHost => {
            &["blob-endpoint-blocked", "tcp-outbound-none", "proxy-required"]
        }
        Fault::AddressUnreachable => &["tcp-outbound-none", "tcp-egress-blocked"],
        Fault::Refused => refused(place, private),
        Fault::TimedOut => timed_out(place, private),
        Fault::Throttled if place == Place::Acr => &["acr-throttled-429"],
        Fault::Throttled => &["mcr-or-dockerhub-429"],
        Fault::NotAllowed => &["image-read-disabled"],
        Fault::Outage => &["registry-outage", "acr-throttled-429"],
        Fault::Denied => denied(place),
        Fault::Forbidden if error.contains("client with IP") => forbidden(Place::Acr, parts),
        Fault::Forbidden => forbidden(place, parts),
        // Without a challenge that it knows, containerd asks for no token.
        Fault::Unauthorized
            if place == Place::Acr
                && parts.phase == Phase::AskingForManifest
                && parts.status == Some(401) =>
        {
            &["registry-challenge-invalid", "exchange-no-role", "pullsecret-not-attached"]
        }
        Fault::Unauthorized => unauthorized(place, parts.presented),
        Fault::NotFound => not_found(parts.phase, error),
        Fault::Cut => cut(place, parts.phase),
        Fault::Canceled => &["pull-progress-timeout"],
    }
}

/// A connection that ended before its time.
fn cut(place: Place, phase: Phase) -> &'static [&'static str] {
    match phase {
        // No byte of the content came: a firewall ends such connections.
        _ if place == Place::DataHost => {
            &["blob-endpoint-blocked", "blob-unexpected-eof", "tls-reset"]
        }
        Phase::Unpacking => UNPACKED,
        Phase::AskingForManifest => {
            &["tls-reset", "containerd-mirror-misconfigured", "tcp-egress-blocked"]
        }
        // Fewer bytes than a layer has may also be a page in its place.
        _ => &[
            "blob-unexpected-eof",
            "containerd-mirror-misconfigured",
            "tls-reset",
            "proxy-denies-host",
        ],
    }
}

/// A router, a rule of the node's own, or nobody at a private address.
fn rejected(place: Place, private: bool) -> &'static [&'static str] {
    match place {
        _ if private => &[
            "dns-stale-private-ip",
            "tcp-private-endpoint-timeout",
            "pe-not-approved",
            "tcp-egress-blocked",
        ],
        Place::DataHost => &["blob-endpoint-blocked", "tcp-outbound-none", "proxy-required"],
        _ => &["tcp-egress-blocked", "tcp-outbound-none", "proxy-required"],
    }
}

/// A layer that came whole, by its digest, and cannot be unpacked.
const UNPACKED: &[&str] =
    &["containerd-content-corrupt", "manifest-not-an-image", "blob-unexpected-eof"];

fn is_ipv6(parts: &Parts) -> bool {
    parts.address.is_some_and(|address| address.is_ipv6())
}

/// What is no JSON stands in a pull secret, which is read first, or came from the registry.
fn bad_json(parts: &Parts, error: &str) -> &'static [&'static str] {
    match parts.phase {
        _ if !error.contains("failed to pull and unpack") => &["pullsecret-malformed"],
        Phase::AskingForToken => &["proxy-denies-host", "registry-challenge-invalid"],
        _ => &["manifest-not-an-image", "proxy-denies-host", "containerd-mirror-misconfigured"],
    }
}

/// What no registry answers: something else stands there, or the way to it is set wrongly.
fn no_registry(parts: &Parts) -> &'static [&'static str] {
    match parts.phase {
        Phase::AskingForToken => &["registry-challenge-invalid", "proxy-denies-host"],
        Phase::FetchingContent => {
            &["containerd-mirror-misconfigured", "proxy-denies-host", "blob-endpoint-blocked"]
        }
        _ => &[
            "containerd-mirror-misconfigured",
            "registry-challenge-invalid",
            "proxy-denies-host",
            "image-ref-registry-typo",
        ],
    }
}

fn no_such_host(place: Place) -> &'static [&'static str] {
    match place {
        Place::DataHost => &["dns-data-endpoint-record-missing", "blob-endpoint-blocked"],
        Place::RegionalEndpoint => &["dns-regional-endpoint-record-missing"],
        Place::Acr => &[
            "dns-nxdomain-registry",
            "image-ref-registry-typo",
            "dns-zone-shadow-missing-record",
            "image-ref-dnl-hash-missing",
        ],
        Place::Hub => &["dns-nxdomain-registry", "image-ref-wrong-default-registry"],
        _ => &["dns-nxdomain-registry", "image-ref-registry-typo"],
    }
}

fn refused(place: Place, private: bool) -> &'static [&'static str] {
    match place {
        Place::OnThisNode => &["containerd-mirror-misconfigured", "image-ref-registry-typo"],
        Place::DataHost if private => {
            &["blob-endpoint-blocked", "dns-stale-private-ip", "registry-outage"]
        }
        Place::DataHost => &["blob-endpoint-blocked", "registry-outage", "proxy-required"],
        _ if private => &["registry-outage", "dns-stale-private-ip", "tcp-egress-blocked"],
        _ => &["tcp-egress-blocked", "registry-outage", "proxy-required"],
    }
}

fn timed_out(place: Place, private: bool) -> &'static [&'static str] {
    match place {
        Place::DataHost if private => {
            &["pe-not-in-region-path", "tcp-private-endpoint-timeout", "dns-stale-private-ip"]
        }
        Place::DataHost => &["blob-endpoint-blocked", "blob-data-endpoint-switched"],
        _ if private => &[
            "tcp-private-endpoint-timeout",
            "dns-stale-private-ip",
            "dns-pe-removed-zone-linked",
            "pe-not-approved",
        ],
        _ => &["tcp-egress-blocked", "proxy-required", "tcp-outbound-none", "tcp-snat-exhausted"],
    }
}

fn denied(place: Place) -> &'static [&'static str] {
    match place {
        Place::Acr => {
            &["role-abac-condition-excludes-repo", "scopemap-missing-repo", "image-tag-not-found"]
        }
        Place::Hub | Place::Unknown => &[
            "image-ref-wrong-default-registry",
            "image-tag-not-found",
            "pullsecret-not-attached",
            "registry-outage",
        ],
        _ => &["pullsecret-not-attached", "image-tag-not-found", "pullsecret-stale-password"],
    }
}

fn forbidden(place: Place, parts: &Parts) -> &'static [&'static str] {
    match place {
        Place::DataHost => &["blob-sas-rejected", "blob-service-endpoint-policy"],
        // containerd before 2 names the registry where the storage behind it refused. The registry itself gave
        // the manifest.
        Place::Acr if parts.phase == Phase::FetchingContent => &[
            "blob-sas-rejected",
            "blob-service-endpoint-policy",
            "acr-firewall-client-ip",
            "acr-public-access-disabled",
        ],
        Place::Acr | Place::RegionalEndpoint
            if parts.presented.is_none() && parts.status.is_some() =>
        {
            &[
                "acr-firewall-client-ip",
                "acr-public-access-disabled",
                "dns-zone-not-linked",
                "image-read-disabled",
            ]
        }
        Place::Acr | Place::RegionalEndpoint => &[
            "acr-firewall-client-ip",
            "acr-public-access-disabled",
            "dns-zone-not-linked",
            "acr-service-endpoint-rule-missing",
        ],
        _ => &[
            "pullsecret-not-attached",
            "image-tag-not-found",
            "proxy-denies-host",
            "registry-quota-other",
        ],
    }
}

fn unauthorized(place: Place, presented: Option<Presented>) -> &'static [&'static str] {
    let azure =
        matches!(place, Place::Acr | Place::RegionalEndpoint | Place::DataHost | Place::Unknown);
    match presented {
        None if place == Place::DataHost => {
            &["blob-sas-rejected", "exchange-no-role", "pullsecret-not-attached"]
        }
        Some(Presented::WithCredentials) if azure => &[
            "pullsecret-stale-password",
            "acr-token-disabled-or-expired",
            "sp-secret-expired",
            "scopemap-missing-repo",
        ],
        Some(Presented::WithoutCredentials) if azure => &[
            "exchange-no-role",
            "pullsecret-not-attached",
            "credprovider-not-configured",
            "imds-unreachable",
        ],
        None if azure => &[
            "exchange-no-role",
            "pullsecret-not-attached",
            "pullsecret-stale-password",
            "imds-throttled-or-flaky",
        ],
        Some(Presented::WithCredentials) => {
            &["pullsecret-stale-password", "anonymous-blocked-by-bad-creds"]
        }
        _ => &[
            "pullsecret-not-attached",
            "pullsecret-missing",
            "pullsecret-stale-password",
            "pullsecret-server-mismatch",
        ],
    }
}

fn not_found(phase: Phase, error: &str) -> &'static [&'static str] {
    if phase == Phase::FetchingContent {
        &["geo-replica-lag", "image-tag-not-found", "artifact-cache-upstream"]
    } else if error.contains("@sha256:") {
        &["image-digest-gone", "geo-replica-lag", "image-tag-not-found"]
    } else {
        // A mirror that was left over has none of the registry's images.
        &[
            "image-tag-not-found",
            "geo-replica-lag",
            "image-quarantined",
            "containerd-mirror-misconfigured",
        ]
    }
}
