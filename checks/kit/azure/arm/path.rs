//! Resource ids and links as paths of a request: nothing in an id may change what is requested.

use url::Url;

use crate::kit::target::Host;

/// The longest path that is sent: an id has at most a few hundred characters.
const MAX_PATH_BYTES: usize = 4096;

/// Returns a resource id as the path of a URL; `None` when it is no absolute path, or when one of
/// its segments is empty or would lead elsewhere (`..`).
pub fn encoded(path: &str) -> Option<String> {
    let segments = path.strip_prefix('/')?;
    if segments.len() > MAX_PATH_BYTES {
        return None;
    }
    let mut encoded = String::with_capacity(path.len());
    for segment in segments.split('/') {
        if matches!(segment, "" | "." | "..") {
            return None;
        }
        encoded.push('/');
        for byte in segment.bytes() {
            // RFC 3986, section 3.3: the characters of a path segment. `%` is none of them, so an
            // id that is encoded already names nothing else.
            if byte.is_ascii_alphanumeric() || b"-._~!$&'()*+,;=:@".contains(&byte) {
                encoded.push(char::from(byte));
            } else {
                encoded += &format!("%{byte:02X}");
            }
        }
    }
    Some(encoded)
}

/// Returns a value of a query, with `%20` for a space as the Azure CLI writes it.
pub(super) fn query_value(value: &str) -> String {
    let form: String = url::form_urlencoded::byte_serialize(value.as_bytes()).collect();
    form.replace('+', "%20")
}

/// Returns the path and query of a link to the next page; `None` when it leads to another host,
/// which must never get the token.
pub fn next_target(link: &str, host: &Host) -> Option<String> {
    let url = Url::parse(link).ok()?;
    let scheme = if host.plain { "http" } else { "https" };
    let is_here = url.scheme() == scheme
        && url.host_str().is_some_and(|name| name.eq_ignore_ascii_case(&host.name))
        && url.port_or_known_default() == Some(host.port)
        && url.username().is_empty()
        && url.password().is_none();
    let query = url.query().map(|query| format!("?{query}")).unwrap_or_default();
    is_here.then(|| format!("{}{query}", url.path()))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::kit::target::HostPurpose;

    #[test]
    fn an_id_stays_in_its_path() {
        for (path, wanted) in [
            (
                "/subscriptions/s/resourceGroups/g (1)",
                Some("/subscriptions/s/resourceGroups/g%20(1)"),
            ),
            ("/subscriptions/s?x=1#y", Some("/subscriptions/s%3Fx=1%23y")),
            ("/subscriptions/%2e%2e/x", Some("/subscriptions/%252e%252e/x")),
            ("/subscriptions/가", Some("/subscriptions/%EA%B0%80")),
            ("/subscriptions/../x", None),
            ("/subscriptions//x", None),
            ("//elsewhere.example/x", None),
            ("subscriptions/s", None),
            ("/", None),
            ("", None),
        ] {
            assert_eq!(encoded(path).as_deref(), wanted, "{path}");
        }
        assert_eq!(encoded(&format!("/{}", "x".repeat(5000))), None);
    }

    #[test]
    fn the_next_page_is_on_the_same_host() {
        let (name, purpose) = ("management.azure.com".to_owned(), HostPurpose::Other);
        let host = Host::secure(name, 443, purpose);
        for (link, wanted) in [
            ("https://management.azure.com/a?$skiptoken=x%3D", Some("/a?$skiptoken=x%3D")),
            ("https://MANAGEMENT.azure.com:443/a", Some("/a")),
            ("http://management.azure.com/a", None),
            ("https://management.azure.com:8443/a", None),
            ("https://management.azure.com.elsewhere.example/a", None),
            ("https://management.azure.com@elsewhere.example/a", None),
            ("https://me@management.azure.com/a", None),
            ("//management.azure.com/a", None),
            ("", None),
        ] {
            assert_eq!(next_target(link, &host).as_deref(), wanted, "{link}");
        }
    }
}
