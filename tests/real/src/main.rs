//! Runs the same checks against real servers: containerd's `PullImage` is the judge of what
//! `check-acr` reports.
//!
//! `real [--tool check-acr] [--only WORDS] [--all] [--proof docs/proof.md]`, as root; `real kubelet
//! CLUSTER …` uses a kubelet instead, `real order CONTAINERD …` compares the order of hosts,
//! `real providers FOLDER …` builds of the credential provider. See README.md.

mod case;
mod cases;
mod cluster;
mod cri;
mod daemon;
mod debug;
mod differential;
mod dns;
mod faults;
mod image;
mod judge;
mod kubelet;
mod lab;
mod lanes;
mod localdns;
mod namespace;
mod nodes;
mod order;
mod peer;
mod pki;
mod places;
mod proof;
mod providers;
mod proxies;
mod realm;
mod refusals;
mod registry;
mod rollout;
mod seen;
mod serve;
mod shelf;
mod storage;
mod table;
mod tool;
mod world;

use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::time::Instant;

use serde::{Deserialize, Serialize};
use tokio::signal::unix::{SignalKind, signal};

use crate::case::Case;
use crate::cases::CASES;
use crate::nodes::NODES;
use crate::proof::Run;
use crate::tool::Tool;
use crate::world::World;

pub type Failed = Box<dyn std::error::Error>;
pub type Fallible<T> = Result<T, Failed>;
/// User and password.
pub type Login<'a> = (&'a str, &'a str);

/// The result of a client's pull.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Answered {
    pub can: bool,
    pub words: String,
}

#[tokio::main(flavor = "current_thread")]
async fn main() -> ExitCode {
    let words: Vec<String> = std::env::args().skip(1).collect();
    let _ = rustls::crypto::ring::default_provider().install_default();
    let done = match words.first().map(String::as_str) {
        Some("peer") if words.len() == 3 => {
            peer::pull(&words[1], Path::new(&words[2])).await.map(|()| true)
        }
        Some("inside") if words.len() >= 2 => inside(Path::new(&words[1]), &words[2..]).await,
        Some("inside-differential") if words.len() >= 2 => {
            differential::inside(Path::new(&words[1]), &words[2..]).await
        }
        Some("node") if words.len() == 5 => nodes::stand(&words[1..]).await.map(|()| true),
        Some("stand") if words.len() == 3 => {
            seen::stand(&words[1], Path::new(&words[2])).await.map(|()| true)
        }
        _ if std::env::var("CHECK_ACR_REAL").is_ok_and(|v| v == "skip") => {
            println!("skipped: CHECK_ACR_REAL=skip");
            Ok(true)
        }
        Some("order") => order::all(&words[1..]).await,
        Some("order-world") if words.len() == 5 => order::stand(&words[1..]).await.map(|()| true),
        Some("localdns") => localdns::all(&words[1..]).await,
        Some("localdns-node") if words.len() == 4 => localdns::stand(&words[1..]).await,
        Some("providers") => providers::all(&words[1..]).await,
        Some("provider-world") if words.len() == 6 => {
            providers::stand(&words[1..]).await.map(|()| true)
        }
        Some("kubelet") => match kubelet::script(&words[1..]) {
            Ok((script, options)) => kubelet::all(&script, &options).await,
            Err(e) => Err(e),
        },
        Some("faults") => match kubelet::script(&words[1..]) {
            Ok((script, options)) => faults::all(&script, &options).await,
            Err(e) => Err(e),
        },
        Some("differential") => match differential::Options::whole(&words[1..]) {
            Ok(whole) => outside("inside-differential", &whole).await,
            Err(e) => Err(e),
        },
        _ => match arguments(&words) {
            Ok(arguments) => outside("inside", &arguments).await,
            Err(e) => Err(e),
        },
    };
    match done {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => ExitCode::FAILURE,
        Err(e) => {
            eprintln!("{}", told(e.as_ref()));
            ExitCode::FAILURE
        }
    }
}

/// Returns an error with its whole chain: many of these errors say only "error sending request" at
/// the top.
fn told(error: &dyn std::error::Error) -> String {
    let mut words = error.to_string();
    let mut below = error.source();
    while let Some(error) = below {
        words = format!("{words}: {error}");
        below = error.source();
    }
    words
}

/// Returns the arguments of the inside, with whole paths.
fn arguments(words: &[String]) -> Fallible<Vec<String>> {
    let mut options = Options::read(words)?;
    for path in options.tool.iter_mut().chain(&mut options.proof) {
        *path = path.canonicalize().map_err(|e| format!("{}: {e}", path.display()))?;
    }
    let mut arguments = vec![];
    arguments
        .extend(options.tool.iter().flat_map(|t| ["--tool".to_owned(), t.display().to_string()]));
    arguments.extend(options.only.iter().flat_map(|o| ["--only".to_owned(), o.clone()]));
    arguments
        .extend(options.proof.iter().flat_map(|p| ["--proof".to_owned(), p.display().to_string()]));
    arguments.extend(options.all.then(|| "--all".to_owned()));
    Ok(arguments)
}

