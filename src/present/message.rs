//! What the kubelet's words say, resolved once for every format.

use checks::{
    Message,
    kit::{
        messages::{Lang, Messages},
        target::image_of_pod,
    },
};
use serde::Serialize;

use super::reference::ModeLine;

/// A message of a failed pull, and the suspects.
#[derive(Serialize)]
pub(crate) struct MessagePage {
    /// What the message says.
    #[serde(flatten)]
    pub message: Message,
    /// How far the pull came, in words.
    #[serde(skip)]
    pub phase: &'static str,
    /// The credential that was presented, in words.
    #[serde(skip)]
    pub presented: Option<&'static str>,
    /// The words that decide, and who writes them, in words.
    #[serde(skip)]
    pub cites: Option<(&'static str, &'static str)>,
    /// The suspects, each with what it means.
    #[serde(rename = "suspects")]
    pub modes: Vec<ModeLine>,
    /// The command that settles it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub settle: Option<String>,
    /// What the user types to call this program.
    #[serde(skip)]
    pub called: &'static str,
}

impl MessagePage {
    /// Resolves a message in that language.
    pub(crate) fn of(
        message: &Message,
        (messages, lang): (&'static Messages, Lang),
        called: &'static str,
    ) -> Self {
        let line = |slug: &&'static str| {
            Some(ModeLine { mode: slug, text: messages.modes.get(slug)?.text.of(lang) })
        };
        let word = |word: String| messages.evidence.get(&word).map_or("", |text| text.of(lang));
        Self {
            phase: word(message.parts.phase.to_string()),
            presented: message.parts.presented.map(|presented| word(presented.to_string())),
            cites: message.cites.map(|cited| (cited.words, word(cited.writer.to_string()))),
            modes: message.suspects.iter().filter_map(line).collect(),
            settle: message.parts.image.as_deref().and_then(|image| command(called, image)),
            called,
            message: Message { suspects: vec![], ..message.clone() },
        }
    }
}

/// Returns the check of that image from the nodes, as the words are a kubelet's; nothing where the text could be more than an image to a shell.
fn command(called: &str, image: &str) -> Option<String> {
    let is_plain = |c: char| c.is_ascii_alphanumeric() || "._-/:@".contains(c);
    let plain =
        image.chars().all(is_plain) && image.starts_with(|c: char| c.is_ascii_alphanumeric());
    // A bare word would be a registry's name.
    plain.then(|| format!("{called} node {}", image_of_pod(image)))
}
