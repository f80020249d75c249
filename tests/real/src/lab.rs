//! Puts the lab to real clients: `check-acr lab --serve` must be a registry to skopeo and to
//! containerd.

use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::Value;
use tokio::io::{AsyncBufReadExt as _, BufReader};
use tokio::process::{Child, Command};

use crate::daemon::run;
use crate::lanes::GOOD;
use crate::world::World;
use crate::{Answered, Fallible};

const IMAGE: &str = "team/app:v1";

/// The connection settings that the lab printed.
#[derive(Default, Debug)]
struct Door {
    registry: Option<SocketAddr>,
    ca: Option<PathBuf>,
    login: Option<(String, String)>,
}

/// Returns each client by name with its result. If the lab is unreachable, every client fails.
pub async fn ask(world: &World, program: &Path) -> Vec<(&'static str, Answered)> {
    match clients(world, program).await {
        Ok(answers) => answers,
        Err(e) => vec![("every client", Answered { can: false, words: e.to_string() })],
    }
}

async fn clients(world: &World, program: &Path) -> Fallible<Vec<(&'static str, Answered)>> {
    let mut command = Command::new(program);
    command
        .args(["lab", "--serve"])
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::inherit());
    // Keeps the lab running until the clients are done.
    let mut lab = command.kill_on_drop(true).spawn()?;
    let (registry, ca, login) = door(&mut lab).await?;
    let image = format!("{registry}/{IMAGE}");

    let certificates = world.folder.join("lab-certificates");
    std::fs::create_dir_all(&certificates)?;
    std::fs::copy(&ca, certificates.join("ca.crt"))?;
    let mut skopeo = Command::new("skopeo");
    skopeo
        .args(["--insecure-policy", "copy", "--quiet", "--all", "--src-cert-dir"])
        .arg(&certificates);
    skopeo.args(["--src-creds", &format!("{}:{}", login.0, login.1)]);
    skopeo
        .arg(format!("docker://{image}"))
        .arg(format!("dir:{}", world.folder.join("lab-copy").display()));
    let skopeo = match run(skopeo).await {
        Ok(_) => Answered { can: true, words: "copied".to_owned() },
        Err(e) => Answered { can: false, words: e.to_string() },
    };

    let hosts = world.folder.join(format!("containerd-{}/certs.d/{registry}", GOOD.name));
    std::fs::create_dir_all(&hosts)?;
    let toml = format!(
        "server = \"https://{registry}\"\n[host.\"https://{registry}\"]\ncapabilities = [\"pull\", \"resolve\"]\nca = {:?}\n",
        ca.display().to_string()
    );
    std::fs::write(hosts.join("hosts.toml"), toml)?;
    let containerd = world.runtime(GOOD)?.pull(&image, Some((&login.0, &login.1))).await;
    Ok(vec![("skopeo", skopeo), ("containerd", containerd)])
}

/// Reads the lab's output until it has named its address, its authority and the credentials.
async fn door(lab: &mut Child) -> Fallible<(SocketAddr, PathBuf, (String, String))> {
    let out = lab.stdout.take().ok_or("the lab's words are not ours to read")?;
    let mut lines = BufReader::new(out).lines();
    let (mut door, mut heard) = (Door::default(), String::new());
    loop {
        let next = tokio::time::timeout(Duration::from_secs(15), lines.next_line()).await;
        let Ok(Ok(Some(line))) = next else {
            return Err(
                format!("the lab did not say how to reach it: {door:?} from:\n{heard}").into()
            );
        };
        heard = format!("{heard}{line}\n");
        door.hear(&line);
        if let Door { registry: Some(registry), ca: Some(ca), login: Some(login) } = door {
            return Ok((registry, ca, login));
        }
    }
}

impl Door {
    /// Reads the values that it recognizes in a line: an address, a certificate file, a docker
    /// `config.json` (or its folder).
    fn hear(&mut self, line: &str) {
        for word in line
            .split(|c: char| c.is_whitespace() || "\"'`=,;()".contains(c))
            .filter(|w| !w.is_empty())
        {
            let address = word.trim_start_matches("https://").split('/').next().unwrap_or_default();
            if self.registry.is_none() {
                self.registry = address.parse().ok().filter(|a: &SocketAddr| a.ip().is_loopback());
            }
            let path = Path::new(word);
            if !path.is_absolute() {
                continue;
            }
            let text = std::fs::read_to_string(path)
                .or_else(|_| std::fs::read_to_string(path.join("config.json")));
            let text = text.unwrap_or_default();
            if self.ca.is_none() && text.contains("BEGIN CERTIFICATE") {
                self.ca = Some(path.to_owned());
            }
            if self.login.is_none() {
                self.login = login_in(&text);
            }
        }
    }
}

fn login_in(config: &str) -> Option<(String, String)> {
    let config: Value = serde_json::from_str(config).ok()?;
    let entry = config["auths"].as_object()?.values().next()?["auth"].as_str()?;
    let plain = String::from_utf8(STANDARD.decode(entry).ok()?).ok()?;
    plain.split_once(':').map(|(user, password)| (user.to_owned(), password.to_owned()))
}
