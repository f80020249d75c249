//! Foreign text made fit to print: short, one line, no control characters.

use super::secret::redacted;

/// Longer texts are cut here, in characters.
const LONGEST: usize = 300;

/// The text with control and direction characters spelled out, cut when too long.
///
/// A server's words end up on somebody's terminal and in somebody's ticket;
/// neither an escape sequence nor a right-to-left override may travel with them.
pub fn printable(text: &str) -> String {
    let text = redacted(text);
    let mut shown = String::with_capacity(text.len().min(LONGEST));
    for (count, c) in text.chars().enumerate() {
        if count == LONGEST {
            shown.push('…');
            break;
        }
        if c.is_control() || is_invisible(c) {
            shown.extend(c.escape_unicode());
        } else {
            shown.push(c);
        }
    }
    shown
}

fn is_invisible(c: char) -> bool {
    matches!(c, '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2060}'..='\u{206f}' | '\u{feff}')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_steers_the_terminal() {
        assert_eq!(printable("a\u{1b}[2Jb\u{202e}c"), "a\\u{1b}[2Jb\\u{202e}c");
        assert_eq!(printable("한국어 text"), "한국어 text");
    }

    #[test]
    fn long_texts_are_cut() {
        assert_eq!(printable(&"x".repeat(5000)).chars().count(), LONGEST + 1);
    }
}
