//! The differential test: worlds from a seed, each put to containerd 2 by CRI `PullImage` in its default
//! configuration and to `check-acr` in the same place. They must agree on whether the image can be
//! pulled.
//!
//! `real differential --tool check-acr --containerd containerd [--worlds N] [--seed S] [--kind K]
//! [--at N] [--world FILE]… [--keep FOLDER] [--proof PAGE] [--untold]`, as root. check-acr is told which
//! version judges, as one names that of a cluster's nodes, unless `--untold` says not to.

mod blobs;
mod chains;
mod challenges;
mod documents;
mod draft;
mod files;
mod hops;
mod indexes;
mod judge;
mod kinds;
mod layers;
mod parts;
mod redirects;
mod refusals;
mod report;
mod rng;
mod runtime;
mod server;
mod special;
mod tokens;
mod world;

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Instant;

use futures::StreamExt as _;
use futures::stream;

use crate::Fallible;
use crate::namespace::furnish;
use chains::Chains;
use judge::{Agreement, Judge};
use report::Report;
use runtime::Runtime;
use server::Worlds;
use world::World;

/// How many worlds are asked about at the same time.
const AT_ONCE: usize = 16;

/// Runs inside the namespaces.
pub async fn inside(folder: &Path, words: &[String]) -> Fallible<bool> {
    let options = Options::read(words)?;
    let start = Instant::now();
    let chains = Arc::new(Chains::new(folder)?);
    furnish(folder).await?;
    let _names = runtime::names(folder).await?;
    let worlds = Worlds::default();
    server::start(&worlds, chains.clone()).await?;
    let runtime = Runtime::start(folder, &options.containerd).await?;
    let version = runtime.version().await;
    println!("{version} is the judge");
    let told = version.rsplit(' ').next().filter(|_| !options.untold);
    let judge = Judge { folder, runtime: &runtime, tool: &options.tool, told, worlds: &worlds };
    let mut report = Report::new(options.seed, told.is_some());

    let all = options.worlds(&chains)?;
    let is_one = all.len() == 1;
    let mut verdicts = stream::iter(all).map(|world| judge.ask(world)).buffered(AT_ONCE);
    while let Some(verdict) = verdicts.next().await {
        let verdict = verdict?;
        let is_wrong = !verdict.agreement.is_right();
        if is_wrong || verdict.agreement == Agreement::CouldNotTell || is_one || options.all {
            verdict.print();
        }
        if let (true, Some(keep)) = (is_wrong, &options.keep) {
            std::fs::create_dir_all(keep)?;
            std::fs::write(keep.join(format!("{}.json", verdict.world.name)), verdict.kept()?)?;
        }
        if is_one {
            verdict.explain(&judge).await?;
        }
        report.add(&verdict);
    }
    drop(verdicts);
    report.print(start.elapsed());
    if let Some(page) = &options.proof {
        report.write(page, &version, start.elapsed())?;
    }
    Ok(report.is_right())
}

/// What was asked for on the command line.
pub struct Options {
    tool: PathBuf,
    containerd: PathBuf,
    count: u64,
    seed: u64,
    kind: Option<String>,
    at: Option<u64>,
    files: Vec<PathBuf>,
    keep: Option<PathBuf>,
    proof: Option<PathBuf>,
    all: bool,
    untold: bool,
}

impl Options {
    fn read(words: &[String]) -> Fallible<Options> {
        let mut options = Options {
            tool: PathBuf::new(),
            containerd: PathBuf::new(),
            count: 300,
            seed: 1,
            kind: None,
            at: None,
            files: vec![],
            keep: None,
            proof: None,
            all: false,
            untold: false,
        };
        let mut words = words.iter();
        while let Some(word) = words.next() {
            let mut value =
                || words.next().cloned().ok_or_else(|| format!("{word}: a value is missing"));
            match word.as_str() {
                "--tool" => options.tool = value()?.into(),
                "--containerd" => options.containerd = value()?.into(),
                "--worlds" => options.count = value()?.parse()?,
                "--seed" => options.seed = value()?.parse()?,
                "--kind" => options.kind = Some(value()?),
                "--at" => options.at = Some(value()?.parse()?),
                "--world" => options.files.push(value()?.into()),
                "--keep" => options.keep = Some(value()?.into()),
                "--proof" => options.proof = Some(value()?.into()),
                "--all" => options.all = true,
                "--untold" => options.untold = true,
                other => return Err(format!("real differential: {other}: no such option").into()),
            }
        }
        for path in [&options.tool, &options.containerd] {
            if !path.is_file() {
                return Err(format!(
                    "--tool and --containerd name programs: {:?} is none",
                    path.display()
                )
                .into());
            }
        }
        Ok(options)
    }

    /// Returns the words with whole paths, and the files that are to be read, as the inside of the
    /// namespaces needs them.
    pub fn whole(words: &[String]) -> Fallible<Vec<String>> {
        let mut whole = vec![];
        let mut is_path = false;
        for word in words {
            let path = std::path::absolute(word)?.display().to_string();
            whole.push(if is_path { path } else { word.clone() });
            is_path = matches!(
                word.as_str(),
                "--tool" | "--containerd" | "--world" | "--keep" | "--proof"
            );
        }
        Options::read(&whole)?;
        Ok(whole)
    }

    fn worlds(&self, chains: &Chains) -> Fallible<Vec<World>> {
        if !self.files.is_empty() {
            let read = |file: &PathBuf| -> Fallible<World> {
                let text = std::fs::read_to_string(file)
                    .map_err(|e| format!("{}: {e}", file.display()))?;
                Ok(serde_json::from_str(&text).map_err(|e| format!("{}: {e}", file.display()))?)
            };
            return self.files.iter().map(read).collect();
        }
        let numbers: Vec<u64> = match self.at {
            Some(at) => vec![at],
            None => (0..self.count).collect(),
        };
        let is_wanted = |world: &World| self.kind.as_ref().is_none_or(|kind| *kind == world.kind);
        Ok(numbers
            .into_iter()
            .map(|number| kinds::world(self.seed, number, chains))
            .filter(is_wanted)
            .collect())
    }
}
