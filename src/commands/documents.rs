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
pub(super) fn man() -> Exit {
    let mut written = vec![];
    if let Err(error) = clap_mangen::Man::new(Args::command()).render(&mut written) {
        show::print_error(&format!("the man page: {error}"));
        return Exit::CouldNotTell;
    }
    show::print(&String::from_utf8_lossy(&written));
    Exit::Can
}
