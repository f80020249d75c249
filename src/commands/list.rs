//! `check-acr list`: the steps, the codes, the failure modes.

use checks::kit::messages::Lang;

use crate::{Exit, show};

pub(super) fn run(modes: bool, lang: Option<Lang>) -> Exit {
    let messages = checks::messages();
    let lang = lang.unwrap_or_else(show::locale);
    show::print(&if modes { show::modes(messages, lang) } else { show::codes(messages, lang) });
    Exit::Can
}
