//! The addresses: every invented host name, its address in the namespace, and the zone data for it.
//!
//! Each fault has a registry name and an address of its own. So all faults exist at the same time,
//! nothing has to be set up and undone between cases, and the cases can run side by side.

/// The healthy name server.
pub const DNS_GOOD: &str = "127.0.0.53";
/// The same `named` through a view whose zones are empty: NXDOMAIN for every registry.
pub const DNS_EMPTY: &str = "127.0.0.54";
/// The same through a view that cannot load its zones: SERVFAIL.
pub const DNS_FAILING: &str = "127.0.0.55";
/// The same as seen from outside: names that are private in the other views have their public
/// address here. Only the proxy uses it.
pub const DNS_PUBLIC: &str = "127.0.0.56";
/// Nothing listens here: port 53 responds with "port unreachable".
pub const DNS_CLOSED: &str = "10.77.9.1";
/// The firewall drops packets to this address: queries to port 53 time out.
pub const DNS_SILENT: &str = "10.77.9.2";

/// Where images are pushed before the run; plain HTTP, no sign-in.
pub const WRITER: &str = "127.0.0.1:5000";

pub const FABRIKAM: &str = "10.77.0.10";
pub const NORTHWIND: &str = "10.77.0.11";
pub const WINGTIP: &str = "10.77.0.12";
pub const DATALESS: &str = "10.77.0.13";
pub const FARDATA: &str = "10.77.0.14";
pub const STRANGER: &str = "10.77.0.15";
pub const MISNAMED: &str = "10.77.0.16";
pub const EXPIRED: &str = "10.77.0.17";
pub const CUT: &str = "10.77.0.18";
/// An address of this host where nothing listens.
pub const CLOSED: &str = "10.77.0.19";
pub const DROPPED: &str = "10.77.0.20";
pub const REJECTED: &str = "10.77.0.21";
pub const DOWN: &str = "10.77.0.22";
pub const BUSY: &str = "10.77.0.23";
pub const MUTE: &str = "10.77.0.24";
pub const WALLED: &str = "10.77.0.25";
pub const STRANGEDATA: &str = "10.77.0.26";
pub const TOLLED: &str = "10.77.0.27";
pub const MISTRUSTED: &str = "10.77.0.28";
pub const FORBIDDEN: &str = "10.77.0.29";
pub const TREYRESEARCH: &str = "10.77.0.30";
pub const WOODGROVE: &str = "10.77.0.31";
pub const TAXED: &str = "10.77.0.32";
pub const HUSHED: &str = "10.77.0.33";

/// The token realm of every registry that requires a token.
pub const REALM: &str = "10.77.0.40";
/// The healthy data host.
pub const DATA: &str = "10.77.1.10";
/// The data host behind the firewall.
pub const DATA_DROPPED: &str = "10.77.1.14";
/// The data host with an untrusted certificate.
pub const DATA_STRANGER: &str = "10.77.1.15";
/// The storage account that refuses.
pub const DATA_TOLLED: &str = "10.77.1.16";

/// The storage account that rejects the signature.
pub const DATA_MISTRUSTED: &str = "10.77.1.17";

/// Registries of this program over the same folder (`shelf`): their clock is wrong, or they refuse
/// in the middle.
pub const SLOW: &str = "10.77.0.50";
pub const FAST: &str = "10.77.0.51";
pub const LOCKED: &str = "10.77.0.52";
pub const RATIONED: &str = "10.77.0.53";
pub const UNDIGESTED: &str = "10.77.0.55";
pub const MISLABELLED: &str = "10.77.0.56";
pub const HEADLESS: &str = "10.77.0.57";
pub const DETOUR: &str = "10.77.0.58";
pub const ROUNDABOUT: &str = "10.77.0.59";
pub const CHAINED: &str = "10.77.0.61";
pub const UNCHAINED: &str = "10.77.0.62";
pub const UNBORN: &str = "10.77.0.63";
pub const NAMELESS: &str = "10.77.0.64";
pub const MUTUAL: &str = "10.77.0.65";
/// Stands in for Docker Hub.
pub const HUB: &str = "10.77.0.54";

