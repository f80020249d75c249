//! Look-ups: a command that needs an unknown value finds it out first, and stops unless it finds
//! exactly one.

use std::fmt::Write;

use super::Table;

/// A shell function that stops at a value that is empty, is more than one line, or ends in a carriage
/// return, as programs of Windows write it. It names the value and never prints it.
const ONE: &str = r#"one() { case $2 in ''|*[[:cntrl:]]*) ! echo "not exactly one $1" >&2;; esac; }
"#;

/// A value that a command finds out, under the name of the shell variable that holds it.
#[derive(Clone, Copy, Debug)]
pub struct Lookup {
    /// The command that prints it.
    pub run: &'static str,
    /// Whether it changes something, such as one that makes a new password.
    pub changes: bool,
}

/// Returns a command behind the look-ups of the variables that it uses, each with a guard.
///
/// The look-ups come first because a failed one inside the command, as in `--scope "$(…)"`, would
/// leave an empty value behind: for az, an empty scope is the whole subscription.
pub(super) fn guarded(command: &str, lookups: &Table<Lookup>, changes: bool) -> String {
    after(None, command, lookups, changes)
}

/// Returns a command that follows another one in the same shell: what that one looked up is known.
pub(super) fn after(
    first: Option<&str>,
    command: &str,
    lookups: &Table<Lookup>,
    changes: bool,
) -> String {
    let (mut known, mut needed) = (vec![], vec![]);
    first.iter().for_each(|first| collect(first, lookups, &mut known));
    collect(command, lookups, &mut needed);
    needed.retain(|name| !known.contains(name));
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
    let mut script = ONE.to_owned();
    let mut unguarded = vec![];
    for name in needed {
        let Some(lookup) = lookups.get(name) else { continue };
        // A look-up that uses an earlier one stands behind its guard, and one that changes something
        // behind all.
        if lookup.changes || variables(lookup.run).any(|used| unguarded.contains(&used)) {
            script += &guards(&mut unguarded);
        }
        // Otherwise a pipe ends as its last program does, whatever became of the first.
        let pipefail = if lookup.run.contains(" | ") { "set -o pipefail; " } else { "" };
        // Writing to a String cannot fail.
        let _ = writeln!(script, "{name}=$({pipefail}{}) &&", lookup.run);
        unguarded.push(name);
    }
    script += &guards(&mut unguarded);
    // A pipe or an alternative of the command must not escape the guards.
    let is_compound = command.contains('\n') || command.contains("; ") || command.contains(" || ");
    let command = if is_compound { format!("{{ {command}; }}") } else { command.to_owned() };
    script + &command
}

/// Returns the line that stops at each of these values, and empties the list.
fn guards(names: &mut Vec<&str>) -> String {
    if names.is_empty() {
        return String::new();
    }
    let guards: Vec<_> = names.drain(..).map(|name| format!("one {name} \"${name}\" &&")).collect();
    guards.join(" ") + "\n"
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

/// Returns the names of the shell variables in a command: `$name` and `${name…}`, but not what stands in
/// single quotes, which a shell leaves as it is.
pub fn variables(command: &str) -> impl Iterator<Item = &str> {
    let end = |rest: &str| rest.find(|c: char| !c.is_ascii_alphanumeric() && c != '_');
    let is_expanded = |at: &usize| {
        let (mut single, mut double) = (false, false);
        for byte in command[..*at].bytes() {
            match byte {
                b'\'' if !double => single = !single,
                b'"' if !single => double = !double,
                _ => {}
            }
        }
        !single
    };
    let places = command.match_indices('$').map(|(at, _)| at).filter(is_expanded);
    let names = places.map(|at| command[at + 1..].strip_prefix('{').unwrap_or(&command[at + 1..]));
    names.map(move |rest| &rest[..end(rest).unwrap_or(rest.len())]).filter(|name| !name.is_empty())
}

#[cfg(test)]
mod tests {
    use super::*;

    const LOOKUPS: Table<Lookup> = Table(&[
        ("fresh", Lookup { run: "az token create", changes: true }),
        ("id", Lookup { run: "az acr show -n {acr}", changes: false }),
        ("nic", Lookup { run: "az nic --id \"$id\"", changes: false }),
        ("password", Lookup { run: "az token | cut", changes: false }),
    ]);

    #[test]
    fn every_look_up_has_a_guard_and_comes_before_its_user() {
        assert_eq!(guarded("az go -n x", &LOOKUPS, true), "az go -n x");
        assert_eq!(
            guarded("az go --nic \"${nic##*/}\" \"$password\" $HOME", &LOOKUPS, true),
            format!(
                "{ONE}id=$(az acr show -n {{acr}}) &&\none id \"$id\" &&\n\
                 nic=$(az nic --id \"$id\") &&\n\
                 password=$(set -o pipefail; az token | cut) &&\n\
                 one nic \"$nic\" && one password \"$password\" &&\n\
                 az go --nic \"${{nic##*/}}\" \"$password\" $HOME"
            )
        );
    }

    #[test]
    fn a_look_up_that_changes_something_comes_behind_every_guard() {
        assert_eq!(
            guarded("az go $id $fresh", &LOOKUPS, true),
            format!(
                "{ONE}id=$(az acr show -n {{acr}}) &&\none id \"$id\" &&\n\
                 fresh=$(az token create) &&\none fresh \"$fresh\" &&\naz go $id $fresh"
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
    fn what_stands_in_single_quotes_is_no_variable() {
        let command = r#"kubectl patch -p '{"$patch":"x"}' "a '$id'" ${nic##*/} '$fresh'"#;
        assert_eq!(variables(command).collect::<Vec<_>>(), ["id", "nic"]);
    }

    #[test]
    fn no_part_of_a_command_escapes_its_guard() {
        assert!(guarded("az a \"$id\"; az b", &LOOKUPS, true).ends_with("{ az a \"$id\"; az b; }"));
    }
}
