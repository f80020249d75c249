//! TOML, as containerd reads it.
//!
//! containerd uses pelletier/go-toml v2, which knows TOML 1.0. This parser knows 1.1 as well, so a
//! file with a form of 1.1 in it is set apart.

use toml::{Spanned, Table, de::DeTable, de::DeValue};

use crate::kit::rules::{Malformed, Unusable};

/// A TOML file, and whether containerd certainly reads it in the same way.
#[derive(Debug)]
pub struct Toml {
    /// What it says.
    pub table: Table,
    /// Whether it has only forms that each version of TOML reads alike.
    pub is_plain: bool,
}

/// What a TOML file says; else where it does not parse, without quoting it.
pub fn toml(bytes: &[u8]) -> Result<Toml, Unusable> {
    let text = std::str::from_utf8(bytes).map_err(|_| Malformed::NotText)?;
    let place = |error: toml::de::Error| at(text, error.span().map_or(0, |span| span.start));
    let table: Table = toml::from_str(text).map_err(place)?;
    let spanned = DeTable::parse(text).map_err(place)?;
    let odd = ["\u{feff}", "\\e", "\\x", "\"\"\"", "'''"];
    let is_plain = !odd.iter().any(|form| text.contains(form))
        && spanned.get_ref().values().all(|value| is_plain(text, value));
    Ok(Toml { table, is_plain })
}

/// Returns whether a value has no inline table of several lines, none that ends with a comma, and
/// no time. The parser bounds how deep values are nested.
fn is_plain(text: &str, value: &Spanned<DeValue<'_>>) -> bool {
    match value.get_ref() {
        DeValue::Datetime(_) => false,
        DeValue::Array(items) => items.iter().all(|item| is_plain(text, item)),
        DeValue::Table(table) => {
            let written = text.get(value.span()).unwrap_or_default();
            let inside =
                written.strip_prefix('{').map(|rest| rest.trim_end_matches('}').trim_end());
            let is_newer = inside.is_some_and(|it| it.contains('\n') || it.ends_with(','));
            !is_newer && table.values().all(|value| is_plain(text, value))
        }
        _ => true,
    }
}

/// Returns a place in a text, as line and column.
fn at(text: &str, offset: usize) -> Unusable {
    let before = text.get(..offset).unwrap_or(text);
    let column = before.rsplit('\n').next().unwrap_or_default().chars().count() as u64 + 1;
    Unusable::At { line: before.matches('\n').count() as u64 + 1, column }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_only_newer_versions_read_is_set_apart() {
        for plain in ["", "a = 1\n[b.'c d']\ne = [\"x\", [1,\n2]]\n", "a = { b = 1, c = [] }"] {
            assert!(toml(plain.as_bytes()).unwrap().is_plain, "{plain}");
        }
        for newer in ["a = {\n b = 1 }", "a = { b = 1, }", "a = \"\\x41\"", "a = \"\\e\""] {
            let read = toml(newer.as_bytes());
            assert!(!read.is_ok_and(|read| read.is_plain), "{newer}");
        }
        assert!(!toml(b"a = [{ b = 1979-05-27 }]").unwrap().is_plain);
        assert!(!toml(b"a = \"\"\"\n[host.x]\"\"\"").unwrap().is_plain);
    }

    #[test]
    fn what_does_not_parse_is_not_quoted() {
        assert_eq!(toml(b"a = 1\nb = hunter2\n").unwrap_err(), Unusable::At { line: 2, column: 5 });
        assert_eq!(toml(b"a = 1\na = 2\n").unwrap_err(), Unusable::At { line: 2, column: 1 });
        assert_eq!(toml(b"\xff").unwrap_err(), Malformed::NotText.into());
        assert!(toml(format!("a = {}", "[".repeat(100_000)).as_bytes()).is_err());
        assert!(toml(format!("{}a]", "[".repeat(100_000)).as_bytes()).is_err());
        let dotted = format!("{}x = 1", "a.".repeat(100_000));
        let _ = toml(dotted.as_bytes());
    }
}
