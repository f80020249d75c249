//! Which hosts does containerd ask for an image, and in which order? Its debug log is the witness.
//!
//! `real order CONTAINERD --tool check-acr [--only WORDS] [--proof docs/proof-hosts.md]`, as root, with
//! the program of a containerd 2. Each case of `hosts-toml/order.txt` gets a containerd of its own that
//! has nothing yet. The world is one of the lab, in namespaces of its own.

use std::collections::BTreeMap;
use std::path::Path;
use std::process::Stdio;
use std::time::{Duration, Instant};

use lab::Scenario;
use serde::{Deserialize, Serialize};
use serde_json::Value;
use tokio::process::Command;

use crate::cri::Runtime;
use crate::daemon::{run, until};
use crate::namespace::ip;
use crate::nodes::{as_the_provider, furnish};
use crate::tool::{Told, told};
use crate::{Answered, Fallible, Options, proof, seen};

const CASES: &str = include_str!("../hosts-toml/order.txt");
const WORLD: &str = include_str!("../hosts-toml/world.toml");
/// The worlds, and what is laid over the first one.
const WORLDS: &[(&str, &str)] = &[
    ("works", ""),
    ("no-tag", "[registry.images.\"team/app\".tags]\nv1 = \"absent\"\n"),
    ("no-role", "[registry]\nroles = []\n"),
];
const REGISTRY: &str = "contoso.azurecr.io";
const IMAGE: &str = "contoso.azurecr.io/team/app:v1";
/// With it, containerd asks no host, and check-acr the registry all the same.
const NO_HOST: &str = "runtime/certificate-file-unusable";
const CERTS: &str = "/etc/containerd/certs.d";

/// A file, and where it lies.
struct Case {
    name: &'static str,
    world: &'static str,
    folder: &'static str,
    toml: &'static str,
}

fn cases() -> impl Iterator<Item = Case> {
    CASES.trim_end().split("\n----\n").map(|text| {
        let (head, toml) = text.split_once('\n').unwrap_or((text, ""));
        let mut parts = head.trim_start_matches("# ").split(" | ");
        let mut part = || parts.next().unwrap_or_default();
        Case { name: part(), world: part(), folder: part(), toml }
    })
}

/// What containerd and check-acr did for one case.
#[derive(Serialize, Deserialize)]
struct Row {
    name: String,
    pulled: Answered,
    told: Told,
    /// The hosts that were asked which image the tag is: by containerd, and by check-acr's account.
    named: [Vec<String>; 2],
    /// The hosts that were asked for each layer that both fetched.
    layers: Vec<[Vec<String>; 2]>,
}

impl Row {
    /// Returns every way in which the two disagree. *Could not tell* is never wrong.
    fn complaints(&self) -> Vec<String> {
        let mut wrong = vec![];
        let differs = match self.told.exit {
            Some(0) => !self.pulled.can,
            Some(1) => self.pulled.can,
            Some(3) => false,
            _ => true,
        };
        if differs {
            wrong.push(format!("containerd {}, check-acr {}", self.pulled.can, self.told.can));
        }
        let all = std::iter::once(&self.named).chain(&self.layers);
        wrong.extend(all.filter(|[theirs, ours]| theirs != ours).map(|both| format!("{both:?}")));
        wrong
    }

    fn is_told(&self) -> bool {
        self.told.exit != Some(3)
    }
}

