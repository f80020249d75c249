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
    fs::write(&authorities, lab)?;
    step("authority added, containerd runs on", Due::unclear("runtime/ca-not-loaded")).await?;
    cluster.restart_containerd(&[]).await?;
    step("authority added, containerd started again", Due::can(&[])).await?;

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
    step("proxy in the drop-in, containerd started again", Due::cannot("proxy/unreachable"))
        .await?;
    cluster.shell(&format!("umount {UNITS}")).await?;
    step("proxy removed from the drop-in, containerd runs on", Due::cannot("proxy/unreachable"))
        .await?;
    cluster.restart_containerd(&[]).await?;
    step("proxy removed, containerd started again", Due::can(&[])).await?;
    Ok(rows)
}

async fn one(cluster: &Cluster, program: &Path, name: &'static str, due: Due) -> Fallible<Row> {
    let start = Instant::now();
    let scenario = seen::scenario(WORLD)?;
    let (pulled, words) = cluster.pull_here(&scenario).await?;
    let mut command = cluster.node(program);
    command.arg(&scenario.ask.image).args(["-o", "json"]);
    let told = told(command).await;
    let complaints = complaints(&due, pulled, &told);
    Ok(Row { name, pulled, words, told, complaints, took: start.elapsed() })
}
