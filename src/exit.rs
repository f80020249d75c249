//! Exit codes: the same for every format.

/// How the program exits.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Exit {
    /// Can pull; can sign in, when no image was asked for.
    Can = 0,
    /// Definitely cannot pull, whether for one cause or a group of indistinguishable ones; or
    /// `--fail-on warning` and a warning.
    Cannot = 1,
    /// Wrong usage.
    Usage = 2,
    /// Could not tell.
    CouldNotTell = 3,
    /// Interrupted with Ctrl-C.
    Interrupted = 130,
}

impl From<Exit> for std::process::ExitCode {
    fn from(exit: Exit) -> Self {
        std::process::ExitCode::from(exit as u8)
    }
}
