//! JSON as Go's `encoding/json` scans it: invalid UTF-8 and lone surrogates become U+FFFD, and a document may be
//! 10,000 levels deep. What the type does not have is read and not kept.

#[cfg(test)]
mod tests;

use super::go_shape::Shape;

/// How deep a document may be (encoding/json, `maxNestingDepth`).
const MAX_DEPTH: usize = 10_000;
/// The most values that are kept of a document: a few bytes each become a hundred in memory. Go has no limit.
const MAX_KEPT: usize = 250_000;

/// JSON with its fields in their order, as far as a type has them.
#[derive(Debug, PartialEq)]
pub(super) enum Json {
    Null,
    Flag(bool),
    /// A number that Go takes for an integer.
    Int(i64),
    OtherNumber,
    Text(Text),
    List(Vec<Json>),
    Object(Vec<(String, Json)>),
}

/// A string.
#[derive(Debug, PartialEq)]
pub(super) struct Text {
    pub(super) text: String,
    /// Whether the document spells a part of it with a backslash.
    pub(super) is_escaped: bool,
}

impl Json {
    /// Returns the kind of the value, in Go's words.
    pub(super) fn kind(&self) -> &'static str {
        match self {
            Json::Null => "null",
            Json::Flag(_) => "bool",
            Json::Int(_) | Json::OtherNumber => "number",
            Json::Text(_) => "string",
            Json::List(_) => "array",
            Json::Object(_) => "object",
        }
    }
}

/// Why a document is not parsed.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum NoValue {
    /// It is not JSON.
    NotJson,
    /// It holds more than is kept here.
    TooMuch,
}

/// Parses a whole document.
pub(super) fn whole(bytes: &[u8], shape: &Shape) -> Result<Json, NoValue> {
    let mut parser = Parser { rest: bytes, kept: 0 };
    let value = parser.top(shape)?;
    parser.skip_space();
    if parser.rest.is_empty() { Ok(value) } else { Err(NoValue::NotJson) }
}

/// Parses the first value of a stream.
pub(super) fn first(bytes: &[u8], shape: &Shape) -> Result<Json, NoValue> {
    Parser { rest: bytes, kept: 0 }.top(shape)
}

struct Parser<'a> {
    rest: &'a [u8],
    /// How many values were kept.
    kept: usize,
}

