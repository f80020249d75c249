//! Files of the Linux process file system (proc(5)).

use std::time::Duration;

/// How many ticks of `stat` are in a second: the kernel fixes what it tells programs (`USER_HZ`).
const TICKS: u64 = 100;
/// The place of the start time in `stat`, counted from the state that follows the name.
const START_TIME: usize = 19;

/// Returns how long after the boot a process started, by its `stat`. Its name, in parentheses, may
/// hold parentheses and spaces itself.
pub fn started_after_boot(stat: &[u8]) -> Option<Duration> {
    let text = String::from_utf8_lossy(stat);
    let (_, rest) = text.rsplit_once(')')?;
    let ticks: u64 = rest.split_whitespace().nth(START_TIME)?.parse().ok()?;
    Some(Duration::from_millis(ticks.checked_mul(1000 / TICKS)?))
}

/// Returns when the system booted, in seconds of Unix time, by `/proc/stat`.
pub fn boot_time(stat: &[u8]) -> Option<i64> {
    let text = String::from_utf8_lossy(stat);
    text.lines().find_map(|line| line.strip_prefix("btime ")?.trim().parse().ok())
}

/// Returns the arguments in the `cmdline` of a process, the program first.
pub fn arguments(cmdline: &[u8]) -> Vec<String> {
    let text = String::from_utf8_lossy(cmdline);
    let text = text.strip_suffix('\0').unwrap_or(&text);
    text.split('\0').filter(|_| !text.is_empty()).map(str::to_owned).collect()
}

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

/// Returns the systemd unit of a process by its `cgroup` file, with its slice: a unit of the system,
/// not one inside a container. Seen from a container, the path begins with `/..`.
pub fn system_unit(cgroup: &[u8]) -> Option<String> {
    let text = String::from_utf8_lossy(cgroup).into_owned();
    let paths = text.lines().filter_map(|line| line.splitn(3, ':').nth(2));
    let units = paths.filter_map(|path| {
        let parts = path.split('/').filter(|part| !part.is_empty() && *part != "..");
        match parts.collect::<Vec<_>>()[..] {
            [slice, unit] if slice.ends_with(".slice") && unit.ends_with(".service") => {
                Some(unit.to_owned())
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
    fn the_start_is_behind_the_last_parenthesis() {
        let stat = b"812 (a) b (c) S 1 812 812 0 -1 4194560 1 2 3 4 5 6 7 8 20 0 9 0 12345 99 1\n";
        assert_eq!(started_after_boot(stat), Some(Duration::from_millis(123_450)));
        for odd in [&b""[..], b"812", b"812 (x) S 1", b"1 (x) S 1 1 1 1 1 1 1 1 1 1 1 1 1 1 1 1 1 1 x"] {
            assert_eq!(started_after_boot(odd), None);
        }
        let huge = format!("1 (x) S {} {}", "0 ".repeat(18), u64::MAX);
        assert_eq!(started_after_boot(huge.as_bytes()), None);
        assert_eq!(boot_time(b"cpu 1 2\nbtime 1764300000\nprocesses 9\n"), Some(1_764_300_000));
        assert_eq!(boot_time(b"btime x\n\xff"), None);
    }

    #[test]
    fn flags_as_go_programs_take_them() {
        let read = |text: &[u8]| arguments(text);
        let run = read(b"/usr/bin/containerd\0--config\0/a.toml\0-l\0debug\0");
        assert_eq!(flag(&run, &["config", "c"]), Some("/a.toml"));
        assert_eq!(flag(&read(b"containerd\0-c=/b.toml\0"), &["config", "c"]), Some("/b.toml"));
        assert_eq!(flag(&read(b"containerd\0--config\0"), &["config", "c"]), None);
        assert_eq!(flag(&run, &["root"]), None);
        assert!(arguments(b"").is_empty());
    }

    #[test]
    fn a_unit_of_the_system_is_no_unit_in_a_container() {
        let unit = |text: &str| system_unit(text.as_bytes());
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
