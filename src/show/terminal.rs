//! Terminal capabilities (colour, width, language), and how lines are wrapped and padded.

use std::{
    env,
    io::{self, IsTerminal},
};

use checks::kit::messages::Lang;

use crate::args::When;

/// How wide prose is where there is no terminal.
pub(super) const WIDTH: usize = 100;

/// Whether standard output takes colour (the conventions of no-color.org).
pub(super) fn colored(when: When) -> bool {
    let set = |name| env::var_os(name).is_some_and(|value| !value.is_empty());
    match when {
        When::Always => true,
        When::Never => false,
        When::Auto => io::stdout().is_terminal() && !set("NO_COLOR") && !is_dumb(),
    }
}

/// Whether the locale says that there is no UTF-8. Where there is no locale, as in most containers,
/// nothing is known of the terminal, and most read UTF-8.
pub(super) fn is_plain_ascii() -> bool {
    let set = |name| env::var(name).ok().filter(|value| !value.is_empty());
    let locale = set("LC_ALL").or_else(|| set("LC_CTYPE")).or_else(|| set("LANG"));
    locale.is_some_and(|locale| !locale.to_lowercase().replace('-', "").contains("utf8"))
}

/// Returns a text with its signs in ASCII. Letters stay.
pub(super) fn ascii(text: &str) -> String {
    const SIGNS: [(char, &str); 7] =
        [('✓', "+"), ('✗', "x"), ('↑', "^"), ('–', "-"), ('→', "->"), ('·', "|"), ('…', "...")];
    SIGNS.iter().fold(text.to_owned(), |text, (sign, ascii)| text.replace(*sign, ascii))
}

/// Returns the width of prose: that of the terminal, within readable limits.
pub(super) fn width() -> usize {
    if !io::stdout().is_terminal() {
        return WIDTH;
    }
    textwrap::termwidth().clamp(60, 120)
}

/// Returns whether the terminal cannot move its cursor: `TERM=dumb`, or no `TERM`.
pub(super) fn is_dumb() -> bool {
    env::var_os("TERM").is_none_or(|term| term == "dumb")
}

/// Returns options that wrap between words only: an id broken at its hyphens could not be pasted.
pub(super) fn whole_words(width: usize) -> textwrap::Options<'static> {
    textwrap::Options::new(width).word_splitter(textwrap::WordSplitter::NoHyphenation)
}

/// Pads to a display width: a Korean letter takes two columns.
pub(super) fn pad(text: &str, width: usize) -> String {
    let shown = textwrap::core::display_width(text);
    format!("{text}{}", " ".repeat(width.saturating_sub(shown)))
}

/// Returns the language of the locale.
pub(crate) fn locale() -> Lang {
    let set = |name| env::var(name).ok().filter(|value| !value.is_empty());
    let locale = set("LC_ALL").or_else(|| set("LC_MESSAGES")).or_else(|| set("LANG"));
    if locale.is_some_and(|locale| locale.starts_with("ko")) { Lang::Ko } else { Lang::En }
}
