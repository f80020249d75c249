//! bind9 with the zones of `places`, and three more views on the same server: one answers as
//! outside the network, one has none of the names, one fails for all of them.

use std::path::Path;

use tokio::process::Command;

use crate::Fallible;
use crate::daemon::Daemon;
use crate::places::{
    DNS_EMPTY, DNS_FAILING, DNS_GOOD, DNS_PUBLIC, Zone, empty_zone, public_zones, zones,
};

pub fn start(folder: &Path) -> Fallible<Daemon> {
    let home = folder.join("dns");
    std::fs::create_dir_all(&home)?;
    let zone = |name: &str, file: &str| {
        format!("  zone \"{name}\" {{ type master; file \"{file}\"; }};\n")
    };
    let seen = |from: &str, zones: &[Zone]| -> Fallible<String> {
        let mut view = String::new();
        for Zone { name, text } in zones {
            let file = format!("{from}-{name}");
            std::fs::write(home.join(&file), text)?;
            view += &zone(name, &file);
        }
        Ok(view)
    };
    std::fs::write(home.join("empty"), empty_zone())?;
    let zones = zones();
    let (full, outside) = (seen("here", &zones)?, seen("outside", &public_zones())?);
    let none: String = zones.iter().map(|z| zone(z.name, "empty")).collect();
    // A secondary zone whose primary does not exist never loads: the answer is SERVFAIL.
    let lost = |Zone { name, .. }: &Zone| {
        format!(
            "  zone \"{name}\" {{ type slave; masters {{ 10.77.9.9; }}; file \"lost-{name}\"; }};\n"
        )
    };
    let lost: String = zones.iter().map(lost).collect();
    // The root zone is local as well, so that a name outside these zones is NXDOMAIN at once,
    // without a wait for the root servers.
    let root = zone(".", "empty");
    let at = home.display();
    let config = format!(
        "options {{ directory \"{at}\"; pid-file \"{at}/pid\"; session-keyfile \"{at}/session.key\";\n\
         listen-on port 53 {{ {DNS_GOOD}; {DNS_PUBLIC}; {DNS_EMPTY}; {DNS_FAILING}; }}; listen-on-v6 {{ none; }};\n\
         recursion yes; qname-minimization off; dnssec-validation no; allow-query {{ any; }}; allow-recursion {{ any; }}; }};\n\
         controls {{ }};\n\
         view \"full\" {{ match-destinations {{ {DNS_GOOD}; }};\n{full}{root}}};\n\
         view \"outside\" {{ match-destinations {{ {DNS_PUBLIC}; }};\n{outside}{root}}};\n\
         view \"none\" {{ match-destinations {{ {DNS_EMPTY}; }};\n{none}{root}}};\n\
         view \"lost\" {{ match-destinations {{ {DNS_FAILING}; }};\n{lost}{root}}};\n"
    );
    std::fs::write(home.join("named.conf"), config)?;
    let mut command = Command::new("named");
    // Runs in the foreground and logs to stderr.
    command.args(["-g", "-n", "1", "-c"]).arg(home.join("named.conf"));
    Daemon::start("named", folder, command)
}
