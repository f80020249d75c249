//! The only module that prints.

mod json_v1;
mod outputs;
mod phrases;
mod progress;
mod reference;
mod terminal;
mod text;

use std::io::{self, Write};

pub use json_v1::json;
pub(crate) use outputs::Outputs;
pub(crate) use phrases::Phrase;
pub use phrases::phrases;
pub(crate) use progress::Progress;
pub(crate) use reference::{codes, explain, explain_mode, modes};
pub(crate) use terminal::locale;
pub use text::{TextOptions, text};

use crate::Exit;

/// Prints a result.
pub(crate) fn print(text: &str) {
    if let Err(sentence) = outputs::write(text) {
        print_error(&sentence);
    }
}

/// Says on standard error what keeps us from doing what was asked.
pub(crate) fn print_error(sentence: &str) -> Exit {
    // Where standard error is closed, too, there is nobody left to tell.
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
