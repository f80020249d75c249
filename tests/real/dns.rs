//! bind9 with the zones of `places`, and two more views of the same server: one knows none of the names, one fails at all.

use std::path::Path;

use tokio::process::Command;

use crate::Fallible;
use crate::daemon::Daemon;
use crate::places::{
    DNS_EMPTY, DNS_FAILING, DNS_GOOD, data_zone, edge_zone, empty_zone, registry_zone,
};

pub fn start(folder: &Path) -> Fallible<Daemon> {
    let home = folder.join("dns");
    std::fs::create_dir_all(&home)?;
    let zones = [
        ("registry.test", registry_zone()),
        ("data.test", data_zone()),
        ("edge.test", edge_zone()),
    ];
    for (name, text) in &zones {
        std::fs::write(home.join(name), text)?;
    }
    std::fs::write(home.join("empty"), empty_zone())?;
    let zone = |name: &str, file: &str| {
        format!("  zone \"{name}\" {{ type master; file \"{file}\"; }};\n")
    };
    // The root is ours as well, so that a name outside these zones is "no such name" at once, not a wait for the root servers.
    let full: String = zones.iter().map(|(name, _)| zone(name, name)).collect();
    let none: String = zones.iter().map(|(name, _)| zone(name, "empty")).collect();
    // A copy of a zone whose origin nobody serves can never be had: the answer is SERVFAIL.
    let lost = |name: &str| {
        format!(
            "  zone \"{name}\" {{ type slave; masters {{ 10.77.9.9; }}; file \"lost-{name}\"; }};\n"
        )
    };
    let lost: String = zones.iter().map(|(name, _)| lost(name)).collect();
    let root = zone(".", "empty");
    let at = home.display();
    let config = format!(
        "options {{ directory \"{at}\"; pid-file \"{at}/pid\"; session-keyfile \"{at}/session.key\";\n\
         listen-on port 53 {{ {DNS_GOOD}; {DNS_EMPTY}; {DNS_FAILING}; }}; listen-on-v6 {{ none; }};\n\
         recursion yes; qname-minimization off; dnssec-validation no; allow-query {{ any; }}; allow-recursion {{ any; }}; }};\n\
         controls {{ }};\n\
         view \"full\" {{ match-destinations {{ {DNS_GOOD}; }};\n{full}{root}}};\n\
         view \"none\" {{ match-destinations {{ {DNS_EMPTY}; }};\n{none}{root}}};\n\
         view \"lost\" {{ match-destinations {{ {DNS_FAILING}; }};\n{lost}{root}}};\n"
    );
    std::fs::write(home.join("named.conf"), config)?;
    let mut command = Command::new("named");
    // In the foreground, its log on stderr.
    command.args(["-g", "-n", "1", "-c"]).arg(home.join("named.conf"));
    Daemon::start("named", folder, command)
}
