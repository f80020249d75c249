//! Nodes of a cluster, from the lab. Each runs in namespaces of its own, in which the lab listens
//! at its real addresses and the node's files are at their paths. `check-acr IMAGE` gets no further
//! information and must find out which identity the node uses.
//!
//! Here, too, containerd is the judge. It gets the credentials that a kubelet would hand to it:
//! those that the credential provider obtains from IMDS and the registry's exchange, or none if the
//! provider obtains none.

use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::time::{Duration, Instant};

use futures::stream::{self, StreamExt as _};
use serde::{Deserialize, Serialize};
use serde_json::Value;
use tokio::process::Command;

use crate::case::{Case, can, cannot};
use crate::cri::Runtime;
use crate::daemon::{run, until};
use crate::judge::{Row, complaints};
use crate::lanes::NODE;
use crate::namespace::{bind, ip};
use crate::tool::{Told, Tool};
use crate::{Answered, Fallible, peer, seen};

/// The error for a client that the registry does not know.
const ANONYMOUS: &str = "failed to fetch anonymous token: unexpected status: 401";
/// The user whose password is a refresh token of the exchange.
const TOKEN_USER: &str = "00000000-0000-0000-0000-000000000000";

/// As in `cases.rs`; the host is the name of the lab's scenario.
pub const NODES: &[Case] = &[
    can("node, identity by its client ID", "node-healthy"),
    can("node, identity by its resource", "node-identity-by-resource"),
    can("node, its only identity, unnamed", "node-identity-unnamed"),
    can("node, service principal", "node-service-principal"),
    can("node, no role, but anonymous pull", "node-anonymous-pull")
        .warns(&["token/exchange-no-role"]),
    cannot(
        "node, identity not attached",
        "node-identity-not-attached",
        ANONYMOUS,
        &["identity/mi-not-on-vmss"],
    ),
    cannot(
        "node, several identities, none named",
        "node-identity-several",
        ANONYMOUS,
        &["identity/mi-multiple-unspecified"],
    ),
    cannot(
        "node, identity without a role",
        "node-without-role",
        ANONYMOUS,
        &["token/exchange-no-role"],
    ),
    cannot(
        "node, nothing listens at the metadata service",
        "node-imds-refuses",
        ANONYMOUS,
        &["identity/imds-unreachable"],
    ),
    cannot(
        "node, another directory in its file",
        "node-wrong-tenant",
        ANONYMOUS,
        &["token/wrong-tenant-in-azurejson"],
    ),
    cannot(
        "node, its file cut short",
        "node-azure-json-cut",
        ANONYMOUS,
        &["kubelet/azurejson-missing-or-corrupt"],
    ),
    cannot(
        "node, secret out of date",
        "node-service-principal-expired",
        "failed to fetch oauth token: unexpected status: 401",
        &["identity/sp-secret-expired"],
    ),
    cannot(
        "node, role for another repository",
        "node-role-excludes-repository",
        "insufficient_scope",
        &["token/role-excludes-repository"],
    ),
    cannot(
        "plain host, nobody signed in",
        "anonymous-pull-disabled",
        ANONYMOUS,
        &["token/anonymous-pull-disabled"],
    ),
];

/// The results for one node, as its process prints them.
#[derive(Serialize, Deserialize)]
struct Said {
    image: String,
    runtime: Answered,
    runtime_took: Duration,
    peer: Answered,
    tool: Option<Told>,
}

/// Runs all clients on every node.
pub async fn all(folder: &Path, tool: Option<&Tool>, cases: &[Case]) -> Fallible<Vec<Row>> {
    if cases.is_empty() {
        return Ok(vec![]);
    }
    // Copies /etc, because a missing folder may not be creatable in the system's own.
    let mut copy = Command::new("cp");
    copy.args(["-a", "/etc"]).arg(folder.join("etc"));
    run(copy).await?;
    std::fs::create_dir_all(folder.join("etc/kubernetes"))?;
    let rows: Vec<Fallible<Row>> =
        stream::iter(cases).map(|case| one(folder, tool, *case)).buffered(4).collect().await;
    rows.into_iter().collect()
}

async fn one(folder: &Path, tool: Option<&Tool>, case: Case) -> Fallible<Row> {
    let case = case.lane(NODE);
    // Keeps the path short, because it becomes part of a socket's path.
    let own = folder.join(case.host);
    let mut command = Command::new("unshare");
    // A node has one containerd: those of the others are not among its processes.
    command.args(["--net", "--mount", "--pid", "--fork", "--kill-child", "--mount-proc"]);
    command.arg(std::env::current_exe()?);
    command.args(["node", case.host]).arg(&own).arg(folder.join("etc"));
    command.arg(tool.map_or_else(PathBuf::new, |tool| tool.program.clone()));
    command.stdin(Stdio::null());
    let said = run(command).await.map_err(|e| format!("{}: {e}", case.name))?;
    let Said { image, runtime, runtime_took, peer, tool } = serde_json::from_str(&said)?;
    let complaints = complaints(&case, &runtime, &peer, tool.as_ref());
    Ok(Row { case, image, runtime, runtime_took, peer, tool, complaints })
}

/// Returns everything that `check-acr` printed on that node, at its most verbose.
pub fn text(folder: &Path, case: &Case) -> String {
    std::fs::read_to_string(folder.join(case.host).join("told-node.txt")).unwrap_or_default()
}

