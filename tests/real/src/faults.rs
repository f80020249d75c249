//! Twelve faults of a node: can its kubelet pull, and what does `check-acr node` say, whose Jobs look
//! from there, once carried and once from an image?
//!
//! `real faults CLUSTER --tool check-acr [--only WORDS | --only changes] [--proof docs/proof-nodes.md]`, as root; check-acr is a static
//! build. See README.md.

use std::{
    fs,
    path::Path,
    time::{Duration, Instant},
};

use lab::Scenario;

use crate::{
    Fallible, Options,
    cluster::Cluster,
    kubelet::{Due, complaints, in_cluster, short},
    proof, seen,
    tool::{Told, told},
};

/// The faults that are worlds of their own, and the world without one.
const WORLDS: &[(&str, &str)] = &[
    ("none", HEALTHY),
    ("the identity has no role", "node-without-role"),
    ("IMDS refuses", "node-imds-refuses"),
    ("name servers dead", "node-name-servers-dead"),
    ("registry refuses the connection", "node-registry-refuses"),
    ("data endpoint cut off", "node-data-endpoint-cut"),
    ("firewall of the registry, 403", "node-exchange-firewall"),
    ("tag not there", "node-tag-missing"),
    ("platform not there", "node-platform-missing"),
];
/// The world of those that come while the node runs.
const HEALTHY: &str = "node-healthy";
/// The image that has check-acr in it.
const AGENT_IMAGE: &str = "example.test/check-acr:1";
const REGISTRY: &str = "contoso.azurecr.io";
/// Nobody listens there.
const DEAD: &str = "http://127.0.0.1:30020";
/// The authorities of this machine, which has not the lab's.
const OTHERS: &str = "/etc/ssl/certs/ca-certificates.crt";

/// What the kubelet did, and what our Jobs said of it.
struct Row {
    fault: &'static str,
    pulled: bool,
    words: String,
    carried: Told,
    by_image: Told,
    complaints: Vec<String>,
}

pub async fn all(script: &Path, options: &Options) -> Fallible<bool> {
    let began = Instant::now();
    let tool = options.tool.as_deref().ok_or("--tool: which check-acr?")?;
    let asking = async |cluster: &mut Cluster| {
        cluster.up(HEALTHY).await?;
        // As on a machine of its own: by that name a pod knows that it has the node's network.
        cluster
            .shell("file=$(mktemp) && hostname >$file && mount --bind $file /etc/hostname")
            .await?;
        let mut rows = vec![];
        let is_asked =
            |fault: &str| options.only.as_ref().is_none_or(|words| fault.contains(words.as_str()));
        for (fault, world) in WORLDS.iter().filter(|(fault, _)| is_asked(fault)) {
            let scenario = seen::scenario(world)?;
            let due = scenario.expect.clone().into();
            rows.push(one(cluster, tool, fault, (world, &scenario), due).await?);
        }
        if options.only.as_ref().is_none_or(|words| words == "changes") {
            changes(cluster, tool, &mut rows).await?;
        }
        Ok((rows, cluster.containerd().await?))
    };
    let (rows, containerd) = in_cluster(script, asking).await?;
    let failed = rows.iter().filter(|row| !row.complaints.is_empty()).count();
    let result = format!("{} agree, {failed} do not", rows.len() - failed);
    println!("all of it took {:.0?}\n{result}", began.elapsed());
    if let Some(page) = &options.proof {
        proof::replace(page, &written(&rows, &result, (tool, &containerd)).await?)?;
    }
    Ok(failed == 0)
}

/// The faults that come while the node runs: mirrors, authorities and proxies.
async fn changes(cluster: &mut Cluster, tool: &Path, rows: &mut Vec<Row>) -> Fallible<()> {
    let scenario = seen::scenario(HEALTHY)?;
    cluster.anew(HEALTHY).await?;
    let node = cluster.node_files();
    let (hosts, authorities) = (node.join("certs.d").join(REGISTRY), node.join("ca.pem"));
    fs::create_dir_all(&hosts)?;
    fs::write(hosts.join("hosts.toml"), format!("server = \"{DEAD}\"\n"))?;
    cluster.restart_containerd(&[]).await?;
    let due = Due::cannot("runtime/registry-not-asked");
    rows.push(here(cluster, tool, "dead mirror in the registry's place", &scenario, due).await?);
    fs::remove_dir_all(&hosts)?;

    let lab = fs::read(&authorities)?;
    fs::remove_dir_all(node.join("certs.d/_default"))?;
    fs::write(&authorities, fs::read(OTHERS)?)?;
    cluster.restart_containerd(&[]).await?;
    let due = Due::cannot("tls/unknown-ca");
    rows.push(here(cluster, tool, "unknown authority", &scenario, due).await?);
    fs::write(&authorities, lab)?;
    let due = Due::unclear("runtime/ca-not-loaded");
    let fault = "authority added, containerd runs on";
    rows.push(here(cluster, tool, fault, &scenario, due).await?);
    cluster.restart_containerd(&[]).await?;

    let units = "/etc/systemd/system";
    let drop_ins = format!("{units}/containerd.service.d");
    cluster
        .shell(&format!(
            "mount -t tmpfs tmpfs {units} && mkdir {drop_ins} && \
             printf '[Service]\\nEnvironment=HTTPS_PROXY=http://127.0.0.1:3129\\n' >{drop_ins}/proxy.conf"
        ))
        .await?;
    // Only a look at the environment of the running process can tell.
    let due = Due::can(&["runtime/proxy-not-rolled-out"]);
    let fault = "proxy only in the drop-in (--live)";
    let live = Scenario {
        ask: lab::Ask { args: vec!["--live".to_owned()], ..scenario.ask.clone() },
        ..scenario.clone()
    };
    rows.push(here(cluster, tool, fault, &live, due).await?);
    cluster.shell(&format!("umount {units}")).await
}

