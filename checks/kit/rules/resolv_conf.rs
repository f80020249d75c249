//! A `resolv.conf`, as Go's own resolver reads it (`net/dnsconfig_unix.go`).

use std::{
    net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr},
    time::Duration,
};

/// How many name servers count, for Go as for libc.
const MAX_SERVERS: usize = 3;
/// The largest `ndots`.
const MAX_NDOTS: usize = 15;
/// The most attempts that are made here: each takes a second or more.
const MAX_ATTEMPTS: usize = 5;

/// Which name servers are asked, and how.
#[derive(Clone, Debug, PartialEq)]
pub struct ResolvConf {
    /// The name servers, in order: this machine's where the file names none.
    pub servers: Vec<SocketAddr>,
    /// Whether the file names them.
    pub names_servers: bool,
    /// The suffixes that are appended to a name.
    pub search: Vec<String>,
    /// The suffixes are tried first for a name with fewer dots than this.
    pub ndots: usize,
    /// How they are asked.
    pub options: ResolverOptions,
}

/// How name servers are asked.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct ResolverOptions {
    /// `use-vc`: over TCP only.
    pub use_tcp: bool,
    /// `rotate`: each lookup starts at another server.
    pub rotate: bool,
    /// `no-aaaa`: no IPv6 addresses. glibc knows it, Go does not.
    pub no_aaaa: bool,
    /// `timeout`: how long a server may take each time.
    pub timeout: Duration,
    /// `attempts`: how often each server is asked.
    pub attempts: usize,
}

impl Default for ResolverOptions {
    fn default() -> Self {
        let timeout = Duration::from_secs(5);
        Self { use_tcp: false, rotate: false, no_aaaa: false, timeout, attempts: 2 }
    }
}

impl ResolvConf {
    /// Reads a file. What Go does not understand is left out.
    pub fn read(file: &[u8]) -> Self {
        let mut read = Self {
            servers: vec![],
            names_servers: true,
            search: vec![],
            ndots: 1,
            options: ResolverOptions::default(),
        };
        for line in String::from_utf8_lossy(file).split('\n') {
            if line.starts_with(['#', ';']) {
                continue;
            }
            let mut words = line.split([' ', '\t', '\r']).filter(|word| !word.is_empty());
            match (words.next(), words) {
                (Some("nameserver"), mut words) if read.servers.len() < MAX_SERVERS => {
                    read.servers.extend(words.next().and_then(server));
                }
                (Some("domain"), mut words) => {
                    if let Some(domain) = words.next() {
                        // The root makes no other name of any.
                        let domain = Some(relative(domain)).filter(|domain| !domain.is_empty());
                        read.search = domain.into_iter().collect();
                    }
                }
                (Some("search"), words) => {
                    read.search = words.map(relative).filter(|name| !name.is_empty()).collect();
                }
                (Some("options"), words) => words.for_each(|word| read.take(word)),
                _ => {}
            }
        }
        if read.servers.is_empty() {
            read.names_servers = false;
            read.servers = [IpAddr::from(Ipv4Addr::LOCALHOST), Ipv6Addr::LOCALHOST.into()]
                .map(|own| SocketAddr::new(own, 53))
                .into();
        }
        read
    }

    fn take(&mut self, option: &str) {
        let options = &mut self.options;
        match option.split_once(':') {
            Some(("ndots", value)) => self.ndots = number(value).min(MAX_NDOTS),
            Some(("timeout", value)) => {
                options.timeout = Duration::from_secs(number(value).max(1) as u64);
            }
            Some(("attempts", value)) => options.attempts = number(value).clamp(1, MAX_ATTEMPTS),
            Some(_) => {}
            None => match option {
                "rotate" => options.rotate = true,
                "use-vc" | "usevc" | "tcp" => options.use_tcp = true,
                "no-aaaa" => options.no_aaaa = true,
                _ => {}
            },
        }
    }
}

/// Returns the name server of an address. A zone behind it is left out.
fn server(word: &str) -> Option<SocketAddr> {
    let address = word.split_once('%').map_or(word, |(address, _)| address);
    Some(SocketAddr::new(address.parse().ok()?, 53))
}

fn relative(name: &str) -> String {
    name.strip_suffix('.').unwrap_or(name).to_owned()
}

/// Returns the number that a text begins with: zero where there is none.
fn number(text: &str) -> usize {
    let digits = text.bytes().take_while(u8::is_ascii_digit).count();
    text[..digits.min(7)].parse().unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_with_everything_in_it() {
        let read = ResolvConf::read(
            b"# nameserver 1.1.1.1\ngarbage\nnameserver 10.0.0.4 # LocalDNS\nnameserver nonsense\n\
            domain one.example\nsearch a.example. . b.example\noptions ndots:5 rotate\n\tnameserver fe80::1%eth0\n\
            nameserver\noptions use-vc timeout:2 attempts:x no-aaaa edns0 rotate:no\nnameserver 10.0.0.6\n\
            nameserver 10.0.0.7\n\xff\xfe\n",
        );
        let servers: Vec<String> = read.servers.iter().map(|it| it.ip().to_string()).collect();
        assert_eq!(servers, ["10.0.0.4", "fe80::1", "10.0.0.6"]);
        assert_eq!((read.search.concat(), read.ndots), ("a.exampleb.example".to_owned(), 5));
        let timeout = Duration::from_secs(2);
        let options =
            ResolverOptions { use_tcp: true, rotate: true, no_aaaa: true, timeout, attempts: 1 };
        assert_eq!(read.options, options);
    }

    #[test]
    fn a_file_with_nothing_in_it() {
        let read = ResolvConf::read(b"options ndots:99\n;options use-vc\nOptions rotate\n");
        assert_eq!((read.servers.len(), read.names_servers, read.ndots), (2, false, 15));
        assert_eq!(read.options, ResolverOptions::default());
        assert!(ResolvConf::read(b"search a.example\ndomain .\n").search.is_empty());
    }
}
