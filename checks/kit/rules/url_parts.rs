//! The parts of a URL as Go reads them (net/url).

use std::net::Ipv6Addr;

pub(super) fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}

/// Returns what stands before the first such byte, and what stands after it.
pub(super) fn cut(bytes: &[u8], at: u8) -> (&[u8], Option<&[u8]>) {
    match bytes.iter().position(|byte| *byte == at) {
        Some(place) => (&bytes[..place], Some(&bytes[place + 1..])),
        None => (bytes, None),
    }
}

/// Splits off the scheme, which is empty where there is none.
pub(super) fn scheme(url: &[u8]) -> Result<(&[u8], &[u8]), String> {
    for (place, byte) in url.iter().enumerate() {
        match byte {
            b'a'..=b'z' | b'A'..=b'Z' => {}
            b'0'..=b'9' | b'+' | b'-' | b'.' if place > 0 => {}
            b':' if place > 0 => return Ok((&url[..place], &url[place + 1..])),
            b':' => return Err("missing protocol scheme".to_owned()),
            _ => break,
        }
    }
    Ok((b"", url))
}

/// Decodes escapes. An error is one that is none, or one of a byte that may not be escaped.
pub(super) fn unescape(bytes: &[u8], may_be: impl Fn(u8) -> bool) -> Result<Vec<u8>, String> {
    let digit = |byte: u8| char::from(byte).to_digit(16).and_then(|digit| u8::try_from(digit).ok());
    let (mut decoded, mut rest) = (vec![], bytes);
    while let [first, after @ ..] = rest {
        if *first != b'%' {
            decoded.push(*first);
            rest = after;
            continue;
        }
        let invalid = || format!("invalid URL escape {:?}", text(&rest[..rest.len().min(3)]));
        let [high, low, after @ ..] = after else { return Err(invalid()) };
        let byte = digit(*high).zip(digit(*low)).map(|(high, low)| high << 4 | low);
        decoded.push(byte.filter(|byte| may_be(*byte)).ok_or_else(invalid)?);
        rest = after;
    }
    Ok(decoded)
}

/// Reads what stands before the `@`.
pub(super) fn userinfo(bytes: &[u8]) -> Result<(String, String), String> {
    let is_valid = |byte: &u8| byte.is_ascii_alphanumeric() || b"-._:~!$&'()*+,;=%@".contains(byte);
    if !bytes.iter().all(is_valid) {
        return Err("net/url: invalid userinfo".to_owned());
    }
    let (user, password) = cut(bytes, b':');
    let read = |part| unescape(part, |_| true).map(|decoded| text(&decoded));
    Ok((read(user)?, read(password.unwrap_or_default())?))
}

/// Reads a host with its port (`parseHost`).
pub(super) fn host_and_port(host: &[u8]) -> Result<String, String> {
    let is_port = |port: &[u8]| match port {
        [] => true,
        [b':', digits @ ..] => digits.iter().all(u8::is_ascii_digit),
        _ => false,
    };
    let port_after = |port: &[u8]| {
        let invalid = || format!("invalid port {:?} after host", text(port));
        is_port(port).then_some(()).ok_or_else(invalid)
    };
    let literal = "invalid IP-literal".to_owned();
    match host.iter().rposition(|byte| *byte == b'[') {
        None => {
            let colon = host.iter().position(|byte| *byte == b':').unwrap_or(host.len());
            port_after(&host[colon..])?;
            host_name(host)
        }
        Some(0) => {
            let end = host.iter().rposition(|byte| *byte == b']');
            let end = end.ok_or("missing ']' in host")?;
            port_after(&host[end + 1..])?;
            let name = host_name(&host[1..end])?;
            let (address, zone) =
                name.split_once('%').map_or((&*name, None), |(a, z)| (a, Some(z)));
            address.parse::<Ipv6Addr>().map_err(|_| literal.clone())?;
            if zone == Some("") {
                return Err(literal);
            }
            Ok(format!("[{name}]{}", text(&host[end + 1..])))
        }
        Some(_) => Err(literal),
    }
}

/// Decodes the name of a host, in which only what is not ASCII, and `%` itself, may be escaped.
pub(super) fn host_name(host: &[u8]) -> Result<String, String> {
    let is_valid = |byte: &u8| {
        !byte.is_ascii()
            || byte.is_ascii_alphanumeric()
            || b"-_.~%!$&'()*+,;=:[]<>\"".contains(byte)
    };
    if let Some(byte) = host.iter().find(|byte| !is_valid(byte)) {
        return Err(format!("invalid character {:?} in host name", text(&[*byte])));
    }
    unescape(host, |byte| !byte.is_ascii() || byte == b'%').map(|decoded| text(&decoded))
}

/// Returns a path as Go requests it (`setPath`, `EscapedPath`).
pub(super) fn requested_path(path: &[u8]) -> Result<String, String> {
    let decoded = unescape(path, |_| true)?;
    let is_plain = |byte: &u8| byte.is_ascii_alphanumeric() || b"$&+,-./:;=@_~".contains(byte);
    if path.iter().all(|byte| is_plain(byte) || b"!'()*[]%".contains(byte)) {
        return Ok(text(path));
    }
    let mut escaped = String::new();
    for byte in decoded {
        match byte {
            _ if is_plain(&byte) => escaped.push(char::from(byte)),
            _ => escaped += &format!("%{byte:02X}"),
        }
    }
    Ok(escaped)
}

/// Returns a path without `.` and `..`, taken from another one (`resolvePath`).
pub(super) fn resolved(base: &str, path: &str) -> String {
    let beside = || base.rfind('/').map_or("", |slash| &base[..=slash]);
    let full = match path {
        "" => base.to_owned(),
        _ if path.starts_with('/') => path.to_owned(),
        _ => format!("{}{path}", beside()),
    };
    if full.is_empty() {
        return full;
    }
    let (mut to, mut is_first) = ("/".to_owned(), true);
    for element in full.split('/') {
        match element {
            "." => is_first = false,
            ".." => {
                let last = to[1..].rfind('/').map_or(1, |slash| slash + 1);
                to.truncate(last);
                is_first = to.len() == 1;
            }
            element => {
                if !is_first {
                    to.push('/');
                }
                to.push_str(element);
                is_first = false;
            }
        }
    }
    if full == "." || full == ".." || full.ends_with("/.") || full.ends_with("/..") {
        to.push('/');
    }
    // Go writes one slash first, and does not want two.
    if to.starts_with("//") { to[1..].to_owned() } else { to }
}
