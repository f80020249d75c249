//! The parts of a message: its first error, and the names, addresses and numbers in it.

use std::net::IpAddr;

use serde::Serialize;
use strum::{Display, VariantNames};

use crate::kit::{redact::without_secrets, sanitize_text};

/// The names and numbers in a message.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Parts {
    /// The image that was to be pulled.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub image: Option<String>,
    /// How far the pull came.
    pub phase: Phase,
    /// The host that was asked.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub host: Option<String>,
    /// The address that was connected to.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub address: Option<IpAddr>,
    /// The HTTP status that came back.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub status: Option<u16>,
    /// The credential that was presented.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub presented: Option<Presented>,
    /// Whether a mirror was asked: containerd names the registry to it in `ns`.
    pub through_mirror: bool,
}

/// How far a pull came.
#[derive(Clone, Copy, Debug, Display, PartialEq, Eq, Serialize, VariantNames)]
#[serde(rename_all = "kebab-case")]
#[strum(serialize_all = "kebab-case")]
pub enum Phase {
    /// Nothing was asked: the kubelet itself refused.
    BeforeThePull,
    /// The registry's token was asked for.
    AskingForToken,
    /// The manifest was asked for.
    AskingForManifest,
    /// A config or a layer was fetched.
    FetchingContent,
    /// A layer was unpacked onto the disk.
    Unpacking,
    /// The message does not say.
    UnknownPhase,
}

/// The credential that the runtime presented for a token.
#[derive(Clone, Copy, Debug, Display, PartialEq, Eq, Serialize, VariantNames)]
#[serde(rename_all = "kebab-case")]
#[strum(serialize_all = "kebab-case")]
pub enum Presented {
    /// A user name and a password, or a refresh token.
    WithCredentials,
    /// None: the kubelet had none for this image.
    WithoutCredentials,
}

impl Parts {
    /// Returns the parts of a message whose first error this is.
    pub(super) fn of(text: &str, first: &str) -> Self {
        let lower = without_names(first);
        let image = image(text);
        Self {
            through_mirror: is_through_mirror(first, image.as_deref()),
            image,
            phase: phase(&lower, first),
            host: host(first),
            address: address(first),
            status: status(first),
            presented: presented(&lower),
        }
    }
}

/// What a runtime says that it was about when a layer could not be unpacked.
pub(super) const UNPACKING: &[&str] = &[
    "failed to extract",
    "mount callback failed",
    "failed to register layer",
    "applylayer",
    "failed to unpack",
    "untar",
];

/// What stands before an error of a list, in the kubelet's words: one error for each credential.
const NEXT: [&str; 3] = [
    ", rpc error: code = ",
    ", failed to pull and unpack image ",
    ", Error response from daemon: ",
];

/// How much of an error is quoted, in letters.
const MAX_QUOTED: usize = 290;

/// Returns a message as plain text of bounded length, without the escapes of one that was quoted.
pub(super) fn plain(text: &str, max: usize) -> String {
    let end = (0..=max.min(text.len())).rev().find(|at| text.is_char_boundary(*at));
    let cut = &text[..end.unwrap_or_default()];
    // A word that is cut may be a part of a secret.
    let cut = if cut.len() < text.len() {
        cut.rsplit_once(' ').map_or("", |(kept, _)| kept)
    } else {
        cut
    };
    let escapes = [
        ("\\\"", "\""),
        ("\\n", " "),
        ("\\t", " "),
        ("\\u0026", "&"),
        ("\\u003c", "<"),
        ("\\u003e", ">"),
    ];
    let mut text =
        escapes.iter().fold(cut.to_owned(), |text, (escape, plain)| text.replace(escape, plain));
    // A signed URL within another: its signature is to be known as one.
    if text.to_ascii_lowercase().contains("sig%3d") {
        for (escape, plain) in
            [("%26", "&"), ("%3D", "="), ("%3d", "="), ("%3F", "?"), ("%3f", "?")]
        {
            text = text.replace(escape, plain);
        }
    }
    let words: Vec<&str> = text.split_whitespace().collect();
    words.join(" ")
}

