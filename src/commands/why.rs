//! `check-acr why --message TEXT`: what the kubelet's words say of a failed pull, and which
//! failure modes they suspect. No network is used, so nothing is proven.

use checks::pod::Message;

use super::inputs;
use crate::{
    Exit,
    args::{DEFAULT_TIMEOUT, ReferenceArgs},
    present::message::MessagePage,
    show::{self, message, reference},
};

pub(super) async fn run(text: &str, show: &ReferenceArgs) -> Result<Exit, String> {
    let text = match text {
        "-" => inputs::message(DEFAULT_TIMEOUT).await?,
        text => text.to_owned(),
    };
    if text.trim().is_empty() {
        return Err("--message is empty; copy it from the events of kubectl describe pod".into());
    }
    let (messages, lang) = (checks::messages(), show.lang.unwrap_or_else(show::locale));
    let page = MessagePage::of(&Message::read(&text), messages, lang);
    reference::print_page(&page, show.as_json(), |page| message::text(page, lang));
    // The words alone are never more than a suspicion.
    Ok(Exit::CouldNotTell)
}
