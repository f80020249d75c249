//! A world of the lab that listens at its real addresses, and the files of a machine in it: a
//! client there needs no flag to find anything.

use std::fs;
use std::io::Write as _;
use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;

use lab::{Lab, Scenario};

use crate::Fallible;

/// Returns the lab's scenario of that name.
pub fn scenario(name: &str) -> Fallible<Scenario> {
    Ok(Scenario::named(name).ok_or_else(|| format!("the lab has no scenario {name:?}"))??)
}

/// Starts the world in this network, which has its addresses. The folder gets `ca.pem`,
/// `resolv.conf` and, below `root`, the client's files.
pub async fn start(scenario: &Scenario, folder: &Path) -> Fallible<Lab> {
    let lab = lab::start_as_seen(scenario).await?;
    fs::create_dir_all(folder)?;
    fs::write(folder.join("ca.pem"), &lab.ca_pem)?;
    let servers = lab.name_servers.iter().map(|server| format!("nameserver {}\n", server.ip()));
    fs::write(folder.join("resolv.conf"), servers.collect::<String>())?;
    let programs = lab.programs.iter().map(|(path, file)| Ok((path, fs::read(file)?)));
    let programs: Vec<_> = programs.collect::<std::io::Result<_>>()?;
    // The processes of the node are those of this machine.
    let files = lab.files.iter().filter(|(path, _)| !path.starts_with("/proc/"));
    let files = files.map(|(path, text)| (path, text.clone().into_bytes()));
    for (path, bytes) in files.chain(programs) {
        let path = folder.join("root").join(path.trim_start_matches('/'));
        fs::create_dir_all(path.parent().unwrap_or(folder))?;
        fs::write(&path, bytes)?;
        fs::set_permissions(&path, fs::Permissions::from_mode(0o755))?;
    }
    Ok(lab)
}

/// Runs as the process of such a world until it is killed. Prints `ready` when it accepts clients.
pub async fn stand(name: &str, folder: &Path) -> Fallible<()> {
    let _lab = start(&scenario(name)?, folder).await?;
    println!("ready");
    std::io::stdout().flush()?;
    std::future::pending().await
}
