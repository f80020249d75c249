//! JSON that Go scans, and what it refuses.

use super::*;

/// Of its lists everything is kept, and nothing of its objects.
const NUMBERS: Shape = Shape::List(&Shape::List(&Shape::Int));

fn whole(bytes: &[u8]) -> Option<Json> {
    super::whole(bytes, &NUMBERS).ok()
}

fn text(json: &str) -> Option<String> {
    match whole(json.as_bytes())? {
        Json::Text(text) => Some(text.text),
        _ => None,
    }
}

#[test]
fn texts() {
    assert_eq!(text(r#""aé\n\u00e9\ud83d\ude00\/""#).unwrap(), "aé\né😀/");
    assert_eq!(text(r#""a\ud800b\udc00\ud800\u0041""#).unwrap(), "a\u{fffd}b\u{fffd}\u{fffd}A");
    assert!(matches!(whole(b"\"\xff\""), Some(Json::Text(text)) if text.text == "\u{fffd}"));
    for bad in [r#""a"#, r#""\x""#, r#""\u12g4""#, r#""\u+123""#, "\"a\tb\"", r#""a" x"#] {
        assert!(text(bad).is_none(), "{bad}");
    }
}

#[test]
fn numbers() {
    for (json, number) in [("0", 0), ("-0", 0), (" -5 ", -5), ("9223372036854775807", i64::MAX)] {
        assert!(matches!(whole(json.as_bytes()), Some(Json::Int(n)) if n == number), "{json}");
    }
    for other in ["1.0", "1e3", "1E-2", "-0.5", "9223372036854775808"] {
        assert!(matches!(whole(other.as_bytes()), Some(Json::OtherNumber)), "{other}");
    }
    for bad in ["01", "-", ".5", "1.", "1e", "+1", "NaN", "0x1"] {
        assert!(whole(bad.as_bytes()).is_none(), "{bad}");
    }
}

#[test]
fn documents() {
    let deep = |levels: usize| "[".repeat(levels) + &"]".repeat(levels);
    for good in ["{}", " [ 1 , {\"a\" : [ null , true ] } ] ", &deep(MAX_DEPTH), &deep(500)] {
        assert!(whole(good.as_bytes()).is_some());
    }
    let mixed = r#"[{"a":"#.repeat(100) + "[1,2.5,\"x\",{},[]]" + &"}]".repeat(100);
    assert!(whole(mixed.as_bytes()).is_some());
    let broken = r#"[{"a":"#.repeat(100) + "[1,2.5,\"x\",{},[]" + &"}]".repeat(100);
    for bad in [
        "",
        "{",
        "[1,]",
        "{\"a\"}",
        "{\"a\":1,}",
        "{a:1}",
        "[1 2]",
        "\u{feff}{}",
        "nul",
        "/**/1",
        &deep(MAX_DEPTH + 1),
        &broken,
    ] {
        assert!(whole(bad.as_bytes()).is_none(), "{}", &bad[..bad.len().min(20)]);
    }
    assert!(first(b"{} x", &NUMBERS).is_ok() && whole(b"{} x").is_none());
}

#[test]
fn only_what_a_type_has_is_kept() {
    const TYPE: Shape = Shape::Struct(&[("a", NUMBERS), ("b", Shape::Pointer(&TYPE_OF_B))]);
    const TYPE_OF_B: Shape = Shape::Struct(&[("c", Shape::Raw)]);
    let json = r#"{"x":[1,[2]],"A":[1,[2,[3]],{"a":4}],"b":{"c":{"d":[5]},"a":[6]}}"#;
    let read = super::whole(json.as_bytes(), &TYPE).unwrap();
    let (list, object, number) = (Json::List, Json::Object, Json::Int);
    let a = list(vec![number(1), list(vec![number(2), list(vec![])]), object(vec![])]);
    let b = object(vec![("c".to_owned(), object(vec![]))]);
    assert_eq!(read, object(vec![("A".to_owned(), a), ("b".to_owned(), b)]));
    let many = |ones: usize| super::whole(format!("[{}1]", "1,".repeat(ones)).as_bytes(), &NUMBERS);
    assert!(many(MAX_KEPT - 1).is_ok());
    assert_eq!(many(MAX_KEPT), Err(NoValue::TooMuch));
    // None of them is kept.
    let skipped = format!(r#"{{"x":[{}1]}}"#, "1,".repeat(MAX_KEPT));
    assert!(super::whole(skipped.as_bytes(), &TYPE).is_ok());
}
