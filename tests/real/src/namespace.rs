//! The isolated environment of a run: its own network, mount and process namespaces.
//!
//! The namespaces have no name and belong to no file. The kernel removes them, with every process
//! and mount in them, as soon as their first process ends. So a crash, a Ctrl-C or a `kill -9`
//! leaves nothing but the temporary folder.

use std::path::Path;
use std::process::Stdio;

use tokio::process::{Child, Command};

use crate::Fallible;
use crate::daemon::run;
use crate::places::{
    BEHIND_PROXY, DATA_DROPPED, DNS_EMPTY, DNS_FAILING, DNS_GOOD, DNS_PUBLIC, DNS_SILENT, DROPPED,
    PROXY_DROPPED, REJECTED, SQUID, V6_DEAD, V6_ONLY,
};

const FRESH: &[&str] = &["--net", "--mount", "--pid", "--fork", "--kill-child", "--mount-proc"];

/// Returns whether this process may create namespaces.
pub async fn allowed() -> Fallible<()> {
    let mut command = Command::new("unshare");
    command.args(FRESH).args(["ip", "link", "set", "lo", "up"]);
    run(command).await.map(drop).map_err(|e| {
        format!(
            "no network namespace can be made here ({}).\nRun it as root where that is allowed (in a container: --privileged), \
             or set CHECK_ACR_REAL=skip to leave it out.",
            e.to_string().trim()
        )
        .into()
    })
}

/// Runs this program again inside new namespaces.
pub fn enter(inside: &[String], folder: &Path) -> Fallible<Child> {
    let mut command = Command::new("setpriv");
    // If this process is killed without a chance to act, the kernel ends `unshare`, and `unshare`
    // ends all the rest.
    command
        .args(["--pdeathsig", "KILL", "unshare"])
        .args(FRESH)
        .arg(std::env::current_exe()?)
        .args(inside);
    // Nothing from the caller's environment may have an effect: no proxy, no docker login, no CA
    // override.
    command.env_clear();
    command.env("PATH", "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin");
    command.env("LANG", "C.UTF-8").env("HOME", folder).env("TMPDIR", folder);
    Ok(command.stdin(Stdio::null()).kill_on_drop(true).spawn()?)
}

/// Sets up the addresses on `lo`, the trust store, name resolution and the firewall. Returns
/// whether IPv6 is available.
pub async fn furnish(folder: &Path) -> Fallible<bool> {
    ip(&["link", "set", "lo", "up"]).await?;
    // A prefix on `lo` makes all of its addresses local: each of them accepts or refuses at once.
    for net in [
        "10.77.0.1/16",
        "198.51.100.1/24",
        &format!("{DNS_GOOD}/32"),
        &format!("{DNS_PUBLIC}/32"),
        &format!("{DNS_EMPTY}/32"),
        &format!("{DNS_FAILING}/32"),
    ] {
        ip(&["address", "add", net, "dev", "lo"]).await?;
    }
    let mut six = true;
    for net in ["fd77::1/64", &format!("{V6_DEAD}/128"), &format!("{V6_ONLY}/128")] {
        six &= ip(&["-6", "address", "add", net, "dev", "lo", "nodad"]).await.is_ok();
    }
    // squid keeps shared memory there, which remains when it is killed.
    let mut shm = Command::new("mount");
    shm.args(["-t", "tmpfs", "tmpfs", "/dev/shm"]);
    run(shm).await?;

    bind(&folder.join("ca.pem"), Path::new("/etc/ssl/certs/ca-certificates.crt")).await?;
    let order = folder.join("nsswitch.conf");
    std::fs::write(&order, "passwd: files\ngroup: files\nhosts: files dns\n")?;
    if Path::new("/etc/nsswitch.conf").exists() {
        bind(&order, Path::new("/etc/nsswitch.conf")).await?;
    }

    let rules = folder.join("faults.nft");
    std::fs::write(&rules, faults())?;
    let mut nft = Command::new("nft");
    nft.arg("-f").arg(&rules);
    run(nft).await?;
    Ok(six)
}

/// Adds the network faults on the input side. A packet dropped on output is an error to the sender
/// (EPERM), which no real firewall in the network causes.
fn faults() -> String {
    format!(
        "table inet faults {{ chain input {{ type filter hook input priority 0; policy accept;\n\
         ip daddr {{ {DROPPED}, {DATA_DROPPED} }} tcp dport 443 drop\n\
         ip daddr {BEHIND_PROXY} ip saddr != {SQUID} tcp dport 443 drop\n\
         ip daddr {PROXY_DROPPED} drop\n\
         ip daddr {REJECTED} tcp dport 443 reject with tcp reset\n\
         ip6 daddr {V6_DEAD} drop\n\
         ip daddr {DNS_SILENT} drop\n}}\n}}\n"
    )
}

pub async fn ip(words: &[&str]) -> Fallible<()> {
    let mut command = Command::new("ip");
    command.args(words);
    run(command).await.map(drop)
}

pub async fn bind(ours: &Path, theirs: &Path) -> Fallible<()> {
    let mut command = Command::new("mount");
    command.arg("--bind").arg(ours).arg(theirs);
    run(command).await.map(drop)
}
