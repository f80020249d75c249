//! The head of an HTTP/1 response as Go reads it (net/http, `ReadResponse`; net/textproto,
//! `ReadMIMEHeader`), written anew as hyper reads the same.

use hyper::client::conn::http1;

use super::Fault;

/// The longest head that is accepted, with all informational responses before it, as by Go (net/http,
/// `maxHeaderResponseSize`).
pub(super) const MAX_HEAD_BYTES: u32 = 10 << 20;
/// The most headers that are accepted, of which Go has no limit.
const MAX_HEADERS: usize = 20_000;
/// The longest name of a header that hyper takes. No check reads a longer one.
const MAX_NAME_BYTES: usize = 60_000;

/// Returns a client that accepts as long a head as Go's.
pub(super) fn as_go_reads() -> http1::Builder {
    let mut builder = http1::Builder::new();
    builder.max_buf_size(MAX_HEAD_BYTES as usize).max_headers(MAX_HEADERS);
    builder
}

/// The head of a response.
#[derive(Debug)]
pub(super) struct Head {
    /// The head as hyper reads it.
    pub(super) bytes: Vec<u8>,
    /// Whether a body in chunks may follow.
    pub(super) is_chunked: bool,
}

/// Reads the head of one response from the bytes of a connection.
#[derive(Default)]
pub(super) struct HeadReader {
    /// What was read and is not yet understood.
    bytes: Vec<u8>,
    /// Where the first line ends; zero until it does.
    first_line: usize,
    /// Where the next line begins, and from where its end is sought.
    line: usize,
    sought: usize,
    /// How many bytes were read.
    read: usize,
    /// Whether the first head counts even if it is informational.
    is_first_final: bool,
}

impl HeadReader {
    /// Returns a reader of the response to CONNECT: Go takes the first one for it.
    pub(super) fn of_tunnel() -> Self {
        Self { is_first_final: true, ..Self::default() }
    }

    /// Takes more bytes. Returns the head and what follows it, once it is whole.
    /// Skips informational responses, of which Go does not limit the number.
    pub(super) fn push(&mut self, more: &[u8]) -> Result<Option<(Head, Vec<u8>)>, Fault> {
        self.bytes.extend_from_slice(more);
        self.read += more.len();
        let mut begin = 0;
        while let Some(end) = self.end(begin)? {
            let (first, rest) = self.bytes[begin..end].split_at(self.first_line - begin);
            let status = StatusLine::read(line(first)).ok_or(Fault::NotHttp)?;
            let head = status.head(rest).ok_or(Fault::NotHttp)?;
            match status.code {
                // Go refuses every status of a tunnel but 200.
                0..=199 if self.is_first_final => return Err(Fault::NotHttp),
                100 | 102..=199 => {
                    begin = end;
                    (self.first_line, self.line, self.sought) = (0, end, end);
                }
                0..=101 => return Err(Fault::OddStatus),
                _ => return Ok(Some((head, self.bytes[end..].to_vec()))),
            }
        }
        self.bytes.drain(..begin);
        self.first_line = self.first_line.saturating_sub(begin);
        (self.line, self.sought) = (self.line - begin, self.sought - begin);
        if self.read > MAX_HEAD_BYTES as usize {
            return Err(Fault::HeadOverLimit);
        }
        Ok(None)
    }

    /// Returns where the head ends that begins there: behind the first empty line. Fails at once where
    /// it does not begin as HTTP.
    fn end(&mut self, begin: usize) -> Result<Option<usize>, Fault> {
        if !begins_as_http(&self.bytes[begin..]) {
            return Err(Fault::NotHttp);
        }
        while let Some(length) = self.bytes[self.sought..].iter().position(|byte| *byte == b'\n') {
            let (from, end) = (self.line, self.sought + length + 1);
            (self.line, self.sought) = (end, end);
            if self.first_line == 0 {
                self.first_line = end;
                StatusLine::read(line(&self.bytes[from..end])).ok_or(Fault::NotHttp)?;
            } else if line(&self.bytes[from..end]).is_empty() {
                return Ok(Some(end));
            }
        }
        self.sought = self.bytes.len();
        Ok(None)
    }
}

