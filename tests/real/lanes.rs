//! Lanes: the hosts that ask. Each has its own resolv.conf and its own environment, and a containerd that never saw another.

use std::path::{Path, PathBuf};

use tokio::process::Command;

use crate::Fallible;
use crate::places::{
    DNS_CLOSED, DNS_EMPTY, DNS_FAILING, DNS_GOOD, DNS_SILENT, PROXY_CLOSED, PROXY_MUTE,
    PROXY_SIGN_IN, PROXY_SIGNED_IN, PROXY_SILENT, PROXY_SQUID, PROXY_STRANGER, PROXY_TRUSTED,
};

#[derive(Clone, Copy, Debug)]
pub struct Lane {
    pub name: &'static str,
    servers: &'static [&'static str],
    /// Variable, address of the proxy. Of the environment that containerd, the peer and `check-acr` are started with.
    proxy: Option<(&'static str, &'static str)>,
    /// Who is asked without it: `NO_PROXY`, in the words of Go.
    direct: &'static str,
}

const fn lane(name: &'static str, servers: &'static [&'static str]) -> Lane {
    Lane { name, servers, proxy: None, direct: "" }
}

/// A lane whose name server is good, and which goes through a proxy.
const fn proxied(name: &'static str, proxy: &'static str) -> Lane {
    Lane { name, servers: &[DNS_GOOD], proxy: Some(("HTTPS_PROXY", proxy)), direct: "" }
}

pub const GOOD: Lane = lane("good", &[DNS_GOOD]);
pub const FIRST_DEAD: Lane = lane("first-dead", &[DNS_CLOSED, DNS_GOOD]);
pub const ALL_CLOSED: Lane = lane("all-closed", &[DNS_CLOSED]);
pub const ALL_SILENT: Lane = lane("all-silent", &[DNS_SILENT]);
pub const FIRST_FAILING: Lane = lane("first-failing", &[DNS_FAILING, DNS_GOOD]);
pub const ALL_FAILING: Lane = lane("all-failing", &[DNS_FAILING]);
pub const FIRST_EMPTY: Lane = lane("first-empty", &[DNS_EMPTY, DNS_GOOD]);
pub const SECOND_EMPTY: Lane = lane("second-empty", &[DNS_GOOD, DNS_EMPTY]);

pub const PROXIED: Lane = proxied("proxied", PROXY_SQUID);
/// The names of the registries are nobody's business here: only the proxy can look them up.
pub const ONLY_PROXY_RESOLVES: Lane =
    Lane { servers: &[DNS_EMPTY], ..proxied("only-proxy-resolves", PROXY_SQUID) };
/// Whoever is not exempt here meets a proxy that refuses. A network exempts addresses, never a name that leads to one.
pub const EXEMPT: Lane = Lane {
    direct: "10.77.0.0/16, .azurecr.io, northwind.registry.test:443",
    ..proxied("exempt", PROXY_CLOSED)
};
pub const SIGNED_IN_AT_PROXY: Lane = proxied("signed-in-at-proxy", PROXY_SIGNED_IN);
pub const UNKNOWN_AT_PROXY: Lane = proxied("unknown-at-proxy", PROXY_SIGN_IN);
pub const INSPECTED: Lane = proxied("inspected", PROXY_TRUSTED);
pub const INTERCEPTED: Lane = proxied("intercepted", PROXY_STRANGER);
pub const REFUSED_BY_PROXY: Lane = proxied("refused-by-proxy", PROXY_CLOSED);
pub const SILENT_PROXY: Lane = proxied("silent-proxy", PROXY_SILENT);
pub const MUTE_PROXY: Lane = proxied("mute-proxy", PROXY_MUTE);
pub const NAMELESS_PROXY: Lane = proxied("nameless-proxy", "http://nowhere.edge.test:3128");
/// The proxy is there, but set for what is not encrypted.
pub const PLAIN_ONLY: Lane =
    Lane { proxy: Some(("HTTP_PROXY", PROXY_SQUID)), ..GOOD.named("plain-only") };

impl Lane {
    const fn named(mut self, name: &'static str) -> Lane {
        self.name = name;
        self
    }

    fn resolv_conf(&self, folder: &Path) -> PathBuf {
        folder.join(format!("resolv-{}.conf", self.name))
    }

    pub fn write(&self, folder: &Path) -> Fallible<()> {
        let servers: String = self.servers.iter().map(|s| format!("nameserver {s}\n")).collect();
        Ok(std::fs::write(self.resolv_conf(folder), servers)?)
    }

    /// `program` as it runs on this lane's host: with its resolv.conf in place and its environment.
    pub fn command(&self, folder: &Path, program: &Path) -> Command {
        let mut command = Command::new("unshare");
        command.args(["--mount", "sh", "-c", r#"mount --bind "$0" /etc/resolv.conf && exec "$@""#]);
        command.arg(self.resolv_conf(folder)).arg(program);
        if let Some((variable, address)) = self.proxy {
            command.env(variable, address).env("NO_PROXY", self.direct);
        }
        command
    }
}
