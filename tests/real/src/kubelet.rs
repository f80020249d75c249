//! Puts the lab's nodes to a real kubelet with Azure's real credential provider: can it pull what
//! `check-acr` says it can?
//!
//! `real kubelet CLUSTER --tool check-acr [--only WORDS] [--proof docs/proof-kubelet.md]`, as root.
//! See README.md.

use std::panic::AssertUnwindSafe;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use futures::FutureExt as _;
use lab::Expect;
use tokio::signal::unix::{SignalKind, signal};

use crate::cluster::Cluster;
use crate::debug;
use crate::proof;
use crate::rollout;
use crate::seen;
use crate::tool::{Told, told};
use crate::{Fallible, Options};

/// The scenarios that are left out, and why.
const LEFT_OUT: &[(&str, &str)] = &[
    (
        "node-imds-endless",
        "the provider reads the whole response, and used 12 GB of memory before the kubelet's limit of one minute",
    ),
    (
        "node-without-provider-folder",
        "the kubelet does not start without that directory; the case is one that is removed later",
    ),
    ("node-provider-folder-unknown", "it needs a kubelet with flags that cannot be seen"),
    ("node-provider-config-changed", "its file changes after the kubelet has started"),
    ("node-match-miss-config-changed", "its file changes after the kubelet has started"),
    (
        "node-provider-of-others",
        "the kubelet requires the other provider's program, and does not start without it",
    ),
    (
        "node-provider-configured-elsewhere",
        "it needs a flag, because its configuration is in another place",
    ),
    (
        "node-service-account-decides",
        "the kubelet does not start with its configuration, which lacks what the field requires",
    ),
];

/// The beginnings of the names of scenarios that are left out, and why.
const GROUPS_LEFT_OUT: &[(&str, &str)] = &[
    ("node-kubelet-", "they are about a kubelet with other flags"),
    ("node-imds-through-proxy", "the kubelet would also use the proxy to reach its API server"),
    ("node-localdns", "this node has no LocalDNS"),
    ("node-provider-run", "the kubelet runs its provider anyway, and check-acr is not asked to"),
    ("node-provider-flag-", "they are about the version of the provider"),
    ("node-provider-not-executable", "the kubelet does not start with such a program"),
    ("node-provider-too-old", "it is about the version of the provider"),
    ("node-old-provider", "they are about the version of the provider"),
    ("node-labelled-old-provider", "it is about the version of the provider"),
    ("node-service-account-old-provider", "it is about the version of the provider"),
    ("node-arm-audience-disabled-", "they are about the version of the provider"),
];

/// What one pull gave.
pub struct Row {
    pub name: &'static str,
    pub pulled: bool,
    /// The kubelet's.
    pub words: String,
    pub told: Told,
    /// Every way in which somebody disagrees.
    pub complaints: Vec<String>,
    pub took: Duration,
}

/// What check-acr has to say.
#[derive(Default)]
pub struct Due {
    exit: u8,
    causes: Vec<String>,
    warnings: Vec<String>,
    could_not_tell: Vec<String>,
}

impl Due {
    /// The image can be pulled, with these warnings.
    pub fn can(warnings: &[&str]) -> Due {
        Due { warnings: warnings.iter().map(ToString::to_string).collect(), ..Due::default() }
    }

    /// It cannot, for this cause.
    pub fn cannot(cause: &str) -> Due {
        Due { exit: 1, causes: vec![cause.to_owned()], ..Due::default() }
    }

    /// The same with these warnings.
    pub fn warns(mut self, warnings: &[&str]) -> Due {
        self.warnings = warnings.iter().map(ToString::to_string).collect();
        self
    }

    /// It could not be told, for this reason.
    pub fn unclear(suspect: &str) -> Due {
        Due { exit: 3, could_not_tell: vec![suspect.to_owned()], ..Due::default() }
    }
}

impl From<Expect> for Due {
    fn from(Expect { exit, causes, warnings, could_not_tell, .. }: Expect) -> Due {
        Due { exit, causes, warnings, could_not_tell }
    }
}

