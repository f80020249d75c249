//! The proxies set in the environment, and which host uses which, by Go's rules, which containerd
//! follows.
//!
//! Source: golang.org/x/net/http/httpproxy, which `http.ProxyFromEnvironment` is made of.

use std::{fmt, rc::Rc};

use hyper::header::HeaderValue;
use serde::{Serialize, Serializer};

use crate::kit::{
    redact::Secret,
    rules::{NoProxy, ProxyUrl, ProxyUrlError},
    target::{Host, HostPurpose},
};

/// A proxy, and the environment variable that sets it.
#[derive(Clone, Debug)]
pub struct Proxy {
    /// The variable, such as `HTTPS_PROXY`.
    pub variable: &'static str,
    /// The proxy's URL.
    pub url: ProxyUrl,
}

/// The value of a variable: a proxy, or the name of a variable whose proxy is unusable.
type Set = Result<Rc<Proxy>, &'static str>;

/// All proxies that are set here.
#[derive(Clone, Debug, Default)]
pub struct Proxies {
    https: Option<Set>,
    http: Option<Set>,
    /// `ALL_PROXY`: other clients use it, Go does not.
    all: Option<Set>,
    no_proxy: NoProxy,
    /// Variables whose value is no proxy: Go behaves as if they were not set.
    pub ignored: Vec<&'static str>,
}

/// How a host is reached.
#[derive(Clone, Debug)]
pub enum ProxyDecision {
    /// Directly: no proxy is set for the host, or the host is this machine.
    Direct,
    /// Directly: this entry of `NO_PROXY` exempts the host.
    Exempt(String),
    /// Through this proxy.
    Through(Rc<Proxy>),
    /// Not at all: the value of this variable has no port to connect to, but Go uses it anyway.
    Nowhere(&'static str),
}

impl Proxies {
    /// Reads the environment. Upper-case variables win over lower-case ones; empty ones are
    /// ignored.
    pub fn read(variable: impl Fn(&str) -> Option<String>) -> Self {
        let mut ignored = vec![];
        let set = |name: &str| variable(name).filter(|value| !value.is_empty());
        let value = |name: &str| set(name).or_else(|| set(&name.to_lowercase()));
        let mut proxy = |name: &'static str| match ProxyUrl::read(&value(name)?) {
            Ok(url) => Some(Ok(Rc::new(Proxy { variable: name, url }))),
            Err(ProxyUrlError::Unusable) => Some(Err(name)),
            Err(ProxyUrlError::Ignored) => {
                ignored.push(name);
                None
            }
        };
        let (https, http, all) = (proxy("HTTPS_PROXY"), proxy("HTTP_PROXY"), proxy("ALL_PROXY"));
        let no_proxy = NoProxy::read(&value("NO_PROXY").unwrap_or_default());
        Self { https, http, all, no_proxy, ignored }
    }

    /// Returns whether any proxy is set.
    pub fn are_set(&self) -> bool {
        let mut proxies = [&self.https, &self.http, &self.all].into_iter();
        proxies.any(Option::is_some) || !self.ignored.is_empty()
    }

    /// Returns whether Go reaches every host in the same way with these proxies.
    pub fn is_same(&self, other: &Self) -> bool {
        let same = |one: &Option<Set>, other: &Option<Set>| match (one, other) {
            (None, None) | (Some(Err(_)), Some(Err(_))) => true,
            (Some(Ok(one)), Some(Ok(other))) => one.is_same(other),
            _ => false,
        };
        let is_direct = self.https.is_none() && self.http.is_none();
        same(&self.https, &other.https)
            && same(&self.http, &other.http)
            && (is_direct || self.no_proxy.is_same(&other.no_proxy))
    }

    /// Returns how the host is reached.
    pub fn route(&self, host: &Host) -> ProxyDecision {
        let proxy = if host.plain { &self.http } else { &self.https };
        match (proxy, self.no_proxy.exempts(&host.name, host.port)) {
            (None, _) => ProxyDecision::Direct,
            (Some(_), Some(_)) if host.is_local() => ProxyDecision::Direct,
            (Some(_), Some(entry)) => ProxyDecision::Exempt(entry),
            (Some(Ok(proxy)), None) => ProxyDecision::Through(proxy.clone()),
            (Some(Err(variable)), None) => ProxyDecision::Nowhere(variable),
        }
    }

    /// Returns the proxies that are set but not used for this host.
    pub fn spare(&self, host: &Host) -> Vec<Rc<Proxy>> {
        let used = match self.route(host) {
            ProxyDecision::Through(proxy) => Some(proxy),
            ProxyDecision::Direct | ProxyDecision::Exempt(_) | ProxyDecision::Nowhere(_) => None,
        };
        let set = [&self.https, &self.http, &self.all].into_iter().flatten().flatten().cloned();
        let same = |a: &Proxy, b: &Proxy| a.to_string() == b.to_string();
        let mut spare: Vec<Rc<Proxy>> = vec![];
        for proxy in set {
            if !used.iter().chain(&spare).any(|known| same(known, &proxy)) {
                spare.push(proxy);
            }
        }
        spare
    }
}

impl ProxyDecision {
    /// Returns whether both lead to a host in the same way.
    pub fn is_same(&self, other: &Self) -> bool {
        match (self, other) {
            (ProxyDecision::Through(one), ProxyDecision::Through(other)) => one.is_same(other),
            (ProxyDecision::Nowhere(_), ProxyDecision::Nowhere(_)) => true,
            (one, other) => one.is_direct() && other.is_direct(),
        }
    }

    fn is_direct(&self) -> bool {
        matches!(self, ProxyDecision::Direct | ProxyDecision::Exempt(_))
    }
}

