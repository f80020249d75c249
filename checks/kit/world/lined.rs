//! YAML, and so JSON, with the line of each value: what a manifest names is shown where it stands.

use std::{fmt, panic::resume_unwind};

use serde::{
    Deserialize, Deserializer,
    de::{MapAccess, SeqAccess, Visitor},
};
use serde_json::{Map, Value};
use serde_saphyr::{Error, Spanned, budget::BudgetBreach};

/// The most documents of a text: a whole chart of charts has some hundreds.
const MAX_DOCUMENTS: usize = 20_000;
/// The most values: the definitions of a large operator have some hundred thousand.
const MAX_VALUES: usize = 1_000_000;
/// How deep values are nested at most.
const MAX_DEPTH: usize = 64;
/// A limit of the parser that is never met before that: it looks 1,024 characters ahead for a key.
const FLOW_LIMIT: usize = MAX_DEPTH + 1100;
/// The stack for that depth: a level takes some tens of kilobytes in a build that is not optimized.
const STACK_BYTES: usize = 16 * 1024 * 1024;

/// A value and the line where it stands.
#[derive(Clone, Debug, PartialEq)]
pub struct Lined {
    /// The line, from 1; that of the alias where an anchor has the value, and that of the key where fields or a
    /// list stand behind one.
    pub line: u64,
    /// The value.
    pub contents: Contents,
}

/// A value, in whose parts each has its line.
#[derive(Clone, Debug, PartialEq)]
pub enum Contents {
    /// A text.
    Text(String),
    /// A list.
    List(Vec<Lined>),
    /// Fields, in the order of the text.
    Fields(Vec<(String, Lined)>),
    /// A number, `true`, `false` or `null`.
    Other(Value),
}

impl Lined {
    /// Returns a field, where this has fields.
    pub fn field(&self, name: &str) -> Option<&Lined> {
        self.fields().iter().find_map(|(key, value)| (key == name).then_some(value))
    }

    /// Returns the fields; none where this has none.
    pub fn fields(&self) -> &[(String, Lined)] {
        if let Contents::Fields(fields) = &self.contents { fields } else { &[] }
    }

    /// Returns the items; none where this is no list.
    pub fn items(&self) -> &[Lined] {
        if let Contents::List(items) = &self.contents { items } else { &[] }
    }

    /// Returns the text, where it is one.
    pub fn text(&self) -> Option<&str> {
        if let Contents::Text(text) = &self.contents { Some(text) } else { None }
    }

    /// Returns the text of a field.
    pub fn text_of(&self, name: &str) -> Option<&str> {
        self.field(name)?.text()
    }

    /// Returns the value without its lines.
    pub fn value(&self) -> Value {
        match &self.contents {
            Contents::Text(text) => text.as_str().into(),
            Contents::List(items) => items.iter().map(Lined::value).collect(),
            Contents::Fields(fields) => {
                let fields = fields.iter().map(|(key, value)| (key.clone(), value.value()));
                Value::Object(fields.collect::<Map<String, Value>>())
            }
            Contents::Other(value) => value.clone(),
        }
    }
}

/// Why a text was not read. It does not quote the text, which may hold a password.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Unread {
    /// It is not UTF-8.
    NotText,
    /// It does not parse as YAML, from there on; both count from 1. Nothing where that is not known.
    NotYaml(Option<(u64, u64)>),
    /// It has more than is read, and may be good YAML.
    TooMuch {
        /// More than so many.
        limit: usize,
        /// Of what.
        what: &'static str,
        /// Until which line it was read.
        line: u64,
    },
}

impl fmt::Display for Unread {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Unread::NotText => f.write_str("this is not text (UTF-8)"),
            Unread::NotYaml(None) => f.write_str("no YAML"),
            Unread::NotYaml(Some((line, column))) => {
                write!(f, "no YAML: line {line}, column {column}")
            }
            Unread::TooMuch { limit, what, line } => write!(
                f,
                "more than check-acr reads, at line {line}: at most {limit} {what}; give parts of it"
            ),
        }
    }
}

