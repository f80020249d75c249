//! The Azure CLI on this machine: gives tokens of the account that is signed in there.

use std::time::Duration;

use serde_json::{Map, Value};
use tokio::time::Instant;

use crate::kit::{
    engine::{Cx, Exchange},
    redact::{Secret, sanitize_text},
    world::{ProcessError, process},
};

/// How long the Azure CLI may take: it starts slowly and may send a request to Entra.
pub const CLI_WAIT: Duration = Duration::from_secs(30);
/// The most error numbers that are read from its words.
const MAX_CODES: usize = 8;

/// Why there is no token.
#[derive(Clone, Debug, PartialEq)]
pub enum CliError {
    /// The program did not run to its end.
    NotRun(ProcessError),
    /// It gave no token.
    Refused {
        /// Entra's error numbers in its words.
        codes: Vec<u64>,
        /// The line that says why.
        said: String,
        /// Whether az is signed out.
        is_signed_out: bool,
    },
}

impl CliError {
    /// Returns the error as an evidence word, or as the program's words.
    pub fn word(&self) -> String {
        match self {
            CliError::NotRun(error) => error.to_string(),
            CliError::Refused { said, .. } => said.clone(),
        }
    }
}

/// Gets a token for an audience.
pub async fn token(cx: &Cx, audience: &str) -> Result<Secret, CliError> {
    let args = ["account", "get-access-token", "--resource", audience, "--output", "json"];
    let began = Instant::now();
    let printed = process::run("az", &args, "", CLI_WAIT).await.map_err(CliError::NotRun);
    let token = printed.and_then(|printed| read(&printed));
    let word = token.as_ref().err().map(CliError::word);
    cx.exchanged(Exchange {
        to: "az",
        request: &format!("account get-access-token --resource {audience}"),
        response: word.as_deref().unwrap_or("token"),
        details: Map::new(),
        took: began.elapsed(),
    });
    token
}

fn read(printed: &process::ProcessOutput) -> Result<Secret, CliError> {
    let answer: Value = serde_json::from_slice(&printed.out).unwrap_or_default();
    let token = answer.get("accessToken").and_then(Value::as_str).filter(|token| !token.is_empty());
    // From here on the token is redacted wherever it appears: the error message may contain it too.
    let token = token.map(Secret::new);
    if let (true, Some(token)) = (printed.success, token) {
        return Ok(token);
    }
    Err(refusal(&String::from_utf8_lossy(&printed.err), &printed.status))
}

/// Returns what the words of the program mean: the first line that is an error says why; a warning
/// may stand before it.
pub fn refusal(words: &str, status: &str) -> CliError {
    let lines = || words.lines().map(str::trim).filter(|line| !line.is_empty());
    let line = lines().find(|line| line.starts_with("ERROR")).or_else(|| lines().next());
    let numbers = words.split("AADSTS").skip(1);
    let numbers = numbers.map(|rest| rest.split(|c: char| !c.is_ascii_digit()).next());
    let mut codes: Vec<u64> = vec![];
    for code in numbers.filter_map(|digits| digits?.parse().ok()).take(MAX_CODES) {
        if !codes.contains(&code) {
            codes.push(code);
        }
    }
    CliError::Refused {
        codes,
        said: sanitize_text(line.unwrap_or(status)),
        // azure-cli-core, _profile.py: "Please run 'az login' to setup account."
        is_signed_out: words.contains("to setup account"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(words: &str) -> (Vec<u64>, String, bool) {
        match refusal(words, "exit status: 1") {
            CliError::Refused { codes, said, is_signed_out } => (codes, said, is_signed_out),
            CliError::NotRun(_) => panic!("{words}"),
        }
    }

    #[test]
    fn the_words_of_the_program() {
        let expired = "WARNING: a new version\nERROR: AADSTS700082: The refresh token has expired due \
            to inactivity. AADSTS700082\nInteractive authentication is needed. Please run:\naz login\n";
        let (codes, said, out) = read(expired);
        assert_eq!((codes, out), (vec![700_082], false));
        assert!(said.starts_with("ERROR: AADSTS700082"), "{said}");
        assert!(read("ERROR: Please run 'az login' to setup account.\n").2);
        assert_eq!(read("\n \nTraceback\n").1, "Traceback");
        assert_eq!(read("").1, "exit status: 1");
        assert_eq!(read("AADSTS99999999999999999999999 AADSTSx AADSTS").0, Vec::<u64>::new());
    }
}