pub async fn all(script: &Path, options: &Options) -> Fallible<bool> {
    let start = Instant::now();
    let tool = options.tool.as_deref().ok_or("--tool: which check-acr?")?;
    let asking = async |cluster: &mut Cluster| {
        let rows = ask(cluster, tool, options).await?;
        Ok((rows, cluster.containerd().await?))
    };
    let (rows, containerd) = in_cluster(script, asking).await?;
    let failed = rows.iter().filter(|row| !row.complaints.is_empty()).count();
    let result = format!("{} agree, {failed} do not", rows.len() - failed);
    for (name, why) in LEFT_OUT.iter().chain(GROUPS_LEFT_OUT) {
        println!("left out: {name}: {why}");
    }
    println!("all of it took {:.0?}\n{result}", start.elapsed());
    if let Some(page) = &options.proof {
        proof::replace(
            page,
            &written(&rows, &result, start.elapsed(), (tool, &containerd)).await?,
        )?;
    }
    Ok(failed == 0 && !rows.is_empty())
}

/// Does something with a cluster, and stops it in any case: also after a panic, or when the output is
/// closed.
pub async fn in_cluster<T>(
    script: &Path,
    work: impl AsyncFnOnce(&mut Cluster) -> Fallible<T>,
) -> Fallible<T> {
    let folder = std::env::temp_dir().join(format!("check-acr-kubelet-{}", std::process::id()));
    std::fs::create_dir_all(&folder)?;
    let mut cluster = Cluster::new(script, &folder);
    let mut terminate = signal(SignalKind::terminate())?;
    let working = AssertUnwindSafe(work(&mut cluster)).catch_unwind();
    let done = tokio::select! {
        done = working => done.unwrap_or_else(|_| Err("ended by a panic".into())),
        _ = tokio::signal::ctrl_c() => Err("interrupted".into()),
        _ = terminate.recv() => Err("interrupted".into()),
    };
    let down = cluster.down().await;
    let _ = std::fs::remove_dir_all(&folder);
    let done = done?;
    down.map(|()| done)
}

async fn ask(cluster: &mut Cluster, tool: &Path, options: &Options) -> Fallible<Vec<Row>> {
    cluster.up("node-healthy").await?;
    let mut rows = vec![];
    for lab::ScenarioFile { name, .. } in lab::scenarios() {
        let in_group = GROUPS_LEFT_OUT.iter().any(|(group, _)| name.starts_with(group));
        let left_out = in_group || LEFT_OUT.iter().any(|(left, _)| left == name);
        let wanted = options.only.as_ref().is_none_or(|words| name.contains(words.as_str()));
        if !name.starts_with("node-") || left_out || !wanted {
            continue;
        }
        let row = one(cluster, tool, name).await.map_err(|e| format!("{name}: {e}"))?;
        print(&row);
        rows.push(row);
    }
    if options.only.as_ref().is_none_or(|words| words == "rollout") {
        let rollout = rollout::all(cluster, tool).await.map_err(|e| format!("rollout: {e}"))?;
        rollout.iter().for_each(print);
        rows.extend(rollout);
    }
    if options.only.as_ref().is_none_or(|words| words == "debug") {
        let debug = debug::all(cluster, tool).await.map_err(|e| format!("debug: {e}"))?;
        debug.iter().for_each(print);
        rows.extend(debug);
    }
    Ok(rows)
}

async fn one(cluster: &mut Cluster, tool: &Path, name: &'static str) -> Fallible<Row> {
    let start = Instant::now();
    let scenario = seen::scenario(name)?;
    let (pulled, words) = cluster.pull(name, &scenario).await?;
    cluster.anew(name).await?;
    let mut command = cluster.alone(tool);
    command.arg(&scenario.ask.image).args(["-o", "json"]);
    if let Some(file) = cluster.pull_secret(&scenario) {
        command.arg("--auth-file").arg(file);
    }
    let told = told(command).await;
    let due = match name {
        // This kubelet has no flags for a provider where there is no configuration, which is certain.
        "node-credprovider-not-configured" => Due::cannot("kubelet/credprovider-flags-missing"),
        _ => scenario.expect.clone().into(),
    };
    let complaints = complaints(&due, pulled, &told);
    Ok(Row { name, pulled, words, told, complaints, took: start.elapsed() })
}