/// Returns whether the first bytes can be those of a version, which Go compares with capitals.
fn begins_as_http(bytes: &[u8]) -> bool {
    let fits = |(at, byte): (usize, &u8)| match at {
        0..5 => *byte == b"HTTP/"[at],
        5 | 7 => byte.is_ascii_digit(),
        6 => *byte == b'.',
        _ => *byte == b' ',
    };
    bytes.iter().take(9).enumerate().all(fits)
}

/// Returns a line without its end: a line feed, and one carriage return before it.
fn line(bytes: &[u8]) -> &[u8] {
    let line = bytes.strip_suffix(b"\n").unwrap_or(bytes);
    line.strip_suffix(b"\r").unwrap_or(line)
}

/// Returns bytes without spaces and tabs around them.
fn trim(bytes: &[u8]) -> &[u8] {
    let is_space = |byte: &u8| matches!(byte, b' ' | b'\t');
    let from = bytes.iter().position(|byte| !is_space(byte)).unwrap_or(bytes.len());
    let to = bytes.iter().rposition(|byte| !is_space(byte)).map_or(from, |at| at + 1);
    &bytes[from..to]
}

/// What the first line of a response says.
struct StatusLine {
    major: u8,
    minor: u8,
    code: u16,
}

impl StatusLine {
    fn read(line: &[u8]) -> Option<Self> {
        if line.len() < 9 || !begins_as_http(line) {
            return None;
        }
        let status = line[9..].iter().position(|byte| *byte != b' ').map(|at| &line[9 + at..])?;
        let code = status.split(|byte| *byte == b' ').next()?;
        // `strconv.Atoi` takes a sign.
        let number = code.strip_prefix(b"+").or_else(|| code.strip_prefix(b"-")).unwrap_or(code);
        let is_code = code.len() == 3 && number.iter().all(u8::is_ascii_digit);
        let number: u16 = std::str::from_utf8(number).ok().filter(|_| is_code)?.parse().ok()?;
        let is_negative = code[0] == b'-' && number > 0;
        let [major, minor] = [line[5] - b'0', line[7] - b'0'];
        (!is_negative).then_some(Self { major, minor, code: number })
    }

    /// Returns the head with these headers as hyper reads it; `None` where Go refuses it.
    fn head(&self, lines: &[u8]) -> Option<Head> {
        // Go takes any later version for 1.1, and 0.0 for none named.
        let is_later = (self.major, self.minor) >= (1, 1) || (self.major, self.minor) == (0, 0);
        let version = if is_later { "1.1" } else { "1.0" };
        let mut head = format!("HTTP/{version} {:03} \r\n", self.code).into_bytes();
        let (mut encodings, mut lengths, mut trailers) = (vec![], vec![], vec![]);
        for (name, value) in fields(lines)? {
            match name.to_ascii_lowercase().as_slice() {
                b"transfer-encoding" if !is_later => continue,
                b"transfer-encoding" => encodings.push(value.clone()),
                b"content-length" => {
                    lengths.push(value);
                    continue;
                }
                b"trailer" => trailers.push(value.clone()),
                b"connection" if self.major == 0 => continue,
                // Go keeps such a name as it is written, where no lookup finds it.
                _ if name.contains(&b' ') || name.len() > MAX_NAME_BYTES => continue,
                _ => {}
            }
            head.extend([&*name, b": ", &value, b"\r\n"].concat());
        }
        let is_chunked = match encodings.as_slice() {
            [] => false,
            [one] if one.eq_ignore_ascii_case(b"chunked") => true,
            _ => return None,
        };
        if is_chunked && trailers.iter().any(|trailer| names_framing(trailer)) {
            return None;
        }
        head.extend(length(&lengths)?.into_bytes());
        if self.major == 0 {
            head.extend(b"connection: close\r\n");
        }
        head.extend(b"\r\n");
        let is_chunked = is_chunked && !matches!(self.code, 204 | 304);
        Some(Head { bytes: head, is_chunked })
    }
}

type Field = (Vec<u8>, Vec<u8>);

/// Returns where headers end, behind the first empty line; `None` where Go refuses one of them, or there is no end.
pub(super) fn end_of_fields(bytes: &[u8]) -> Option<usize> {
    let mut end = 0;
    for one in bytes.split_inclusive(|byte| *byte == b'\n') {
        let before = end;
        end += one.len();
        if line(one).is_empty() {
            return fields(&bytes[..before]).map(|_| end);
        }
    }
    None
}

