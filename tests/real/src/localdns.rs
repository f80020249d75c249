//! A real name server in the place of LocalDNS: dnsmasq at its address, before the lab's name servers.
//!
//! `real localdns CONTAINERD --tool check-acr`, as root. containerd and `check-acr` ask the same
//! resolver, and must agree.

use std::path::Path;
use std::process::Stdio;

use tokio::process::Command;

use crate::daemon::{Daemon, run, until};
use crate::namespace::ip;
use crate::nodes::{as_the_provider, furnish};
use crate::order;
use crate::tool::told;
use crate::{Fallible, Options, seen};

const WORLD: &str = "node-healthy";
const ADDRESS: &str = "169.254.10.10";
const UPSTREAM: &str = "/etc/localdns/upstream-dns";
const IMAGE: &str = "contoso.azurecr.io/team/app:v1";
/// Nobody listens there.
const DEAD: &str = "10.1.0.9";
/// What stands in LocalDNS's place, and what must come of it.
struct Case {
    name: &'static str,
    /// What dnsmasq is told; `None`: it does not run.
    dnsmasq: Option<&'static [&'static str]>,
    /// The name servers that LocalDNS is said to have.
    upstream: &'static str,
    /// What check-acr says; nothing where the image can be pulled.
    cause: &'static str,
}

const fn case(
    name: &'static str,
    dnsmasq: Option<&'static [&'static str]>,
    cause: &'static str,
) -> Case {
    Case { name, dnsmasq, upstream: "10.0.0.4 10.0.0.5", cause }
}

const CASES: &[Case] = &[
    case("LocalDNS works", Some(BOTH), "nothing"),
    case("LocalDNS does not run", None, "dns/local-dns-down"),
    case("LocalDNS answers nothing", Some(&[]), "dns/local-dns-fails"),
    Case {
        upstream: DEAD,
        ..case(
            "LocalDNS reaches no name server",
            Some(&["--server=10.1.0.9"]),
            "dns/local-dns-upstream-unreachable",
        )
    },
    case(
        "LocalDNS has an old address",
        Some(&["--server=10.0.0.4", "--server=10.0.0.5", "--address=/contoso.azurecr.io/10.1.0.9"]),
        "dns/local-dns-stale",
    ),
    case(
        "LocalDNS denies the name",
        Some(&["--server=10.0.0.4", "--server=10.0.0.5", "--address=/contoso.azurecr.io/"]),
        "dns/local-dns-stale",
    ),
];
const BOTH: &[&str] = &["--server=10.0.0.4", "--server=10.0.0.5"];

pub async fn all(words: &[String]) -> Fallible<bool> {
    let (containerd, rest) = words.split_first().ok_or("localdns: which containerd?")?;
    let options = Options::read_part(rest)?;
    let tool = options.tool.as_deref().ok_or("--tool: which check-acr?")?.canonicalize()?;
    let folder = std::env::temp_dir().join(format!("check-acr-localdns-{}", std::process::id()));
    std::fs::create_dir_all(&folder)?;
    let mut command = Command::new("unshare");
    command.args(["--net", "--mount", "--pid", "--fork", "--kill-child", "--mount-proc"]);
    command.arg(std::env::current_exe()?).arg("localdns-node").arg(&folder);
    command.arg(containerd).arg(&tool);
    command.env_clear().env("PATH", std::env::var_os("PATH").unwrap_or_default());
    let status = command.stdin(Stdio::null()).kill_on_drop(true).status().await?;
    std::fs::remove_dir_all(&folder)?;
    Ok(status.success())
}

/// Runs as the node: `localdns-node FOLDER CONTAINERD TOOL`. Prints a line for each case.
pub async fn stand(words: &[String]) -> Fallible<bool> {
    let [folder, containerd, tool] = words else { return Err("three words".into()) };
    let folder = Path::new(folder);
    let scenario = seen::scenario(WORLD)?;
    ip(&["link", "set", "lo", "up"]).await?;
    for address in lab::addresses(&scenario)? {
        ip(&["address", "add", &address.to_string(), "dev", "lo"]).await?;
    }
    for address in [ADDRESS, DEAD] {
        let _ = ip(&["address", "add", address, "dev", "lo"]).await;
    }
    let _lab = seen::start(&scenario, folder).await?;
    let mut copy = Command::new("cp");
    copy.args(["-a", "/etc"]).arg(folder.join("etc"));
    run(copy).await?;
    std::fs::create_dir_all(folder.join("etc/kubernetes"))?;
    furnish(folder, &folder.join("etc")).await?;
    std::fs::create_dir_all("/etc/localdns")?;
    let authorities = folder.join("ca.pem");
    until("the authorities' age", std::time::Duration::from_secs(9), async || {
        let changed = std::fs::metadata(&authorities).and_then(|file| file.modified());
        changed.is_ok_and(|at| at.elapsed().is_ok_and(|age| age.as_secs() >= 2))
    })
    .await?;
    let login = as_the_provider(IMAGE).await?;
    let login = login.as_ref().map(|(user, password)| (user.as_str(), password.as_str()));
    std::fs::write("/etc/resolv.conf", format!("nameserver {ADDRESS}\n"))?;
    let mut wrong = 0;
    for (number, case) in CASES.iter().enumerate() {
        let Case { name, upstream, cause, .. } = case;
        std::fs::write(UPSTREAM, format!("{upstream}\n"))?;
        let home = folder.join(format!("c{number}"));
        std::fs::create_dir_all(&home)?;
        let dnsmasq = case.dnsmasq.map(|more| dnsmasq(more, &home)).transpose()?;
        let runtime = order::start(&home, containerd).await?;
        let pulled = runtime.pull(IMAGE, login).await;
        let mut command = Command::new(tool);
        command.arg(IMAGE).args(["-o", "json"]);
        let told = told(command).await;
        drop((runtime, dnsmasq));
        let can = *cause == "nothing";
        let exit = if can { 0 } else { 1 };
        let agrees = pulled.can == can && told.exit == Some(exit) && told.found() == *cause;
        wrong += usize::from(!agrees);
        let agree = if agrees { "agree" } else { "DIFFER" };
        println!("{agree} {name}: {}; {:?} {}", pulled.words, told.exit, told.found());
    }
    println!("{} cases, {wrong} do not agree", CASES.len());
    Ok(wrong == 0)
}

fn dnsmasq(more: &[&str], home: &Path) -> Fallible<Daemon> {
    let mut command = Command::new("dnsmasq");
    command.args(["--keep-in-foreground", "--conf-file=/dev/null", "--no-resolv", "--no-hosts"]);
    command.args(["--bind-interfaces", "--user=root", "--pid-file="]);
    command.arg(format!("--listen-address={ADDRESS}")).args(more);
    Daemon::start("dnsmasq", home, command)
}