/// Returns every way in which the kubelet, `check-acr` and what is due disagree.
pub fn complaints(due: &Due, pulled: bool, told: &Told) -> Vec<String> {
    let mut wrong = vec![];
    let Due { exit, causes, warnings, could_not_tell } = due;
    let differs = match told.exit {
        Some(0) => !pulled,
        Some(1) => pulled,
        // *Could not tell* is never wrong.
        Some(3) => false,
        _ => true,
    };
    if differs {
        let can = if pulled { "can" } else { "cannot" };
        wrong.push(format!("the kubelet {can}, check-acr says {:?}", told.can));
    }
    if told.exit != Some(i32::from(*exit)) {
        wrong.push(format!("check-acr exits with {:?}, not {exit}", told.exit));
    }
    for (what, said, due) in [
        ("causes", &told.codes, causes),
        ("warnings", &told.warnings, warnings),
        ("what it could not tell", &told.could_not_tell, could_not_tell),
    ] {
        if said != due {
            wrong.push(format!("{what}: {said:?}, not {due:?}"));
        }
    }
    wrong
}

fn print(row: &Row) {
    let agree = if row.complaints.is_empty() { "agree" } else { "DIFFER" };
    println!("{agree} {} ({:.1?})", row.name, row.took);
    println!(
        "    kubelet: {}\n    check-acr, exit {:?}: {}",
        short(&row.words),
        row.told.exit,
        row.told.found()
    );
    for complaint in &row.complaints {
        println!("    {complaint}");
    }
}

/// Returns the end of a message, which states the error; the part before it repeats the image
/// several times.
pub fn short(words: &str) -> String {
    let words = words.trim().replace('\n', " ");
    if let Some((head, _)) = words.split_once(" in ").filter(|_| words.starts_with("Successfully"))
    {
        return head.to_owned();
    }
    let from = words.rfind("\": ").map_or(0, |at| at + 3);
    words[from..].to_owned()
}

async fn written(
    rows: &[Row],
    result: &str,
    took: Duration,
    (tool, containerd): (&Path, &str),
) -> Fallible<String> {
    let day = proof::said(&["date", "-u", "+%F"]).await?;
    let version = proof::said(&[&tool.to_string_lossy(), "--version"]).await?;
    let mut page = format!(
        "{day}: {} pulls; {result}. It took {:.0} s. Tool under test: {version}. The node: kubelet 1.34.4, acr-credential-provider \
         1.36.5, {containerd}.\n\n{}",
        rows.len(),
        took.as_secs_f32(),
        head("scenario"),
    );
    let mut is_rollout = false;
    for row in rows {
        if !is_rollout && !row.name.starts_with("node-") {
            is_rollout = true;
            page += &format!(
                "\nWhat changes while the node runs, in this order:\n\n{}",
                head("change")
            );
        }
        let can = if row.pulled { "pulled" } else { "could not" };
        let agree = if row.complaints.is_empty() { "yes" } else { "NO" };
        let words = short(&row.words).replace('|', "\\|");
        let found = row.told.found();
        page +=
            &format!("| {} | {can} | {} | {agree} | {found} | {words} |\n", row.name, row.told.can);
    }
    page += "\nLeft out:\n\n";
    for (name, why) in LEFT_OUT {
        page += &format!("* {name}: {why}.\n");
    }
    for (name, why) in GROUPS_LEFT_OUT {
        page += &format!("* {name}…: {why}.\n");
    }
    Ok(page)
}

fn head(first: &str) -> String {
    let rule = "| --- ".repeat(6) + "|";
    format!("| {first} | kubelet | check-acr | agree | found | the kubelet's words |\n{rule}\n")
}

/// Splits the script from the remaining arguments.
pub fn script(words: &[String]) -> Fallible<(PathBuf, Options)> {
    let (script, rest) = words.split_first().ok_or("kubelet: which cluster script?")?;
    let mut options = Options::read_part(rest)?;
    for path in options.tool.iter_mut().chain(&mut options.proof) {
        *path = path.canonicalize().map_err(|e| format!("{}: {e}", path.display()))?;
    }
    Ok((PathBuf::from(script).canonicalize()?, options))
}
