//! Serves a scenario to real clients until it is stopped. `cargo run -p lab --example serve -- NAME
//! FOLDER` writes the authority and a docker config into the folder.
//!
//! With `--as-seen NAME FOLDER` everything listens at the exact addresses of the scenario, in a
//! network that has them (`--addresses NAME` lists them). Then the folder contains `ca.crt`,
//! `resolv.conf`, `config.json`, `environment` (`NAME=VALUE` lines), `arguments` (the image and the
//! others, one a line) and, below `root`, the client's other files. The program prints
//! `ready` when it accepts clients.

use std::error::Error;
use std::fmt::Write as _;
use std::fs;
use std::io::Write as _;
use std::path::{Path, PathBuf};

use lab::{Lab, Scenario};

/// The seconds until the programs of a node start, as a time that has passed.
const AFTER: i64 = -2;

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Box<dyn Error>> {
    let mut args = std::env::args().skip(1).peekable();
    let how = args.next_if(|arg| arg.starts_with("--")).unwrap_or_default();
    let name = args.next().ok_or("which scenario?")?;
    let mut scenario = match Scenario::named(&name) {
        Some(scenario) => scenario?,
        None => Scenario::parse(&fs::read_to_string(&name)?)?,
    };
    if how == "--addresses" {
        let mut listed = String::new();
        for ip in lab::addresses(&scenario)? {
            writeln!(listed, "{ip}")?;
        }
        return Ok(say(&listed)?);
    }
    let folder = PathBuf::from(args.next().ok_or("which folder?")?);
    let lab = match &how[..] {
        "" => lab::serve(&scenario).await?,
        "--as-seen" => {
            // The files are written now, and no program of the node is older than those it reads.
            scenario.node.processes.values_mut().for_each(|one| one.started = AFTER);
            lab::start_as_seen(&scenario).await?
        }
        other => return Err(format!("what is {other}?").into()),
    };
    fs::create_dir_all(&folder)?;
    fs::write(folder.join("ca.crt"), &lab.ca_pem)?;
    if let Some(config) = &lab.docker_config {
        fs::write(folder.join("config.json"), config)?;
    }
    if how == "--as-seen" {
        write_as_seen(&lab, &folder)?;
        if scenario.node.on {
            let store = folder.join("root/etc/ssl/certs");
            fs::create_dir_all(&store)?;
            fs::write(store.join("ca-certificates.crt"), &lab.ca_pem)?;
        }
        let arguments =
            [std::slice::from_ref(&scenario.ask.image), &scenario.ask.args[..]].concat();
        fs::write(folder.join("arguments"), arguments.join("\n") + "\n")?;
        say("ready\n")?;
    } else {
        fs::write(folder.join("registry"), lab.registry.to_string())?;
    }
    std::future::pending().await
}

fn write_as_seen(lab: &Lab, folder: &Path) -> Result<(), Box<dyn Error>> {
    let mut servers = String::new();
    for server in &lab.name_servers {
        writeln!(servers, "nameserver {}", server.ip())?;
    }
    fs::write(folder.join("resolv.conf"), servers)?;
    let mut environment = String::new();
    for (name, value) in &lab.environment {
        writeln!(environment, "{name}={value}")?;
    }
    fs::write(folder.join("environment"), environment)?;
    for (path, text) in &lab.files {
        // The client runs as root, whose home is /root.
        let path = path.strip_prefix("~/").map_or(path.clone(), |rest| format!("root/{rest}"));
        let path = folder.join("root").join(path.trim_start_matches('/'));
        fs::create_dir_all(path.parent().unwrap_or(folder))?;
        fs::write(&path, text)?;
        #[cfg(unix)]
        if text.starts_with("#!") {
            use std::os::unix::fs::PermissionsExt;
            fs::set_permissions(&path, fs::Permissions::from_mode(0o755))?;
        }
    }
    // The node's programs as they are, with their build information: it tells their version.
    for (path, file) in &lab.programs {
        let path = folder.join("root").join(path.trim_start_matches('/'));
        fs::create_dir_all(path.parent().unwrap_or(folder))?;
        fs::copy(file, &path)?;
    }
    Ok(())
}

fn say(text: &str) -> std::io::Result<()> {
    let mut out = std::io::stdout();
    out.write_all(text.as_bytes())?;
    out.flush()
}