/// Runs as such a node: `node SCENARIO FOLDER ETC TOOL`, in namespaces of its own. Prints the
/// results.
pub async fn stand(words: &[String]) -> Fallible<()> {
    let [name, folder, etc, tool] = words else { return Err("node: four words".into()) };
    let (folder, etc) = (Path::new(folder), Path::new(etc));
    let scenario = seen::scenario(name)?;
    ip(&["link", "set", "lo", "up"]).await?;
    for address in lab::addresses(&scenario)? {
        ip(&["address", "add", &address.to_string(), "dev", "lo"]).await?;
    }
    let lab = seen::start(&scenario, folder).await?;
    furnish(folder, etc).await?;
    // Linux tells the start of a process to the second. A node's authorities are older than that.
    let authorities = folder.join("ca.pem");
    until("the authorities' age", Duration::from_secs(9), async || {
        let changed = std::fs::metadata(&authorities).and_then(|file| file.modified());
        changed.is_ok_and(|at| at.elapsed().is_ok_and(|age| age > Duration::from_secs(2)))
    })
    .await?;
    std::fs::copy(folder.join("resolv.conf"), folder.join(NODE.resolv_conf(Path::new(""))))?;

    let image = scenario.ask.image.clone();
    let runtime = Runtime::start(folder, NODE).await?;
    let login = as_the_provider(&image).await?;
    let login = login.as_ref().map(|(user, password)| (user.as_str(), password.as_str()));
    let start = Instant::now();
    let pulled = runtime.pull(&image, login).await;
    let runtime_took = start.elapsed();
    let peer = peer::ask(folder, NODE, &image, login).await;
    let tool = match tool.as_str() {
        "" => None,
        tool => {
            let mut tool = Tool::new(Path::new(tool), folder)?;
            tool.secrets.clone_from(&lab.secrets);
            // Only the node itself signs in.
            Some(tool.ask("node", NODE, &image, None).await)
        }
    };
    let said = Said { image, runtime: pulled, runtime_took, peer, tool };
    println!("{}", serde_json::to_string(&said)?);
    Ok(())
}

/// Mounts the files of a node at their paths.
pub async fn furnish(folder: &Path, etc: &Path) -> Fallible<()> {
    bind(etc, Path::new("/etc")).await?;
    bind(&folder.join("ca.pem"), Path::new("/etc/ssl/certs/ca-certificates.crt")).await?;
    bind(&folder.join("resolv.conf"), Path::new("/etc/resolv.conf")).await?;
    let root = folder.join("root");
    if root.join("etc/kubernetes").exists() {
        bind(&root.join("etc/kubernetes"), Path::new("/etc/kubernetes")).await?;
    }
    // Hides the machine's own files.
    let mut empty = Command::new("mount");
    empty.args(["-t", "tmpfs", "tmpfs", "/var/lib"]);
    run(empty).await?;
    if root.join("var/lib/kubelet").exists() {
        std::fs::create_dir("/var/lib/kubelet")?;
        bind(&root.join("var/lib/kubelet"), Path::new("/var/lib/kubelet")).await?;
    }
    Ok(())
}

/// Returns the credentials that Azure's credential provider would hand to the kubelet, obtained in
/// its own order. Returns none if the provider fails, because the kubelet then goes on without
/// credentials. (cloud-provider-azure, pkg/credentialprovider.)
pub async fn as_the_provider(image: &str) -> Fallible<Option<(String, String)>> {
    let Ok(text) = std::fs::read("/etc/kubernetes/azure.json") else { return Ok(None) };
    let Ok(file) = serde_json::from_slice::<Value>(&text) else { return Ok(None) };
    let field = |name: &str| file[name].as_str().unwrap_or_default().to_owned();
    if file["useManagedIdentityExtension"] != true {
        return Ok(Some((field("aadClientId"), field("aadClientSecret"))));
    }
    let id = field("userAssignedIdentityID");
    let which = match id.to_ascii_lowercase().contains("/subscriptions/") {
        _ if id.is_empty() => vec![],
        true => vec![format!("msi_res_id={id}")],
        false => vec![format!("client_id={id}")],
    };
    let mut question = vec!["-G", "-H", "Metadata: true"];
    let of = "resource=https://containerregistry.azure.net".to_owned();
    let fields = which.into_iter().chain([of, "api-version=2018-02-01".to_owned()]);
    let url = "http://169.254.169.254/metadata/identity/oauth2/token";
    let Some(token) = asked(&question, fields, url, "access_token").await else { return Ok(None) };
    question.clear();
    let host = image.split('/').next().unwrap_or_default();
    let fields = [
        "grant_type=access_token_refresh_token".to_owned(),
        format!("service={host}"),
        format!("tenant={}", field("tenantId")),
        format!("access_token={token}"),
        format!("refresh_token={token}"),
    ];
    let url = format!("https://{host}/oauth2/exchange");
    let token = asked(&question, fields, &url, "refresh_token").await;
    Ok(token.map(|token| (TOKEN_USER.to_owned(), token)))
}

/// Returns one field of the response to a form.
async fn asked(
    how: &[&str],
    fields: impl IntoIterator<Item = String>,
    url: &str,
    wanted: &str,
) -> Option<String> {
    let mut curl = Command::new("curl");
    curl.args(["-sSf", "-m", "10", "--noproxy", "*"]).args(how);
    for field in fields {
        curl.arg("--data-urlencode").arg(field);
    }
    curl.arg(url);
    let answer: Value = serde_json::from_str(&run(curl).await.ok()?).ok()?;
    answer[wanted].as_str().map(str::to_owned)
}
