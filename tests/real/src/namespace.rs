//! The place where everything happens: our own network, mount and process namespaces.
//!
//! They have no name and belong to no file: the kernel takes them down, with every process and mount in them, the moment the first
//! process in them ends. So there is nothing to clean up after a crash, a Ctrl-C or a `kill -9` but the temporary folder.

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

/// May this process make namespaces at all?
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

/// Starts this same program again, inside.
pub fn enter(inside: &[String], folder: &Path) -> Fallible<Child> {
    let mut command = Command::new("setpriv");
    // Should we be killed without a chance to act, the kernel ends `unshare`, and `unshare` ends all the rest.
    command
        .args(["--pdeathsig", "KILL", "unshare"])
        .args(FRESH)
        .arg(std::env::current_exe()?)
        .args(inside);
    // Nothing of the caller's environment may matter: no proxy, no docker login, no CA override.
    command.env_clear();
    command.env("PATH", "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin");
    command.env("LANG", "C.UTF-8").env("HOME", folder).env("TMPDIR", folder);
    Ok(command.stdin(Stdio::null()).kill_on_drop(true).spawn()?)
}

/// Addresses on `lo`, trust, name service order and the firewall. Returns whether IPv6 can be had.
pub async fn furnish(folder: &Path) -> Fallible<bool> {
    ip(&["link", "set", "lo", "up"]).await?;
    // A prefix on `lo` makes all of it local: any address in it answers, or refuses, at once.
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
    // squid keeps shared memory there, and leaves it behind when it is killed.
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

/// The faults of the network. On the way in, not on the way out: a packet dropped on the way out is an error to the sender (EPERM),
/// which no firewall in the real world can bring about.
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
