//! What the client has: its environment, its docker config, its other files, and those of its node.

use std::collections::BTreeMap;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Map, json};

use crate::identity::{Node, Provider};
use crate::program::provider;
use crate::scenario::{Scenario, SignIn};
use crate::secrets::{OLD_USER, Secrets, TOKEN_USER, UNKNOWN_APPLICATION, USER, admin};

/// The files in which an AKS node keeps its sign-in configuration, and that of its runtime.
const AZURE_JSON: &str = "/etc/kubernetes/azure.json";
const PROVIDER_CONFIG: &str = "/var/lib/kubelet/credential-provider-config.yaml";
const CONTAINERD: &str = "/etc/containerd/config.toml";
const PROVIDER: &str = "/var/lib/kubelet/credential-provider/acr-credential-provider";
const OTHER_PROVIDER: &str = "/var/lib/kubelet/credential-provider/other-credential-provider";
/// The number of the kubelet's process.
const KUBELET: u32 = 2107;
const SCRIPT: &str = "#!/bin/sh\n";
/// The machine number of 32-bit ARM in an ELF header.
const ARM: char = '\u{28}';

pub(crate) fn environment(scenario: &Scenario, secrets: &Secrets) -> BTreeMap<String, String> {
    let filled = |value: &String| {
        let value = value.replace("PROXY-PASSWORD", &secrets.proxy_password);
        secrets.fill(&value, &scenario.registry.login_server)
    };
    scenario.ask.environment.iter().map(|(name, value)| (name.clone(), filled(value))).collect()
}

/// Returns the client's files, with the credentials and the inspecting authority filled in. The scenario's own files take
/// precedence over those of a node.
pub(crate) fn files(
    scenario: &Scenario,
    secrets: &Secrets,
    inspection_pem: &str,
) -> BTreeMap<String, String> {
    let mut files = of_node(&scenario.node);
    files.extend(scenario.ask.files.clone());
    for text in files.values_mut() {
        *text = secrets.fill(text, &scenario.registry.login_server);
        *text = text.replace("$INSPECTION_CA", inspection_pem);
    }
    files
}

fn of_node(node: &Node) -> BTreeMap<String, String> {
    let mut files = BTreeMap::new();
    if !node.on {
        return files;
    }
    let (path, program) = match node.provider {
        Provider::Missing => (OTHER_PROVIDER, SCRIPT.to_owned()),
        Provider::OtherMachine => (PROVIDER, program_for_arm()),
        // Programs that may be run are files of their own.
        Provider::There | Provider::NotExecutable | Provider::NoFolder => ("", String::new()),
    };
    for (path, text) in [
        (AZURE_JSON, node.azure_json.clone()),
        (PROVIDER_CONFIG, node.credential_provider.clone()),
        (CONTAINERD, node.containerd.clone()),
        (path, program),
    ] {
        if !text.is_empty() {
            files.insert(path.to_owned(), text);
        }
    }
    files.extend(processes(node));
    files
}

/// Returns the files of the node's processes: the first one, and the kubelet.
fn processes(node: &Node) -> BTreeMap<String, String> {
    let stat = |pid, name, began| {
        format!(
            "{pid} ({name}) S 1 {pid} {pid} 0 -1 4194560 9 0 0 0 9 9 0 0 20 0 1 0 {began} 9 9\n"
        )
    };
    let mut files = BTreeMap::from([
        ("/proc/stat".to_owned(), "cpu 9 9 9 9\nbtime 1790000000\nprocesses 9\n".to_owned()),
        ("/proc/1/comm".to_owned(), "systemd\n".to_owned()),
        ("/proc/1/stat".to_owned(), stat(1, "systemd", 2)),
    ]);
    if !node.kubelet.is_empty() {
        let args: String = node.kubelet.iter().flat_map(|arg| [arg.as_str(), "\0"]).collect();
        files.extend([
            (format!("/proc/{KUBELET}/comm"), "kubelet\n".to_owned()),
            (format!("/proc/{KUBELET}/cmdline"), args),
            (format!("/proc/{KUBELET}/stat"), stat(KUBELET, "kubelet", 4100)),
        ]);
    }
    files
}

/// Returns the node's programs that may be run: each path, and the bytes and permission of its file.
pub(crate) fn programs(
    scenario: &Scenario,
    secrets: &Secrets,
) -> Vec<(&'static str, Vec<u8>, bool)> {
    let node = &scenario.node;
    let is_there = matches!(node.provider, Provider::There | Provider::NotExecutable);
    if !node.on || !is_there {
        return vec![];
    }
    let script = secrets.fill(&node.provider_script, &scenario.registry.login_server);
    let bytes =
        if script.is_empty() { provider(&node.provider_version) } else { script.into_bytes() };
    vec![(PROVIDER, bytes, node.provider == Provider::There)]
}

/// Returns the header of a 64-bit ELF program: its magic number, its type (2: executable), its
/// machine. All bytes are ASCII.
fn program_for_arm() -> String {
    let mut header = String::from("\u{7f}ELF\u{2}\u{1}\u{1}");
    header.extend(['\0'; 9]);
    header.extend(['\u{2}', '\0', ARM, '\0', '\u{1}', '\0', '\0', '\0']);
    header.extend(['\0'; 40]);
    header
}

/// Returns the docker config with the sign-in. A refresh token goes with the all-zero user name.
pub(crate) fn docker_config(
    scenario: &Scenario,
    secrets: &Secrets,
    login_servers: &[String],
) -> Option<String> {
    let basic = |user: &str, password: &str| {
        let auth = STANDARD.encode(format!("{user}:{password}"));
        json!({ "auth": auth })
    };
    let token = |token: &str| {
        let auth = STANDARD.encode(format!("{TOKEN_USER}:"));
        json!({ "auth": auth, "identitytoken": token })
    };
    let entry = match scenario.ask.sign_in {
        SignIn::Password => basic(USER, &secrets.password),
        SignIn::WrongPassword => basic(USER, &secrets.wrong_password),
        SignIn::IdentityToken => token(&secrets.identity_token),
        SignIn::StaleIdentityToken => token(&secrets.stale_identity_token),
        SignIn::ExposeToken => basic(TOKEN_USER, &secrets.identity_token),
        SignIn::StaleExposeToken => basic(TOKEN_USER, &secrets.stale_identity_token),
        SignIn::Admin => basic(admin(&scenario.registry.login_server), &secrets.admin_password),
        SignIn::UnknownApplication => basic(UNKNOWN_APPLICATION, &secrets.client_secret),
        SignIn::DisabledToken => basic(OLD_USER, &secrets.wrong_password),
        SignIn::None => return None,
    };
    let auths: Map<_, _> = login_servers.iter().map(|name| (name.clone(), entry.clone())).collect();
    Some(json!({ "auths": auths }).to_string())
}
