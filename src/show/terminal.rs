//! Terminal capabilities (colour, width, language), and how lines are wrapped and padded.

use std::{
    env,
    io::{self, IsTerminal},
};

use checks::kit::messages::Lang;
use textwrap::core::display_width;

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

/// Returns the width of prose: that of the terminal, else what `COLUMNS` says, within readable limits.
pub(super) fn width() -> usize {
    let columns = || env::var("COLUMNS").ok()?.parse().ok();
    let width =
        if io::stdout().is_terminal() { textwrap::termwidth() } else { columns().unwrap_or(WIDTH) };
    width.clamp(60, 120)
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
    let shown = display_width(text);
    format!("{text}{}", " ".repeat(width.saturating_sub(shown)))
}

/// Cuts a text to a display width; an ellipsis marks the end that is missing.
pub(super) fn cut(text: &str, width: usize) -> String {
    if display_width(text) <= width {
        return text.to_owned();
    }
    let mut kept = String::new();
    for letter in text.chars() {
        if display_width(&kept) + display_width(letter.encode_utf8(&mut [0; 4])) + 1 > width {
            break;
        }
        kept.push(letter);
    }
    kept + "…"
}

/// Cuts a text to a display width between two words; an ellipsis stands for those that are missing.
pub(super) fn cut_at_word(text: &str, width: usize) -> String {
    if display_width(text) <= width {
        return text.to_owned();
    }
    let kept = cut(text, width.saturating_sub(1));
    let kept = kept.rsplit_once(' ').map_or("", |(words, _)| words);
    format!("{kept} …").trim_start().to_owned()
}

/// Cuts a text to a display width, but keeps its end: that is where an image has its tag.
pub(super) fn cut_front(text: &str, width: usize) -> String {
    let mut kept = text;
    while display_width(kept) + usize::from(kept.len() < text.len()) > width {
        kept = kept.get(kept.chars().next().map_or(1, char::len_utf8)..).unwrap_or_default();
    }
    if kept.len() < text.len() { format!("…{kept}") } else { text.to_owned() }
}

/// Returns the language of the locale.
pub(crate) fn locale() -> Lang {
    let set = |name| env::var(name).ok().filter(|value| !value.is_empty());
    let locale = set("LC_ALL").or_else(|| set("LC_MESSAGES")).or_else(|| set("LANG"));
    if locale.is_some_and(|locale| locale.starts_with("ko")) { Lang::Ko } else { Lang::En }
}

#[cfg(test)]
mod tests {
    use super::*;

    proptest::proptest! {
        #[test]
        fn what_is_cut_fits(text in "\\PC{0,80}", width in 1usize..70) {
            for shown in [cut(&text, width), cut_front(&text, width), cut_at_word(&text, width)] {
                assert!(display_width(&shown) <= width, "{shown}");
            }
            assert!(display_width(&text) > width || cut(&text, width) == text);
            assert!(display_width(&text) > width || cut_front(&text, width) == text);
        }
    }

    #[test]
    fn an_image_keeps_its_tag() {
        assert_eq!(cut_front("contoso.azurecr.io/team/app:v1", 12), "…team/app:v1");
        assert_eq!(cut("contoso.azurecr.io/team/app:v1", 8), "contoso…");
    }

    #[test]
    fn names_stay_whole() {
        assert_eq!(cut_at_word("image dns tcp", 12), "image dns …");
        assert_eq!(cut_at_word("image dns tcp", 13), "image dns tcp");
        assert_eq!(cut_at_word("challenge", 5), "…");
    }
}
