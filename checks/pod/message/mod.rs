//! The kubelet's message of a failed pull: what it quotes, how far the pull came, and which
//! failure modes it suspects.

mod fault;
mod suspects;
mod vocabulary;
mod words;

use serde::Serialize;

use fault::Fault;
pub use fault::{Cited, Writer};
pub use words::{Parts, Phase, Presented};

/// How much of a message is read. The kubelet's events hold 1 KiB, its status messages more.
const MAX_BYTES: usize = 16 * 1024;

/// What a message of a failed pull says.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Message {
    /// The first error of the message: in a list, those behind it are what was tried next.
    pub quoted: String,
    /// The names and numbers in it.
    #[serde(flatten)]
    pub parts: Parts,
    /// The words that decide, and who writes them.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub cites: Option<Cited>,
    /// The failure modes that write these words, the likeliest first; at most four. Empty when the
    /// words are not known.
    pub suspects: Vec<&'static str>,
}

impl Message {
    /// Reads a message. Any text is one; of what is not known, `suspects` is empty.
    pub fn read(text: &str) -> Self {
        let text = words::plain(text, MAX_BYTES);
        let first = words::first_error(&text);
        let lower = words::without_names(first);
        let mut parts = Parts::of(&text, first);
        let (fault, cites) = vocabulary::fault(&lower, &parts).unzip();
        let suspects = fault.map(|fault| suspects::of(fault, &parts, first)).unwrap_or_default();
        if fault.is_some_and(Fault::is_local) {
            parts.phase = Phase::BeforeThePull;
        } else if fault.is_none() {
            parts.phase = Phase::UnknownPhase;
        }
        Self { quoted: words::heart(first), parts, cites, suspects }
    }

    /// Returns whether it is about a container that ends again and again: its image is there.
    pub fn is_of_a_start(&self) -> bool {
        self.quoted.to_ascii_lowercase().starts_with("back-off restarting failed container")
    }