/// Reads every document of a text. Documents without a value are left out.
///
/// # Errors
/// Returns where the text does not parse, or which limit of this reader it exceeds.
pub fn lined_documents(bytes: &[u8]) -> Result<Vec<Lined>, Unread> {
    let text = std::str::from_utf8(bytes).map_err(|_| Unread::NotText)?;
    std::thread::scope(|scope| {
        let deep = std::thread::Builder::new().stack_size(STACK_BYTES);
        match deep.spawn_scoped(scope, || read(text)) {
            Ok(reading) => reading.join().unwrap_or_else(|panic| resume_unwind(panic)),
            Err(_) => read(text),
        }
    })
}

fn read(text: &str) -> Result<Vec<Lined>, Unread> {
    let options = serde_saphyr::options! {
        budget: serde_saphyr::budget! {
            max_documents: MAX_DOCUMENTS,
            max_nodes: MAX_VALUES,
            max_events: 4 * MAX_VALUES,
            max_depth: MAX_DEPTH,
            // What exceeds it reads as bad YAML.
            flow_nesting_limit: FLOW_LIMIT,
        },
    };
    serde_saphyr::from_multiple_with_options(text, options).map_err(|error| unread(&error))
}

/// Tells what does not parse from what is more than is read.
fn unread(error: &Error) -> Unread {
    let place = error.location().map(|place| (place.line(), place.column()));
    let line = place.map_or(0, |(line, _)| line);
    let too_much = |limit, what| Unread::TooMuch { limit, what, line };
    match error.without_snippet() {
        Error::Budget { breach, .. } => match breach {
            BudgetBreach::Documents { .. } => too_much(MAX_DOCUMENTS, "documents"),
            BudgetBreach::Nodes { .. } | BudgetBreach::Events { .. } => {
                too_much(MAX_VALUES, "values")
            }
            BudgetBreach::Depth { .. } => too_much(MAX_DEPTH, "levels of nesting"),
            _ => Unread::NotYaml(place),
        },
        _ => Unread::NotYaml(place),
    }
}

impl<'de> Deserialize<'de> for Lined {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        let Spanned { value, referenced, .. } = Spanned::<Contents>::deserialize(from)?;
        Ok(Self { line: referenced.line(), contents: value })
    }
}

impl<'de> Deserialize<'de> for Contents {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        from.deserialize_any(Reader)
    }
}

/// Takes whatever a document holds.
struct Reader;

