//! The URLs of hosts in `hosts.toml`, as far as Go certainly reads them in the same way.

use url::Url;

/// Returns the URL of a host, its port if that is written, and the path of its API; `None` for what Go
/// may read differently. Only plain forms are certain: the parser here is that of browsers, which
/// corrects what Go refuses.
pub(super) fn address(written: &str, keeps_path: bool) -> Option<(Url, Option<u16>, String)> {
    let with_scheme =
        if written.starts_with("http") { written.to_owned() } else { format!("https://{written}") };
    let mut url = Url::parse(&with_scheme).ok()?;
    let scheme = ["http://", "https://"].into_iter().find(|it| with_scheme.starts_with(it))?;
    let after = &with_scheme[scheme.len()..];
    let (host, path) = after.split_once('/').unwrap_or((after, ""));
    let (name, port) = match host.rsplit_once(':') {
        Some((name, port)) if !port.contains(']') => {
            let is_plain = !port.starts_with(['0', '+']);
            (name, Some(port.parse().ok().filter(|_| is_plain)?))
        }
        _ => (host, None),
    };
    let is_plain = |c: char| c.is_ascii_alphanumeric() || "-_.~/".contains(c);
    let inner = name.strip_prefix('[').and_then(|name| name.strip_suffix(']'));
    let is_name = match inner {
        Some(address) => address.chars().all(|c| c.is_ascii_hexdigit() || c == ':'),
        None => name.chars().all(|c| c.is_ascii_alphanumeric() || "-_.".contains(c)),
    };
    let is_same = is_name && url.host_str() == Some(name.to_ascii_lowercase().as_str());
    let changes = ["/../", "/./", "//"];
    let around = format!("/{path}/");
    let is_clean = !changes.iter().any(|it| around.trim_end_matches('/').contains(it))
        && !path.ends_with("/..")
        && !path.ends_with("/.")
        && ![".", ".."].contains(&path);
    if !is_same || !path.chars().all(is_plain) || !is_clean {
        return None;
    }
    let mut path = url.path().trim_end_matches('/').to_owned();
    if !keeps_path && !path.ends_with("/v2") {
        path.push_str("/v2");
    }
    url.set_path("");
    Some((url, port, path))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_plain_urls_are_certain() {
        let read = |text: &str| {
            address(text, false).map(|(url, port, path)| (url.to_string(), port, path))
        };
        let wanted = |url: &str, port, path: &str| Some((url.to_owned(), port, path.to_owned()));
        assert_eq!(read("http://m.example:80"), wanted("http://m.example/", Some(80), "/v2"));
        assert_eq!(read("m.example/p/"), wanted("https://m.example/", None, "/p/v2"));
        assert_eq!(
            read("https://[fd00::1]:5000"),
            wanted("https://[fd00::1]:5000/", Some(5000), "/v2")
        );
        // What a browser corrects, Go refuses or asks for as it is.
        for odd in [
            "https://m.example ",
            "https://m.example\n",
            "https:///m.example",
            "/m.example",
            "https://127.1",
            "https://0x7f000001",
            "https://m\u{fc}nchen.example",
            "https://m.exam}ple",
            "https://m.example:",
            "https://m.example:0443",
            "https://m.example/a b",
            "https://m.example/a/../b",
            "https://m.example/..",
            "https:m.example",
        ] {
            assert_eq!(read(odd), None, "{odd:?}");
        }
    }
}
