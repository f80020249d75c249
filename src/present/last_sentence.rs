//! The last sentence of `check-acr aks`.

use checks::kit::messages::Lang;

use super::TargetPage;
use crate::{phrases::Phrase, verdict::Outcome};

/// Writes the last sentence of `check-acr aks`, which az's users know. It says no more than was
/// proven.
pub(crate) fn last_sentence(page: &TargetPage, lang: Lang) -> String {
    let phrase = match page.can {
        Outcome::Pull => Phrase::AksCanPull,
        Outcome::SignIn => Phrase::AksCanSignIn,
        Outcome::No if page.only_sign_in() => Phrase::AksCannotSignIn,
        Outcome::No => Phrase::AksCannotPull,
        Outcome::CouldNotTell | Outcome::NothingWaits => Phrase::AksCouldNotTell,
    };
    let nodes = page.views.iter().filter(|view| view.from.pulls()).count().to_string();
    let registry = page.text("registry").unwrap_or_default();
    phrase.say(lang, &[("registry", registry), ("asked", &page.asked()), ("nodes", &nodes)])
}
