//! Archives that Go and containerd take, and those that they refuse.

use super::{
    numbers::{number, octal},
    *,
};

/// Returns the header of a file, and its data and padding.
fn file(kind: u8, name: &str, data: &[u8]) -> Vec<u8> {
    let mut block = vec![0; BLOCK];
    block[..name.len()].copy_from_slice(name.as_bytes());
    block[100..108].copy_from_slice(b"0000644\0");
    block[124..136].copy_from_slice(format!("{:011o}\0", data.len()).as_bytes());
    block[156] = kind;
    block[257..265].copy_from_slice(b"ustar\x0000");
    signed(&mut block);
    block.extend_from_slice(data);
    block.resize(BLOCK + data.len().next_multiple_of(BLOCK), 0);
    block
}

/// Writes the sum of a header.
fn signed(block: &mut [u8]) {
    block[148..156].fill(b' ');
    let sum: u32 = block[..BLOCK].iter().map(|byte| u32::from(*byte)).sum();
    block[148..156].copy_from_slice(format!("{sum:06o}\0 ").as_bytes());
}

fn record(key: &str, value: &str) -> Vec<u8> {
    let rest = key.len() + value.len() + 3;
    let length =
        (rest + 1..rest + 9).find(|length| length.to_string().len() + rest == *length).unwrap();
    format!("{length} {key}={value}\n").into_bytes()
}

fn read(bytes: &[u8], piece: usize) -> Option<String> {
    let mut archive = Archive::of(false);
    bytes.chunks(piece).for_each(|part| archive.write(part));
    archive.finish().err()
}

fn said(parts: &[&[u8]]) -> Option<String> {
    let bytes = parts.concat();
    let said = read(&bytes, 4096);
    assert_eq!(read(&bytes, 7), said);
    said
}

#[test]
fn what_go_takes_and_what_it_refuses() {
    let (zeros, one) = ([0; 2 * BLOCK], file(b'0', "a", b"hello"));
    let end = &zeros[..];
    for whole in [
        &[][..],
        &[end],
        &[&one, end, b"whatever"],
        // Without the blocks of zeros, with one of them, and without padding.
        &[&one],
        &[&one, &end[..BLOCK]],
        &[&one[..BLOCK + 5]],
        &[&file(b'x', "x", &record("size", "2")), &one[..BLOCK], b"hi"],
        &[&file(b'x', "x", &record("mtime", "1.5"))],
        &[&file(b'g', "g", &record("size", "x")), &one],
        &[&file(b'L', "L", b"directory/\0"), &file(0, "a", b"")],
        &[&file(b'5', "d", b"")],
        // What is not written may be of any kind, and is skipped.
        &[&file(b'9', ".wh.a", b"data"), &one],
        &[&file(b'9', "./", b""), &one],
        &[&file(b'x', "x", &record("path", "..")), &file(b'7', "a", b"data"), &one],
        &[&file(b'g', "n".repeat(100).as_str(), b""), &one],
    ] {
        assert_eq!(said(whole), None, "{:?}", whole.concat());
    }
    let mut unsigned = one.clone();
    unsigned[0] = b'b';
    let mut negative = one.clone();
    negative[124..136].fill(0xff);
    signed(&mut negative);
    for (broken, why) in [
        (&[&b"hello"[..]][..], CUT),
        (&[&[b'a'; BLOCK]], INVALID),
        (&[&unsigned], INVALID),
        (&[&negative], INVALID),
        (&[&end[..BLOCK], &one], INVALID),
        (&[&one[..BLOCK + 4]], CUT),
        (&[&one, b"tail"], CUT),
        (&[&file(b'x', "x", b"5 a=b"), &one], INVALID),
        (&[&file(b'x', "x", &record("size", "x")), &one], INVALID),
        (&[&file(b'x', "x", &record("a\0", "x")), &one], INVALID),
        (&[&file(b'L', "L", &vec![b'a'; 1 << 20 | 1])], "archive/tar: header field too long"),
        (&[&file(b'S', "sparse", b"")], INVALID),
        (&[&file(b'7', "a", b"")], "unhandled tar header type 55"),
        (&[&file(b'7', "a/.", b"")], "unhandled tar header type 55"),
        (&[&file(b'7', ".", b"data"), b"tail"], CUT),
        (&[&file(b'7', ".", b""), &[b'a'; BLOCK]], INVALID),
        (&[&file(b'0', "d/.wh..", b"")], "invalid whiteout name: .wh..: invalid archive"),
        (&[&file(b'g', ".wh.", b"")], "invalid whiteout name: .wh.: invalid archive"),
        (&[&file(b'2', "a", b"")], "no such file or directory"),
        (&[&file(b'1', "a", b"")], "link  a: operation not permitted"),
        (&[&file(b'L', "L", &[b'n'; 256]), &one], "file name too long"),
    ] {
        assert_eq!(said(broken).as_deref(), Some(why), "{:?}", &broken.concat()[..5]);
    }
}

#[test]
fn numbers_are_octal_or_binary() {
    assert_eq!(octal(b" 0017\0 "), Some(15));
    assert_eq!(octal(b"\0\0"), Some(0));
    for not in [&b"8"[..], b"+7", b"-7", b"1 2", b"\x08"] {
        assert_eq!(octal(not), None, "{not:?}");
    }
    assert_eq!(number(&[0x80, 0, 1, 0]), Some(256));
    assert_eq!(number(&[0xff; 12]), Some(-1));
    assert_eq!(number(&[0x80, 1, 0, 0, 0, 0, 0, 0, 0, 0]), None);
}