/// Registries whose challenge names a wrong realm: their name, their address, the realm.
pub const ASTRAY: &[(&str, &str, &str)] = &[
    ("unsent", "10.77.0.70", "https://nowhere.edge.test/token"),
    ("unheard", "10.77.0.71", "https://dropped.registry.test/token"),
    ("unproven", "10.77.0.72", "https://stranger.registry.test/token"),
    ("unable", "10.77.0.73", "https://down.registry.test/token"),
    ("unhurried", "10.77.0.74", "https://busy.registry.test/token"),
];

/// In the address range for documentation: public, as far as the client can tell.
pub const PUBLIC_OPEN: &str = "198.51.100.10";
pub const PUBLIC_WALLED: &str = "198.51.100.25";
/// Only the proxy can reach it.
pub const BEHIND_PROXY: &str = "10.77.0.60";

/// squid's address, which is also its source address.
pub const SQUID: &str = "10.77.2.10";
pub const TINYPROXY: &str = "10.77.2.11";
pub const INTERCEPTOR_TRUSTED: &str = "10.77.2.12";
pub const INTERCEPTOR_STRANGER: &str = "10.77.2.13";
/// Accepts connections and never sends anything.
pub const PROXY_NEVER_ANSWERS: &str = "10.77.2.14";
/// The firewall drops packets to this address.
pub const PROXY_DROPPED: &str = "10.77.2.2";

/// A captive portal, as in an airport: every response is a redirect to its sign-in page.
pub const PORTAL: &str = "10.77.2.15";
/// The proxy URLs that clients use. Nothing listens at the first.
pub const PROXY_CLOSED: &str = "http://10.77.2.1:3128";
pub const PROXY_SILENT: &str = "http://10.77.2.2:3128";
pub const PROXY_SQUID: &str = "http://10.77.2.10:3128";
pub const PROXY_SIGN_IN: &str = "http://10.77.2.11:3128";
/// The credentials that tinyproxy accepts.
pub const PROXY_USER: (&str, &str) = ("proxima", "open-sesame");
pub const PROXY_SIGNED_IN: &str = "http://proxima:open-sesame@10.77.2.11:3128";
pub const PROXY_TRUSTED: &str = "http://10.77.2.12:3128";
pub const PROXY_STRANGER: &str = "http://10.77.2.13:3128";
pub const PROXY_PORTAL: &str = "http://10.77.2.15:3128";
pub const PROXY_MUTE: &str = "http://10.77.2.14:3128";

/// An IPv6 address whose packets are dropped, beside a working IPv4 address.
pub const V6_DEAD: &str = "fd77::dead";
/// A working IPv6 address without an IPv4 address beside it.
pub const V6_ONLY: &str = "fd77::10";

/// The names in the certificate of the healthy servers.
pub const GOOD_NAMES: &[&str] = &[
    "*.registry.test",
    "*.eastus.data.test",
    "*.azurecr.io",
    "*.eastus.data.azurecr.io",
    "*.blob.core.windows.net",
    "registry-1.docker.io",
    "index.docker.io",
    FABRIKAM,
];

const HEAD: &str = "$TTL 60\n@ IN SOA ns.edge.test. hostmaster.edge.test. 1 3600 600 86400 60\n@ IN NS ns.edge.test.\n";

/// A zone's name, and its records in zone file format.
pub struct Zone {
    pub name: &'static str,
    pub text: String,
}

/// Returns the zones as seen inside the network.
pub fn zones() -> Vec<Zone> {
    zone_list(&format!(
        "contoso IN A {FABRIKAM}\nrelecloud IN A {DROPPED}\ntreyresearch IN A {TREYRESEARCH}\n\
         treyresearch.eastus.data IN A {DATA}\nwoodgrove IN A {WOODGROVE}\nlitware IN TXT \"a name without an address\"\n{TAILWIND}"
    ))
}

/// Returns the zones as seen from outside, where a private endpoint shows only in its name.
pub fn public_zones() -> Vec<Zone> {
    zone_list(&format!("contoso IN CNAME r0009.edge.test.\n{TAILWIND}"))
}

const TAILWIND: &str = "tailwind IN CNAME r0002.edge.test.\n";

