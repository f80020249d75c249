//! The subcommands, one file each.

mod agent;
mod aks;
pub(crate) mod check;
mod cleanup;
mod documents;
mod explain;
mod inputs;
mod job_settings;
#[cfg(feature = "lab")]
pub(crate) mod lab;
#[cfg(feature = "lab")]
pub(crate) mod lab_nodes;
mod list;
mod manifests;
pub(crate) mod named_in;
mod node;
mod preflight;
mod rbac;
pub(crate) mod show;
mod watch;
mod why;

use crate::{
    Exit,
    args::{Args, Command},
    show::print_error,
};

/// Runs the command that the arguments name.
pub(crate) async fn run(args: Args) -> Exit {
    let done = match (args.command, args.check) {
        (Some(Command::Check(check)), _) => check::run(*check).await,
        (None, check) => check::run(check).await,
        (Some(Command::Node(node)), _) => Box::pin(node::run(*node)).await,
        (Some(Command::Aks(aks)), _) => aks::run(*aks).await,
        (Some(Command::Rbac(rbac)), _) => rbac::run(&rbac),
        (Some(Command::Cleanup(cleanup)), _) => cleanup::run(cleanup).await,
        (Some(Command::Explain { code, show }), _) => {
            explain::run(&code, show.lang, show.as_json())
        }
        (Some(Command::List { modes, show }), _) => Ok(list::run(modes, show.lang, show.as_json())),
        (Some(Command::Completions { shell }), _) => Ok(documents::completions(shell)),
        (Some(Command::Man), _) => Ok(documents::man()),
        (Some(Command::Agent(agent)), _) => agent::run(*agent).await,
        (Some(Command::Show { file, show }), _) => show::run(&file, &show).await,
        (Some(Command::Why(why)), _) => Box::pin(why::run(*why)).await,
        #[cfg(feature = "lab")]
        (Some(Command::Lab { scenario, list, serve, options }), _) => {
            Box::pin(lab::run(&scenario, list, serve, *options)).await
        }
    };
    done.unwrap_or_else(|sentence| {
        print_error(&sentence);
        Exit::Usage
    })
}
