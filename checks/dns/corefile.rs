//! The configuration of LocalDNS, which is a CoreDNS: where it forwards a name to.
//!
//! Source: the grammar of CoreDNS's Corefile, and Azure/AgentBaker, which writes the file.

use std::net::{IpAddr, SocketAddr};

/// How many name servers of one `forward` count.
const MAX_SERVERS: usize = 4;

/// A Corefile. Public so that it can be fuzzed.
#[derive(Debug, Default)]
pub struct Corefile(Vec<Block>);

/// The settings of some zones.
#[derive(Debug, Default)]
struct Block {
    zones: Vec<String>,
    binds: Vec<IpAddr>,
    upstream: Upstream,
}

/// Where names are forwarded to.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Upstream {
    /// The name servers.
    pub servers: Vec<SocketAddr>,
    /// Whether they are asked over TCP only.
    pub is_tcp_only: bool,
}

impl Corefile {
    /// Reads a file. What is not understood is left out.
    pub fn read(text: &str) -> Self {
        let mut read = Self::default();
        let (mut zones, mut depth) = (vec![], 0usize);
        for line in text.lines() {
            let words: Vec<&str> =
                line.split_whitespace().take_while(|word| !word.starts_with('#')).collect();
            let opens = words.last() == Some(&"{");
            let words = if opens { &words[..words.len() - 1] } else { &words[..] };
            if words.first() == Some(&"}") {
                depth = depth.saturating_sub(1);
                continue;
            }
            match (depth, read.0.last_mut()) {
                (0, _) => {
                    let names = words.iter().flat_map(|word| word.split(','));
                    zones.extend(names.filter_map(zone));
                    if opens {
                        let zones = std::mem::take(&mut zones);
                        read.0.push(Block { zones, ..Block::default() });
                    }
                }
                (1, Some(block)) => block.set(words),
                // Of what stands inside a directive, only this one matters.
                (2, Some(block)) if words == ["force_tcp"] => block.upstream.is_tcp_only = true,
                _ => {}
            }
            depth += usize::from(opens);
        }
        read
    }

    /// Returns where a name is forwarded to that is asked for at that address: by the block of the
    /// longest zone.
    pub fn upstream(&self, address: IpAddr, name: &str) -> Option<&Upstream> {
        let listens = self.0.iter().filter(|block| block.binds.contains(&address));
        let zones = listens.flat_map(|block| block.zones.iter().map(move |zone| (zone, block)));
        let mut fitting: Vec<_> = zones.filter(|(zone, _)| is_in(name, zone)).collect();
        fitting.sort_by_key(|(zone, _)| zone.len());
        let upstream = fitting.pop().map(|(_, block)| &block.upstream);
        upstream.filter(|upstream| !upstream.servers.is_empty())
    }
}

impl Block {
    fn set(&mut self, words: &[&str]) {
        match words {
            ["bind", addresses @ ..] => {
                self.binds.extend(addresses.iter().filter_map(|word| word.parse::<IpAddr>().ok()));
            }
            ["forward", _, servers @ ..] if self.upstream.servers.is_empty() => {
                let servers = servers.iter().filter_map(|word| server(word));
                self.upstream.servers = servers.take(MAX_SERVERS).collect();
            }
            _ => {}
        }
    }
}

/// Returns the zone of `azurecr.io:53`; an empty one for the root.
fn zone(word: &str) -> Option<String> {
    let name = word.split_once(':').map_or(word, |(name, _)| name);
    (!word.is_empty()).then(|| name.trim_matches('.').to_ascii_lowercase())
}

fn is_in(name: &str, zone: &str) -> bool {
    let name = name.trim_end_matches('.').to_ascii_lowercase();
    zone.is_empty() || name == *zone || name.ends_with(&format!(".{zone}"))
}

/// Returns a name server of `10.0.0.4`, `10.0.0.4:53` or `dns://10.0.0.4`.
pub(super) fn server(word: &str) -> Option<SocketAddr> {
    let word = word.strip_prefix("dns://").unwrap_or(word);
    let plain = || word.parse::<IpAddr>().ok().map(|address| SocketAddr::new(address, 53));
    word.parse().ok().or_else(plain)
}

#[cfg(test)]
mod tests {
    use super::*;

    const FILE: &str = "\
# whoami (used for health check of DNS)
health-check.localdns.local:53 {
    bind 169.254.10.10 169.254.10.11
    whoami
}
.:53 {
    errors
    bind 169.254.10.10
    forward . 168.63.129.16 10.0.0.4:5353 {
        policy sequential
        max_concurrent 1000
    }
    cache 3600 {
        serve_stale 3600s immediate
    }
}
.:53 {
    bind 169.254.10.11
    forward . 10.0.0.10
}
azurecr.io:53, example.com {
    bind 169.254.10.10
    forward . dns://10.9.0.4 tls://10.9.0.5 /etc/resolv.conf {
        force_tcp
    }
}
";

    #[test]
    fn what_aks_writes() {
        let file = Corefile::read(FILE);
        let of = |address: &str, name: &str| {
            let upstream = file.upstream(address.parse().unwrap(), name).cloned();
            let upstream = upstream.unwrap_or_default();
            let servers = upstream.servers.iter().map(ToString::to_string).collect::<Vec<_>>();
            (servers.join(" "), upstream.is_tcp_only)
        };
        let vnet = ("168.63.129.16:53 10.0.0.4:5353".to_owned(), false);
        let own = ("10.9.0.4:53".to_owned(), true);
        assert_eq!(of("169.254.10.10", "contoso.azurecr.cn"), vnet);
        assert_eq!(of("169.254.10.10", "Contoso.azurecr.io."), own);
        assert_eq!(of("169.254.10.10", "example.com"), own);
        assert_eq!(of("169.254.10.10", "notexample.com"), vnet);
        assert_eq!(of("169.254.10.11", "contoso.azurecr.io"), ("10.0.0.10:53".into(), false));
        assert_eq!(of("169.254.10.10", "health-check.localdns.local"), (String::new(), false));
    }

    #[test]
    fn what_is_no_corefile() {
        for odd in
            ["", "}", "{", "} } {\n forward", "a {\n{\n{\n}\n", "\u{0}", "forward . 10.0.0.1"]
        {
            let address = "169.254.10.10".parse().unwrap();
            assert_eq!(Corefile::read(odd).upstream(address, "a"), None, "{odd:?}");
        }
    }
}
