//! `check-acr explain CODE`: what a code means, without a network.

use checks::kit::messages::Lang;

use crate::{
    Exit,
    args::called,
    present::reference::Reference,
    show::{self, reference},
};

pub(super) fn run(asked: &str, lang: Option<Lang>, as_json: bool) -> Result<Exit, String> {
    let (messages, lang) = (checks::messages(), lang.unwrap_or_else(show::locale));
    let pages = Reference { messages, lang, called: called() };
    // Accepts the form in which a code is printed: error[dns/nxdomain-registry]
    let asked = asked.split_once('[').map_or(asked, |(_, rest)| rest.trim_end_matches(']'));
    if let Some((slug, mode)) = messages.modes.row(asked) {
        let page = pages.mode(slug, mode);
        reference::print_page(&page, as_json, |page| reference::mode(page, lang));
        return Ok(Exit::Can);
    }
    // A prefix such as dns lists its codes; a bare name is looked up in every area.
    let prefix = format!("{}/", asked.trim_end_matches('/'));
    let below = pages.codes(|code| code.starts_with(&prefix));
    if !below.is_empty() {
        reference::print_page(&below[..], as_json, |lines| reference::codes(lines, lang));
        return Ok(Exit::Can);
    }
    let name = format!("/{asked}");
    let mut named = messages.entries.keys().filter(|key| key.ends_with(&name));
    let code = match (named.next(), named.next()) {
        (Some(only), None) => only,
        _ => asked,
    };
    let Some((code, entry)) = messages.entries.row(code) else {
        // A word of a message, such as 401 or "no such host".
        let speaking = pages.that_speak_of(asked);
        if !speaking.is_empty() {
            reference::print_page(&speaking[..], as_json, |lines| reference::codes(lines, lang));
            return Ok(Exit::Can);
        }
        // What a kubelet would write: the codes of what it may be.
        let suspects = checks::Message::read(asked).suspects;
        let of_suspect = |code: &str| {
            let entry = messages.entries.get(code);
            entry.is_some_and(|entry| entry.modes.iter().any(|mode| suspects.contains(mode)))
        };
        let suspected = pages.codes(of_suspect);
        if !suspected.is_empty() {
            reference::print_page(&suspected[..], as_json, |lines| reference::codes(lines, lang));
            return Ok(Exit::Can);
        }
        let near = |known: &&str| strsim::jaro_winkler(known, code) > 0.85;
        let near: Vec<_> = messages.entries.keys().filter(near).collect();
        // The reasons of the kubelet (kubernetes, pkg/kubelet/images/types.go).
        let hint = if ["ImagePullBackOff", "ErrImagePull"].contains(&code) {
            "it only says that a pull failed, and `check-acr why -n NAMESPACE` why".to_owned()
        } else if near.is_empty() {
            "`check-acr list` has them all".to_owned()
        } else {
            format!("is it {}?", near.join(" or "))
        };
        return Err(format!("there is no code “{}”; {hint}", checks::kit::sanitize_text(code)));
    };
    let page = pages.code(code, entry, scenarios(code));
    reference::print_page(&page, as_json, |page| reference::code(page, lang));
    Ok(Exit::Can)
}

/// Returns the scenarios of the lab that bring a code about.
#[cfg(feature = "lab")]
fn scenarios(code: &str) -> Vec<&'static str> {
    super::lab::that_show(code)
}

#[cfg(not(feature = "lab"))]
fn scenarios(_: &str) -> Vec<&'static str> {
    vec![]
}
