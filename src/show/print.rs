//! Standard output and standard error: a closed pipe is no error, and a panic shows no secret.

use std::io::{self, ErrorKind, Write};

use crate::Exit;

/// Prints a result.
pub(crate) fn print(text: &str) {
    if let Err(sentence) = write(text) {
        print_error(&sentence);
    }
}

/// Says on standard error what keeps us from doing what was asked.
pub(crate) fn print_error(sentence: &str) -> Exit {
    // Where standard error is closed, too, there is no way to tell.
    let _ = writeln!(io::stderr(), "check-acr: {sentence}");
    Exit::Usage
}

/// Makes a panic say where it was and not what it said: that may hold a secret. The report has the
/// text of a check's panic, without the secrets.
pub fn say_where_it_panics() {
    std::panic::set_hook(Box::new(|panic| {
        let place = panic.location().map(ToString::to_string).unwrap_or_default();
        print_error(&format!("this is a defect of check-acr, at {place}"));
    }));
}

/// Writes to standard output.
pub(super) fn write(text: &str) -> Result<(), String> {
    let mut stdout = io::stdout().lock();
    match stdout.write_all(text.as_bytes()).and_then(|()| stdout.flush()) {
        // `| head -1` has what it wanted.
        Err(error) if error.kind() == ErrorKind::BrokenPipe => Ok(()),
        Err(error) => Err(format!("standard output: {error}")),
        Ok(()) => Ok(()),
    }
}
