//! Where containerd writes a file of an archive, if it does (containerd 2.2, pkg/archive/tar.go).

/// The longest name that Linux takes, and the longest path, with the zero at its end (linux/limits.h). Links may
/// make a path shorter than it is written.
pub(super) const MAX_NAME: usize = 255;
pub(super) const MAX_PATH: usize = 4096;
pub(super) const TOO_LONG: &str = "file name too long";

/// Returns whether containerd writes a file with this name: not where it is that of the root, nor of what
/// is to be removed. An error is why it refuses the name: that of records for all files makes none, and may be
/// of any length.
pub(super) fn is_written(kind: u8, name: &[u8]) -> Result<bool, String> {
    if name.contains(&0) {
        return Err("invalid argument".to_owned());
    }
    let mut parts = clean(name);
    let Some(base) = parts.pop() else { return Ok(false) };
    let (is_file, base) = match base.strip_prefix(b".wh.") {
        Some(_) if base == b".wh..wh..opq" => (false, &b""[..]),
        // `validateWhiteout`
        Some(b"" | b"." | b"..") => {
            let base = String::from_utf8_lossy(base);
            return Err(format!("invalid whiteout name: {base}: invalid archive"));
        }
        Some(removed) => (false, removed),
        None => (true, base),
    };
    parts.push(base);
    if kind != b'g' && parts.iter().any(|part| part.len() > MAX_NAME) {
        return Err(TOO_LONG.to_owned());
    }
    Ok(is_file)
}

/// Returns the length of a path, with a slash before each part.
pub(super) fn length(parts: &[&[u8]]) -> usize {
    parts.iter().map(|part| part.len() + 1).sum()
}

/// Returns the parts of a path below the root, as Go's `filepath.Clean` and containerd's `fs.RootPath`
/// leave them.
pub(super) fn clean(name: &[u8]) -> Vec<&[u8]> {
    let mut parts = vec![];
    name.split(|byte| *byte == b'/').for_each(|part| step(&mut parts, part));
    parts
}

/// Takes the next part of a path, which may lead back.
pub(super) fn step<'a>(path: &mut Vec<&'a [u8]>, part: &'a [u8]) {
    match part {
        b"" | b"." => {}
        b".." => drop(path.pop()),
        part => path.push(part),
    }
}

/// Returns why Linux makes no symbolic link to a target, if it never does.
pub(super) fn refused_link(target: &[u8]) -> Option<&'static str> {
    match target.len() {
        0 => Some("no such file or directory"),
        MAX_PATH.. => Some(TOO_LONG),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names() {
        let long = "n".repeat(255);
        for (name, written) in [
            ("a", true),
            ("a/.", true),
            ("../a", true),
            ("/a/b/..", true),
            (".wh....", false),
            (".wh..wh..opq", false),
            ("a/.wh.b", false),
            (&long, true),
            (&format!(".wh.{long}"), false),
            (&format!("{long}n/.."), false),
        ] {
            assert_eq!(is_written(b'0', name.as_bytes()), Ok(written), "{name}");
        }
        for root in ["", ".", "./", "/", "..", "a/..", "../..", "//", "a/b/../.."] {
            assert_eq!(is_written(b'0', root.as_bytes()), Ok(false), "{root}");
        }
        for whiteout in [".wh.", ".wh..", "a/.wh...", "a/.wh../"] {
            let error = is_written(b'0', whiteout.as_bytes()).unwrap_err();
            assert!(error.starts_with("invalid whiteout name: .wh."), "{error}");
        }
        for long in [format!("{long}n"), format!("{long}n/a")] {
            assert_eq!(is_written(b'0', long.as_bytes()), Err(TOO_LONG.to_owned()));
        }
    }
}
