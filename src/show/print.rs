//! Standard output and standard error: a closed pipe is not an error, and a panic shows no secret.

use std::io::{self, ErrorKind, Write};

/// Prints a result.
pub(crate) fn print(text: &str) {
    if let Err(sentence) = write(text) {
        print_error(&sentence);
    }
}

/// Prints an error to standard error.
pub(crate) fn print_error(sentence: &str) {
    // If standard error is closed too, there is nowhere left to report it.
    let _ = writeln!(io::stderr(), "check-acr: {sentence}");
}

/// Says on standard error what is worth knowing before the result.
pub(crate) fn print_note(sentence: &str) {
    let _ = writeln!(io::stderr(), "check-acr: {}", checks::kit::sanitize_text(sentence));
}

/// Makes a panic print its location but not its message, which may hold a secret. The report shows
/// the message of a check's panic with the secrets removed.
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
        // `| head -1` has read what it needs.
        Err(error) if error.kind() == ErrorKind::BrokenPipe => Ok(()),
        Err(error) => Err(format!("standard output: {error}")),
        Ok(()) => Ok(()),
    }
}
