//! What a page is written on: lines of bounded width, with a hanging indent, and commands that can
//! be pasted.

use colored::{ColoredString, Colorize};
use textwrap::core::display_width;

use super::terminal::{pad, whole_words};

/// The text so far.
pub(super) struct Paper {
    pub(super) width: usize,
    out: String,
}

impl Paper {
    pub(super) fn new(width: usize) -> Self {
        Self { width, out: String::new() }
    }

    /// Returns the whole text.
    pub(super) fn into_text(self) -> String {
        self.out
    }

    /// Writes a line as it is.
    pub(super) fn line(&mut self, text: &str) {
        self.out.push_str(&text.trim_end().replace(NO_BREAK, " "));
        self.out.push('\n');
    }

    /// Writes an empty line, unless the last one is.
    pub(super) fn gap(&mut self) {
        if !self.out.is_empty() && !self.out.ends_with("\n\n") {
            self.out.push('\n');
        }
    }

    /// Writes a text behind a label in a column of that width; its further lines stand below its
    /// first. The label may hold colour, which takes no room.
    pub(super) fn hang(
        &mut self,
        label: &str,
        indent: usize,
        text: &str,
        style: impl Fn(&str) -> ColoredString,
    ) {
        let room = self.width.saturating_sub(indent).max(20);
        // A label that is wider than its column leaves less room in the first line.
        let over = " ".repeat((display_width(label) + 1).saturating_sub(indent.max(1)));
        let over = if indent > 0 { over } else { String::new() };
        let lines = textwrap::wrap(text, whole_words(room).initial_indent(&over));
        self.column(label, indent, lines.iter().map(|line| style(line.trim_start())));
    }

    /// Writes a command behind a label: broken at its options where it is too long, which a shell
    /// undoes.
    pub(super) fn command(&mut self, label: &str, indent: usize, command: &str) {
        let room = self.width.saturating_sub(indent);
        let pieces = command.lines().flat_map(|line| broken(line, room));
        self.column(label, indent, pieces.map(|piece| piece.cyan()));
    }

    /// Writes lines in a column, with a label before the first.
    pub(super) fn column(
        &mut self,
        label: &str,
        indent: usize,
        lines: impl Iterator<Item = ColoredString>,
    ) {
        let is_wide = indent > 0 && display_width(label) >= indent;
        let mut label = if is_wide { format!("{label} ") } else { pad(label, indent) };
        for line in lines {
            self.line(&format!("{label}{line}"));
            label = " ".repeat(indent);
        }
    }
}

/// A time as people write it: `4.0 s`, `120 ms`.
pub(super) fn time(milliseconds: u64) -> String {
    match milliseconds {
        0..1000 => format!("{milliseconds} ms"),
        _ => format!("{}.{} s", milliseconds / 1000, milliseconds % 1000 / 100),
    }
}

/// A space at which no line ends.
const NO_BREAK: char = '\u{a0}';

/// Returns a text that stays on one line, such as `56 ms`.
pub(super) fn unbroken(text: &str) -> String {
    text.replace(' ', &NO_BREAK.to_string())
}

/// Breaks a command before its options and behind its operators: outside of quotes, where a
/// backslash at the end of a line is nothing to a POSIX shell.
fn broken(command: &str, room: usize) -> Vec<String> {
    let mut lines = vec![String::new()];
    for piece in pieces(command) {
        let line = lines.last_mut().map_or("", |line| line.as_str());
        // Two columns for the backslash. What is wider than a line wraps in any place.
        let is_full = display_width(line) + 1 + display_width(piece) + 2 > room;
        let fits_alone = 2 + display_width(piece) <= room;
        if !line.is_empty() && is_full && fits_alone {
            let operator = ["&&", "||", "|"].iter().any(|operator| line.ends_with(operator));
            let open = lines.len() - 1;
            if !operator {
                lines[open] += " \\";
            }
            lines.push(format!("  {piece}"));
        } else if let Some(line) = lines.last_mut() {
            if !line.is_empty() {
                line.push(' ');
            }
            line.push_str(piece);
        }
    }
    lines
}

/// The parts of a command between which a line may end.
fn pieces(command: &str) -> Vec<&str> {
    let (mut pieces, mut begin, mut quote) = (vec![], 0, None);
    let (bytes, mut is_escaped) = (command.as_bytes(), false);
    for (at, byte) in bytes.iter().enumerate() {
        if std::mem::take(&mut is_escaped) {
            continue;
        }
        match (byte, quote) {
            (b'\\', None | Some(b'"')) => is_escaped = true,
            (b'\'' | b'"', None) => quote = Some(*byte),
            (byte, Some(open)) if *byte == open => quote = None,
            (b' ', None) => {
                let (before, after) = (&command[begin..at], &command[at + 1..]);
                let is_option = after.starts_with('-') && !after.starts_with("- ");
                let operator = ["&&", "||", "|"].iter().any(|sign| before.ends_with(sign));
                if is_option || operator {
                    pieces.push(before);
                    begin = at + 1;
                }
            }
            _ => {}
        }
    }
    pieces.push(&command[begin..]);
    pieces
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_long_command_is_broken_where_a_shell_does_not_care() {
        let command = r#"id=$(az acr show -n contoso --query id) && az role create --role "A -b c" --scope "$id" || echo 'no -x' >&2"#;
        assert_eq!(
            broken(command, 44),
            [
                "id=$(az acr show -n contoso --query id) &&",
                r#"  az role create --role "A -b c" \"#,
                r#"  --scope "$id" || echo 'no -x' >&2"#,
            ]
        );
        assert_eq!(broken("short -a -b", 44), ["short -a -b"]);
        // A quote inside of a quoted word.
        let quoted = r"grep 'it'\''s -a -b' -c";
        assert_eq!(pieces(quoted), [r"grep 'it'\''s -a -b'", "-c"]);
    }

    #[test]
    fn no_text_is_lost_between_the_pieces() {
        for command in ["a -b 'c -d", "a $(b -c) -d", "a -b -- -c |", ""] {
            assert_eq!(pieces(command).join(" "), command);
        }
    }
}
