//! Messages with a cause that is known: how often the reader names it. The words alone never settle anything;
//! here it is counted how good a suspicion they are.
//!
//! Each line of `seen.jsonl` has the words of a kubelet or a runtime as people met them, with invented names,
//! and the cause that they proved in the end. Those of `made.jsonl` are of kubelets for which the fault was
//! made (tests/real/messages.py).

use std::collections::{BTreeMap, BTreeSet};

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

/// How often the reader names the mode of a message.
#[derive(Default)]
struct Count {
    all: usize,
    among: usize,
    first: usize,
    silent: usize,
}

impl Count {
    /// Counts a message; returns its suspects.
    fn take(&mut self, message: &str, means: &[&str]) -> Vec<&'static str> {
        let suspects = Message::read(message).suspects;
        assert!(suspects.len() <= 4, "{message}: {suspects:?}");
        self.all += 1;
        self.among += usize::from(suspects.iter().any(|mode| means.contains(mode)));
        self.first += usize::from(suspects.first().is_some_and(|mode| means.contains(mode)));
        self.silent += usize::from(suspects.is_empty());
        suspects
    }

    fn is_good(&self) {
        let Self { all, among, first, silent } = self;
        assert!(among * 100 >= all * 85, "among the suspects of {among} of {all}");
        assert!(first * 100 >= all * 65, "first of {first} of {all}");
        assert!(silent * 100 <= all * 5, "{silent} of {all} without a suspect");
    }
}

#[test]
fn the_true_mode_is_among_the_suspects() {
    let (mut count, mut met) = (Count::default(), BTreeSet::new());
    let modes = &checks::messages().modes;
    let lines = include_str!("seen.jsonl").lines();
    for one in lines.map(|line| serde_json::from_str::<Seen>(line).unwrap()) {
        let means = MEANS.iter().find(|(cause, _)| *cause == one.cause);
        let (cause, means) = means.unwrap_or_else(|| panic!("{}", one.cause));
        met.insert(cause);
        count.take(&one.message, means);
    }
    count.is_good();
    for (cause, means) in MEANS {
        assert!(met.contains(cause), "{cause} is never met");
        assert!(means.iter().all(|mode| modes.get(mode).is_some()), "{cause}");
    }
}

/// A message that was made by a fault, of which runtime, and the modes that the fault may be taken for.
#[derive(Deserialize)]
struct Made {
    cause: String,
    runtime: String,
    means: Vec<String>,
    message: String,
}

#[test]
fn the_mode_that_was_made_is_among_the_suspects() {
    let (mut counts, mut all) = (BTreeMap::<String, Count>::new(), vec![]);
    let modes = &checks::messages().modes;
    let lines = include_str!("made.jsonl").lines();
    for one in lines.map(|line| serde_json::from_str::<Made>(line).unwrap()) {
        assert!(one.means.iter().all(|mode| modes.get(mode).is_some()), "{}", one.cause);
        let means: Vec<&str> = one.means.iter().map(String::as_str).collect();
        let count = counts.entry(one.runtime.clone()).or_default();
        let suspects = count.take(&one.message, &means);
        all.push(format!("{} ({}): {}", one.cause, one.runtime, suspects.join(" ")));
    }
    // The bounds below leave room for what is unseen; of what is known each change is to be looked at.
    all.sort();
    insta::with_settings!({ snapshot_path => "../snapshots", prepend_module_to_snapshot => false, omit_expression => true }, {
        insta::assert_snapshot!("messages-made", all.join("\n"));
    });
    let runtimes: Vec<_> = counts.keys().map(String::as_str).collect();
    assert_eq!(runtimes, ["1.6", "2.2, local pull", "2.2, transfer service"]);
    counts.values().for_each(Count::is_good);
}
