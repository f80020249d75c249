//! check-acr: can this host pull this image from this registry, and if not, why not?
//!
//! Arguments in, report out: arguments → target and world → plan → events → report → verdict →
//! text, JSON or events → exit code. What a pull needs, and what each failure means, is in
//! `checks`.

mod args;
pub mod carry;
mod commands;
mod exit;
mod join;
mod phrases;
mod present;
mod report;
mod run;
mod show;
mod typed;
mod verdict;
mod wait;
mod world;

pub use args::{
    CheckOptions,
    output::{FixForm, Format, ShowArgs},
};
pub use commands::show::read_recording;
#[cfg(feature = "lab")]
pub use commands::{
    lab::{prepare_scenario, run_scenario},
    lab_nodes::run_agents,
};
pub use exit::Exit;
pub use join::termination;
pub use phrases::phrases;
pub use present::{
    CausePage, Group, GroupsPage, Presentation, Running, StepPage, TargetPage, ViewPage,
};
pub use report::{Report, Run, Step, View};
pub use run::{Wanted, run};
pub use show::{TextOptions, json, say_where_it_panics, text};
pub use verdict::{Outcome, StepStatus, Verdict};

/// Runs the program.
pub fn main() -> Exit {
    say_where_it_panics();
    // An internal error says nothing about the registry.
    let exit = std::panic::catch_unwind(start).unwrap_or(Exit::CouldNotTell);
    #[cfg(unix)]
    if exit == Exit::Interrupted {
        wait::end_by_ctrl_c();
    }
    exit
}

fn start() -> Exit {
    let args = match args::read() {
        Ok(args) => args,
        Err(error) => {
            // A closed pipe needs no error message.
            let _ = error.print();
            return if error.use_stderr() { Exit::Usage } else { Exit::Can };
        }
    };
    let runtime = match tokio::runtime::Builder::new_current_thread().enable_all().build() {
        Ok(runtime) => runtime,
        Err(error) => {
            show::print_error(&format!("the program cannot start: {error}"));
            return Exit::CouldNotTell;
        }
    };
    let exit = runtime.block_on(commands::run(args));
    // A file that never opens must not delay the exit.
    runtime.shutdown_background();
    exit
}