/// Creates the namespaces, runs inside them, and removes the temporary folder afterwards in any
/// case.
async fn outside(inside: &str, arguments: &[String]) -> Fallible<bool> {
    namespace::allowed().await?;
    let folder = std::env::temp_dir().join(format!("check-acr-real-{}", std::process::id()));
    std::fs::create_dir_all(&folder)?;
    let first = [inside.to_owned(), folder.display().to_string()];
    let arguments: Vec<_> = first.into_iter().chain(arguments.iter().cloned()).collect();

    let mut terminate = signal(SignalKind::terminate())?;
    let mut inside = namespace::enter(&arguments, &folder)?;
    let ended = tokio::select! {
        status = inside.wait() => Some(status?),
        _ = tokio::signal::ctrl_c() => None,
        _ = terminate.recv() => None,
    };
    if ended.is_none() {
        inside.kill().await?;
    }
    // The kernel ends the processes inside a moment after their first process; until then a log
    // file may still appear.
    let gone = async || std::fs::remove_dir_all(&folder).is_ok() || !folder.exists();
    daemon::until("the temporary folder", std::time::Duration::from_secs(10), gone).await?;
    match ended {
        Some(status) => Ok(status.success()),
        None => Err("interrupted".into()),
    }
}

async fn inside(folder: &Path, words: &[String]) -> Fallible<bool> {
    let start = Instant::now();
    let options = Options::read(words)?;
    let wanted = |c: &Case| options.only.as_ref().is_none_or(|o| c.name.contains(o.as_str()));
    let cases: Vec<_> = CASES.iter().copied().filter(wanted).collect();
    let nodes: Vec<_> = NODES.iter().copied().filter(wanted).collect();
    let world = World::build(folder, &cases).await?;
    let cases: Vec<_> = cases.into_iter().filter(|case| world.ipv6 || !case.needs_ipv6).collect();
    let mut tool = options.tool.map(|program| Tool::new(&program, folder)).transpose()?;
    if !world.ipv6 {
        println!("no IPv6 here: the cases that need it are left out");
    }
    if tool.is_none() {
        println!("no --tool: only the real clients are asked");
    }
    let judge = match world.runtimes.first() {
        Some((_, runtime)) => runtime.version().await,
        None if nodes.is_empty() => return Err("no such case".into()),
        None => "containerd".to_owned(),
    };
    if let Some(tool) = &mut tool {
        let version = judge.rsplit(' ').next().filter(|version| version.contains('.'));
        tool.told = version.map(str::to_owned);
    }
    println!("{judge} is the judge; the world took {:.1?} to build", start.elapsed());
    let (mut rows, on_nodes) = futures::try_join!(
        judge::all(&world, tool.as_ref(), &cases),
        nodes::all(folder, tool.as_ref(), &nodes),
    )?;
    rows.extend(on_nodes);
    table::print(&rows);
    let explained = rows.iter().filter(|row| options.all || !row.complaints.is_empty());
    for row in explained {
        table::explain(&world, tool.as_ref(), row).await;
    }
    let failed: Vec<_> = rows.iter().filter(|row| !row.complaints.is_empty()).collect();
    let (mut passed, mut failed) = (rows.len() - failed.len(), failed.len());
    if let (Some(tool), None) = (&tool, &options.only) {
        for (client, answered) in lab::ask(&world, &tool.program).await {
            println!("lab, {client}: {} ({})", judge::can(answered.can), answered.words);
            if answered.can {
                passed += 1;
            } else {
                failed += 1;
            }
        }
    }
    let result = format!("{passed} passed, {failed} failed");
    if let Some(page) = &options.proof {
        let program = tool.as_ref().map(|t| t.program.as_path());
        let (rows, took) = (rows.as_slice(), start.elapsed());
        proof::write(page, &Run { rows, judge: &judge, tool: program, took, result: &result })
            .await?;
    }
    println!("\nall of it took {:.1?}", start.elapsed());
    println!("{result}");
    Ok(failed == 0 && passed > 0)
}

#[derive(Default)]
struct Options {
    tool: Option<PathBuf>,
    only: Option<String>,
    /// Say everything about every case, not only about those that failed.
    all: bool,
    /// The page that keeps the table.
    proof: Option<PathBuf>,
}

impl Options {
    fn read(words: &[String]) -> Fallible<Options> {
        let options = Options::read_part(words)?;
        if options.proof.is_some() && (options.tool.is_none() || options.only.is_some()) {
            return Err("--proof keeps the whole table, with --tool and without --only".into());
        }
        Ok(options)
    }

    fn read_part(words: &[String]) -> Fallible<Options> {
        let mut options = Options::default();
        let mut words = words.iter();
        let usage = |at: &str| {
            format!(
                "usage: real [--tool PROGRAM] [--only WORDS] [--all] [--proof PAGE] (at {at:?})"
            )
        };
        while let Some(word) = words.next() {
            let mut value = || words.next().cloned().ok_or_else(|| usage(word));
            match word.as_str() {
                "--tool" => options.tool = Some(PathBuf::from(value()?)),
                "--only" => options.only = Some(value()?),
                "--proof" => options.proof = Some(PathBuf::from(value()?)),
                "--all" => options.all = true,
                other => return Err(usage(other).into()),
            }
        }
        Ok(options)
    }
}
