//! The command line and the unit of a process.

/// Returns the value of a flag that a program's arguments have last: `--name value` or
/// `--name=value`, with one dash or two, as Go programs take both.
pub fn flag<'a>(arguments: &'a [String], names: &[&str]) -> Option<&'a str> {
    let mut found = None;
    for (place, argument) in arguments.iter().enumerate().skip(1) {
        let Some(written) = argument.strip_prefix('-') else { continue };
        let written = written.strip_prefix('-').unwrap_or(written);
        match written.split_once('=') {
            Some((name, value)) if names.contains(&name) => found = Some(value),
            None if names.contains(&written) => {
                found = arguments.get(place + 1).map(String::as_str).or(found);
            }
            _ => {}
        }
    }
    found
}

/// The most bytes of a command line (`MAX_ARG_STRLEN` times sixteen), and the most words.
const MAX_LENGTH: usize = 2 * 1024 * 1024;

/// Splits the command line of a systemd unit into its words (systemd.service(5)): `$NAME` as a word of
/// its own is split, `${NAME}` is not. `value` is `None` where a variable is not known. Returns `None`
/// for what is not read here: quotes, escapes, specifiers, and the prefixes that change more than
/// rights.
pub fn command_line(written: &str, value: impl Fn(&str) -> Option<String>) -> Option<Vec<String>> {
    let written = written.trim_start_matches(['-', '+', '!']);
    if written.starts_with(['@', ':', '|']) || written.contains(['"', '\'', '\\', '%']) {
        return None;
    }
    let (mut words, mut length) = (vec![], 0_usize);
    for word in written.split_whitespace() {
        match word.strip_prefix('$') {
            Some(name) if is_name(name) => {
                let value = value(name)?;
                if value.contains(['"', '\'', '\\']) {
                    return None;
                }
                length += value.len();
                words.extend(value.split_whitespace().map(str::to_owned));
            }
            _ => {
                let word = with_values(word, &value)?;
                length += word.len();
                words.push(word);
            }
        }
        // The kernel takes no more either.
        if length > MAX_LENGTH || words.len() > MAX_LENGTH {
            return None;
        }
    }
    Some(words)
}

/// Returns a word with the variables in braces replaced.
fn with_values(word: &str, value: &impl Fn(&str) -> Option<String>) -> Option<String> {
    let (mut whole, mut rest) = (String::new(), word);
    while let Some((before, after)) = rest.split_once('$') {
        let (name, after) = after.strip_prefix('{')?.split_once('}')?;
        if !is_name(name) {
            return None;
        }
        whole.push_str(before);
        whole.push_str(&value(name)?);
        if whole.len() > MAX_LENGTH {
            return None;
        }
        rest = after;
    }
    whole.push_str(rest);
    Some(whole)
}

fn is_name(name: &str) -> bool {
    !name.is_empty() && name.bytes().all(|it| it.is_ascii_alphanumeric() || it == b'_')
}

/// Returns the systemd unit of a process by its `cgroup` file, with its slice: a unit of the system,
/// not one inside a container. Seen from a container, the path begins with `/..`.
pub fn system_unit(cgroup: &str) -> Option<String> {
    let paths = cgroup.lines().filter_map(|line| line.splitn(3, ':').nth(2));
    let units = paths.filter_map(|path| {
        let parts = path.split('/').filter(|part| !part.is_empty() && *part != "..");
        match parts.collect::<Vec<_>>()[..] {
            [slice, unit] => {
                let is_unit = slice.strip_suffix(".slice").and(unit.strip_suffix(".service"));
                is_unit.map(|_| unit.to_owned())
            }
            _ => None,
        }
    });
    units.into_iter().next()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn flags_as_go_programs_take_them() {
        let read = |text: &str| text.split(' ').map(str::to_owned).collect::<Vec<_>>();
        let run = read("/usr/bin/containerd --config /a.toml -l debug");
        assert_eq!(flag(&run, &["config", "c"]), Some("/a.toml"));
        assert_eq!(flag(&read("containerd -c=/b.toml"), &["config", "c"]), Some("/b.toml"));
        assert_eq!(flag(&read("containerd --config"), &["config", "c"]), None);
        assert_eq!(flag(&run, &["root"]), None);
        assert_eq!(flag(&[], &["root"]), None);
    }

    #[test]
    fn a_command_line_as_systemd_splits_it() {
        let read = |written: &str| {
            command_line(written, |name| match name {
                "OPTS" => Some("--config  /a.toml".into()),
                "FILE" => Some("/b c".into()),
                "NONE" => Some(String::new()),
                _ => None,
            })
        };
        let words = |all: &[&str]| Some(all.iter().map(|it| (*it).to_owned()).collect::<Vec<_>>());
        assert_eq!(
            read("-/x $OPTS -l debug"),
            words(&["/x", "--config", "/a.toml", "-l", "debug"])
        );
        assert_eq!(read("/x -c ${FILE}"), words(&["/x", "-c", "/b c"]));
        assert_eq!(read("/x --config=${FILE} $NONE ${NONE}"), words(&["/x", "--config=/b c", ""]));
        for odd in [
            "/x $OTHER",
            "/x a$OPTS",
            "/x $$OPTS",
            "/x ${OPTS",
            "/x 'a b'",
            "@/x y",
            "/x %n",
            ":/x $OPTS",
        ] {
            assert_eq!(read(odd), None, "{odd}");
        }
    }

    #[test]
    fn a_unit_of_the_system_is_no_unit_in_a_container() {
        let unit = system_unit;
        let containerd = Some("containerd.service".to_owned());
        assert_eq!(unit("0::/system.slice/containerd.service\n"), containerd);
        assert_eq!(unit("0::/../../../kubereserved.slice/containerd.service\n"), containerd);
        let one = "12:cpu:/\n1:name=systemd:/system.slice/containerd.service\n";
        assert_eq!(unit(one), containerd);
        let nested = "0::/kubepods.slice/pod1.slice/x/system.slice/containerd.service\n";
        assert_eq!(unit(nested), None);
        assert_eq!(unit("garbage"), None);
    }
}