impl Parser<'_> {
    fn top(&mut self, shape: &Shape) -> Result<Json, NoValue> {
        let value = self.value(0, Some(shape));
        let why = if self.kept > MAX_KEPT { NoValue::TooMuch } else { NoValue::NotJson };
        value.ok_or(why)
    }

    /// Counts a value that is kept; `None` if it is one too many.
    fn keep(&mut self) -> Option<()> {
        self.kept += 1;
        (self.kept <= MAX_KEPT).then_some(())
    }

    fn skip_space(&mut self) {
        while let [b' ' | b'\t' | b'\r' | b'\n', rest @ ..] = self.rest {
            self.rest = rest;
        }
    }

    /// Takes a byte, if it is next.
    fn takes(&mut self, byte: u8) -> bool {
        let is_next = self.rest.first() == Some(&byte);
        if is_next {
            self.rest = &self.rest[1..];
        }
        is_next
    }

    fn word(&mut self, word: &str) -> Option<()> {
        self.rest = self.rest.strip_prefix(word.as_bytes())?;
        Some(())
    }

    /// Takes a value that is decoded into a type, or of which only the kind counts.
    fn value(&mut self, depth: usize, shape: Option<&Shape>) -> Option<Json> {
        let Some(shape) = shape else { return self.skipped(depth) };
        self.skip_space();
        Some(match self.rest.first()? {
            b'{' => self.object(depth, shape)?,
            b'[' => self.list(depth, shape)?,
            _ => self.scalar()?,
        })
    }

    fn scalar(&mut self) -> Option<Json> {
        Some(match self.rest.first()? {
            b'"' => Json::Text(self.text()?),
            b't' => self.word("true").map(|()| Json::Flag(true))?,
            b'f' => self.word("false").map(|()| Json::Flag(false))?,
            b'n' => self.word("null").map(|()| Json::Null)?,
            _ => self.number()?,
        })
    }

    fn object(&mut self, depth: usize, shape: &Shape) -> Option<Json> {
        self.takes(b'{');
        let mut fields = vec![];
        self.skip_space();
        if self.takes(b'}') {
            return Some(Json::Object(fields));
        }
        loop {
            let name = self.name()?;
            let of = shape.named(&name);
            let value = self.value(depth + 1, of)?;
            if of.is_some() {
                self.keep()?;
                fields.push((name, value));
            }
            self.skip_space();
            if self.takes(b'}') {
                return Some(Json::Object(fields));
            }
            self.takes(b',').then_some(())?;
        }
    }

    /// Takes the name of a field and its colon.
    fn name(&mut self) -> Option<String> {
        self.skip_space();
        let name = self.text()?.text;
        self.skip_space();
        self.takes(b':').then_some(name)
    }

    fn list(&mut self, depth: usize, shape: &Shape) -> Option<Json> {
        self.takes(b'[');
        let (mut items, of) = (vec![], shape.listed());
        self.skip_space();
        if self.takes(b']') {
            return Some(Json::List(items));
        }
        loop {
            let item = self.value(depth + 1, of)?;
            if of.is_some() {
                self.keep()?;
                items.push(item);
            }
            self.skip_space();
            if self.takes(b']') {
                return Some(Json::List(items));
            }
            self.takes(b',').then_some(())?;
        }
    }

    /// Takes a value of any depth, without recursion, and keeps its kind.
    fn skipped(&mut self, depth: usize) -> Option<Json> {
        // Whether each open value is an object.
        let mut open: Vec<bool> = vec![];
        let mut kind = None;
        loop {
            self.skip_space();
            let opens = match self.rest.first()? {
                b'{' => Some(true),
                b'[' => Some(false),
                _ => None,
            };
            if let Some(is_object) = opens {
                self.rest = &self.rest[1..];
                kind.get_or_insert(if is_object {
                    Json::Object(vec![])
                } else {
                    Json::List(vec![])
                });
                open.push(is_object);
                (depth + open.len() <= MAX_DEPTH).then_some(())?;
                self.skip_space();
                if !self.takes(if is_object { b'}' } else { b']' }) {
                    if is_object {
                        self.name()?;
                    }
                    continue;
                }
                open.pop();
            } else {
                let scalar = self.scalar()?;
                kind.get_or_insert(scalar);
            }
            // What ends with this value, and what follows it.
            loop {
                let Some(is_object) = open.last().copied() else { return kind };
                self.skip_space();
                if self.takes(if is_object { b'}' } else { b']' }) {
                    open.pop();
                    continue;
                }
                self.takes(b',').then_some(())?;
                if is_object {
                    self.name()?;
                }
                break;
            }
        }
    }

    fn number(&mut self) -> Option<Json> {
        let start = self.rest;
        self.takes(b'-');
        let whole = self.digits();
        // A number does not begin with further zeros.
        let begins = whole.first()?;
        if *begins == b'0' && whole.len() > 1 {
            // Go reads the zero, and the digit behind it is no valid end.
            return None;
        }
        let mut is_integer = true;
        if self.takes(b'.') {
            is_integer = false;
            self.digits().first()?;
        }
        if self.takes(b'e') || self.takes(b'E') {
            is_integer = false;
            let _ = self.takes(b'+') || self.takes(b'-');
            self.digits().first()?;
        }
        let text = std::str::from_utf8(&start[..start.len() - self.rest.len()]).ok()?;
        let integer = text.parse().ok().filter(|_| is_integer);
        Some(integer.map_or(Json::OtherNumber, Json::Int))
    }

    fn digits(&mut self) -> &[u8] {
        let count = self.rest.iter().take_while(|byte| byte.is_ascii_digit()).count();
        let (digits, rest) = self.rest.split_at(count);
        self.rest = rest;
        digits
    }

    fn text(&mut self) -> Option<Text> {
        self.takes(b'"').then_some(())?;
        let (mut bytes, mut is_escaped) = (vec![], false);
        loop {
            let (byte, rest) = self.rest.split_first()?;
            self.rest = rest;
            match byte {
                b'"' => {
                    let text = String::from_utf8_lossy(&bytes).into_owned();
                    return Some(Text { text, is_escaped });
                }
                b'\\' => {
                    is_escaped = true;
                    let mut buffer = [0; 4];
                    bytes.extend_from_slice(self.escaped()?.encode_utf8(&mut buffer).as_bytes());
                }
                0..=0x1f => return None,
                _ => bytes.push(*byte),
            }
        }
    }

    /// Takes what follows a backslash.
    fn escaped(&mut self) -> Option<char> {
        let (byte, rest) = self.rest.split_first()?;
        self.rest = rest;
        Some(match byte {
            b'"' | b'\\' | b'/' => char::from(*byte),
            b'b' => '\u{8}',
            b'f' => '\u{c}',
            b'n' => '\n',
            b'r' => '\r',
            b't' => '\t',
            b'u' => {
                let unit = self.hex()?;
                if !(0xd800..0xdc00).contains(&unit) {
                    return Some(char::from_u32(unit).unwrap_or(char::REPLACEMENT_CHARACTER));
                }
                // Half of a pair: with what is no other half it stands for nothing.
                let before = self.rest;
                let low = self.word("\\u").and_then(|()| self.hex());
                let low = low.filter(|low| (0xdc00..0xe000).contains(low));
                let Some(low) = low else {
                    self.rest = before;
                    return Some(char::REPLACEMENT_CHARACTER);
                };
                char::from_u32(0x10000 + ((unit - 0xd800) << 10) + (low - 0xdc00))?
            }
            _ => return None,
        })
    }

    fn hex(&mut self) -> Option<u32> {
        let (digits, rest) = self.rest.split_at_checked(4)?;
        self.rest = rest;
        let is_hex = digits.iter().all(u8::is_ascii_hexdigit);
        let text = std::str::from_utf8(digits).ok().filter(|_| is_hex)?;
        u32::from_str_radix(text, 16).ok()
    }
}
