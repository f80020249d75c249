//! `check-acr completions` and `check-acr man`: documents that are made from the options.

use clap::CommandFactory;
use clap_complete::Shell;

use crate::{Exit, args::Args, show};

/// Prints the completions for a shell.
pub(super) fn completions(shell: Shell) -> Exit {
    let mut written = vec![];
    clap_complete::generate(shell, &mut Args::command(), "check-acr", &mut written);
    show::print(&String::from_utf8_lossy(&written));
    Exit::Can
}

/// Prints the man page.
pub(super) fn man() -> Result<Exit, String> {
    let mut written = vec![];
    let page = clap_mangen::Man::new(Args::command()).render(&mut written);
    page.map_err(|error| format!("the man page: {error}"))?;
    show::print(&String::from_utf8_lossy(&written));
    Ok(Exit::Can)
}
