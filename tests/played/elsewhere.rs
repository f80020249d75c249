//! What no scenario produces.

/// The codes that no lab world can produce, and the tests that do.
pub const ELSEWHERE: [&str; 42] = [
    "arm/sign-in-refused", // tests/identity.rs
    "arm/token-refused",
    "identity/auth-file-unreadable", // tests/cli.rs
    "identity/helper-failed",
    "identity/az-failed", // tests/identity.rs
    "kubelet/files-not-readable",
    "layer/diff-id-unknown", // tests/wire_images.rs
    "layer/files-unknown",
    "layer/no-archive",
    "manifest/digest-by-sha512", // tests/containerd_versions.rs
    "manifest/os-features",
    "manifest/second-manifest",
    "manifest/manifest-schema1-refused",
    "registry/unsteady-before-sign-in",
    "layer/not-unpackable", // tests/wire.rs
    "layer/signature-mismatch",
    "layer/signed-url-expired",
    "layer/signer-rejected",
    "layer/wrong-diff-id",
    "manifest/hidden-without-sign-in",
    "registry/challenges-on-one-line",
    "token/issued-token-rejected",
    "token/second-token-server",
    "manifest/refused-elsewhere",
    "manifest/index-in-index", // tests/unusual_images.rs, tests/hostile_servers.rs
    "manifest/too-much",       // tests/wire_images.rs
    "registry/data-host-no-answer",
    "registry/sign-in-elsewhere",
    "registry/not-replayed", // tests/wire_http.rs
    "registry/redirect-unusable",
    "registry/user-agent-refused",
    "tls/incompatible",
    "token/credentials-do-not-fit",
    "run/interrupted", // tests/cli.rs
    "run/left-out",
    "run/time-up",
    "run/overran", // tests/plan.rs
    "run/panicked",
    "tls/plain-http", // tests/hostile_servers.rs
    "tls/plain-http-here",
    "tls/key-not-supported",      // tests/unsupported_keys.rs
    "tls/trust-store-unreadable", // tests/blocked_pipes.rs
];
