//! `check-acr explain CODE`: what a code means, without a network.

use checks::kit::messages::Lang;

use crate::{Exit, show};

pub(super) fn run(code: &str, lang: Option<Lang>) -> Result<Exit, String> {
    let messages = checks::messages();
    let lang = lang.unwrap_or_else(show::locale);
    // Accepts the form in which a code is printed: error[dns/nxdomain-registry]
    let code = code.split_once('[').map_or(code, |(_, rest)| rest.trim_end_matches(']'));
    if let Some(mode) = messages.modes.get(code) {
        show::print(&show::explain_mode(messages, code, mode, lang));
        return Ok(Exit::Can);
    }
    // A prefix such as dns lists its codes; a bare name is looked up in every area.
    let prefix = format!("{}/", code.trim_end_matches('/'));
    let below: Vec<&str> = messages.entries.keys().filter(|key| key.starts_with(&prefix)).collect();
    if !below.is_empty() {
        show::print(&show::titles(messages, &below, lang));
        return Ok(Exit::Can);
    }
    let name = format!("/{code}");
    let mut named = messages.entries.keys().filter(|key| key.ends_with(&name));
    let code = match (named.next(), named.next()) {
        (Some(only), None) => only,
        _ => code,
    };
    let Some(entry) = messages.entries.get(code) else {
        let near = |known: &&str| strsim::jaro_winkler(known, code) > 0.85;
        let near: Vec<_> = messages.entries.keys().filter(near).collect();
        let hint = if near.is_empty() {
            "`check-acr list` has them all".to_owned()
        } else {
            format!("is it {}?", near.join(" or "))
        };
        return Err(format!("there is no code {}; {hint}", checks::kit::sanitize_text(code)));
    };
    show::print(&show::explain(messages, code, entry, lang));
    Ok(Exit::Can)
}
