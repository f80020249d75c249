//! Parses an image reference by the grammar of Go's `distribution/reference`, which every container
//! runtime uses.
//!
//! It is written by hand because the regular expression of the crate `oci-client` takes 50 ms and
//! 20 MB to compile at each start. A test compares the two.

use std::net::Ipv6Addr;

use oci_distribution::Reference;
use serde::Serialize;

use super::docker_hub;

/// The longest name of a repository.
const MAX_NAME_CHARS: usize = 255;
/// The longest tag.
const MAX_TAG_CHARS: usize = 128;

/// What is wrong with the text of an image reference.
#[derive(
    Clone, Copy, Debug, PartialEq, Eq, Serialize, strum::VariantNames, strum::IntoStaticStr,
)]
#[serde(rename_all = "kebab-case")]
#[strum(serialize_all = "kebab-case")]
pub enum ReferenceError {
    /// It begins with `https://` or the like.
    Scheme,
    /// White space surrounds it.
    WhiteSpace,
    /// The repository has capital letters.
    UpperCase,
    /// The repository is too long.
    TooLong,
    /// The digest is of no known algorithm, or has the wrong length.
    BadDigest,
    /// The digest has capital letters.
    DigestUpperCase,
    /// A placeholder in it was not filled in.
    Placeholder,
    /// Nothing follows the colon of the tag.
    EmptyTag,
    /// The tag is too long.
    TagTooLong,
    /// It does not follow the grammar.
    BadFormat,
    /// No host can have that name.
    NotAHostName,
    /// No Azure registry can have that name.
    NotARegistryName,
}

/// Parses a reference.
pub(crate) fn read(text: &str) -> Result<Reference, ReferenceError> {
    if ["$(", "${", "{{"].iter().any(|sign| text.contains(sign)) {
        return Err(ReferenceError::Placeholder);
    }
    let (rest, digest) = split(text.split_once('@'), text);
    // A colon before the last slash belongs to a port.
    let last = rest.rfind('/').map_or(0, |slash| slash + 1);
    let colon = rest[last..].split_once(':').map(|(name, tag)| (&rest[..last + name.len()], tag));
    let (name, tag) = split(colon, rest);
    if !(is_name(name) && tag.is_none_or(is_tag) && digest.is_none_or(is_digest)) {
        let tag_chars = tag.map_or(0, |tag| tag.chars().count());
        return Err(if !is_name(name) && is_name(&name.to_lowercase()) {
            ReferenceError::UpperCase
        } else if !is_name(name) {
            ReferenceError::BadFormat
        } else if tag == Some("") {
            ReferenceError::EmptyTag
        } else if tag_chars > MAX_TAG_CHARS {
            ReferenceError::TagTooLong
        } else if tag.is_none_or(is_tag) {
            bad_digest(digest)
        } else {
            ReferenceError::BadFormat
        });
    }
    let (registry, repository) = normal(name);
    if repository.len() > MAX_NAME_CHARS {
        return Err(ReferenceError::TooLong);
    }
    if !digest.is_none_or(is_known) {
        return Err(bad_digest(digest));
    }
    let (tag, digest) = (tag.map(str::to_owned), digest.map(str::to_owned));
    Ok(match (tag, digest) {
        (Some(tag), Some(digest)) => {
            Reference::with_tag_and_digest(registry, repository, tag, digest)
        }
        (None, Some(digest)) => Reference::with_digest(registry, repository, digest),
        (tag, None) => Reference::with_tag(registry, repository, tag.unwrap_or("latest".into())),
    })
}

/// Returns what was probably meant, if that has other letters.
pub(crate) fn in_lower_case(text: &str, reason: ReferenceError) -> Option<String> {
    let lower = match text.split_once('@') {
        Some((name, digest)) if reason == ReferenceError::DigestUpperCase => {
            format!("{name}@{}", digest.to_lowercase())
        }
        _ => text.to_lowercase(),
    };
    (lower != text).then_some(lower)
}

fn split<'a>(parts: Option<(&'a str, &'a str)>, whole: &'a str) -> (&'a str, Option<&'a str>) {
    parts.map_or((whole, None), |(before, after)| (before, Some(after)))
}

