//! What changes on a node while it runs: mirrors, authorities and proxies, before containerd starts
//! again and after. The kubelet's pull says what is in effect.

use std::{fs, path::Path, time::Instant};

use crate::{
    Fallible,
    cluster::Cluster,
    kubelet::{Due, Row, complaints},
    seen,
    tool::told,
};

/// The world in which all of it happens: a node that can pull.
const WORLD: &str = "node-healthy";
const REGISTRY: &str = "contoso.azurecr.io";
/// Nobody listens there.
const DEAD: &str = "http://127.0.0.1:30020";
/// Where systemd has what it adds to containerd's unit.
const UNITS: &str = "/etc/systemd/system";

/// Runs all of it, in order, and returns a row for each step.
pub async fn all(cluster: &mut Cluster, program: &Path) -> Fallible<Vec<Row>> {
    cluster.anew(WORLD).await?;
    // It starts after the world's files.
    cluster.restart_containerd(&[]).await?;
    let node = cluster.node_files();
    let folder = node.join("certs.d").join(REGISTRY);
    let authority = format!("ca = \"{}\"\n", node.join("ca.pem").display());
    let mut rows = vec![];
    let mut step = async |name, due: Due| -> Fallible<()> {
        rows.push(one(cluster, program, name, due).await?);
        Ok(())
    };

    // certs.d is read for each pull.
    fs::create_dir_all(&folder)?;
    fs::write(folder.join("hosts.toml"), format!("server = \"{DEAD}\"\n"))?;
    step("mirror set, dead, in the registry's place", Due::cannot("runtime/registry-not-asked"))
        .await?;
    let mirror = format!("{authority}[host.\"{DEAD}\"]\n");
    fs::write(folder.join("hosts.toml"), mirror)?;
    step("mirror changed, dead, before the registry", Due::can(&["runtime/mirror-fails"])).await?;
    fs::remove_dir_all(&folder)?;
    step("mirror removed", Due::can(&[])).await?;

    // The system's authorities are read once: here by the first pull after the start.
    let (all, authorities) = (node.join("certs.d/_default"), node.join("ca.pem"));
    let lab = fs::read(&authorities)?;
    fs::remove_dir_all(&all)?;
    fs::write(&authorities, fs::read("/etc/ssl/certs/ca-certificates.crt")?)?;
    cluster.restart_containerd(&[]).await?;
    step("authority not on the node", Due::cannot("tls/unknown-ca")).await?;
    fs::write(&authorities, &lab)?;
    step("authority added, containerd runs on", Due::unclear("runtime/ca-not-loaded")).await?;
    cluster.restart_containerd(&[]).await?;
    step("authority added, containerd started again", Due::can(&[])).await?;
    fs::write(&authorities, fs::read("/etc/ssl/certs/ca-certificates.crt")?)?;
    step("authority removed, containerd runs on", Due::unclear("tls/ca-may-be-loaded")).await?;
    cluster.restart_containerd(&[]).await?;
    step("authority removed, containerd started again", Due::cannot("tls/unknown-ca")).await?;

    // hosts.toml counts for containerd, not for the credential provider.
    let own = node.join("lab.pem");
    fs::write(&own, &lab)?;
    fs::create_dir_all(&folder)?;
    fs::write(folder.join("hosts.toml"), format!("ca = \"{}\"\n", own.display()))?;
    let due = Due::cannot("token/provider-does-not-trust");
    step("authority in hosts.toml only", due).await?;
    fs::write(&authorities, lab)?;
    step("authority in hosts.toml, and added for the provider", Due::can(&[])).await?;
    fs::remove_dir_all(&folder)?;
    cluster.restart_containerd(&[]).await?;

    // A drop-in counts from containerd's next start.
    let drop_ins = Path::new(UNITS).join("containerd.service.d");
    let proxy = "http://127.0.0.1:3129";
    let lay = format!(
        "mount -t tmpfs tmpfs {UNITS} && mkdir -p {0} && printf '[Service]\\nEnvironment=HTTPS_PROXY={proxy}\\n' >{0}/proxy.conf",
        drop_ins.display(),
    );
    cluster.shell(&lay).await?;
    step("proxy in the drop-in, containerd runs on", Due::can(&["runtime/proxy-not-rolled-out"]))
        .await?;
    cluster.restart_containerd(&[("HTTPS_PROXY", proxy)]).await?;
    let differs = ["runtime/proxy-differs", "runtime/kubelet-proxy-differs"];
    let due = Due::cannot("proxy/unreachable").warns(&differs);
    step("proxy in the drop-in, containerd started again", due).await?;
    cluster.shell(&format!("umount {UNITS}")).await?;
    let due = Due::cannot("runtime/proxy-not-rolled-out").warns(&differs);
    step("proxy removed from the drop-in, containerd runs on", due).await?;
    cluster.restart_containerd(&[]).await?;
    step("proxy removed, containerd started again", Due::can(&[])).await?;

    // The variables replace the system's authorities, which have the lab's.
    let (file, folder) = (node.join("trust.pem"), node.join("trust"));
    fs::create_dir_all(&folder)?;
    fs::write(&file, fs::read("/etc/ssl/certs/ca-certificates.crt")?)?;
    let (shown, all) = (file.display().to_string(), folder.display().to_string());
    let named = [("SSL_CERT_FILE", shown.as_str()), ("SSL_CERT_DIR", all.as_str())];
    cluster.restart_containerd(&named).await?;
    step("own trust store, without the authority", Due::cannot("runtime/trust-store-replaced"))
        .await?;
    fs::write(&file, fs::read(&authorities)?)?;
    step("authority added there, containerd runs on", Due::unclear("runtime/ca-not-loaded"))
        .await?;
    cluster.restart_containerd(&named).await?;
    step("authority added there, containerd started again", Due::can(&[])).await?;
    fs::rename(&file, folder.join("lab.pem"))?;
    cluster.restart_containerd(&named).await?;
    step("authority in the directory, the file missing", Due::can(&[])).await?;
    cluster.restart_containerd(&named[..1]).await?;
    step("the file missing, the system's directories", Due::can(&[])).await?;
    cluster.restart_containerd(&[]).await?;
    Ok(rows)
}

async fn one(cluster: &Cluster, program: &Path, name: &'static str, due: Due) -> Fallible<Row> {
    let start = Instant::now();
    let scenario = seen::scenario(WORLD)?;
    let (pulled, words) = cluster.pull_here(&scenario).await?;
    let mut command = cluster.alone(program);
    command.arg(&scenario.ask.image).args(["-o", "json"]);
    let told = told(command).await;
    let complaints = complaints(&due, pulled, &told);
    Ok(Row { name, pulled, words, told, complaints, took: start.elapsed() })
}
