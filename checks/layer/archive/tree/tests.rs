//! Files that fit together, and what Linux refuses.

use super::*;

/// Entries, as their kind, name and target.
type Entries<'a> = &'a [(u8, &'a str, &'a str)];

fn said(is_first: bool, entries: Entries<'_>) -> Option<String> {
    let mut tree = Tree::new(is_first);
    for (kind, name, link) in entries {
        if let Err(why) = tree.add(*kind, name.as_bytes(), link.as_bytes()) {
            return Some(why);
        }
    }
    tree.finish().err()
}

const FILE: (u8, &str, &str) = (b'0', "d/a", "");

#[test]
fn files_that_fit_together() {
    for entries in [
        &[FILE, (b'1', "b", "d/a"), (b'1', "c", "/../d/./a"), (b'1', "e/f", "b")][..],
        &[(b'2', "l", "absent"), (b'1', "b", "l")],
        &[(b'2', "l", "d"), (b'0', "l/a", ""), (b'1', "b", "d/a"), (b'1', "c", "l/a")],
        &[
            (b'2', "l", "/d"),
            (b'2', "d/up", "../x/y"),
            FILE,
            (b'0', "l/up/z", ""),
            (b'1', "b", "x/y/z"),
        ],
        &[(b'2', "l", "../../d/e/.."), (b'0', "l/a", ""), (b'1', "b", "d/a")],
        &[FILE, (b'0', "d", ""), (b'1', "b", "d")],
        &[FILE, FILE, (b'5', "d", ""), (b'1', "b", "d/a")],
        &[(b'5', "d", ""), (b'2', "d", "e"), (b'5', "e", "")],
        &[(b'3', "null", ""), (b'1', "b", "null")],
        &[FILE, (b'g', "d", ""), FILE],
    ] {
        assert_eq!(said(true, entries), None, "{entries:?}");
        assert_eq!(said(false, entries), None, "{entries:?}");
    }
}

#[test]
fn what_linux_refuses() {
    let long = "n".repeat(256);
    for (entries, why) in [
        (&[(b'1', "b", "d/a")][..], "link d/a b: no such file or directory"),
        (&[FILE, (b'1', "d/a", "d/a")], "link d/a d/a: no such file or directory"),
        (&[FILE, (b'1', "d", "d/a")], "link d/a d: no such file or directory"),
        (&[FILE, (b'g', "d/a", ""), (b'1', "b", "d/a")], "link d/a b: no such file or directory"),
        (&[(b'1', "b", "d/a"), FILE], "link d/a b: no such file or directory"),
        (&[FILE, (b'1', "b", "d")], "link d b: operation not permitted"),
        (&[FILE, (b'1', "b", "d/")], "link d/ b: operation not permitted"),
        (&[FILE, (b'1', "b", "d/a/..")], "link d/a/.. b: operation not permitted"),
        (&[FILE, (b'1', "b", "")], "link  b: operation not permitted"),
        (&[FILE, (b'1', "b", "..")], "link .. b: operation not permitted"),
        (&[FILE, (b'0', "d/a/b", "")], "d/a: not a directory"),
        (&[FILE, (b'0', "d/a/b/c", "")], "a: not a directory"),
        (&[FILE, (b'2', "l", "d/a"), (b'0', "l/b", "")], "d/a: not a directory"),
        (&[(b'2', "l", "m"), (b'2', "m", "l"), (b'0', "l/b", "")], "l: too many links"),
        (&[(b'2', "l", &long), (b'0', "l/b", "")], "file name too long"),
        // Its times are set at the end.
        (&[(b'5', "d/e", ""), (b'0', "d", "")], "d: not a directory"),
        (&[(b'5', "d/e", ""), (b'2', "d", "f")], "d/e: no such file or directory"),
    ] {
        let got = said(true, entries).unwrap_or_default();
        assert!(got.ends_with(why) || got.starts_with(why), "{entries:?}: {got}");
        assert_eq!(said(false, entries), Some(got));
    }
}

#[test]
fn a_whiteout_removes_or_hides() {
    let hidden: Entries<'_> = &[FILE, (b'0', "d/.wh.a", "")];
    assert_eq!(said(true, hidden), None);
    assert_eq!(said(false, hidden).as_deref(), Some("d/.wh.a: file exists"));
    let gone: Entries<'_> = &[FILE, (b'0', ".wh.d", ""), (b'1', "b", "d/a")];
    assert!(said(true, gone).unwrap().ends_with("no such file or directory"));
    let folder: Entries<'_> = &[(b'5', "d", ""), (b'0', ".wh.d", "")];
    assert_eq!(said(true, folder).as_deref(), Some("d: no such file or directory"));
    // The device that hides a file is one.
    let linked: Entries<'_> = &[(b'0', ".wh.a", ""), (b'1', "b", "a")];
    assert_eq!(said(false, linked), None);
    // An opaque folder of the first layer keeps what has an entry.
    let opaque = |linked| {
        said(true, &[FILE, (b'0', "d/e/f", ""), (b'0', "d/.wh..wh..opq", ""), (b'1', "b", linked)])
    };
    assert_eq!(opaque("d/a"), None);
    assert!(opaque("d/e/f").is_some());
}

#[test]
fn what_is_kept_has_a_bound() {
    let mut tree = Tree::new(true);
    for number in 0..=MAX_FILES {
        assert_eq!(tree.add(b'0', number.to_string().as_bytes(), b""), Ok(true));
    }
    assert!(tree.finish() == Ok(false) && tree.nodes.capacity() == 0);
    assert_eq!(tree.add(b'1', b"b", b"absent"), Ok(true));
}

/// A target of any length, of which Linux takes no path.
#[test]
fn a_target_of_a_million_parts() {
    let deep = "x/".repeat(500_000);
    let said = said(true, &[(b'0', "x/x/a", ""), (b'1', "b", &deep)]).unwrap();
    assert!(said.ends_with("file name too long"), "{said}");
}

/// Each entry leads through thousands of folders, by a link.
#[test]
fn what_is_looked_up_has_a_bound() {
    let deep = "a/".repeat(2000);
    let mut tree = Tree::new(true);
    tree.add(b'0', format!("{deep}b").as_bytes(), b"").unwrap();
    tree.add(b'2', b"l", deep.as_bytes()).unwrap();
    for number in 0..MAX_STEPS / deep.len() {
        assert_eq!(tree.add(b'0', format!("l/{number}").as_bytes(), b""), Ok(true));
    }
    assert!(tree.finish() == Ok(false) && tree.steps.get() < 2 * MAX_STEPS);
}
