//! Messages as people met them, with the cause that they found in the end: how often the reader names it.
//!
//! Each line of `seen.jsonl` has the words of a kubelet or a runtime, with invented names, and the cause that
//! was proven. The words alone never settle anything; here it is counted how good a suspicion they are.

use std::collections::BTreeSet;

use checks::pod::Message;
use serde::Deserialize;

/// A message, and what was behind it.
#[derive(Deserialize)]
struct Seen {
    cause: String,
    message: String,
}

/// The modes that a cause may mean; none where the catalogue has no such mode.
#[rustfmt::skip]
const MEANS: &[(&str, &[&str])] = &[
    ("acr-data-endpoint-blocked", &["blob-endpoint-blocked"]),
    ("acr-role-on-wrong-identity", &["exchange-no-role", "role-missing"]),
    ("blob-partial-in-content-store", &["containerd-content-corrupt"]),
    ("digest-missing", &["image-digest-gone"]),
    ("disk-full", &["node-disk-full"]),
    ("dns-nxdomain", &["dns-nxdomain-registry"]),
    ("dns-server-refused", &["dns-server-unreachable"]),
    ("imagepullsecret-invalid", &["pullsecret-stale-password"]),
    ("imagepullsecret-missing", &["pullsecret-missing", "pullsecret-not-attached"]),
    ("invalid-image-name", &["image-ref-invalid"]),
    ("kubelet-credential-cache-race", &["imds-throttled-or-flaky"]),
    ("kubelet-pull-qps", &["kubelet-pull-qps"]),
    ("local-image-not-loaded", &["image-ref-wrong-default-registry"]),
    ("localhost-registry-from-node", &["image-ref-registry-typo"]),
    ("manifest-schema1-unsupported", &["manifest-schema1"]),
    ("manifest-unknown-media-type", &["manifest-not-an-image"]),
    ("mirror-broken", &["containerd-mirror-misconfigured", "blob-unexpected-eof"]),
    ("mirror-ip-allowlist-403", &[]),
    ("mirror-redirect-to-blocked-host", &["tcp-egress-blocked", "proxy-required"]),
    ("network-egress-blocked", &["tcp-egress-blocked"]),
    ("plain-http-registry", &["containerd-mirror-misconfigured"]),
    ("platform-mismatch", &["platform-no-match"]),
    ("pull-policy-never", &["pull-policy-never"]),
    ("registry-abuse-rate-limit", &["mcr-or-dockerhub-429"]),
    ("registry-down", &["registry-outage"]),
    ("registry-geo-or-ip-blocked", &[]),
    ("registry-login-missing", &["pullsecret-missing", "pullsecret-not-attached"]),
    ("registry-outage", &["registry-outage"]),
    ("registry-private-no-permission", &["pullsecret-not-attached", "role-missing"]),
    ("registry-rate-limit", &["mcr-or-dockerhub-429"]),
    ("repo-missing", &["image-tag-not-found"]),
    ("sandbox-image-no-credentials", &["pullsecret-missing", "pullsecret-not-attached"]),
    ("tag-missing", &["image-tag-not-found"]),
    ("tls-hostname-mismatch", &["tls-hostname-mismatch"]),
    ("tls-legacy-common-name", &["tls-hostname-mismatch"]),
    ("tls-unknown-authority", &["tls-unknown-ca"]),
];

#[test]
fn the_true_mode_is_among_the_suspects() {
    let seen: Vec<Seen> = include_str!("seen.jsonl")
        .lines()
        .map(|line| serde_json::from_str(line).unwrap())
        .collect();
    let (mut among, mut first, mut silent) = (0, 0, 0);
    let mut met = BTreeSet::new();
    for one in &seen {
        let suspects = Message::read(&one.message).suspects;
        let means = MEANS.iter().find(|(cause, _)| *cause == one.cause);
        let means = means.unwrap_or_else(|| panic!("{}", one.cause)).1;
        assert!(suspects.len() <= 4, "{}: {suspects:?}", one.message);
        met.insert(one.cause.as_str());
        among += usize::from(suspects.iter().any(|mode| means.contains(mode)));
        first += usize::from(suspects.first().is_some_and(|mode| means.contains(mode)));
        silent += usize::from(suspects.is_empty());
    }
    let all = seen.len();
    assert!(among * 100 >= all * 85, "among the suspects of {among} of {all}");
    assert!(first * 100 >= all * 65, "first of {first} of {all}");
    assert!(silent * 100 <= all * 5, "{silent} of {all} without a suspect");
    let modes = &checks::messages().modes;
    for (cause, means) in MEANS {
        assert!(met.contains(cause), "{cause} is never met");
        assert!(means.iter().all(|mode| modes.get(mode).is_some()), "{cause}");
    }
}
