//! The Go types that JSON is decoded into.

/// A Go type that JSON is decoded into.
#[derive(Clone, Copy, Debug)]
pub enum Shape {
    /// `string`
    Text,
    /// `int` and `int64`
    Int,
    /// `bool`
    Flag,
    /// `time.Time`: RFC 3339
    Time,
    /// `[]byte`: base64
    Bytes,
    /// A slice.
    List(&'static Shape),
    /// A map with strings as keys.
    Map(&'static Shape),
    /// `json.RawMessage`: anything, and there even if it is null.
    Raw,
    /// A struct with these fields.
    Struct(&'static [(&'static str, Shape)]),
    /// A pointer.
    Pointer(&'static Shape),
}

impl Shape {
    /// Returns the name of the type, in Go's words.
    pub(super) fn name(&self) -> &'static str {
        match self {
            Shape::Text => "string",
            Shape::Int => "int",
            Shape::Flag => "bool",
            Shape::Time => "time.Time",
            Shape::Bytes => "[]byte",
            Shape::List(_) => "slice",
            Shape::Map(_) => "map",
            Shape::Raw => "json.RawMessage",
            Shape::Struct(_) => "struct",
            Shape::Pointer(to) => to.name(),
        }
    }

    /// Returns the field of a struct that a name means: one that is written exactly so, or else in other
    /// letters.
    pub(super) fn field(&self, name: &str) -> Option<&'static (&'static str, Shape)> {
        let Shape::Struct(known) = self.pointed() else { return None };
        let exact = known.iter().find(|(known, _)| *known == name);
        exact.or_else(|| known.iter().find(|(known, _)| is_same_name(known, name)))
    }

    /// Returns the type of what stands under a name in an object that is decoded into this type. `None` if
    /// nothing of it is decoded.
    pub(super) fn named(&self, name: &str) -> Option<&'static Shape> {
        match self.pointed() {
            Shape::Map(of) => Some(of),
            _ => self.field(name).map(|(_, shape)| shape),
        }
    }

    /// Returns the type of what stands in a list that is decoded into this type.
    pub(super) fn listed(&self) -> Option<&'static Shape> {
        match self.pointed() {
            Shape::List(of) => Some(of),
            Shape::Bytes => Some(&Shape::Int),
            _ => None,
        }
    }

    fn pointed(&self) -> &Shape {
        match self {
            Shape::Pointer(to) => to.pointed(),
            other => other,
        }
    }
}

/// Returns whether a name is a field's, as Go folds the case of both: two letters beyond ASCII count
/// as `s` and `k` (encoding/json, `foldName`).
fn is_same_name(field: &str, name: &str) -> bool {
    let folded = |c: char| match c {
        '\u{17f}' => 's',
        '\u{212a}' => 'k',
        other => other.to_ascii_lowercase(),
    };
    field.chars().map(folded).eq(name.chars().map(folded))
}