impl Proxy {
    /// Returns whether both are the same proxy, asked with the same password.
    fn is_same(&self, other: &Self) -> bool {
        let secret = |proxy: &Self| proxy.url.credentials.clone();
        let (one, two) = (secret(self), secret(other));
        self.to_string() == other.to_string()
            && one.as_ref().map(Secret::expose) == two.as_ref().map(Secret::expose)
    }

    /// Returns the proxy as a host to connect to: over plain HTTP unless its scheme is `https`.
    pub fn host(&self) -> Host {
        let ProxyUrl { scheme, host, port, .. } = &self.url;
        let plain = scheme != "https";
        Host { plain, ..Host::secure(host.clone(), *port, HostPurpose::Other) }
    }

    /// Returns the value of the `Proxy-Authorization` header.
    pub(crate) fn header(&self) -> Option<HeaderValue> {
        let mut value = HeaderValue::from_str(self.url.credentials.as_ref()?.expose()).ok()?;
        value.set_sensitive(true);
        Some(value)
    }

    /// Returns whether the proxy speaks SOCKS instead of HTTP.
    pub fn is_socks(&self) -> bool {
        self.url.scheme.starts_with("socks5")
    }
}

/// Shows the proxy as a URL for people and commands, without its user.
impl fmt::Display for Proxy {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let ProxyUrl { scheme, host, port, .. } = &self.url;
        let host = if host.contains(':') { format!("[{host}]") } else { host.clone() };
        write!(f, "{scheme}://{host}:{port}")
    }
}

impl Serialize for Proxy {
    fn serialize<S: Serializer>(&self, to: S) -> Result<S::Ok, S::Error> {
        to.collect_str(self)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn host(name: &str, plain: bool) -> Host {
        let port = if plain { 80 } else { 443 };
        Host { plain, ..Host::secure(name.into(), port, HostPurpose::Registry) }
    }

    fn read(set: &[(&str, &str)]) -> Proxies {
        let value = |name: &str| set.iter().find(|(n, _)| *n == name).map(|(_, v)| (*v).to_owned());
        Proxies::read(value)
    }

    #[test]
    fn each_scheme_has_its_variable() {
        let proxies =
            read(&[("HTTPS_PROXY", "http://a.example:3128"), ("http_proxy", "b.example")]);
        let through = |plain| match proxies.route(&host("contoso.azurecr.io", plain)) {
            ProxyDecision::Through(proxy) => proxy.to_string(),
            other => panic!("{other:?}"),
        };
        assert_eq!(through(false), "http://a.example:3128");
        assert_eq!(through(true), "http://b.example:80");
        let spare = proxies.spare(&host("contoso.azurecr.io", false));
        assert_eq!(spare[0].to_string(), "http://b.example:80");
    }

    #[test]
    fn an_exempted_host_goes_straight() {
        let proxies = read(&[("HTTPS_PROXY", "a.example:3128"), ("NO_PROXY", ".azurecr.io")]);
        let route = proxies.route(&host("contoso.azurecr.io", false));
        assert!(matches!(route, ProxyDecision::Exempt(entry) if entry == ".azurecr.io"));
        assert!(matches!(proxies.route(&host("localhost", false)), ProxyDecision::Direct));
        assert!(matches!(proxies.route(&host("other.example", false)), ProxyDecision::Through(_)));
    }

    #[test]
    fn upper_case_counts_and_all_proxy_does_not() {
        let proxies = read(&[("HTTPS_PROXY", "a.example"), ("https_proxy", "b.example")]);
        assert!(
            matches!(proxies.route(&host("x.example", false)), ProxyDecision::Through(p) if p.url.host == "a.example")
        );
        let proxies = read(&[("ALL_PROXY", "socks5://c.example")]);
        assert!(matches!(proxies.route(&host("x.example", false)), ProxyDecision::Direct));
        assert_eq!(
            proxies.spare(&host("x.example", false))[0].to_string(),
            "socks5://c.example:1080"
        );
    }

    #[test]
    fn a_user_in_the_url_is_kept_and_never_shown() {
        let proxies = read(&[("HTTPS_PROXY", "http://me:s%40cret-word@a.example:3128/")]);
        let ProxyDecision::Through(proxy) = proxies.route(&host("x.example", false)) else {
            panic!()
        };
        let shown = format!("{proxy} {proxy:?} {proxies:?}");
        assert!(!shown.contains("cret-word") && !shown.contains("me:s"), "{shown}");
        let basic = Secret::new("s@cret-word").basic("me");
        assert_eq!(proxy.url.credentials.as_ref().unwrap().expose(), basic.expose());
    }

    #[test]
    fn proxies_are_compared_by_what_they_do() {
        let one =
            read(&[("HTTPS_PROXY", "http://u:p@a.example:3128"), ("NO_PROXY", "x.example, y")]);
        let same = read(&[("https_proxy", "u:p@a.example:3128"), ("no_proxy", "Y,x.example")]);
        assert!(one.is_same(&same) && one.is_same(&one));
        let others =
            [("https_proxy", "u:q@a.example:3128"), ("https_proxy", "http://u:p@b.example:3128")];
        for other in others {
            assert!(!one.is_same(&read(&[other, ("no_proxy", "y,x.example")])), "{other:?}");
        }
        assert!(!one.is_same(&read(&[("https_proxy", "u:p@a.example:3128")])));
        assert!(!one.is_same(&read(&[])) && read(&[]).is_same(&read(&[("NO_PROXY", "x")])));
    }

    #[test]
    fn what_is_no_url_is_as_good_as_not_set() {
        let proxies = read(&[("HTTPS_PROXY", "proxy corp:3128")]);
        assert!(matches!(proxies.route(&host("x.example", false)), ProxyDecision::Direct));
        assert_eq!(proxies.ignored, ["HTTPS_PROXY"]);
        assert!(proxies.are_set());
    }
}