/// Returns the header with a prefix of the name.
fn below(prefix: &str, mut file: Vec<u8>) -> Vec<u8> {
    file[345..345 + prefix.len()].copy_from_slice(prefix.as_bytes());
    signed(&mut file);
    file
}

#[test]
fn the_prefix_of_a_name() {
    let one = file(b'0', "a", b"hello");
    for name in ["", "."] {
        let odd = below("d", file(b'7', name, b""));
        assert_eq!(said(&[&odd]).as_deref(), Some("unhandled tar header type 55"));
        // It is a directory, which has no data.
        let legacy = below("d", file(0, "", b"data"));
        assert_eq!(said(&[&legacy[..BLOCK], &one]), None);
    }
    assert_eq!(said(&[&below("d", file(b'7', ".wh.a", b""))]), None);
    assert_eq!(said(&[&below("..", file(b'7', "..", b""))]), None);
    // GNU has two times there, and the prefix of an old Go where they are none.
    let mut gnu = file(b'7', "..", b"");
    gnu[257..265].copy_from_slice(b"ustar  \0");
    assert_eq!(said(&[&below("0000", gnu.clone())]), None);
    assert_eq!(said(&[&below("d/e", gnu)]).as_deref(), Some("unhandled tar header type 55"));
}

#[test]
fn sparse_files() {
    let sparse = |records: &[(&str, &str)], kind: u8, name: &str, data: &[u8]| {
        let records: Vec<u8> = records.iter().flat_map(|(key, value)| record(key, value)).collect();
        [file(b'x', "x", &records), file(kind, name, data), file(b'0', "b", b"hello")].concat()
    };
    let zero = |count: &str, map: &str| {
        let all = [("numblocks", count), ("map", map), ("size", "9")]
            .map(|(key, value)| (format!("GNU.sparse.{key}"), value.to_owned()));
        let all: Vec<_> = all.iter().map(|(key, value)| (&key[..], &value[..])).collect();
        said(&[&sparse(&all, b'0', "a", b"data")])
    };
    assert_eq!(zero("2", "0,1,6,3"), None);
    for (count, map) in
        [("1", "0,1,6,3"), ("2", "0,1,6,x"), ("x", "0,4"), ("2", "6,3,0,1"), ("1", "6,4")]
    {
        assert_eq!(zero(count, map).as_deref(), Some(INVALID), "{map}");
    }
    assert!(zero("1", "0,3").unwrap().contains("unreferenced data"));
    assert!(zero("1", "0,5").unwrap().contains("non-existent data"));
    // A map in the data.
    let one = |map: &str, kind: u8, name: &str| {
        let mut data = map.as_bytes().to_vec();
        data.resize(BLOCK, 0);
        data.extend(b"data");
        let all = [
            ("GNU.sparse.major", "1"),
            ("GNU.sparse.minor", "0"),
            ("GNU.sparse.realsize", "9"),
            ("GNU.sparse.name", name),
        ];
        said(&[&sparse(&all, kind, "x", &data)])
    };
    assert_eq!(one("2\n0\n1\n6\n3\n", b'0', "a"), None);
    assert_eq!(one("0\n", b'0', ".wh.a"), None);
    for (map, why) in [("x\n", INVALID), ("-1\n", INVALID), ("1\n8\n2\n", INVALID), ("1\n0\n", CUT)]
    {
        assert_eq!(one(map, b'0', "a").as_deref(), Some(why), "{map}");
    }
    assert_eq!(one("0\n", b'7', "a").as_deref(), Some("unhandled tar header type 55"));
    assert_eq!(one("0\n", b'5', "a").as_deref(), Some(CUT));
    // Records of a version that Go does not know are none, and those before all files are read as well.
    assert_eq!(said(&[&sparse(&[("GNU.sparse.major", "2")], b'0', "a", b"data")]), None);
    let order = [record("GNU.sparse.numbytes", "1"), record("GNU.sparse.offset", "1")].concat();
    assert_eq!(said(&[&file(b'g', "g", &order)]).as_deref(), Some(INVALID));
}

#[test]
fn old_sparse_files() {
    let old = |name: &str, extended: u8, region: &[u8]| {
        let mut file = file(b'S', name, b"data");
        file[257..265].copy_from_slice(b"ustar  \0");
        file[345..500].fill(0);
        file[386..386 + region.len()].copy_from_slice(region);
        file[482] = extended;
        file[483..495].copy_from_slice(b"00000000011\0");
        signed(&mut file);
        file
    };
    let one = file(b'0', "a", b"hello");
    let region = b"00000000000\x0000000000004\x00";
    assert_eq!(said(&[&old(".wh.a", 0, region), &one]), None);
    let whole = old(".wh.a", 1, region);
    assert_eq!(said(&[&whole[..BLOCK], &[0; BLOCK], &whole[BLOCK..], &one]), None);
    assert_eq!(said(&[&whole[..BLOCK]]).as_deref(), Some(CUT));
    assert_eq!(said(&[&old(".wh.a", 0, b"x")]).as_deref(), Some(INVALID));
    assert_eq!(said(&[&old("a", 0, region)]).as_deref(), Some("unhandled tar header type 83"));
}