    /// Returns whether it says no more than that a pull failed: an earlier event says why.
    pub fn is_bare(&self) -> bool {
        let lower = self.quoted.to_ascii_lowercase();
        let said = lower.trim_start_matches("error: ");
        self.suspects.is_empty()
            && (["errimagepull", "imagepullbackoff"].contains(&said)
                || said.starts_with("back-off pulling image"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn containerd(image: &str, rest: &str) -> Message {
        Message::read(&format!(
            r#"Failed to pull image "{image}": failed to pull and unpack image "{image}": {rest}"#
        ))
    }

    #[test]
    fn the_first_of_a_list_is_the_cause() {
        let message = Message::read(
            r#"Failed to pull image "contoso.azurecr.io/a:v1": [rpc error: code = NotFound desc = failed to pull and unpack image "contoso.azurecr.io/a:v1": failed to resolve reference "contoso.azurecr.io/a:v1": contoso.azurecr.io/a:v1: not found, failed to pull and unpack image "contoso.azurecr.io/a:v1": failed to resolve reference "contoso.azurecr.io/a:v1": failed to authorize: failed to fetch anonymous token: unexpected status from GET request to https://contoso.azurecr.io/oauth2/token: 401 Unauthorized]"#,
        );
        assert_eq!(message.suspects[0], "image-tag-not-found");
        assert_eq!((message.parts.phase, message.parts.status), (Phase::AskingForManifest, None));
    }

    #[test]
    fn who_was_asked_and_what_was_presented() {
        let message = containerd(
            "contoso.azurecr.io/a:v1",
            "failed to resolve image: failed to authorize: failed to fetch oauth token: unexpected status from POST request to https://contoso.azurecr.io/oauth2/token: 401 Unauthorized",
        );
        assert_eq!(message.parts.image.as_deref(), Some("contoso.azurecr.io/a:v1"));
        assert_eq!(message.parts.host.as_deref(), Some("contoso.azurecr.io"));
        assert_eq!(message.parts.presented, Some(Presented::WithCredentials));
        assert_eq!((message.parts.phase, message.parts.status), (Phase::AskingForToken, Some(401)));
        assert_eq!(message.suspects[0], "pullsecret-stale-password");
    }

    #[test]
    fn an_address_tells_a_private_endpoint_from_the_internet() {
        let to = |address: &str| {
            let rest = format!(
                r#"failed to resolve image: failed to do request: Head "https://contoso.azurecr.io/v2/a/manifests/v1": dial tcp {address}:443: i/o timeout"#
            );
            containerd("contoso.azurecr.io/a:v1", &rest).suspects[0]
        };
        assert_eq!(to("10.1.0.5"), "tcp-private-endpoint-timeout");
        assert_eq!(to("203.0.113.20"), "tcp-egress-blocked");
        assert_eq!(to("[2001:db8::5]"), "tcp-egress-blocked");
    }

    #[test]
    fn a_mirror_is_suspected_before_the_registry() {
        let message = containerd(
            "docker.io/library/nginx:1",
            "failed to copy: httpReadSeeker: failed open: unexpected status from GET request to https://mirror.example/v2/library/nginx/blobs/sha256:0?ns=docker.io: 400 Bad Request",
        );
        assert!(message.parts.through_mirror);
        assert_eq!(message.suspects[0], "containerd-mirror-misconfigured");
    }

    #[test]
    fn neighbours_of_a_word_are_told_apart() {
        let status = |host: &str, status: &str| {
            format!(
                "failed to resolve image: unexpected status from HEAD request to https://{host}/v2/a/manifests/v1: {status}"
            )
        };
        let too_many = "429 Too Many Requests";
        for (image, rest, first) in [
            (
                "a.example/b:v1",
                "denied: Your authorization token has expired. Reauthenticate.",
                "pullsecret-short-lived-token",
            ),
            (
                "a.example/b:v1",
                "failed to get stream processor for x: exec: \"ctd-decoder\": executable file not found in $PATH",
                "manifest-not-an-image",
            ),
            ("a.example/untar:v1", "failed to copy: unexpected EOF", "blob-unexpected-eof"),
            ("notazurecr.io/b:v1", &status("notazurecr.io", too_many), "mcr-or-dockerhub-429"),
            (
                "Contoso.AzureCR.io/b:v1",
                &status("Contoso.AzureCR.io", too_many),
                "acr-throttled-429",
            ),
            (
                "contoso.azurecr.io/b:v1",
                &status("contoso.azurecr.io", "418 I'm a teapot"),
                "containerd-mirror-misconfigured",
            ),
            (
                "contoso.azurecr.io/b:v1",
                "failed to extract layer sha256:0: the sky fell",
                "containerd-content-corrupt",
            ),
            (
                "contoso.azurecr.io/b:v1",
                "failed to resolve image: failed to authorize: failed to fetch anonymous token: the sky fell",
                "proxy-denies-host",
            ),
            (
                "contoso.azurecr.io/b:v1",
                "failed to do request: Head \"https://contoso.azurecr.io/v2/\": remote error: tls: unrecognized name",
                "tls-reset",
            ),
            (
                "contoso.azurecr.io/b:v1",
                &status("contoso.azurecr.io", "503 Service Unavailable: denied: pull QPS exceeded"),
                "registry-outage",
            ),
            (
                "contoso.azurecr.io/b:v1",
                &status("contoso.azurecr.io", "500 Internal Server Error: no space left on device"),
                "registry-outage",
            ),
            (
                "10.1.0.9:5000/b:v1",
                "failed to do request: Head \"https://10.1.0.9:5000/v2/\": dial tcp 10.1.0.9:5000: connect: no route to host",
                "dns-stale-private-ip",
            ),
        ] {
            let said = containerd(image, rest);
            assert_eq!(said.suspects.first(), Some(&first), "{rest}: {:?}", said.suspects);
        }
        let said = containerd("[2001:db8::5]:5000/b:v1", &status("[2001:db8::5]:5000", too_many));
        assert_eq!(said.parts.host.as_deref(), Some("2001:db8::5"));
        let bad = "the certificate of the portal says that its licence has expired";
        assert!(Message::read(bad).suspects.is_empty());
    }

    #[test]
    fn the_image_stands_where_each_runtime_has_it() {
        for text in [
            r#"initializing source docker://contoso.azurecr.io/a:v1: reading manifest v1 in contoso.azurecr.io/a: manifest unknown: manifest tagged by "v1" is not found"#,
            r#"Error response from daemon: manifest for contoso.azurecr.io/a:v1 not found: manifest unknown: manifest tagged by "v1" is not found"#,
        ] {
            let image = Message::read(text).parts.image;
            assert_eq!(image.as_deref(), Some("contoso.azurecr.io/a:v1"), "{text}");
        }
    }

    #[test]
    fn a_container_that_ends_is_no_failed_pull() {
        let text = "Back-off restarting failed container app in pod web-1_shop(1b2c)";
        let message = Message::read(text);
        assert!(message.is_of_a_start() && message.suspects.is_empty());
        assert!(!Message::read("Back-off pulling image \"c.io/a:1\"").is_of_a_start());
    }

    #[test]
    fn words_that_are_not_known_suspect_nobody() {
        for text in ["", "something else went wrong", "x: y: z"] {
            assert!(Message::read(text).suspects.is_empty(), "{text}");
        }
    }

    #[test]
    fn escapes_and_prefixes_of_the_kubelet_are_taken_off() {
        let message = Message::read(
            r#"Error syncing pod, skipping: failed to "StartContainer" for "app" with ErrImagePull: "failed to pull and unpack image \"contoso.azurecr.io/a:v1\": failed to resolve image: contoso.azurecr.io/a:v1: not found""#,
        );
        assert_eq!(message.parts.image.as_deref(), Some("contoso.azurecr.io/a:v1"));
        assert_eq!(message.suspects[0], "image-tag-not-found");
    }
}
