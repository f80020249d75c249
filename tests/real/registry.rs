//! Debian's docker-registry, many times over one folder: open, with passwords, with tokens, and with certificates that are wrong.

use std::path::{Path, PathBuf};

use tokio::process::Command;

use crate::Fallible;
use crate::daemon::Daemon;
use crate::pki::Leaf;
use crate::places::{
    DATALESS, EXPIRED, FABRIKAM, FARDATA, MISNAMED, NORTHWIND, STRANGEDATA, STRANGER, TOLLED,
    WINGTIP, WRITER,
};
use crate::realm::{ISSUER, READER, URL};

/// bcrypt of the reader's password, so that nothing has to be installed to make it.
const READER_HASH: &str = "$2b$04$QDn8rAUTAqmgyUqXg36mH.wIXymtMaGNNeqGanADV/FcFYbiEooZ.";

pub struct Leaves<'a> {
    pub good: &'a Leaf,
    pub stranger: &'a Leaf,
    pub misnamed: &'a Leaf,
    pub expired: &'a Leaf,
}

pub fn root(folder: &Path) -> PathBuf {
    folder.join("registry")
}

pub fn start(folder: &Path, leaves: &Leaves) -> Fallible<Vec<Daemon>> {
    let passwords = folder.join("htpasswd");
    std::fs::write(&passwords, format!("{}:{READER_HASH}\n", READER.0))?;
    let basic =
        format!("auth: {{htpasswd: {{realm: northwind, path: {}}}}}\n", passwords.display());
    let token = |host: &str| {
        let bundle = folder.join("ca.pem");
        format!(
            "auth: {{token: {{realm: \"{URL}\", service: {host}.registry.test, issuer: {ISSUER}, rootcertbundle: {}}}}}\n\
             middleware: {{storage: [{{name: redirect, options: {{baseurl: \"https://{host}.eastus.data.test/\"}}}}]}}\n",
            bundle.display()
        )
    };
    let open = String::new;
    let plans = [
        ("writer", WRITER, None, open()),
        ("fabrikam", FABRIKAM, Some(leaves.good), open()),
        ("northwind", NORTHWIND, Some(leaves.good), basic),
        ("wingtip", WINGTIP, Some(leaves.good), token("wingtip")),
        ("dataless", DATALESS, Some(leaves.good), token("dataless")),
        ("fardata", FARDATA, Some(leaves.good), token("fardata")),
        ("strangedata", STRANGEDATA, Some(leaves.good), token("strangedata")),
        ("tolled", TOLLED, Some(leaves.good), token("tolled")),
        ("stranger", STRANGER, Some(leaves.stranger), open()),
        ("misnamed", MISNAMED, Some(leaves.misnamed), open()),
        ("expired", EXPIRED, Some(leaves.expired), open()),
    ];
    plans
        .into_iter()
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
    let http = match leaf {
        None => format!("http: {{addr: \"{address}\", secret: unimportant}}\n"),
        Some(leaf) => format!(
            "http: {{addr: \"{address}:443\", secret: unimportant, tls: {{certificate: {}, key: {}}}}}\n",
            leaf.certificate.display(),
            leaf.key.display()
        ),
    };
    let config = folder.join(format!("registry-{name}.yml"));
    let storage = root(folder);
    std::fs::write(
        &config,
        format!(
            "version: 0.1\nlog: {{level: warn}}\nstorage: {{filesystem: {{rootdirectory: {}}}}}\n{http}{extra}",
            storage.display()
        ),
    )?;
    let mut command = Command::new("docker-registry");
    command.arg("serve").arg(&config);
    Daemon::start(&format!("registry-{name}"), folder, command)
}