impl<'de> Visitor<'de> for Reader {
    type Value = Contents;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a value")
    }

    fn visit_bool<E>(self, value: bool) -> Result<Contents, E> {
        Ok(Contents::Other(value.into()))
    }

    fn visit_i64<E>(self, value: i64) -> Result<Contents, E> {
        Ok(Contents::Other(value.into()))
    }

    fn visit_u64<E>(self, value: u64) -> Result<Contents, E> {
        Ok(Contents::Other(value.into()))
    }

    fn visit_f64<E>(self, value: f64) -> Result<Contents, E> {
        Ok(Contents::Other(value.into()))
    }

    fn visit_str<E>(self, value: &str) -> Result<Contents, E> {
        Ok(Contents::Text(value.to_owned()))
    }

    fn visit_string<E>(self, value: String) -> Result<Contents, E> {
        Ok(Contents::Text(value))
    }

    fn visit_unit<E>(self) -> Result<Contents, E> {
        Ok(Contents::Other(Value::Null))
    }

    fn visit_none<E>(self) -> Result<Contents, E> {
        Ok(Contents::Other(Value::Null))
    }

    fn visit_some<D: Deserializer<'de>>(self, from: D) -> Result<Contents, D::Error> {
        Contents::deserialize(from)
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut from: A) -> Result<Contents, A::Error> {
        let mut items = vec![];
        while let Some(item) = from.next_element()? {
            items.push(item);
        }
        Ok(Contents::List(items))
    }

    fn visit_map<A: MapAccess<'de>>(self, mut from: A) -> Result<Contents, A::Error> {
        let mut fields = vec![];
        while let Some((key, mut value)) = from.next_entry::<Spanned<String>, Lined>()? {
            if value.text().is_none() {
                // A block begins behind its key, on the next line.
                value.line = key.referenced.line();
            }
            fields.push((key.value, value));
        }
        Ok(Contents::Fields(fields))
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::kit::world::yaml;

    #[test]
    fn each_value_has_its_line_and_reads_as_without() {
        let text = "\
a: &one
  b: [1, x,
    true]
c: *one
d: { e: 'x', f: null }
<<: { g: 1.5 }
h: |
  image: x
";
        let read = lined_documents(text.as_bytes()).unwrap();
        assert_eq!(read[0].value(), yaml(text.as_bytes()).unwrap());
        let items: Vec<u64> = read[0]
            .field("a")
            .unwrap()
            .field("b")
            .unwrap()
            .items()
            .iter()
            .map(|it| it.line)
            .collect();
        assert_eq!(items, [2, 2, 3]);
        assert_eq!(read[0].field("c").unwrap().line, 4);
        assert_eq!(read[0].field("d").unwrap().text_of("e"), Some("x"));
        assert_eq!(read[0].field("a").unwrap().line, 1);
        let odd = "1: a\ntrue: b\n1.5: c\n? [x]\n: d\n";
        assert_eq!(lined_documents(odd.as_bytes()).is_ok(), yaml(odd.as_bytes()).is_ok());
        let odd = "1: a\ntrue: b\n1.5: c\n~: d\n";
        let read = lined_documents(odd.as_bytes()).map(|read| read[0].value());
        assert_eq!(read.ok(), yaml(odd.as_bytes()).ok());
        assert_eq!(lined_documents(b"{\"a\": [1]}\n").unwrap()[0].value(), json!({ "a": [1] }));
        assert_eq!(lined_documents(b"").unwrap(), []);
    }

    #[test]
    fn a_limit_of_the_reader_is_not_said_of_the_text() {
        let many = |count: usize| "a: 1\n---\n".repeat(count);
        assert_eq!(lined_documents(many(1100).as_bytes()).unwrap().len(), 1100);
        let said = lined_documents(many(MAX_DOCUMENTS + 1).as_bytes()).unwrap_err();
        assert!(matches!(said, Unread::TooMuch { limit: MAX_DOCUMENTS, .. }), "{said}");
        let flow = |depth: usize| format!("{}1{}", "{a: ".repeat(depth), "}".repeat(depth));
        let line = |depth: usize| format!("{}a:\n", " ".repeat(depth));
        let block = |depth: usize| (0..depth).map(line).collect::<Vec<_>>().concat();
        for deep in [flow(100), flow(10_000), block(100), block(1000)] {
            let said = lined_documents(deep.as_bytes()).unwrap_err();
            assert!(matches!(said, Unread::TooMuch { limit: MAX_DEPTH, .. }), "{said}");
        }
        assert!(lined_documents(flow(60).as_bytes()).is_ok());
        let said = lined_documents(b"a: 1\nb: [").unwrap_err();
        assert!(matches!(said, Unread::NotYaml(Some(_))), "{said}");
        assert_eq!(lined_documents(&[0xff]), Err(Unread::NotText));
        // What grows without end is refused as before.
        let line = |i: usize| format!("a{}: &a{} [*a{i}, *a{i}, *a{i}]\n", i + 1, i + 1);
        let laughs = (0..30).map(line).collect::<Vec<_>>().concat();
        assert!(lined_documents(format!("a0: &a0 ha\n{laughs}").as_bytes()).is_err());
        assert!(lined_documents("[".repeat(100_000).as_bytes()).is_err());
    }
}
