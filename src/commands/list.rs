//! `check-acr list`: the steps, the codes, the failure modes.

use checks::kit::Lang;

use crate::{Exit, show};

pub(super) fn run(modes: bool, lang: Option<Lang>) -> Result<Exit, String> {
    let words = show::words()?;
    let lang = lang.unwrap_or_else(show::locale);
    show::print(&if modes { show::modes(&words, lang) } else { show::codes(&words, lang) });
    Ok(Exit::Can)
}