pub async fn all(words: &[String]) -> Fallible<bool> {
    let (containerd, rest) = words.split_first().ok_or("order: which containerd?")?;
    let options = Options::read_part(rest)?;
    let tool = options.tool.as_deref().ok_or("--tool: which check-acr?")?.canonicalize()?;
    let start = Instant::now();
    let folder = std::env::temp_dir().join(format!("check-acr-order-{}", std::process::id()));
    std::fs::create_dir_all(&folder)?;
    let mut rows: Vec<Row> = vec![];
    for (world, _) in WORLDS {
        let mut command = Command::new("unshare");
        command.args(["--net", "--mount", "--pid", "--fork", "--kill-child", "--mount-proc"]);
        command.arg(std::env::current_exe()?).args(["order-world", world]);
        command.arg(folder.join(world)).arg(containerd).arg(&tool);
        // Nothing from the caller's environment may have an effect.
        command.env_clear().env("PATH", std::env::var_os("PATH").unwrap_or_default());
        command.env("ORDER_ONLY", options.only.as_deref().unwrap_or_default());
        command.stdin(Stdio::null());
        let said = run(command).await.map_err(|e| format!("{world}: {e}"))?;
        rows.extend(serde_json::from_str::<Vec<Row>>(&said)?);
    }
    std::fs::remove_dir_all(&folder)?;
    for row in &rows {
        let complaints = row.complaints();
        let agree = if complaints.is_empty() { "agree" } else { "DIFFER" };
        println!("{agree} {}: {}, {}", row.name, row.told.can, row.named[0].join(" → "));
        if row.told.exit == Some(3) {
            println!("    {}", row.told.found());
        }
        for complaint in complaints {
            println!("    {complaint}\n    {}\n    {}", row.pulled.words, row.told.found());
        }
    }
    let failed = rows.iter().filter(|row| !row.complaints().is_empty()).count();
    let unclear = rows.iter().filter(|row| !row.is_told()).count();
    let result = format!(
        "{} cases: {} agree, {failed} do not; {unclear} of them could not be told",
        rows.len(),
        rows.len() - failed
    );
    println!("{result}");
    if let Some(page) = &options.proof {
        let day = proof::said(&["date", "-u", "+%F"]).await?;
        let version = proof::said(&[containerd, "--version"]).await?;
        let version = version.split_whitespace().take(3).collect::<Vec<_>>().join(" ");
        let tool = proof::said(&[&tool.to_string_lossy(), "--version"]).await?;
        let took = start.elapsed().as_secs();
        let head = format!("{day}: {result}. It took {took} s. {tool}; {version}.");
        proof::replace(page, &written(&rows, &head))?;
    }
    Ok(failed == 0 && !rows.is_empty())
}

fn written(rows: &[Row], head: &str) -> String {
    let mut page = format!(
        "{head}\n\n| case | containerd | check-acr | agree | asked which image it is | asked for the layers |\n{}|\n",
        "| --- ".repeat(6),
    );
    for row in rows {
        let can = if row.pulled.can { "can" } else { "cannot" };
        let agree = if row.complaints().is_empty() { "yes" } else { "NO" };
        let chain = |hosts: &[String]| hosts.join(" → ");
        let mut layers: Vec<String> = row.layers.iter().map(|[theirs, _]| chain(theirs)).collect();
        layers.dedup();
        page += &format!(
            "| {} | {can} | {} | {agree} | {} | {} |\n",
            row.name,
            row.told.can,
            chain(&row.named[0]),
            layers.join("; ")
        );
    }
    page
}

