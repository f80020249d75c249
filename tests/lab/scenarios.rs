//! The scenarios, carried in the program: healthy first, the rest sorted.

macro_rules! embed {
    ($($name:literal),+ $(,)?) => {
        &[$(($name, include_str!(concat!("../scenarios/", $name, ".toml")))),+]
    };
}

const EMBEDDED: &[(&str, &str)] = embed![
    "healthy",
    "anonymous-pull",
    "anonymous-pull-disabled",
    "blob-unknown",
    "by-full",
    "clock-and-password",
    "clock-half-an-hour",
    "clock-nine-minutes",
    "data-endpoint-blackhole",
    "data-endpoint-intercepted",
    "data-endpoint-record-missing",
    "data-endpoint-reset",
    "digest-gone",
    "dns-first-server-denies",
    "dns-loop",
    "dns-nodata",
    "dns-none-configured",
    "dns-nxdomain",
    "dns-one-server-silent",
    "dns-private-zone-record-missing",
    "dns-second-server-denies",
    "dns-servers-fail",
    "dns-servers-garbage",
    "dns-servers-silent",
    "dns-truncated",
    "grants-nothing",
    "identity-token",
    "identity-token-expired",
    "layer-cut",
    "layer-denied",
    "layer-missing",
    "layer-mute",
    "layer-outage",
    "layer-stalls",
    "layer-wrong-bytes",
    "manifest-endless",
    "manifest-gzip-bomb",
    "manifest-not-json",
    "manifest-wrong-digest",
    "platform-arm64",
    "platform-lone-manifest",
    "platform-missing",
    "pod-without-credentials",
    "ref-data-endpoint",
    "ref-template-left",
    "ref-upper-case",
    "ref-with-scheme",
    "registry-bad-challenge",
    "registry-bad-gateway",
    "registry-drips",
    "registry-firewall",
    "registry-header-bomb",
    "registry-mute",
    "registry-no-challenge",
    "registry-outage",
    "registry-portal",
    "registry-redirect-loop",
    "registry-serves-layers",
    "registry-throttled",
    "registry-without-sign-in",
    "repository-missing",
    "sign-in-only",
    "tag-missing",
    "tag-missing-no-list",
    "tcp-blackhole",
    "tcp-one-address-dead",
    "tcp-private-endpoint-silent",
    "tcp-refused",
    "tls-clock-ahead",
    "tls-clock-behind",
    "tls-closed",
    "tls-expired",
    "tls-intercepted",
    "tls-mute",
    "tls-not-yet-valid",
    "tls-other-name",
    "tls-plain-http",
    "tls-reset",
    "tls-self-signed",
    "token-not-json",
    "token-outage",
    "two-faults",
    "typo-doubled-suffix",
    "typo-in-suffix",
    "wrong-password",
];

/// Names and texts of the embedded scenarios: healthy first, the rest sorted.
#[must_use]
pub fn scenarios() -> &'static [(&'static str, &'static str)] {
    EMBEDDED
}

/// The world that all scenarios differ from.
pub(crate) fn healthy() -> &'static str {
    EMBEDDED[0].1
}
