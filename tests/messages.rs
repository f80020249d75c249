//! The kubelet's messages of failed pulls, in the words of each runtime: the suspects.
#![allow(clippy::unwrap_used, reason = "a test that panics has failed, and says where")]

#[path = "messages/seen.rs"]
mod seen;

use std::process::Command;

use checks::pod::{Message, Phase, Presented};
use proptest::prelude::*;

/// A message, and the mode that it names first.
const FIRST: &[(&str, &str)] = &[
    // the kubelet
    (
        r#"Failed to apply default image tag "Contoso:v1": couldn't parse image name "Contoso:v1": invalid reference format: repository name must be lowercase"#,
        "image-ref-invalid",
    ),
    (
        r#"Container image "contoso.azurecr.io/a:v1" is not present with pull policy of Never"#,
        "pull-policy-never",
    ),
    (r#"Failed to pull image "contoso.azurecr.io/a:v1": pull QPS exceeded"#, "kubelet-pull-qps"),
    (
        "Unable to retrieve some image pull secrets (registry-credentials); attempting to pull the image may not succeed.",
        "pullsecret-missing",
    ),
    // containerd 1.4 to 1.7
    (
        r#"Failed to pull image "contoso.azurecr.io/a:v1": rpc error: code = NotFound desc = failed to pull and unpack image "contoso.azurecr.io/a:v1": failed to resolve reference "contoso.azurecr.io/a:v1": contoso.azurecr.io/a:v1: not found"#,
        "image-tag-not-found",
    ),
    (
        r#"Failed to pull image "contoso.azurecr.io/a:v1": rpc error: code = Unknown desc = failed to pull and unpack image "contoso.azurecr.io/a:v1": failed to resolve reference "contoso.azurecr.io/a:v1": failed to authorize: failed to fetch anonymous token: unexpected status: 401 Unauthorized"#,
        "exchange-no-role",
    ),
    (
        r#"Failed to pull image "contoso.azurecr.io/a:v1": rpc error: code = Unknown desc = failed to pull and unpack image "contoso.azurecr.io/a:v1": failed to resolve reference "contoso.azurecr.io/a:v1": failed to authorize: failed to fetch oauth token: unexpected status: 401 Unauthorized"#,
        "pullsecret-stale-password",
    ),
    (
        r#"Failed to pull image "contoso.azurecr.io/a:v1": rpc error: code = NotFound desc = failed to pull and unpack image "contoso.azurecr.io/a:v1": no match for platform in manifest: not found"#,
        "platform-no-match",
    ),
    (
        r#"Failed to pull image "contoso.azurecr.io/a:v1": rpc error: code = Unknown desc = failed to pull and unpack image "contoso.azurecr.io/a:v1": failed to resolve reference "contoso.azurecr.io/a:v1": pulling from host contoso.azurecr.io failed with status code [manifests v1]: 403 Forbidden"#,
        "acr-firewall-client-ip",
    ),
    (
        r#"Failed to pull image "mirror.example:5000/a:v1": rpc error: code = Unknown desc = failed to pull and unpack image "mirror.example:5000/a:v1": failed to resolve reference "mirror.example:5000/a:v1": failed to do request: Head "https://mirror.example:5000/v2/a/manifests/v1": http: server gave HTTP response to HTTPS client"#,
        "containerd-mirror-misconfigured",
    ),
    // containerd 2
    (
        r#"Failed to pull image "contoso.azurecr.io/a@sha256:00": failed to pull and unpack image "contoso.azurecr.io/a@sha256:00": failed to resolve image: contoso.azurecr.io/a@sha256:00: not found"#,
        "image-digest-gone",
    ),
    (
        r#"Failed to pull image "contoso.azurecr.io/a:v1": failed to pull and unpack image "contoso.azurecr.io/a:v1": failed to resolve image: failed to do request: Head "https://contoso.azurecr.io/v2/a/manifests/v1": dial tcp: lookup contoso.azurecr.io on 10.0.0.4:53: server misbehaving"#,
        "dns-server-unreachable",
    ),
    (
        r#"Failed to pull image "contoso.azurecr.io/a:v1": failed to pull and unpack image "contoso.azurecr.io/a:v1": failed to resolve image: failed to do request: Head "https://contoso.azurecr.io/v2/a/manifests/v1": proxyconnect tcp: dial tcp 10.9.0.1:3128: connect: connection refused"#,
        "proxy-unreachable",
    ),
    (
        r#"Failed to pull image "contoso.azurecr.io/a:v1": failed to pull and unpack image "contoso.azurecr.io/a:v1": failed to resolve image: failed to do request: Head "https://contoso.azurecr.io/v2/a/manifests/v1": Forbidden"#,
        "proxy-denies-host",
    ),
    (
        r#"Failed to pull image "contoso.azurecr.io/a:v1": failed to pull and unpack image "contoso.azurecr.io/a:v1": failed to resolve image: unexpected status from HEAD request to https://contoso.azurecr.io/v2/a/manifests/v1: 429 Too Many Requests"#,
        "acr-throttled-429",
    ),
    (
        r#"Failed to pull image "contoso.azurecr.io/a:v1": failed to pull and unpack image "contoso.azurecr.io/a:v1": failed to copy: httpReadSeeker: failed open: failed to do request: Get "https://contoso.eastus.data.azurecr.io/l": dial tcp: lookup contoso.eastus.data.azurecr.io on 168.63.129.16:53: no such host"#,
        "dns-data-endpoint-record-missing",
    ),
    (
        r#"Failed to pull image "contoso.azurecr.io/a:v1": failed to pull and unpack image "contoso.azurecr.io/a:v1": failed to extract layer sha256:00: write /var/lib/containerd/x: no space left on device"#,
        "node-disk-full",
    ),
    (
        r#"Failed to pull image "contoso.azurecr.io/a:v1": failed to pull and unpack image "contoso.azurecr.io/a:v1": failed commit on ref "layer-sha256:00": unexpected commit digest sha256:11, expected sha256:00: failed precondition"#,
        "containerd-content-corrupt",
    ),
    // behind the back-off, where recent kubelets repeat it
    (
        r#"Back-off pulling image "contoso.azurecr.io/a:v1": ErrImagePull: failed to pull and unpack image "contoso.azurecr.io/a:v1": failed to resolve image: contoso.azurecr.io/a:v1: not found"#,
        "image-tag-not-found",
    ),
    // docker and CRI-O
    (
        r#"Error response from daemon: Get "https://contoso.azurecr.io/v2/": denied: client with IP '203.0.113.9' is not allowed access. Refer https://aka.ms/acr/firewall to grant access."#,
        "acr-firewall-client-ip",
    ),
    (
        r#"Failed to pull image "app": rpc error: code = Unknown desc = Error response from daemon: pull access denied for app, repository does not exist or may require 'docker login': denied: requested access to the resource is denied"#,
        "image-ref-wrong-default-registry",
    ),
    (
        r#"Error response from daemon: Get "https://contoso.example/v2/": x509: certificate signed by unknown authority"#,
        "tls-unknown-ca",
    ),
    (
        r#"Failed to pull image "contoso.example/a:v1": reading manifest v1 in contoso.example/a: manifest unknown"#,
        "image-tag-not-found",
    ),
    (
        r#"Failed to pull image "contoso.example/a:v1": RegistryUnavailable: pinging container registry contoso.example: Get "https://contoso.example/v2/": dial tcp 203.0.113.7:443: i/o timeout"#,
        "tcp-egress-blocked",
    ),
    // Azure Blob Storage, and connections that end
    (
        r#"Failed to pull image "contoso.azurecr.io/a:v1": failed to copy: httpReadSeeker: failed open: unexpected status code https://eus1.blob.core.windows.net/l: 403 Server failed to authenticate the request. Make sure the value of Authorization header is formed correctly including the signature."#,
        "blob-sas-rejected",
    ),
    (
        r#"Failed to pull image "contoso.azurecr.io/a:v1": failed to copy: httpReadSeeker: failed open: unexpected status code https://eus1.blob.core.windows.net/l: 403 This request is not authorized to perform this operation."#,
        "blob-service-endpoint-policy",
    ),
    (
        r#"Failed to pull image "contoso.azurecr.io/a:v1": failed to resolve image: failed to do request: Head "https://contoso.azurecr.io/v2/a/manifests/v1": write tcp 10.0.0.4:5:->203.0.113.9:443: write: broken pipe"#,
        "tls-reset",
    ),
    (
        r#"Failed to pull image "contoso.azurecr.io/a:v1": failed to copy: httpReadSeeker: failed open: failed to do request: Get "https://contoso.azurecr.io/l": http2: server sent GOAWAY and closed the connection"#,
        "tls-reset",
    ),
    (
        r#"Failed to pull image "contoso.azurecr.io/a:v1": failed to resolve image: failed to do request: Head "https://contoso.azurecr.io/v2/a/manifests/v1": remote error: tls: handshake failure"#,
        "tls-reset",
    ),
    (
        r#"Failed to pull image "contoso.azurecr.io/a:v1": failed to resolve image: failed to do request: Head "https://contoso.azurecr.io/v2/a/manifests/v1": dial tcp 203.0.113.9:443: connect: cannot assign requested address"#,
        "tcp-snat-exhausted",
    ),
    (
        r#"Failed to pull image "contoso.azurecr.io/a:v1": failed to resolve image: failed to do request: Head "https://contoso.azurecr.io/v2/a/manifests/v1": dial tcp: lookup contoso.azurecr.io: i/o timeout"#,
        "dns-server-unreachable",
    ),
    ("client with IP '203.0.113.9'", "acr-firewall-client-ip"),
    (
        r#"Failed to pull image "contoso.azurecr.io/a:v1": SignatureValidationFailed: Source image rejected: A signature was required, but no signature exists"#,
        "signature-policy-failed",
    ),
    (
        "image pull failed for contoso.azurecr.io/a:v1 because the signature validation failed: Source image rejected",
        "signature-policy-failed",
    ),
    (
        "image pull failed for contoso.example/a:v1 because the registry is unavailable: 503",
        "registry-outage",
    ),
    (
        r#"Failed to pull image "contoso.azurecr.io/a:v1": failed to pull and unpack image "contoso.azurecr.io/a:v1": failed to extract layer sha256:00: failed to prepare extraction snapshot: parent snapshot sha256:11 does not exist: not found"#,
        "containerd-content-corrupt",
    ),
    (
        r#"Failed to pull image "contoso.azurecr.io/a:v1": failed to pull and unpack image "contoso.azurecr.io/a:v1": failed to unpack image on snapshotter overlayfs: content digest sha256:00: not found"#,
        "containerd-content-corrupt",
    ),
    (
        r#"Failed to pull image "contoso.azurecr.io/a:v1": failed to pull and unpack image "contoso.azurecr.io/a:v1": snapshotter stargz was not found: not found"#,
        "containerd-content-corrupt",
    ),
    (
        r#"Failed to pull image "contoso.azurecr.io/a:v1": failed to pull and unpack image "contoso.azurecr.io/a:v1": failed to unpack image on snapshotter overlayfs: encountered unknown type text/html; children may not be fetched"#,
        "manifest-not-an-image",
    ),
    (
        r#"Failed to create pod sandbox: rpc error: code = Unknown desc = failed to get sandbox image "contoso.azurecr.io/pause:3.9": failed to pull image "contoso.azurecr.io/pause:3.9": failed to do request: Head "https://contoso.azurecr.io/v2/pause/manifests/3.9": dial tcp 203.0.113.9:443: i/o timeout"#,
        "tcp-egress-blocked",
    ),
    (
        r#"Failed to pull image "contoso.azurecr.io/a:v1": failed to do request: Head "https://contoso.azurecr.io/v2/a/manifests/v1": dial tcp: lookup contoso.azurecr.io on 169.254.10.11:53: dial udp 169.254.10.11:53: connect: network is unreachable"#,
        "dns-server-unreachable",
    ),
    (
        r#"Failed to pull image "contoso.azurecr.io/unauthorized:v1": failed to resolve image: contoso.azurecr.io/unauthorized:v1: not found"#,
        "image-tag-not-found",
    ),
    (
        r#"Error response from daemon: Get "https://registry-1.docker.io/v2/library/nginx/manifests/1": toomanyrequests: You have reached your pull rate limit."#,
        "mcr-or-dockerhub-429",
    ),
];

#[test]
fn each_runtime_is_understood() {
    for (text, mode) in FIRST {
        assert_eq!(Message::read(text).suspects.first(), Some(mode), "{text}");
    }
}

/// The catalogue's own examples: the words of a mode suspect it, or one that it is known to be taken
/// for.
#[test]
fn the_examples_of_the_catalogue_suspect_their_modes() {
    let modes = &checks::messages().modes;
    let mut named = 0;
    let mut all = 0;
    for (slug, mode) in modes {
        let Some(kubelet) = mode.kubelet else { continue };
        let suspects = Message::read(kubelet).suspects;
        assert!(!suspects.is_empty(), "{slug}: {kubelet}");
        all += 1;
        named += usize::from(suspects.contains(&slug));
    }
    // Seventeen modes of one refused sign-in share their words to the letter, and four can be named.
    assert!(named * 10 >= all * 4, "{named} of {all}");
}

#[test]
fn suspects_are_modes_of_the_catalogue() {
    let modes = &checks::messages().modes;
    for (text, _) in FIRST {
        for mode in Message::read(text).suspects {
            assert!(modes.get(mode).is_some(), "{mode}");
        }
    }
}

/// Words of every kind of message, to be put together anew.
const WORDS: [&str; 16] = [
    "[rpc error: code = Unknown desc = ",
    "image \"",
    "\"",
    ": ",
    "dial tcp ",
    "lookup ",
    "https://",
    "[::1]:443",
    "401 ",
    "not found",
    "no such host",
    ", failed to pull and unpack image ",
    "?ns=",
    "\u{202e}\u{1b}[31m",
    "가",
    "999",
];

proptest! {
    #[test]
    fn any_text_is_read(words in prop::collection::vec(prop_oneof![prop::sample::select(&WORDS[..]).prop_map(str::to_owned), any::<String>()], 0..20)) {
        let message = Message::read(&words.concat());
        prop_assert!(message.suspects.len() <= 4);
        prop_assert!(message.quoted.chars().count() <= 301);
        let is_unsafe = message.quoted.contains(['\u{1b}', '\u{202e}', '\n']);
        prop_assert!(!is_unsafe, "{}", message.quoted.escape_debug());
        prop_assert!(message.parts.status.is_none_or(|status| (400..600).contains(&status)));
    }
}

#[test]
fn a_signed_url_is_not_repeated() {
    let text = r#"failed to copy: Get "https://x.blob.core.windows.net/l?se=1&sig=c2VjcmV0LWNhbmFyeQ%3D": EOF"#;
    let message = Message::read(text);
    assert!(!serde_json::to_string(&message).unwrap().contains("c2VjcmV0"), "{}", message.quoted);
}

#[test]
fn no_credential_is_repeated() {
    for (text, secret) in [
        ("Get \"https://ghp_SECRETWORD@contoso.azurecr.io/v2/\": 401 Unauthorized", "SECRETWORD"),
        ("Get https://x.example/y?se=2024\\u0026sig=SECRETWORD\\u0026sp=r: EOF", "SECRETWORD"),
        (
            "Get \"https://x.example/r?to=https%3A%2F%2Fy%2Fl%3Fse%3D1%26sig%3DSECRETWORD%253D\": EOF",
            "SECRETWORD",
        ),
        ("Authorization: Bearer eyJSECRETWORD.abc.def failed", "SECRETWORD"),
        ("authorization: Basic SECRETWORD= failed", "SECRETWORD"),
        (r#"{"auths":{"a":{"password":"SECRETWORD"}}} not found"#, "SECRETWORD"),
        ("refresh_token: \"SECRETWORD\" refused", "SECRETWORD"),
        ("Failed to pull image \"user:SECRETWORD@contoso.azurecr.io/a:v1\": EOF", "SECRETWORD@"),
    ] {
        let shown = serde_json::to_string(&Message::read(text)).unwrap();
        assert!(!shown.contains(secret), "{shown}");
    }
}

/// What is at the end of the line where a message only repeats that a pull failed.
#[test]
fn a_bare_failure_points_to_the_earlier_event() {
    for text in [
        r#"Back-off pulling image "contoso.azurecr.io/a:v1""#,
        "Error: ErrImagePull",
        "ImagePullBackOff",
    ] {
        assert!(Message::read(text).is_bare(), "{text}");
        let (code, said, _) = why(&["--message", text, "--lang", "en"]);
        assert_eq!((code, said.contains("an earlier event")), (Some(3), true), "{said}");
    }
    for text in ["zonk", r#"Back-off pulling image "a": ErrImagePull: a: not found"#] {
        assert!(!Message::read(text).is_bare(), "{text}");
    }
}

/// What a name or a digest holds says nothing of what went wrong.
#[test]
fn a_name_is_no_fault() {
    for text in [
        r#"Back-off pulling image "contoso.azurecr.io/a:20240415.1""#,
        r#"Back-off pulling image "contoso.azurecr.io/unauthorized:v1""#,
        r#"Failed to pull image "a": dial unix /run/containerd/containerd.sock: connect: connection refused"#,
    ] {
        assert!(Message::read(text).suspects.is_empty(), "{text}");
    }
    let text = r#"Failed to pull image "contoso.azurecr.io/unauthorized/a:v1": failed to do request: Head "https://contoso.azurecr.io/v2/unauthorized/a/manifests/v1": dial tcp 203.0.113.9:443: connect: connection timed out"#;
    assert_eq!(Message::read(text).suspects[0], "tcp-egress-blocked");
}

/// Other events of a pod are no failed pulls, though they say "not found" and "refused".
#[test]
fn what_is_about_no_pull_suspects_nobody() {
    for text in [
        r#"Error: secret "app-config" not found"#,
        r#"Error: configmap "app" not found"#,
        r#"configmap "app" not found"#,
        r#"MountVolume.SetUp failed for volume "tls" : secret "tls" not found"#,
        r#"Readiness probe failed: Get "http://10.1.2.3:8080/": dial tcp 10.1.2.3:8080: connect: connection refused"#,
        r#"Error: failed to create containerd task: failed to create shim task: OCI runtime create failed: exec: "app": executable file not found in $PATH"#,
        "Back-off restarting failed container app in pod app-1",
        r#"Failed to create pod sandbox: rpc error: code = Unknown desc = failed to setup network for sandbox "00": plugin type="azure-vnet" failed: dial tcp 127.0.0.1:10090: connect: connection refused"#,
    ] {
        assert_eq!(Message::read(text).suspects, [""; 0], "{text}");
    }
    let pull = "Unable to retrieve some image pull secrets (app); attempting to pull the image may not succeed.";
    assert_eq!(Message::read(pull).suspects, ["pullsecret-missing"]);
}

#[test]
fn the_words_that_decide_are_named_with_who_writes_them() {
    let cited = |text: &str| {
        let cited = Message::read(text).cites.unwrap();
        (cited.words, cited.writer.to_string())
    };
    assert_eq!(cited(FIRST[0].0), ("invalid reference format", "the-kubelet".to_owned()));
    assert_eq!(cited(FIRST[4].0), ("not found", "the-registry".to_owned()));
    let (_, said, _) = why(&["--message", FIRST[4].0, "--lang", "en"]);
    assert!(said.contains("words       “not found”, as the registry writes it"), "{said}");
    assert!(Message::read("zonk").cites.is_none());
}

#[test]
fn a_quotation_mark_keeps_its_other_half() {
    let quoted = |text: &str| Message::read(text).quoted;
    assert_eq!(quoted(r#"Back-off pulling image "a:1""#), r#"Back-off pulling image "a:1""#);
    assert_eq!(quoted(r#"failed to "StartContainer": "a: not found""#), "a: not found");
}

#[test]
fn what_was_presented_and_how_far_the_pull_came() {
    let message = Message::read(FIRST[6].0);
    assert_eq!(message.parts.presented, Some(Presented::WithCredentials));
    assert_eq!(message.parts.phase, Phase::AskingForToken);
    assert_eq!(message.parts.status, Some(401));
}

fn why(args: &[&str]) -> (Option<i32>, String, String) {
    let done =
        Command::new(env!("CARGO_BIN_EXE_check-acr")).arg("why").args(args).output().unwrap();
    let text = |bytes| String::from_utf8(bytes).unwrap();
    (done.status.code(), text(done.stdout), text(done.stderr))
}

#[test]
fn words_alone_never_tell() {
    for (text, mode) in FIRST {
        let (code, said, _) = why(&["--message", text, "--lang", "en"]);
        assert_eq!(code, Some(3), "{said}");
        assert!(said.contains(mode) && said.contains("could not tell"), "{said}");
    }
    let (code, said, _) = why(&["--message", "zonk", "--lang", "en"]);
    assert_eq!((code, said.contains("are not known")), (Some(3), true), "{said}");
}

#[test]
fn the_check_that_settles_it_names_the_image_and_nothing_else() {
    let image = |image: &str| {
        why(&["--message", &format!("Failed to pull image \"{image}\": pull QPS exceeded")]).1
    };
    assert!(
        image("contoso.azurecr.io/a:v1").contains("\n  check-acr node contoso.azurecr.io/a:v1\n")
    );
    for hostile in ["$(reboot)", "a;reboot", "a`reboot`", "--help", "a|b"] {
        assert!(
            !image(hostile).contains("check-acr $") && !image(hostile).contains("\n  check-acr"),
            "{hostile}"
        );
    }
}

#[test]
fn a_message_that_is_missing_is_wrong_usage() {
    for args in [&["--message", " "][..], &["--message"], &["--message", "x", "pod/a"]] {
        let (code, _, said) = why(args);
        assert_eq!(code, Some(2), "{said}");
    }
}