/// Runs as the node of one world: `order-world WORLD FOLDER CONTAINERD TOOL`, in namespaces of its
/// own. Prints the rows.
pub async fn stand(words: &[String]) -> Fallible<()> {
    let [name, folder, containerd, tool] = words else { return Err("four words".into()) };
    let (folder, tool) = (Path::new(folder), Path::new(tool));
    let (_, more) = WORLDS.iter().find(|(world, _)| world == name).ok_or("no such world")?;
    let scenario = Scenario::parse(&format!("{WORLD}{more}"))?;
    ip(&["link", "set", "lo", "up"]).await?;
    for address in lab::addresses(&scenario)? {
        ip(&["address", "add", &address.to_string(), "dev", "lo"]).await?;
    }
    let lab = seen::start(&scenario, folder).await?;
    let mut copy = Command::new("cp");
    copy.args(["-a", "/etc"]).arg(folder.join("etc"));
    run(copy).await?;
    std::fs::create_dir_all(folder.join("etc/kubernetes"))?;
    furnish(folder, &folder.join("etc")).await?;
    let authorities = folder.join("ca.pem");
    until("the authorities' age", Duration::from_secs(9), async || {
        let changed = std::fs::metadata(&authorities).and_then(|file| file.modified());
        changed.is_ok_and(|at| at.elapsed().is_ok_and(|age| age > Duration::from_secs(2)))
    })
    .await?;
    let inspection = lab.files.get("/opt/inspection.crt").cloned().unwrap_or_default();
    let login = as_the_provider(IMAGE).await?;
    let login = login.as_ref().map(|(user, password)| (user.as_str(), password.as_str()));
    let only = std::env::var("ORDER_ONLY").unwrap_or_default();
    let mut rows = vec![];
    let wanted = |case: &Case| case.world == name && case.name.contains(&only);
    for (number, case) in cases().filter(wanted).enumerate() {
        lay(&case, &inspection)?;
        let home = folder.join(format!("c{number}"));
        let runtime = start(&home, containerd).await?;
        let pulled = runtime.pull(IMAGE, login).await;
        let events = home.join("events");
        let mut command = Command::new(tool);
        command.arg(IMAGE).args(["-o", "json", "-o", &format!("events={}", events.display())]);
        let told = told(command).await;
        drop(runtime);
        let log = std::fs::read_to_string(home.join("containerd.log"))?;
        let (theirs, mut ours) = (Hosts::read(&log), ours(&std::fs::read_to_string(events)?));
        if told.codes.iter().any(|code| code == NO_HOST) {
            ours.named.clear();
        }
        // A host that accepts no connection is not tried again here.
        let is_tried = |host: &&String| ours.heard.contains(*host);
        let layers = ours.layers.iter().filter_map(|(digest, hosts)| {
            let theirs = theirs.layers.get(digest)?.iter().filter(is_tried);
            Some([theirs.cloned().collect(), hosts.clone()])
        });
        let layers = if told.exit == Some(3) { vec![] } else { layers.collect() };
        rows.push(Row {
            name: case.name.to_owned(),
            pulled,
            told,
            named: [theirs.named, ours.named],
            layers,
        });
    }
    println!("{}", serde_json::to_string(&rows)?);
    Ok(())
}

/// Lays the file of a case, and nothing else.
fn lay(case: &Case, inspection: &str) -> Fallible<()> {
    let _ = std::fs::remove_dir_all(CERTS);
    let own = Path::new(CERTS).join(REGISTRY);
    let folder = match case.folder.split_once(" +").map_or(case.folder, |(folder, _)| folder) {
        "" => own.clone(),
        "-" => return Ok(()),
        other => Path::new(CERTS).join(other),
    };
    if case.folder.ends_with("+empty") {
        std::fs::create_dir_all(own)?;
    }
    std::fs::create_dir_all(&folder)?;
    std::fs::write(folder.join("inspection.crt"), inspection)?;
    Ok(std::fs::write(folder.join("hosts.toml"), case.toml)?)
}

/// Starts a containerd that has nothing yet.
pub async fn start(home: &Path, containerd: &str) -> Fallible<Runtime> {
    std::fs::create_dir_all(home)?;
    let at = home.display();
    let machine = if cfg!(target_arch = "aarch64") { "arm64" } else { "amd64" };
    let config = format!(
        "version = 3\nroot = \"{at}/root\"\nstate = \"{at}/state\"\n[grpc]\naddress = \"{at}/cri.sock\"\n\
         [plugins.\"io.containerd.internal.v1.opt\"]\npath = \"{at}/opt\"\n\
         [plugins.\"io.containerd.cri.v1.images\"]\nsnapshotter = \"native\"\n\
         [[plugins.\"io.containerd.transfer.v1.local\".unpack_config]]\nplatform = \"linux/{machine}\"\nsnapshotter = \"native\"\n\
         [plugins.\"io.containerd.cri.v1.images\".registry]\nconfig_path = \"{CERTS}\"\n"
    );
    std::fs::create_dir_all("/etc/containerd")?;
    std::fs::write("/etc/containerd/config.toml", config)?;
    let mut command = Command::new(containerd);
    command.args(["--config", "/etc/containerd/config.toml", "--log-level", "debug"]);
    Runtime::by("containerd", home, command, home.join("cri.sock")).await
}

