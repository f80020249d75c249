//! Lanes: the client hosts. Each has its own resolv.conf, its own environment, and a containerd of
//! its own.

use std::path::{Path, PathBuf};

use tokio::process::Command;

use crate::Fallible;
use crate::places::{
    DNS_CLOSED, DNS_EMPTY, DNS_FAILING, DNS_GOOD, DNS_SILENT, PROXY_CLOSED, PROXY_MUTE,
    PROXY_PORTAL, PROXY_SIGN_IN, PROXY_SIGNED_IN, PROXY_SILENT, PROXY_SQUID, PROXY_STRANGER,
    PROXY_TRUSTED,
};

#[derive(Clone, Copy, Debug)]
pub struct Lane {
    pub name: &'static str,
    servers: &'static [&'static str],
    /// The environment in which containerd, the peer and `check-acr` run.
    environment: &'static [(&'static str, &'static str)],
}

const fn lane(name: &'static str, servers: &'static [&'static str]) -> Lane {
    Lane { name, servers, environment: &[] }
}

/// Returns a lane with a working name server that may use a proxy.
const fn through(name: &'static str, environment: &'static [(&'static str, &'static str)]) -> Lane {
    Lane { name, servers: &[DNS_GOOD], environment }
}

pub const GOOD: Lane = lane("good", &[DNS_GOOD]);
pub const FIRST_DEAD: Lane = lane("first-dead", &[DNS_CLOSED, DNS_GOOD]);
pub const ALL_CLOSED: Lane = lane("all-closed", &[DNS_CLOSED]);
pub const ALL_SILENT: Lane = lane("all-silent", &[DNS_SILENT]);
pub const FIRST_FAILING: Lane = lane("first-failing", &[DNS_FAILING, DNS_GOOD]);
pub const ALL_FAILING: Lane = lane("all-failing", &[DNS_FAILING]);
pub const FIRST_EMPTY: Lane = lane("first-empty", &[DNS_EMPTY, DNS_GOOD]);
pub const SECOND_EMPTY: Lane = lane("second-empty", &[DNS_GOOD, DNS_EMPTY]);

/// A node of the lab, which defines its name servers.
pub const NODE: Lane = lane("node", &[]);

pub const PROXIED: Lane = through("proxied", &[("HTTPS_PROXY", PROXY_SQUID)]);
/// The client's name servers do not have the registries' names: only the proxy can resolve them.
pub const ONLY_PROXY_RESOLVES: Lane = Lane {
    name: "only-proxy-resolves",
    servers: &[DNS_EMPTY],
    environment: &[("HTTPS_PROXY", PROXY_SQUID)],
};
/// An empty variable counts as unset, its lower-case variant is used, and the default scheme is
/// http.
pub const SMALL_LETTERS: Lane =
    through("small-letters", &[("HTTPS_PROXY", ""), ("https_proxy", "10.77.2.10:3128")]);
/// A destination that is not exempt meets a proxy that refuses. A network exempts addresses, never
/// a name that resolves to one.
pub const EXEMPT: Lane = through(
    "exempt",
    &[
        ("HTTPS_PROXY", PROXY_CLOSED),
        ("NO_PROXY", "10.77.0.0/16, .azurecr.io, northwind.registry.test:443"),
    ],
);
/// A name without a leading dot includes its subdomains.
pub const EXEMPT_BELOW: Lane = through(
    "exempt-below",
    &[("HTTPS_PROXY", PROXY_CLOSED), ("no_proxy", "registry.test,data.test")],
);
pub const EXEMPT_ALL: Lane =
    through("exempt-all", &[("HTTPS_PROXY", PROXY_CLOSED), ("NO_PROXY", "*")]);
pub const SIGNED_IN_AT_PROXY: Lane =
    through("signed-in-at-proxy", &[("HTTPS_PROXY", PROXY_SIGNED_IN)]);
pub const UNKNOWN_AT_PROXY: Lane = through("unknown-at-proxy", &[("HTTPS_PROXY", PROXY_SIGN_IN)]);
pub const INSPECTED: Lane = through("inspected", &[("HTTPS_PROXY", PROXY_TRUSTED)]);
pub const INTERCEPTED: Lane = through("intercepted", &[("HTTPS_PROXY", PROXY_STRANGER)]);
pub const REFUSED_BY_PROXY: Lane = through("refused-by-proxy", &[("HTTPS_PROXY", PROXY_CLOSED)]);
pub const SILENT_PROXY: Lane = through("silent-proxy", &[("HTTPS_PROXY", PROXY_SILENT)]);
pub const MUTE_PROXY: Lane = through("mute-proxy", &[("HTTPS_PROXY", PROXY_MUTE)]);
pub const NAMELESS_PROXY: Lane =
    through("nameless-proxy", &[("HTTPS_PROXY", "http://nowhere.edge.test:3128")]);
/// Not a proxy, but a server that expects TLS at once.
pub const NO_PROXY_THERE: Lane =
    through("no-proxy-there", &[("HTTPS_PROXY", "http://10.77.0.10:443")]);
pub const CAPTIVE: Lane = through("captive", &[("HTTPS_PROXY", PROXY_PORTAL)]);
/// The proxy exists, but is set only for plain HTTP.
pub const PLAIN_ONLY: Lane = through("plain-only", &[("HTTP_PROXY", PROXY_SQUID)]);

impl Lane {
    pub fn resolv_conf(&self, folder: &Path) -> PathBuf {
        folder.join(format!("resolv-{}.conf", self.name))
    }

    pub fn write(&self, folder: &Path) -> Fallible<()> {
        let servers: String = self.servers.iter().map(|s| format!("nameserver {s}\n")).collect();
        Ok(std::fs::write(self.resolv_conf(folder), servers)?)
    }

    /// Returns a command that runs `program` on this lane's host: with its resolv.conf and its
    /// environment.
    pub fn command(&self, folder: &Path, program: &Path) -> Command {
        let mut command = Command::new("unshare");
        command.args(["--mount", "sh", "-c", r#"mount --bind "$0" /etc/resolv.conf && exec "$@""#]);
        command.arg(self.resolv_conf(folder)).arg(program);
        command.envs(self.environment.iter().copied());
        command
    }
}
