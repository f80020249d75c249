//! The tool under test: `check-acr REF -o json`, in the same place and with the same credentials as
//! containerd.

use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::time::{Duration, Instant};

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use tokio::process::Command;

use crate::lanes::Lane;
use crate::places::PROXY_USER;
use crate::realm::{GUEST, READER, STALE};
use crate::{Fallible, Login};

#[derive(Clone, Default, Debug, Serialize, Deserialize)]
pub struct Told {
    /// `verdict.can`, or the error in its output.
    pub can: String,
    /// The codes of its causes.
    pub codes: Vec<String>,
    /// The codes of what it could not tell.
    pub could_not_tell: Vec<String>,
    pub warnings: Vec<String>,
    pub exit: Option<i32>,
    pub took: Duration,
    pub stderr: String,
    /// Whether its most verbose output contains a secret.
    pub leaks: bool,
}

impl Told {
    /// Returns all codes in one line.
    pub fn found(&self) -> String {
        let unsure = self.could_not_tell.iter().map(|code| format!("could not tell: {code}"));
        let warned = self.warnings.iter().map(|code| format!("warning {code}"));
        let all: Vec<String> = self.codes.iter().cloned().chain(unsure).chain(warned).collect();
        if all.is_empty() { "nothing".to_owned() } else { all.join(", ") }
    }
}

pub struct Tool {
    pub program: PathBuf,
    folder: PathBuf,
    /// Further secrets that must not appear.
    pub secrets: Vec<String>,
    /// The version of containerd that it is told.
    pub told: Option<String>,
}

impl Tool {
    pub fn new(program: &Path, folder: &Path) -> Fallible<Tool> {
        let program = program.canonicalize().map_err(|e| format!("{}: {e}", program.display()))?;
        Ok(Tool { program, folder: folder.to_owned(), secrets: vec![], told: None })
    }

    pub async fn ask(&self, slug: &str, lane: Lane, image: &str, login: Option<Login<'_>>) -> Told {
        let page = self.folder.join(format!("told-{slug}.txt"));
        let detail = format!("text={}", page.display());
        let options = ["-o", "json", "-o", &detail, "-vv"];
        let mut command = match self.command(slug, lane, image, login) {
            Ok(command) => command,
            Err(e) => return Told { can: e.to_string(), ..Told::default() },
        };
        command.args(options);
        let mut told = told(command).await;
        match std::fs::read_to_string(page) {
            Ok(detail) => {
                let shown = |secret: &String| detail.contains(secret.as_str());
                told.leaks |= shows_a_secret(&detail) || self.secrets.iter().any(shown);
            }
            Err(e) => told.can = format!("no text beside it: {e}"),
        }
        told
    }

    /// Runs the same check with text output, for the report of a failed case.
    pub async fn text(
        &self,
        slug: &str,
        lane: Lane,
        image: &str,
        login: Option<Login<'_>>,
    ) -> String {
        match self.command(slug, lane, image, login) {
            Ok(command) => {
                let (_, stdout, stderr) = run(command).await;
                format!("{stdout}{stderr}")
            }
            Err(e) => e.to_string(),
        }
    }

    fn command(
        &self,
        slug: &str,
        lane: Lane,
        image: &str,
        login: Option<Login<'_>>,
    ) -> Fallible<Command> {
        let mut command = lane.command(&self.folder, &self.program);
        command.arg(image);
        if let Some(version) = &self.told {
            command.args(["--containerd", version]);
        }
        if let Some(config) = self.docker_config(slug, image, login)? {
            command.env("DOCKER_CONFIG", config);
        }
        Ok(command)
    }

    /// Writes the file that `docker login` would write.
    fn docker_config(
        &self,
        slug: &str,
        image: &str,
        login: Option<Login<'_>>,
    ) -> Fallible<Option<PathBuf>> {
        let Some((user, password)) = login else { return Ok(None) };
        let folder = self.folder.join(format!("login-{slug}"));
        std::fs::create_dir_all(&folder)?;
        let host = image.split('/').next().unwrap_or_default();
        let auth = STANDARD.encode(format!("{user}:{password}"));
        let config = json!({ "auths": { host: { "auth": auth } } });
        std::fs::write(folder.join("config.json"), config.to_string())?;
        Ok(Some(folder))
    }
}

/// Runs `check-acr` with `-o json` and returns its result.
pub async fn told(command: Command) -> Told {
    let start = Instant::now();
    let (exit, stdout, stderr) = run(command).await;
    let took = start.elapsed();
    let stderr = stderr.trim().to_owned();
    let Ok(report) = serde_json::from_str::<Value>(&stdout) else {
        let can = format!("not JSON (exit {exit:?})");
        return Told { can, exit, took, stderr: format!("{stdout}{stderr}"), ..Told::default() };
    };
    let leaks = shows_a_secret(&stdout) || shows_a_secret(&stderr);
    let verdict = &report["targets"][0]["verdict"];
    let codes = |of: &str| {
        let all = verdict[of].as_array().into_iter().flatten();
        all.map(|one| one["code"].as_str().unwrap_or("no code").to_owned()).collect()
    };
    let can = verdict["can"].as_str().unwrap_or("no verdict").to_owned();
    let (causes, could_not_tell, warnings) =
        (codes("causes"), codes("could_not_tell"), codes("warnings"));
    Told { can, codes: causes, could_not_tell, warnings, exit, took, stderr, leaks }
}

async fn run(mut command: Command) -> (Option<i32>, String, String) {
    command.stdin(Stdio::null()).kill_on_drop(true);
    match tokio::time::timeout(Duration::from_secs(120), command.output()).await {
        Ok(Ok(out)) => {
            let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
            (out.status.code(), text(&out.stdout), text(&out.stderr))
        }
        Ok(Err(e)) => (None, String::new(), e.to_string()),
        Err(_) => (None, String::new(), "no answer in 120 s".to_owned()),
    }
}

/// Returns the password, its form in a header, or the start of a token that the realm signed.
fn shows_a_secret(text: &str) -> bool {
    let users = [READER, STALE, GUEST, PROXY_USER];
    let wrapped = |(user, password)| STANDARD.encode(format!("{user}:{password}"));
    text.contains("eyJ")
        || users.iter().any(|user| text.contains(user.1) || text.contains(&wrapped(*user)))
}
