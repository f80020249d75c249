//! Who lives where: every invented host name, its address in the namespace and the zone data that says so.
//!
//! Each fault has a registry name and an address of its own. So all of them are true at the same time, nothing has to be set up
//! and undone between cases, and the cases can run side by side.

/// The name server that tells the truth.
pub const DNS_GOOD: &str = "127.0.0.53";
/// The same `named`, through a view whose zones are empty: NXDOMAIN for every registry.
pub const DNS_EMPTY: &str = "127.0.0.54";
/// The same again, through a view that cannot load its zones: SERVFAIL.
pub const DNS_FAILING: &str = "127.0.0.55";
/// Nothing listens here: port 53 answers with "port unreachable".
pub const DNS_CLOSED: &str = "10.77.9.1";
/// The firewall drops what is sent here: port 53 is silent.
pub const DNS_SILENT: &str = "10.77.9.2";

/// Where images are pushed before the look begins; plain HTTP, no sign-in.
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
/// An address of ours where nothing listens.
pub const CLOSED: &str = "10.77.0.19";
pub const DROPPED: &str = "10.77.0.20";
pub const REJECTED: &str = "10.77.0.21";
pub const DOWN: &str = "10.77.0.22";
pub const BUSY: &str = "10.77.0.23";
pub const MUTE: &str = "10.77.0.24";
pub const WALLED: &str = "10.77.0.25";
pub const STRANGEDATA: &str = "10.77.0.26";
pub const TOLLED: &str = "10.77.0.27";

/// The realm that signs people in, for every registry that wants a token.
pub const REALM: &str = "10.77.0.40";
/// The data host that works.
pub const DATA: &str = "10.77.1.10";
/// The data host behind the firewall.
pub const DATA_DROPPED: &str = "10.77.1.14";
/// The data host whose certificate nobody here trusts.
pub const DATA_STRANGER: &str = "10.77.1.15";
/// The storage that refuses.
pub const DATA_TOLLED: &str = "10.77.1.16";

/// An IPv6 address that is dropped, beside an IPv4 address that works.
pub const V6_DEAD: &str = "fd77::dead";

/// What the certificate of the healthy servers is for.
pub const GOOD_NAMES: &[&str] = &[
    "fabrikam.registry.test",
    "northwind.registry.test",
    "wingtip.registry.test",
    "dataless.registry.test",
    "fardata.registry.test",
    "strangedata.registry.test",
    "tolled.registry.test",
    "twofold.registry.test",
    "halfway.registry.test",
    "sixless.registry.test",
    "down.registry.test",
    "busy.registry.test",
    "mute.registry.test",
    "walled.registry.test",
    "cut.registry.test",
    "realm.registry.test",
    "wingtip.eastus.data.test",
    "tolled.eastus.data.test",
];

const HEAD: &str = "$TTL 60\n@ IN SOA ns.edge.test. hostmaster.edge.test. 1 3600 600 86400 60\n@ IN NS ns.edge.test.\n";

/// The login servers. `wingtip` sits behind two aliases in another zone, as a cloud registry does.
pub fn registry_zone() -> String {
    let plain = [
        ("fabrikam", FABRIKAM),
        ("northwind", NORTHWIND),
        ("dataless", DATALESS),
        ("fardata", FARDATA),
        ("strangedata", STRANGEDATA),
        ("tolled", TOLLED),
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
    ];
    let records: String = plain.iter().map(|(name, at)| format!("{name} IN A {at}\n")).collect();
    format!(
        "{HEAD}{records}sixless IN AAAA {V6_DEAD}\nwingtip IN CNAME wingtip.fe.edge.test.\n\
         nodata IN TXT \"a name without an address\"\n"
    )
}

/// The data hosts; `dataless.eastus.data.test` is the one that was forgotten.
pub fn data_zone() -> String {
    format!(
        "{HEAD}wingtip.eastus IN CNAME eus-1.edge.test.\nfardata.eastus IN A {DATA_DROPPED}\n\
         strangedata.eastus IN A {DATA_STRANGER}\ntolled.eastus IN A {DATA_TOLLED}\n"
    )
}

/// Where the aliases end.
pub fn edge_zone() -> String {
    format!(
        "{HEAD}ns IN A {DNS_GOOD}\nwingtip.fe IN CNAME r0001.edge.test.\nr0001 IN A {WINGTIP}\neus-1 IN A {DATA}\n"
    )
}

/// A zone that exists and knows nobody.
pub fn empty_zone() -> String {
    HEAD.to_owned()
}