fn zone_list(private: &str) -> Vec<Zone> {
    let zone = |name, text: String| Zone { name, text: format!("{HEAD}{text}") };
    vec![
        zone("registry.test", registries()),
        zone("data.test", data_hosts()),
        zone("edge.test", edges()),
        zone("azurecr.io", azure()),
        zone("privatelink.azurecr.io", private.to_owned()),
        zone("blob.core.windows.net", format!("eusmanaged7 IN A {DATA_TOLLED}\n")),
        zone("docker.io", format!("registry-1 IN A {HUB}\nindex IN A {HUB}\n")),
    ]
}

/// Returns the login servers. `wingtip` is behind two CNAMEs in another zone, as the names of a
/// cloud registry are.
fn registries() -> String {
    let plain = [
        ("fabrikam", FABRIKAM),
        ("northwind", NORTHWIND),
        ("dataless", DATALESS),
        ("fardata", FARDATA),
        ("strangedata", STRANGEDATA),
        ("tolled", TOLLED),
        ("mistrusted", MISTRUSTED),
        ("forbidden", FORBIDDEN),
        ("stranger", STRANGER),
        ("misnamed", MISNAMED),
        ("expired", EXPIRED),
        ("cut", CUT),
        ("closed", CLOSED),
        ("dropped", DROPPED),
        ("rejected", REJECTED),
        ("down", DOWN),
        ("busy", BUSY),
        ("mute", MUTE),
        ("walled", WALLED),
        ("realm", REALM),
        ("twofold", CLOSED),
        ("twofold", FABRIKAM),
        ("halfway", DROPPED),
        ("halfway", FABRIKAM),
        ("sixless", FABRIKAM),
        ("slow", SLOW),
        ("fast", FAST),
        ("locked", LOCKED),
        ("rationed", RATIONED),
        ("remote", BEHIND_PROXY),
        ("denied", FABRIKAM),
        ("undigested", UNDIGESTED),
        ("taxed", TAXED),
        ("hushed", HUSHED),
        ("mislabelled", MISLABELLED),
        ("headless", HEADLESS),
        ("detour", DETOUR),
        ("roundabout", ROUNDABOUT),
        ("chained", CHAINED),
        ("unchained", UNCHAINED),
        ("unborn", UNBORN),
        ("nameless", NAMELESS),
        ("mutual", MUTUAL),
    ];
    let astray = ASTRAY.iter().map(|(name, at, _)| (*name, *at));
    let records: String =
        plain.into_iter().chain(astray).map(|(name, at)| format!("{name} IN A {at}\n")).collect();
    format!(
        "{records}sixless IN AAAA {V6_DEAD}\nsixonly IN AAAA {V6_ONLY}\nunrouted IN AAAA 2001:db8::10\n\
         wingtip IN CNAME wingtip.fe.edge.test.\nnodata IN TXT \"a name without an address\"\n"
    )
}

/// Returns the data hosts; `dataless.eastus.data.test` is left out on purpose.
fn data_hosts() -> String {
    format!(
        "wingtip.eastus IN CNAME eus-1.edge.test.\nfardata.eastus IN A {DATA_DROPPED}\n\
         strangedata.eastus IN A {DATA_STRANGER}\ntolled.eastus IN A {DATA_TOLLED}\n\
         mistrusted.eastus IN A {DATA_MISTRUSTED}\nforbidden.eastus IN A {DATA}\n"
    )
}

/// Returns the targets of the CNAMEs.
fn edges() -> String {
    format!(
        "ns IN A {DNS_GOOD}\nwingtip.fe IN CNAME r0001.edge.test.\nr0001 IN A {WINGTIP}\neus-1 IN A {DATA}\n\
         r0002 IN A {PUBLIC_OPEN}\nr0009 IN A {PUBLIC_WALLED}\n"
    )
}

/// Returns the registries with a private endpoint: their CNAME leads to the private name, inside
/// and outside.
fn azure() -> String {
    let names = [
        "adatum",
        "contoso",
        "litware",
        "proseware.eastus.geo",
        "relecloud",
        "tailwind",
        "treyresearch",
        "treyresearch.eastus.data",
        "woodgrove",
        "woodgrove.eastus.data",
    ];
    names.map(|name| format!("{name} IN CNAME {name}.privatelink.azurecr.io.\n")).concat()
}

/// Returns a zone without any host.
pub fn empty_zone() -> String {
    HEAD.to_owned()
}