/// Returns what an error says behind the names of those that passed it on, safe to print.
pub(super) fn heart(error: &str) -> String {
    /// What the kubelet, its runtime and gRPC put before an error; behind some, a name in quotes.
    const BEFORE: [&str; 9] = [
        "error syncing pod, skipping",
        "failed to \"",
        "failed to pull image",
        "failed to pull and unpack image",
        "back-off pulling image",
        "rpc error",
        "error response from daemon",
        "errimagepull",
        "pullimage",
    ];
    let mut rest = error;
    while let Some((before, behind)) = rest.split_once(": ") {
        // The name of an image has a colon, but no space behind it.
        let before = before.trim_start_matches(['"', '[']).to_ascii_lowercase();
        if !BEFORE.iter().any(|word| before.starts_with(word)) {
            break;
        }
        rest = after_status(behind);
    }
    // A quotation mark may be half of a pair that began before.
    let is_odd = rest.matches('"').count() % 2 == 1;
    let rest = if is_odd { rest.trim_matches('"') } else { rest };
    let inner = rest.strip_prefix('"').and_then(|rest| rest.strip_suffix('"'));
    let rest = &without_secrets(inner.filter(|inner| !inner.contains('"')).unwrap_or(rest));
    // Of a long one the end counts: there stands what went wrong.
    match rest.char_indices().rev().nth(MAX_QUOTED - 1) {
        Some((begin, _)) if begin > 0 => sanitize_text(&format!("…{}", &rest[begin..])),
        _ => sanitize_text(rest),
    }
}

/// Returns an error without the status of gRPC before it: `code = NotFound desc = `.
fn after_status(error: &str) -> &str {
    let code = error.strip_prefix("code = ").and_then(|rest| rest.split_once(" desc = "));
    match code {
        Some((code, behind)) if !code.contains(' ') => behind,
        _ => error,
    }
}

/// Returns the first error of a message. Where the kubelet had several credentials it lists what
/// became of each; the last is often the attempt without any.
pub(super) fn first_error(text: &str) -> &str {
    let Some(begin) = text.find("[rpc error").or_else(|| text.find("[failed to pull")) else {
        return text;
    };
    let list = &text[begin + 1..];
    let end = NEXT.iter().filter_map(|next| list.find(next)).min();
    list[..end.unwrap_or(list.len())].trim_end_matches(']')
}

/// Returns an error without its names and URLs, which say nothing of what went wrong, in small letters.
/// Media types stay, and the page of Azure's help that tells its firewall.
pub(super) fn without_names(error: &str) -> String {
    let is_name = |part: &str| !part.contains(' ') && !part.starts_with("application/");
    let parts = error.split('"').enumerate();
    let kept = parts.map(|(at, part)| if at % 2 == 1 && is_name(part) { "" } else { part });
    let kept = kept.collect::<Vec<_>>().join("\"");
    let words = kept.split(' ').map(|word| if is_unquoted_name(word) { "" } else { word });
    words.collect::<Vec<_>>().join(" ").to_ascii_lowercase()
}

/// Returns whether a word is a URL, or an image with a tag or a digest.
fn is_unquoted_name(word: &str) -> bool {
    let word = word.trim_end_matches([':', ',', ';', ']']);
    let is_image = word.rsplit_once('/').is_some_and(|(_, last)| last.contains([':', '@']));
    (is_image || word.contains("://")) && !word.contains("aka.ms/")
}

/// Returns the image: it stands in quotes behind a word, or in the place where CRI-O and docker have it.
fn image(text: &str) -> Option<String> {
    let between = |before: &str, after: &str| {
        let (_, behind) = text.split_once(before)?;
        let image = behind.split(after).next()?.trim();
        let is_signed = image.split_once('@').is_some_and(|(_, digest)| !digest.starts_with("sha"));
        (!image.is_empty() && !image.contains(' ') && !is_signed).then(|| sanitize_text(image))
    };
    let places = [
        ("image \"", "\""),
        ("reference \"", "\""),
        ("tag \"", "\""),
        // containers/image, `initializing source`; moby, `manifest for … not found`.
        ("docker://", ": "),
        ("manifest for ", " not found"),
    ];
    places.into_iter().find_map(|(before, after)| between(before, after))
}