/// The hosts that were asked, each as often as it was asked after another one.
#[derive(Default)]
struct Hosts {
    named: Vec<String>,
    layers: BTreeMap<String, Vec<String>>,
    /// Every host that answered, for check-acr.
    heard: Vec<String>,
}

impl Hosts {
    fn add(&mut self, host: String, path: &str) {
        let asked = match path.split_once("/blobs/") {
            Some((_, digest)) => self.layers.entry(digest.to_owned()).or_default(),
            None if path.ends_with("/manifests/v1") => &mut self.named,
            None => return,
        };
        if !asked.contains(&host) {
            asked.push(host);
        }
    }

    /// Reads the debug log of containerd.
    fn read(log: &str) -> Hosts {
        let mut hosts = Hosts::default();
        for line in log.lines().filter(|line| line.contains("msg=\"do request\"")) {
            let written = line.split_once(" url=").map_or("", |(_, rest)| rest);
            let url = written.trim_start_matches('"').split(['"', ' ', '?']).next();
            let Some((_, rest)) = url.and_then(|url| url.split_once("://")) else { continue };
            let (host, path) = rest.split_once('/').unwrap_or((rest, ""));
            hosts.add(host.to_owned(), &format!("/{path}"));
        }
        hosts
    }
}

/// Reads what check-acr did: the order is in the fact of the step `runtime`, and it ends with the host
/// that has the image.
fn ours(events: &str) -> Hosts {
    let mut hosts = Hosts::default();
    let events: Vec<Value> =
        events.lines().filter_map(|line| serde_json::from_str(line).ok()).collect();
    let saw = |step: &str, key: &str| {
        let mut ended = events.iter().filter(|event| event["event"] == "finished");
        let ended = ended.find(|event| event["step"] == step)?;
        ended["end"]["saw"].get(key).cloned()
    };
    let all = saw("runtime", "hosts").and_then(|all| serde_json::from_value(all).ok());
    let mut all: Vec<String> = all.unwrap_or_else(|| vec![REGISTRY.to_owned()]);
    if let Some(by) = saw("mirror", "named_by") {
        let end = all.iter().position(|host| by == host.as_str());
        all.truncate(end.map_or(all.len(), |end| end + 1));
    }
    hosts.named = all;
    let way = events.iter().any(|event| event["step"] == "mirror-layer");
    let step = if way { "mirror-layer" } else { "layer" };
    for event in events.iter().filter(|event| event["event"] == "exchanged") {
        let (to, request) = (event["to"].as_str(), event["request"].as_str());
        let (Some(to), Some(request)) = (to, request) else { continue };
        let path = request.split(' ').nth(1).unwrap_or_default();
        if path.starts_with('/') {
            hosts.heard.push(to.to_owned());
        }
        let path = path.split('?').next().unwrap_or_default();
        if event["step"] == step && path.contains("/blobs/") {
            hosts.add(to.to_owned(), path);
        }
    }
    hosts
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_debug_log_is_read() {
        let log = "time=x level=debug msg=\"do request\" host=b.example request.method=HEAD url=\"http://b.example:30020/v2/team/app/manifests/v1?ns=contoso.azurecr.io\"\n\
                   time=x level=debug msg=\"fetch response received\" url=\"https://c.example/v2/team/app/manifests/v1\"\n\
                   time=x level=debug msg=\"do request\" url=\"https://c.example/v2/team/app/blobs/sha256:1\"\n";
        let hosts = Hosts::read(log);
        assert_eq!(hosts.named, ["b.example:30020"]);
        assert_eq!(hosts.layers["sha256:1"], ["c.example"]);
    }

    #[test]
    fn the_table_is_read() {
        assert!(cases().count() >= 30);
        assert!(cases().all(|case| WORLDS.iter().any(|(world, _)| *world == case.world)));
    }
}
