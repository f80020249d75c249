//! `check-acr list`: the steps, the codes, the failure modes.

use checks::kit::messages::Lang;

use crate::{
    Exit,
    args::called,
    present::reference::Reference,
    show::{self, reference},
};

pub(super) fn run(modes: bool, lang: Option<Lang>, as_json: bool) -> Exit {
    let lang = lang.unwrap_or_else(show::locale);
    let pages = Reference { messages: checks::messages(), lang, called: called() };
    if modes {
        reference::print_page(&pages.modes()[..], as_json, |all| reference::modes(all, lang));
    } else {
        reference::print_page(&pages.listing(), as_json, |all| reference::listing(all, lang));
    }
    Exit::Can
}
