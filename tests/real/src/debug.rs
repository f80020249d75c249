//! `kubectl debug` as the README has it: a pod with the node's network, and the node's files at
//! `/host`. The image has a user without rights, as the one of the Dockerfile.

use std::{
    fs,
    path::{Path, PathBuf},
    time::{Duration, Instant},
};

use crate::{
    Fallible,
    cluster::Cluster,
    daemon::{run, until},
    kubelet::{Due, Row, complaints},
    seen,
    tool::told,
};

const WORLD: &str = "node-healthy";
const IMAGE: &str = "example.test/check-acr:1";
/// The pods of `kubectl debug`.
const DEBUGGERS: &str = "app.kubernetes.io/managed-by=kubectl-debug";
/// Hides the programs of other clusters on this machine from the node's `/proc`.
const ALONE: &str = r#"of=$(readlink /proc/self/ns/mnt)
for pid in $(pgrep -x 'containerd|kubelet'); do
  [ "$(readlink /proc/$pid/ns/mnt)" = "$of" ] || mount -t tmpfs tmpfs /proc/$pid
done"#;
/// What kubectl lays over the container of its profile.
const AS_ROOT: &str = "{\"securityContext\":{\"runAsUser\":0}}";

/// Runs it as root and as the image's user, and returns a row for each.
pub async fn all(cluster: &mut Cluster, program: &Path) -> Fallible<Vec<Row>> {
    cluster.anew(WORLD).await?;
    cluster.restart_containerd(&[]).await?;
    cluster.shell(ALONE).await?;
    // As on AKS, where only root reads it.
    cluster.shell("chmod 600 /etc/kubernetes/azure.json").await?;
    // This forgets the images of the node.
    let scenario = seen::scenario(WORLD)?;
    let (pulled, words) = cluster.pull_here(&scenario).await?;
    let mut image = vec!["image".to_owned(), IMAGE.to_owned(), "--entrypoint".into()];
    image.extend(["/check-acr".into(), "--user".into(), "65534:65534".into()]);
    image.push(format!("{}=/check-acr", program.display()));
    image.extend(libraries(program).await?.iter().map(|file| format!("{0}={0}", file.display())));
    cluster.run(&image).await?;
    let custom = cluster.node_files().join("as-root.json");
    fs::write(&custom, AS_ROOT)?;
    let custom = format!("--custom={}", custom.display());
    let mut rows = vec![];
    for (name, more, due) in [
        ("kubectl debug, the profile and root's number", Some(custom.as_str()), Due::can(&[])),
        (
            "kubectl debug, the profile alone",
            None,
            Due::unclear("token/pod-may-sign-in").warns(&["kubelet/files-not-readable"]),
        ),
    ] {
        let start = Instant::now();
        let mut line = vec!["debug", "node/node-0", "-i", "--quiet", "--profile=sysadmin"];
        line.extend(["--image", IMAGE, "--arguments-only"]);
        line.extend(more);
        line.extend([
            "--",
            "--node-root",
            "/host",
            scenario.ask.image.as_str(),
            "-q",
            "-o",
            "json",
        ]);
        // What a short process prints may be over before kubectl is attached: it is in the log.
        run(cluster.kubectl_command(&line)?).await?;
        let log = ["logs", "-l", DEBUGGERS, "--tail=-1"];
        until("the report", Duration::from_secs(60), async || {
            let Ok(command) = cluster.kubectl_command(&log) else { return false };
            run(command).await.is_ok_and(|said| said.ends_with("\n}\n"))
        })
        .await?;
        let told = told(cluster.kubectl_command(&log)?).await;
        let remove = ["delete", "pod", "-l", DEBUGGERS, "--force", "--grace-period=0"];
        run(cluster.kubectl_command(&remove)?).await?;
        let told = crate::tool::Told { exit: code(&told.can), ..told };
        let complaints = complaints(&due, pulled, &told);
        let words = words.clone();
        rows.push(Row { name, pulled, words, told, complaints, took: start.elapsed() });
    }
    Ok(rows)
}

/// kubectl does not hand on the exit code.
fn code(can: &str) -> Option<i32> {
    match can {
        "pull" | "sign-in" => Some(0),
        "no" => Some(1),
        "could-not-tell" => Some(3),
        _ => None,
    }
}

/// Returns the libraries of a program, if it is not linked to have none.
async fn libraries(program: &Path) -> Fallible<Vec<PathBuf>> {
    let mut ldd = tokio::process::Command::new("ldd");
    ldd.arg(program);
    let said = run(ldd).await.unwrap_or_default();
    let words = said.split_whitespace().filter(|word| word.starts_with('/'));
    Ok(words.map(PathBuf::from).collect())
}