/// Returns how far the pull came: by the words without names, and by the path of the URL.
fn phase(lower: &str, first: &str) -> Phase {
    let has = |words: &[&str]| words.iter().any(|word| lower.contains(word));
    if has(UNPACKING) {
        Phase::Unpacking
    } else if has(&["failed to authorize", " token", "no basic auth"]) {
        Phase::AskingForToken
    } else if has(&[
        "failed to copy",
        "httpreadseeker",
        "failed commit",
        "image configuration",
        "reading blob",
        "copying blob",
    ]) || first.contains("/blobs/")
    {
        Phase::FetchingContent
    } else if has(&["failed to resolve", "manifest", "not found"]) || first.contains("/manifests/")
    {
        Phase::AskingForManifest
    } else {
        Phase::UnknownPhase
    }
}

/// Returns the host that was asked last: the one whose name was looked up, or that of the last URL.
fn host(text: &str) -> Option<String> {
    if let Some(name) = behind(text, "dial tcp: lookup ") {
        return Some(name);
    }
    // The registry's own words end in a link to a page of help.
    let mut hosts = text.rmatch_indices("://").filter_map(|(at, _)| host_at(text, at + 3));
    hosts
        .find(|host| !["aka.ms", "www.docker.com"].contains(&host.as_str()))
        .or_else(|| behind(text, PULLING_FROM))
}

/// What containerd 1 says before the host that answered with a status.
const PULLING_FROM: &str = "pulling from host ";

/// Returns whether a mirror was asked: containerd then names the registry to it, and of the older ones it
/// says from which host it pulled.
fn is_through_mirror(text: &str, image: Option<&str>) -> bool {
    let registry = image.and_then(|image| image.split(['/', ':']).next()).unwrap_or_default();
    let is_another = |host: &String| host != registry && !host.ends_with("docker.io");
    text.contains("?ns=")
        || text.contains("&ns=")
        || behind(text, PULLING_FROM).as_ref().is_some_and(is_another)
}

fn behind(text: &str, words: &str) -> Option<String> {
    host_at(text, text.find(words)? + words.len())
}

/// Returns the host of the authority that begins there.
fn host_at(text: &str, at: usize) -> Option<String> {
    let end = |c: char| c.is_whitespace() || "/\"'?,;".contains(c);
    let authority = text[at..].split(end).next().unwrap_or_default();
    let host = authority.rsplit('@').next().unwrap_or_default();
    // Brackets enclose an IPv6 address, in which there are colons.
    let host = match host.strip_prefix('[').and_then(|host| host.split_once(']')) {
        Some((address, _)) => address,
        None => host.split([':', ']']).next().unwrap_or_default(),
    };
    (!host.is_empty()).then(|| sanitize_text(host))
}

/// Returns the address that was connected to.
fn address(text: &str) -> Option<IpAddr> {
    let at = text.find("dial tcp ")? + "dial tcp ".len();
    let word = text[at..].split_whitespace().next()?.trim_end_matches(':');
    word.rsplit_once(':')?.0.trim_matches(['[', ']']).parse().ok()
}

/// Returns the HTTP status: three digits that a word for it stands before or that its reason stands
/// behind.
fn status(text: &str) -> Option<u16> {
    let words: Vec<&str> = text
        .split(|c: char| c.is_whitespace() || "()".contains(c))
        .filter(|word| !word.is_empty())
        .collect();
    let is_reason = |word: &str| word.starts_with(|c: char| c.is_ascii_uppercase());
    let is_named = |word: &str| {
        let word = word.trim_end_matches(':').to_ascii_lowercase();
        ["http", "status", "code", "registry", "response"].contains(&word.as_str())
    };
    words.iter().enumerate().find_map(|(at, word)| {
        let digits = word.trim_matches([':', ',', ']', '"']);
        let status: u16 = digits.parse().ok().filter(|_| digits.len() == 3)?;
        let before = at.checked_sub(1).map(|before| words[before]);
        let named = before.is_some_and(is_named);
        let reason = words.get(at + 1).is_some_and(|word| is_reason(word));
        ((400..600).contains(&status) && (named || reason)).then_some(status)
    })
}

/// Returns which credential was presented, as containerd says it.
fn presented(lower: &str) -> Option<Presented> {
    if lower.contains("fetch oauth token") {
        Some(Presented::WithCredentials)
    } else if lower.contains("fetch anonymous token") || lower.contains("no basic auth credentials")
    {
        Some(Presented::WithoutCredentials)
    } else {
        None
    }
}