/// Returns whether the text is a path, optionally with a host before it.
fn is_name(name: &str) -> bool {
    let is_path = |path: &str| path.split('/').all(is_component);
    is_path(name) || name.split_once('/').is_some_and(|(host, path)| is_host(host) && is_path(path))
}

/// Returns whether the text is lower-case letters and digits with single separators between them;
/// hyphens may be repeated.
fn is_component(text: &str) -> bool {
    let letter = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit();
    let separator =
        |between: &str| matches!(between, "." | "_" | "__") || between.chars().all(|c| c == '-');
    text.starts_with(letter) && text.ends_with(letter) && text.split(letter).all(separator)
}

/// Returns whether the text is a name or an IPv6 address in brackets (since v0.5, without a zone),
/// optionally with a port.
fn is_host(text: &str) -> bool {
    let digits = |port: &str| !port.is_empty() && port.chars().all(|c| c.is_ascii_digit());
    if let Some((address, port)) = text.strip_prefix('[').and_then(|rest| rest.split_once(']')) {
        let is_hexadecimal = address.chars().all(|c| c.is_ascii_hexdigit() || c == ':');
        let is_port = port.is_empty() || port.strip_prefix(':').is_some_and(digits);
        return is_hexadecimal && is_port && address.parse::<Ipv6Addr>().is_ok();
    }
    let (name, port) = split(text.split_once(':'), text);
    let letter = |c: char| c.is_ascii_alphanumeric();
    let label = |label: &str| {
        let inside = label.chars().all(|c| letter(c) || c == '-');
        inside && label.starts_with(letter) && label.ends_with(letter)
    };
    port.is_none_or(digits) && name.split('.').all(label)
}

/// Returns whether the text is a tag by the specification. A server may list anything as a tag, and
/// a tag ends up in a command.
pub(crate) fn is_tag(tag: &str) -> bool {
    let word = |c: char| c.is_ascii_alphanumeric() || c == '_';
    tag.starts_with(word)
        && tag.len() <= MAX_TAG_CHARS
        && tag.chars().all(|c| word(c) || ".-".contains(c))
}

fn is_digest(digest: &str) -> bool {
    let Some((algorithm, hash)) = digest.split_once(':') else { return false };
    let word = |word: &str| {
        word.starts_with(|c: char| c.is_ascii_alphabetic())
            && word.chars().all(|c| c.is_ascii_alphanumeric())
    };
    let hexadecimal = hash.len() >= 32 && hash.chars().all(|c| c.is_ascii_hexdigit());
    hexadecimal && algorithm.split(['-', '_', '+', '.']).all(word)
}

/// Returns what is wrong with a digest.
fn bad_digest(digest: Option<&str>) -> ReferenceError {
    match digest {
        Some(digest) if is_known(&digest.to_ascii_lowercase()) => ReferenceError::DigestUpperCase,
        _ => ReferenceError::BadDigest,
    }
}

/// Returns whether the algorithm is a registered one and the hash has its length, in the lower case that
/// it is written in (opencontainers/go-digest, `Validate`).
fn is_known(digest: &str) -> bool {
    let lengths = [("sha256:", 64), ("sha384:", 96), ("sha512:", 128)];
    lengths.iter().any(|(algorithm, length)| {
        let hash = digest.strip_prefix(algorithm).filter(|hash| hash.len() == *length);
        hash.is_some_and(|hash| !hash.bytes().any(|byte| byte.is_ascii_uppercase()))
    })
}

