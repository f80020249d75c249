//! Query strings and form bodies, as received.

use http_body_util::{BodyExt, Limited};
use hyper::body::Incoming;

/// The longest form that is read.
const LONGEST: usize = 64 << 10;

/// Reads a form from a request and returns its pairs.
pub(crate) async fn read(body: Incoming) -> Option<Vec<(String, String)>> {
    let body = Limited::new(body, LONGEST).collect().await.ok()?;
    Some(pairs(&String::from_utf8_lossy(&body.to_bytes())))
}

/// Returns the decoded pairs of a form; a value that cannot be decoded stays as it is.
pub(crate) fn pairs(text: &str) -> Vec<(String, String)> {
    text.split('&')
        .filter(|pair| !pair.is_empty())
        .map(|pair| {
            let (key, value) = pair.split_once('=').unwrap_or((pair, ""));
            (decode(key), decode(value))
        })
        .collect()
}

/// Returns the first value of a key.
pub(crate) fn value<'a>(pairs: &'a [(String, String)], key: &str) -> Option<&'a str> {
    pairs.iter().find(|(known, _)| known == key).map(|(_, value)| &value[..])
}

fn decode(text: &str) -> String {
    let mut bytes = text.bytes();
    let mut out = Vec::with_capacity(text.len());
    while let Some(byte) = bytes.next() {
        match byte {
            b'+' => out.push(b' '),
            b'%' => {
                let mut ahead = bytes.clone();
                let hex = |byte: Option<u8>| byte.and_then(|b| char::from(b).to_digit(16));
                let pair = (hex(ahead.next()), hex(ahead.next()));
                let coded = match pair {
                    (Some(high), Some(low)) => u8::try_from(high * 16 + low).ok(),
                    _ => None,
                };
                match coded {
                    Some(coded) => {
                        out.push(coded);
                        bytes = ahead;
                    }
                    None => out.push(byte),
                }
            }
            _ => out.push(byte),
        }
    }
    String::from_utf8_lossy(&out).into_owned()
}
