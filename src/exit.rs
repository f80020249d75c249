//! Exit codes: the same for every format.

/// How the program ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Exit {
    /// Can pull; can sign in, when no image was asked for.
    Can = 0,
    /// Certainly cannot, be the cause one or an honest group; or `--fail-on warning` and a warning.
    Cannot = 1,
    /// The program was called wrongly.
    Usage = 2,
    /// Could not tell.
    CouldNotTell = 3,
    /// Ctrl-C.
    Interrupted = 130,
}

impl From<Exit> for std::process::ExitCode {
    fn from(exit: Exit) -> Self {
        std::process::ExitCode::from(exit as u8)
    }
}
