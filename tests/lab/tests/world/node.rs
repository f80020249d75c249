//! Tests the files of a node, and a world that listens at the addresses of the scenario.

use lab::{CANARY, Lab, Scenario};
use serde_json::Value;
use std::os::unix::fs::PermissionsExt as _;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};

const AZURE_JSON: &str = "/etc/kubernetes/azure.json";
const CONFIG: &str = "/var/lib/kubelet/credential-provider-config.yaml";
const CONTAINERD: &str = "/etc/containerd/config.toml";
const PROVIDER: &str = "/var/lib/kubelet/credential-provider/acr-credential-provider";

async fn world(text: &str) -> Lab {
    lab::start(&Scenario::parse(text).unwrap()).await.unwrap()
}

#[tokio::test]
async fn a_node_has_files_and_others_have_not() {
    assert!(world("").await.files.is_empty());
    let files = world("node.on = true").await.files;
    let of_processes = files.keys().filter(|file| file.starts_with("/proc/")).count();
    assert_eq!((files.len(), of_processes), (14, 10));
    assert!(files["/proc/9001399/cmdline"].contains("\0--image-credential-provider-config="));
    let config: Value = serde_json::from_str(&files[AZURE_JSON]).unwrap();
    assert_eq!(config["userAssignedIdentityID"], "2d9e4b76-18c3-4fa5-b0d7-63a1f8e5c942");
    assert!(files[CONFIG].contains("kind: CredentialProviderConfig"));
    assert!(files[CONTAINERD].contains("config_path"));

    let text = "[node]\non = true\nkubelet = []\nazure_json = \"\"\ncredential_provider = \"\"\ncontainerd = \"\"\n";
    for (provider, path) in [
        ("missing", Some("/var/lib/kubelet/credential-provider/other-credential-provider")),
        ("other-machine", Some(PROVIDER)),
        ("no-folder", None),
    ] {
        let mut files = world(&format!("{text}provider = \"{provider}\"")).await.files;
        files.retain(|file, _| !file.starts_with("/proc/") && !file.ends_with("hostname"));
        assert_eq!(files.keys().next().map(String::as_str), path, "{provider}");
        assert!(files.len() <= 1);
        if provider == "other-machine" {
            let header = files[PROVIDER].as_bytes();
            assert_eq!((&header[..4], header.len()), (&b"\x7fELF"[..], 64));
            assert_eq!((header[16], header[18], header[19]), (2, 40, 0));
        }
    }
}

#[tokio::test]
async fn programs_are_real_files_as_long_as_their_world() {
    assert!(world("").await.programs.is_empty());
    let mode = |lab: &Lab| {
        let file = &lab.programs[PROVIDER];
        (
            std::fs::read(file).unwrap(),
            std::fs::metadata(file).unwrap().permissions().mode() & 0o777,
        )
    };
    let lab = world("node = { on = true, provider_version = \"v1.30.9\" }").await;
    let (bytes, permissions) = mode(&lab);
    let has = |text: &[u8]| bytes.windows(text.len()).any(|part| part == text);
    assert!(bytes.starts_with(b"\x7fELF") && has(b"\xff Go buildinf:") && has(b"=v1.30.9"));
    assert_eq!(permissions, 0o755);
    let file = lab.programs[PROVIDER].clone();
    drop(lab);
    assert!(!file.exists());

    let script =
        "node = { on = true, provider = \"not-executable\", provider_script = \"$TOKEN\" }";
    let lab = world(script).await;
    let (bytes, permissions) = mode(&lab);
    assert!(lab::is_signed(std::str::from_utf8(&bytes).unwrap()));
    assert_eq!(permissions, 0o644);
}

#[tokio::test]
async fn a_server_without_tcp_answers_over_udp_only() {
    let lab =
        world("dns.order = [\"10.0.0.5\"]\ndns.servers.\"10.0.0.4\" = { fault = \"no-tcp\" }")
            .await;
    assert_eq!(lab.name_servers, ["10.0.0.5:53".parse().unwrap()]);
    let server = lab.routes[&"10.0.0.4:53".parse().unwrap()];
    let mut stream = tokio::net::TcpStream::connect(server).await.unwrap();
    stream.write_all(&[0, 1, 0]).await.unwrap();
    let mut answer = vec![];
    let read = stream.read_to_end(&mut answer).await;
    assert!(read.is_err() || answer.is_empty(), "{answer:?}");
}

#[tokio::test]
async fn what_is_written_into_files_can_be_recognised() {
    let lab = world(
        r#"
        node.on = true
        node.azure_json = "$CLIENT_SECRET $OLD_CLIENT_SECRET $ASSERTION"
        ask.environment.A = "PROXY-PASSWORD $CLIENT_SECRET"
        "#,
    )
    .await;
    let words: Vec<_> = lab.files[AZURE_JSON].split(' ').collect();
    assert!(words[0].contains(CANARY) && words[1].contains(CANARY) && words[0] != words[1]);
    assert!(lab::is_signed(words[2]));
    for word in &words {
        assert!(lab.secrets.iter().any(|secret| secret == word), "{word}");
    }
    let parts: Vec<_> = words[2].split('.').take(2).collect();
    for part in parts {
        assert!(lab.secrets.iter().any(|secret| part.contains(secret)), "{part}");
    }
    assert!(lab.environment["A"].ends_with(words[0]) && !lab.environment["A"].contains("PASSWORD"));
    assert!(lab.secrets.iter().all(|secret| secret.len() > 12), "too short to be told from chance");
}

/// Returns the same world with every address on loopback, where a test may listen.
const HERE: &str = r#"
    dns.order = ["127.81.7.4:5353"]
    dns.servers."127.81.7.4:5353" = {}
    dns.records."contoso.azurecr.io" = ["10 A 127.81.7.5"]
    hosts."127.81.7.5:8443" = { role = "registry" }
    hosts."127.81.7.6:8443" = { role = "portal", fault = "refuse" }
    hosts."127.81.7.7:8443" = { role = "portal", fault = "no-route" }
"#;

/// Removes the hosts of the healthy world, whose addresses this machine does not have.
fn only_here(mut scenario: Scenario) -> Scenario {
    scenario.hosts.retain(|host, _| host.starts_with("127."));
    scenario.dns.servers.retain(|server, _| server.starts_with("127."));
    scenario
}

#[tokio::test]
async fn a_world_can_be_where_it_says_it_is() {
    let scenario = only_here(Scenario::parse(HERE).unwrap());
    let addresses = lab::addresses(&scenario).unwrap();
    let listed: Vec<_> = addresses.iter().map(ToString::to_string).collect();
    for there in ["127.81.7.4", "127.81.7.5", "127.81.7.6", "10.1.0.4"] {
        assert!(listed.iter().any(|ip| ip == there), "{there} in {listed:?}");
    }
    assert!(!listed.iter().any(|ip| ip == "127.81.7.7"), "{listed:?}");

    let lab = lab::start_as_seen(&scenario).await.unwrap();
    assert!(lab.routes.is_empty());
    assert_eq!(lab.registry.to_string(), "127.81.7.5:8443");
    let url = "https://contoso.azurecr.io/v2/";
    assert_eq!(crate::client::ask(&lab, "GET", url, "", "").await.status, 401);
    let server = lab.name_servers[0];
    assert_eq!(server.to_string(), "127.81.7.4:5353");
    assert!(tokio::net::TcpStream::connect(server).await.is_ok());
    assert!(tokio::net::TcpStream::connect("127.81.7.6:8443").await.is_err());
    // No other process can listen there.
    assert!(lab::start_as_seen(&scenario).await.is_err());
}
