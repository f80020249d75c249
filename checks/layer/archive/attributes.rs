//! Extended attributes of files, which containerd sets as records name them (containerd 2.2, pkg/archive/tar.go).

use super::records::Records;

/// The longest name of an attribute, and its longest value (linux/limits.h).
const MAX_NAME: usize = 255;
const MAX_VALUE: usize = 64 * 1024;
/// What stands before the names of attributes that root may set.
const NAMESPACES: [&[u8]; 2] = [b"user.", b"security."];
/// What containerd does not hand to Linux at all (`pkg/archive/tar_unix.go`, `setxattr`).
const NOT_SET: &[u8] = b"trusted.";

/// Returns why Linux refuses an attribute on every file system, if it does (linux, fs/xattr.c).
pub(super) fn refused(kind: u8, records: &Records) -> Option<&'static str> {
    let mut named = records
        .iter()
        .filter_map(|(key, value)| Some((key.strip_prefix(b"SCHILY.xattr.")?, value)));
    named.find_map(|(name, value)| refused_one(kind, name, value))
}

fn refused_one(kind: u8, name: &[u8], value: &[u8]) -> Option<&'static str> {
    if name.starts_with(NOT_SET) {
        return None;
    }
    if name.is_empty() || name.len() > MAX_NAME {
        return Some("numerical result out of range");
    }
    if value.len() > MAX_VALUE {
        return Some("argument list too long");
    }
    // Only files, by any of their names, and folders can have them; containerd passes over the others.
    if name.starts_with(b"user.") && !matches!(kind, b'0' | b'1' | b'5') {
        return None;
    }
    let is_invalid = match name {
        b"security.capability" => !value.is_empty() && !is_capability(value),
        name => NAMESPACES.contains(&name),
    };
    is_invalid.then_some("invalid argument")
}

/// Returns whether these are capabilities of a file, of the second or third revision, with one flag at most and a
/// root that is a user (linux/capability.h; security/commoncap.c, `cap_convert_nscap`).
fn is_capability(value: &[u8]) -> bool {
    let Some((revision, rest)) = value.split_first_chunk::<4>() else { return false };
    let revision = u32::from_le_bytes(*revision) & !1;
    match (revision, value.len()) {
        (0x0200_0000, 20) => true,
        (0x0300_0000, 24) => !rest.ends_with(&u32::MAX.to_le_bytes()),
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_linux_refuses() {
        let refused = |kind, name: &str, value: &[u8]| {
            let records = [(format!("SCHILY.xattr.{name}").into_bytes(), value.to_vec())];
            refused(kind, &Records::from(records))
        };
        let capability = [&[1, 0, 0, 2][..], &[0; 16]].concat();
        let (range, argument) = (Some("numerical result out of range"), Some("invalid argument"));
        assert_eq!(refused(b'0', "security.capability", &capability), None);
        assert_eq!(refused(b'0', "security.capability", &capability[..12]), argument);
        let third = |root: u8| [&[0, 0, 0, 3][..], &[0; 16], &[root; 4]].concat();
        assert_eq!(refused(b'0', "security.capability", &third(0)), None);
        assert_eq!(refused(b'0', "security.capability", &third(0xff)), argument);
        let flags = [&[1, 1, 0, 2][..], &[0; 16]].concat();
        assert_eq!(refused(b'0', "security.capability", &flags), argument);
        // Nothing is written.
        assert_eq!(refused(b'0', "security.capability", b""), None);
        assert_eq!(refused(b'1', "user.", b""), argument);
        assert_eq!(refused(b'0', "trusted.", &vec![0; MAX_VALUE + 1]), None);
        assert_eq!(refused(b'0', "", b""), range);
        assert_eq!(refused(b'0', &"n".repeat(256), b""), range);
        assert_eq!(refused(b'0', "user.", b""), argument);
        // Neither links nor namespaces that are not known.
        assert_eq!(refused(b'2', "user.", b""), None);
        assert_eq!(refused(b'0', "com.apple.quarantine", b"x"), None);
        assert!(refused(b'2', "user.a", &vec![0; MAX_VALUE + 1]).is_some());
    }
}