/// Returns the registry and the repository, with the defaults of short names filled in.
fn normal(name: &str) -> (String, String) {
    // A repository has no capital letters, so a part with one is a host: `Contoso/app` is not on
    // Docker Hub.
    let capital = |host: &str| host.chars().any(|c| c.is_ascii_uppercase());
    let is_registry =
        |host: &str| host.contains(['.', ':']) || host == "localhost" || capital(host);
    let named = name.split_once('/').filter(|(host, _)| is_registry(host));
    match named.unwrap_or((docker_hub::NAME, name)) {
        (docker_hub::NAME | docker_hub::INDEX, path) if !path.contains('/') => {
            (docker_hub::NAME.to_owned(), format!("library/{path}"))
        }
        (docker_hub::INDEX, path) => (docker_hub::NAME.to_owned(), path.to_owned()),
        (host, path) => (host.to_owned(), path.to_owned()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_reads_what_the_crate_reads() {
        let hash = "a".repeat(64);
        let parts = [
            "",
            "a",
            "A",
            "app",
            "team/app",
            "a.example",
            "a.example/app",
            "A.example/app",
            "localhost/app",
            "localhost:5000/app",
            "localhost:5000",
            "a.example:/app",
            "a.example:5x/app",
            "-a.example/app",
            "a-.example/app",
            "index.docker.io/app",
            "docker.io/team/app",
            "team/App",
            "a/",
            "/a",
            "a//b",
            "a..b",
            "a._b",
            "a__b",
            "a___b",
            "a---b",
            "a-",
            "_a",
            "a/b/c",
            "a.b/c_d/e--f",
            "é",
            "a b",
            &"a".repeat(255),
            &"a".repeat(256),
            &format!("a.example/{}", "a".repeat(255)),
        ];
        let tags = [
            "",
            ":",
            ":v1",
            ":V_1.0-x",
            ":.v",
            ":-v",
            ":_",
            ":v1:v2",
            ":5000/b",
            ":a+b",
            &format!(":{}", "t".repeat(128)),
            &format!(":{}", "t".repeat(129)),
        ];
        let digests = [
            String::new(),
            "@".into(),
            format!("@sha256:{hash}"),
            format!("@sha256:{hash}a"),
            format!("@SHA256:{hash}"),
            format!("@sha512:{hash}{hash}"),
            format!("@sha512:{hash}"),
            format!("@md5:{}", "0".repeat(32)),
            format!("@a-b+c:{hash}"),
            format!("@a-:{hash}"),
            format!("@1a:{hash}"),
            format!("@sha256:{}", "g".repeat(64)),
            format!("@sha256:{hash}@sha256:{hash}"),
            format!("@sha384:{}", "0".repeat(96)),
        ];
        for name in parts {
            for tag in tags {
                for digest in &digests {
                    let text = format!("{name}{tag}{digest}");
                    assert_eq!(read(&text).ok(), Reference::try_from(text.as_str()).ok(), "{text}");
                }
            }
        }
    }

    /// The crate leaves this to Docker Hub.
    #[test]
    fn a_capital_makes_a_host() {
        assert_eq!(read("Team/app").unwrap().registry(), "Team");
        assert_eq!(read("team/App"), Err(ReferenceError::UpperCase));
    }

    /// The crate knows no addresses of IPv6.
    #[test]
    fn an_address_in_brackets() {
        for host in ["[::1]", "[::1]:5000", "[FD00::1:2]:443"] {
            let read = read(&format!("{host}/team/app:v1")).unwrap();
            assert_eq!((read.registry(), read.repository()), (host, "team/app"));
        }
        for host in ["[::1", "[::1]5", "[::1]:", "[fe80::1%25lo]", "[::ffff:1.2.3.4]", "[a]", "::1"]
        {
            assert_eq!(
                read(&format!("{host}/team/app:v1")),
                Err(ReferenceError::BadFormat),
                "{host}"
            );
        }
    }

    /// The crate takes capital letters in a digest. Go does not.
    #[test]
    fn a_digest_is_lower_case() {
        for digest in
            ["sha256:".to_owned() + &"A0".repeat(32), "SHA256:".to_owned() + &"a0".repeat(32)]
        {
            let read = read(&format!("a.example/app@{digest}"));
            assert_eq!(read, Err(ReferenceError::DigestUpperCase), "{digest}");
        }
        let short = format!("a.example/app@sha256:{}", "A0".repeat(20));
        assert_eq!(read(&short), Err(ReferenceError::BadDigest));
    }

    /// The crate accepts letters of any script in a tag. Go and registries do not.
    #[test]
    fn a_tag_is_ascii() {
        assert_eq!(read("a.example/app:é"), Err(ReferenceError::BadFormat));
    }
}
