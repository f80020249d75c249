//! Which hosts bypass the proxy, by Go's rules, which containerd and the kubelet follow.
//!
//! Every tool reads `NO_PROXY` differently. This module follows `golang.org/x/net/http/httpproxy`
//! and is tested against it case by case (`tests/fixtures/no_proxy`). Two details are left out
//! because no registry has such a name: Unicode names whose ASCII form is invalid, and letters
//! whose lower case depends on the language.

use std::net::IpAddr;

/// The parsed value of `NO_PROXY`.
#[derive(Clone, Debug, Default)]
pub struct NoProxy(Vec<Entry>);

#[derive(Clone, Debug)]
struct Entry {
    written: String,
    covers: Covers,
}

#[derive(Clone, Debug)]
enum Covers {
    Everything,
    /// A network: an address, and the length of its prefix in bits.
    Network(IpAddr, u32),
    /// An address and a port; an empty port means any.
    Address(IpAddr, String),
    /// `.example.com`, whether `example.com` itself matches too, and the port.
    Domain(String, bool, String),
}

impl NoProxy {
    /// Parses the list. Invalid entries are ignored, as Go silently does.
    pub fn read(text: &str) -> Self {
        let entries: Vec<_> = text.split(',').filter_map(Entry::read).collect();
        let all = entries.iter().find(|entry| matches!(entry.covers, Covers::Everything)).cloned();
        NoProxy(all.map_or(entries, |all| vec![all]))
    }

    /// Returns whether another list has the same entries, in any order.
    pub fn is_same(&self, other: &Self) -> bool {
        let written = |list: &Self| {
            let all = list.0.iter().map(|entry| entry.written.to_lowercase());
            all.collect::<std::collections::BTreeSet<String>>()
        };
        written(self) == written(other)
    }

    /// Returns the entry that exempts the host. A loopback host needs no entry: it is returned
    /// itself.
    pub fn exempts(&self, host: &str, port: u16) -> Option<String> {
        let address = host.split('%').next().and_then(|host| host.parse::<IpAddr>().ok());
        let address = address.map(|address| address.to_canonical());
        if host == "localhost" || address.is_some_and(|address| address.is_loopback()) {
            return Some(host.to_owned());
        }
        let (host, port) = (ascii(host.trim().to_lowercase()), port.to_string());
        let found = self.0.iter().find(|entry| entry.covers.host(&host, address, &port))?;
        Some(found.written.clone())
    }
}

impl Entry {
    fn read(written: &str) -> Option<Self> {
        let written = written.trim().to_owned();
        let text = written.to_lowercase();
        let covers = match network(&text) {
            _ if text == "*" => Covers::Everything,
            Some((address, bits)) => Covers::Network(address, bits),
            None => {
                // Go does not take brackets without a port for an address; they match nothing.
                let (host, port) = split_port(&text).unwrap_or((&text, ""));
                let port = port.to_owned();
                match host.parse::<IpAddr>() {
                    Ok(address) => Covers::Address(address.to_canonical(), port),
                    Err(_) if host.is_empty() => return None,
                    Err(_) => {
                        let host =
                            host.strip_prefix('*').filter(|h| h.starts_with('.')).unwrap_or(host);
                        let itself = !host.starts_with('.');
                        let dot = if itself { "." } else { "" };
                        Covers::Domain(ascii(format!("{dot}{host}")), itself, port)
                    }
                }
            }
        };
        Some(Entry { written, covers })
    }
}

impl Covers {
    fn host(&self, host: &str, address: Option<IpAddr>, port: &str) -> bool {
        let at = |only: &str| only.is_empty() || only == port;
        match (self, address) {
            (Covers::Everything, _) => true,
            (Covers::Network(IpAddr::V4(net), bits), Some(IpAddr::V4(ip))) => {
                (net.to_bits() ^ ip.to_bits()).leading_zeros() >= *bits
            }
            (Covers::Network(IpAddr::V6(net), bits), Some(IpAddr::V6(ip))) => {
                (net.to_bits() ^ ip.to_bits()).leading_zeros() >= *bits
            }
            (Covers::Address(one, only), Some(ip)) => *one == ip && at(only),
            (Covers::Domain(suffix, itself, only), None) => {
                (host.ends_with(suffix) || (*itself && host == &suffix[1..])) && at(only)
            }
            _ => false,
        }
    }
}

/// Parses `10.0.0.0/8`. An IPv4-mapped IPv6 network is IPv4 when its prefix covers the mapping.
fn network(text: &str) -> Option<(IpAddr, u32)> {
    let (address, length) = text.split_once('/')?;
    let address: IpAddr = address.parse().ok()?;
    let digits = length.bytes().all(|b| b.is_ascii_digit());
    let bits: u32 = length.parse().ok().filter(|_| digits)?;
    match (address, address.to_canonical()) {
        (IpAddr::V4(_), _) => (bits <= 32).then_some((address, bits)),
        (_, v4 @ IpAddr::V4(_)) if (96..=128).contains(&bits) => Some((v4, bits - 96)),
        _ => (bits <= 128).then_some((address, bits)),
    }
}

/// Splits `host:port` or `[host]:port`, and nothing else, as Go's `net.SplitHostPort` does.
fn split_port(text: &str) -> Option<(&str, &str)> {
    let (host, port) = text.rsplit_once(':')?;
    let bracketed = host.strip_prefix('[').map(|host| host.strip_suffix(']'));
    let host = match bracketed {
        Some(inner) => inner?,
        None if host.contains(':') => return None,
        None => host,
    };
    let strays = [host, port].concat().contains(['[', ']']);
    (!strays).then_some((host, port))
}

/// Returns the ASCII form of a Unicode name, as DNS queries carry it.
pub(super) fn ascii(name: String) -> String {
    if name.is_ascii() {
        return name;
    }
    url::Host::parse(&name).map_or(name, |host| host.to_string())
}

#[cfg(test)]
mod tests {
    use super::*;

    /// To generate the cases again: `cd tests/fixtures/no_proxy && go run . > ../no-proxy.tsv`
    #[test]
    fn as_go_has_it() {
        let cases = include_str!("../../../tests/fixtures/no-proxy.tsv");
        assert!(cases.lines().count() > 1000);
        for case in cases.lines() {
            let fields: Vec<serde_json::Value> =
                case.split('\t').map(|field| serde_json::from_str(field).unwrap()).collect();
            let (list, host) = (fields[0].as_str().unwrap(), fields[1].as_str().unwrap());
            let port = u16::try_from(fields[2].as_u64().unwrap()).unwrap();
            let exempt = NoProxy::read(list).exempts(host, port);
            assert_eq!(Some(exempt.is_some()), fields[3].as_bool(), "{case}: {exempt:?}");
        }
    }

    #[test]
    fn the_entry_is_named_as_it_is_written() {
        let list = NoProxy::read("10.0.0.0/8, .Example.com ,contoso.azurecr.io:443");
        assert_eq!(list.exempts("10.1.2.3", 443).as_deref(), Some("10.0.0.0/8"));
        assert_eq!(list.exempts("a.example.com", 80).as_deref(), Some(".Example.com"));
        assert_eq!(
            list.exempts("contoso.azurecr.io", 443).as_deref(),
            Some("contoso.azurecr.io:443")
        );
        assert_eq!(list.exempts("contoso.azurecr.io", 80), None);
        assert_eq!(list.exempts("localhost", 80).as_deref(), Some("localhost"));
    }
}
