//! How the program was called: by its own name, or by kubectl, which starts a link named
//! `kubectl-check_acr` as `kubectl check-acr` (kubernetes.io, "Extend kubectl with plugins").

use std::{env, ffi::OsString, path::Path};

use clap::{CommandFactory, FromArgMatches, error::ErrorKind};

use super::{AFTER_HELP, Args};
use crate::{present::OWN_NAME, typed::meant};

/// The name of the link.
const PLUGIN: &str = "kubectl-check_acr";
/// What its user types.
const CALLED: &str = "kubectl check-acr";

/// Returns what the user types to call this program: what the commands that it prints begin with.
pub(crate) fn name() -> &'static str {
    if is_plugin(env::args_os().next().as_ref()) { CALLED } else { OWN_NAME }
}

/// Reads the command line.
///
/// # Errors
/// Returns what clap prints: wrong usage, or the help that was asked for.
pub(crate) fn read() -> Result<Args, clap::Error> {
    let words: Vec<OsString> = env::args_os().collect();
    let mut command = Args::command();
    if is_plugin(words.first()) {
        let help = AFTER_HELP.replace("  check-acr ", &format!("  {CALLED} "));
        command = command.bin_name(CALLED).after_help(help);
    }
    let matches = command.try_get_matches_from_mut(&words).map_err(|error| {
        // An option of another command says little where that command is what was mistyped.
        let is_unknown = error.kind() == ErrorKind::UnknownArgument;
        let words: Vec<_> = words.iter().skip(1).map(|word| word.to_string_lossy()).collect();
        // What is behind the command is its own.
        let is_known = words.first().is_some_and(|word| command.find_subcommand(&**word).is_some());
        let meant = meant(&words).filter(|_| is_unknown && !is_known);
        meant.map_or(error, |said| command.error(ErrorKind::InvalidSubcommand, said))
    })?;
    Args::from_arg_matches(&matches).map_err(|error| error.format(&mut command))
}

/// Returns whether kubectl started this program.
fn is_plugin(program: Option<&OsString>) -> bool {
    let name = program.and_then(|program| Path::new(program).file_stem());
    name.is_some_and(|name| name == PLUGIN)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_name_of_the_link_counts() {
        let is = |program: &str| is_plugin(Some(&program.into()));
        assert!(is("/usr/local/bin/kubectl-check_acr") && is("kubectl-check_acr.exe"));
        assert!(!is("check-acr") && !is("/opt/kubectl-check_acr/check-acr") && !is_plugin(None));
    }
}