/// Returns names and values; `None` where Go refuses a line.
fn fields(lines: &[u8]) -> Option<Vec<Field>> {
    let mut folded: Vec<Vec<u8>> = vec![];
    for line in lines.split_inclusive(|byte| *byte == b'\n').map(line).filter(|it| !it.is_empty()) {
        if let [b' ' | b'\t', ..] = line {
            // No field begins so.
            let before = folded.last_mut()?;
            before.push(b' ');
            before.extend_from_slice(trim(line));
        } else if folded.len() > MAX_HEADERS {
            // hyper refuses so many.
            break;
        } else if line.contains(&b':') {
            folded.push(trim(line).to_vec());
        } else {
            return None;
        }
    }
    folded.iter().map(|line| field(line)).collect()
}

fn field(line: &[u8]) -> Option<Field> {
    let at = line.iter().position(|byte| *byte == b':')?;
    let (name, value) = (&line[..at], &line[at + 1..]);
    let is_token = |c: &u8| c.is_ascii_alphanumeric() || b"!#$%&'*+-.^_`|~".contains(c);
    let is_name = !name.is_empty() && name.iter().all(|c| is_token(c) || *c == b' ');
    let is_value = value.iter().all(|c| *c == b'\t' || !c.is_ascii_control());
    (is_name && is_value).then(|| (name.to_vec(), trim(value).to_vec()))
}

/// Returns the header with the one length that all name, and nothing without one (net/http, `fixLength`);
/// `None` where Go refuses them.
fn length(named: &[Vec<u8>]) -> Option<String> {
    let Some(first) = named.first() else { return Some(String::new()) };
    let is_number = !first.is_empty() && first.iter().all(u8::is_ascii_digit);
    let is_one = is_number && named.iter().all(|other| other == first);
    let number: i64 = std::str::from_utf8(first).ok().filter(|_| is_one)?.parse().ok()?;
    Some(format!("content-length: {number}\r\n"))
}

