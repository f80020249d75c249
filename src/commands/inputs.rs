//! What a check reads before anything is asked: the REFs, the password and the files that the
//! options name. What cannot be read is wrong usage.

use std::{
    fs::{self, Metadata},
    io::{ErrorKind, Read},
    path::Path,
    time::Duration,
};

use checks::kit::{
    Secret,
    world::{AZURE_JSON, CREDENTIAL_PROVIDERS},
};
use rustls::pki_types::CertificateDer;

use crate::{args::CheckOptions, show::print_note, typed, wait::no_longer_than, world};

/// The longest list of REFs that is read.
const MAX_REFS_BYTES: u64 = 1024 * 1024;
/// The longest password that is accepted.
const MAX_PASSWORD_BYTES: u64 = 64 * 1024;

/// Returns the certificates of `--ca-file`.
pub(super) async fn ca_file(
    options: &CheckOptions,
    wait: Duration,
) -> Result<Vec<CertificateDer<'static>>, String> {
    let Some(file) = options.ca_file.clone() else { return Ok(vec![]) };
    let what = format!("--ca-file {}", file.display());
    no_longer_than(wait, &what, move || world::read_ca_file(&file)).await
}

/// Returns the password on standard input, without its line ending.
pub(super) async fn password(
    options: &CheckOptions,
    wait: Duration,
) -> Result<Option<Secret>, String> {
    const WHAT: &str = "--password-stdin";
    if !options.password_stdin {
        return Ok(None);
    }
    let text = no_longer_than(wait, WHAT, || stdin(WHAT, MAX_PASSWORD_BYTES)).await?;
    match text.trim_end_matches(['\r', '\n']) {
        "" => Err(format!("{WHAT}: nothing came on standard input")),
        text => Ok(Some(Secret::new(text))),
    }
}

/// Returns the message on standard input.
pub(super) async fn message(wait: Duration) -> Result<String, String> {
    const WHAT: &str = "--message -";
    no_longer_than(wait, WHAT, || stdin(WHAT, MAX_REFS_BYTES)).await
}

/// Returns the manifests on standard input.
pub(super) async fn manifests(wait: Duration, most: u64) -> Result<String, String> {
    const WHAT: &str = "-f -";
    no_longer_than(wait, WHAT, move || stdin(WHAT, most)).await
}

/// Returns the REFs: the arguments, or the lines of standard input, without empty lines and comments.
pub(super) async fn refs(
    asked: &[String],
    options: &CheckOptions,
    wait: Duration,
) -> Result<Vec<String>, String> {
    const WHAT: &str = "standard input";
    let typed = match asked {
        [only] if only == "-" => {
            let text = no_longer_than(wait, WHAT, || stdin(WHAT, MAX_REFS_BYTES)).await?;
            let lines =
                text.trim_start_matches('\u{feff}').lines().map(str::trim).map(str::to_owned);
            let lines: Vec<String> =
                lines.filter(|line| !line.is_empty() && !line.starts_with('#')).collect();
            if lines.is_empty() {
                return Err(format!("{WHAT} names no image: give one a line"));
            }
            typed::read_lines(&lines, options.cloud)?
        }
        words if words.iter().any(|word| word == "-") => {
            return Err("- reads the REFs from standard input; it stands alone".into());
        }
        words => typed::read(words, options.cloud)?,
    };
    typed.notes.iter().for_each(|note| print_note(note));
    Ok(typed.refs)
}

/// Reads standard input to its end.
fn stdin(what: &str, most: u64) -> Result<String, String> {
    let mut bytes = vec![];
    let read = std::io::stdin().take(most + 1).read_to_end(&mut bytes);
    read.map_err(|error| format!("{what}: {error}"))?;
    if bytes.len() as u64 > most {
        return Err(format!("{what}: what came is longer than {most} bytes"));
    }
    String::from_utf8(bytes).map_err(|_| format!("{what}: what came is not text (UTF-8)"))
}

/// Says that the file with the credentials, or the folder of the node, cannot be one. What else is
/// wrong with them is a finding.
pub(super) async fn look_at_files(options: &CheckOptions, wait: Duration) -> Result<(), String> {
    if let Some(file) = options.auth_file.clone() {
        no_longer_than(wait, "--auth-file", move || credentials_file(&file)).await?;
    }
    if let Some(folder) = options.node_root.clone() {
        no_longer_than(wait, "--node-root", move || node_folder(&folder)).await?;
    }
    Ok(())
}

/// Says that the folder of the node is not the root of a node: then this machine's own files would be
/// used in their place.
pub(super) async fn look_for_node(options: &CheckOptions, wait: Duration) -> Result<(), String> {
    let Some(folder) = options.node_root.clone() else { return Ok(()) };
    let what = format!("--node-root {}", folder.display());
    let is_node = move || Ok(world::is_node(Some(&folder)));
    if no_longer_than(wait, "--node-root", is_node).await? {
        return Ok(());
    }
    Err(format!(
        "{what}: this is not the root of an AKS node: neither {AZURE_JSON} nor {CREDENTIAL_PROVIDERS} is below \
         it (in a kubectl debug pod the root is /host)"
    ))
}

fn credentials_file(file: &Path) -> Result<(), String> {
    let what = format!("--auth-file {}", file.display());
    let found = look_at(&what, file, "file")?;
    if found.is_dir() {
        return Err(format!("{what}: this is a folder"));
    }
    // A pipe has no length either.
    if found.is_file() && found.len() == 0 {
        return Err(format!("{what} is empty (0 bytes): did the command that wrote it fail?"));
    }
    Ok(())
}

fn node_folder(folder: &Path) -> Result<(), String> {
    let what = format!("--node-root {}", folder.display());
    if look_at(&what, folder, "folder")?.is_dir() {
        return Ok(());
    }
    Err(format!("{what}: this is not a folder"))
}

fn look_at(what: &str, path: &Path, kind: &str) -> Result<Metadata, String> {
    fs::metadata(path).map_err(|error| match error.kind() {
        ErrorKind::NotFound => format!("{what}: there is no such {kind}"),
        _ => format!("{what}: {error}"),
    })
}