/// Puts a world to the kubelet and to our Jobs, each of which finds it as new.
async fn one(
    cluster: &mut Cluster,
    tool: &Path,
    fault: &'static str,
    (world, scenario): (&str, &Scenario),
    due: Due,
) -> Fallible<Row> {
    let began = Instant::now();
    let (pulled, words) = cluster.pull(world, scenario).await?;
    cluster.anew(world).await?;
    let carried = look(cluster, tool, scenario, &[]).await?;
    cluster.anew(world).await?;
    let by_image = look_by_image(cluster, tool, scenario).await?;
    let asked = (fault, pulled, words);
    Ok(row(asked, carried, by_image, &due, began.elapsed()))
}

/// Puts the world as it is now to them.
async fn here(
    cluster: &mut Cluster,
    tool: &Path,
    fault: &'static str,
    scenario: &Scenario,
    due: Due,
) -> Fallible<Row> {
    let began = Instant::now();
    let (pulled, words) = cluster.pull_here(scenario).await?;
    let carried = look(cluster, tool, scenario, &[]).await?;
    let by_image = look_by_image(cluster, tool, scenario).await?;
    Ok(row((fault, pulled, words), carried, by_image, &due, began.elapsed()))
}

fn row(
    (fault, pulled, words): (&'static str, bool, String),
    carried: Told,
    by_image: Told,
    due: &Due,
    took: Duration,
) -> Row {
    let of = |how: &str, told: &Told| {
        let wrong = complaints(due, pulled, told).into_iter();
        wrong.map(|said| format!("{how}: {said}")).collect::<Vec<_>>()
    };
    let complaints = [of("carried", &carried), of("by --image", &by_image)].concat();
    let row = Row { fault, pulled, words, carried, by_image, complaints };
    let agree = if row.complaints.is_empty() { "agree" } else { "DIFFER" };
    println!("{agree} {fault} ({took:.1?})\n    kubelet: {}", short(&row.words));
    println!("    carried: {}; by --image: {}", row.carried.found(), row.by_image.found());
    row.complaints.iter().for_each(|complaint| println!("    {complaint}"));
    row
}

/// Lays an image with check-acr on the node, which forgets its images before each pull, and asks the same
/// from there.
async fn look_by_image(cluster: &Cluster, tool: &Path, scenario: &Scenario) -> Fallible<Told> {
    let program = format!("{}=/check-acr", tool.display());
    let image = ["image", AGENT_IMAGE, "--entrypoint", "/check-acr", &program];
    cluster.run(&image.map(str::to_owned)).await?;
    look(cluster, tool, scenario, &["--image", AGENT_IMAGE]).await
}

/// Asks `check-acr node` about the image.
async fn look(
    cluster: &Cluster,
    tool: &Path,
    scenario: &Scenario,
    more: &[&str],
) -> Fallible<Told> {
    let mut command = cluster.node(tool);
    command.args(["node", &scenario.ask.image, "-n", "default", "-o", "json"]);
    command.arg("--kubeconfig").arg(cluster.kubeconfig()).args(&scenario.ask.args).args(more);
    Ok(told(command).await)
}

async fn written(
    rows: &[Row],
    result: &str,
    (tool, containerd): (&Path, &str),
) -> Fallible<String> {
    let day = proof::said(&["date", "-u", "+%F"]).await?;
    let version = proof::said(&[&tool.to_string_lossy(), "--version"]).await?;
    let mut page = format!(
        "{day}: {result}. Tool under test: {version}. The node: kubelet 1.34.4, acr-credential-provider 1.36.5, \
         {containerd}.\n\n\
         | fault | kubelet | carried | by `--image` | agree | the kubelet's words |\n{}|\n",
        "| --- ".repeat(6),
    );
    for row in rows {
        let pulled = if row.pulled { "pulled" } else { "could not" };
        let agree = if row.complaints.is_empty() { "yes" } else { "NO" };
        let (carried, by_image) = (row.carried.found(), row.by_image.found());
        let by_image = if by_image == carried { "the same".to_owned() } else { by_image };
        let words = short(&row.words).replace('|', "\\|");
        page +=
            &format!("| {} | {pulled} | {carried} | {by_image} | {agree} | {words} |\n", row.fault);
    }
    Ok(page)
}
