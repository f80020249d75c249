//! Look-ups: a command that needs an unknown value finds it out first, and stops unless it finds
//! exactly one.

use std::fmt::Write;

use super::Table;

/// A shell function that is true for exactly one line, and not for one that is blank or ends in a
/// carriage return, as programs of Windows write it.
const FOUND_ONE: &str = r#"found_one() { [ "$(echo "$1" | grep -c '')" = 1 ] && echo "$1" | grep -q '[[:graph:]]$'; }
"#;

/// A value that a command finds out, under the name of the shell variable that holds it.
#[derive(Clone, Copy, Debug)]
pub struct Lookup {
    /// The command that prints it.
    pub run: &'static str,
    /// Whether it is a password, which is not repeated when the command stops.
    pub secret: bool,
}

/// Returns a command behind the look-ups of the variables that it uses, each with a guard.
///
/// The look-ups come first because a failed one inside the command, as in `--scope "$(…)"`, would
/// leave an empty value behind: for az, an empty scope is the whole subscription.
pub(super) fn guarded(command: &str, lookups: &Table<Lookup>, changes: bool) -> String {
    let mut needed = vec![];
    collect(command, lookups, &mut needed);
    if needed.is_empty() {
        return command.to_owned();
    }
    if !changes {
        // One that only looks may run on whatever was found.
        let found = needed.iter().filter_map(|name| Some((name, lookups.get(name)?.run)));
        let mut lines: Vec<String> =
            found.map(|(name, run)| format!("{name}=$({run}) &&")).collect();
        lines.push(command.to_owned());
        return lines.join("\n");
    }
    let mut script = FOUND_ONE.to_owned();
    let mut found = vec![];
    for name in needed {
        let Some(lookup) = lookups.get(name) else { continue };
        // Otherwise a pipe ends as its last program does, whatever became of the first.
        let pipefail = if lookup.run.contains(" | ") { "set -o pipefail; " } else { "" };
        let run = format!("{pipefail}{}", lookup.run);
        // Writing to a String cannot fail.
        let _ = writeln!(script, "{name}=$({run}) && found_one \"${name}\" &&");
        if !lookup.secret {
            found.push(format!("{name}=[${name}]"));
        }
    }
    // A pipe or an alternative of the command must not escape the guards.
    let is_compound = command.contains('\n') || command.contains("; ") || command.contains(" || ");
    let command = if is_compound { format!("{{ {command}; }}") } else { command.to_owned() };
    format!("{script}{command} ||\necho \"not finished; looked up: {}\" >&2", found.join(" "))
}

/// Collects the look-ups of a command, those that others need before them.
fn collect(command: &str, lookups: &Table<Lookup>, needed: &mut Vec<&'static str>) {
    for name in variables(command) {
        let Some((name, lookup)) = lookups.row(name) else { continue };
        if !needed.contains(&name) {
            collect(lookup.run, lookups, needed);
            needed.push(name);
        }
    }
}

/// Returns the names of the shell variables in a command: `$name` and `${name…}`.
pub fn variables(command: &str) -> impl Iterator<Item = &str> {
    let names = command.split('$').skip(1).map(|rest| rest.strip_prefix('{').unwrap_or(rest));
    let end = |rest: &str| rest.find(|c: char| !c.is_ascii_alphanumeric() && c != '_');
    names.map(move |rest| &rest[..end(rest).unwrap_or(rest.len())]).filter(|name| !name.is_empty())
}

#[cfg(test)]
mod tests {
    use super::*;

    const LOOKUPS: Table<Lookup> = Table(&[
        ("id", Lookup { run: "az acr show -n {acr}", secret: false }),
        ("nic", Lookup { run: "az nic --id \"$id\"", secret: false }),
        ("password", Lookup { run: "az token | cut", secret: true }),
    ]);

    #[test]
    fn every_look_up_has_a_guard_and_comes_before_its_user() {
        assert_eq!(guarded("az go -n x", &LOOKUPS, true), "az go -n x");
        assert_eq!(
            guarded("az go --nic \"${nic##*/}\" \"$password\" $HOME", &LOOKUPS, true),
            format!(
                "{FOUND_ONE}id=$(az acr show -n {{acr}}) && found_one \"$id\" &&\n\
                 nic=$(az nic --id \"$id\") && found_one \"$nic\" &&\n\
                 password=$(set -o pipefail; az token | cut) && found_one \"$password\" &&\n\
                 az go --nic \"${{nic##*/}}\" \"$password\" $HOME ||\n\
                 echo \"not finished; looked up: id=[$id] nic=[$nic]\" >&2"
            )
        );
    }

    #[test]
    fn a_command_that_only_looks_needs_no_guard() {
        let command = "az show --ids \"$id\"";
        let wanted = format!("id=$(az acr show -n {{acr}}) &&\n{command}");
        assert_eq!(guarded(command, &LOOKUPS, false), wanted);
    }

    #[test]
    fn no_part_of_a_command_escapes_its_guard() {
        assert!(
            guarded("az a \"$id\"; az b", &LOOKUPS, true).contains("{ az a \"$id\"; az b; } ||")
        );
    }
}
