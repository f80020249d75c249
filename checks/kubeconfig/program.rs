//! The program that signs in to a cluster, as client-go runs it
//! (`plugin/pkg/client/auth/exec/exec.go`), but never so that it asks a person.

use std::{path::Path, time::Duration};

use serde_json::{Value, json};

use super::{
    credentials::{Credentials, certificate},
    file::{Entry, text_of},
    problem::{EntryFault, Problem},
};
use crate::kit::{
    Cx, Secret,
    redact::foreign_words,
    sanitize_text,
    world::{ProcessError, process},
};

/// How long a program may take: kubelogin may start the Azure CLI.
pub(super) const PROGRAM_WAIT: Duration = Duration::from_secs(45);

/// A shorter value in the environment of a program is no secret.
const SHORTEST_SECRET: usize = 4;

/// The ways of kubelogin that ask a person; the first is its default (Azure/kubelogin,
/// `pkg/internal/token/options.go`).
const INTERACTIVE: [&str; 3] = ["devicecode", "interactive", "ropc"];

/// Runs the program of a user and takes the credentials that it prints.
pub(super) async fn sign_in(
    cx: &Cx,
    user: &Entry,
    (exec, cluster): (&Value, &Value),
    found: &mut Credentials,
) -> Result<(), Problem> {
    let command = text_of(exec, "command").ok_or_else(|| Problem::EntryUnusable {
        name: user.name.clone(),
        field: "exec",
        fault: EntryFault::NoCommand,
    })?;
    let list = |name: &str| exec.get(name).and_then(Value::as_array).into_iter().flatten();
    let args: Vec<String> = list("args").filter_map(Value::as_str).map(str::to_owned).collect();
    let environment: Vec<(String, String)> = list("env")
        .filter_map(|one| Some((text_of(one, "name")?, text_of(one, "value").unwrap_or_default())))
        .collect();
    let program = command.rsplit('/').next().unwrap_or(&command).to_owned();
    let kubelogin = program.starts_with("kubelogin").then(|| program.clone());
    let always = text_of(exec, "interactiveMode").is_some_and(|mode| mode == "Always");
    let mode = if kubelogin.is_some() { asks_person(&args, &environment) } else { None };
    if let Some(mode) = mode.or(always.then(|| "interactive".to_owned())) {
        return Err(Problem::Interactive { program: sanitize_text(&program), mode, kubelogin });
    }
    let version = text_of(exec, "apiVersion").unwrap_or_default();
    let mut info = json!({
        "apiVersion": version,
        "kind": "ExecCredential",
        "spec": { "interactive": false },
    });
    if exec.get("provideClusterInfo").and_then(Value::as_bool).unwrap_or_default() {
        info["spec"]["cluster"] = cluster.clone();
    }
    // What they hold is known to the program, which may print it.
    let given: Vec<String> = environment.iter().map(|(_, value)| value.clone()).collect();
    // A name without a slash is looked for in the PATH; a relative path starts from the kubeconfig.
    let path = if command.contains('/') { user.folder.join(&command) } else { command.into() };
    let printed = run(cx, &path, &args, environment, &info).await;
    let printed = printed.map_err(|error| match error {
        ProcessError::Missing => Problem::ProgramMissing {
            program: sanitize_text(&program),
            hint: text_of(exec, "installHint")
                .filter(|_| kubelogin.is_none())
                .map(|hint| on_one_line(&hint)),
            kubelogin: kubelogin.clone(),
        },
        error => {
            Problem::ProgramFailed { program: sanitize_text(&program), said: error.to_string() }
        }
    })?;
    let answer: Value = serde_json::from_slice(&printed.out).unwrap_or_default();
    let status = answer.get("status").cloned().unwrap_or_default();
    // From here on these are redacted wherever they appear: its errors may hold them too.
    let token = text_of(&status, "token").map(Secret::new);
    let chain = text_of(&status, "clientCertificateData");
    let key = text_of(&status, "clientKeyData").map(Secret::new);
    if !printed.success || (token.is_none() && key.is_none()) {
        let words = String::from_utf8_lossy(&printed.err);
        let mut lines = words.lines().map(str::trim).filter(|line| !line.is_empty());
        let said = lines.next().unwrap_or(&printed.status);
        let given = given.iter().filter(|value| value.len() >= SHORTEST_SECRET);
        let said = given.fold(said.to_owned(), |said, value| said.replace(value, "***"));
        return Err(Problem::ProgramFailed {
            program: sanitize_text(&program),
            // It may print what it was refused with.
            said: foreign_words(&said),
        });
    }
    found.authorization = token.map(|token| token.bearer());
    if let (Some(chain), Some(key)) = (chain, key) {
        found.certificate = Some(certificate(cx, &user.name, chain.as_bytes(), &key)?);
    }
    Ok(())
}

/// Returns a text on one line, as it is quoted.
fn on_one_line(text: &str) -> String {
    text.split_whitespace().collect::<Vec<_>>().join(" ")
}

/// Returns how kubelogin would ask a person; `None` if it does not.
fn asks_person(args: &[String], environment: &[(String, String)]) -> Option<String> {
    let after = |flag: &str| {
        let place = args.iter().position(|arg| arg == flag)?;
        args.get(place + 1).cloned()
    };
    let joined = args.iter().find_map(|arg| arg.strip_prefix("--login=")).map(str::to_owned);
    let of_environment = environment.iter().find(|(name, _)| name == "AAD_LOGIN_METHOD");
    let mode = of_environment
        .map(|(_, mode)| mode.clone())
        .or_else(|| after("--login"))
        .or_else(|| after("-l"))
        .or(joined)
        .unwrap_or_else(|| INTERACTIVE[0].to_owned());
    INTERACTIVE.contains(&mode.as_str()).then_some(mode)
}

async fn run(
    cx: &Cx,
    path: &Path,
    args: &[String],
    environment: Vec<(String, String)>,
    info: &Value,
) -> Result<process::ProcessOutput, ProcessError> {
    let file = cx.world.on_disk(path);
    let mut environment = environment;
    environment.push(("KUBERNETES_EXEC_INFO".to_owned(), info.to_string()));
    process::run_with(&environment, &file, args, PROGRAM_WAIT).await
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_ways_that_ask_a_person() {
        let asks = |args: &[&str]| {
            let args: Vec<String> = args.iter().map(|arg| (*arg).to_owned()).collect();
            asks_person(&args, &[])
        };
        assert_eq!(asks(&["get-token", "--server-id", "x"]).as_deref(), Some("devicecode"));
        assert_eq!(asks(&["get-token", "-l", "interactive"]).as_deref(), Some("interactive"));
        assert_eq!(asks(&["get-token", "--login"]).as_deref(), Some("devicecode"));
        for quiet in ["azurecli", "msi", "spn", "workloadidentity"] {
            assert_eq!(asks(&["get-token", "--login", quiet]), None);
            assert_eq!(asks(&["get-token", &format!("--login={quiet}")]), None);
        }
        let environment = [("AAD_LOGIN_METHOD".to_owned(), "msi".to_owned())];
        assert_eq!(asks_person(&[], &environment), None);
    }
}