/// Returns whether a header that announces trailers names one that decides where a body ends (net/http,
/// `fixTrailer`).
fn names_framing(trailer: &[u8]) -> bool {
    const FRAMING: [&[u8]; 3] = [b"transfer-encoding", b"trailer", b"content-length"];
    let is_framing = |name: &[u8]| FRAMING.iter().any(|one| name.eq_ignore_ascii_case(one));
    trailer.split(|byte| *byte == b',').any(|name| is_framing(name.trim_ascii()))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Returns what hyper gets to read, whatever the size of the pieces.
    fn read(text: &str) -> Result<String, Fault> {
        let of = |size: usize| {
            let mut reader = HeadReader::default();
            let (mut got, mut rest) = (None, vec![]);
            for piece in text.as_bytes().chunks(size) {
                match got {
                    None => {
                        got = reader.push(piece)?.map(|(head, rest)| [head.bytes, rest].concat());
                    }
                    Some(_) => rest.extend_from_slice(piece),
                }
            }
            Ok(String::from_utf8_lossy(&[got.unwrap_or_default(), rest].concat()).into_owned())
        };
        let all: Vec<_> = [1, 3, text.len()].map(of).to_vec();
        assert!(all.iter().all(|one| *one == all[0]), "{text:?}: {all:?}");
        all[0].clone()
    }

    #[test]
    fn heads_as_go_takes_them() {
        for (text, wanted) in [
            ("HTTP/1.1 200 OK\r\nA: b\r\n\r\nbody", "HTTP/1.1 200 \r\nA: b\r\n\r\nbody"),
            ("HTTP/1.0 404\nA:b\n\n", "HTTP/1.0 404 \r\nA: b\r\n\r\n"),
            ("HTTP/2.0   200 \u{1}\r\n\r\n", "HTTP/1.1 200 \r\n\r\n"),
            ("HTTP/1.2 200 OK\r\n\r\n", "HTTP/1.1 200 \r\n\r\n"),
            ("HTTP/0.9 200 OK\r\n\r\n", "HTTP/1.0 200 \r\nconnection: close\r\n\r\n"),
            ("HTTP/1.1 200\r\nA : b\r\nC D: e\r\nF:\r\n\r\n", "HTTP/1.1 200 \r\nF: \r\n\r\n"),
            ("HTTP/1.1 200\r\nA: b\r\n \t c\r\n  \r\n\r\n", "HTTP/1.1 200 \r\nA: b c\r\n\r\n"),
            (
                "HTTP/1.1 200\r\nContent-Length: 0042\r\nContent-Length:0042 \r\n\r\n",
                "HTTP/1.1 200 \r\ncontent-length: 42\r\n\r\n",
            ),
            ("HTTP/1.0 200\r\nTransfer-Encoding: gzip\r\n\r\n", "HTTP/1.0 200 \r\n\r\n"),
            (
                "HTTP/1.1 103 Hint\r\nA: b\r\n\r\nHTTP/1.1 100 Go\r\n\r\nHTTP/1.1 200 OK\r\n\r\nx",
                "HTTP/1.1 200 \r\n\r\nx",
            ),
            // It is not whole.
            ("HTTP/1.1 200 OK\r\nA: b\r\n", ""),
        ] {
            assert_eq!(read(text).as_deref(), Ok(wanted), "{text:?}");
        }
        let many = "HTTP/1.1 103 Hint\r\n\r\n".repeat(1000) + "HTTP/1.1 200 OK\r\n\r\n";
        assert_eq!(read(&many).as_deref(), Ok("HTTP/1.1 200 \r\n\r\n"));
    }

    #[test]
    fn heads_that_go_refuses() {
        for text in [
            "\r\nHTTP/1.1 200 OK\r\n\r\n",
            " HTTP/1.1 200 OK\r\n\r\n",
            "http/1.1 200 OK\r\n\r\n",
            "HTTP/1.10 200 OK\r\n\r\n",
            "HTTP/1.1\t200 OK\r\n\r\n",
            "HTTP/1.1 \r\n",
            "HTTP/1.1 20 OK\r\n",
            "HTTP/1.1 2000 OK\r\n",
            "HTTP/1.1 -20 OK\r\n",
            "HTTP/1.1 200\tOK\r\n",
            "HTTP/1.1 200 OK\r\n A: b\r\n\r\n",
            "HTTP/1.1 200 OK\r\nnone\r\n\r\n",
            "HTTP/1.1 200 OK\r\n: b\r\n\r\n",
            "HTTP/1.1 200 OK\r\nA\t: b\r\n\r\n",
            "HTTP/1.1 200 OK\r\nA: b\0\r\n\r\n",
            "HTTP/1.1 200 OK\r\nA: b\rc\r\n\r\n",
            "HTTP/1.1 200 OK\r\nContent-Length: 1, 1\r\n\r\n",
            "HTTP/1.1 200 OK\r\nContent-Length:\r\n\r\n",
            "HTTP/1.1 200 OK\r\nContent-Length: 9223372036854775808\r\n\r\n",
            "HTTP/1.1 200 OK\r\nContent-Length: 1\r\nContent-Length: 01\r\n\r\n",
            "HTTP/1.1 200 OK\r\nTransfer-Encoding: gzip, chunked\r\n\r\n",
            "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\nTrailer: a, trailer\r\n\r\n",
            "SSH-2.0-x",
            "\u{16}",
        ] {
            assert_eq!(read(text), Err(Fault::NotHttp), "{text:?}");
        }
    }

    #[test]
    fn heads_that_hyper_cannot_hold_or_go_cannot() {
        for code in ["000", "099", "+20", "-00", "101"] {
            let text = format!("HTTP/1.1 {code} OK\r\n\r\n");
            assert_eq!(read(&text), Err(Fault::OddStatus), "{code}");
        }
        let mut reader = HeadReader::default();
        let many = b"HTTP/1.1 100 Continue\r\n\r\n".repeat(1000);
        let ended = (0..1000).find_map(|_| reader.push(&many).err());
        assert_eq!(ended, Some(Fault::HeadOverLimit));
        let informational = HeadReader::of_tunnel().push(b"HTTP/1.1 100 Go\r\n\r\n");
        assert_eq!(informational.map(|_| ()), Err(Fault::NotHttp));
    }
}
