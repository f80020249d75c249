//! Forms of `hosts.toml` that versions of containerd read differently.

use toml::{Table, Value};

/// Returns the name of a setting that has a table in the place of its value: containerd 2 takes no notice
/// of that, older versions ignore the file.
pub(super) fn table_for_a_value(settings: &Table) -> Option<&str> {
    const VALUES: [&str; 7] =
        ["server", "capabilities", "ca", "client", "skip_verify", "override_path", "dial_timeout"];
    VALUES.into_iter().find(|name| settings.get(*name).is_some_and(Value::is_table))
}

/// Returns whether a line begins a table with a name that the parser of containerd 1 may refuse.
pub(super) fn is_odd_header(line: &str) -> bool {
    const ODD: [char; 5] = ['[', ']', '"', '\'', '\\'];
    let line = line.trim();
    let Some(inner) = line.strip_prefix('[') else { return false };
    if inner.contains(['\\', '\t']) {
        return true;
    }
    let mut table = toml::from_str::<Table>(line).ok();
    while let Some((name, value)) = table.take().and_then(|table| table.into_iter().next()) {
        if name.contains(ODD) {
            return true;
        }
        table = if let Value::Table(table) = value { Some(table) } else { None };
    }
    false
}

/// Returns whether a key differs from one that counts in upper and lower case only. go-toml v2
/// takes such a key, older versions do not.
pub(super) fn is_misspelled(key: &str) -> bool {
    const KNOWN: [&str; 9] = [
        "server",
        "host",
        "capabilities",
        "ca",
        "client",
        "skip_verify",
        "header",
        "override_path",
        "dial_timeout",
    ];
    KNOWN.iter().any(|known| key != *known && key.eq_ignore_ascii_case(known))
}
