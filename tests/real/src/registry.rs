//! Debian's docker-registry, many times over one folder: open, with passwords, with tokens, and
//! with invalid certificates.

use std::path::{Path, PathBuf};

use tokio::process::Command;

use crate::Fallible;
use crate::daemon::Daemon;
use crate::pki::{Leaf, Leaves};
use crate::places::{
    BEHIND_PROXY, DATALESS, EXPIRED, FABRIKAM, FARDATA, FORBIDDEN, MISNAMED, MISTRUSTED, NORTHWIND,
    PUBLIC_OPEN, STRANGEDATA, STRANGER, TAXED, TOLLED, TREYRESEARCH, V6_ONLY, WINGTIP, WOODGROVE,
    WRITER,
};
use crate::realm::{ISSUER, READER, URL};

/// The bcrypt hash of the reader's password, so that nothing has to be installed to create it.
const READER_HASH: &str = "$2b$04$QDn8rAUTAqmgyUqXg36mH.wIXymtMaGNNeqGanADV/FcFYbiEooZ.";

pub fn root(folder: &Path) -> PathBuf {
    folder.join("registry")
}

pub fn start(folder: &Path, leaves: &Leaves, ipv6: bool) -> Fallible<Vec<Daemon>> {
    let passwords = folder.join("htpasswd");
    std::fs::write(&passwords, format!("{}:{READER_HASH}\n", READER.0))?;
    let basic =
        format!("auth: {{htpasswd: {{realm: northwind, path: {}}}}}\n", passwords.display());
    let sent_to = |data: &str| {
        format!(
            "middleware: {{storage: [{{name: redirect, options: {{baseurl: \"https://{data}/\"}}}}]}}\n"
        )
    };
    let token = |host: &str| {
        let bundle = folder.join("ca.pem");
        format!(
            "auth: {{token: {{realm: \"{URL}\", service: {host}.registry.test, issuer: {ISSUER}, rootcertbundle: {}}}}}\n{}",
            bundle.display(),
            sent_to(&format!("{host}.eastus.data.test"))
        )
    };
    let open = String::new;
    let plans = [
        ("writer", WRITER, None, open()),
        ("sixonly", V6_ONLY, Some(&leaves.good), open()),
        ("public", PUBLIC_OPEN, Some(&leaves.good), open()),
        ("remote", BEHIND_PROXY, Some(&leaves.good), open()),
        ("fabrikam", FABRIKAM, Some(&leaves.good), open()),
        ("northwind", NORTHWIND, Some(&leaves.good), basic),
        ("wingtip", WINGTIP, Some(&leaves.good), token("wingtip")),
        ("dataless", DATALESS, Some(&leaves.good), token("dataless")),
        ("fardata", FARDATA, Some(&leaves.good), token("fardata")),
        ("strangedata", STRANGEDATA, Some(&leaves.good), token("strangedata")),
        ("tolled", TOLLED, Some(&leaves.good), token("tolled")),
        ("mistrusted", MISTRUSTED, Some(&leaves.good), token("mistrusted")),
        ("forbidden", FORBIDDEN, Some(&leaves.good), token("forbidden")),
        (
            "treyresearch",
            TREYRESEARCH,
            Some(&leaves.good),
            sent_to("treyresearch.eastus.data.azurecr.io"),
        ),
        ("taxed", TAXED, Some(&leaves.good), sent_to("eusmanaged7.blob.core.windows.net")),
        ("woodgrove", WOODGROVE, Some(&leaves.good), sent_to("woodgrove.eastus.data.azurecr.io")),
        ("stranger", STRANGER, Some(&leaves.stranger), open()),
        ("misnamed", MISNAMED, Some(&leaves.misnamed), open()),
        ("expired", EXPIRED, Some(&leaves.expired), open()),
    ];
    plans
        .into_iter()
        .filter(|(_, address, ..)| ipv6 || *address != V6_ONLY)
        .map(|(name, address, leaf, extra)| one(folder, name, address, leaf, &extra))
        .collect()
}

fn one(
    folder: &Path,
    name: &str,
    address: &str,
    leaf: Option<&Leaf>,
    extra: &str,
) -> Fallible<Daemon> {
    let (address, tls) = match leaf {
        None => (address.to_owned(), String::new()),
        Some(leaf) => (
            at_443(address),
            format!(
                ", tls: {{certificate: {}, key: {}}}",
                leaf.certificate.display(),
                leaf.key.display()
            ),
        ),
    };
    let http = format!("http: {{addr: \"{address}\", secret: unimportant{tls}}}\n");
    let config = folder.join(format!("registry-{name}.yml"));
    let storage = root(folder);
    std::fs::write(
        &config,
        format!(
            "version: 0.1\nlog: {{level: warn}}\ncompatibility: {{schema1: {{enabled: true}}}}\nstorage: {{filesystem: {{rootdirectory: {}}}}}\n{http}{extra}",
            storage.display()
        ),
    )?;
    let mut command = Command::new("docker-registry");
    command.arg("serve").arg(&config);
    let daemon = Daemon::start(&format!("registry-{name}"), folder, command)?;
    // Nothing on this side can reach the registry behind the proxy, not even to see whether it is
    // ready.
    Ok(if name == "remote" { daemon } else { daemon.at(address) })
}

fn at_443(address: &str) -> String {
    if address.contains(':') { format!("[{address}]:443") } else { format!("{address}:443") }
}
